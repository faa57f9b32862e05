//! Readers of changes: what they know, how much at once, and what is kept for them.

use std::collections::BTreeMap;

use evergrant::feed::FeedKind;
use evergrant::store::{FeedId, Item};
use evergrant_store::{
    ItemChangeKind, ItemChanges, ItemChangesCursor, ItemChangesQuery, ItemQuery,
};

use crate::bench::{Database, on_both_databases};
use crate::copy::{changes, connected, email, message, run, walked};

on_both_databases!(
    a_reader_knows_what_is_there_whatever_happens_between_its_pages,
    what_has_left_keeps_nothing_of_what_it_was,
    a_feed_is_told_alone_without_bodies_and_large_items_a_few_at_a_time,
);

/// Random writes, and readers who ask for a page every now and then.
async fn a_reader_knows_what_is_there_whatever_happens_between_its_pages(d: &Database) {
    const ROUNDS: usize = 60;
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    let mut dice = 0x2545_F491_4F6C_DD1D_u64;
    let mut roll = move |sides: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % sides
    };
    let mut there: BTreeMap<String, String> = BTreeMap::new();
    let begin = ItemChangesCursor::default();
    // How many they ask for, where they are, what they hold, how often they were at an end.
    let mut readers = [1, 2, 3, 50].map(|limit| (limit, begin, BTreeMap::new(), 0));
    for round in 0..ROUNDS {
        let mut put = BTreeMap::new();
        for _ in 0..=roll(3) {
            let id = format!("m{}", roll(8));
            let json = message(&id, 1, &format!("round {round}")).json;
            put.insert(id, json);
        }
        let mut gone: Vec<_> = there.keys().filter(|id| !put.contains_key(*id)).cloned().collect();
        gone.retain(|_| roll(4) == 0);
        let items = put.keys().map(|id| message(id, 1, &format!("round {round}"))).collect();
        let left: Vec<_> = gone.iter().map(String::as_str).collect();
        run(d, t, id, items, &left).await;
        there.retain(|id, _| !gone.contains(id));
        there.extend(put);
        for (limit, cursor, held, ends) in &mut readers {
            for _ in 0..roll(6) {
                // A walk that takes one page alone leaves nothing in doubt.
                let is_sure = *cursor == ItemChangesCursor::since(cursor.revision());
                let query = ItemChangesQuery { limit: *limit, ..ItemChangesQuery::new(*cursor) };
                let page = d.replica.item_changes(t.alice, &query).await.unwrap();
                let ItemChanges::Page { changes, next, more } = page else { panic!("{page:?}") };
                for change in changes {
                    let about = format!("{change:?} in round {round} by {limit}");
                    let before = match (change.kind, change.item) {
                        (ItemChangeKind::Deleted(_), None) => {
                            let before = held.remove(&change.id);
                            assert!(before.is_some() || !is_sure, "{about}");
                            continue;
                        }
                        (ItemChangeKind::Added, Some((json, _))) => {
                            held.insert(change.id, json.clone()).map(|before| (before, json))
                        }
                        (ItemChangeKind::Updated, Some((json, _))) => {
                            let before = held.insert(change.id, json.clone());
                            Some((before.unwrap_or_else(|| panic!("{about}")), json))
                        }
                        _ => panic!("{about}"),
                    };
                    if let Some((before, now)) = before {
                        assert_ne!(before, now, "told without a change: {about}");
                    }
                }
                *cursor = next;
                if !more {
                    *ends += 1;
                    assert_eq!(*held, there, "by {limit} in round {round}");
                }
            }
        }
    }
    assert!(readers.iter().all(|(.., ends)| *ends > 0));
}

async fn what_has_left_keeps_nothing_of_what_it_was(d: &Database) {
    let t = &d.bench();
    let id = email(connected(d, t, t.alice).await);
    run(d, t, id, vec![message("a", 1, "meeting")], &[]).await;
    run(d, t, id, Vec::new(), &["a"]).await;
    // The second statement fails where a row is left that says more.
    d.meddle("CREATE TABLE naught (n BIGINT NOT NULL CHECK (n = 0))").await;
    d.meddle(
        "INSERT INTO naught SELECT COUNT(*) FROM items \
         WHERE gone IS NOT NULL AND (length(digest) > 0 OR at <> 0 OR until IS NOT NULL \
           OR series IS NOT NULL OR is_read IS NOT NULL OR folder IS NOT NULL \
           OR importance IS NOT NULL OR length(words) > 0 OR json <> '' OR body IS NOT NULL)",
    )
    .await;
    // And it comes back as it was.
    run(d, t, id, vec![message("a", 1, "meeting")], &[]).await;
    let (changes, _) = changes(&d.store, t.alice, 0).await;
    assert_eq!(changes[0].item.as_ref().unwrap().0, message("a", 1, "meeting").json);
}

async fn a_feed_is_told_alone_without_bodies_and_large_items_a_few_at_a_time(d: &Database) {
    let t = &d.bench();
    let integration = connected(d, t, t.alice).await;
    let calendar = FeedId { integration, feed: FeedKind::Calendar };
    run(d, t, calendar, vec![message("event", 1, "one")], &[]).await;
    let large = |n| Item { body: Some("x".repeat(1 << 20)), ..message(&format!("m{n}"), n, "one") };
    run(d, t, email(integration), (0..5).map(large).collect(), &[]).await;
    let begin = ItemChangesQuery::new(ItemChangesCursor::default());
    let asked = async |query| match d.store.item_changes(t.alice, &query).await {
        Ok(ItemChanges::Page { changes, more, .. }) => (changes, more),
        other => panic!("{other:?}"),
    };
    let (bare, more) = asked(begin.clone()).await;
    assert_eq!((bare.len(), more), (6, false));
    assert!(bare.iter().all(|it| it.item.as_ref().unwrap().1.is_none()));
    let feed = Some(FeedKind::Calendar);
    let (events, _) = asked(ItemChangesQuery { feed, ..begin.clone() }).await;
    assert_eq!(events.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["event"]);
    let (whole, more) = asked(ItemChangesQuery { bodies: true, ..begin }).await;
    assert_eq!((whole.len(), more), (4, true));
    let list = ItemQuery { bodies: true, ..ItemQuery::new(FeedKind::Email) };
    let page = d.store.items(t.alice, &list).await.unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (3, true));
    assert_eq!(walked(&d.store, t.alice, list).await.len(), 5);
}
