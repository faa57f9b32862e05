//! The lists of what copies hold.

use std::collections::BTreeSet;

use evergrant::feed::FeedKind;
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use serde_json::Value;

use crate::app::{LIST, TestApp, at};
use crate::caller::{Answer, Caller};
use crate::copies::{event, event_with, message, message_with, text};
use crate::shelf::{self, adele, id as item};
use crate::snapshot;

const EVENTS: &str = "/api/integrations/calendar-events/";
const MESSAGES: &str = "/api/integrations/email-messages/";

/// The ids in an answer, in order.
fn ids(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let results = body["results"].as_array().unwrap();
    results.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn events(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| item("evt", number)).collect()
}

fn messages(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|number| item("msg", number)).collect()
}

/// Alice with two accounts and Bob with one, and what is copied of each.
async fn filled(t: &TestApp) -> [String; 3] {
    let accounts = [
        t.alice.connect("adele").await,
        t.alice.connect("boris").await,
        t.bob.connect("carla").await,
    ];
    t.enrol().await;
    for (account, numbers) in accounts.iter().zip([[1, 4], [2, 5], [3, 6]]) {
        t.copy(account, FeedKind::Calendar, numbers.map(event).into()).await;
        t.copy(account, FeedKind::Email, numbers.map(message).into()).await;
    }
    accounts
}

#[tokio::test]
async fn stored_events_are_as_the_live_list_has_them_with_whose_they_are() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    t.copy(&id, FeedKind::Calendar, vec![event_with(1, |it| *it = shelf::event(1))]).await;
    let stored = t.alice.get(EVENTS).await.expect(200);
    snapshot!("stored_events", stored);
    let live = at(&id, "calendar-events/?start_date=2026-01-02&limit=1");
    let mut live = t.alice.get(&live).await.expect(200).json()["results"][0].clone();
    live["integration_id"] = Value::from(id);
    live["provider"] = Value::from("acme_calendar");
    assert_eq!(stored.json()["results"][0], live);
}

#[tokio::test]
async fn stored_messages_are_as_the_live_list_has_them_with_whose_they_are() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    t.copy(&id, FeedKind::Email, vec![message_with(1, |it| *it = shelf::message(1))]).await;
    let stored = t.alice.get(MESSAGES).await.expect(200);
    snapshot!("stored_messages", stored);
    let live = at(&id, "email-messages/?limit=1");
    let mut live = t.alice.get(&live).await.expect(200).json()["results"][0].clone();
    live["integration_id"] = Value::from(id);
    live["provider"] = Value::from("acme_calendar");
    assert_eq!(stored.json()["results"][0], live);
}

#[tokio::test]
async fn what_the_syncer_copied_is_listed() {
    let t = TestApp::new().await;
    t.alice.connect("adele").await;
    assert_eq!(t.syncer.work_once().await.unwrap(), 2);
    let all = t.alice.get(EVENTS).await.expect(200);
    assert_eq!(BTreeSet::from_iter(ids(&all)), BTreeSet::from_iter(events(1..=3)));
    let feeds = all.json()["feeds"].clone();
    assert_eq!((&feeds[0]["state"], &feeds[0]["items"]), (&"idle".into(), &3.into()));
    assert_eq!(feeds[0]["as_of"], "2026-01-01T00:00:00Z");
    assert_eq!(ids(&t.alice.get(MESSAGES).await.expect(200)).len(), 3);
}

#[tokio::test]
async fn each_user_sees_the_items_of_all_own_accounts_and_no_others() {
    let t = TestApp::new().await;
    let accounts = filled(&t).await;
    let feeds = |answer: &Answer| {
        let body = answer.json();
        let feeds = body["feeds"].as_array().unwrap().iter();
        feeds.map(|it| it["integration_id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    for (caller, numbers, own) in
        [(&t.alice, vec![1, 2, 4, 5], &accounts[..2]), (&t.bob, vec![3, 6], &accounts[2..])]
    {
        let found = caller.get(EVENTS).await.expect(200);
        assert_eq!(ids(&found), events(numbers.clone()));
        assert_eq!(feeds(&found), own.iter().cloned().collect());
        let found = caller.get(MESSAGES).await.expect(200);
        assert_eq!(ids(&found), messages(numbers.into_iter().rev()));
        assert_eq!(feeds(&found), own.iter().cloned().collect());
    }
    let one = t.alice.get(&format!("{EVENTS}?integration_id={}", accounts[1])).await.expect(200);
    assert_eq!(ids(&one), events([2, 5]));
    assert_eq!(feeds(&one), BTreeSet::from([accounts[1].clone()]));
    let mut answers = BTreeSet::new();
    for other in [&accounts[2], "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708", "x", "", "%00"] {
        for list in [EVENTS, MESSAGES] {
            let answer = t.alice.get(&format!("{list}?integration_id={other}")).await;
            answer.problem(Code::IntegrationNotFound);
            answers.insert(answer.anonymous());
        }
    }
    assert_eq!(answers.len(), 1);
    // What was disconnected is gone at the next look at what changed.
    t.alice.delete(&at(&accounts[0], "")).await.expect(204);
    t.enrol().await;
    assert_eq!(ids(&t.alice.get(EVENTS).await.expect(200)), events([2, 5]));
}

/// Follows `next` from this address to the list's end.
async fn walk(caller: &Caller, first: &str) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut next) = (Vec::new(), 0, Some(first.to_owned()));
    while let Some(url) = next {
        let page = caller.get(&url).await.expect(200);
        found.extend(ids(&page));
        pages += 1;
        let after = page.json()["next"].as_str().map(str::to_owned);
        next =
            after.map(|next| next.strip_prefix("https://grants.example.com").unwrap().to_owned());
    }
    (found, pages)
}

#[tokio::test]
async fn pages_lead_to_the_end_without_loss_or_repetition() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let other = t.alice.connect("boris").await;
    t.enrol().await;
    // Many begin at one moment, in two accounts.
    let same = |number| event_with(number, |_| {});
    let all: Vec<_> =
        (1..=7).map(|number| evergrant::store::Item { at: same(1).at, ..same(number) }).collect();
    t.copy(&id, FeedKind::Calendar, all.clone()).await;
    t.copy(&other, FeedKind::Calendar, all).await;
    t.copy(&id, FeedKind::Email, (1..=7).map(message).collect()).await;
    let whole = ids(&t.alice.get(EVENTS).await.expect(200));
    assert_eq!(whole.len(), 14);
    for limit in [1, 2, 3, 5, 14, 15] {
        let (found, pages) = walk(&t.alice, &format!("{EVENTS}?limit={limit}")).await;
        assert_eq!(found, whole, "by {limit}");
        assert_eq!(pages, 14_usize.div_ceil(limit), "by {limit}");
        let first = format!("{MESSAGES}?limit={limit}&is_read=false&since=2026-01-02T10:00:00Z");
        let (found, _) = walk(&t.alice, &first).await;
        assert_eq!(found, messages((2..=7).rev()), "by {limit}");
    }
}

#[tokio::test]
async fn events_are_chosen_by_what_is_given_and_pages_keep_to_it() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    let alex = |it: &mut evergrant::capability::Event| {
        it.organizer = Some(evergrant::capability::Person {
            name: None,
            email: Some("alex@example.com".to_owned()),
        });
        it.subject = Some("Budget & plans".to_owned());
        it.importance = evergrant::capability::Importance::High;
    };
    let all = vec![event(1), event_with(2, alex), event(3), event_with(30, alex)];
    t.copy(&id, FeedKind::Calendar, all).await;
    for (query, numbers) in [
        ("", vec![1, 2, 3, 30]),
        ("organizer=Alex@Example.com", vec![2, 30]),
        ("attendee=ADELE@acme.test", vec![1, 3]),
        ("search=budget", vec![2, 30]),
        ("search=plans%20%26%20bud", vec![2, 30]),
        ("importance=high", vec![2, 30]),
        ("importance=low", vec![]),
        ("provider=acme_calendar", vec![1, 2, 3, 30]),
        ("provider=acme_bank", vec![]),
        ("start_date=2026-01-03", vec![30]),
        ("end_date=2026-01-02", vec![1, 2, 3]),
        ("start_date=2026-01-02T10:00:00Z&end_date=2026-01-02T11:00:00Z", vec![2]),
        ("start_date=2026-01-02T12:00:00%2B01:00&end_date=2026-01-02T13:00:00+01:00", vec![3]),
        ("start_date=2026-01-02T19:00:00&time_zone=Asia/Tokyo&end_date=2026-01-02", vec![2, 3]),
    ] {
        let (found, _) = walk(&t.alice, &format!("{EVENTS}?{query}&limit=1")).await;
        assert_eq!(found, events(numbers), "{query}");
    }
}

#[tokio::test]
async fn messages_are_chosen_by_what_is_given() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    let read = message_with(2, |it| {
        it.is_read = true;
        it.folder_id = Some("fld/2+a=".to_owned());
        it.from = Some(adele());
        it.subject = Some("Very important".to_owned());
    });
    t.copy(&id, FeedKind::Email, vec![message(1), read, message(3)]).await;
    for (query, numbers) in [
        ("", vec![3, 2, 1]),
        ("is_read=true", vec![2]),
        ("is_read=false", vec![3, 1]),
        ("search=IMPORTANT", vec![2]),
        ("search=very%20important&is_read=false", vec![]),
        ("folder=fld/2%2Ba%3D", vec![2]),
        ("sender=Adele@acme.test&search=important", vec![2]),
        ("participant=nobody@acme.test", vec![]),
        ("since=2026-01-02T10:00:00Z", vec![3, 2]),
        ("until=2026-01-02T10:00:00Z", vec![1]),
        ("provider=acme_calendar", vec![3, 2, 1]),
    ] {
        let (found, _) = walk(&t.alice, &format!("{MESSAGES}?{query}")).await;
        assert_eq!(found, messages(numbers), "{query}");
    }
}

#[tokio::test]
async fn bodies_come_where_they_are_kept_and_asked_for() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.enrol().await;
    let kept = message_with(2, |it| it.body = Some(text("\"body\":null, she said")));
    t.copy(&id, FeedKind::Email, vec![message(1), kept]).await;
    t.copy(&id, FeedKind::Calendar, vec![event_with(1, |it| it.body = Some(text("Bring cake.")))])
        .await;
    let body = |answer: Answer, nth: usize| answer.json()["results"][nth]["body"].clone();
    assert_eq!(body(t.alice.get(MESSAGES).await, 0), Value::Null);
    let url = format!("{MESSAGES}?include_body=true&limit=1");
    assert_eq!(body(t.alice.get(&url).await, 0)["content"], "\"body\":null, she said");
    let next = t.alice.get(&url).await.json()["next"].as_str().unwrap().to_owned();
    assert!(next.contains("include_body=true"), "{next}");
    let next = t.alice.get(next.strip_prefix("https://grants.example.com").unwrap()).await;
    assert_eq!(body(next, 0), Value::Null);
    let url = format!("{EVENTS}?include_body=true");
    assert_eq!(body(t.alice.get(&url).await, 0)["content"], "Bring cake.");
    assert_eq!(body(t.alice.get(EVENTS).await, 0), Value::Null);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let t = TestApp::new().await;
    for (list, query, named) in [
        (EVENTS, "limit=0", "limit"),
        (EVENTS, "limit=201", "limit"),
        (EVENTS, "start_date=tomorrow", "start_date"),
        (EVENTS, "start_date=2026-01-02&end_date=2026-01-01", "end_date"),
        (EVENTS, "cursor=x", "cursor"),
        (EVENTS, "cursor=", "cursor"),
        (EVENTS, "calendar=x", "calendar"),
        (MESSAGES, "since=2026-01-02&until=2026-01-01", "until"),
        (MESSAGES, "folder=inbox", "folder"),
        (MESSAGES, "folder=SentItems", "folder"),
        (MESSAGES, "is_read=maybe", "is_read"),
        (MESSAGES, "cursor=AAAA", "cursor"),
    ] {
        let problem = t.alice.get(&format!("{list}?{query}")).await.problem(Code::InvalidRequest);
        assert_eq!(problem["errors"][0]["pointer"], named, "{query}");
    }
    for list in [EVENTS, MESSAGES] {
        let problem = t.alice.get(&format!("{list}?provider=acme_mail")).await;
        let known = problem.problem(Code::UnknownProvider)["providers"].to_string();
        assert!(known.contains("acme_calendar"), "{known}");
    }
}

#[tokio::test]
async fn a_key_lists_what_it_may_read() {
    let t = TestApp::new().await;
    filled(&t).await;
    for (permission, may, may_not) in
        [(Permission::CalendarRead, EVENTS, MESSAGES), (Permission::MailRead, MESSAGES, EVENTS)]
    {
        let (caller, _) = t.key(t.user("alice").await, &[permission]).await;
        assert_eq!(ids(&caller.get(may).await.expect(200)).len(), 4);
        caller.get(may_not).await.problem(Code::Forbidden);
    }
    // A list of integrations is still one.
    assert_eq!(t.alice.get(LIST).await.expect(200).json()["results"].as_array().unwrap().len(), 2);
}
