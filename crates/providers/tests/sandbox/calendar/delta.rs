//! Changes of what takes place in a window (contract, 4.6).

use serde_json::{Value, json};

use super::{Person, adele, alex, at, direct, escape, refusal};
use crate::delta::{Mirror, path_of};
use crate::play::{ADELE, Answer, Play, assert_same_shape, fixture};

const WINDOW: &str = "startDateTime=2031-05-01T00:00:00Z&endDateTime=2031-06-01T00:00:00Z";

pub(super) fn first() -> String {
    format!("/v1.0/me/calendarView/delta?{WINDOW}")
}

/// A page of this size.
pub(super) async fn page(person: &Person<'_>, link: &str, size: usize) -> Answer {
    let prefer = format!("odata.maxpagesize={size}, outlook.timezone=\"UTC\"");
    person.call("GET", path_of(link), &[("prefer", &prefer)], &Value::Null).await
}

async fn round(person: &Person<'_>, mirror: &mut Mirror, size: usize) {
    for _ in 0..1_000 {
        let link = mirror.link.clone();
        if mirror.apply(&page(person, &link, size).await.ok()) {
            return;
        }
    }
    panic!("a round without an end");
}

pub(super) async fn mirror(person: &Person<'_>, link: &str, size: usize) -> Mirror {
    let mut mirror = Mirror { link: link.to_owned(), ..Mirror::default() };
    round(person, &mut mirror, size).await;
    mirror
}

/// A single event of May 2031.
pub(super) fn on(day: usize, subject: &str) -> Value {
    let time = |hour: u8| format!("2031-05-{day:02}T{hour:02}:00:00");
    at(subject, &time(12), &time(13), "UTC")
}

/// A series on every Monday since April 2031, ten times.
pub(super) fn series() -> Value {
    let mut series = at("Sync", "2031-04-21T09:00:00", "2031-04-21T09:30:00", "UTC");
    series["recurrence"] = json!({
        "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["monday"] },
        "range": { "type": "numbered", "startDate": "2031-04-21", "numberOfOccurrences": 10 },
    });
    series
}

/// Asserts that everything an example has is there, with the same type.
fn covers(example: &Value, actual: &Value) {
    for (name, value) in example.as_object().unwrap() {
        let found = actual.get(name).unwrap_or_else(|| panic!("{name} in {actual}"));
        // A location shows more, once there is one.
        if name != "location" {
            assert_same_shape(name, value, found);
        }
    }
}

#[tokio::test]
async fn every_example_of_changes_of_events_is_played() {
    let play = Play::new();
    let adele = adele(&play).await;
    let example = |name: &str| fixture(&format!("graph/calendarview.delta.{name}"));
    let request = example("initial.request")["request"].clone();
    let link = request["url"].as_str().unwrap().replace("https://graph.microsoft.com", "");
    let prefer = request["headers"]["Prefer"].as_str().unwrap();
    let ask = async |link: &str| {
        adele.call("GET", path_of(link), &[("prefer", prefer)], &Value::Null).await
    };
    let like = |name: &str, answer: &Answer| {
        let expected = example(name)["response"].clone();
        assert_eq!(expected["status"], answer.status, "{name}: {}", answer.text);
        for header in expected["headers"].as_object().into_iter().flatten() {
            assert!(answer.head.contains_key(header.0.as_str()), "{name}: {}", header.0);
        }
        let names = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&expected["body"]), names(&answer.json), "{name}");
        for item in expected["body"]["value"].as_array().unwrap() {
            let kind = |it: &Value| (it.get("@removed").is_some(), it["type"].clone());
            let same = |it: &&Value| item["type"].is_null() || kind(it) == kind(item);
            let removed = item.get("@removed").is_some();
            let mut told = answer.json["value"].as_array().unwrap().iter();
            let found = told.find(|it| it.get("@removed").is_some() == removed && same(it));
            covers(item, found.unwrap_or_else(|| panic!("{name}: {item}")));
        }
    };
    let december = |day: u8| {
        at("x", &format!("2026-12-{day:02}T08:00:00"), &format!("2026-12-{day:02}T09:00:00"), "UTC")
    };
    let mut made = Vec::new();
    for day in [9, 10, 12] {
        made.push(adele.create(december(day)).await["id"].as_str().unwrap().to_owned());
    }
    let mut mirror = Mirror { link, ..Mirror::default() };
    loop {
        let answer = ask(&mirror.link.clone()).await;
        let name = if answer.json["@odata.deltaLink"].is_string() { "last" } else { "page1" };
        assert_eq!(answer.header("preference-applied"), prefer);
        if !answer.json["value"].as_array().unwrap()[0]["subject"].is_null() {
            like(&format!("{name}.response"), &answer);
        }
        if mirror.apply(&answer.json) {
            break;
        }
    }
    let empty = ask(&mirror.link.clone()).await;
    like("empty.response", &empty);
    mirror.apply(&empty.json);
    adele.delete(&format!("events/{}", escape(&made[0]))).await;
    adele.create(december(25)).await;
    like("nextround.response", &ask(&mirror.link.clone()).await);
    let mut lunch =
        at("Lunch", "2026-10-05T12:00:00", "2026-10-05T14:00:00", "Pacific Standard Time");
    lunch["recurrence"] = json!({
        "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["monday"] },
        "range": { "type": "endDate", "startDate": "2026-10-05", "endDate": "2026-12-31" },
    });
    round(&adele, &mut mirror, 50).await;
    adele.create(lunch).await;
    like("series", &page(&adele, &mirror.link.clone(), 50).await);
}

#[tokio::test]
async fn a_window_is_told_in_pages_and_then_what_changed_in_it() {
    let play = Play::new();
    let adele = adele(&play).await;
    for day in 1..=7 {
        adele.create(on(day, "May")).await;
    }
    adele.create(at("June", "2031-06-01T00:00:00", "2031-06-01T01:00:00", "UTC")).await;
    let mut mirror = mirror(&adele, &first(), 3).await;
    assert_eq!((mirror.items.len(), mirror.pages), (7, 3));
    let ids: Vec<_> = mirror.items.keys().cloned().collect();
    let patch = async |id: &str, body: Value| {
        assert_eq!(adele.patch(&format!("events/{}", escape(id)), body).await.status, 200);
    };
    patch(&ids[0], json!({ "subject": "Changed" })).await;
    let mut out = on(3, "Out");
    out["start"]["dateTime"] = json!("2031-07-03T12:00:00");
    out["end"]["dateTime"] = json!("2031-07-03T13:00:00");
    patch(&ids[1], out).await;
    adele.delete(&format!("events/{}", escape(&ids[2]))).await;
    let told = page(&adele, &mirror.link, 50).await.ok();
    let reason = |id: &str| {
        let told = told["value"].as_array().unwrap().iter().find(|it| it["id"] == *id).unwrap();
        told["@removed"]["reason"].clone()
    };
    assert_eq!((reason(&ids[1]), reason(&ids[2])), (json!("changed"), json!("deleted")));
    round(&adele, &mut mirror, 3).await;
    assert_eq!(mirror.items.len(), 5);
    assert_eq!(mirror.items[&ids[0]]["subject"], "Changed");
    patch(&ids[1], on(4, "Back")).await;
    round(&adele, &mut mirror, 3).await;
    assert_eq!(mirror.items[&ids[1]]["subject"], "Back", "it may come back");
}

#[tokio::test]
async fn a_series_is_told_whole_with_slim_occurrences_and_full_exceptions() {
    let play = Play::new();
    let adele = adele(&play).await;
    let master = adele.create(series()).await;
    let mut mirror = mirror(&adele, &first(), 2).await;
    let of = |mirror: &Mirror, kind: &str| {
        let found = mirror.items.values().filter(|it| it["type"] == kind);
        found.cloned().collect::<Vec<_>>()
    };
    let masters = of(&mirror, "seriesMaster");
    assert_eq!(masters.len(), 1, "though it begins before the window");
    assert_eq!(masters[0]["id"], master["id"]);
    assert_eq!(masters[0]["recurrence"], master["recurrence"]);
    let days = of(&mirror, "occurrence");
    assert_eq!(days.len(), 4);
    for day in &days {
        let names: Vec<_> = day.as_object().unwrap().keys().collect();
        assert_eq!(names, ["@odata.type", "end", "id", "seriesMasterId", "start", "type"]);
        assert_eq!(day["seriesMasterId"], master["id"]);
    }
    let one = format!("events/{}", escape(days[0]["id"].as_str().unwrap()));
    assert_eq!(adele.patch(&one, json!({ "subject": "Special" })).await.status, 200);
    let two = format!("events/{}", escape(days[1]["id"].as_str().unwrap()));
    assert_eq!(adele.delete(&two).await.status, 204);
    round(&adele, &mut mirror, 2).await;
    let special = of(&mirror, "exception");
    assert_eq!((special.len(), of(&mirror, "occurrence").len()), (1, 2));
    assert_eq!(special[0]["subject"], "Special");
    assert!(special[0]["body"].is_object() && special[0]["originalStart"].is_string());
    let path = format!("events/{}", escape(master["id"].as_str().unwrap()));
    let mut later = at("Sync", "2031-04-21T15:00:00", "2031-04-21T15:30:00", "UTC");
    later["recurrence"] = series()["recurrence"].clone();
    assert_eq!(adele.patch(&path, later).await.status, 200);
    round(&adele, &mut mirror, 2).await;
    let now = of(&mirror, "occurrence");
    assert_eq!(
        (now.len(), of(&mirror, "exception").len()),
        (4, 0),
        "another time drops exceptions"
    );
    assert!(now.iter().all(|day| super::start(day).contains("T15:00")));
    adele.delete(&path).await;
    round(&adele, &mut mirror, 2).await;
    assert!(mirror.items.is_empty());
}

#[tokio::test]
async fn each_calendar_has_its_own_changes_and_the_default_one_is_meant_without_a_name() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let other = adele.post("calendars", json!({ "name": "Other" })).await.json;
    let other = escape(other["id"].as_str().unwrap());
    let there = adele.post(&format!("calendars/{other}/events"), on(5, "There")).await.json;
    let here = adele.create(on(6, "Here")).await;
    let mut links = Vec::new();
    for (path, expected) in [
        (first(), &here["id"]),
        (first().replace("/me/", "/me/calendar/"), &here["id"]),
        (first().replace("delta", "delta()"), &here["id"]),
        (first().replace("delta", "microsoft.graph.delta()"), &here["id"]),
        (first().replace("/me/", &format!("/users/{ADELE}/")), &here["id"]),
        (first().replace("/me/", &format!("/me/calendars/{other}/")), &there["id"]),
    ] {
        let told = mirror(&adele, &path, 5).await;
        assert_eq!(told.items.keys().collect::<Vec<_>>(), [expected.as_str().unwrap()], "{path}");
        links.push(told.link);
    }
    let token = |link: &str| link.split_once('?').unwrap().1.to_owned();
    let crossed = format!("/v1.0/me/calendarView/delta?{}", token(&links[5]));
    assert_eq!(refusal(&page(&adele, &crossed, 5).await), (400, "BadRequest"));
    let stolen = format!("/v1.0/me/calendarView/delta?{}", token(&links[0]));
    assert_eq!(refusal(&page(&alex, &stolen, 5).await), (400, "BadRequest"));
}

#[tokio::test]
async fn a_window_is_needed_and_options_are_not() {
    let play = Play::new();
    let adele = adele(&play).await;
    let missing = adele.get("calendarView/delta").await;
    assert_eq!(refusal(&missing), (400, "ErrorInvalidParameter"));
    for option in
        ["$select=subject", "$expand=calendar", "$filter=x", "$orderby=x", "$search=x", "$top=3"]
    {
        let answer = adele.get(&format!("calendarView/delta?{WINDOW}&{option}")).await;
        assert_eq!(answer.status, 400, "{option}");
    }
    let zone = adele.get_in(&format!("calendarView/delta?{WINDOW}"), "Mars/Olympus").await;
    assert_eq!(refusal(&zone), (400, "TimeZoneNotSupportedException"));
    assert_eq!(adele.post("calendarView/delta", json!({})).await.status, 405);
}

#[tokio::test]
async fn tokens_of_calendars_die_too_and_begin_again_in_the_same_window() {
    let play = Play::new();
    let adele = adele(&play).await;
    adele.create(on(6, "Here")).await;
    let begun = mirror(&adele, &first(), 5).await;
    direct(&play, ADELE, "expire-delta-tokens", json!({ "location": true })).await;
    let dead = page(&adele, &begun.link, 5).await;
    assert_eq!(refusal(&dead), (410, "SyncStateNotFound"));
    let again = mirror(&adele, dead.header("location"), 5).await;
    assert_eq!(again.items, begun.items);
}
