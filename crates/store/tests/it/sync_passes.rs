//! Passes: where parts go on, and what is missing.

use evergrant::feed::Part;
use evergrant::store::PartState;

use crate::sync_bench::{
    ALL, Fill as _, LIFE, SyncBench, calendar, occurrence, on_every_copy, page,
};

on_every_copy!(
    a_part_begins_at_its_beginning_and_goes_on_where_it_was,
    a_pass_goes_on_with_another_lease,
    a_part_without_a_cursor_is_read_from_its_beginning_each_time,
    another_scope_sends_all_parts_to_their_beginning,
    anew_sends_all_parts_to_their_beginning_in_any_case,
    a_restart_sends_one_part_to_its_beginning,
    what_an_enumeration_does_not_tell_of_is_missing_and_leaves_after_the_next_pass,
    what_changes_do_not_tell_of_is_not_missing,
    what_is_told_of_in_between_does_not_leave,
    an_enumeration_counts_only_what_it_saw_itself,
    an_enumeration_goes_on_with_another_lease,
    what_cannot_be_read_stays_as_it_was,
    what_is_gone_is_missing_and_leaves_after_the_next_pass,
    what_is_said_to_be_gone_once_more_was_there_meanwhile,
    what_a_page_tells_of_is_there_whatever_it_says_of_its_series,
    what_moves_is_one_update_in_either_order,
    what_is_gone_where_it_no_longer_is_stays,
    what_lies_in_parts_that_are_no_more_leaves_unless_it_is_found_elsewhere,
    what_was_missing_may_have_been_in_a_part_that_is_no_more,
    a_part_that_came_back_is_read_from_its_beginning,
    the_occurrences_of_a_series_that_is_gone_are_missing,
    the_occurrences_that_a_series_no_longer_has_are_missing,
    the_copy_is_as_of_the_beginning_of_the_pass,
    feeds_keep_to_themselves,
);

fn part(id: &str, cursor: Option<&str>, is_done: bool) -> PartState {
    let cursor = cursor.map(|cursor| evergrant::capability::Cursor(cursor.to_owned()));
    PartState { id: id.to_owned(), cursor, is_done }
}

async fn a_part_begins_at_its_beginning_and_goes_on_where_it_was(t: &SyncBench) {
    let lease = t.taken().await;
    let first = t.begin(&lease, &["b", "a"]).await;
    assert_eq!(first.parts, [part("b", None, false), part("a", None, false)]);
    t.apply(&lease, page("b").more("b 2")).await;
    t.apply(&lease, page("a")).await;
    let same = t.begin(&lease, &["b", "a"]).await;
    assert_eq!(same.number, first.number);
    assert_eq!(same.parts, [part("b", Some("b 2"), false), part("a", Some("end of a"), true)]);
    t.apply(&lease, page("b")).await;
    assert_eq!(t.end_pass(&lease).await, (0, 0));

    let next = t.begin(&lease, &["new", "a", "b"]).await;
    assert!(next.number > first.number);
    let (a, b) = (part("a", Some("end of a"), false), part("b", Some("end of b"), false));
    assert_eq!(next.parts, [part("new", None, false), a, b]);
}

async fn a_pass_goes_on_with_another_lease(t: &SyncBench) {
    let lease = t.taken().await;
    let first = t.begin(&lease, &["a", "b"]).await;
    t.apply(&lease, page("a")).await;
    t.advance(LIFE).await;
    let lease = t.take(lease.id).await;
    let same = t.begin(&lease, &["a", "b", "c"]).await;
    assert_eq!(same.number, first.number);
    let [b, c] = ["b", "c"].map(|id| part(id, None, false));
    assert_eq!(same.parts, [part("a", Some("end of a"), true), b, c]);
}

async fn a_part_without_a_cursor_is_read_from_its_beginning_each_time(t: &SyncBench) {
    let lease = t.taken().await;
    t.begin(&lease, &["a"]).await;
    t.apply(&lease, page("a").with("one", 1).with("two", 1).whole()).await;
    assert_eq!(t.begin(&lease, &["a"]).await.parts, [part("a", None, true)]);
    assert_eq!(t.end_pass(&lease).await, (0, 0));
    assert_eq!(t.begin(&lease, &["a"]).await.parts, [part("a", None, false)]);
    t.apply(&lease, page("a").with("one", 1).whole()).await;
    assert_eq!(t.end_pass(&lease).await, (0, 1));
}

async fn another_scope_sends_all_parts_to_their_beginning(t: &SyncBench) {
    let lease = t.taken().await;
    t.pass(&lease, &[page("a").with("one", 1), page("b").with("two", 1)]).await;
    let pass = t.begin_with(&lease, "other", &["a", "b"], false).await;
    assert_eq!(pass.parts, ["a", "b"].map(|id| part(id, None, false)));
    t.apply(&lease, page("a").with("one", 1)).await;
    t.apply(&lease, page("b")).await;
    assert_eq!(t.end_pass(&lease).await, (0, 1));
    // Also in the middle of a pass.
    t.begin_with(&lease, "other", &["a", "b"], false).await;
    t.apply(&lease, page("a")).await;
    let pass = t.begin_with(&lease, "third", &["a", "b"], false).await;
    assert_eq!(pass.parts, ["a", "b"].map(|id| part(id, None, false)));
}

async fn anew_sends_all_parts_to_their_beginning_in_any_case(t: &SyncBench) {
    let lease = t.taken().await;
    t.pass(&lease, &[page("a").with("one", 1), page("b").with("two", 1)]).await;
    let pass = t.begin_with(&lease, ALL, &["a", "b"], true).await;
    assert_eq!(pass.parts, ["a", "b"].map(|id| part(id, None, false)));
    t.apply(&lease, page("a").with("one", 1)).await;
    let again = t.begin_with(&lease, ALL, &["a", "b"], true).await;
    assert_eq!(again, pass);
    t.apply(&lease, page("a")).await;
    t.apply(&lease, page("b").with("two", 1)).await;
    assert_eq!(t.end_pass(&lease).await, (0, 1));
}

async fn a_restart_sends_one_part_to_its_beginning(t: &SyncBench) {
    let lease = t.taken().await;
    t.pass(&lease, &[page("a").with("one", 1), page("b").with("two", 1)]).await;
    t.begin(&lease, &["a", "b"]).await;
    assert_eq!(t.sync.restart(&lease, "b").await.unwrap(), Some(()));
    let parts = t.begin(&lease, &["a", "b"]).await.parts;
    assert_eq!(parts, [part("a", Some("end of a"), false), part("b", None, false)]);
    t.apply(&lease, page("a")).await;
    t.apply(&lease, page("b")).await;
    assert_eq!(t.end_pass(&lease).await, (0, 1));
}

async fn what_an_enumeration_does_not_tell_of_is_missing_and_leaves_after_the_next_pass(
    t: &SyncBench,
) {
    let lease = t.holding(&["one", "two", "three"]).await;
    let told = t.now_told().await;
    t.begin(&lease, &["inbox"]).await;
    t.sync.restart(&lease, "inbox").await.unwrap();
    t.apply(&lease, page("inbox").with("one", 1).more("2")).await;
    t.apply(&lease, page("inbox").with("three", 1)).await;
    assert_eq!(t.end_pass(&lease).await, (0, 1));
    assert_eq!(t.told(told).await, [""; 0]);
    assert_eq!(t.held(lease.id).await, [r#""one1""#, r#""three1""#, r#""two1""#]);
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (1, 0));
    assert_eq!(t.told(told).await, ["deleted two deleted"]);
    assert_eq!(t.held(lease.id).await, [r#""one1""#, r#""three1""#]);
    assert_eq!(t.status(lease.id).await.items, 2);
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (0, 0));
}

async fn what_changes_do_not_tell_of_is_not_missing(t: &SyncBench) {
    let lease = t.holding(&["one", "two"]).await;
    assert_eq!(t.pass(&lease, &[page("inbox").with("two", 2)]).await, (0, 0));
    assert_eq!(t.held(lease.id).await, [r#""one1""#, r#""two2""#]);
}

async fn what_is_told_of_in_between_does_not_leave(t: &SyncBench) {
    let lease = t.holding(&["one", "two"]).await;
    let told = t.now_told().await;
    assert_eq!(t.pass(&lease, &[page("inbox").gone("one").gone("two")]).await, (0, 2));
    assert_eq!(t.pass(&lease, &[page("inbox").with("one", 1)]).await, (1, 0));
    assert_eq!(t.told(told).await, ["deleted two deleted"]);
    // The count begins anew when it is missing anew.
    assert_eq!(t.pass(&lease, &[page("inbox").gone("one")]).await, (0, 1));
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (1, 0));
}

async fn an_enumeration_counts_only_what_it_saw_itself(t: &SyncBench) {
    let lease = t.taken().await;
    t.begin(&lease, &["inbox"]).await;
    t.apply(&lease, page("inbox").with("one", 1).with("two", 1).more("2")).await;
    t.sync.restart(&lease, "inbox").await.unwrap();
    t.apply(&lease, page("inbox").with("one", 1)).await;
    assert_eq!(t.end_pass(&lease).await, (0, 1));
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (1, 0));
    assert_eq!(t.held(lease.id).await, [r#""one1""#]);
}

async fn an_enumeration_goes_on_with_another_lease(t: &SyncBench) {
    let lease = t.holding(&["one", "two", "three"]).await;
    t.begin(&lease, &["inbox"]).await;
    t.sync.restart(&lease, "inbox").await.unwrap();
    t.apply(&lease, page("inbox").with("one", 1).more("2")).await;
    t.advance(LIFE).await;
    let lease = t.take(lease.id).await;
    assert_eq!(t.begin(&lease, &["inbox"]).await.parts, [part("inbox", Some("2"), false)]);
    t.apply(&lease, page("inbox").with("two", 1)).await;
    assert_eq!(t.end_pass(&lease).await, (0, 1));
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (1, 0));
    assert_eq!(t.held(lease.id).await, [r#""one1""#, r#""two1""#]);
}

async fn what_is_gone_is_missing_and_leaves_after_the_next_pass(t: &SyncBench) {
    let lease = t.holding(&["one", "two"]).await;
    let told = t.now_told().await;
    assert_eq!(t.pass(&lease, &[page("inbox").gone("one").gone("unknown")]).await, (0, 1));
    assert_eq!(t.told(told).await, [""; 0]);
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (1, 0));
    assert_eq!(t.told(told).await, ["deleted one deleted"]);
}

async fn what_cannot_be_read_stays_as_it_was(t: &SyncBench) {
    let lease = t.holding(&["one", "two"]).await;
    let told = t.now_told().await;
    t.begin(&lease, &["inbox"]).await;
    t.sync.restart(&lease, "inbox").await.unwrap();
    let found = t.apply(&lease, page("inbox").with("one", 1).still("two").still("never")).await;
    assert_eq!((found, t.end_pass(&lease).await), ((0, 0), (0, 0)));
    // What was missing was there meanwhile.
    assert_eq!(t.pass(&lease, &[page("inbox").gone("two")]).await, (0, 1));
    assert_eq!(t.pass(&lease, &[page("inbox").still("two")]).await, (0, 0));
    assert_eq!(t.told(told).await, [""; 0]);
    assert_eq!(t.held(lease.id).await, [r#""one1""#, r#""two1""#]);
    // And what left does not come back by that.
    t.pass(&lease, &[page("inbox").gone("two")]).await;
    t.pass(&lease, &[page("inbox")]).await;
    t.pass(&lease, &[page("inbox").still("two")]).await;
    assert_eq!(t.held(lease.id).await, [r#""one1""#]);
    // Nor is it missing when it is said to be gone again.
    assert_eq!(t.pass(&lease, &[page("inbox").gone("two")]).await, (0, 0));
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (0, 0));
    assert_eq!(t.status(lease.id).await.items, 1);
}

async fn what_is_said_to_be_gone_once_more_was_there_meanwhile(t: &SyncBench) {
    let lease = t.taken().await;
    let all = page("b").with("one", 1).holds(occurrence("mon", "weekly"));
    t.pass(&lease, &[page("a"), all]).await;
    assert_eq!(t.pass(&lease, &[page("a"), page("b").gone("one").gone("weekly")]).await, (0, 2));
    // Whoever goes from part to part is always where nobody looks; but each part says that it was there.
    let pages = [page("a").gone("one").series("weekly", &[]), page("b")];
    assert_eq!(t.pass(&lease, &pages).await, (0, 2));
    let pages = [page("a"), page("b").gone("one").gone("weekly")];
    assert_eq!(t.pass(&lease, &pages).await, (0, 2));
    let pages = [page("a").with("one", 1), page("b")];
    assert_eq!(t.pass(&lease, &pages).await, (1, 0));
    assert_eq!(t.held(lease.id).await, [r#""one1""#]);
}

async fn what_a_page_tells_of_is_there_whatever_it_says_of_its_series(t: &SyncBench) {
    let lease = t.taken().await;
    let all = page("a").holds(occurrence("mon", "weekly")).holds(occurrence("tue", "weekly"));
    t.pass(&lease, &[all]).await;
    let one = page("a").gone("weekly").holds(occurrence("tue", "weekly"));
    assert_eq!(t.pass(&lease, &[one]).await, (0, 1));
    let other = page("a").series("weekly", &[]).holds(occurrence("wed", "weekly"));
    assert_eq!(t.pass(&lease, &[other]).await, (0, 2));
    assert_eq!(t.pass(&lease, &[page("a")]).await, (2, 0));
    assert_eq!(t.held(lease.id).await, [r#""wed1""#]);
}

async fn what_moves_is_one_update_in_either_order(t: &SyncBench) {
    let lease = t.taken().await;
    let all = page("inbox").with("early", 1).with("late", 1);
    t.pass(&lease, &[all, page("archive"), page("other")]).await;
    let told = t.now_told().await;
    let pages =
        [page("other").with("late", 2), page("inbox").gone("early").gone("late"), page("archive")];
    assert_eq!(t.pass(&lease, &pages).await, (0, 1));
    let pages = [page("other"), page("inbox"), page("archive").with("early", 2)];
    assert_eq!(t.pass(&lease, &pages).await, (0, 0));
    assert_eq!(t.told(told).await, [r#"updated "late2""#, r#"updated "early2""#]);
    // And it belongs to the part it is in now.
    let pages = [page("other").gone("early"), page("inbox").gone("late"), page("archive")];
    assert_eq!(t.pass(&lease, &pages).await, (0, 0));
    let pages = [page("other").gone("late"), page("inbox"), page("archive").gone("early")];
    assert_eq!(t.pass(&lease, &pages).await, (0, 2));
}

async fn what_is_gone_where_it_no_longer_is_stays(t: &SyncBench) {
    let lease = t.taken().await;
    t.pass(&lease, &[page("inbox").with("one", 1), page("archive")]).await;
    // The same content, found elsewhere: nothing to tell, and yet it belongs there.
    let told = t.now_told().await;
    assert_eq!(t.pass(&lease, &[page("archive").with("one", 1), page("inbox")]).await, (0, 0));
    assert_eq!(t.pass(&lease, &[page("inbox").gone("one"), page("archive")]).await, (0, 0));
    t.begin(&lease, &["inbox", "archive"]).await;
    t.sync.restart(&lease, "inbox").await.unwrap();
    t.apply(&lease, page("inbox")).await;
    t.apply(&lease, page("archive")).await;
    assert_eq!(t.end_pass(&lease).await, (0, 0));
    assert_eq!(t.told(told).await, [""; 0]);
}

async fn what_lies_in_parts_that_are_no_more_leaves_unless_it_is_found_elsewhere(t: &SyncBench) {
    let lease = t.taken().await;
    let two = page("folder").with("one", 1).with("two", 1);
    t.pass(&lease, &[two, page("inbox").with("three", 1)]).await;
    let told = t.now_told().await;
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (0, 2));
    assert_eq!(t.pass(&lease, &[page("inbox").with("one", 2)]).await, (1, 0));
    assert_eq!(t.told(told).await, [r#"updated "one2""#, "deleted two deleted"]);
}

async fn what_was_missing_may_have_been_in_a_part_that_is_no_more(t: &SyncBench) {
    let lease = t.taken().await;
    t.pass(&lease, &[page("a").with("one", 1), page("b"), page("c")]).await;
    assert_eq!(t.pass(&lease, &[page("c"), page("b"), page("a").gone("one")]).await, (0, 1));
    // It went to c after c was read, and to b after b was read, since c is no more.
    t.begin(&lease, &["b", "a", "c"]).await;
    t.apply(&lease, page("b")).await;
    t.apply(&lease, page("a")).await;
    t.begin(&lease, &["b", "a"]).await;
    assert_eq!(t.end_pass(&lease).await, (0, 1));
    assert_eq!(t.pass(&lease, &[page("b").with("one", 1), page("a")]).await, (0, 0));
}

async fn a_part_that_came_back_is_read_from_its_beginning(t: &SyncBench) {
    let lease = t.taken().await;
    t.pass(&lease, &[page("folder").with("one", 1), page("inbox")]).await;
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (0, 1));
    let pass = t.begin(&lease, &["inbox", "folder"]).await;
    assert_eq!(pass.parts[1], part("folder", None, false));
    t.apply(&lease, page("inbox")).await;
    t.apply(&lease, page("folder").with("one", 1)).await;
    assert_eq!(t.end_pass(&lease).await, (0, 0));
}

async fn the_occurrences_of_a_series_that_is_gone_are_missing(t: &SyncBench) {
    let lease = t.taken().await;
    let all = page("a").holds(occurrence("mon", "weekly")).holds(occurrence("tue", "weekly"));
    let all = all.holds(occurrence("may", "yearly")).with("single", 1);
    t.pass(&lease, &[all, page("b").holds(occurrence("wed", "weekly"))]).await;
    let told = t.now_told().await;
    assert_eq!(t.pass(&lease, &[page("a").gone("weekly"), page("b")]).await, (0, 2));
    let back = page("a").holds(occurrence("tue", "weekly"));
    assert_eq!(t.pass(&lease, &[back, page("b")]).await, (1, 0));
    assert_eq!(t.told(told).await, ["deleted mon deleted"]);
}

async fn the_occurrences_that_a_series_no_longer_has_are_missing(t: &SyncBench) {
    let lease = t.taken().await;
    let all = page("a").holds(occurrence("mon", "weekly")).holds(occurrence("tue", "weekly"));
    t.pass(&lease, &[all.holds(occurrence("may", "yearly")), page("b")]).await;
    // A page that tells of one and that it is all there is.
    let now = page("a").holds(occurrence("wed", "weekly")).series("weekly", &["tue", "wed"]);
    assert_eq!(t.pass(&lease, &[now, page("b").series("yearly", &[])]).await, (0, 1));
    assert_eq!(t.pass(&lease, &[page("a"), page("b")]).await, (1, 0));
    assert_eq!(t.held(lease.id).await, [r#""may1""#, r#""tue1""#, r#""wed1""#]);
    assert_eq!(t.pass(&lease, &[page("a").series("weekly", &[]), page("b")]).await, (0, 2));
}

async fn the_copy_is_as_of_the_beginning_of_the_pass(t: &SyncBench) {
    let lease = t.taken().await;
    let began = t.now();
    let parts = ["a", "b", "c"]
        .into_iter()
        .zip([Some(7), Some(5), None])
        .map(|(id, expected)| Part { id: id.to_owned(), expected });
    let parts: Vec<_> = parts.collect();
    t.sync.begin_pass(&lease, ALL, &parts, false).await.unwrap();
    t.advance(LIFE / 2).await;
    t.apply(&lease, page("a").with("a", 1)).await;
    // Whoever goes on with the pass expects what lies behind it as well.
    t.sync.begin_pass(&lease, ALL, &parts, false).await.unwrap();
    for part in ["b", "c"] {
        t.apply(&lease, page(part).with(part, 1)).await;
    }
    let status = t.status(lease.id).await;
    assert_eq!((status.as_of, status.items, status.truncated), (None, 3, false));
    assert_eq!((status.seen, status.expected), (3, Some(12)));
    t.end_pass_with(&lease, true, None).await;
    let status = t.status(lease.id).await;
    assert_eq!((status.as_of, status.items, status.truncated), (Some(began), 3, true));
    t.end_run(&lease).await;
    let lease = t.take(lease.id).await;
    assert_eq!(t.status(lease.id).await.seen, 0);
    t.pass(&lease, &["a", "b", "c"].map(page)).await;
    let status = t.status(lease.id).await;
    assert_eq!((status.as_of, status.truncated), (Some(t.now()), false));
}

async fn feeds_keep_to_themselves(t: &SyncBench) {
    let mail = t.holding(&["one"]).await;
    let other = t.holding(&["one"]).await;
    let events = t.take(calendar(mail.id.integration)).await;
    t.pass(&events, &[page("inbox").with("one", 1)]).await;
    t.begin(&mail, &["inbox"]).await;
    t.apply(&mail, page("inbox").gone("one").with("two", 1)).await;
    assert_eq!(t.end_pass(&mail).await, (0, 1));
    assert_eq!(t.pass(&mail, &[page("inbox")]).await, (1, 0));
    assert_eq!(t.held(mail.id).await, [r#""two1""#]);
    for lease in [other, events] {
        assert_eq!(t.held(lease.id).await, [r#""one1""#]);
        assert_eq!(t.pass(&lease, &[page("inbox")]).await, (0, 0));
    }
}
