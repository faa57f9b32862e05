//! Files that come and go with messages (contract, section 6.6).

use std::time::Duration;

use bytes::Bytes;
use evergrant::capability::{Attachment, AttachmentKind, NewAttachment};
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Allowance, Api, CallError};

use super::once::{WAITS, pause, unclear};
use super::wire::WireAttachment;
use super::{LARGE, READ, WRITE, compose, upload};
use crate::microsoft::graph::input::invalid;
use crate::microsoft::graph::{Call, id, list};

/// What lists are asked for: everything but the content, which would come, too.
const FIELDS: &str = "id,name,size,contentType,isInline";

/// From here on a file is uploaded in parts.
const SMALL: usize = 3_000_000;

/// The largest file there can be.
const LARGEST: usize = 150 << 20;

/// For the largest content and what base64 makes of an attached message.
const CONTENT: Allowance = Allowance { body: 256 << 20, total: Duration::from_mins(10) };

/// A message's attachments.
pub(super) async fn list(api: &Api, message: &str) -> Result<Vec<Attachment>, CallError> {
    let path = format!("/me/messages/{}/attachments", id(message)?);
    let found: Vec<WireAttachment> =
        list::all(|| Call::get(api, READ, path.as_str()).query("$select", FIELDS)).await?;
    Ok(found.into_iter().map(WireAttachment::attachment).collect())
}

/// One attachment, without its content.
pub(super) async fn one(api: &Api, message: &str, which: &str) -> Result<Attachment, CallError> {
    let path = format!("/me/messages/{}/attachments/{}", id(message)?, id(which)?);
    let call = Call::get(api, READ, path.as_str()).query("$select", FIELDS);
    Ok(call.read::<WireAttachment>().await?.attachment())
}

/// The content of an attachment: of a file its bytes, of a message its source.
pub(super) async fn content(
    api: &Api,
    message: &str,
    attachment: &Attachment,
) -> Result<Bytes, CallError> {
    if attachment.kind == AttachmentKind::Reference {
        let message = "The attachment is a link to a file somewhere else; it has no content here.";
        let failure = Failure::new("attachment_is_a_link", Actor::User, message)
            .remedied_by("Open the message in a browser and follow the link.");
        return Err(CallError::Denied { denial: Denial::Input, failure: Box::new(failure) });
    }
    let path = format!("/me/messages/{}/attachments/{}/$value", id(message)?, id(&attachment.id)?);
    Ok(Call::get(api, READ, path).allowing(CONTENT).send().await?.into_body())
}

/// Checks a file before anything is sent.
pub(super) fn check(pointer: &str, file: &NewAttachment) -> Result<(), CallError> {
    if file.name.is_empty() {
        return Err(invalid(format!("{pointer}/name"), "is empty"));
    }
    if file.content.len() > LARGEST {
        return Err(invalid(format!("{pointer}/content"), "is larger than 150 MB"));
    }
    Ok(())
}

/// Attaches a file to a draft. `present` is what was attached before: where an answer is lost, the
/// file is there if there is one more of its name.
pub(super) async fn attach(
    api: &Api,
    message: &str,
    file: &NewAttachment,
    present: &[Attachment],
) -> Result<Attachment, CallError> {
    if file.content.len() >= SMALL {
        match upload::upload(api, message, file, present).await {
            // Where the provider draws the line is not known to the byte.
            Err(CallError::Refused { code, .. })
                if code.eq_ignore_ascii_case(upload::TOO_SMALL) => {}
            done => return done,
        }
    }
    let path = format!("/me/messages/{}/attachments", id(message)?);
    let body = compose::file(file);
    let mut last = None;
    for wait in WAITS {
        // The answer repeats the content.
        let call = Call::post(api, WRITE, path.as_str()).json(&body).allowing(LARGE);
        match call.read::<WireAttachment>().await {
            Ok(attached) => return Ok(attached.attachment()),
            Err(error) if !unclear(&error) => return Err(error),
            Err(error) => {
                api.wait(pause(wait, &error)).await;
                last = Some(error);
            }
        }
        if let Some(attached) = arrived(api, message, file, present).await? {
            return Ok(attached);
        }
    }
    Err(last.unwrap_or_else(|| CallError::Unreadable("an attachment without an answer".to_owned())))
}

/// The file, if it is attached by now.
pub(super) async fn arrived(
    api: &Api,
    message: &str,
    file: &NewAttachment,
    present: &[Attachment],
) -> Result<Option<Attachment>, CallError> {
    let now = list(api, message).await?;
    let new = |found: &Attachment| present.iter().all(|before| before.id != found.id);
    Ok(now.into_iter().find(|found| new(found) && is(found, file)))
}

/// Attaches what an earlier attempt has left out. `own` is what the draft had by itself, such as the
/// files of a message that is handed on.
pub(super) async fn complete(
    api: &Api,
    draft: &str,
    files: &[NewAttachment],
    own: &[Attachment],
) -> Result<(), CallError> {
    if files.is_empty() {
        return Ok(());
    }
    let mut present = list(api, draft).await?;
    let mut unmatched: Vec<usize> = (0..present.len()).collect();
    for one in own {
        let found = unmatched.iter().position(|&n| present[n].name == one.name);
        found.map(|n| unmatched.remove(n));
    }
    for file in files {
        if let Some(found) = unmatched.iter().position(|&n| is(&present[n], file)) {
            unmatched.remove(found);
            continue;
        }
        let attached = attach(api, draft, file, &present).await?;
        present.push(attached);
    }
    Ok(())
}

/// Whether an attachment is this file. The provider counts more than the content, never less.
fn is(found: &Attachment, file: &NewAttachment) -> bool {
    let size = u64::try_from(file.content.len()).unwrap_or(u64::MAX);
    found.name.as_deref() == Some(&*file.name) && found.size >= size
}
