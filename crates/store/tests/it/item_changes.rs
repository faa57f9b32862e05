//! Changes of items: told once, in order, to the owner alone, and forgotten after thirty days.

use evergrant::UserId;
use evergrant::feed::FeedKind;
use evergrant::store::{FeedId, GrantStore as _, Hint, SyncStore as _};
use evergrant_store::{
    ItemChangeKind, ItemChanges, ItemChangesCursor, ItemChangesQuery, LeftReason, Store,
};
use tokio::task::JoinSet;

use crate::bench::{Database, on_both_databases};
use crate::copy::{asked, changes, connected, email, enrol, message, pass, run, take, told};

on_both_databases!(
    an_item_is_told_once_as_it_is_now,
    what_came_and_left_between_two_looks_is_not_told,
    what_left_and_came_back_and_left_is_told_to_who_knew_it,
    changes_come_in_pages_without_gaps,
    an_owners_revisions_become_visible_in_order,
    a_disconnect_takes_thousands_of_items_out_of_the_copy,
    what_left_is_forgotten_after_thirty_days_and_who_knows_older_is_told_so,
    who_begins_after_something_was_forgotten_reads_to_the_end,
    a_notification_is_forgotten_after_a_day,
);

const ADDED: ItemChangeKind = ItemChangeKind::Added;
const UPDATED: ItemChangeKind = ItemChangeKind::Updated;
const DELETED: ItemChangeKind = ItemChangeKind::Deleted(LeftReason::Deleted);
const DISCONNECTED: ItemChangeKind = ItemChangeKind::Deleted(LeftReason::Disconnected);

fn is(id: &str, kind: ItemChangeKind) -> (String, ItemChangeKind) {
    (id.to_owned(), kind)
}

type Page = (Vec<(String, ItemChangeKind)>, ItemChangesCursor, bool);

/// A page, asked for through the text of its cursor; `None` where something was forgotten.
async fn page(store: &Store, owner: UserId, after: ItemChangesCursor, limit: u32) -> Option<Page> {
    let after = after.to_string().parse().unwrap();
    let query = ItemChangesQuery { limit, ..ItemChangesQuery::new(after) };
    match store.item_changes(owner, &query).await.unwrap() {
        ItemChanges::Page { changes, next, more } => {
            assert!(changes.len() <= limit as usize);
            Some((changes.into_iter().map(|it| (it.id, it.kind)).collect(), next, more))
        }
        ItemChanges::Forgotten => None,
    }
}

async fn an_item_is_told_once_as_it_is_now(d: &Database) {
    let t = &d.bench();
    assert_eq!(d.store.item_revision(t.alice).await.unwrap(), 0);
    let id = email(connected(d, t, t.alice).await);
    run(d, t, id, vec![message("a", 1, "one"), message("b", 2, "one")], &[]).await;
    let (first, next) = changes(&d.replica, t.alice, 0).await;
    assert_eq!(next, d.store.item_revision(t.alice).await.unwrap());
    let [a, b] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!(
        (a.kind, b.kind, a.feed, a.integration),
        (ADDED, ADDED, FeedKind::Email, id.integration)
    );
    let whole = message("a", 1, "one");
    assert_eq!(a.item, Some((whole.json, whole.body)));
    assert_eq!(changes(&d.store, t.alice, next).await, (Vec::new(), next));

    run(d, t, id, vec![message("a", 1, "two"), message("c", 3, "one")], &[]).await;
    run(d, t, id, vec![message("a", 1, "three"), message("c", 3, "two")], &["b"]).await;
    // The same again is no change.
    run(d, t, id, vec![message("a", 1, "three")], &[]).await;
    let (then, last) = changes(&d.store, t.alice, next).await;
    let kinds: Vec<_> = then.iter().map(|it| is(&it.id, it.kind)).collect();
    assert_eq!(kinds, [is("a", UPDATED), is("c", ADDED), is("b", DELETED)]);
    assert!(then[2].item.is_none());
    assert_eq!(then[0].item.as_ref().unwrap().0, message("a", 1, "three").json);
    assert_eq!(told(&d.store, t.alice, 0).await, [is("a", ADDED), is("c", ADDED)]);
    assert_eq!(told(&d.store, t.alice, last).await, []);
    assert_eq!(told(&d.store, t.bob, 0).await, []);
}

async fn what_came_and_left_between_two_looks_is_not_told(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    run(d, t, id, vec![message("stays", 1, "one")], &[]).await;
    let (_, cursor) = changes(&d.store, t.alice, 0).await;
    run(d, t, id, vec![message("short", 2, "one")], &[]).await;
    run(d, t, id, Vec::new(), &["short"]).await;
    let (told, next) = changes(&d.store, t.alice, cursor).await;
    assert_eq!(told, []);
    // Nor where it had been there long before.
    run(d, t, id, vec![message("short", 2, "one")], &[]).await;
    run(d, t, id, Vec::new(), &["short"]).await;
    let (told, next) = changes(&d.store, t.alice, next).await;
    assert_eq!(told, []);
    // And once it is forgotten, who has asked meanwhile need not begin anew.
    d.meddle(A_MONTH_LATER).await;
    d.store.tidy().await.unwrap();
    assert_eq!(changes(&d.store, t.alice, next).await, (Vec::new(), next));
}

async fn what_left_and_came_back_and_left_is_told_to_who_knew_it(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    run(d, t, id, vec![message("a", 1, "one")], &[]).await;
    let (_, knows) = changes(&d.store, t.alice, 0).await;
    run(d, t, id, Vec::new(), &["a"]).await;
    run(d, t, id, vec![message("a", 1, "one")], &[]).await;
    assert_eq!(told(&d.store, t.alice, knows).await, [is("a", ADDED)]);
    run(d, t, id, Vec::new(), &["a"]).await;
    assert_eq!(told(&d.store, t.alice, knows).await, [is("a", DELETED)]);
    assert_eq!(told(&d.store, t.alice, 0).await, []);
}

async fn changes_come_in_pages_without_gaps(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    let items = (0..25).map(|n| message(&format!("m{n:02}"), n, "one")).collect();
    run(d, t, id, items, &[]).await;
    // The walk begins after these: it is told of nothing twice, and that nothing has left.
    run(d, t, id, vec![message("m01", 1, "two")], &["m03"]).await;
    let (mut cursor, mut seen) = (ItemChangesCursor::default(), Vec::new());
    loop {
        let (changes, next, more) = page(&d.store, t.alice, cursor, 4).await.unwrap();
        assert!(changes.len() == 4 || !more);
        if seen.is_empty() {
            // These change on the way, one that was told of and one that was not.
            run(d, t, id, vec![message("m00", 0, "two"), message("m09", 9, "two")], &[]).await;
        }
        seen.extend(changes);
        cursor = next;
        if !more {
            break;
        }
    }
    let first = (0..25).filter(|n| ![1, 3, 9].contains(n)).map(|n| is(&format!("m{n:02}"), ADDED));
    let last = [is("m01", ADDED), is("m00", ADDED), is("m09", ADDED)];
    assert_eq!(seen, first.chain(last).collect::<Vec<_>>());
}

async fn an_owners_revisions_become_visible_in_order(d: &Database) {
    const PAGES: i64 = 12;
    const EACH: i64 = 15;
    let t = &d.bench();
    let mut writers = JoinSet::new();
    for store in [&d.store, &d.replica] {
        let id = email(connected(d, t, t.alice).await);
        let (store, lease) = (store.clone(), take(store, t, id).await);
        writers.spawn(async move {
            for page in 0..PAGES {
                let items = (0..EACH).map(|n| message(&format!("p{page} {n}"), n, "one")).collect();
                let (applied, _) = pass(&store, &lease, items, &[]).await;
                assert_eq!(applied.added, EACH.unsigned_abs());
            }
        });
    }
    let (mut cursor, last) = (0, 2 * PAGES * EACH);
    while cursor < last {
        let done = writers.is_empty();
        let page = asked(&d.store, t.alice, cursor, 1_000).await;
        let ItemChanges::Page { changes, next, .. } = page else { panic!("{page:?}") };
        let next = next.revision();
        let count = i64::try_from(changes.len()).unwrap();
        assert_eq!(next, cursor + count, "a revision became visible too late");
        cursor = next;
        assert!(!done || cursor == last, "the writers are done; nothing after {cursor} was seen");
        while writers.try_join_next().is_some_and(|done| done.is_ok()) {}
    }
    writers.join_all().await;
}

async fn a_disconnect_takes_thousands_of_items_out_of_the_copy(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    let items = (0..2_345).map(|n| message(&format!("m{n:04}"), n, "one")).collect();
    run(d, t, id, items, &[]).await;
    let cursor = d.store.item_revision(t.alice).await.unwrap();
    let lease = take(&d.store, t, id).await;
    d.store.disconnect(t.alice, id.integration, t.now(), None).await.unwrap();
    enrol(&d.replica).await;
    assert!(!d.store.hold(&lease).await.unwrap());
    let page = asked(&d.store, t.alice, cursor, 10_000).await;
    let ItemChanges::Page { changes, .. } = page else { panic!("{page:?}") };
    assert_eq!(changes.len(), 2_345);
    assert!(changes.iter().all(|it| it.kind == DISCONNECTED && it.item.is_none()));
    // Once.
    enrol(&d.store).await;
    assert_eq!(d.store.item_revision(t.alice).await.unwrap(), cursor + 2_345);
}

/// A month goes by for what has changed so far.
const A_MONTH_LATER: &str = "UPDATE items SET changed_at = changed_at - 2592000000000";

async fn what_left_is_forgotten_after_thirty_days_and_who_knows_older_is_told_so(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    run(d, t, id, vec![message("old", 1, "one"), message("stays", 2, "one")], &[]).await;
    let (_, knows) = changes(&d.store, t.alice, 0).await;
    run(d, t, id, Vec::new(), &["old"]).await;
    d.store.tidy().await.unwrap();
    assert_eq!(told(&d.store, t.alice, knows).await, [is("old", DELETED)]);
    let (_, later) = changes(&d.store, t.alice, knows).await;
    d.meddle(A_MONTH_LATER).await;
    d.store.tidy().await.unwrap();
    let forgotten = asked(&d.replica, t.alice, knows, 9).await;
    assert_eq!(forgotten, ItemChanges::Forgotten);
    assert_eq!(told(&d.store, t.alice, later).await, []);
    assert_eq!(told(&d.store, t.alice, 0).await, [is("stays", ADDED)]);
    // What comes back is new.
    run(d, t, id, vec![message("old", 1, "one")], &[]).await;
    assert_eq!(told(&d.store, t.alice, later).await, [is("old", ADDED)]);
}

async fn who_begins_after_something_was_forgotten_reads_to_the_end(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    let items = (0..5).map(|n| message(&format!("m{n}"), n, "one")).collect();
    run(d, t, id, items, &[]).await;
    run(d, t, id, Vec::new(), &["m4"]).await;
    let page = async |cursor| page(&d.store, t.alice, cursor, 1).await;
    let begin = ItemChangesCursor::default();
    let (_, halfway, _) = page(begin).await.unwrap();
    d.meddle(A_MONTH_LATER).await;
    d.store.tidy().await.unwrap();
    assert!(page(halfway).await.is_some(), "what is forgotten had left before it began");
    let (mut cursor, mut seen) = (begin, Vec::new());
    loop {
        let (told, next, more) = page(cursor).await.unwrap();
        seen.extend(told);
        cursor = next;
        if !more {
            break;
        }
    }
    assert_eq!(seen, [is("m0", ADDED), is("m1", ADDED), is("m2", ADDED), is("m3", ADDED)]);
    // On a walk that began before something else left and was forgotten, it is noticed.
    let (_, halfway, _) = page(begin).await.unwrap();
    run(d, t, id, Vec::new(), &["m0"]).await;
    d.meddle(A_MONTH_LATER).await;
    d.store.tidy().await.unwrap();
    assert_eq!(page(halfway).await, None);
}

async fn a_notification_is_forgotten_after_a_day(d: &Database) {
    let t = &d.bench();
    let integration = connected(d, t, t.alice).await;
    let id = FeedId { integration, feed: FeedKind::Calendar };
    let hint = [Hint { id, digest: [7; 32], look_after: false }];
    let new = async || d.store.take_hints(&hint).await.unwrap();
    assert_eq!((new().await, new().await), (1, 0));
    d.store.tidy().await.unwrap();
    assert_eq!(new().await, 0);
    d.meddle("UPDATE hints SET seen_at = seen_at - 86400000000").await;
    assert_eq!((new().await, new().await), (1, 0), "it is another one by now");
    d.meddle("UPDATE hints SET seen_at = seen_at - 86400000000").await;
    d.store.tidy().await.unwrap();
    // Were it still there it would be known again.
    d.meddle("UPDATE hints SET seen_at = seen_at + 86400000000").await;
    assert_eq!(new().await, 1);
}
