//! A copy to look at: feeds of connected integrations, filled page by page as the syncer does it.

use std::time::Duration;

use evergrant::capability::Cursor;
use evergrant::clock::later;
use evergrant::feed::{FeedKind, Next, Part};
use evergrant::id::LeaseId;
use evergrant::store::{Applied, Batch, Claim, FeedId, Item, Lease, SyncStore as _};
use evergrant::{IntegrationId, UserId};
use evergrant_store::{
    ItemChange, ItemChangeKind, ItemChanges, ItemChangesCursor, ItemChangesQuery, ItemPage,
    ItemQuery, Store,
};
use jiff::Timestamp;

use crate::bench::{Bench, Database, PROVIDER};

/// A connected account with a calendar and a mailbox.
pub(crate) async fn connected(d: &Database, t: &Bench, owner: UserId) -> IntegrationId {
    let account = t.id().to_string();
    let id = t.connected_as(owner, &account).await.integration.id;
    enrol(&d.store).await;
    id
}

pub(crate) async fn enrol(store: &Store) {
    let offers = [(PROVIDER.into(), FeedKind::Calendar), (PROVIDER.into(), FeedKind::Email)];
    store.enrol(0, &offers).await.unwrap();
    while store.take_away().await.unwrap() {}
}

pub(crate) fn email(integration: IntegrationId) -> FeedId {
    FeedId { integration, feed: FeedKind::Email }
}

/// Takes a feed that nobody has.
pub(crate) async fn take(store: &Store, t: &Bench, id: FeedId) -> Lease {
    let lease = LeaseId::from_u128(t.id().as_u128());
    let life = Duration::from_mins(1);
    let claim = Claim { lease, holder: t.holder(), life };
    let claimed = store.claim_feeds(claim, 1, Some(id)).await.unwrap();
    assert_eq!(claimed.len(), 1, "{id:?} is free");
    Lease { id, lease, life }
}

/// A pass with one page of one part; gives what it changed, and how many have left.
pub(crate) async fn pass(
    store: &Store,
    lease: &Lease,
    items: Vec<Item>,
    gone: &[&str],
) -> (Applied, u64) {
    let part = Part { id: "inbox".to_owned(), expected: None };
    store.begin_pass(lease, "all", &[part], false).await.unwrap().unwrap();
    let batch = Batch {
        part: "inbox".to_owned(),
        items,
        gone: gone.iter().map(|&id| id.to_owned()).collect(),
        series: Vec::new(),
        still: Vec::new(),
        next: Next::Done(Some(Cursor("on".to_owned()))),
    };
    let applied = store.apply(lease, &batch).await.unwrap().unwrap();
    let end = store.end_pass(lease, false, None).await.unwrap().unwrap();
    (applied, end.deleted)
}

/// A run that is told of these items, and that those are gone: nobody finds them in a second pass.
pub(crate) async fn run(d: &Database, t: &Bench, id: FeedId, items: Vec<Item>, gone: &[&str]) {
    let lease = take(&d.store, t, id).await;
    pass(&d.store, &lease, items, gone).await;
    if !gone.is_empty() {
        let (_, left) = pass(&d.replica, &lease, Vec::new(), &[]).await;
        assert_eq!(left, gone.len() as u64);
    }
    let next = later(t.now(), Duration::from_hours(1));
    d.store.end_run(&lease, next).await.unwrap().unwrap();
}

/// A message that came so many minutes after 1970.
pub(crate) fn message(id: &str, minute: i64, words: &str) -> Item {
    let text = format!("{id} {minute} {words}");
    let mut digest = [0; 32];
    for (n, byte) in text.bytes().enumerate() {
        digest[n % 32] ^= byte.rotate_left(u32::try_from(n / 32 % 8).unwrap());
    }
    Item {
        id: id.to_owned(),
        series: None,
        at: minutes(minute),
        until: None,
        is_read: Some(false),
        folder: Some("inbox".to_owned()),
        importance: Some("normal".to_owned()),
        sender: Some("ada@example.com".to_owned()),
        people: vec!["ada@example.com".to_owned(), "bob.k@example.com".to_owned()],
        words: words.to_owned(),
        json: format!("{{\"id\":{id:?},\"words\":{words:?}}}"),
        body: Some(format!("{{\"content\":{words:?}}}")),
        digest,
    }
}

pub(crate) fn minutes(minute: i64) -> Timestamp {
    Timestamp::from_second(minute * 60).unwrap()
}

/// The ids in a page of [`message`]s.
pub(crate) fn ids(page: &ItemPage) -> Vec<String> {
    page.items.iter().map(|item| id_in(&item.json)).collect()
}

fn id_in(json: &str) -> String {
    json.split('"').nth(3).unwrap().to_owned()
}

pub(crate) async fn listed(store: &Store, owner: UserId, query: &ItemQuery) -> Vec<String> {
    ids(&store.items(owner, query).await.unwrap())
}

/// A list to its end, page by page.
pub(crate) async fn walked(store: &Store, owner: UserId, mut query: ItemQuery) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let page = store.items(owner, &query).await.unwrap();
        assert!(page.items.len() <= query.limit as usize);
        all.extend(ids(&page));
        match page.next {
            // Through its text, as callers have it.
            Some(next) => query.after = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

/// What happened after a cursor, in one page.
pub(crate) async fn changes(store: &Store, owner: UserId, after: i64) -> (Vec<ItemChange>, i64) {
    match asked(store, owner, after, 1_000).await {
        ItemChanges::Page { changes, next, more } => {
            assert!(!more);
            (changes, next.revision())
        }
        ItemChanges::Forgotten => panic!("{after} is forgotten"),
    }
}

/// At most so many changes after a revision, with their bodies.
pub(crate) async fn asked(store: &Store, owner: UserId, after: i64, limit: u32) -> ItemChanges {
    let query = ItemChangesQuery {
        bodies: true,
        limit,
        ..ItemChangesQuery::new(ItemChangesCursor::since(after))
    };
    store.item_changes(owner, &query).await.unwrap()
}

/// The same, as ids with what happened to them.
pub(crate) async fn told(
    store: &Store,
    owner: UserId,
    after: i64,
) -> Vec<(String, ItemChangeKind)> {
    let (changes, _) = changes(store, owner, after).await;
    changes.into_iter().map(|change| (change.id, change.kind)).collect()
}
