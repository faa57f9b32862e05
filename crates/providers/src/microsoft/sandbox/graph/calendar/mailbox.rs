//! One user's calendars: what is in them, in which order it changed, and what is gone.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::history::Entry;
use super::item::{Form, Item, Late};
use super::key::{Key, NoKey, tag};
use crate::microsoft::sandbox::world::User;

/// A mailbox, as far as calendars go.
#[derive(Debug)]
pub(in super::super) struct Mailbox {
    pub(in super::super) oid: String,
    pub(in super::super) address: String,
    pub(in super::super) name: String,
    /// Ids are made from it.
    pub(in super::super) tag: [u8; 16],
    pub(in super::super) calendars: Vec<Calendar>,
    /// Calendars of others that are shared with this user.
    pub(in super::super) shared: Vec<Shared>,
    /// By number.
    pub(in super::super) items: BTreeMap<u64, Item>,
    /// Grows with every change of an item or a calendar; delta queries count by it.
    pub(in super::super) change: u64,
    /// The last change of everything, and what is no longer as it was.
    pub(super) history: BTreeMap<u64, Entry>,
    /// What is gone, in the order it went.
    pub(in super::super) tombstones: Vec<Tombstone>,
    /// What the user has besides the mailbox.
    pub(in super::super) licence: Licence,
    /// How late the link of the user's next online meetings comes.
    pub(in super::super) late: LateLink,
    last: u64,
}

/// What a user's online meetings can do.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Licence {
    /// Teams.
    pub(in super::super) teams: bool,
    /// Meetings can be dialled.
    pub(in super::super) dial_in: bool,
    /// Meetings that an event makes have a passcode.
    pub(in super::super) passcodes: bool,
}

/// What the `late-join-link` switch says.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct LateLink {
    pub(in super::super) reads: u32,
    pub(in super::super) seconds: u64,
}

impl LateLink {
    /// For a meeting that is made now.
    pub(in super::super) fn from(self, now: Timestamp) -> Late {
        let seconds = i64::try_from(self.seconds).unwrap_or(i64::MAX);
        let until = (seconds > 0)
            .then(|| now.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now));
        Late { reads: self.reads, until }
    }
}

/// A calendar.
#[derive(Debug, Clone)]
pub(in super::super) struct Calendar {
    pub(in super::super) number: u64,
    pub(in super::super) name: String,
    pub(in super::super) color: String,
    pub(in super::super) is_default: bool,
    /// Whether its events may have online meetings, as far as the user has a licence.
    pub(in super::super) meets: bool,
    pub(in super::super) change: u64,
}

/// Another user's calendar, shared with this one.
#[derive(Debug, Clone)]
pub(in super::super) struct Shared {
    pub(in super::super) number: u64,
    /// The owner's object id.
    pub(in super::super) owner: String,
    /// The calendar's number there.
    pub(in super::super) calendar: u64,
    pub(in super::super) can_edit: bool,
}

/// Something that is gone.
#[derive(Debug, Clone)]
pub(in super::super) struct Tombstone {
    pub(in super::super) id: String,
    pub(in super::super) calendar: u64,
    pub(in super::super) change: u64,
}

impl Mailbox {
    /// A new user's mailbox: one calendar, nothing in it.
    pub(in super::super) fn new(user: &User, seed: u64) -> Self {
        let calendar = Calendar {
            number: 1,
            name: "Calendar".to_owned(),
            color: "auto".to_owned(),
            is_default: true,
            meets: true,
            change: 0,
        };
        Self {
            oid: user.oid.to_owned(),
            address: user.upn.to_owned(),
            name: user.display_name.to_owned(),
            tag: tag(seed, user.oid),
            calendars: vec![calendar],
            shared: Vec::new(),
            items: BTreeMap::new(),
            change: 0,
            history: BTreeMap::new(),
            tombstones: Vec::new(),
            licence: Licence { teams: true, dial_in: false, passcodes: true },
            late: LateLink::default(),
            last: 1,
        }
    }

    /// Whether `key` is this mailbox's object id or address.
    pub(in super::super) fn is(&self, key: &str) -> bool {
        self.oid.eq_ignore_ascii_case(key) || self.address.eq_ignore_ascii_case(key)
    }

    /// Name and address of the owner, `emailAddress`.
    pub(in super::super) fn owner(&self) -> Value {
        json!({ "name": self.name, "address": self.address })
    }

    /// A number that nothing here has yet.
    pub(in super::super) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Whether events of the calendar with this number may have online meetings (contract, 5.6).
    pub(in super::super) fn meets(&self, calendar: u64) -> bool {
        let allows = |one: &Calendar| one.number == calendar && one.meets;
        self.licence.teams && self.calendars.iter().any(allows)
    }

    pub(in super::super) fn default_calendar(&self) -> u64 {
        self.calendars.iter().find(|one| one.is_default).map_or(1, |one| one.number)
    }

    /// What an id stands for here.
    pub(in super::super) fn key(&self, id: &str) -> Result<Key, NoKey> {
        Key::read(id, self.tag)
    }

    /// The item and the form of it that an id stands for, if it is (still) there.
    pub(in super::super) fn find(&self, id: &str) -> Result<(&Item, Form), NoKey> {
        let (number, form, generation) = match self.key(id)? {
            Key::Item(number) => (number, Form::Whole, None),
            Key::Occurrence(number, generation, day) => (number, Form::On(day), Some(generation)),
            Key::Calendar(_) | Key::Group(_) | Key::Shared(_) => return Err(NoKey::Foreign),
        };
        let item = self.items.get(&number).ok_or(NoKey::Foreign)?;
        let is_now = generation.is_none_or(|generation| generation == item.generation);
        let is_there = match form {
            Form::Whole => true,
            Form::On(day) => item.has(day),
        };
        if is_now && is_there { Ok((item, form)) } else { Err(NoKey::Foreign) }
    }

    /// The id of an item or one of its occurrences.
    pub(in super::super) fn id(&self, item: &Item, form: Form) -> String {
        match form {
            Form::Whole => Key::Item(item.number).id(self.tag),
            Form::On(day) => Key::Occurrence(item.number, item.generation, day).id(self.tag),
        }
    }

    /// A change number as Graph writes it.
    pub(in super::super) fn change_key(&self, change: u64) -> String {
        let mut bytes = self.tag.to_vec();
        bytes.extend(change.to_be_bytes().get(2..).unwrap_or_default());
        STANDARD.encode(bytes)
    }

    /// Puts an item in, new or in the place of the one with its number.
    pub(in super::super) fn put(&mut self, mut item: Item, now: Timestamp) {
        self.remember(&item);
        self.change += 1;
        item.change = self.change;
        item.modified = now;
        for exception in item.exceptions.values_mut().filter(|one| one.modified == now) {
            exception.change = self.change;
        }
        self.history.insert(self.change, Entry::Now(item.number));
        self.items.insert(item.number, item);
    }

    /// Changes an item.
    pub(in super::super) fn touch(
        &mut self,
        number: u64,
        now: Timestamp,
        change: impl FnOnce(&mut Item),
    ) {
        if let Some(mut item) = self.items.get(&number).cloned() {
            change(&mut item);
            self.put(item, now);
        }
    }

    /// Takes an item out.
    pub(in super::super) fn remove(&mut self, number: u64) -> Option<Item> {
        let item = self.items.remove(&number)?;
        let id = self.id(&item, Form::Whole);
        self.bury(id, item.calendar);
        self.remember_gone(&item);
        Some(item)
    }

    /// Takes one occurrence out.
    pub(in super::super) fn remove_day(&mut self, number: u64, day: Date, now: Timestamp) {
        let Some(item) = self.items.get(&number) else { return };
        let (id, calendar) = (self.id(item, Form::On(day)), item.calendar);
        self.bury(id, calendar);
        self.touch(number, now, |item| {
            item.exceptions.remove(&day);
            item.cancelled.insert(day);
        });
    }

    fn bury(&mut self, id: String, calendar: u64) {
        self.change += 1;
        self.tombstones.push(Tombstone { id, calendar, change: self.change });
    }

    /// The number of the copy of somebody else's event.
    pub(in super::super) fn copy_of(&self, uid: &str) -> Option<u64> {
        let is_copy = |item: &&Item| !item.is_organizer && item.uid == uid;
        self.items.values().find(is_copy).map(|item| item.number)
    }

    /// The number of the own event.
    pub(in super::super) fn original_of(&self, uid: &str) -> Option<u64> {
        let is_own = |item: &&Item| item.is_organizer && item.uid == uid;
        self.items.values().find(is_own).map(|item| item.number)
    }

    /// The uid of a new event: the form of a global object id (contract 4.7), with no day in it.
    pub(in super::super) fn new_uid(&self, number: u64) -> String {
        use std::fmt::Write as _;
        let mut uid = "040000008200E00074C5B7101A82E00800000000".to_owned();
        let own = tag(number, &STANDARD.encode(self.tag));
        for byte in own.iter().chain(&self.tag) {
            // Writing to a `String` cannot fail.
            let _ = write!(uid, "{byte:02X}");
        }
        uid
    }
}

/// The uid of one occurrence: the day stands in it.
pub(in super::super) fn uid_on(uid: &str, day: Date) -> String {
    let (head, tail) = (uid.get(..32).unwrap_or_default(), uid.get(40..).unwrap_or_default());
    format!("{head}{:04X}{:02X}{:02X}{tail}", day.year(), day.month(), day.day())
}
