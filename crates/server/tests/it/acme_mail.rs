//! Acme's mailbox.

use async_trait::async_trait;
use axum::body::Bytes;
use evergrant::capability::{
    Attachment, AttachmentKind, AutomaticReplies, AutomaticRepliesStatus, Body, BodyFormat, Cursor,
    Folder, Forward, Mail, MailboxSettings, MailboxSettingsChanges, Message, MessageChanges,
    MessageQuery, NewAttachment, NewMessage, Once, Page, Reply, Sent,
};
use evergrant::{Api, CallError, Denial};

use crate::desk::Desk;
use crate::shelf::{self, id, part, refusal, same};

impl Desk {
    /// Notes what was sent, and gives it a number.
    fn sent(&self, what: &str, once: Option<Once>) -> Sent {
        let number = self.acme.shelf(|shelf| shelf.number(what, once));
        Sent {
            id: id("msg", number),
            message_id: Some(format!("<{number}@acme.test>")),
            conversation_id: None,
        }
    }

    fn message_now(&self, id: &str) -> Result<Message, CallError> {
        self.changed(|shelf| &mut shelf.messages, id, |_| {})
    }
}

#[async_trait]
impl Mail for Desk {
    async fn folders(&self, api: &Api) -> Result<Vec<Folder>, CallError> {
        self.enter(api).await?;
        Ok(vec![Folder {
            id: "inbox".to_owned(),
            name: "Inbox".to_owned(),
            parent_id: None,
            total: 3,
            unread: 3,
            is_hidden: false,
            extra: serde_json::Map::new(),
        }])
    }

    async fn messages(
        &self,
        api: &Api,
        query: &MessageQuery,
        cursor: Option<&Cursor>,
    ) -> Result<Page<Message>, CallError> {
        self.enter(api).await?;
        let all = self.acme.shelf(|shelf| {
            shelf.done.push(format!("list {query:?}"));
            shelf.messages.values().cloned().collect()
        });
        Ok(part(all, query.limit, cursor))
    }

    async fn message(&self, api: &Api, id: &str, format: BodyFormat) -> Result<Message, CallError> {
        self.enter(api).await?;
        let body = Some(Body { format, content: "See you there.".to_owned() });
        Ok(Message { body, attachments: Some(Vec::new()), ..self.message_now(id)? })
    }

    async fn send(&self, api: &Api, once: Once, message: &NewMessage) -> Result<Sent, CallError> {
        self.enter(api).await?;
        Ok(self.sent(&format!("send {:?}", message.subject), Some(once)))
    }

    async fn create_draft(
        &self,
        api: &Api,
        once: Once,
        message: &NewMessage,
    ) -> Result<Message, CallError> {
        self.enter(api).await?;
        Ok(self.acme.shelf(|shelf| {
            let number = shelf.number("draft", Some(once));
            let subject = Some(message.subject.clone());
            let draft = Message { subject, is_draft: true, ..shelf::message(number) };
            shelf.messages.insert(draft.id.clone(), draft.clone());
            draft
        }))
    }

    async fn send_draft(&self, api: &Api, once: Once, id: &str) -> Result<Sent, CallError> {
        self.enter(api).await?;
        self.tried("send draft", once);
        if !self.message_now(id)?.is_draft {
            return Err(refusal(Denial::Conflict, "not_a_draft", "The message is not a draft."));
        }
        Ok(self.sent(&format!("send {id}"), None))
    }

    async fn reply(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        reply: &Reply,
    ) -> Result<Sent, CallError> {
        self.enter(api).await?;
        self.message_now(id)?;
        Ok(self.sent(&format!("reply to {id}, all: {}", reply.all), Some(once)))
    }

    async fn forward(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        _: &Forward,
    ) -> Result<Sent, CallError> {
        self.enter(api).await?;
        self.message_now(id)?;
        Ok(self.sent(&format!("forward {id}"), Some(once)))
    }

    async fn update_message(
        &self,
        api: &Api,
        id: &str,
        changes: &MessageChanges,
        version: Option<&str>,
    ) -> Result<Message, CallError> {
        self.enter(api).await?;
        same(version, self.message_now(id)?.version.as_deref())?;
        self.changed(
            |shelf| &mut shelf.messages,
            id,
            |message| {
                message.version = Some("v9".to_owned());
                message.is_read = changes.is_read.unwrap_or(message.is_read);
            },
        )
    }

    async fn move_message(&self, api: &Api, id: &str, folder: &str) -> Result<Message, CallError> {
        self.enter(api).await?;
        let folder = Some(folder.to_owned());
        self.changed(|shelf| &mut shelf.messages, id, |message| message.folder_id = folder)
    }

    async fn delete_message(&self, api: &Api, id: &str, for_good: bool) -> Result<(), CallError> {
        self.enter(api).await?;
        self.acme.shelf(|shelf| shelf.number(&format!("delete {id}, for good: {for_good}"), None));
        self.removed(|shelf| &mut shelf.messages, id)
    }

    async fn attachments(&self, api: &Api, id: &str) -> Result<Vec<Attachment>, CallError> {
        self.enter(api).await?;
        self.message_now(id)?;
        Ok(self.acme.shelf(|shelf| shelf.files.values().map(|(file, _)| file.clone()).collect()))
    }

    async fn attachment(
        &self,
        api: &Api,
        message: &str,
        id: &str,
    ) -> Result<Attachment, CallError> {
        self.enter(api).await?;
        self.message_now(message)?;
        Ok(self.changed(|shelf| &mut shelf.files, id, |_| {})?.0)
    }

    async fn content(
        &self,
        api: &Api,
        message: &str,
        attachment: &Attachment,
    ) -> Result<Bytes, CallError> {
        self.enter(api).await?;
        self.message_now(message)?;
        Ok(self.changed(|shelf| &mut shelf.files, &attachment.id, |_| {})?.1)
    }

    async fn attach(
        &self,
        api: &Api,
        message: &str,
        new: &NewAttachment,
    ) -> Result<Attachment, CallError> {
        self.enter(api).await?;
        self.message_now(message)?;
        Ok(self.acme.shelf(|shelf| {
            let number = shelf.number("attach", None);
            let file = Attachment {
                id: id("att", number),
                kind: AttachmentKind::File,
                name: Some(new.name.clone()),
                content_type: new.content_type.clone(),
                size: new.content.len() as u64,
                is_inline: new.content_id.is_some(),
                content_id: new.content_id.clone(),
            };
            shelf.files.insert(file.id.clone(), (file.clone(), new.content.clone()));
            file
        }))
    }

    async fn remove_attachment(&self, api: &Api, message: &str, id: &str) -> Result<(), CallError> {
        self.enter(api).await?;
        self.message_now(message)?;
        self.removed(|shelf| &mut shelf.files, id)
    }

    async fn settings(&self, api: &Api) -> Result<MailboxSettings, CallError> {
        self.enter(api).await?;
        Ok(MailboxSettings {
            time_zone: "Europe/Berlin".parse().ok(),
            language: Some("en-US".to_owned()),
            working_hours: None,
            automatic_replies: Some(AutomaticReplies {
                status: AutomaticRepliesStatus::Disabled,
                start_time: None,
                end_time: None,
                internal_message: None,
                external_message: None,
                external_audience: None,
            }),
            date_format: None,
            time_format: None,
            purpose: None,
            extra: serde_json::Map::new(),
        })
    }

    async fn update_settings(
        &self,
        api: &Api,
        changes: &MailboxSettingsChanges,
    ) -> Result<MailboxSettings, CallError> {
        let now = self.settings(api).await?;
        let language = changes.language.clone().or(now.language);
        let time_zone = changes.time_zone.clone().or(now.time_zone);
        Ok(MailboxSettings { language, time_zone, ..now })
    }
}
