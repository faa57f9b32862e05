//! Answering an invitation and calling off a meeting (contract, section 5.5).
//!
//! Both write to people, so neither is repeated blindly: where an answer was lost, to this attempt or to
//! an earlier one of the same [`Once`], the event says whether the action took place.

use std::time::Duration;

use evergrant::capability::{Answer, Moment, Once, Response};
use evergrant::gateway::Denial;
use evergrant::provider::Actor;
use evergrant::{Api, CallError};
use serde_json::{Map, Value, json};

use super::time::Span;
use super::words::ANSWERS;
use super::{WRITE, wire};
use crate::microsoft::graph::input::{invalid, word};
use crate::microsoft::graph::refusal::Row;
use crate::microsoft::graph::words::Kind;
use crate::microsoft::graph::{Call, id};

/// How often something is tried whose answer gets lost every time.
const TRIES: u32 = 3;

/// How long to wait before the event is asked what became of it.
const SETTLES: Duration = Duration::from_secs(1);

const NOT_OURS: &[Row] = &[Row {
    statuses: &[400],
    codes: &["ErrorInvalidRequest"],
    kind: Kind::Conflict,
    code: "not_the_organizer",
    actor: Actor::User,
    message: "Only its organizer can cancel a meeting.",
    remedy: "Decline the invitation, or remove the event.",
}];

const OURS: &[Row] = &[Row {
    statuses: &[400],
    codes: &["ErrorInvalidRequest"],
    kind: Kind::Conflict,
    code: "no_invitation",
    actor: Actor::User,
    message: "This is no invitation that the account can answer; perhaps it organizes the meeting itself.",
    remedy: "Change or cancel the event instead.",
}];

/// What only these are refused with.
pub(super) fn refusals() -> impl Iterator<Item = &'static Row> {
    NOT_OURS.iter().chain(OURS)
}

/// Calls off a meeting.
pub(in crate::microsoft) async fn cancel(
    api: &Api,
    once: Once,
    event: &str,
    comment: Option<&str>,
) -> Result<(), CallError> {
    let mut body = Map::new();
    if let Some(comment) = comment {
        body.insert("comment".to_owned(), json!(comment));
    }
    let action =
        Action { api, once, event, name: "cancel", body: Value::Object(body), rows: NOT_OURS };
    action.take(|event| event.is_none_or(|event| event.is_cancelled)).await
}

/// Answers an invitation.
pub(super) async fn respond(
    api: &Api,
    once: Once,
    event: &str,
    answer: &Answer,
) -> Result<(), CallError> {
    let name = word("/response", ANSWERS, answer.response.as_str())?;
    let mut body = json!({ "sendResponse": answer.send });
    if let Some(comment) = &answer.comment {
        body["comment"] = json!(comment);
    }
    if let Some((start, end)) = proposed(answer)? {
        body["proposedNewTime"] = json!({ "start": start, "end": end });
    }
    let wanted = answer.response.clone();
    let action = Action { api, once, event, name, body, rows: OURS };
    // An event that was declined goes away.
    let done = |event: Option<&wire::Event>| match event {
        None => wanted == Response::Declined,
        Some(event) => super::read::response(event) == wanted,
    };
    action.take(done).await
}

/// The times that would suit better.
fn proposed(answer: &Answer) -> Result<Option<(Value, Value)>, CallError> {
    const NAMES: [&str; 2] = ["/proposed_start_time", "/proposed_end_time"];
    let (start, end) = match (answer.proposed_start_time, answer.proposed_end_time) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(invalid(NAMES[1], "is needed with a proposed beginning")),
        (None, Some(_)) => return Err(invalid(NAMES[0], "is needed with a proposed end")),
        (Some(start), Some(end)) => (start, end),
    };
    if answer.response == Response::Accepted {
        return Err(invalid(
            NAMES[0],
            "cannot go with `accepted`; answer `tentative` or `declined`",
        ));
    }
    if !answer.send {
        return Err(invalid("/send", "must be true for the organizer to learn of another time"));
    }
    if matches!(start, Moment::Day(_)) {
        return Err(invalid(NAMES[0], "is a day; expected a time"));
    }
    let span = Span::new(start, end, answer.time_zone.as_ref(), false, NAMES)?;
    Ok(Some((span.start, span.end)))
}

/// Something that is done to an event, and that writes to people.
struct Action<'a> {
    api: &'a Api,
    once: Once,
    event: &'a str,
    name: &'static str,
    body: Value,
    rows: &'static [Row],
}

impl Action<'_> {
    /// Does it; `done` tells by the event, or by its absence, whether it took place.
    async fn take(&self, done: impl Fn(Option<&wire::Event>) -> bool) -> Result<(), CallError> {
        let path = format!("/me/events/{}/{}", id(self.event)?, self.name);
        if self.once.tried() && done(self.now().await?.as_ref()) {
            return Ok(());
        }
        let mut lost = None;
        for _ in 0..TRIES {
            let call = Call::post(self.api, WRITE, path.clone()).explained_by(self.rows);
            let Err(error) = call.json(&self.body).send().await else { return Ok(()) };
            if lost.is_none() && !outcome_unknown(&error) {
                return Err(error);
            }
            self.api.wait(SETTLES).await;
            let Ok(now) = self.now().await else { return Err(unknown(&error)) };
            if done(now.as_ref()) {
                return Ok(());
            }
            if !outcome_unknown(&error) {
                return Err(error);
            }
            lost = Some(error);
        }
        // It is known that it did not take place.
        Err(lost.unwrap_or_else(|| CallError::Unreadable("no answer".to_owned())))
    }

    /// The event as it is now; `None` if it is gone.
    async fn now(&self) -> Result<Option<wire::Event>, CallError> {
        match super::fetch(self.api, self.event).await {
            Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) => Ok(None),
            found => found.map(Some),
        }
    }
}

/// Whether the provider may have done it although it did not say so.
pub(in crate::microsoft) fn outcome_unknown(error: &CallError) -> bool {
    use CallError::{OutcomeUnknown, TooLarge, Unavailable};
    matches!(error, Unavailable { sent: true, .. } | TooLarge { .. } | OutcomeUnknown { .. })
}

/// What became of a creation: where the provider may have made it and did not say so, nobody can tell,
/// and the caller repeats it with the same [`Once`].
pub(in crate::microsoft) fn made<T>(created: Result<T, CallError>) -> Result<T, CallError> {
    created.map_err(|error| match error {
        CallError::Unavailable { sent: true, .. } | CallError::TooLarge { .. } => unknown(&error),
        error => error,
    })
}

/// Nobody can tell now whether it was done.
pub(in crate::microsoft) fn unknown(error: &CallError) -> CallError {
    let retry_after = match error {
        CallError::OutcomeUnknown { retry_after, .. } => *retry_after,
        CallError::Unavailable { retry_after, .. } => retry_after.unwrap_or(SETTLES * 5),
        _ => SETTLES * 5,
    };
    CallError::OutcomeUnknown { detail: error.to_string(), retry_after }
}
