//! Access keys: what is refused, and how soon.

use std::time::Duration;

use evergrant::Clock;
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use evergrant_store::Holder;
use jiff::SignedDuration;

use crate::app::{LIST, TestApp};

#[tokio::test]
async fn a_revoked_key_is_refused_with_the_next_news() {
    let t = TestApp::new().await;
    let (caller, key) = t.key(t.user("alice").await, &Permission::ALL).await;
    t.poll().await;
    caller.get(LIST).await.expect(200);
    assert!(t.store.revoke_key(key.id, t.clock.now()).await.unwrap());
    t.poll().await;
    caller.get(LIST).await.problem(Code::Unauthenticated);
    t.alice.get(LIST).await.expect(200);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_where_the_news_are_old() {
    let t = TestApp::new().await;
    let (caller, key) = t.key(t.user("alice").await, &Permission::ALL).await;
    t.poll().await;
    caller.get(LIST).await.expect(200);
    assert!(t.store.revoke_key(key.id, t.clock.now()).await.unwrap());
    t.pass(Duration::from_secs(1));
    caller.get(LIST).await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn a_key_ends_on_the_second_also_while_it_is_remembered() {
    let t = TestApp::new().await;
    let ends = t.clock.now() + SignedDuration::from_millis(500);
    let alice = t.user("alice").await;
    let (caller, _) = t.key_with(alice, &Permission::ALL, |key| key.expires_at = Some(ends)).await;
    t.poll().await;
    caller.get(LIST).await.expect(200);
    t.pass(Duration::from_millis(499));
    caller.get(LIST).await.expect(200);
    t.pass(Duration::from_millis(1));
    caller.get(LIST).await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn what_is_not_a_key_is_refused_alike() {
    let t = TestApp::new().await;
    let good = t.key_texts().remove(0);
    let unknown = t.key_texts().remove(1);
    let (head, check) = good.split_at(good.len() - 8);
    let wrong_check = format!("{head}{:08x}", u32::from_str_radix(check, 16).unwrap() ^ 1);
    // Right id and check, somebody else's secret: the check proves nothing.
    let mixed = format!("{}{}", &good[..37], &unknown[37..77]);
    let mixed = format!("{mixed}{:08x}", crc32(mixed.as_bytes()));
    let expected = t.anon.get(LIST).await.anonymous();
    for header in [
        format!("Bearer {wrong_check}"),
        format!("Bearer {mixed}"),
        format!("Bearer {}", good.to_uppercase()),
        format!("Bearer {good}0"),
        format!("Bearer {}", &good[..good.len() - 1]),
        format!("Basic {good}"),
        format!("Bearer{good}"),
        good.clone(),
        "Bearer ".to_owned(),
        "Bearer évg_".to_owned(),
        String::new(),
    ] {
        let answer = t.anon.with("authorization", &header).get(LIST).await;
        answer.problem(Code::Unauthenticated);
        assert_eq!(answer.anonymous(), expected, "{header}");
    }
    t.anon.with("authorization", &format!("bearer  {good}")).get(LIST).await.expect(200);
}

#[tokio::test]
async fn a_key_in_the_address_is_no_key() {
    let t = TestApp::new().await;
    let key = &t.key_texts()[0];
    for name in ["access_token", "access_key", "key", "token", "authorization"] {
        t.anon.get(&format!("{LIST}?{name}={key}")).await.problem(Code::Unauthenticated);
    }
    // Nor does it reach the log, which notes paths without what is asked of them.
    assert!(!t.logged().contains(key));
}

#[tokio::test]
async fn a_service_key_acts_for_the_user_it_names() {
    let t = TestApp::new().await;
    let zoe = t.add_user("zoë").await;
    let id = t.alice.connect("adele").await;
    let alice = t.service.as_user("alice").get(LIST).await.expect(200).json();
    assert_eq!(alice["results"][0]["id"], id);
    for name in ["bob", "zoë", &zoe.to_string()] {
        let list = t.service.as_user(name).get(LIST).await.expect(200).json();
        assert_eq!(list["results"], serde_json::json!([]), "{name}");
    }
    for name in ["", "carol", "ALICE", "usr_0198c5a6b7c8d9e0f1a2b3c4d5e6f708", "alice,bob"] {
        t.service.as_user(name).get(LIST).await.problem(Code::UserRequired);
    }
}

#[tokio::test]
async fn a_users_key_acts_for_nobody_else() {
    let t = TestApp::new().await;
    t.bob.as_user("bob").get(LIST).await.expect(200);
    for name in ["alice", "carol"] {
        let problem = t.bob.as_user(name).get(LIST).await.problem(Code::Forbidden);
        assert!(problem["detail"].as_str().unwrap().contains("`Evergrant-User`"));
    }
}

#[tokio::test]
async fn without_the_database_a_remembered_key_works_and_another_waits() {
    let t = TestApp::new().await;
    t.alice.connect("adele").await;
    let (stranger, _) = t.key(Holder::Service("late".to_owned()), &Permission::ALL).await;
    t.alice.get(LIST).await.expect(200);
    t.store.close().await;
    t.pass(Duration::from_secs(2));
    // The key is known; it is the list that cannot be read.
    t.alice.get("/api/integrations/?limit=0").await.problem(Code::InvalidRequest);
    t.alice.get(LIST).await.problem(Code::StorageUnavailable);
    stranger
        .as_user("alice")
        .get("/api/integrations/?limit=0")
        .await
        .problem(Code::StorageUnavailable);
}

#[test]
fn permissions_have_distinct_names() {
    let names: std::collections::BTreeSet<_> = Permission::ALL.iter().map(|p| p.name()).collect();
    assert_eq!(names.len(), Permission::ALL.len());
}

/// The check of a key, computed on its own: CRC-32 as in IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
