//! Mailboxes: folders, messages, settings, and a record of every change.
//!
//! Each change gets the next number of its mailbox, which the item keeps; what leaves a folder or
//! ceases to be leaves a tombstone with a number of its own. From both, everything that happened
//! since a number can be told.

mod contents;
mod fill;
mod folder;
mod message;
mod mime;
mod seed;
mod text;
mod upload;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use self::contents::Contents;
pub(super) use self::contents::Entry;
pub(super) use self::folder::Folder;
pub(super) use self::message::{Attachment, Message, View, web_link};
pub(super) use self::mime::{
    parse as parse_mime, write as write_mime, write_item as write_item_mime,
};
pub(super) use self::seed::conversation_id;
pub(super) use self::text::{preview, seconds, to_html, to_text};
pub(super) use self::upload::{Upload, Uploads};
use super::graph::ids::{Class, Id};
use super::world::User;

/// All mailboxes; one is filled when it is first looked at.
#[derive(Debug)]
pub(super) struct Mailboxes {
    open: BTreeMap<&'static str, Mailbox>,
    pub(super) uploads: Uploads,
    /// What ages are counted from.
    began: Timestamp,
    seed: u64,
}

/// One mailbox.
#[derive(Debug)]
pub(super) struct Mailbox {
    /// Tells its ids from those of other mailboxes.
    pub(super) number: u32,
    pub(super) address: &'static str,
    pub(super) name: &'static str,
    pub(super) folders: BTreeMap<u64, Folder>,
    pub(super) messages: BTreeMap<u64, Message>,
    /// By folder.
    contents: BTreeMap<u64, Contents>,
    pub(super) settings: Map<String, Value>,
    /// What is no longer where it was, oldest first.
    pub(super) gone: Vec<Gone>,
    /// The number of the last change.
    pub(super) change: u64,
    next_serial: u64,
}

/// Something that left its place.
#[derive(Debug, Clone)]
pub(super) struct Gone {
    pub(super) change: u64,
    pub(super) class: Class,
    pub(super) serial: u64,
    /// The place it had there, for its default id.
    pub(super) place: u32,
    /// The folder it left; of a folder, its parent.
    pub(super) folder: u64,
    /// Whether it is somewhere else now.
    pub(super) moved: bool,
}

impl Mailboxes {
    /// No mailbox has been looked at yet; `seed` and `began` decide what will be in them.
    pub(super) fn new(seed: u64, began: Timestamp) -> Self {
        Self { open: BTreeMap::new(), uploads: Uploads::default(), began, seed }
    }

    /// The mailbox of a user, whether or not the user may have one.
    pub(super) fn of(&mut self, user: &User) -> &mut Mailbox {
        let (seed, began) = (self.seed, self.began);
        self.open.entry(user.oid).or_insert_with(|| {
            let number = user.oid.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
            let mut mailbox = Mailbox::empty(number, user.upn, user.display_name);
            seed::fill(&mut mailbox, seed, began);
            mailbox
        })
    }
}

impl Mailbox {
    fn empty(number: u32, address: &'static str, name: &'static str) -> Self {
        let mut mailbox = Self {
            number,
            address,
            name,
            folders: BTreeMap::new(),
            messages: BTreeMap::new(),
            contents: BTreeMap::new(),
            settings: Map::new(),
            gone: Vec::new(),
            change: 0,
            next_serial: 1,
        };
        folder::furnish(&mut mailbox);
        mailbox.settings = settings(&mailbox);
        mailbox
    }

    /// The next serial number of an item.
    pub(super) fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial - 1
    }

    /// The number of a new change.
    pub(super) fn changed(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    /// The id of a folder.
    pub(super) fn folder_id(&self, serial: u64) -> String {
        folder_id(self.number, serial)
    }

    /// This user as a recipient.
    pub(super) fn recipient(&self) -> Value {
        json!({ "emailAddress": { "name": self.name, "address": self.address } })
    }

    /// Everything that happened after a change, for a person: what is new or different, and what is
    /// gone.
    pub(super) fn changes(&self, since: u64) -> Value {
        let messages = self.messages.values().filter(|message| message.changed > since);
        let messages = messages.map(|message| {
            let is_new = message.born > since;
            json!({ "change": message.changed, "id": message.id(false), "new": is_new })
        });
        let folders = self.folders.values().filter(|folder| folder.changed > since);
        let folders = folders.map(|folder| {
            let is_new = folder.born > since;
            json!({ "change": folder.changed, "id": self.folder_id(folder.serial), "new": is_new })
        });
        let gone = self.gone_since(since).map(|gone| {
            let id = Id {
                class: gone.class,
                mailbox: self.number,
                place: (gone.class != Class::Folder).then_some(gone.place),
                serial: gone.serial,
            };
            json!({
                "change": gone.change,
                "id": id.text(),
                "from": self.folder_id(gone.folder),
                "moved": gone.moved,
            })
        });
        json!({
            "last": self.change,
            "messages": messages.collect::<Vec<_>>(),
            "folders": folders.collect::<Vec<_>>(),
            "gone": gone.collect::<Vec<_>>(),
        })
    }

    /// What left its place after a change, in that order.
    pub(super) fn gone_since(&self, since: u64) -> impl Iterator<Item = &Gone> {
        let first = self.gone.partition_point(|gone| gone.change <= since);
        self.gone.iter().skip(first)
    }

    /// Leaves a tombstone; returns the number of the change.
    pub(super) fn bury(
        &mut self,
        class: Class,
        serial: u64,
        place: u32,
        folder: u64,
        moved: bool,
    ) -> u64 {
        let change = self.changed();
        let gone = Gone { change, class, serial, place, folder, moved };
        self.note_gone(&gone);
        self.gone.push(gone);
        change
    }
}

/// The id of a folder, which never changes.
pub(super) fn folder_id(mailbox: u32, serial: u64) -> String {
    Id { class: Class::Folder, mailbox, place: None, serial }.text()
}

fn settings(mailbox: &Mailbox) -> Map<String, Value> {
    let archive = mailbox.well_known("archive").map(|serial| mailbox.folder_id(serial));
    let settings = json!({
        "archiveFolder": archive,
        "timeZone": "Pacific Standard Time",
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "dateFormat": "M/d/yyyy",
        "timeFormat": "h:mm tt",
        "userPurpose": "user",
        "automaticRepliesSetting": {
            "status": "disabled",
            "externalAudience": "all",
            "internalReplyMessage": "",
            "externalReplyMessage": "",
            "scheduledStartDateTime": { "dateTime": "2026-10-14T07:00:00.0000000", "timeZone": "UTC" },
            "scheduledEndDateTime": { "dateTime": "2026-10-28T07:00:00.0000000", "timeZone": "UTC" },
        },
        "language": { "locale": "en-US", "displayName": "English (United States)" },
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": { "name": "Pacific Standard Time" },
        },
    });
    match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    }
}
