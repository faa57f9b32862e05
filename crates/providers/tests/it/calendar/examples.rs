//! Every example of the contract: read into our words, and sent as it stands there.

use evergrant::capability::{EventQuery, SuggestionsAsk};
use insta::assert_json_snapshot;
use serde_json::json;

use super::{calendar, given, lunch, once};
use crate::account::Graph;
use crate::examples::{answering, covers, of_calendars_and_meetings};

const LUNCH: &str = "AAMkAGI1AAAt9AHjAAA=";
const SERIES: &str = "AAMkADQwMDSERIES=";

fn october() -> EventQuery {
    EventQuery {
        calendar: None,
        series: None,
        from: "2026-10-01T00:00:00Z".parse().unwrap(),
        to: "2026-10-31T00:00:00Z".parse().unwrap(),
        zone: None,
        limit: 2,
    }
}

#[test]
fn every_example_has_its_test() {
    let tests = [
        include_str!("examples.rs"),
        include_str!("recurrences.rs"),
        include_str!("effects.rs"),
        include_str!("../meetings.rs"),
    ]
    .concat();
    // There is no operation that forwards an invitation.
    let without = ["event.forward.request"];
    for name in of_calendars_and_meetings() {
        let tested = tests.contains(&format!("\"{name}\"")) || without.contains(&name.as_str());
        assert!(tested, "{name}");
    }
}

#[tokio::test]
async fn calendars_are_listed() {
    let (graph, account) = answering("microsoft_calendar", "calendars.list.response").await;
    let calendars = account.calendars().calendars(&account.api).await.unwrap();
    assert_json_snapshot!("calendars", calendars);
    covers(&graph.requests()[0], "calendars.list.request");
    let asked = graph.asked().remove(0);
    assert!(asked.contains("&$select=id,name,color,"), "{asked}");
}

#[tokio::test]
async fn a_span_of_time_is_listed() {
    let (graph, account) = answering("microsoft_calendar", "calendarview.list.response").await;
    let page = account.calendars().events(&account.api, &october(), None).await.unwrap();
    assert_json_snapshot!("calendarview", page.results);
    covers(&graph.requests()[0], "calendarview.list.request");
    let asked = graph.asked().remove(0);
    // A day more on each side, for whole days.
    let window = "?startDateTime=2026-09-30T00:00:00Z&endDateTime=2026-11-01T00:00:00Z&$top=2&";
    assert!(asked.contains(window), "{asked}");
    assert!(asked.ends_with("&$orderby=start/dateTime"), "{asked}");
    for (yes, name) in [
        (true, "isOnlineMeeting,onlineMeeting,"),
        (false, "createdDateTime"),
        (false, "lastModifiedDateTime"),
    ] {
        assert_eq!(asked.contains(name), yes, "{name}");
    }
    let prefer = graph.requests()[0].headers()["prefer"].to_str().unwrap().to_owned();
    assert!(prefer.contains("outlook.timezone=\"UTC\""), "{prefer}");
}

#[tokio::test]
async fn the_occurrences_of_a_series_are_listed() {
    let (graph, account) = answering("microsoft_calendar", "event.instances.response").await;
    let query = EventQuery {
        series: Some(SERIES.to_owned()),
        zone: Some("Europe/Berlin".parse().unwrap()),
        ..october()
    };
    let page = account.calendars().events(&account.api, &query, None).await.unwrap();
    assert_json_snapshot!("instances", page.results);
    covers(&graph.requests()[0], "event.instances.request");
}

#[tokio::test]
async fn an_event_is_read() {
    let (graph, account) = answering("microsoft_calendar", "event.get.response").await;
    let event = account.calendars().event(&account.api, LUNCH).await.unwrap();
    assert_json_snapshot!("event", event);
    covers(&graph.requests()[0], "event.get.request");
}

#[tokio::test]
async fn an_event_is_created() {
    let (graph, account) = answering("microsoft_calendar", "event.create.response").await;
    let created = account.calendars().create_event(&account.api, once(), &lunch(json!({}))).await;
    assert_json_snapshot!("created", created.unwrap());
    assert!(without_id(&graph, "event.create.request").is_empty());
}

#[tokio::test]
async fn a_series_is_created() {
    let (graph, account) = answering("microsoft_calendar", "event.create.recurring.response").await;
    let series = lunch(json!({
        "start_time": "2026-10-05T12:00:00-07:00",
        "end_time": "2026-10-05T14:00:00-07:00",
        "recurrence": {
            "pattern": { "type": "weekly", "days": ["monday"] },
            "range": { "type": "end_date", "end": "2026-12-31" },
        },
    }));
    let created = account.calendars().create_event(&account.api, once(), &series).await;
    assert_json_snapshot!("created_series", created.unwrap());
    assert_eq!(
        without_id(&graph, "event.create.recurring.request"),
        ["/recurrence/pattern/firstDayOfWeek", "/recurrence/range/recurrenceTimeZone"]
    );
}

#[tokio::test]
async fn an_event_with_an_online_meeting_is_created() {
    let graph =
        Graph::default().example("calendar.get.response").example("event.create.online.response");
    let account = calendar(&graph).await;
    let event = lunch(json!({ "online_meeting": true }));
    let created = account.calendars().create_event(&account.api, once(), &event).await.unwrap();
    assert_json_snapshot!("created_online", created);
    assert_eq!(graph.asked()[0], "GET /me/calendar?$select=allowedOnlineMeetingProviders");
    assert!(without_id(&graph, "event.create.online.request").is_empty());
}

/// The name of the effect is ours; the rest is the example's.
fn without_id(graph: &Graph, name: &str) -> Vec<String> {
    let mut request = graph.requests().pop().unwrap();
    let mut body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body["transactionId"], once().to_string());
    body["transactionId"] =
        crate::account::example(name)["request"]["body"]["transactionId"].clone();
    *request.body_mut() = body.to_string().into();
    covers(&request, name)
}

#[tokio::test]
async fn an_event_is_changed() {
    let graph = Graph::default()
        .example("event.get.response")
        .example("calendar.get.response")
        .example("event.update.response");
    let account = calendar(&graph).await;
    let changes = given(json!({
        "subject": "Lunch moved",
        "start_time": "2026-10-15T13:00:00",
        "end_time": "2026-10-15T14:00:00",
        "time_zone": "America/Los_Angeles",
        "recurrence": null,
        "online_meeting": true,
        "reminder_minutes": 30,
        "categories": ["Red category"],
    }));
    let version = "W/\"ZlnW4RIAV06KYYwlrfNZvQAALfZeRQ==\"";
    let calendars = account.calendars();
    let event = calendars.update_event(&account.api, LUNCH, &changes, Some(version)).await;
    assert_json_snapshot!("changed", event.unwrap());
    let request = graph.requests().pop().unwrap();
    assert_eq!(request.headers()["if-match"], version);
    assert!(covers(&request, "event.update.request").is_empty());
}

#[tokio::test]
async fn an_event_is_removed() {
    let (graph, account) = answering("microsoft_calendar", "event.delete.response").await;
    account.calendars().delete_event(&account.api, LUNCH, Some("W/\"a\"")).await.unwrap();
    let request = graph.requests().pop().unwrap();
    covers(&request, "event.delete.request");
    assert_eq!(request.headers()["if-match"], "W/\"a\"");
}

#[tokio::test]
async fn a_meeting_is_called_off_and_invitations_are_answered() {
    let other = json!({
        "comment": "comment-value",
        "time_zone": "America/Los_Angeles",
        "proposed_start_time": "2026-10-16T12:00:00",
        "proposed_end_time": "2026-10-16T14:00:00",
    });
    for (name, response, rest) in [
        ("event.accept.request", "accepted", json!({ "comment": "comment-value" })),
        ("event.tentativelyAccept.request", "tentative", other.clone()),
        ("event.decline.request", "declined", other),
    ] {
        let (graph, account) = answering("microsoft_calendar", "action.202.response").await;
        let answer = given(super::with(rest, json!({ "response": response })));
        account.calendars().respond(&account.api, once(), LUNCH, &answer).await.unwrap();
        assert!(covers(&graph.requests()[0], name).is_empty(), "{name}");
    }
    let (graph, account) = answering("microsoft_calendar", "action.202.response").await;
    let comment = Some("Cancelling for this week due to all hands");
    account.calendars().cancel_event(&account.api, once(), LUNCH, comment).await.unwrap();
    assert!(covers(&graph.requests()[0], "event.cancel.request").is_empty());
}

#[tokio::test]
async fn who_is_free_when_is_told() {
    let (graph, account) = answering("microsoft_calendar", "getschedule.response").await;
    let ask = given(json!({
        "emails": [
            "adelev@contoso.onmicrosoft.com",
            "meganb@contoso.onmicrosoft.com",
            "nobody@contoso.onmicrosoft.com",
        ],
        "start_time": "2026-10-15T09:00:00",
        "end_time": "2026-10-15T18:00:00",
        "time_zone": "America/Los_Angeles",
        "interval_minutes": 60,
    }));
    let told = account.calendars().availability(&account.api, &ask).await.unwrap();
    assert_json_snapshot!("availability", told);
    assert!(covers(&graph.requests()[0], "getschedule.request").is_empty());
}

fn hour_in_october() -> SuggestionsAsk {
    given(json!({
        "attendees": [{ "email": "alexw@contoso.onmicrosoft.com", "name": "Alex Wilbur" }],
        "duration_minutes": 60,
        "start_time": "2026-10-16T09:00:00",
        "end_time": "2026-10-18T17:00:00",
        "time_zone": "America/Los_Angeles",
        "minimum_attendee_percentage": 100.0,
    }))
}

#[tokio::test]
async fn times_are_suggested() {
    let (graph, account) = answering("microsoft_calendar", "findmeetingtimes.response").await;
    let ask = hour_in_october();
    let found = account.calendars().suggest_times(&account.api, &ask).await.unwrap();
    assert_json_snapshot!("suggestions", found);
    // Places are not asked for.
    let mut request = graph.requests().pop().unwrap();
    let mut body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    let theirs = crate::account::example("findmeetingtimes.request");
    body["locationConstraint"] = theirs["request"]["body"]["locationConstraint"].clone();
    *request.body_mut() = body.to_string().into();
    assert!(covers(&request, "findmeetingtimes.request").is_empty());

    let (_, account) = answering("microsoft_calendar", "findmeetingtimes.empty.response").await;
    let found = account.calendars().suggest_times(&account.api, &ask).await.unwrap();
    assert!(found.results.is_empty());
    assert_eq!(found.empty_reason.as_deref(), Some("attendeesUnavailable"));
}
