//! What changed in copies, since a cursor.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use evergrant::feed::FeedKind;
use evergrant::store::GrantStore;
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use evergrant_store::ItemChangesCursor;
use serde_json::Value;

use crate::app::{TestApp, at};
use crate::caller::Caller;
use crate::copies::{event, event_with, message, message_with, text};
use crate::shelf::id as item;
use crate::snapshot;

const CHANGES: &str = "/api/integrations/changes/";

/// A change as `added evt/1+a=`.
fn told(change: &Value) -> String {
    let text = |name: &str| change[name].as_str().unwrap_or_default().to_owned();
    let reason = change["reason"].as_str().map(|reason| format!(" ({reason})"));
    format!("{} {}{}", text("change"), text("id"), reason.unwrap_or_default())
}

/// Everything since this cursor, by pages of `limit`, and the cursor after it.
async fn since(caller: &Caller, cursor: &str, limit: usize) -> (Vec<String>, String) {
    let (mut all, mut cursor) = (Vec::new(), cursor.to_owned());
    loop {
        let from = if cursor.is_empty() { cursor.clone() } else { format!("cursor={cursor}&") };
        let page = caller.get(&format!("{CHANGES}?{from}limit={limit}")).await.expect(200).json();
        let results = page["results"].as_array().unwrap();
        assert!(results.len() <= limit);
        all.extend(results.iter().map(told));
        page["cursor"].as_str().unwrap().clone_into(&mut cursor);
        if page["more"] == false {
            return (all, cursor);
        }
    }
}

#[tokio::test]
async fn changes_say_what_became_of_each_item() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    t.copy(&id, FeedKind::Calendar, vec![event(1)]).await;
    t.copy(&id, FeedKind::Email, vec![message(1), message(2)]).await;
    let (_, cursor) = since(&t.alice, "", 50).await;
    t.pass(Duration::from_mins(1));
    let other = event_with(1, |it| it.subject = Some("Other".to_owned()));
    t.copy(&id, FeedKind::Calendar, vec![other, event(3)]).await;
    t.copy(&id, FeedKind::Email, vec![message(2)]).await;
    let answer = t.alice.get(&format!("{CHANGES}?cursor={cursor}")).await.expect(200);
    snapshot!("changes", answer);
}

#[tokio::test]
async fn whoever_follows_the_cursor_hears_of_everything_once() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let other = t.bob.connect("boris").await;
    t.enrol().await;
    for limit in [1, 2, 3, 50] {
        let (_, start) = since(&t.alice, "", 50).await;
        let (_, now) = (0, t.alice.get(&format!("{CHANGES}?cursor=now")).await.json());
        assert_eq!(now["cursor"], start, "a cursor that begins now is the one at the end");
        let subject = format!("round {limit}");
        let renamed = |n| event_with(n, |it| it.subject = Some(subject.clone()));
        t.copy(&id, FeedKind::Calendar, (1..=5).map(renamed).collect()).await;
        t.copy(&id, FeedKind::Email, (1..=4).map(message).collect()).await;
        t.copy(&other, FeedKind::Calendar, (1..=3).map(renamed).collect()).await;
        let (told, cursor) = since(&t.alice, &start, limit).await;
        let word = if limit == 1 { "added" } else { "updated" };
        let mut expected: Vec<_> = (1..=5).map(|n| format!("{word} {}", item("evt", n))).collect();
        if limit == 1 {
            expected.extend((1..=4).map(|n| format!("added {}", item("msg", n))));
        }
        assert_eq!(told, expected, "by {limit}");
        // Nothing has changed: nothing is told.
        t.copy(&id, FeedKind::Calendar, (1..=5).map(renamed).collect()).await;
        assert_eq!(since(&t.alice, &cursor, limit).await, (vec![], cursor), "by {limit}");
    }
}

#[tokio::test]
async fn several_changes_of_one_item_are_told_as_the_last() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    t.copy(&id, FeedKind::Calendar, vec![event(1), event(2)]).await;
    let (_, cursor) = since(&t.alice, "", 50).await;
    let named = |subject: &str| event_with(1, |it| it.subject = Some(subject.to_owned()));
    t.copy(&id, FeedKind::Calendar, vec![named("once"), event(2), event(3)]).await;
    t.copy(&id, FeedKind::Calendar, vec![named("twice")]).await;
    let page = t.alice.get(&format!("{CHANGES}?cursor={cursor}")).await.expect(200).json();
    let mut told: Vec<_> = page["results"].as_array().unwrap().iter().map(told).collect();
    told.sort_unstable();
    // The third came and went in between.
    let expected =
        [format!("deleted {} (deleted)", item("evt", 2)), format!("updated {}", item("evt", 1))];
    assert_eq!(told, expected);
    let of = |id: &str| {
        let all = page["results"].as_array().unwrap();
        all.iter().find(|it| it["id"] == id).unwrap().clone()
    };
    assert_eq!(of(&item("evt", 1))["item"]["subject"], "twice");
    assert_eq!(of(&item("evt", 2))["item"], Value::Null);
    // From the beginning there are only those that are.
    assert_eq!(since(&t.alice, "", 50).await.0, [format!("added {}", item("evt", 1))]);
}

#[tokio::test]
async fn what_was_disconnected_is_told_as_deleted() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    t.copy(&id, FeedKind::Email, vec![message(1)]).await;
    let (_, cursor) = since(&t.alice, "", 50).await;
    t.alice.delete(&at(&id, "")).await.expect(204);
    t.enrol().await;
    let expected = [format!("deleted {} (disconnected)", item("msg", 1))];
    assert_eq!(since(&t.alice, &cursor, 50).await.0, expected);
}

#[tokio::test]
async fn a_key_hears_of_what_it_may_read_and_its_cursor_skips_nothing() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    let mut callers = Vec::new();
    for (permission, kind) in
        [(Permission::CalendarRead, "event"), (Permission::MailRead, "message")]
    {
        callers.push((t.key(t.user("alice").await, &[permission]).await.0, kind, String::new()));
    }
    for round in 0..3 {
        t.copy(&id, FeedKind::Calendar, vec![event(3 * round + 1), event(3 * round + 2)]).await;
        t.copy(&id, FeedKind::Email, vec![message(round + 1)]).await;
        for (caller, kind, cursor) in &mut callers {
            let (told, next) = since(caller, cursor, 1).await;
            let added = told.iter().filter(|it| it.starts_with("added")).count();
            assert_eq!(added, if *kind == "event" { 2 } else { 1 }, "{kind}: {told:?}");
            let short = if *kind == "event" { "evt" } else { "msg" };
            assert!(told.iter().all(|it| it.contains(short)), "{kind}: {told:?}");
            *cursor = next;
        }
    }
    let (caller, kind, _) = &callers[1];
    let page = caller.get(CHANGES).await.expect(200).json();
    assert!(page["results"].as_array().unwrap().iter().all(|it| it["kind"] == *kind));
    let feeds: Vec<_> = page["feeds"].as_array().unwrap().iter().map(|it| &it["feed"]).collect();
    assert_eq!(feeds, ["email"]);
}

#[tokio::test]
async fn bodies_come_with_changes_that_ask_for_them() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    t.copy(&id, FeedKind::Email, vec![message_with(1, |it| it.body = Some(text("Hello.")))]).await;
    let body = async |query: &str| {
        let page = t.alice.get(&format!("{CHANGES}{query}")).await.expect(200).json();
        page["results"][0]["item"]["body"].clone()
    };
    assert_eq!(body("").await, Value::Null);
    assert_eq!(body("?include_body=true").await["content"], "Hello.");
}

#[tokio::test]
async fn what_is_no_cursor_is_refused() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    t.copy(&id, FeedKind::Email, vec![message(1)]).await;
    let (_, alices) = since(&t.alice, "", 50).await;
    let below = ItemChangesCursor::since(-1).to_string();
    assert_eq!(alices, ItemChangesCursor::since(1).to_string());
    for cursor in ["", "1", "Now", "AAAAAAAAAAEAAAAA", &below, &alices[1..], &format!("{alices}A")]
    {
        let problem = t.alice.get(&format!("{CHANGES}?cursor={cursor}")).await;
        let problem = problem.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], "cursor", "{cursor:?}");
    }
    for query in ["wait=31", "wait=-1", "limit=0", "limit=201", "since=now"] {
        t.alice.get(&format!("{CHANGES}?{query}")).await.problem(Code::InvalidRequest);
    }
}

#[tokio::test]
async fn a_cursor_older_than_what_is_kept_must_begin_again() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    t.copy(&id, FeedKind::Email, vec![message(1), message(2)]).await;
    let (_, early) = since(&t.alice, "", 50).await;
    t.copy(&id, FeedKind::Email, vec![message(1)]).await;
    let (_, late) = since(&t.alice, &early, 50).await;
    t.pass(Duration::from_hours(29 * 24));
    assert_eq!(since(&t.alice, &early, 50).await.0.len(), 1);
    t.pass(Duration::from_hours(2 * 24));
    t.store.tidy().await.unwrap();
    t.alice.get(&format!("{CHANGES}?cursor={early}")).await.problem(Code::CursorExpired);
    t.alice.get(&format!("{CHANGES}?cursor={late}")).await.expect(200);
    assert_eq!(since(&t.alice, "", 50).await.0, [format!("added {}", item("msg", 1))]);
}

#[tokio::test]
async fn whoever_waits_hears_of_the_first_change() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    let (reader, _) = t.key(t.user("alice").await, &[Permission::MailRead]).await;
    let url = format!("{CHANGES}?cursor=now&wait=30");
    let mut waiting = pin!(reader.get(&url));
    t.until_looks(waiting.as_mut()).await;
    // Not for this key.
    t.copy(&id, FeedKind::Calendar, vec![event(1)]).await;
    t.until_looks_again(waiting.as_mut()).await;
    t.copy(&id, FeedKind::Email, vec![message(1)]).await;
    t.pass(Duration::from_millis(500));
    let page = waiting.await.expect(200).json();
    assert_eq!(told(&page["results"][0]), format!("added {}", item("msg", 1)));
    // Nothing more comes: patience ends.
    let mut waiting = pin!(reader.get(&url));
    t.until_looks(waiting.as_mut()).await;
    t.pass(Duration::from_secs(30));
    let page = waiting.await.expect(200).json();
    assert_eq!(page["results"], serde_json::json!([]));
    // And a process that stops keeps nobody.
    let waiting = reader.get(&url);
    let (page, ()) = tokio::join!(waiting, t.settle());
    page.expect(200);
}

#[tokio::test]
async fn changes_are_counted_for_each_user_alone() {
    let t = TestApp::new().await;
    let mut accounts = BTreeMap::new();
    for (name, caller) in [("alice", &t.alice), ("bob", &t.bob)] {
        accounts.insert(name, caller.connect(name).await);
    }
    t.enrol().await;
    for account in accounts.values() {
        t.copy(account, FeedKind::Email, vec![message(1)]).await;
    }
    for (name, caller) in [("alice", &t.alice), ("bob", &t.bob)] {
        let page = caller.get(CHANGES).await.expect(200).json();
        assert_eq!(page["results"].as_array().unwrap().len(), 1);
        assert_eq!(page["results"][0]["integration_id"], accounts[name]);
    }
    assert_eq!(since(&t.service.as_user("bob"), "", 1).await.0.len(), 1);
}
