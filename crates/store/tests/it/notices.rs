//! Notices: said once, read in order.

use std::sync::Arc;

use evergrant::store::Notice;
use tokio::task::JoinSet;

use crate::bench::{Bench, on_every_store};

on_every_store!(
    a_notice_is_kept_once_as_it_was_first_said,
    notices_are_read_on_from_a_place,
    of_many_who_find_it_out_at_once_one_says_it,
    notices_become_visible_in_order,
);

fn notice(t: &Bench, key: &str) -> Notice {
    Notice {
        key: key.to_owned(),
        kind: "registration_expires".to_owned(),
        at: t.now(),
        detail: serde_json::json!({ "provider": "acme", "days": [30, 7], "why": null }),
    }
}

async fn a_notice_is_kept_once_as_it_was_first_said(t: &Bench) {
    let first = notice(t, "acme/2026-03");
    assert!(t.store.announce(&first).await.unwrap());
    let again = Notice { kind: "other".to_owned(), at: t.in_secs(9), ..first.clone() };
    assert!(!t.replica.announce(&again).await.unwrap());
    assert_eq!(t.replica.notices(0, 9).await.unwrap(), [(1, first)]);
    // It is no change of an integration.
    assert_eq!(t.store.revision().await.unwrap(), 0);
}

async fn notices_are_read_on_from_a_place(t: &Bench) {
    let all: Vec<_> = (1..=5).map(|n| (n, notice(t, &format!("notice {}", 9 - n)))).collect();
    for (_, notice) in &all {
        assert!(t.store.announce(notice).await.unwrap());
        assert!(!t.store.announce(notice).await.unwrap());
    }
    for (after, limit, expected) in [(0, 9, 0..5), (0, 2, 0..2), (2, 2, 2..4), (5, 2, 5..5)] {
        assert_eq!(t.replica.notices(after, limit).await.unwrap(), all[expected]);
    }
    assert_eq!(t.replica.notices(0, 0).await.unwrap(), []);
}

async fn of_many_who_find_it_out_at_once_one_says_it(t: &Bench) {
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
        let notice = notice(t, "the same");
        tasks.spawn(async move { store.announce(&notice).await.unwrap() });
    }
    let new = tasks.join_all().await.into_iter().filter(|new| *new);
    assert_eq!(new.count(), 1);
    assert_eq!(t.store.notices(0, 99).await.unwrap().len(), 1);
}

async fn notices_become_visible_in_order(t: &Bench) {
    const EACH: usize = 15;
    let mut tasks = JoinSet::new();
    for n in 0..4 {
        let store = Arc::clone(if n % 2 == 0 { &t.store } else { &t.replica });
        let notices: Vec<_> = (0..EACH).map(|m| notice(t, &format!("{n}/{m}"))).collect();
        tasks.spawn(async move {
            for notice in notices {
                assert!(store.announce(&notice).await.unwrap());
            }
        });
    }
    let last = i64::try_from(4 * EACH).unwrap();
    let mut seen = 0;
    while seen < last {
        let done = tasks.is_empty();
        for (place, _) in t.replica.notices(seen, 7).await.unwrap() {
            assert_eq!(place, seen + 1, "a notice became visible too late");
            seen = place;
        }
        assert!(!done || seen > 0, "the writers are done and nothing is seen");
        while tasks.try_join_next().is_some_and(|done| done.is_ok()) {}
    }
    tasks.join_all().await;
}
