//! What is in each folder: by change, by age, and how much of it is unread.
//!
//! Every message of the mailbox stands once in the contents of its folder; what left the folder stands
//! there as gone for ever. So a page of changes costs what is on it, however big the mailbox is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use jiff::Timestamp;

use super::{Gone, Mailbox, Message};
use crate::microsoft::sandbox::graph::ids::Class;

/// What is in a folder, and what left it.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// By the number of the last change.
    log: BTreeMap<u64, Entry>,
    /// By the time of receipt.
    by_age: BTreeSet<(Timestamp, u64)>,
    unread: usize,
}

/// What a change left behind in a folder.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Entry {
    /// The message with this serial number is there.
    Here(u64),
    /// It is no longer there.
    Gone {
        serial: u64,
        /// The place it had there, for its default id.
        place: u32,
        /// Whether it is somewhere else now.
        moved: bool,
    },
}

impl Mailbox {
    /// The messages of a folder.
    pub(in super::super) fn in_folder(&self, folder: u64) -> impl Iterator<Item = &Message> {
        self.older(folder, None)
    }

    /// The messages of a folder that were received before the one named, newest first.
    pub(in super::super) fn older(
        &self,
        folder: u64,
        than: Option<(Timestamp, u64)>,
    ) -> impl Iterator<Item = &Message> {
        let end = than.map_or(Bound::Unbounded, Bound::Excluded);
        let contents = self.contents.get(&folder).into_iter();
        let found = contents.flat_map(move |all| all.by_age.range((Bound::Unbounded, end)).rev());
        found.filter_map(|(_, serial)| self.messages.get(serial))
    }

    /// The same the other way round: what was received after the one named, oldest first.
    pub(in super::super) fn newer(
        &self,
        folder: u64,
        than: (Timestamp, u64),
    ) -> impl Iterator<Item = &Message> {
        let begin = Bound::Excluded(than);
        let contents = self.contents.get(&folder).into_iter();
        let found = contents.flat_map(move |all| all.by_age.range((begin, Bound::Unbounded)));
        found.filter_map(|(_, serial)| self.messages.get(serial))
    }

    /// What changed in a folder after the change `since`, in that order, each with its number.
    pub(in super::super) fn log(
        &self,
        folder: u64,
        since: u64,
    ) -> impl Iterator<Item = (u64, Entry)> {
        let range = (Bound::Excluded(since), Bound::Unbounded);
        let contents = self.contents.get(&folder).into_iter();
        contents.flat_map(move |all| all.log.range(range)).map(|(change, entry)| (*change, *entry))
    }

    /// What changed in a folder up to the change `until`, the last first.
    pub(in super::super) fn log_back(
        &self,
        folder: u64,
        until: u64,
    ) -> impl Iterator<Item = Entry> {
        let contents = self.contents.get(&folder).into_iter();
        contents.flat_map(move |all| all.log.range(..=until).rev()).map(|(_, entry)| *entry)
    }

    /// How many messages a folder has, and how many of them are unread.
    pub(super) fn counts(&self, folder: u64) -> (usize, usize) {
        self.contents.get(&folder).map_or((0, 0), |all| (all.by_age.len(), all.unread))
    }

    /// Puts a new message where it belongs.
    pub(super) fn insert(&mut self, message: Message) {
        let serial = message.serial;
        self.messages.insert(serial, message);
        self.enlist(serial);
    }

    /// Changes what the contents depend on; `None` if there is no such message.
    pub(super) fn relist<T>(
        &mut self,
        serial: u64,
        change: impl FnOnce(&mut Message) -> T,
    ) -> Option<T> {
        self.strike(serial);
        let changed = self.messages.get_mut(&serial).map(change);
        self.enlist(serial);
        changed
    }

    /// Takes a message out.
    pub(super) fn extract(&mut self, serial: u64) -> Option<Message> {
        self.strike(serial);
        self.messages.remove(&serial)
    }

    /// Notes what left a folder.
    pub(super) fn note_gone(&mut self, gone: &Gone) {
        match gone.class {
            Class::Message => {
                let Gone { serial, place, moved, .. } = *gone;
                let contents = self.contents.entry(gone.folder).or_default();
                contents.log.insert(gone.change, Entry::Gone { serial, place, moved });
            }
            Class::Folder if !gone.moved => {
                self.contents.remove(&gone.serial);
            }
            _ => {}
        }
    }

    fn enlist(&mut self, serial: u64) {
        let Some(message) = self.messages.get(&serial) else { return };
        let contents = self.contents.entry(message.folder).or_default();
        contents.log.insert(message.changed, Entry::Here(serial));
        contents.by_age.insert((message.received, serial));
        contents.unread += usize::from(!message.is_read());
    }

    fn strike(&mut self, serial: u64) {
        let Some(message) = self.messages.get(&serial) else { return };
        let Some(contents) = self.contents.get_mut(&message.folder) else { return };
        contents.log.remove(&message.changed);
        contents.by_age.remove(&(message.received, serial));
        contents.unread -= usize::from(!message.is_read());
    }
}
