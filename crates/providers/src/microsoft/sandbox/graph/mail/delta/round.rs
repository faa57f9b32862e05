//! The pages of a round over the messages of a folder.

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::wish::{Change, Wish};
use super::{MESSAGE, Mail, REPLAYED};
use crate::microsoft::sandbox::graph::delta::{At, Next, Page, Point, Row, page_size};
use crate::microsoft::sandbox::graph::ids::{Class, Id};
use crate::microsoft::sandbox::graph::odata::Query;
use crate::microsoft::sandbox::mailbox::{Entry, Mailbox, Message, View, web_link};

/// The most messages of a first round with a filter (contract, 4.6).
const MOST_FILTERED: usize = 5_000;
/// So many changes are looked at for one page; if few of them are meant, the page is short.
const LOOKED_AT: usize = 5_000;
/// Where a round over a folder is.
pub(super) struct Round<'a> {
    pub(super) mail: &'a Mail<'a>,
    pub(super) mailbox: &'a Mailbox,
    pub(super) folder: u64,
    pub(super) wish: &'a Wish,
    pub(super) point: &'a Point,
}

impl Round<'_> {
    pub(super) fn page(&self, repeats: bool) -> Page {
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
