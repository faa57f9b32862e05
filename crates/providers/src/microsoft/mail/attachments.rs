//! Files that come and go with messages (contract, section 6.6).

use std::time::Duration;

use bytes::Bytes;
use evergrant::capability::{Attachment, AttachmentKind, NewAttachment};
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Allowance, Api, CallError};

use super::once::{WAITS, in_doubt, note, pause, unclear};
use super::wire::WireAttachment;
use super::{LARGE, READ, WRITE, compose, upload};
use crate::microsoft::graph::input::invalid;
use crate::microsoft::graph::{Call, id, list};

/// What lists are asked for: everything but the content, which would come, too.
const FIELDS: &str = "id,name,size,contentType,isInline";

/// From here on a file is uploaded in parts. Where exactly the provider draws the line between the two
/// ways is not known to the byte: it says "3 MB", and that requests end at about 4 MB (contract,
/// sections 6.4 and 6.6). What one way refuses for its size goes the other.
const SMALL: usize = 3_000_000;

/// From here on a file, in base64 and with what is around it, may be more than a request takes.
const DOUBTFUL: usize = 2_900_000;

/// The largest file: what a mailbox takes within five minutes (contract, section 4.3), less what there
/// is to say about it.
const LARGEST: usize = 149_000_000;

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
        return Err(invalid(format!("{pointer}/content"), "is larger than 149 MB"));
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
    let size = file.content.len();
    if size >= SMALL {
        return match upload::upload(api, message, file, present).await {
            Err(CallError::Denied { failure, .. }) if failure.code == upload::TOO_SMALL => {
                whole(api, message, file, present).await
            }
            done => done,
        };
    }
    match whole(api, message, file, present).await {
        Err(CallError::Denied { denial: Denial::TooLarge, .. }) if size >= DOUBTFUL => {
            upload::upload(api, message, file, present).await
        }
        done => done,
    }
}

/// Attaches a file in one request.
async fn whole(
    api: &Api,
    message: &str,
    file: &NewAttachment,
    present: &[Attachment],
) -> Result<Attachment, CallError> {
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
                note(&mut last, error);
            }
        }
        let attached = match arrived(api, message, file, present).await {
            Err(_) if in_doubt(last.as_ref()) => break,
            attached => attached?,
        };
        if let Some(attached) = attached {
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
    for file in missing(files, &present, own) {
        let attached = attach(api, draft, file, &present).await?;
        present.push(attached);
    }
    Ok(())
}

/// The files that are not among those `present`, in their order.
///
/// Several may have one name, and the provider counts more than their content. So what the draft had by
/// itself is taken to be what is nearest in size, and then the largest file chooses first, among those
/// that are large enough the smallest: a small file cannot take the place of a large one.
fn missing<'a>(
    files: &'a [NewAttachment],
    present: &[Attachment],
    own: &[Attachment],
) -> Vec<&'a NewAttachment> {
    let mut free: Vec<&Attachment> = present.iter().collect();
    for one in own {
        let same = free.iter().enumerate().filter(|(_, found)| found.name == one.name);
        let nearest = same.min_by_key(|(_, found)| found.size.abs_diff(one.size)).map(|(n, _)| n);
        nearest.map(|n| free.remove(n));
    }
    let mut by_size: Vec<usize> = (0..files.len()).collect();
    by_size.sort_by_key(|&n| std::cmp::Reverse(files[n].content.len()));
    let mut there = vec![false; files.len()];
    for n in by_size {
        let fits = free.iter().enumerate().filter(|(_, found)| is(found, &files[n]));
        let smallest = fits.min_by_key(|(_, found)| found.size).map(|(found, _)| found);
        there[n] = smallest.map(|found| free.remove(found)).is_some();
    }
    files.iter().zip(there).filter(|(_, there)| !there).map(|(file, _)| file).collect()
}

/// Whether an attachment is this file. The provider counts more than the content, never less.
fn is(found: &Attachment, file: &NewAttachment) -> bool {
    let size = u64::try_from(file.content.len()).unwrap_or(u64::MAX);
    found.name.as_deref() == Some(&*file.name) && found.size >= size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(name: &str, size: u64) -> Attachment {
        Attachment {
            id: format!("{name}{size}"),
            kind: AttachmentKind::File,
            name: Some(name.to_owned()),
            content_type: None,
            size,
            is_inline: false,
            content_id: None,
        }
    }

    fn file(bytes: usize) -> NewAttachment {
        let content = Bytes::from(vec![0; bytes]);
        NewAttachment { name: "a".to_owned(), content_type: None, content, content_id: None }
    }

    fn left(files: &[usize], present: &[u64], own: &[u64]) -> Vec<usize> {
        let files: Vec<_> = files.iter().map(|&bytes| file(bytes)).collect();
        let held = |sizes: &[u64]| sizes.iter().map(|&n| there("a", n)).collect::<Vec<_>>();
        let missing = missing(&files, &held(present), &held(own));
        missing.iter().map(|file| file.content.len()).collect()
    }

    #[test]
    fn files_of_one_name_are_told_apart_by_their_size() {
        assert_eq!(left(&[100, 5000], &[5300], &[]), [100]);
        assert_eq!(left(&[100, 5000], &[400], &[]), [5000]);
        assert!(left(&[100, 5000], &[5300, 400], &[]).is_empty());
        assert_eq!(left(&[100, 100], &[400], &[]), [100]);
        assert_eq!(left(&[9, 100, 5000], &[], &[]), [9, 100, 5000], "in their order");
        assert!(left(&[], &[400], &[]).is_empty());
    }

    #[test]
    fn what_a_draft_had_by_itself_is_none_of_the_files() {
        assert_eq!(left(&[100], &[400], &[400]), [100]);
        assert!(left(&[100], &[400, 2300], &[2290]).is_empty());
        assert!(left(&[2000], &[400, 2300], &[410]).is_empty());
    }
}
