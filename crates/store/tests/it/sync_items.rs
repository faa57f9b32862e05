//! Revisions of items: what changed after a cursor is told once, as it is now.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use evergrant::feed::Window;
use evergrant::store::{Item, SyncStore};
use tokio::task::JoinSet;

use crate::sync_bench::{Fill as _, SyncBench, item, on_every_copy, page};

on_every_copy!(
    a_page_that_is_applied_twice_tells_nothing_the_second_time,
    an_item_is_told_once_and_as_it_is_now,
    what_was_added_and_has_left_since_is_not_told,
    what_came_back_and_left_again_is_told_to_who_knew_it,
    what_is_the_same_is_not_told_whatever_else_is_said_of_it,
    whoever_does_not_find_it_where_it_was_says_deleted_or_left,
    what_went_missing_when_the_copy_was_cut_has_left,
    what_was_disconnected_leaves_the_copy,
    what_left_long_ago_is_forgotten_and_who_was_away_starts_over,
    everything_of_an_item_is_kept,
    an_owners_revisions_become_visible_in_order,
);

async fn a_page_that_is_applied_twice_tells_nothing_the_second_time(t: &SyncBench) {
    let lease = t.holding(&["one", "two"]).await;
    t.begin(&lease, &["inbox"]).await;
    let change = || page("inbox").with("two", 2).with("three", 1).gone("one").more("2");
    assert_eq!(t.apply(&lease, change()).await, (1, 1));
    let told = t.now_told().await;
    assert_eq!(t.apply(&lease, change()).await, (0, 0));
    assert_eq!(t.told(told).await, [""; 0]);
}

async fn an_item_is_told_once_and_as_it_is_now(t: &SyncBench) {
    let lease = t.holding(&["one", "two", "three"]).await;
    let all = t.told(0).await;
    assert_eq!(all, [r#"added "one1""#, r#"added "two1""#, r#"added "three1""#]);
    let told = t.now_told().await;
    t.pass(&lease, &[page("inbox").with("two", 2)]).await;
    t.pass(&lease, &[page("inbox").with("one", 2)]).await;
    t.pass(&lease, &[page("inbox").with("two", 3).with("four", 1)]).await;
    t.pass(&lease, &[page("inbox").with("four", 2).gone("three")]).await;
    t.pass(&lease, &[page("inbox")]).await;
    let changes =
        [r#"updated "one2""#, r#"updated "two3""#, r#"added "four2""#, "deleted three deleted"];
    assert_eq!(t.told(told).await, changes);
    assert_eq!(t.told(0).await, [r#"added "one2""#, r#"added "two3""#, r#"added "four2""#]);
    let now = t.now_told().await;
    assert!(now > told);
    assert_eq!(t.told(now).await, [""; 0]);
}

async fn what_was_added_and_has_left_since_is_not_told(t: &SyncBench) {
    let lease = t.holding(&["one"]).await;
    let told = t.now_told().await;
    t.pass(&lease, &[page("inbox").with("two", 1)]).await;
    t.pass(&lease, &[page("inbox").gone("two")]).await;
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (1, 0));
    assert_eq!(t.told(told).await, [""; 0]);
    assert_eq!(t.told(0).await, [r#"added "one1""#]);
}

async fn what_came_back_and_left_again_is_told_to_who_knew_it(t: &SyncBench) {
    let lease = t.holding(&["one"]).await;
    let knew = t.now_told().await;
    let gone = async || {
        t.pass(&lease, &[page("inbox").gone("one")]).await;
        assert_eq!(t.pass(&lease, &[page("inbox")]).await, (1, 0));
        t.told(knew).await
    };
    assert_eq!(gone().await, ["deleted one deleted"]);
    let (_, heard) = t.changes(knew).await.unwrap();
    t.begin(&lease, &["inbox"]).await;
    assert_eq!(t.apply(&lease, page("inbox").with("one", 1)).await, (1, 0));
    assert_eq!(t.end_pass(&lease).await, (0, 0));
    assert_eq!(t.told(heard).await, [r#"added "one1""#]);
    assert_eq!(t.told(0).await, [r#"added "one1""#]);
    assert_eq!(gone().await, ["deleted one deleted"]);
}

async fn what_is_the_same_is_not_told_whatever_else_is_said_of_it(t: &SyncBench) {
    let lease = t.holding(&["one"]).await;
    let told = t.now_told().await;
    let same = Item { json: "\"other\"".to_owned(), words: "other".to_owned(), ..item("one", 1) };
    t.begin(&lease, &["inbox", "archive"]).await;
    assert_eq!(t.apply(&lease, page("inbox").holds(same)).await, (0, 0));
    assert_eq!(t.apply(&lease, page("archive").with("one", 1)).await, (0, 0));
    assert_eq!(t.told(told).await, [""; 0]);
    assert_eq!(t.apply(&lease, page("inbox").with("one", 2)).await, (0, 1));
    assert_eq!(t.told(told).await, [r#"updated "one2""#]);
}

async fn whoever_does_not_find_it_where_it_was_says_deleted_or_left(t: &SyncBench) {
    let at = |time: &str| format!("2026-01-{time}Z").parse().unwrap();
    let event = |id: &str, from: &str, until: Option<&str>| Item {
        at: at(from),
        until: until.map(at),
        ..item(id, 1)
    };
    let window =
        Window { from: at("02T00:00:00"), today: at("05T00:00:00"), to: at("09T00:00:00") };
    let events = || {
        page("a")
            .holds(event("before", "01T10:00:00", Some("02T00:00:00")))
            .holds(event("across", "01T10:00:00", Some("02T00:00:01")))
            .holds(event("inside", "03T10:00:00", Some("03T11:00:00")))
            .holds(event("last", "08T23:59:59", Some("09T01:00:00")))
            .holds(event("after", "09T00:00:00", Some("09T01:00:00")))
    };
    let lease = t.taken().await;
    t.pass(&lease, &[events()]).await;
    let mut told = t.now_told().await;
    let gone = || ["before", "across", "inside", "last", "after"].map(str::to_owned);
    let none = || evergrant::store::Batch { gone: gone().to_vec(), ..page("a") };
    for (cut, window, whys) in [
        (false, Some(window), ["left", "deleted", "deleted", "deleted", "left"]),
        (true, Some(window), ["left"; 5]),
        (true, None, ["left"; 5]),
        (false, None, ["deleted"; 5]),
    ] {
        assert_eq!(t.pass(&lease, &[none()]).await, (0, 5));
        t.begin(&lease, &["a"]).await;
        t.apply(&lease, page("a")).await;
        assert_eq!(t.end_pass_with(&lease, cut, window).await, (5, 0));
        let mut heard = t.told(told).await;
        heard.sort_unstable();
        let mut said: Vec<_> =
            gone().iter().zip(whys).map(|(id, why)| format!("deleted {id} {why}")).collect();
        said.sort_unstable();
        assert_eq!(heard, said);
        t.pass(&lease, &[events()]).await;
        told = t.now_told().await;
    }
}

async fn what_went_missing_when_the_copy_was_cut_has_left(t: &SyncBench) {
    let lease = t.holding(&["one", "two"]).await;
    let told = t.now_told().await;
    t.begin(&lease, &["inbox"]).await;
    t.apply(&lease, page("inbox").gone("one")).await;
    assert_eq!(t.end_pass_with(&lease, true, None).await, (0, 1));
    assert_eq!(t.pass(&lease, &[page("inbox").gone("two")]).await, (1, 1));
    assert_eq!(t.pass(&lease, &[page("inbox")]).await, (1, 0));
    assert_eq!(t.told(told).await, ["deleted one left", "deleted two deleted"]);
}

async fn what_was_disconnected_leaves_the_copy(t: &SyncBench) {
    let (lease, other) = (t.holding(&["one", "two"]).await, t.holding(&["three"]).await);
    let told = t.now_told().await;
    t.pass(&lease, &[page("inbox").with("new", 1).gone("two")]).await;
    let since = t.store.revision().await.unwrap();
    let id = lease.id.integration;
    t.store.disconnect(t.alice, id, t.now(), None).await.unwrap().expect("it was there");
    assert_eq!(t.enrol(since).await, since + 1);
    let mut heard = t.told(told).await;
    heard.sort_unstable();
    assert_eq!(heard, ["deleted one disconnected", "deleted two disconnected"]);
    assert_eq!(t.told(0).await, [r#"added "three1""#]);
    assert_eq!(t.held(lease.id).await, [""; 0]);
    assert_eq!(t.held(other.id).await, [r#""three1""#]);
    assert_eq!(t.sync.feeds(t.alice, Some(id)).await.unwrap(), []);
    assert!(!t.sync.hold(&lease).await.unwrap());
    assert_eq!(t.sync.apply(&lease, &page("inbox").with("late", 1)).await.unwrap(), None);
    let due = t.sync.claim_feeds(t.claim(), 9, None).await.unwrap();
    assert!(due.iter().all(|it| it.id.integration != id));
    let now = t.changes(told).await.unwrap().1;
    assert_eq!(t.enrol(since).await, since + 1);
    assert_eq!(t.told(now).await, [""; 0]);
}

async fn what_left_long_ago_is_forgotten_and_who_was_away_starts_over(t: &SyncBench) {
    const DAY: Duration = Duration::from_hours(24);
    let lease = t.holding(&["one", "two"]).await;
    let knew = t.now_told().await;
    t.pass(&lease, &[page("inbox").gone("two")]).await;
    t.pass(&lease, &[page("inbox")]).await;
    let heard = t.changes(knew).await.unwrap().1;
    t.end_run(&lease).await;
    t.advance(29 * DAY).await;
    t.store.tidy().await.unwrap();
    assert_eq!(t.told(knew).await, ["deleted two deleted"]);
    t.advance(2 * DAY).await;
    t.store.tidy().await.unwrap();
    assert_eq!(t.changes(knew).await, None);
    assert_eq!(t.told(heard).await, [""; 0]);
    assert_eq!(t.told(0).await, [r#"added "one1""#]);
    let lease = t.take(lease.id).await;
    t.pass(&lease, &[page("inbox").with("one", 2)]).await;
    assert_eq!(t.changes(knew).await, None);
    assert_eq!(t.told(heard).await, [r#"updated "one2""#]);
}

async fn everything_of_an_item_is_kept(t: &SyncBench) {
    let lease = t.taken().await;
    let whole = Item {
        series: Some("series’".to_owned()),
        until: Some(t.in_secs(5)),
        body: Some(r#"{"format":"text","content":"Dear Ada \"x\"\n"}"#.to_owned()),
        json: r#"{"subject":"Ünïcode 🦀 \\ \"quoted\""}"#.to_owned(),
        ..item("one", 1)
    };
    let bare = Item {
        until: None,
        is_read: None,
        folder: None,
        importance: None,
        sender: None,
        people: Vec::new(),
        words: String::new(),
        ..item("two", 1)
    };
    t.pass(&lease, &[page("inbox").holds(whole.clone()).holds(bare.clone())]).await;
    assert_eq!(t.held(lease.id).await, [whole.json, bare.json]);
}

async fn an_owners_revisions_become_visible_in_order(t: &SyncBench) {
    const WRITERS: usize = 5;
    const EACH: usize = 20;
    let mut writers = JoinSet::new();
    for n in 0..WRITERS {
        let lease = t.taken().await;
        t.begin(&lease, &["inbox"]).await;
        let store: Arc<dyn SyncStore> = Arc::clone(if n % 2 == 0 { &t.sync } else { &t.other });
        writers.spawn(async move {
            for m in 0..EACH {
                let page = page("inbox").with(&format!("{n}.{m}"), 1).with("same", 1).more("2");
                assert!(store.apply(&lease, &page).await.unwrap().is_some());
            }
        });
    }
    // Whoever reads on from what was read last must not miss anything.
    let mut heard = BTreeMap::new();
    let mut after = 0;
    loop {
        let is_over = writers.is_empty();
        let (told, next) = t.changes(after).await.unwrap();
        for told in told {
            *heard.entry(told).or_insert(0) += 1;
        }
        after = next;
        if is_over {
            break;
        }
        while writers.try_join_next().is_some_and(|done| done.is_ok()) {}
    }
    assert_eq!(heard.remove(r#"added "same1""#), Some(WRITERS));
    assert_eq!(heard.len(), WRITERS * EACH);
    assert!(heard.values().all(|times| *times == 1), "{heard:?}");
}
