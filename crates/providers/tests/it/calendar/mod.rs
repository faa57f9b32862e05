//! Calendars over Graph: what is sent, and what is made of the answers.

mod effects;
mod examples;
mod moving;
mod recurrences;

use evergrant::capability::{NewEvent, Once};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::account::{Connected, Graph};

/// What a caller gives, from its JSON.
pub(crate) fn given<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

/// The event of the contract's example as a caller gives it, with changes.
fn lunch(changes: Value) -> NewEvent {
    given(with(
        json!({
            "subject": "Let's go for lunch",
            "body": { "format": "html", "content": "Does noon work for you?" },
            "start_time": "2026-10-15T12:00:00",
            "end_time": "2026-10-15T14:00:00",
            "time_zone": "America/Los_Angeles",
            "locations": [{ "name": "Harry's Bar" }],
            "attendees": [{ "email": "samanthab@contoso.onmicrosoft.com", "name": "Samantha Booth" }],
            "allow_new_time_proposals": true,
        }),
        changes,
    ))
}

/// An object with some members changed.
pub(crate) fn with(mut object: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("members") };
    object.as_object_mut().unwrap().extend(changes);
    object
}

/// The event of the contract's example as Graph says it, with changes.
pub(crate) fn event(changes: Value) -> Value {
    let example = crate::account::example("event.get.response");
    let times = json!({
        "start": { "dateTime": "2026-10-15T19:00:00.0000000", "timeZone": "UTC" },
        "end": { "dateTime": "2026-10-15T21:00:00.0000000", "timeZone": "UTC" },
    });
    with(with(example["response"]["body"].clone(), times), changes)
}

async fn calendar(graph: &Graph) -> Connected {
    Connected::new("microsoft_calendar", graph).await
}

fn once() -> Once {
    crate::account::once()
}
