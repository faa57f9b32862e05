//! Whether a change took effect whose answer was lost: what was sent, held against the event as it is
//! now.
//!
//! Graph gives back what it took in its own form: times in UTC, a text inside a whole HTML document,
//! people in an order of its own.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{DateTimeTimeZone, wire};
use crate::microsoft::graph::wire::within;

/// Whether everything that was sent is to be seen in the event as it is now.
pub(super) fn is_seen(sent: &Map<String, Value>, now: &Value) -> bool {
    let whole_days = now["isAllDay"] == true;
    sent.iter().all(|(name, sent)| {
        let now = &now[name];
        match name.as_str() {
            "start" | "end" => same_time(sent, now, whole_days).unwrap_or_default(),
            "body" => same_text(sent, now),
            "attendees" => same_people(sent, now),
            _ => within(sent, now),
        }
    })
}

fn same_time(sent: &Value, now: &Value, whole_days: bool) -> Option<bool> {
    let (sent, now) =
        (DateTimeTimeZone::deserialize(sent).ok()?, DateTimeTimeZone::deserialize(now).ok()?);
    Some(if whole_days {
        wire::day(&sent)? == wire::day(&now)?
    } else {
        wire::at(&sent)? == wire::at(&now)?
    })
}

fn same_text(sent: &Value, now: &Value) -> bool {
    let text = |body: &Value| body["content"].as_str().unwrap_or_default().trim().to_owned();
    let (sent, now) = (text(sent), text(now));
    // Nothing is inside of everything.
    if sent.is_empty() { now.is_empty() } else { now.contains(&sent) }
}

fn same_people(sent: &Value, now: &Value) -> bool {
    let people = |list: &Value| {
        let word = |word: &Value| word.as_str().map(str::to_ascii_lowercase);
        let who = |one: &Value| (word(&one["emailAddress"]["address"]), word(&one["type"]));
        let mut people: Vec<_> = list.as_array().into_iter().flatten().map(who).collect();
        people.sort();
        people
    };
    people(sent) == people(now)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(sent: Value, now: &Value) -> bool {
        let Value::Object(sent) = sent else { panic!("members") };
        is_seen(&sent, now)
    }

    #[test]
    fn what_took_effect_is_seen_in_whatever_form_it_comes_back() {
        let who = |email: &str, role: &str| {
            json!({ "emailAddress": { "address": email }, "type": role,
                "status": { "response": "none" } })
        };
        let now = json!({
            "subject": "Lunch", "isAllDay": false, "recurrence": null,
            "start": { "dateTime": "2026-10-15T19:00:00.0000000", "timeZone": "UTC" },
            "body": { "contentType": "html", "content": "<html><body><p>Noon.</p></body></html>" },
            "attendees": [who("b@x.example", "optional"), who("A@x.example", "required")],
        });
        let at = |time: &str| json!({ "start": { "dateTime": time, "timeZone": "Pacific Standard Time" } });
        let text = |text: &str| json!({ "body": { "contentType": "html", "content": text } });
        let people = [who("a@x.example", "required"), who("b@x.example", "optional")];
        for same in [
            at("2026-10-15T12:00:00"),
            text("<p>Noon.</p>"),
            json!({ "attendees": people }),
            json!({ "subject": "Lunch", "recurrence": null }),
        ] {
            assert!(seen(same.clone(), &now), "{same}");
        }
        for other in [
            at("2026-10-15T13:00:00"),
            text("<p>One.</p>"),
            text(""),
            json!({ "attendees": [people[0]] }),
            json!({ "attendees": [people[0], who("b@x.example", "required")] }),
            json!({ "subject": "Dinner" }),
        ] {
            assert!(!seen(other.clone(), &now), "{other}");
        }
    }

    #[test]
    fn whole_days_are_the_same_in_every_zone() {
        let midnight = |day: &str, zone: &str| json!({ "dateTime": format!("{day}T00:00:00"), "timeZone": zone });
        let now = json!({ "isAllDay": true, "start": midnight("2026-10-15", "UTC") });
        let berlin = |day: &str| json!({ "start": midnight(day, "W. Europe Standard Time") });
        assert!(seen(berlin("2026-10-15"), &now));
        assert!(!seen(berlin("2026-10-16"), &now));
    }
}
