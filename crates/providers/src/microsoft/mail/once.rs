//! Sending exactly once.
//!
//! **What is sent is sent once.** A draft is made and then sent, and sending ends it: a draft that was
//! sent cannot be sent again. So all that can happen twice is the draft, and all that must be found
//! out is which draft is ours:
//!
//! - A draft carries a `Message-ID` made of the [`Once`]. Each attempt first looks for it, so that an
//!   attempt after a crash finds the draft, or the message that was sent.
//! - Where the answer to its creation is lost, it is looked for again before another is made. A draft
//!   whose creation takes effect after that, or one of an answer that did not have its name yet, is
//!   left behind in the drafts; it is never sent.
//! - Where the answer to the sending is lost, the draft itself is asked, by its id, which stays the
//!   same: only what is still a draft is sent again.
//!
//! Two attempts of the same [`Once`] at the same time would each make a draft and send it: the caller
//! lets one end before it begins another.
//!
//! **What is not promised.** The mailbox is the only memory of what was sent: where an account keeps no
//! sent messages, or removes the copy for good before the same [`Once`] is asked for again, the message
//! looks unsent, and the repetition sends it again. Within one attempt it does not: a draft that is gone
//! without a copy is told as unknown (ADR 12). An account that writes under another address than its
//! sign-in name, and moves its copy out of the sent items, looks the same.

use std::time::Duration;

use evergrant::capability::{
    Attachment, BodyFormat, Forward, Mail as _, Message, NewAttachment, NewMessage, Once, Reply,
    Sent,
};
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Api, CallError};
use serde_json::Value;

use super::query::literal;
use super::wire::WireMessage;
use super::{LARGE, Mailbox, READ, SEND, WRITE, attachments, compose};
use crate::microsoft::graph::refusal::{lacks, missing_scope};
use crate::microsoft::graph::{Call, id, list};

/// How long to wait after each attempt before its effect is asked for; as many attempts are made.
pub(super) const WAITS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5)];

/// The longest wait of a provider's that a caller is held up for.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// When to try again where it is not known whether a message was sent.
const LATER: Duration = Duration::from_secs(30);

/// What a message of ours is asked for.
const FIELDS: &str = "id,isDraft,internetMessageId,conversationId,parentFolderId,from,sender";

/// Where what the account sends lies, and lay before.
const OUTGOING: [&str; 2] =
    ["/me/mailFolders/sentitems/messages", "/me/mailFolders/outbox/messages"];

/// Whether a request may have had its effect although this came of it.
pub(super) fn unclear(error: &CallError) -> bool {
    use CallError::{TooLarge, Unavailable, Unreadable};
    matches!(error, Unavailable { .. } | TooLarge { .. } | Unreadable(_))
}

/// Keeps what came of the attempts so far: once one of them may have had its effect, nobody knows.
pub(super) fn note(last: &mut Option<CallError>, error: CallError) {
    let unsent = matches!(error, CallError::Unavailable { sent: false, .. });
    let left = unclear(&error) && !unsent;
    if left {
        *last = Some(unknown(&error.to_string()));
    } else if !in_doubt(last.as_ref()) {
        *last = Some(error);
    }
}

/// Whether an attempt may have had its effect.
pub(super) fn in_doubt(last: Option<&CallError>) -> bool {
    matches!(last, Some(CallError::OutcomeUnknown { .. }))
}

/// How long to wait after this error.
pub(super) fn pause(wait: Duration, error: &CallError) -> Duration {
    let asked = match error {
        CallError::Unavailable { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    asked.clamp(wait, LONGEST_WAIT)
}

/// Sends a message.
pub(super) async fn send(api: &Api, once: Once, message: &NewMessage) -> Result<Sent, CallError> {
    compose::addressed(&[&message.to, &message.cc, &message.bcc])?;
    let message_id = message_id(api, once);
    let body = compose::message(message, &message_id)?;
    permitted(api)?;
    let draft = match find(api, &message_id).await? {
        Some(found) => found,
        None => create(api, &message_id, "/me/messages", &body).await?,
    };
    finish(api, draft, &message.attachments, &[]).await
}

/// Creates a draft; one that was sent meanwhile is given as it is.
pub(super) async fn create_draft(
    api: &Api,
    once: Once,
    message: &NewMessage,
) -> Result<Message, CallError> {
    let message_id = message_id(api, once);
    let body = compose::message(message, &message_id)?;
    let (draft, found) = match find(api, &message_id).await? {
        Some(draft) => (draft, true),
        None => (create(api, &message_id, "/me/messages", &body).await?, false),
    };
    if draft.is_draft {
        attachments::complete(api, &draft.id, &message.attachments, &[]).await?;
    }
    if found || !message.attachments.is_empty() {
        return Mailbox.message(api, &draft.id, BodyFormat::Html).await;
    }
    Ok(draft)
}

/// Sends a draft of the account's own making.
///
/// One that is no draft any longer was sent by an earlier attempt, if there may have been one; if it is
/// gone, nobody can tell.
pub(super) async fn send_draft(api: &Api, once: Once, draft: &str) -> Result<Sent, CallError> {
    permitted(api)?;
    let found = match state(api, draft).await {
        Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) if once.tried() => {
            return Err(unknown("the draft is gone, and there is no sent message"));
        }
        found => found?,
    };
    if !found.is_draft && once.tried() {
        return Ok(sent(found));
    }
    if !found.is_draft {
        let failure = Failure::new("not_a_draft", Actor::User, "This is not a draft any longer.")
            .remedied_by("Look into the sent items; it was probably sent before.");
        return Err(CallError::Denied { denial: Denial::Conflict, failure: Box::new(failure) });
    }
    deliver(api, found).await
}

/// Answers a message.
pub(super) async fn reply(
    api: &Api,
    once: Once,
    to: &str,
    reply: &Reply,
) -> Result<Sent, CallError> {
    let body = compose::reply(reply)?;
    permitted(api)?;
    let message_id = message_id(api, once);
    let draft = if let Some(found) = find(api, &message_id).await? {
        found
    } else {
        let action = if reply.all { "createReplyAll" } else { "createReply" };
        let path = format!("/me/messages/{}/{action}", id(to)?);
        let draft = create(api, &message_id, &path, &body).await?;
        let (to, cc, text) = (&reply.to, &reply.cc, reply.body.as_ref());
        let set = compose::additions(&draft, &message_id, to, cc, text)?;
        adopt(api, &draft, &set).await?
    };
    finish(api, draft, &reply.attachments, &[]).await
}

/// Hands a message on.
pub(super) async fn forward(
    api: &Api,
    once: Once,
    what: &str,
    forward: &Forward,
) -> Result<Sent, CallError> {
    let body = compose::forward(forward)?;
    permitted(api)?;
    let message_id = message_id(api, once);
    let draft = if let Some(found) = find(api, &message_id).await? {
        found
    } else {
        let path = format!("/me/messages/{}/createForward", id(what)?);
        let draft = create(api, &message_id, &path, &body).await?;
        let (cc, text) = (&forward.cc, forward.body.as_ref());
        let set = compose::additions(&draft, &message_id, &[], cc, text)?;
        adopt(api, &draft, &set).await?
    };
    // The draft has the message's own files, perhaps of the same names.
    let own = if forward.attachments.is_empty() || !draft.is_draft {
        Vec::new()
    } else {
        attachments::list(api, what).await?
    };
    finish(api, draft, &forward.attachments, &own).await
}

/// Refuses what could not be sent before a draft is made of it.
fn permitted(api: &Api) -> Result<(), CallError> {
    let missing = [SEND, WRITE].into_iter().find(|needs| lacks(api.granted(), needs));
    missing.map_or(Ok(()), |needs| Err(missing_scope(needs)))
}

/// The `Message-ID` of what is sent once (RFC 5322, section 3.6.4), in the account's own domain, as
/// mail filters expect; always the same for the same [`Once`].
fn message_id(api: &Api, once: Once) -> String {
    let name = api.account().username.as_deref().unwrap_or_default();
    let domain = name.rsplit_once('@').map_or("", |(_, domain)| domain);
    let plain = domain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    let domain = if plain && domain.contains('.') { domain } else { "evergrant.invalid" };
    format!("<{once}@{}>", domain.to_ascii_lowercase())
}

/// What an earlier attempt left: the sent message before a draft. Of a message that the account sent
/// to itself there are two; the one in the sent items counts.
///
/// What came in counts for nothing: whoever got a message of ours can write one with its name. So a
/// message is from the account itself, or lies where it keeps what it sends.
async fn find(api: &Api, message_id: &str) -> Result<Option<Message>, CallError> {
    let look = async |path: &'static str| -> Result<Vec<Message>, CallError> {
        let filter = format!("internetMessageId eq {}", literal(message_id));
        let found: Vec<WireMessage> = list::all(|| {
            Call::get(api, READ, path)
                .query("$select", FIELDS)
                .query("$filter", filter.as_str())
                .query("$top", "10")
        })
        .await?;
        Ok(found.into_iter().map(WireMessage::message).collect())
    };
    let (drafts, others): (Vec<_>, Vec<_>) =
        look("/me/messages").await?.into_iter().partition(|message| message.is_draft);
    let several = others.len() > 1;
    let mut sent: Vec<_> = others.iter().filter(|message| is_own(api, message)).cloned().collect();
    if several || sent.len() < others.len() {
        for folder in OUTGOING {
            let kept = look(folder).await?;
            let found = !kept.is_empty();
            sent.splice(0..0, kept.into_iter().filter(|message| !message.is_draft));
            if found {
                break;
            }
        }
    }
    Ok(sent.into_iter().chain(drafts).next())
}

/// Whether the account itself wrote it, as far as its name tells.
fn is_own(api: &Api, message: &Message) -> bool {
    let name = api.account().username.as_deref();
    let people = [&message.from, &message.sender];
    let mut emails = people.into_iter().flatten().filter_map(|person| person.email.as_deref());
    name.is_some_and(|name| emails.any(|email| email.eq_ignore_ascii_case(name)))
}

/// Creates a draft. Where the answer is lost, it is looked for before another is made.
async fn create(
    api: &Api,
    message_id: &str,
    path: &str,
    body: &Value,
) -> Result<Message, CallError> {
    let mut last = None;
    for wait in WAITS {
        let call = Call::post(api, WRITE, path).json(body).allowing(LARGE);
        match call.read::<WireMessage>().await {
            Ok(draft) => return Ok(draft.message()),
            Err(error) if !unclear(&error) => return Err(error),
            Err(error) => {
                api.wait(pause(wait, &error)).await;
                note(&mut last, error);
            }
        }
        let found = match find(api, message_id).await {
            Err(_) if in_doubt(last.as_ref()) => break,
            found => found?,
        };
        if let Some(found) = found {
            // As whole as the answer would have been.
            return Mailbox.message(api, &found.id, BodyFormat::Html).await;
        }
    }
    Err(last.unwrap_or_else(|| CallError::Unreadable("a draft without an answer".to_owned())))
}

/// Gives a draft that the provider made its name and what else belongs into it.
async fn adopt(api: &Api, draft: &Message, set: &Value) -> Result<Message, CallError> {
    let path = format!("/me/messages/{}", id(&draft.id)?);
    Ok(Call::patch(api, WRITE, path).json(set).read::<WireMessage>().await?.message())
}

/// Attaches what is missing and sends; what was sent already is left alone.
async fn finish(
    api: &Api,
    draft: Message,
    files: &[NewAttachment],
    own: &[Attachment],
) -> Result<Sent, CallError> {
    if !draft.is_draft {
        return Ok(sent(draft));
    }
    attachments::complete(api, &draft.id, files, own).await?;
    deliver(api, draft).await
}

/// Sends a draft, again only while it is known to be one still.
async fn deliver(api: &Api, draft: Message) -> Result<Sent, CallError> {
    let path = format!("/me/messages/{}/send", id(&draft.id)?);
    let mut doubtful = false;
    for wait in WAITS {
        let Err(error) = Call::post(api, SEND, path.as_str()).send().await else {
            return Ok(sent(draft));
        };
        if !doubtful && !unclear(&error) {
            return Err(error);
        }
        doubtful = true;
        api.wait(pause(wait, &error)).await;
        match whereabouts(api, &draft).await {
            Ok(Some(now)) if !now.is_draft => return Ok(sent(now)),
            // It was refused, and nothing of an earlier attempt is to be seen.
            Ok(Some(_)) if !unclear(&error) => return Err(error),
            Ok(Some(_)) => {}
            Ok(None) => return Err(unknown("the draft is gone, and there is no sent message")),
            Err(error) => return Err(unknown(&format!("the mailbox cannot be asked: {error}"))),
        }
    }
    Err(unknown("the draft is still there, and every attempt to send it was lost"))
}

/// The draft, or what became of it, by its id and then by its name.
async fn whereabouts(api: &Api, draft: &Message) -> Result<Option<Message>, CallError> {
    match state(api, &draft.id).await {
        Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) => {}
        found => return found.map(Some),
    }
    match &draft.message_id {
        Some(message_id) => find(api, message_id).await,
        None => Ok(None),
    }
}

async fn state(api: &Api, message: &str) -> Result<Message, CallError> {
    let path = format!("/me/messages/{}", id(message)?);
    let call = Call::get(api, READ, path).query("$select", FIELDS);
    Ok(call.read::<WireMessage>().await?.message())
}

fn unknown(detail: &str) -> CallError {
    CallError::OutcomeUnknown { detail: detail.to_owned(), retry_after: LATER }
}

fn sent(message: Message) -> Sent {
    Sent {
        id: message.id,
        message_id: message.message_id,
        conversation_id: message.conversation_id,
    }
}
