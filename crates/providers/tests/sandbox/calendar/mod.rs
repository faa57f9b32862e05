//! Calendars and online meetings, as a client of Graph sees them.

mod delta;
mod delta_storm;
mod events;
mod examples;
mod invitations;
mod meetings;
mod schedule;
mod series;
mod views;
mod world;

use serde_json::{Value, json};

use crate::play::{ADELE, ALEX, Answer, Play};

pub(crate) const MEGAN: &str = "megan@contoso.example";
/// Everything that calendars and meetings need.
const EVERYTHING: &str =
    "Calendars.ReadWrite Calendars.ReadWrite.Shared OnlineMeetings.ReadWrite User.Read";

/// A user with a token.
pub(crate) struct Person<'a> {
    pub(crate) play: &'a Play,
    token: String,
}

impl<'a> Person<'a> {
    pub(crate) async fn new(play: &'a Play, upn: &'static str) -> Self {
        Self::with(play, upn, EVERYTHING).await
    }

    pub(crate) async fn with(play: &'a Play, upn: &'static str, scope: &str) -> Self {
        // A token has all that was ever consented to: this one shall have no more than `scope`.
        play.change(upn, "remove-consent").await;
        let code = play.code(&[("scope", scope), ("login_hint", upn)]).await;
        let token = play.redeem(&code, &[]).await.ok()["access_token"].as_str().unwrap().to_owned();
        Self { play, token }
    }

    /// A call with headers and a body.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        self.play.send(self.request(method, path, headers, body)).await.unwrap()
    }

    /// The same without sending it.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> evergrant::Request {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        let text = if body.is_null() { String::new() } else { body.to_string() };
        if !text.is_empty() {
            all.push(("content-type", "application/json"));
        }
        self.play.request(method, path, &all, text)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", &format!("/v1.0/me/{path}"), &[], &Value::Null).await
    }

    /// A read with times in `zone`.
    pub(crate) async fn get_in(&self, path: &str, zone: &str) -> Answer {
        let prefer = format!("outlook.timezone=\"{zone}\"");
        self.call("GET", &format!("/v1.0/me/{path}"), &[("prefer", &prefer)], &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", &format!("/v1.0/me/{path}"), &[], &body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", &format!("/v1.0/me/{path}"), &[], &body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", &format!("/v1.0/me/{path}"), &[], &Value::Null).await
    }

    /// A new event.
    pub(crate) async fn create(&self, event: Value) -> Value {
        let answer = self.post("events", event).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json
    }

    /// The events of a window, in UTC.
    pub(crate) async fn view(&self, from: &str, to: &str) -> Vec<Value> {
        let path = format!("calendarView?startDateTime={from}&endDateTime={to}&$top=1000");
        self.get(&path).await.ok()["value"].as_array().unwrap().clone()
    }

    /// The own copy of the event with this uid, if there is one.
    pub(crate) async fn copy_of(&self, event: &Value) -> Option<Value> {
        let uid = event["iCalUId"].as_str().unwrap();
        let found = self.get(&format!("events?$filter=iCalUId%20eq%20'{uid}'")).await.ok();
        found["value"].as_array().unwrap().first().cloned()
    }
}

/// The path of an event, its id escaped.
pub(crate) fn event(id: &Value) -> String {
    format!("events/{}", escape(id.as_str().unwrap()))
}

pub(crate) fn escape(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// An entity without its context, as it stands in a list.
pub(crate) fn bare(mut entity: Value) -> Value {
    entity.as_object_mut().unwrap().remove("@odata.context");
    entity
}

/// An event at these wall times of a zone.
pub(crate) fn at(subject: &str, start: &str, end: &str, zone: &str) -> Value {
    json!({
        "subject": subject,
        "start": { "dateTime": start, "timeZone": zone },
        "end": { "dateTime": end, "timeZone": zone },
    })
}

/// An event in an empty week, in Berlin.
pub(crate) fn lunch() -> Value {
    at("Lunch", "2031-05-05T12:00:00", "2031-05-05T13:00:00", "Europe/Berlin")
}

/// The same with attendees.
pub(crate) fn lunch_with(attendees: &[&str]) -> Value {
    let attendee = |address: &&str| json!({ "emailAddress": { "address": address } });
    let mut lunch = lunch();
    lunch["attendees"] = attendees.iter().map(attendee).collect();
    lunch
}

/// A control request for a user.
pub(crate) async fn direct(play: &Play, upn: &str, change: &str, body: Value) -> Value {
    let path = format!("world/microsoft/users/{upn}/{change}");
    play.control("POST", &path, &body).await.ok()
}

/// Status and code of a refusal.
pub(crate) fn refusal(answer: &Answer) -> (u16, &str) {
    (
        answer.status,
        answer.json["error"]["code"].as_str().unwrap_or_else(|| panic!("{}", answer.text)),
    )
}

/// The `dateTime` of an event's start.
pub(crate) fn start(event: &Value) -> &str {
    event["start"]["dateTime"].as_str().unwrap()
}

pub(crate) async fn adele(play: &Play) -> Person<'_> {
    Person::new(play, ADELE).await
}

pub(crate) async fn alex(play: &Play) -> Person<'_> {
    Person::new(play, ALEX).await
}
