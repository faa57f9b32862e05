//! Series: what is expanded, moved, deleted, and what becomes of it.

use serde_json::{Value, json};

use super::{adele, at, bare, event, refusal, start};
use crate::play::Play;

/// Five Mondays at nine in Berlin; the clocks change between the third and the fourth.
fn mondays() -> Value {
    let mut event = at("Sync", "2031-10-13T09:00:00", "2031-10-13T09:30:00", "Europe/Berlin");
    event["recurrence"] = json!({
        "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["monday"] },
        "range": { "type": "numbered", "startDate": "2031-10-13", "numberOfOccurrences": 5 },
    });
    event
}

const WINDOW: &str = "startDateTime=2031-10-01T00:00:00Z&endDateTime=2031-12-01T00:00:00Z";

async fn instances(person: &super::Person<'_>, master: &Value) -> Vec<Value> {
    let path = format!("{}/instances?{WINDOW}", event(&master["id"]));
    person.get(&path).await.ok()["value"].as_array().unwrap().clone()
}

#[tokio::test]
async fn nine_stays_nine_on_the_wall() {
    let play = Play::new();
    let adele = adele(&play).await;
    let master = adele.create(mondays()).await;
    assert_eq!(master["type"], "seriesMaster");
    let all = instances(&adele, &master).await;
    let starts: Vec<_> = all.iter().map(|one| start(one).get(..16).unwrap()).collect();
    assert_eq!(
        starts,
        [
            "2031-10-13T07:00",
            "2031-10-20T07:00",
            "2031-10-27T08:00",
            "2031-11-03T08:00",
            "2031-11-10T08:00"
        ]
    );
    for one in &all {
        assert_eq!((&one["type"], &one["seriesMasterId"]), (&json!("occurrence"), &master["id"]));
        assert_eq!(one["recurrence"], Value::Null);
        assert_ne!(one["iCalUId"], master["iCalUId"], "each occurrence has its own");
        assert_eq!(bare(adele.get(&event(&one["id"])).await.ok()), *one);
    }
    let listed = adele.get("events?$filter=subject%20eq%20'Sync'").await.ok();
    assert_eq!(listed["value"].as_array().unwrap().len(), 1, "lists expand nothing");
}

#[tokio::test]
async fn an_occurrence_can_be_moved_but_not_past_its_neighbour() {
    let play = Play::new();
    let adele = adele(&play).await;
    let master = adele.create(mondays()).await;
    let second = instances(&adele, &master).await[1].clone();
    let path = event(&second["id"]);
    let moved = at("Moved", "2031-10-21T10:00:00", "2031-10-21T10:30:00", "Europe/Berlin");
    let exception = bare(adele.patch(&path, moved).await.ok());
    assert_eq!((&exception["type"], &exception["id"]), (&json!("exception"), &second["id"]));
    assert_eq!(exception["originalStart"], "2031-10-20T07:00:00Z");
    assert_eq!(start(&exception), "2031-10-21T08:00:00.0000000");
    let all = instances(&adele, &master).await;
    assert_eq!((all.len(), &all[1]), (5, &exception));
    for day in ["2031-10-13", "2031-10-12", "2031-10-27", "2031-10-30"] {
        let moved =
            at("x", &format!("{day}T09:00:00"), &format!("{day}T09:30:00"), "Europe/Berlin");
        let answer = adele.patch(&path, moved).await;
        assert_eq!(refusal(&answer), (400, "ErrorOccurrenceCrossingBoundary"), "{day}");
    }
    let untouched = adele.patch(&event(&master["id"]), json!({ "subject": "Renamed" })).await;
    assert_eq!(untouched.status, 200);
    let all = instances(&adele, &master).await;
    assert_eq!((&all[0]["subject"], &all[1]["subject"]), (&json!("Renamed"), &json!("Moved")));
    let other_time = at("Sync", "2031-10-13T10:00:00", "2031-10-13T10:30:00", "Europe/Berlin");
    adele.patch(&event(&master["id"]), other_time).await.ok();
    let all = instances(&adele, &master).await;
    assert!(all.iter().all(|one| one["type"] == "occurrence"), "another time drops exceptions");
    assert_eq!(adele.get(&path).await.status, 404, "and the ids change");
}

#[tokio::test]
async fn a_deleted_occurrence_is_listed_when_asked_for() {
    let play = Play::new();
    let adele = adele(&play).await;
    let master = adele.create(mondays()).await;
    let third = instances(&adele, &master).await[2].clone();
    assert_eq!(adele.delete(&event(&third["id"])).await.status, 204);
    assert_eq!(adele.delete(&event(&third["id"])).await.status, 404);
    assert_eq!(instances(&adele, &master).await.len(), 4);
    let plain = adele.get(&event(&master["id"])).await.ok();
    assert!(plain.get("cancelledOccurrences").is_none());
    let path = format!("{}?$select=subject,cancelledOccurrences", event(&master["id"]));
    assert_eq!(adele.get(&path).await.ok()["cancelledOccurrences"], json!([third["id"]]));
    assert_eq!(adele.delete(&event(&master["id"])).await.status, 204);
    assert_eq!(adele.view("2031-10-01T00:00:00Z", "2031-12-01T00:00:00Z").await, [] as [Value; 0]);
}

#[tokio::test]
async fn zone_and_recurrence_belong_together() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut sent = mondays();
    sent["recurrence"]["range"]["recurrenceTimeZone"] = json!("Pacific Standard Time");
    assert_eq!(
        refusal(&adele.post("events", sent.clone()).await),
        (400, "ErrorPropertyValidationFailure")
    );
    sent["recurrence"]["range"]["recurrenceTimeZone"] = json!("W. Europe Standard Time");
    let master = adele.create(sent.clone()).await;
    assert_eq!(master["recurrence"]["range"]["recurrenceTimeZone"], "Europe/Berlin");
    let path = event(&master["id"]);
    let mut elsewhere = at("Sync", "2031-10-13T09:00:00", "2031-10-13T09:30:00", "UTC");
    let answer = adele.patch(&path, elsewhere.clone()).await;
    assert_eq!(refusal(&answer), (400, "ErrorPropertyValidationFailure"));
    elsewhere["recurrence"] = mondays()["recurrence"].clone();
    let changed = adele.patch(&path, elsewhere).await.ok();
    assert_eq!(changed["recurrence"]["range"]["recurrenceTimeZone"], "UTC");
}

#[tokio::test]
async fn a_series_without_recurrence_is_a_single_event() {
    let play = Play::new();
    let adele = adele(&play).await;
    let master = adele.create(mondays()).await;
    let single = adele.patch(&event(&master["id"]), json!({ "recurrence": null })).await.ok();
    assert_eq!((&single["type"], &single["recurrence"]), (&json!("singleInstance"), &Value::Null));
    let seen = adele.view("2031-10-01T00:00:00Z", "2031-12-01T00:00:00Z").await;
    assert_eq!(seen, [bare(single.clone())]);
    let path = format!("{}/instances?{WINDOW}", event(&master["id"]));
    assert_eq!(refusal(&adele.get(&path).await), (400, "ErrorInvalidRequest"));
    let again = mondays()["recurrence"].clone();
    let series = adele.patch(&event(&single["id"]), json!({ "recurrence": again })).await.ok();
    assert_eq!(series["type"], "seriesMaster");
    assert_eq!(instances(&adele, &series).await.len(), 5);
}

#[tokio::test]
async fn the_first_occurrence_is_the_first_day_of_the_pattern() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut sent = mondays();
    sent["start"]["dateTime"] = json!("2031-10-10T09:00:00");
    sent["end"]["dateTime"] = json!("2031-10-10T09:30:00");
    sent["recurrence"]["range"]["startDate"] = json!("2031-10-10");
    let master = adele.create(sent).await;
    assert_eq!(start(&master), "2031-10-13T07:00:00.0000000");
    assert_eq!(instances(&adele, &master).await.len(), 5);
}
