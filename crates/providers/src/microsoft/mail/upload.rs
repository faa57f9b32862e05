//! Large files, in parts (contract, section 6.6).
//!
//! The address of an upload is itself the permission: no token goes there, and it is never logged.

use std::time::Duration;

use bytes::Bytes;
use evergrant::capability::{Attachment, NewAttachment};
use evergrant::clock::later;
use evergrant::gateway::Denial;
use evergrant::provider::Actor;
use evergrant::{Allowance, Api, CallError, Repeat, Request, Response};
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::WRITE;
use super::attachments::arrived;
use super::compose::describe;
use super::once::{WAITS, pause, unclear};
use crate::microsoft::graph::words::{Kind, Row};
use crate::microsoft::graph::{Call, id, send_unsigned};

/// What a file that is not large enough for an upload is refused with: its code here.
pub(super) const TOO_SMALL: &str = "attachment_too_small";

/// What uploads alone are refused with.
pub(super) const REFUSALS: &[Row] = &[Row {
    statuses: &[],
    codes: &["ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"],
    kind: Kind::Input,
    code: TOO_SMALL,
    actor: Actor::User,
    message: "The file is too small to be uploaded in parts.",
    remedy: "Attach it as a whole.",
}];

/// One part: a multiple of 320 KiB below 4 MB.
const PART: usize = 11 * 320 * 1024;

/// How often an upload is begun.
const SESSIONS: usize = 3;

/// How many of the mailbox's windows an upload waits for in all: one that others have filled before it,
/// and the one that it fills itself.
const WINDOWS: u32 = 2;

/// How long to wait for a turn of which it is not known when it comes.
const TURN: Duration = Duration::from_secs(5);

const ALLOWANCE: Allowance = Allowance { body: 1 << 20, total: Duration::from_mins(2) };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    upload_url: String,
}

/// Where an upload stands.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    /// `0-`, `0-99` or a bare `0`; the name comes in two spellings.
    #[serde(default, alias = "NextExpectedRanges")]
    next_expected_ranges: Vec<String>,
}

/// What became of an upload.
enum Outcome {
    /// Everything is there.
    Complete,
    /// Nobody knows the upload any longer: it is complete, or it has ended.
    Gone,
}

/// Attaches a file in parts. Where an answer is lost, the upload is asked how far it came; where it is
/// gone, the draft is asked whether the file is there.
pub(super) async fn upload(
    api: &Api,
    message: &str,
    file: &NewAttachment,
    present: &[Attachment],
) -> Result<Attachment, CallError> {
    let path = format!("/me/messages/{}/attachments/createUploadSession", id(message)?);
    let mut item = json!({
        "attachmentType": "file", "name": file.name, "size": file.content.len(),
    });
    describe(file, &mut item);
    let body = json!({ "AttachmentItem": item });
    for _ in 0..SESSIONS {
        // One that is never filled leaves nothing behind.
        let call = Call::post(api, WRITE, path.as_str()).json(&body).repeatable();
        let session: Session = call.explained_by(REFUSALS).read().await?;
        let outcome = pour(api, &session.upload_url, &file.content).await?;
        // The last answer names the attachment by an id of another kind than the others are.
        if let Some(attached) = arrived(api, message, file, present).await? {
            return Ok(attached);
        }
        if matches!(outcome, Outcome::Complete) {
            break;
        }
    }
    Err(CallError::Unreadable("an upload was completed and left nothing".to_owned()))
}

/// Sends the parts in order.
async fn pour(api: &Api, url: &str, content: &Bytes) -> Result<Outcome, CallError> {
    let deadline = later(api.now(), api.manifest().limits.upload_window * WINDOWS);
    let mut from = 0;
    let mut waits = WAITS.into_iter();
    // Each part is sent once, and as often again as there are waits.
    for _ in 0..content.len().div_ceil(PART) + WAITS.len() {
        let error = match in_turn(api, part(url, content, from)?, deadline).await {
            Ok(answer) if answer.status() == StatusCode::CREATED => return Ok(Outcome::Complete),
            Ok(answer) => match next(&answer)? {
                Some(next) => {
                    from = next;
                    continue;
                }
                None => return Ok(Outcome::Complete),
            },
            Err(error) if gone(&error) => return Ok(Outcome::Gone),
            Err(error) if unclear(&error) || known(&error) => error,
            Err(error) => return Err(error),
        };
        let Some(wait) = waits.next() else { return Err(error) };
        api.wait(pause(wait, &error)).await;
        match in_turn(api, bare(Method::GET, url)?, deadline).await {
            Ok(answer) => match next(&answer)? {
                Some(next) => from = next,
                None => return Ok(Outcome::Complete),
            },
            Err(error) if gone(&error) => return Ok(Outcome::Gone),
            Err(error) => return Err(error),
        }
    }
    Err(CallError::Unreadable("an upload that does not go on".to_owned()))
}

/// Sends a request to the upload, however often it is told to come later, until the deadline: what was
/// put off had no effect, and the upload stays where it is.
///
/// It waits outside the mailbox's queue, so that nobody who has nothing to upload waits behind it.
async fn in_turn(api: &Api, request: Request, deadline: Timestamp) -> Result<Response, CallError> {
    loop {
        let retry_after = match send_unsigned(api, request.clone()).await {
            Err(CallError::Throttled { retry_after }) => retry_after,
            done => return done,
        };
        let wait = retry_after.unwrap_or(TURN).max(Duration::from_secs(1));
        if later(api.now(), wait) > deadline {
            return Err(CallError::Throttled { retry_after });
        }
        api.wait(wait).await;
    }
}

/// The part that begins here.
fn part(url: &str, content: &Bytes, from: usize) -> Result<Request, CallError> {
    let from = from.min(content.len().saturating_sub(1));
    let end = (from + PART).min(content.len());
    let mut request = bare(Method::PUT, url)?;
    let range = format!("bytes {from}-{}/{}", end - 1, content.len());
    for (name, value) in [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, (end - from).to_string()),
        (header::CONTENT_RANGE, range),
    ] {
        let value = value.parse().map_err(|_| no_address())?;
        request.headers_mut().insert(name, value);
    }
    // A part that had arrived would be refused; the upload itself knows how far it came.
    request.extensions_mut().insert(Repeat::Never);
    *request.body_mut() = content.slice(from..end);
    Ok(request)
}

fn bare(method: Method, url: &str) -> Result<Request, CallError> {
    let request = http::Request::builder().method(method).uri(url).body(Bytes::new());
    let mut request = request.map_err(|_| no_address())?;
    request.extensions_mut().insert(ALLOWANCE);
    Ok(request)
}

fn no_address() -> CallError {
    CallError::Unreadable("an upload without a proper address".to_owned())
}

/// Where the upload goes on; `None` when everything is there.
fn next(answer: &Response) -> Result<Option<usize>, CallError> {
    if answer.body().is_empty() {
        return Ok(None);
    }
    // Not in its own words, which may be long and hold the address.
    let unreadable = || CallError::Unreadable("how far an upload came".to_owned());
    let progress: Progress = serde_json::from_slice(answer.body()).map_err(|_| unreadable())?;
    let first = progress.next_expected_ranges.first();
    let begin = |range: &String| range.split('-').next().and_then(|n| n.trim().parse().ok());
    first.map(|range| begin(range).ok_or_else(unreadable)).transpose()
}

/// Whether the part was there before: its answer was lost, and it was repeated further down.
fn known(error: &CallError) -> bool {
    let CallError::Refused { status, .. } = error else { return false };
    *status == StatusCode::RANGE_NOT_SATISFIABLE
}

/// Whether nobody knows the upload. An address that has ended may be refused like a token that has.
fn gone(error: &CallError) -> bool {
    match error {
        CallError::Denied { denial, .. } => {
            matches!(denial, Denial::ItemNotFound | Denial::Forbidden)
        }
        CallError::Refused { status, .. } => matches!(status.as_u16(), 401 | 403 | 404 | 410),
        _ => false,
    }
}
