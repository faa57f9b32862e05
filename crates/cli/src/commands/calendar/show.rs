//! Events as a person reads them.

use evergrant::capability::Event;

use super::repeat;
use crate::output::{Output, plain};

/// Prints one event.
pub(super) fn print(output: Output, event: &Event) -> anyhow::Result<()> {
    output.value(&serde_json::to_value(event)?, &shown(event))
}

/// An event in a list.
pub(super) fn row(event: &Event) -> Vec<String> {
    let subject = plain(event.subject.as_deref().unwrap_or_default());
    let subject = if event.is_cancelled { format!("(cancelled) {subject}") } else { subject };
    let places: Vec<_> = event.locations.iter().map(|place| plain(&place.name)).collect();
    vec![
        event.start_time.to_string(),
        event.end_time.to_string(),
        subject,
        places.join(", "),
        event.id.clone(),
    ]
}

/// One event.
fn shown(event: &Event) -> String {
    let mut text = plain(event.subject.as_deref().unwrap_or("(no subject)"));
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text = format!("{text}\n{name:<10}{value}");
        }
    };
    line("start", event.start_time.to_string());
    line("end", event.end_time.to_string());
    line("zone", event.time_zone.as_ref().map(ToString::to_string).unwrap_or_default());
    line("repeats", event.recurrence.as_ref().map(repeat::typed).unwrap_or_default());
    let places: Vec<_> = event.locations.iter().map(|place| plain(&place.name)).collect();
    line("where", places.join(", "));
    let join = event.online_meeting.as_ref().and_then(|online| online.join_url.clone());
    line("join", plain(&join.unwrap_or_default()));
    for attendee in &event.attendees {
        let email = plain(attendee.email.as_deref().unwrap_or_default());
        line("with", format!("{email} ({})", plain(attendee.response.as_str())));
    }
    line("id", event.id.clone());
    text
}
