//! Events: the calendar view of a window, by its changes or as a list.

use std::collections::BTreeMap;

use evergrant::CallError;
use evergrant::capability::{Event, EventQuery};
use evergrant::feed::{Found, Next, PullError, Scope, Window};
use serde_json::{Value, json};

use super::{CALENDAR, Copy, Reader, december, done, limited, more, page, with_bodies, words};
use crate::account::{Graph, example};
use crate::graph::{ROOT, header, query};

const VIEW: &str = "view";
const LINK: &str = "/me/calendarView/delta?$deltatoken=1";
const MASTER: &str = "AAMkADQwMDSERIES=";

/// An event of December, whole, as Graph tells it.
fn event(id: &str, day: u8, changes: Value) -> Value {
    let at = |hour: u8| json!({ "dateTime": format!("2026-12-{day:02}T{hour:02}:00:00.0000000"), "timeZone": "UTC" });
    let own = json!({ "id": id, "start": at(9), "end": at(10) });
    let whole = crate::calendar::with(crate::calendar::event(own), changes);
    crate::calendar::with(json!({ "type": "singleInstance" }), whole)
}

fn of_series(id: &str, day: u8) -> Value {
    event(id, day, json!({ "type": "occurrence", "seriesMasterId": MASTER }))
}

fn removed(id: &str) -> Value {
    json!({ "id": id, "@removed": { "reason": "deleted" } })
}

fn cursor() -> String {
    format!("{ROOT}{LINK}")
}

#[tokio::test]
async fn the_examples_of_changes_are_read_page_by_page() {
    let graph =
        ["page1", "last", "nextround", "empty"].iter().fold(Graph::default(), |graph, name| {
            graph.example(&format!("calendarview.delta.{name}.response"))
        });
    let reader = Reader::new(CALENDAR, &graph).await;
    let parts = reader.parts::<Event>(december()).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.id.as_str()).collect::<Vec<_>>(), [VIEW]);
    let mut copy = Copy(BTreeMap::new());
    let mut cursor: Option<String> = None;
    let mut told = Vec::new();
    for _ in 0..4 {
        let pulled = reader.pull::<Event>(december(), VIEW, cursor.as_deref()).await.unwrap();
        told.push(words(&pulled.found));
        copy.take(pulled.found);
        let (Next::More(next) | Next::Done(Some(next))) = pulled.next else { panic!("it goes on") };
        cursor = Some(next.0);
    }
    assert_eq!(told[0], ["AAMkADNVxRAAA=", "AAMkADVxSAAA="]);
    assert_eq!(
        told[1..],
        [vec!["AAMkADj1HuAAA="], vec!["-AAMkADNVxRAAA=", "AAMkADj1HvAAA="], vec![]]
    );
    let subjects: Vec<_> = copy.0.values().map(|event| event.subject.as_deref().unwrap()).collect();
    assert_eq!(subjects, ["Pick up car", "Rest!", "Attend service"]);
    let asked = graph.requests();
    crate::examples::covers(&asked[0], "calendarview.delta.initial.request");
    for (name, value) in
        [("startDateTime", "2026-12-01T00:00:00Z"), ("endDateTime", "2026-12-30T00:00:00Z")]
    {
        assert!(query(&asked[0]).contains(&(name.to_owned(), value.to_owned())));
    }
    assert_eq!(query(&asked[0]).len(), 2, "no other option is allowed");
    let theirs = example("calendarview.delta.nextround.request");
    assert_eq!(asked[2].uri().to_string(), theirs["request"]["url"].as_str().unwrap());
    for request in &asked {
        for preference in
            ["IdType=\"ImmutableId\"", "outlook.timezone=\"UTC\"", "odata.maxpagesize=25"]
        {
            assert!(header(request, "prefer").contains(preference), "{preference}");
        }
    }
}

#[tokio::test]
async fn a_series_that_is_spoken_of_is_read_with_all_its_occurrences() {
    let mut instances = json!({ "value": [of_series("o1", 7), of_series("o2", 14)] });
    let next = format!("/me/events/{MASTER}/instances?$skip=2");
    instances["@odata.nextLink"] = format!("{ROOT}{next}").into();
    let graph = Graph::default()
        .example("calendarview.delta.series")
        .answer(200, &instances)
        .answer(200, &json!({ "value": [of_series("o3", 21), of_series("over", 31)] }));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), VIEW, None).await.unwrap();
    let series = format!("{MASTER}:o1,o2,o3");
    assert_eq!(words(&pulled.found), ["o1", "o2", "o3", "-over", &series]);
    assert_eq!(pulled.next, done("/me/calendarView/delta?$deltatoken=R0usmcSERIES"));
    let asked = graph.requests();
    assert_eq!(asked.len(), 3, "the master and its slim occurrence are one series");
    let path = asked[1].uri().path();
    assert_eq!(path, "/v1.0/me/events/AAMkADQwMDSERIES%3D/instances");
    assert!(
        query(&asked[1]).contains(&("endDateTime".to_owned(), "2026-12-30T00:00:00Z".to_owned()))
    );
}

#[tokio::test]
async fn a_slim_occurrence_speaks_of_its_series_and_a_whole_exception_for_itself() {
    let slim = json!({ "id": "o1", "type": "occurrence", "seriesMasterId": MASTER,
        "start": { "dateTime": "2026-12-07T20:00:00", "timeZone": "UTC" },
        "end": { "dateTime": "2026-12-07T22:00:00", "timeZone": "UTC" } });
    let exception = event("x1", 9, json!({ "type": "exception", "seriesMasterId": "other" }));
    let graph = Graph::default()
        .answer(200, &page(&[removed("o2"), slim, exception], "delta", LINK))
        .example("event.instances.response");
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), VIEW, None).await.unwrap();
    // The example's instances are of October.
    let expected = ["-o2", "x1", "-AAMkADQwMDOCC1=", "-AAMkADQwMDEXC1=", "AAMkADQwMDSERIES=:"];
    assert_eq!(words(&pulled.found), expected);
    assert_eq!(graph.requests().len(), 2);
}

#[tokio::test]
async fn a_series_that_is_gone_has_no_occurrences() {
    let master = event(MASTER, 7, json!({ "type": "seriesMaster" }));
    let graph = Graph::default()
        .answer(200, &page(&[removed(MASTER), master], "delta", LINK))
        .example("error.404.item_not_found");
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), VIEW, Some(&cursor())).await.unwrap();
    assert_eq!(words(&pulled.found), [format!("{MASTER}:")]);
    let graph = Graph::default().answer(200, &page(&[removed(MASTER)], "delta", LINK));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), VIEW, Some(&cursor())).await.unwrap();
    assert_eq!(words(&pulled.found), [format!("-{MASTER}")], "its occurrences go with it");
}

#[tokio::test]
async fn a_series_told_of_again_after_it_was_removed_keeps_its_occurrences() {
    let master = event(MASTER, 7, json!({ "type": "seriesMaster" }));
    let graph = Graph::default()
        .answer(200, &page(&[removed(MASTER), master], "delta", LINK))
        .answer(200, &json!({ "value": [of_series("o1", 7)] }));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), VIEW, Some(&cursor())).await.unwrap();
    assert_eq!(words(&pulled.found), ["o1".to_owned(), format!("{MASTER}:o1")]);
}

#[tokio::test]
async fn an_event_that_becomes_a_series_leaves_the_copy_and_comes_back_as_a_single_one() {
    let master = event("e", 7, json!({ "type": "seriesMaster" }));
    let occurrence = event("e1", 7, json!({ "type": "occurrence", "seriesMasterId": "e" }));
    let single = event("e", 8, json!({}));
    let no_master =
        json!({ "error": { "code": "ErrorInvalidRequest", "message": "not a master" } });
    let graph = Graph::default()
        .answer(200, &page(&[event("e", 7, json!({}))], "delta", LINK))
        .answer(200, &page(std::slice::from_ref(&master), "delta", LINK))
        .answer(200, &json!({ "value": [occurrence.clone()] }))
        .answer(200, &page(std::slice::from_ref(&single), "delta", LINK))
        .answer(200, &page(std::slice::from_ref(&master), "delta", LINK))
        .answer(200, &json!({ "value": [occurrence] }))
        // It becomes a single one between the page and the question for its occurrences.
        .answer(200, &page(std::slice::from_ref(&master), "delta", LINK))
        .answer(400, &no_master)
        .answer(200, &single);
    let reader = Reader::new(CALENDAR, &graph).await;
    let mut copy = Copy(BTreeMap::new());
    for expected in ["e", "e1", "e", "e1", "e"] {
        let pulled = reader.pull::<Event>(december(), VIEW, Some(&cursor())).await.unwrap();
        copy.take(pulled.found);
        assert_eq!(copy.0.keys().collect::<Vec<_>>(), [expected]);
    }
    // A refusal that this does not explain stays one.
    let recurrence =
        example("event.create.recurring.response")["response"]["body"]["recurrence"].clone();
    let graph = Graph::default()
        .answer(200, &page(&[master], "delta", LINK))
        .answer(400, &no_master)
        .answer(200, &event("e", 8, json!({ "recurrence": recurrence })));
    let reader = Reader::new(CALENDAR, &graph).await;
    let refused = reader.pull::<Event>(december(), VIEW, Some(&cursor())).await;
    assert!(matches!(refused, Err(PullError::Call(CallError::Denied { .. }))), "{refused:?}");
}

#[tokio::test]
async fn what_takes_place_at_another_time_is_gone_from_the_copy() {
    let unreadable = json!({ "start": { "dateTime": "soon", "timeZone": "UTC" } });
    let day = |from: &str, to: &str| {
        let at = |day: &str| json!({ "dateTime": format!("{day}T00:00:00"), "timeZone": "UTC" });
        json!({ "isAllDay": true, "start": at(from), "end": at(to) })
    };
    let told = [
        event("before", 1, day("2026-11-30", "2026-12-01")),
        event("first", 1, day("2026-12-01", "2026-12-02")),
        event("last", 1, day("2026-12-29", "2026-12-30")),
        event("after", 1, day("2026-12-30", "2026-12-31")),
        event("unreadable", 1, unreadable),
    ];
    let graph = Graph::default().answer(200, &page(&told, "delta", LINK));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), VIEW, None).await.unwrap();
    assert_eq!(words(&pulled.found), ["-before", "first", "last", "-after", "-unreadable"]);
}

#[tokio::test]
async fn an_event_is_the_same_as_in_a_list_and_has_its_body_only_if_wanted() {
    let told = event(
        "e",
        7,
        json!({
            "transactionId": "t", "originalEndTimeZone": "UTC", "createdDateTime": "2026-10-01T03:00:50Z",
            "originalStartTimeZone": "Pacific Standard Time", "@odata.type": "#microsoft.graph.event",
        }),
    );
    let graph = Graph::default().answer(200, &page(std::slice::from_ref(&told), "delta", LINK));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), VIEW, None).await.unwrap();
    // A list has what was selected and nothing else.
    let query = EventQuery {
        calendar: None,
        series: None,
        from: "2026-12-01T00:00:00Z".parse().unwrap(),
        to: "2026-12-30T00:00:00Z".parse().unwrap(),
        zone: None,
        limit: 10,
    };
    let mut listed = told.clone();
    let graph = Graph::default().answer(200, &json!({ "value": [] }));
    let account = crate::account::Connected::new(CALENDAR, &graph).await;
    account.calendars().events(&account.api, &query, None).await.unwrap();
    let select = crate::graph::query(&graph.requests()[0]);
    let select = &select.iter().find(|(name, _)| name == "$select").unwrap().1;
    let selected = |name: &str| select.split(',').any(|it| it == name) || name == "@odata.etag";
    listed.as_object_mut().unwrap().retain(|name, _| selected(name));
    let graph = Graph::default().answer(200, &json!({ "value": [listed] }));
    let account = crate::account::Connected::new(CALENDAR, &graph).await;
    let live = account.calendars().events(&account.api, &query, None).await.unwrap();
    assert_eq!(pulled.found, [Found::Item(live.results[0].clone())]);
    assert_eq!(
        live.results[0].start_time.to_string(),
        "2026-12-07T01:00:00-08:00",
        "in its own zone"
    );

    let graph = Graph::default().answer(200, &page(&[told], "delta", LINK));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(with_bodies(december()), VIEW, None).await.unwrap();
    let Found::Item(full) = &pulled.found[0] else { panic!("an item") };
    assert!(full.body.is_some());
    assert_eq!(Event { body: None, ..full.clone() }, live.results[0]);
    assert!(header(&graph.requests()[0], "prefer").contains("outlook.body-content-type=\"text\""));
}

#[tokio::test]
async fn an_event_of_which_a_part_is_told_is_read_whole_and_one_without_an_id_is_nothing() {
    let told = [json!({ "id": "e", "subject": "New" }), json!({ "id": "lost", "subject": "Old" })];
    let graph = Graph::default()
        .answer(200, &page(&told, "delta", LINK))
        .answer(200, &event("e", 7, json!({})))
        .example("error.404.item_not_found")
        .answer(200, &page(&[json!({ "subject": "Whose?" })], "delta", LINK));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(december(), VIEW, None).await.unwrap();
    assert_eq!(words(&pulled.found), ["e", "-lost"]);
    let pulled = reader.pull::<Event>(december(), VIEW, None).await.unwrap();
    assert_eq!(words(&pulled.found), [""; 0]);
}

#[tokio::test]
async fn with_a_limit_what_is_ahead_comes_first_and_what_is_over_from_its_end() {
    let night = json!({
        "start": { "dateTime": "2026-12-09T23:00:00", "timeZone": "UTC" },
        "end": { "dateTime": "2026-12-10T01:00:00", "timeZone": "UTC" },
    });
    let night = event("night", 9, night);
    let next = "/me/calendarView?$skip=2";
    let graph = Graph::default()
        .answer(200, &page(&[night.clone(), event("a", 11, json!({}))], "next", next))
        .answer(200, &json!({ "value": [event("b", 12, json!({}))] }))
        .answer(
            200,
            &json!({ "value": [night, event("z", 9, json!({})), event("y", 8, json!({}))] }),
        );
    let reader = Reader::new(CALENDAR, &graph).await;
    let scope = limited(december(), 3);
    let parts: Vec<_> =
        reader.parts::<Event>(scope).await.unwrap().into_iter().map(|part| part.id).collect();
    assert_eq!(parts, ["ahead", "back"]);
    let ahead = reader.pull::<Event>(scope, "ahead", None).await.unwrap();
    assert_eq!((words(&ahead.found), ahead.next), (vec!["night".into(), "a".into()], more(next)));
    let rest = reader.pull::<Event>(scope, "ahead", Some(&format!("{ROOT}{next}"))).await.unwrap();
    assert_eq!((words(&rest.found), rest.next), (vec!["b".to_owned()], Next::Done(None)));
    let back = reader.pull::<Event>(scope, "back", None).await.unwrap();
    // What lasts over midnight is ahead, and only there: it counts once.
    assert_eq!((words(&back.found), back.next), (vec!["z".into(), "y".into()], Next::Done(None)));
    let asked = graph.asked();
    let of = |asked: &str, from: &str, to: &str, order: &str| {
        assert!(asked.contains(&format!("startDateTime=2026-12-{from}T00:00:00Z")), "{asked}");
        assert!(asked.contains(&format!("endDateTime=2026-12-{to}T00:00:00Z")), "{asked}");
        assert!(asked.contains(&format!("$orderby={order}&$top=4")), "{asked}");
    };
    of(&asked[0], "10", "30", "start/dateTime");
    of(&asked[2], "01", "10", "start/dateTime desc");
}

#[tokio::test]
async fn one_more_than_there_is_room_for_says_that_something_was_cut() {
    let events: Vec<_> = (11..16).map(|day| event(&format!("d{day}"), day, json!({}))).collect();
    let graph = Graph::default().answer(200, &json!({ "value": events }));
    let reader = Reader::new(CALENDAR, &graph).await;
    let pulled = reader.pull::<Event>(limited(december(), 2), "ahead", None).await.unwrap();
    assert_eq!(words(&pulled.found), ["d11", "d12", "d13"]);
    assert_eq!(pulled.next, Next::Done(None));
}

#[tokio::test]
async fn a_window_that_cannot_be_asked_for_is_refused_before_anything_is_sent() {
    let graph = Graph::default();
    let reader = Reader::new(CALENDAR, &graph).await;
    let window = december().window.unwrap();
    let at = |text: &str| text.parse().unwrap();
    for window in [
        None,
        Some(Window { to: window.from, ..window }),
        Some(Window { from: at("2020-01-01T00:00:00Z"), ..window }),
    ] {
        let scope = Scope { window, ..december() };
        let refused = reader.parts::<Event>(scope).await;
        assert!(matches!(refused, Err(CallError::Invalid { .. })), "{refused:?}");
        let refused = reader.pull::<Event>(scope, VIEW, None).await;
        assert!(matches!(refused, Err(PullError::Call(CallError::Invalid { .. }))), "{refused:?}");
    }
    // No days back is no part, and not a span without a length.
    let ahead = Window { from: window.today, ..window };
    let scope = limited(Scope { window: Some(ahead), ..december() }, 5);
    let parts = reader.parts::<Event>(scope).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.id.as_str()).collect::<Vec<_>>(), ["ahead"]);
    assert!(graph.requests().is_empty());
}
