//! Changes of messages, folder by folder, and of folders (contract, 4.6).
//!
//! The first round over a folder goes back in time over its messages, then over what changed while it
//! did; later rounds go over changes alone.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::json;

use super::{FOLDER, MESSAGE, Mail, READ_BASIC};
use crate::microsoft::sandbox::graph::call::Call;
use crate::microsoft::sandbox::graph::delta::{
    At, Next, Page, Point, Row, Scope, has_token, page_size,
};
use crate::microsoft::sandbox::graph::ids::{Class, Id};
use crate::microsoft::sandbox::graph::odata::{Options, Query};
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};
use crate::microsoft::sandbox::mailbox::{Entry, Mailbox, Message, View, web_link};

/// The most messages of a first round with a filter (contract, 4.6).
const MOST_FILTERED: usize = 5_000;
/// So many changes are looked at for one page; if few of them are meant, the page is short.
const LOOKED_AT: usize = 5_000;
/// How much of what was given before is given again, by who repeats itself.
const REPLAYED: usize = 3;

/// The options of a round over messages.
struct Wish {
    query: Query,
    /// Only what was received then or later; or only later, with `gt`.
    since: Option<(Timestamp, bool)>,
    /// Only such changes.
    change: Option<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Created,
    Updated,
    Deleted,
}

impl Mail<'_> {
    /// `GET /me/mailFolders/{id}/messages/delta`.
    pub(super) fn messages_delta(&self, folder: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        self.mailbox(|mailbox| {
            let folder = Self::find_folder(mailbox, folder).map_err(|denied| {
                let is_known = has_token(&self.call.options);
                if is_known && denied.status == StatusCode::NOT_FOUND { gone() } else { denied }
            })?;
            let scope = Scope {
                mailbox: self.owner.oid,
                resource: format!("messages/{folder}"),
                name: "Messages",
                options: &["select", "top", "expand", "filter", "orderby", "changetype"],
                start: At::Newest(None, 0),
                change: mailbox.change,
            };
            let point = self.act.delta_point(self.call, &scope)?;
            let wish = Wish::read(&point.query)?;
            self.act.delta_answer(self.call, &point, "message", |repeats| {
                Ok(Round { mail: self, mailbox, folder, wish: &wish, point: &point }.page(repeats))
            })
        })
    }

    /// `GET /me/mailFolders/delta`: all folders that are not hidden, wherever they are.
    pub(super) fn folders_delta(&self) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        self.mailbox(|mailbox| {
            let scope = Scope {
                mailbox: self.owner.oid,
                resource: "folders".to_owned(),
                name: "MailFolders",
                options: &["select"],
                start: At::Since(0, 0),
                change: mailbox.change,
            };
            let point = self.act.delta_point(self.call, &scope)?;
            let query = Options::read(&point.query).query(&FOLDER)?;
            self.act.delta_answer(self.call, &point, "mailFolder", |repeats| {
                Ok(folders_page(self.call, mailbox, &query, &point, repeats))
            })
        })
    }
}

/// The folder of a round is no longer there (contract, 4.2).
fn gone() -> Denied {
    let message = "The folder to be synchronized could not be found.";
    Denied::new(StatusCode::NOT_FOUND, "ErrorSyncFolderNotFound", message)
}

impl Wish {
    fn read(query: &str) -> Result<Self, Denied> {
        let options = Options::read(query);
        let query = options.query(&MESSAGE)?;
        if !query.order.iter().all(|(path, down)| path == "receivedDateTime" && *down) {
            return Err(refused("$orderby", "receivedDateTime desc"));
        }
        let since = options.get("filter").map(read_filter).transpose()?;
        let change = match options.get("changeType") {
            None => None,
            Some("created") => Some(Change::Created),
            Some("updated") => Some(Change::Updated),
            Some("deleted") => Some(Change::Deleted),
            Some(_) => return Err(refused("changeType", "created, updated or deleted")),
        };
        Ok(Self { query, since, change })
    }

    fn wants(&self, change: Change) -> bool {
        self.change.is_none_or(|wanted| wanted == change)
    }

    fn covers(&self, received: Timestamp) -> bool {
        self.since.is_none_or(|(time, after)| received > time || (received == time && !after))
    }
}

/// The one filter there is: `receivedDateTime ge` or `gt` a time.
fn read_filter(text: &str) -> Result<(Timestamp, bool), Denied> {
    let words: Vec<_> = text.split_whitespace().collect();
    let read = || match words.as_slice() {
        [name, relation @ ("ge" | "gt"), time] if name.eq_ignore_ascii_case("receivedDateTime") => {
            Some((time.parse().ok()?, *relation == "gt"))
        }
        _ => None,
    };
    read().ok_or_else(|| refused("$filter", "receivedDateTime ge or gt a time"))
}

fn refused(option: &str, possible: &str) -> Denied {
    let message = format!("With change tracking {option} can only be {possible}.");
    Denied::bad("ErrorInvalidUrlQuery", message)
}

/// Where a round over a folder is.
struct Round<'a> {
    mail: &'a Mail<'a>,
    mailbox: &'a Mailbox,
    folder: u64,
    wish: &'a Wish,
    point: &'a Point,
}

impl Round<'_> {
    fn page(&self, repeats: bool) -> Page {
        let size = page_size(self.mail.call, self.wish.query.top);
        let replay = if repeats { self.replay() } else { Vec::new() };
        let (rows, next) = match self.point.at {
            At::Newest(before, given) => self.newest(before, given, size),
            At::Since(change, _) => self.since(change, size),
        };
        Page { rows, replay, next }
    }

    /// The messages from there on back in time; behind the last one, what changed meanwhile.
    fn newest(
        &self,
        before: Option<(Timestamp, u64)>,
        given: usize,
        size: usize,
    ) -> (Vec<Row>, Next) {
        // To the client all of them are new.
        let wanted = self.wish.wants(Change::Created);
        let most = if self.wish.since.is_some() { MOST_FILTERED } else { usize::MAX };
        let take = if wanted { size.min(most.saturating_sub(given)) } else { 0 };
        let all = self.mailbox.older(self.folder, before);
        let mut all = all.take_while(|message| self.wish.covers(message.received)).peekable();
        let (mut rows, mut last) = (Vec::with_capacity(take), before);
        for message in all.by_ref().take(take) {
            last = Some((message.received, message.serial));
            rows.push(self.row(message));
        }
        let given = given + rows.len();
        if wanted && given < most && all.peek().is_some() {
            return (rows, Next::More(At::Newest(last, given)));
        }
        let base = self.point.base;
        if self.mailbox.log(self.folder, base).next().is_some() {
            return (rows, Next::More(At::Since(base, 0)));
        }
        (rows, Next::Done(self.mailbox.change))
    }

    /// What changed after that change.
    fn since(&self, change: u64, size: usize) -> (Vec<Row>, Next) {
        let (mut rows, mut last) = (Vec::new(), change);
        for (looked, (change, entry)) in self.mailbox.log(self.folder, change).enumerate() {
            if rows.len() == size || looked == LOOKED_AT {
                return (rows, Next::More(At::Since(last, 0)));
            }
            last = change;
            rows.extend(self.entry(entry));
        }
        (rows, Next::Done(self.mailbox.change))
    }

    /// What an entry of the log tells this client.
    fn entry(&self, entry: Entry) -> Option<Row> {
        match entry {
            Entry::Here(serial) => {
                let message = self.mailbox.messages.get(&serial)?;
                let is_new = message.born > self.point.base;
                let change = if is_new { Change::Created } else { Change::Updated };
                let is_meant = self.wish.wants(change) && self.wish.covers(message.received);
                is_meant.then(|| self.row(message))
            }
            Entry::Gone { serial, place, moved } => {
                let place = (!self.view().immutable_ids).then_some(place);
                let id = Id { class: Class::Message, mailbox: self.mailbox.number, place, serial };
                let is_meant = self.wish.wants(Change::Deleted);
                is_meant.then(|| Row::removed("message", id.text(), moved))
            }
        }
    }

    /// Some of what was given before, as it is now.
    fn replay(&self) -> Vec<Row> {
        if self.wish.change.is_some() {
            return Vec::new();
        }
        let here = |entry: &Entry| matches!(entry, Entry::Here(_));
        match self.point.at {
            At::Newest(None, _) => Vec::new(),
            At::Newest(Some(last), _) => {
                let newer = self.mailbox.newer(self.folder, last).take(REPLAYED);
                newer.map(|message| self.row(message)).collect()
            }
            At::Since(change, _) => {
                let told = self.mailbox.log_back(self.folder, change).filter(here);
                told.take(REPLAYED).filter_map(|entry| self.entry(entry)).collect()
            }
        }
    }

    fn row(&self, message: &Message) -> Row {
        let id = message.id(self.view().immutable_ids);
        let shown = Shown { message, id: &id, view: self.view(), query: &self.wish.query };
        // Members of JSON are JSON: this cannot fail.
        let json = serde_json::to_string(&shown).unwrap_or_default();
        Row { id, json }
    }

    fn view(&self) -> View {
        self.mail.view()
    }
}

/// A message on its way out: written from where it is, without a copy between.
struct Shown<'a> {
    message: &'a Message,
    id: &'a str,
    view: View,
    query: &'a Query,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let content = self.message.content();
        let content = content.as_object();
        let kind = content.and_then(|content| content.get("@odata.type"));
        match kind {
            Some(kind) => map.serialize_entry("@odata.type", kind)?,
            None => map.serialize_entry("@odata.type", "#microsoft.graph.message")?,
        }
        map.serialize_entry("@odata.etag", &self.message.etag())?;
        map.serialize_entry("id", self.id)?;
        let wants = |name: &str| self.query.wants(&MESSAGE, name) && self.view.covers(name);
        let own = ["@odata.type", "body", "uniqueBody", "webLink"];
        for (name, value) in content.into_iter().flatten() {
            if !own.contains(&name.as_str()) && wants(name) {
                map.serialize_entry(name, value)?;
            }
        }
        if wants("webLink") {
            map.serialize_entry("webLink", &web_link(self.id))?;
        }
        if wants("body") || wants("uniqueBody") {
            let body = self.message.body(self.view);
            for name in ["body", "uniqueBody"].into_iter().filter(|name| wants(name)) {
                map.serialize_entry(name, &body)?;
            }
        }
        if self.query.expand.contains(&"attachments") && !self.view.basic {
            let all = self.message.attachments.iter().map(|it| self.message.show_attachment(it));
            map.serialize_entry("attachments", &all.collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// Folders are few: the page is found among all of them.
fn folders_page(
    call: &Call,
    mailbox: &Mailbox,
    query: &Query,
    point: &Point,
    repeats: bool,
) -> Page {
    let since = match point.at {
        At::Since(since, _) => since,
        At::Newest(..) => 0,
    };
    let root = mailbox.place("msgfolderroot");
    let shown = mailbox.folders.values().filter(|it| !it.hidden && it.serial != root);
    let row = |folder| {
        let mut shown = mailbox.show_folder(folder);
        shown["@odata.type"] = json!("#microsoft.graph.mailFolder");
        let shown = query.shape(&FOLDER, shown);
        Row::new(&mailbox.folder_id(folder.serial), &shown)
    };
    let changed = shown.clone().filter(|folder| folder.changed > since);
    let mut found: Vec<_> = changed.map(|folder| (folder.changed, row(folder))).collect();
    // A folder that moved is told where it is now.
    let gone = mailbox.gone_since(since.max(point.base));
    let gone = gone.filter(|gone| gone.class == Class::Folder && !gone.moved);
    found.extend(gone.map(|gone| {
        let id = mailbox.folder_id(gone.serial);
        (gone.change, Row::removed("mailFolder", id, false))
    }));
    found.sort_by_key(|(change, _)| *change);
    let size = page_size(call, None);
    let next = match found.get(..size).and_then(|page| page.last()) {
        Some((last, _)) if found.len() > size => Next::More(At::Since(*last, 0)),
        _ => Next::Done(mailbox.change),
    };
    let told = shown.filter(|folder| repeats && folder.changed <= since);
    let replay = told.take(REPLAYED).map(row).collect();
    let rows = found.into_iter().take(size).map(|(_, row)| row).collect();
    Page { rows, replay, next }
}
