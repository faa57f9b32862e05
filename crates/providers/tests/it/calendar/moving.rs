//! Times, zones and words at their edges.

use evergrant::capability::{EventQuery, Moment, NewEvent, ShowAs};
use evergrant::{CallError, Denial};
use serde_json::{Value, json};

use super::{calendar, event, given, lunch, once};
use crate::account::Graph;

/// Changes an event that Graph says is `now`, and gives what was sent.
async fn changed(now: Value, changes: Value) -> Result<Value, CallError> {
    let graph = Graph::default().answer(200, &now).answer(200, &now);
    let account = calendar(&graph).await;
    account.calendars().update_event(&account.api, "id", &given(changes), None).await?;
    Ok(graph.sent().remove(0))
}

fn series() -> Value {
    event(json!({
        "type": "seriesMaster",
        "recurrence": {
            "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["thursday"] },
            "range": { "type": "noEnd", "startDate": "2026-10-15",
                "recurrenceTimeZone": "Pacific Standard Time" },
        },
    }))
}

fn pointer<T: std::fmt::Debug>(result: Result<T, CallError>) -> String {
    let Err(CallError::Invalid { pointer, .. }) = result else { panic!("{result:?}") };
    pointer
}

#[tokio::test]
async fn a_time_without_an_offset_is_one_in_the_events_zone() {
    let sent = changed(event(json!({})), json!({ "start_time": "2026-10-15T11:00:00" })).await;
    let start = json!({ "dateTime": "2026-10-15T11:00:00", "timeZone": "Pacific Standard Time" });
    assert_eq!(sent.unwrap(), json!({ "start": start }));
}

#[tokio::test]
async fn a_series_that_moves_takes_its_recurrence_along() {
    let sent = changed(
        series(),
        json!({
            "start_time": "2026-10-22T09:00:00", "end_time": "2026-10-22T10:00:00",
            "time_zone": "Europe/Berlin",
        }),
    );
    let sent = sent.await.unwrap();
    let range = &sent["recurrence"]["range"];
    assert_eq!(range["startDate"], "2026-10-22");
    assert_eq!(range["recurrenceTimeZone"], "W. Europe Standard Time");
    assert_eq!(sent["recurrence"]["pattern"]["daysOfWeek"], json!(["thursday"]));
    assert_eq!(sent["start"]["timeZone"], "W. Europe Standard Time");
}

#[tokio::test]
async fn a_zone_alone_does_not_say_what_stays() {
    let alone = changed(series(), json!({ "time_zone": "Europe/Berlin" })).await;
    assert_eq!(pointer(alone), "/start_time");
}

#[tokio::test]
async fn what_does_not_depend_on_times_is_sent_without_reading() {
    let graph = Graph::default().answer(200, &event(json!({})));
    let account = calendar(&graph).await;
    let changes =
        given(json!({ "show_as": "out_of_office", "reminder_minutes": null, "body": null }));
    account.calendars().update_event(&account.api, "id", &changes, None).await.unwrap();
    let empty = json!({ "contentType": "text", "content": "" });
    let sent = json!({ "showAs": "oof", "isReminderOn": false, "body": empty });
    assert_eq!(graph.sent(), [sent]);
}

#[tokio::test]
async fn no_change_is_no_letter_to_everybody() {
    for (version, same) in [(None, true), (Some("W/\"old\""), false)] {
        let graph = Graph::default().answer(200, &event(json!({})));
        let account = calendar(&graph).await;
        let changes = given(json!({}));
        let done = account.calendars().update_event(&account.api, "id", &changes, version).await;
        match done {
            Ok(_) => assert!(same),
            Err(CallError::Denied { denial, .. }) => {
                assert!(!same && denial == Denial::ItemChanged);
            }
            other => panic!("{other:?}"),
        }
        assert!(graph.sent().is_empty());
    }
}

#[tokio::test]
async fn an_event_becomes_one_of_whole_days() {
    let sent =
        changed(event(json!({})), json!({ "start_time": "2026-10-15", "end_time": "2026-10-16" }));
    let sent = sent.await.unwrap();
    assert_eq!(sent["isAllDay"], true);
    assert_eq!(sent["end"]["dateTime"], "2026-10-16T00:00:00");
    let half = changed(event(json!({})), json!({ "start_time": "2026-10-15" })).await;
    assert_eq!(pointer(half), "/end_time");
}

#[tokio::test]
async fn a_meeting_cannot_be_taken_from_an_event() {
    let online = event(json!({ "isOnlineMeeting": true }));
    assert_eq!(
        pointer(changed(online.clone(), json!({ "online_meeting": false })).await),
        "/online_meeting"
    );
}

#[tokio::test]
async fn a_zone_nobody_else_knows_is_kept_as_it_came() {
    let graph = Graph::default().answer(
        200,
        &event(json!({ "originalStartTimeZone": "tzone://Microsoft/Custom", "bodyPreview": null })),
    );
    let account = calendar(&graph).await;
    let event = account.calendars().event(&account.api, "id").await.unwrap();
    assert_eq!(event.time_zone, None);
    assert_eq!(event.extra["originalStartTimeZone"], "tzone://Microsoft/Custom");
    assert_eq!(event.start_time.to_string(), "2026-10-15T19:00:00Z");
}

#[tokio::test]
async fn words_and_members_nobody_knows_are_kept() {
    let graph = Graph::default().answer(
        200,
        &event(json!({
            "showAs": "Daydreaming", "importance": "HIGH", "type": "SingleInstance",
            "sensitivity": null, "mood": { "is": "good" }, "attendees": null, "categories": null,
            "responseStatus": { "response": "TentativelyAccepted", "time": "2026-10-02T00:00:00Z" },
        })),
    );
    let account = calendar(&graph).await;
    let event = account.calendars().event(&account.api, "id").await.unwrap();
    assert_eq!(event.show_as, ShowAs::Other("Daydreaming".to_owned()));
    assert_eq!(event.importance.as_str(), "high");
    assert_eq!((event.kind.as_str(), event.response.as_str()), ("single", "tentative"));
    assert_eq!(event.extra["mood"]["is"], "good");
    assert!(event.attendees.is_empty());
    assert!(event.extra.keys().all(|name| !name.starts_with('@')));
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let graph = Graph::default();
    let account = calendar(&graph).await;
    for (changes, at) in [
        (json!({ "show_as": "oof" }), "/show_as"),
        (json!({ "sensitivity": "secret" }), "/sensitivity"),
        (json!({ "importance": "urgent" }), "/importance"),
        (json!({ "attendees": [{ "email": "nobody" }] }), "/attendees/0/email"),
        (json!({ "attendees": [{ "email": "a@b", "role": "boss" }] }), "/attendees/0/role"),
        (json!({ "reminder_minutes": -1 }), "/reminder_minutes"),
        (json!({ "start_time": "2026-03-08T02:30:00" }), "/start_time"),
        (json!({ "time_zone": null }), "/start_time"),
        (json!({ "calendar": ".." }), "/id"),
    ] {
        let refused = account.calendars().create_event(&account.api, once(), &lunch(changes)).await;
        assert_eq!(pointer(refused), at);
    }
    for (answer, at) in [
        (json!({ "response": "maybe" }), "/response"),
        (json!({ "response": "organizer" }), "/response"),
        (
            json!({ "response": "declined", "proposed_start_time": "2026-10-15" }),
            "/proposed_end_time",
        ),
        (proposing("accepted", true), "/proposed_start_time"),
        (proposing("tentative", false), "/send"),
    ] {
        let refused = account.calendars().respond(&account.api, once(), "id", &given(answer)).await;
        assert_eq!(pointer(refused), at);
    }
    let ask = |emails: Value, end: &str, minutes: u32| {
        given(json!({ "emails": emails, "start_time": "2026-10-01T00:00:00Z", "end_time": end,
            "interval_minutes": minutes }))
    };
    let one = json!(["a@b"]);
    for (ask, at) in [
        (ask(json!([]), "2026-10-02T00:00:00Z", 30), "/emails"),
        (ask(json!(["a"]), "2026-10-02T00:00:00Z", 30), "/emails/0"),
        (ask(one.clone(), "2026-12-03T00:00:00Z", 30), "/end_time"),
        (ask(one.clone(), "2026-10-01T00:00:00Z", 30), "/end_time"),
        (ask(one, "2026-10-02T00:00:00Z", 4), "/interval_minutes"),
    ] {
        assert_eq!(pointer(account.calendars().availability(&account.api, &ask).await), at);
    }
    assert!(graph.asked().is_empty());
}

fn proposing(response: &str, send: bool) -> Value {
    json!({
        "response": response, "send": send,
        "proposed_start_time": "2026-10-16T12:00:00Z", "proposed_end_time": "2026-10-16T13:00:00Z",
    })
}

fn span(from: &str, to: &str, zone: Option<&str>) -> EventQuery {
    EventQuery {
        calendar: Some("c/1=".to_owned()),
        series: None,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        zone: zone.map(|zone| zone.parse().unwrap()),
        limit: 5000,
    }
}

#[tokio::test]
async fn whole_days_are_listed_on_their_day_wherever_that_is() {
    let whole = |id: &str, day: &str, after: &str| {
        event(json!({
            "id": id, "isAllDay": true,
            "start": { "dateTime": format!("{day}T00:00:00.0000000"), "timeZone": "UTC" },
            "end": { "dateTime": format!("{after}T00:00:00.0000000"), "timeZone": "UTC" },
        }))
    };
    let list = json!({ "value": [
        whole("before", "2026-10-14", "2026-10-15"),
        whole("there", "2026-10-15", "2026-10-16"),
        whole("after", "2026-10-16", "2026-10-17"),
    ] });
    let graph = Graph::default().answer(200, &list);
    let account = calendar(&graph).await;
    // The whole 15th in Auckland, of which most is the 14th in UTC.
    let query = span("2026-10-14T11:00:00Z", "2026-10-15T11:00:00Z", Some("Pacific/Auckland"));
    let page = account.calendars().events(&account.api, &query, None).await.unwrap();
    let ids: Vec<&str> = page.results.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["there"]);
    assert_eq!(page.results[0].start_time, Moment::Day("2026-10-15".parse().unwrap()));
    assert_eq!(page.results[0].time_zone, None);
    let asked = graph.asked().remove(0);
    assert!(asked.starts_with("GET /me/calendars/c%2F1%3D/calendarView?"), "{asked}");
    assert!(asked.contains("$top=1000"), "{asked}");
}

#[tokio::test]
async fn one_event_whose_times_cannot_be_read_does_not_cost_the_list() {
    let list = json!({ "value": [
        event(json!({ "id": "odd", "start": { "dateTime": "noon", "timeZone": "UTC" } })),
        event(json!({ "id": "none", "end": null })),
        event(json!({ "id": "good" })),
    ] });
    let graph = Graph::default().answer(200, &list);
    let account = calendar(&graph).await;
    let query = span("2026-10-15T00:00:00Z", "2026-10-16T00:00:00Z", None);
    let page = account.calendars().events(&account.api, &query, None).await.unwrap();
    let ids: Vec<&str> = page.results.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["good"]);
}

#[tokio::test]
async fn a_list_goes_on_where_it_said_and_nowhere_else() {
    let next =
        "https://graph.microsoft.com/v1.0/me/calendars('c%2F1%3D')/calendarView?$skiptoken=x";
    let first = json!({ "value": [], "@odata.nextLink": next });
    let graph = Graph::default().answer(200, &first).answer(200, &json!({ "value": [] }));
    let account = calendar(&graph).await;
    let query = span("2026-10-14T00:00:00Z", "2026-10-15T00:00:00Z", None);
    let page = account.calendars().events(&account.api, &query, None).await.unwrap();
    let next = page.next.unwrap();
    let last = account.calendars().events(&account.api, &query, Some(&next)).await.unwrap();
    assert_eq!(last.next, None);
    assert_eq!(graph.requests()[1].uri().query(), Some("$skiptoken=x"));
    let elsewhere = EventQuery { calendar: None, ..query };
    let refused = account.calendars().events(&account.api, &elsewhere, Some(&next)).await;
    assert_eq!(pointer(refused), "/cursor");
}

#[tokio::test]
async fn a_span_that_is_never_answered_is_not_asked_for() {
    let graph = Graph::default();
    let account = calendar(&graph).await;
    for to in ["2031-10-14T00:00:00Z", "2026-10-14T00:00:00Z"] {
        let query = span("2026-10-14T00:00:00Z", to, None);
        assert_eq!(pointer(account.calendars().events(&account.api, &query, None).await), "/to");
    }
}

#[tokio::test]
async fn many_addresses_are_asked_for_in_several_calls() {
    let said = |count: usize| {
        let one =
            json!({ "scheduleId": "a@b", "availabilityView": "0123479x", "scheduleItems": [] });
        json!({ "value": vec![one; count] })
    };
    let graph = Graph::default().answer(200, &said(20)).answer(200, &said(5));
    let account = calendar(&graph).await;
    let emails: Vec<String> = (0..25).map(|n| format!("a{n}@b")).collect();
    let ask = given(json!({ "emails": emails, "start_time": "2026-10-15T09:00:00Z",
        "end_time": "2026-10-15T10:00:00Z" }));
    let told = account.calendars().availability(&account.api, &ask).await.unwrap();
    assert_eq!(told.len(), 25);
    let words: Vec<&str> = told[0].slots.iter().map(ShowAs::as_str).collect();
    let (known, rest) = words.split_at(5);
    assert_eq!(known, ["free", "tentative", "busy", "out_of_office", "working_elsewhere"]);
    assert_eq!(rest, ["unknown"; 3]);
    let sizes: Vec<usize> =
        graph.sent().iter().map(|body| body["schedules"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [20, 5]);
}

#[tokio::test]
async fn what_was_read_of_a_place_is_written_back() {
    let place = json!({ "displayName": "Bar", "locationUri": "https://bar.example",
        "address": { "city": "Berlin" }, "uniqueId": null });
    let read = event(json!({ "locations": [place, { "displayName": "" }] }));
    let graph = Graph::default().answer(200, &read).example("event.create.response");
    let account = calendar(&graph).await;
    let event = account.calendars().event(&account.api, "id").await.unwrap();
    let new = NewEvent { locations: event.locations, ..lunch(json!({})) };
    account.calendars().create_event(&account.api, once(), &new).await.unwrap();
    let place = json!({ "displayName": "Bar", "locationUri": "https://bar.example",
        "address": { "city": "Berlin" } });
    assert_eq!(graph.sent()[0]["location"], place);
}
