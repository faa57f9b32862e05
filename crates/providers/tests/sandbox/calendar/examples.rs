//! Every example payload of the area: what it asks for is accepted, what it answers is answered.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Person, adele, at, direct, escape, event, lunch, refusal};
use crate::play::{ADELE, Answer, BASE, Play, fixture};

/// The examples of this area.
const AREA: &[&str] = &[
    "calendar.",
    "calendars.",
    "calendarview.list.",
    "event.",
    "getschedule.",
    "findmeetingtimes.",
    "onlinemeeting.",
    "recurrence.",
];
/// Where an example and the sandbox differ, and why that is right.
const DIFFERENCES: &[(&str, &str)] = &[
    // The second schedule's zone is a custom one in the example only.
    ("getschedule.response", "value.1.workingHours.timeZone.@odata.type is missing"),
    ("getschedule.response", "value.1.workingHours.timeZone.bias is missing"),
    ("getschedule.response", "value.1.workingHours.timeZone.standardOffset is missing"),
    ("getschedule.response", "value.1.workingHours.timeZone.daylightOffset is missing"),
    // The example sends the id back, but shows null.
    ("event.create.recurring.response", "transactionId is a string instead of null"),
    ("event.get.response", "transactionId is a string instead of null"),
    ("event.update.response", "transactionId is a string instead of null"),
];

/// A play with what the examples speak of, and the ids that they have here.
struct Scene<'a> {
    adele: Person<'a>,
    /// What stands in an example, and what stands here instead.
    names: Vec<(String, String)>,
    used: BTreeSet<String>,
    /// The rows of [`DIFFERENCES`] that were met.
    differed: BTreeSet<(&'static str, &'static str)>,
}

impl<'a> Scene<'a> {
    async fn new(play: &'a Play) -> Self {
        let adele = adele(play).await;
        direct(play, ADELE, "audio-conferencing", json!({ "licensed": true })).await;
        let names = [
            ("https://graph.microsoft.com", BASE),
            ("adelev@contoso.onmicrosoft.com", ADELE),
            ("meganb@contoso.onmicrosoft.com", super::MEGAN),
            ("alexw@contoso.onmicrosoft.com", crate::play::ALEX),
        ];
        let names = names.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec();
        Self { adele, names, used: BTreeSet::new(), differed: BTreeSet::new() }
    }

    /// From now on `from` in an example stands for `to`.
    fn means(&mut self, from: &str, to: &str) {
        self.names.retain(|(known, _)| known != from);
        self.names.push((from.to_owned(), to.to_owned()));
    }

    fn adapt(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// Sends the request of an example.
    async fn send(&mut self, name: &str) -> Answer {
        let example = fixture(&format!("graph/{name}.request"));
        self.used.insert(format!("{name}.request"));
        let request = &example["request"];
        let url = self.adapt(request["url"].as_str().unwrap());
        let body = self.adapt(&request["body"].to_string());
        let body: Value = serde_json::from_str(&body).unwrap();
        let headers = request["headers"].as_object().unwrap().iter();
        let headers: Vec<_> = headers
            .filter(|(name, _)| !["Authorization", "Content-Type"].contains(&name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
            .collect();
        let path = url.strip_prefix(BASE).unwrap();
        self.adele.call(request["method"].as_str().unwrap(), path, &headers, &body).await
    }

    /// Asserts that an answer is as the example says: status, headers, members and their types.
    fn check(&mut self, name: &str, answer: &Answer) {
        let file = fixture(&format!("graph/{name}"));
        self.used.insert(name.to_owned());
        let expected = &file["response"];
        assert_eq!(expected["status"], answer.status, "status of {name}: {}", answer.text);
        for header in expected["headers"].as_object().unwrap().keys() {
            assert!(answer.head.contains_key(header.as_str()), "{name} has the header {header}");
        }
        for exact in ["Content-Type", "Preference-Applied"] {
            if let Some(value) = expected["headers"].get(exact) {
                assert_eq!(answer.header(exact), value, "{name}: {exact}");
            }
        }
        let mut found = Vec::new();
        compare("", expected.get("body").unwrap_or(&Value::Null), &answer.json, &mut found);
        found.retain(|difference| {
            let row = DIFFERENCES.iter().find(|(file, known)| *file == name && known == difference);
            self.differed.extend(row);
            row.is_none()
        });
        assert!(found.is_empty(), "{name}: {found:#?}\n{:#}", answer.json);
    }

    async fn example(&mut self, request: &str, response: &str) -> Answer {
        let answer = self.send(request).await;
        self.check(response, &answer);
        answer
    }
}

/// Notes where two payloads do not have the same members of the same types.
fn compare(path: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, value) in expected {
                match actual.get(name) {
                    Some(actual) => compare(&below(name), value, actual, found),
                    None => found.push(format!("{} is missing", below(name))),
                }
            }
            let added = actual.keys().filter(|name| !expected.contains_key(*name));
            found.extend(added.map(|name| format!("{} is too much", below(name))));
        }
        (Value::Array(expected), Value::Array(actual)) => {
            if actual.is_empty() && !expected.is_empty() {
                found.push(format!("{path} is empty"));
            }
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(&below(&index.to_string()), expected, actual, found);
            }
        }
        (expected, actual) => {
            let (wanted, is) = (kind(expected), kind(actual));
            if wanted != is {
                found.push(format!("{path} is {is} instead of {wanted}"));
            }
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a switch",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[tokio::test]
async fn every_example_of_the_area_is_played() {
    let play = Play::new();
    let mut scene = Scene::new(&play).await;
    calendars(&mut scene).await;
    single_events(&mut scene).await;
    series(&mut scene).await;
    answers(&mut scene).await;
    free_times(&mut scene).await;
    meetings(&mut scene).await;
    recurrences(&mut scene).await;
    let all: BTreeSet<_> = DIFFERENCES.iter().copied().collect();
    assert_eq!(scene.differed, all, "every allowance is needed");
    let folder = format!("{}/src/microsoft/fixtures/graph", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let name = file.trim_end_matches(".json");
        let is_ours = AREA.iter().any(|area| name.starts_with(area));
        assert!(!is_ours || scene.used.contains(name), "{name} is not played");
    }
}

async fn calendars(scene: &mut Scene<'_>) {
    let volunteer = json!({ "name": "Volunteer", "color": "lightTeal" });
    assert_eq!(scene.adele.post("calendars", volunteer).await.status, 201);
    scene.example("calendars.list", "calendars.list.response").await;
    let calendar = scene.adele.get("calendar").await;
    scene.check("calendar.get.response", &calendar);
}

async fn single_events(scene: &mut Scene<'_>) {
    let created = scene.example("event.create", "event.create.response").await.json;
    scene.means("AAMkAGI1AAAt9AHjAAA=", &escape(created["id"].as_str().unwrap()));
    scene.example("event.get", "event.get.response").await;
    scene.example("event.update", "event.update.response").await;
    scene.example("event.forward", "action.202.response").await;
    scene.means("7E163156-7762-4BEB-A1C6-729EA81755A7", "7E163156-7762-4BEB-A1C6-729EA81755A8");
    scene.example("event.create.online", "event.create.online.response").await;
    let other = scene.adele.create(lunch()).await;
    scene.example("event.delete", "event.delete.response").await;
    scene.means("AAMkAGI1AAAt9AHjAAA=", &escape(other["id"].as_str().unwrap()));
    scene.example("event.cancel", "action.202.response").await;
}

async fn series(scene: &mut Scene<'_>) {
    scene.means("7E163156-7762-4BEB-A1C6-729EA81755A8", "7E163156-7762-4BEB-A1C6-729EA81755A9");
    scene.means("7E163156-7762-4BEB-A1C6-729EA81755A7", "7E163156-7762-4BEB-A1C6-729EA81755A9");
    let master =
        scene.example("event.create.recurring", "event.create.recurring.response").await.json;
    let id = master["id"].as_str().unwrap();
    scene.means("AAMkADQwMDSERIES=", &escape(id));
    let all = scene.send("event.instances").await.ok();
    let second = event(&all["value"][1]["id"]);
    let moved =
        at("Moved lunch", "2026-10-13T12:00:00", "2026-10-13T14:00:00", "Pacific Standard Time");
    assert_eq!(scene.adele.patch(&second, moved).await.status, 200);
    scene.example("event.instances", "event.instances.response").await;
    scene.example("calendarview.list", "calendarview.list.response").await;
}

async fn answers(scene: &mut Scene<'_>) {
    for name in ["event.accept", "event.tentativelyAccept", "event.decline"] {
        let mut invitation = lunch();
        invitation["organizer"] = json!({ "emailAddress": { "name": "Samantha Booth", "address": "samanthab@contoso.onmicrosoft.com" } });
        let made = direct(scene.adele.play, ADELE, "events", invitation).await;
        scene.means("AAMkAGI1AAAt9AHjAAA=", &escape(made["id"].as_str().unwrap()));
        scene.example(name, "action.202.response").await;
    }
}

async fn free_times(scene: &mut Scene<'_>) {
    for upn in [ADELE, super::MEGAN] {
        let busy =
            at("Busy", "2026-10-15T12:00:00", "2026-10-15T14:00:00", "Pacific Standard Time");
        direct(scene.adele.play, upn, "events", busy).await;
    }
    scene.example("getschedule", "getschedule.response").await;
    scene.example("findmeetingtimes", "findmeetingtimes.response").await;
    let away = at("Away", "2026-10-15T00:00:00", "2026-10-20T00:00:00", "Pacific Standard Time");
    direct(scene.adele.play, crate::play::ALEX, "events", away).await;
    let answer = scene.send("findmeetingtimes").await;
    scene.check("findmeetingtimes.empty.response", &answer);
    assert_eq!(answer.json["emptySuggestionsReason"], "attendeesUnavailable");
}

async fn meetings(scene: &mut Scene<'_>) {
    let passcode = scene
        .example("onlinemeeting.create.passcode", "onlinemeeting.create.passcode.response")
        .await;
    assert!(passcode.json["joinMeetingIdSettings"]["passcode"].is_string());
    direct(scene.adele.play, ADELE, "audio-conferencing", json!({ "licensed": false })).await;
    let made = scene.example("onlinemeeting.create", "onlinemeeting.create.response").await.json;
    let options = scene.send("onlinemeeting.create.options").await;
    assert_eq!(options.status, 201, "{}", options.text);
    scene.example("onlinemeeting.createorget", "onlinemeeting.createorget.created.response").await;
    scene.example("onlinemeeting.createorget", "onlinemeeting.createorget.existing.response").await;
    let url = made["joinWebUrl"].as_str().unwrap();
    let unknown = scene.send("onlinemeeting.find").await;
    scene.check("onlinemeeting.error.400.filter_nomatch", &unknown);
    let example = fixture("graph/onlinemeeting.find.request");
    let asked = example["request"]["url"].as_str().unwrap().split('\'').nth(1).unwrap().to_owned();
    scene.means(&asked, &escape(url));
    scene.example("onlinemeeting.find", "onlinemeeting.find.response").await;
    let id = escape(made["id"].as_str().unwrap());
    scene.means("onlineMeetings/MSpGQUtF", &format!("onlineMeetings/{id}"));
    scene.example("onlinemeeting.update", "onlinemeeting.update.response").await;
    let gone = scene.adele.delete(&format!("onlineMeetings/{id}")).await;
    scene.check("onlinemeeting.delete.response", &gone);
    direct(scene.adele.play, ADELE, "teams", json!({ "licensed": false })).await;
    let denied = scene.send("onlinemeeting.create").await;
    scene.check("onlinemeeting.error.403.license", &denied);
    // An application needs a policy, and here it never has one.
    let token = scene.adele.play.app_token(&[]).await.ok()["access_token"].clone();
    let path = "/v1.0/users/aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb/onlineMeetings";
    let denied = scene.adele.play.graph("POST", path, token.as_str().unwrap()).await;
    scene.check("onlinemeeting.error.403.policy", &denied);
}

/// Each sample of a recurrence comes back with what it says.
async fn recurrences(scene: &mut Scene<'_>) {
    scene.used.insert("recurrence.samples".to_owned());
    let samples = fixture("graph/recurrence.samples");
    for (name, sample) in samples["samples"].as_object().unwrap() {
        let day = sample["range"]["startDate"].as_str().unwrap();
        let mut body = at(name, &format!("{day}T09:00:00"), &format!("{day}T10:00:00"), "UTC");
        body["recurrence"] = sample.clone();
        let created = scene.adele.create(body).await;
        for part in ["pattern", "range"] {
            for (member, value) in sample[part].as_object().unwrap() {
                assert_eq!(created["recurrence"][part][member], *value, "{name}: {member}");
            }
        }
        assert!(super::start(&created).starts_with(day), "{name} begins on its first day");
    }
}

#[tokio::test]
async fn every_refusal_of_the_area_is_worded_as_in_the_examples() {
    let play = Play::new();
    let mut scene = Scene::new(&play).await;
    let mine = scene.adele.create(lunch()).await;
    let path = event(&mine["id"]);
    let of = |name: &str| format!("error.{name}");
    let window = scene.adele.get("calendarView").await;
    scene.check(&of("400.calendarview_missing_window"), &window);
    let accept = scene.adele.post(&format!("{path}/accept"), json!({})).await;
    scene.check(&of("400.respond_as_organizer"), &accept);
    let malformed = scene.adele.get("events/rubbish").await;
    scene.check(&of("400.id_malformed"), &malformed);
    let gone = scene.adele.get("events/AAMkAGI1AAAt9AHjAAA=").await;
    scene.check(&of("404.item_not_found"), &gone);
    let zone = scene.adele.get_in(&path, "Mars/Olympus").await;
    scene.check(&of("400.timezone_not_supported"), &zone);
    assert_eq!(
        zone.json["error"]["message"],
        fixture("graph/error.400.timezone_not_supported")["response"]["body"]["error"]["message"]
    );
    let stale = scene
        .adele
        .call("PATCH", &format!("/v1.0/me/{path}"), &[("if-match", "W/\"old\"")], &json!({}))
        .await;
    scene.check(&of("412.precondition"), &stale);
    let nobody = json!({ "attendees": [{ "emailAddress": { "address": "nobody" } }] });
    let recipients = scene.adele.patch(&path, nobody).await;
    scene.check(&of("400.invalid_recipients"), &recipients);
    let broken = scene.adele.post("events", json!("text")).await;
    scene.check(&of("400.malformed_json"), &broken);
    let backwards =
        json!({ "end": { "dateTime": "2031-05-05T11:00:00", "timeZone": "Europe/Berlin" } });
    let validation = scene.adele.patch(&path, backwards).await;
    scene.check(&of("400.property_validation"), &validation);

    let mut once = lunch();
    once["transactionId"] = json!("T1");
    scene.adele.create(once.clone()).await;
    once["subject"] = json!("Another lunch");
    let twice = scene.adele.post("events", once).await;
    scene.check(&of("400.duplicate_transaction_id"), &twice);

    let mut invitation = lunch();
    invitation["organizer"] =
        json!({ "emailAddress": { "address": "samanthab@contoso.onmicrosoft.com" } });
    let made = direct(&play, ADELE, "events", invitation).await;
    let cancel = scene.adele.post(&format!("{}/cancel", event(&made["id"])), json!({})).await;
    scene.check(&of("400.cancel_not_organizer"), &cancel);

    let mail_only = Person::with(&play, ADELE, "Mail.Read").await;
    let denied = mail_only.get("events").await;
    scene.check(&of("403.access_denied"), &denied);
    assert_eq!(refusal(&denied), (403, "ErrorAccessDenied"));
}
