//! The mailbox as it changes (contract, section 4.6).
//!
//! Without a limit each folder is a part, followed by its changes: Graph tells them folder by folder
//! only. With one the newest messages are listed anew each time, since changes cannot be told of the
//! newest alone. A list goes on by counting, so what is removed between two of its pages can hide the
//! message behind the gap from this reading; the next one finds it.

use std::collections::HashSet;

use async_trait::async_trait;
use evergrant::capability::{Cursor, Message};
use evergrant::feed::{Feed, Found, Next, Part, PullError, Pulled, Scope};
use evergrant::gateway::Denial;
use evergrant::{Api, CallError};

use super::query::FIELDS;
use super::wire::{ToldFolder, WireMessage};
use super::{Mailbox, READ};
use crate::microsoft::graph::delta::{self, Pages, Whole, each, everything};
use crate::microsoft::graph::{Call, Unread, body_as, id};

/// The one part of a feed with a limit.
const NEWEST: &str = "newest";

/// The folders: many on a page, and no more than can be followed one by one.
const FOLDERS: Whole = Whole {
    pages: Pages::Changes,
    size: 500,
    most: 10_000,
    too_many: || {
        delta::denied(
            "too_many_folders",
            "The mailbox has more than 10000 folders, which is more than can be followed.",
            "Delete some, or have the operator copy the newest messages alone.",
        )
    },
};

/// How many messages a page has.
const MESSAGES: usize = 500;
/// How many messages with their bodies: a page fits its allowance if they have 160 KB each.
const WITH_BODIES: usize = 50;

/// A folder that is no more, by its changes.
const FOLDER_GONE: [&str; 3] = ["ErrorItemNotFound", "ErrorSyncFolderNotFound", "itemNotFound"];

#[async_trait]
impl Feed<Message> for Mailbox {
    /// Every folder that is told of, however deep; whether hidden ones are is up to Graph, and what lies in
    /// one that is not is not in the copy. Search folders hold nothing of their own.
    async fn parts(&self, api: &Api, scope: &Scope) -> Result<Vec<Part>, CallError> {
        if scope.limit.is_some() {
            return Ok(vec![Part { id: NEWEST.to_owned(), expected: None }]);
        }
        let told = everything::<ToldFolder>(&FOLDERS, || {
            Call::get(api, READ, "/me/mailFolders/delta").query("$select", "id,totalItemCount")
        })
        .await?;
        // Of two words about one folder the last holds.
        let (mut spoken_of, mut parts) = (HashSet::new(), Vec::new());
        for folder in told.into_iter().rev() {
            let (id, expected, is_part) = match folder {
                Ok(folder) => (folder.id.clone(), folder.total(), folder.holds_messages()),
                Err(Unread(id)) => (id, None, true),
            };
            if spoken_of.insert(id.clone()) && is_part {
                parts.push(Part { id, expected });
            }
        }
        parts.reverse();
        Ok(parts)
    }

    async fn pull(
        &self,
        api: &Api,
        scope: &Scope,
        part: &str,
        cursor: Option<&Cursor>,
        room: Option<u32>,
    ) -> Result<Pulled<Message>, PullError> {
        match scope.limit {
            Some(limit) => newest(api, scope, cursor, room.unwrap_or(limit)).await,
            None => changes(api, scope, part, cursor).await,
        }
    }
}

/// A page of a folder's changes.
///
/// A folder that is no more is at its end, without a cursor: nothing is to be told of it, and should it
/// be there after all, it is read from its beginning. One that is refused does not cost the others: what the
/// copy has of it stays, as nothing is told of it, and the next pass asks again from where this one did. (Where
/// the whole mailbox is refused, so is the list of its folders.)
async fn changes(
    api: &Api,
    scope: &Scope,
    folder: &str,
    cursor: Option<&Cursor>,
) -> Result<Pulled<Message>, PullError> {
    let call = Call::get(api, READ, format!("/me/mailFolders/{}/messages/delta", id(folder)?));
    let page = fields(call, scope).pull::<WireMessage>(Pages::Changes, most(scope), cursor).await;
    let page = match page {
        Ok(page) => page,
        Err(PullError::Call(error)) if is_gone(&error) => {
            return Ok(Pulled { found: Vec::new(), next: Next::Done(None) });
        }
        Err(PullError::Call(CallError::Denied { denial: Denial::Forbidden, failure })) => {
            let code = failure.provider_code;
            tracing::warn!(folder, code, "a folder is refused, and left as it was");
            return Ok(Pulled { found: Vec::new(), next: Next::Done(cursor.cloned()) });
        }
        Err(error) => return Err(error),
    };
    let mut found = Vec::with_capacity(page.said.len());
    let mut in_part = Vec::new();
    for message in page.said {
        match message {
            Err(Unread(id)) => found.push(Found::Unreadable(id)),
            Ok(message) if message.is_removed() => found.push(Found::Gone(message.id)),
            Ok(message) if message.is_whole() => found.push(Found::Item(message.message())),
            Ok(message) => in_part.push(message.id),
        }
    }
    // What was read just now is the last word about it.
    found.extend(each(&in_part, |id| alone(api, scope, id)).await?);
    Ok(Pulled { found, next: page.next })
}

/// A message of which only what changed was told, read whole: a delta need not tell more than that
/// (Graph's overview of delta queries: "at least the properties that have been updated").
async fn alone(api: &Api, scope: &Scope, message: String) -> Result<Found<Message>, CallError> {
    let call = Call::get(api, READ, format!("/me/messages/{}", id(&message)?));
    match fields(call, scope).alone::<WireMessage>().await {
        Ok(Some(found)) => Ok(Found::Item(found.message())),
        Ok(None) => Ok(Found::Unreadable(message)),
        Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) => Ok(Found::Gone(message)),
        Err(error) => Err(error),
    }
}

/// A page of the newest messages.
async fn newest(
    api: &Api,
    scope: &Scope,
    cursor: Option<&Cursor>,
    room: u32,
) -> Result<Pulled<Message>, PullError> {
    // One more than is wanted says whether there is more.
    let wanted = usize::try_from(room).unwrap_or(usize::MAX).saturating_add(1);
    let call = fields(Call::get(api, READ, "/me/messages"), scope)
        .query("$orderby", "receivedDateTime desc");
    let size = wanted.min(most(scope));
    let page = call.pull::<WireMessage>(Pages::List, size, cursor).await?;
    let told = page.said.into_iter().take(wanted).map(|message| match message {
        Ok(message) => Found::Item(message.message()),
        Err(Unread(id)) => Found::Unreadable(id),
    });
    let found: Vec<_> = told.collect();
    let next = if found.len() < wanted { page.next } else { Next::Done(None) };
    Ok(Pulled { found, next })
}

/// What is asked of a message: what lists give, and its body where that belongs into the copy.
fn fields<'a>(call: Call<'a>, scope: &Scope) -> Call<'a> {
    match scope.bodies {
        None => call.query("$select", FIELDS),
        Some(format) => call.query("$select", format!("{FIELDS},body")).prefer(body_as(format)),
    }
}

fn most(scope: &Scope) -> usize {
    if scope.bodies.is_some() { WITH_BODIES } else { MESSAGES }
}

fn is_gone(error: &CallError) -> bool {
    let CallError::Denied { denial: Denial::ItemNotFound, failure } = error else { return false };
    let code = failure.provider_code.as_deref().unwrap_or_default();
    FOLDER_GONE.iter().any(|known| known.eq_ignore_ascii_case(code))
}
