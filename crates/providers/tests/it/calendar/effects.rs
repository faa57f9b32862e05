//! What happens once, late, or not at all.

use std::time::Duration;

use evergrant::capability::Once;
use evergrant::{CallError, Denial, Repeat};
use serde_json::{Value, json};

use super::{calendar, event, given, lunch, once};
use crate::account::{Connected, Graph};

fn denial<T: std::fmt::Debug>(result: Result<T, CallError>) -> Denial {
    let Err(CallError::Denied { denial, .. }) = result else { panic!("{result:?}") };
    denial
}

fn waiting_for_its_link(changes: Value) -> Value {
    event(super::with(json!({ "isOnlineMeeting": true, "onlineMeeting": null }), changes))
}

fn with_its_link() -> Value {
    event(json!({ "isOnlineMeeting": true, "onlineMeeting": { "joinUrl": "https://join" } }))
}

#[tokio::test]
async fn a_link_that_comes_late_is_waited_for() {
    let graph = Graph::default()
        .example("calendar.get.response")
        .answer(201, &waiting_for_its_link(json!({})))
        .answer(200, &waiting_for_its_link(json!({})))
        .example("error.503")
        .answer(200, &with_its_link());
    let account = calendar(&graph).await;
    let new = lunch(json!({ "online_meeting": true }));
    let created = account.run(account.calendars().create_event(&account.api, once(), &new)).await;
    let meeting = created.unwrap().online_meeting.unwrap();
    assert_eq!(meeting.join_url.as_deref(), Some("https://join"));
    assert!(account.uptime() >= Duration::from_millis(3500), "{:?}", account.uptime());
}

#[tokio::test]
async fn a_link_that_never_comes_leaves_the_event_without_one() {
    let mut graph = Graph::default()
        .example("calendar.get.response")
        .answer(201, &waiting_for_its_link(json!({})));
    for _ in 0..7 {
        graph = graph.answer(200, &waiting_for_its_link(json!({})));
    }
    let account = calendar(&graph).await;
    let new = lunch(json!({ "online_meeting": true }));
    let created = account.run(account.calendars().create_event(&account.api, once(), &new)).await;
    assert_eq!(created.unwrap().online_meeting.unwrap().join_url, None);
    assert!(account.uptime() < Duration::from_secs(21));
    assert_eq!(graph.left(), 0);
}

#[tokio::test]
async fn without_a_licence_nobody_is_invited() {
    let none = json!({ "allowedOnlineMeetingProviders": ["skypeForBusiness"] });
    let graph = Graph::default().answer(200, &none);
    let account = calendar(&graph).await;
    let new = lunch(json!({ "online_meeting": true }));
    let refused = account.calendars().create_event(&account.api, once(), &new).await;
    assert_eq!(denial(refused), Denial::NoLicense);
    assert!(graph.sent().is_empty());
}

#[tokio::test]
async fn an_event_that_was_left_without_its_meeting_is_removed_again() {
    let bare = json!({ "isOnlineMeeting": false, "attendees": [] });
    let graph = Graph::default()
        .example("calendar.get.response")
        .answer(201, &event(bare))
        .example("event.delete.response");
    let account = calendar(&graph).await;
    let new = lunch(json!({ "online_meeting": true, "attendees": [] }));
    let refused = account.calendars().create_event(&account.api, once(), &new).await;
    assert_eq!(denial(refused), Denial::NoLicense);
    assert!(graph.asked()[2].starts_with("DELETE /me/events/"));
}

#[tokio::test]
async fn a_key_that_was_used_before_finds_its_event() {
    let graph = Graph::default()
        .example("error.400.duplicate_transaction_id")
        .answer(200, &event(json!({ "id": "AAMkAGI1AAAt9AHjAAA=" })));
    let account = calendar(&graph).await;
    let found = account.calendars().create_event(&account.api, once(), &lunch(json!({}))).await;
    assert_eq!(found.unwrap().id, "AAMkAGI1AAAt9AHjAAA=");
    let asked = &graph.asked()[1];
    assert!(asked.starts_with("GET /me/events/AAMkAGI1AAAt9AHjAAA%3D?$select="), "{asked}");
    assert_eq!(graph.requests()[0].extensions().get(), Some(&Repeat::Safe));
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_refused() {
    for other in [
        json!({ "subject": "Dinner" }),
        json!({ "start": { "dateTime": "2026-10-15T18:00:00.0000000", "timeZone": "UTC" } }),
    ] {
        let graph = Graph::default()
            .example("error.400.duplicate_transaction_id")
            .answer(200, &event(other));
        let account = calendar(&graph).await;
        let found = account.calendars().create_event(&account.api, once(), &lunch(json!({}))).await;
        assert_eq!(denial(found), Denial::Conflict);
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_for_and_not_sent_twice() {
    let tentative = json!({ "response": "tentativelyAccepted", "time": "2026-10-02T00:00:00Z" });
    let answered = event(json!({ "responseStatus": tentative }));
    let cancelled = event(json!({ "isCancelled": true }));
    for (cancels, found) in [(false, Some(answered)), (true, Some(cancelled)), (true, None)] {
        let graph = Graph::default().lost();
        let graph = match &found {
            Some(event) => graph.answer(200, event),
            None => graph.example("error.404.item_not_found"),
        };
        let account = calendar(&graph).await;
        act(&account, cancels).await.unwrap();
        assert_eq!(graph.sent().len(), 1, "cancels: {cancels}");
        assert_eq!(graph.left(), 0);
    }
}

#[tokio::test]
async fn a_request_that_was_lost_on_its_way_is_sent_again() {
    for cancels in [false, true] {
        let graph =
            Graph::default().lost().answer(200, &event(json!({}))).example("action.202.response");
        let account = calendar(&graph).await;
        act(&account, cancels).await.unwrap();
        assert_eq!(graph.sent().len(), 2);
        assert_eq!(graph.requests()[0].extensions().get::<Repeat>(), None);
    }
}

#[tokio::test]
async fn a_repetition_of_what_was_done_sends_nothing() {
    let tentative = json!({ "response": "tentativelyAccepted", "time": "2026-10-02T00:00:00Z" });
    let answered = event(json!({ "responseStatus": tentative }));
    let cancelled = event(json!({ "isCancelled": true }));
    for (cancels, found) in [(false, Some(answered)), (true, Some(cancelled)), (true, None)] {
        let graph = match &found {
            Some(event) => Graph::default().answer(200, event),
            None => Graph::default().example("error.404.item_not_found"),
        };
        let account = calendar(&graph).await;
        act_as(&account, once().again(), cancels).await.unwrap();
        assert!(graph.sent().is_empty(), "cancels: {cancels}");
        assert_eq!(graph.asked().len(), 1);
    }
    // What was not done is; an answer to what is gone is refused.
    for cancels in [false, true] {
        let graph = Graph::default().answer(200, &event(json!({}))).example("action.202.response");
        let account = calendar(&graph).await;
        act_as(&account, once().again(), cancels).await.unwrap();
        assert_eq!(graph.sent().len(), 1);
    }
    let gone =
        Graph::default().example("error.404.item_not_found").example("error.404.item_not_found");
    let account = calendar(&gone).await;
    assert_eq!(denial(act_as(&account, once().again(), false).await), Denial::ItemNotFound);
}

#[tokio::test]
async fn what_nobody_can_tell_is_said() {
    // The act, and every time that its effect is asked for.
    let graph = (0..5).fold(Graph::default(), |graph, _| graph.lost());
    let account = calendar(&graph).await;
    let unknown = act(&account, true).await;
    assert!(matches!(unknown, Err(CallError::OutcomeUnknown { .. })), "{unknown:?}");
    assert_eq!(graph.sent().len(), 1);
}

async fn act(account: &Connected, cancels: bool) -> Result<(), CallError> {
    act_as(account, once(), cancels).await
}

async fn act_as(account: &Connected, once: Once, cancels: bool) -> Result<(), CallError> {
    if cancels {
        account.run(account.calendars().cancel_event(&account.api, once, "id", None)).await
    } else {
        let answer = given(json!({ "response": "tentative" }));
        account.run(account.calendars().respond(&account.api, once, "id", &answer)).await
    }
}

#[tokio::test]
async fn refusals_say_what_is_wrong() {
    let graph = Graph::default()
        .example("error.400.cancel_not_organizer")
        .example("error.400.respond_as_organizer")
        .example("error.412.precondition")
        .example("error.404.item_not_found");
    let account = calendar(&graph).await;
    let (api, calendars) = (&account.api, account.calendars());
    assert_eq!(denial(calendars.cancel_event(api, once(), "id", None).await), Denial::Conflict);
    let answer = given(json!({ "response": "accepted" }));
    assert_eq!(denial(calendars.respond(api, once(), "id", &answer).await), Denial::Conflict);
    let changes = given(json!({ "subject": "New" }));
    let stale = calendars.update_event(api, "id", &changes, Some("W/\"old\"")).await;
    assert_eq!(denial(stale), Denial::ItemChanged);
    assert_eq!(denial(calendars.delete_event(api, "id", None).await), Denial::ItemNotFound);
}

#[tokio::test]
async fn a_permission_that_was_not_granted_is_named() {
    let graph = Graph::default().example("error.403.access_denied");
    let account = Connected::granted("microsoft_calendar", &graph, "Calendars.Read").await;
    let refused = account.calendars().delete_event(&account.api, "id", None).await;
    let needed = vec!["Calendars.ReadWrite".to_owned()];
    assert_eq!(denial(refused), Denial::MissingScope { needed });
}

#[tokio::test]
async fn a_change_never_removes_an_event() {
    let bare = event(json!({ "isOnlineMeeting": false, "attendees": [], "type": "seriesMaster" }));
    let graph =
        Graph::default().answer(200, &bare).example("calendar.get.response").answer(200, &bare);
    let account = calendar(&graph).await;
    let changes = given(json!({ "online_meeting": true }));
    let refused = account.calendars().update_event(&account.api, "id", &changes, None).await;
    assert_eq!(denial(refused), Denial::NoLicense);
    assert!(graph.asked().iter().all(|asked| !asked.starts_with("DELETE")));
}

#[tokio::test]
async fn an_event_that_gets_a_meeting_waits_for_its_link() {
    let graph = Graph::default()
        .answer(200, &event(json!({ "isOnlineMeeting": false })))
        .example("calendar.get.response")
        .answer(200, &waiting_for_its_link(json!({ "attendees": [] })))
        .answer(200, &with_its_link());
    let account = calendar(&graph).await;
    let changes = given(json!({ "online_meeting": true }));
    let update = account.calendars().update_event(&account.api, "id", &changes, None);
    let meeting = account.run(update).await.unwrap().online_meeting.unwrap();
    assert_eq!(meeting.join_url.as_deref(), Some("https://join"));
}

#[tokio::test]
async fn a_change_that_took_effect_before_its_repetition_is_done() {
    for (subject, same) in [("New", true), ("Another's", false)] {
        let graph = Graph::default()
            .lost()
            .example("error.412.precondition")
            .answer(200, &event(json!({ "subject": subject })));
        let account = calendar(&graph).await;
        let changes = given(json!({ "subject": "New", "attendees": [
            { "email": "samanthab@contoso.onmicrosoft.com" },
        ] }));
        let version = Some("W/\"old\"");
        let update = account.calendars().update_event(&account.api, "id", &changes, version);
        match account.run(update).await {
            Ok(event) => assert_eq!((event.subject.as_deref(), same), (Some("New"), true)),
            Err(CallError::Denied { denial, .. }) => {
                assert_eq!((denial, same), (Denial::ItemChanged, false));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(graph.left(), 0);
    }
}

#[tokio::test]
async fn a_creation_without_an_answer_is_unknown_unless_it_never_left() {
    let all = |each: fn(Graph) -> Graph| (0..4).fold(Graph::default(), |graph, _| each(graph));
    let create = async |graph: Graph| {
        let account = calendar(&graph).await;
        let new = lunch(json!({}));
        account.run(account.calendars().create_event(&account.api, once(), &new)).await
    };
    for lost in [all(Graph::lost), all(|graph| graph.example("error.503"))] {
        let lost = create(lost).await;
        assert!(matches!(lost, Err(CallError::OutcomeUnknown { .. })), "{lost:?}");
    }
    let never = create(all(Graph::unsent)).await;
    assert!(matches!(never, Err(CallError::Unavailable { sent: false, .. })), "{never:?}");
}

#[tokio::test]
async fn new_times_are_meant_for_the_event_as_it_was_read() {
    let now = |etag: &str| event(json!({ "@odata.etag": etag }));
    let changes = given(json!({ "start_time": "2026-10-15T11:00:00" }));
    let graph = Graph::default()
        .answer(200, &now("W/\"1\""))
        .example("error.412.precondition")
        .answer(200, &now("W/\"2\""))
        .answer(200, &now("W/\"3\""));
    let account = calendar(&graph).await;
    account.calendars().update_event(&account.api, "id", &changes, None).await.unwrap();
    let version = |n: usize| graph.requests()[n].headers()["if-match"].clone();
    assert_eq!((version(1), version(3)), ("W/\"1\"".parse().unwrap(), "W/\"2\"".parse().unwrap()));

    // Who names a version means that one.
    let graph = Graph::default().answer(200, &now("W/\"2\"")).example("error.412.precondition");
    let account = calendar(&graph).await;
    let version = Some("W/\"1\"");
    let stale = account.calendars().update_event(&account.api, "id", &changes, version).await;
    assert_eq!(denial(stale), Denial::ItemChanged);
    assert_eq!(graph.requests()[1].headers()["if-match"], "W/\"1\"");
}
