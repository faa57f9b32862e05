//! Mail over Graph (contract, section 6).

mod attachments;
mod compose;
mod feed;
mod once;
mod query;
mod settings;
mod upload;
mod wire;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::capability::{
    Attachment, BodyFormat, Cursor, Folder, Forward, Mail, MailboxSettings, MailboxSettingsChanges,
    Message, MessageChanges, MessageQuery, NewAttachment, NewMessage, Once, Page, Reply, Sent,
};
use evergrant::gateway::Denial;
use evergrant::{Allowance, Api, CallError, Repeated};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::graph::wire::within;
use super::graph::words::Row;
use super::graph::{Call, body_as, id, list, read, unreadable};
use wire::{WireFolder, WireMessage};

/// Permissions that let a mailbox be read (contract, section 9); any one is enough.
const READ: &[&str] = &["Mail.Read", "Mail.ReadWrite"];
/// Those that let it be changed.
const WRITE: &[&str] = &["Mail.ReadWrite"];
/// Those that let its owner's mail be sent.
const SEND: &[&str] = &["Mail.Send"];

/// For requests with files in them, and for answers with long texts or many messages.
const LARGE: Allowance = Allowance { body: 32 << 20, total: Duration::from_mins(2) };

/// What lists of folders are asked for.
const FOLDER: &str =
    "id,displayName,parentFolderId,childFolderCount,unreadItemCount,totalItemCount,isHidden";
/// The most folders that are looked for; each with others in it costs a call.
const MOST_FOLDERS: usize = 10_000;
/// How many folders a page has.
const FOLDERS: &str = "100";

/// What only mail's calls are refused with.
pub(super) fn refusals() -> impl Iterator<Item = &'static Row> {
    upload::REFUSALS.iter()
}

/// The mailbox of an account.
pub(super) struct Mailbox;

#[async_trait]
impl Mail for Mailbox {
    /// Folders that are usually not shown are among them. A folder is looked into if it says that it
    /// holds others; one that is met again, such as one that says it lies in itself, is not.
    async fn folders(&self, api: &Api) -> Result<Vec<Folder>, CallError> {
        let mut seen = BTreeSet::new();
        let mut folders = Vec::new();
        let mut add = |to: &mut Vec<WireFolder>, found: Vec<WireFolder>| {
            to.extend(found.into_iter().filter(|folder| seen.insert(folder.id.clone())));
        };
        add(&mut folders, children(api, None).await?);
        let mut next = 0;
        while let Some(folder) = folders.get(next) {
            if folder.child_folder_count > 0 {
                let path = format!("/me/mailFolders/{}/childFolders", id(&folder.id)?);
                let below = children(api, Some(path)).await?;
                add(&mut folders, below);
            }
            if folders.len() > MOST_FOLDERS {
                return Err(CallError::Unreadable("folders without an end".to_owned()));
            }
            next += 1;
        }
        let tops: Vec<Option<String>> =
            folders.iter().map(|f| f.parent_folder_id.clone()).collect();
        let known =
            |parent: &Option<String>| folders.iter().any(|f| Some(&f.id) == parent.as_ref());
        let parents: Vec<_> = tops.into_iter().map(|p| if known(&p) { p } else { None }).collect();
        Ok(folders.into_iter().zip(parents).map(|(folder, parent)| folder.folder(parent)).collect())
    }

    async fn messages(
        &self,
        api: &Api,
        query: &MessageQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Message>, CallError> {
        query::messages(api, query, cursor).await
    }

    /// Asked for without `$select`, so that what only some messages have comes too.
    async fn message(
        &self,
        api: &Api,
        message: &str,
        format: BodyFormat,
    ) -> Result<Message, CallError> {
        let path = format!("/me/messages/{}", id(message)?);
        let call = Call::get(api, READ, path).prefer(body_as(format));
        let found: WireMessage = call.allowing(LARGE).read().await?;
        let attachments = attachments::list(api, message).await?;
        Ok(Message { attachments: Some(attachments), ..found.message() })
    }

    async fn send(&self, api: &Api, once: Once, message: &NewMessage) -> Result<Sent, CallError> {
        once::send(api, once, message).await
    }

    async fn create_draft(
        &self,
        api: &Api,
        once: Once,
        message: &NewMessage,
    ) -> Result<Message, CallError> {
        once::create_draft(api, once, message).await
    }

    async fn send_draft(&self, api: &Api, once: Once, id: &str) -> Result<Sent, CallError> {
        once::send_draft(api, once, id).await
    }

    async fn reply(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        reply: &Reply,
    ) -> Result<Sent, CallError> {
        once::reply(api, once, id, reply).await
    }

    async fn forward(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        forward: &Forward,
    ) -> Result<Sent, CallError> {
        once::forward(api, once, id, forward).await
    }

    async fn update_message(
        &self,
        api: &Api,
        message: &str,
        changes: &MessageChanges,
        version: Option<&str>,
    ) -> Result<Message, CallError> {
        let body = compose::changes(changes)?;
        let path = format!("/me/messages/{}", id(message)?);
        let call = Call::patch(api, WRITE, path.as_str()).json(&body).if_match(version);
        let (response, meaning) = call.answer().await?;
        let repeated = response.extensions().get::<Repeated>().is_some();
        match meaning {
            Ok(()) => Ok(read::<WireMessage>(&response)?.message()),
            // Perhaps it was changed by this very request, whose first answer was lost.
            Err(CallError::Denied { denial: Denial::ItemChanged, failure }) if repeated => {
                let now: Value = Call::get(api, READ, path).read().await?;
                if within(&body, &now) {
                    let now = WireMessage::deserialize(now).map_err(|error| unreadable(&error))?;
                    return Ok(now.message());
                }
                Err(CallError::Denied { denial: Denial::ItemChanged, failure })
            }
            Err(error) => Err(error),
        }
    }

    async fn move_message(
        &self,
        api: &Api,
        message: &str,
        folder: &str,
    ) -> Result<Message, CallError> {
        let path = format!("/me/messages/{}/move", id(message)?);
        // Ids stay the same, so that moving it again leads to the same place.
        let call = Call::post(api, WRITE, path).json(&json!({ "destinationId": folder }));
        Ok(call.repeatable().read::<WireMessage>().await?.message())
    }

    /// Into the deleted items it is moved and not removed: a `DELETE` that arrives twice would find it
    /// there, by the same id, and remove it for good.
    async fn delete_message(
        &self,
        api: &Api,
        message: &str,
        for_good: bool,
    ) -> Result<(), CallError> {
        if !for_good {
            return self.move_message(api, message, "deleteditems").await.map(drop);
        }
        let path = format!("/me/messages/{}/permanentDelete", id(message)?);
        Call::post(api, WRITE, path).repeatable().removing().send().await.map(drop)
    }

    async fn attachments(&self, api: &Api, id: &str) -> Result<Vec<Attachment>, CallError> {
        attachments::list(api, id).await
    }

    async fn attachment(
        &self,
        api: &Api,
        message: &str,
        id: &str,
    ) -> Result<Attachment, CallError> {
        attachments::one(api, message, id).await
    }

    async fn content(
        &self,
        api: &Api,
        message: &str,
        attachment: &Attachment,
    ) -> Result<Bytes, CallError> {
        attachments::content(api, message, attachment).await
    }

    async fn attach(
        &self,
        api: &Api,
        message: &str,
        file: &NewAttachment,
    ) -> Result<Attachment, CallError> {
        attachments::check("", file)?;
        let present = attachments::list(api, message).await?;
        attachments::attach(api, message, file, &present).await
    }

    async fn remove_attachment(
        &self,
        api: &Api,
        message: &str,
        attachment: &str,
    ) -> Result<(), CallError> {
        let path = format!("/me/messages/{}/attachments/{}", id(message)?, id(attachment)?);
        Call::delete(api, WRITE, path).send().await.map(drop)
    }

    async fn settings(&self, api: &Api) -> Result<MailboxSettings, CallError> {
        settings::read(api).await
    }

    async fn update_settings(
        &self,
        api: &Api,
        changes: &MailboxSettingsChanges,
    ) -> Result<MailboxSettings, CallError> {
        settings::update(api, changes).await
    }
}

/// The folders directly below one, or at the top.
async fn children(api: &Api, path: Option<String>) -> Result<Vec<WireFolder>, CallError> {
    let path = path.unwrap_or_else(|| "/me/mailFolders".to_owned());
    list::all(|| {
        Call::get(api, READ, path.as_str())
            .query("includeHiddenFolders", "true")
            .query("$select", FOLDER)
            .query("$top", FOLDERS)
    })
    .await
}
