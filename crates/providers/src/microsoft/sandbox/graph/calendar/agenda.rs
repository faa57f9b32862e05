//! All mailboxes' calendars, and how what an organizer does reaches the attendees.

use std::collections::BTreeMap;

use evergrant_sandbox::Backstage;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::item::{Exception, Form, Item, NEVER, address, attendees, response};
use super::mailbox::Mailbox;
use crate::microsoft::sandbox::graph::meetings::Meetings;
use crate::microsoft::sandbox::world::User;

/// Members of an event that belong to whoever has the copy.
const PERSONAL: &[&str] =
    &["showAs", "isReminderOn", "reminderMinutesBeforeStart", "categories", "responseStatus"];

/// The calendars of everybody who has a mailbox, by object id.
#[derive(Debug)]
pub(in crate::microsoft::sandbox) struct Agenda {
    pub(in super::super) boxes: BTreeMap<String, Mailbox>,
    pub(in super::super) meetings: Meetings,
}

impl Agenda {
    /// Calendars for these users, still empty.
    pub(in super::super) fn empty(users: &[User], backstage: &Backstage) -> Self {
        let boxes = users.iter().map(|user| {
            let mailbox = Mailbox::new(user, backstage.seed());
            (user.oid.to_owned(), mailbox)
        });
        Self { boxes: boxes.collect(), meetings: Meetings::new(backstage.seed()) }
    }

    /// The mailbox with this object id, or address.
    pub(in super::super) fn mailbox(&self, key: &str) -> Option<&Mailbox> {
        self.boxes.values().find(|mailbox| mailbox.is(key))
    }

    pub(in super::super) fn mailbox_mut(&mut self, key: &str) -> Option<&mut Mailbox> {
        self.boxes.values_mut().find(|mailbox| mailbox.is(key))
    }

    /// Brings the organizer's event to the attendees who have a mailbox here. `only` are the
    /// addresses it is brought to; without it, everybody's.
    pub(in super::super) fn invite(
        &mut self,
        item: &Item,
        now: Timestamp,
        only: Option<&[String]>,
    ) {
        for attendee in invited(item) {
            let wanted =
                only.is_none_or(|only| only.iter().any(|one| one.eq_ignore_ascii_case(&attendee)));
            if let Some(mailbox) = self.mailbox_mut(&attendee).filter(|_| wanted)
                && mailbox.address != item.organizer["address"]
            {
                mailbox.receive(item, now);
            }
        }
    }

    /// Tells those attendees that the event does not take place (contract 5.5).
    pub(in super::super) fn withdraw(&mut self, item: &Item, now: Timestamp, from: &[String]) {
        for attendee in from {
            if let Some(mailbox) = self.mailbox_mut(attendee)
                && let Some(copy) = mailbox.copy_of(&item.uid)
            {
                mailbox.touch(copy, now, |copy| {
                    copy.is_cancelled = true;
                    cancel(&mut copy.content.members);
                    for exception in copy.exceptions.values_mut() {
                        cancel(&mut exception.content.members);
                    }
                });
            }
        }
    }

    /// Tells them that one occurrence does not take place: it goes from their copies.
    pub(in super::super) fn withdraw_day(
        &mut self,
        item: &Item,
        day: jiff::civil::Date,
        now: Timestamp,
    ) {
        for attendee in invited(item) {
            if let Some(mailbox) = self.mailbox_mut(&attendee)
                && let Some(copy) = mailbox.copy_of(&item.uid)
            {
                mailbox.remove_day(copy, day, now);
            }
        }
    }

    /// Brings an attendee's answer to the organizer's copy, if the organizer is here.
    pub(in super::super) fn answer(&mut self, answer: &Answered<'_>, now: Timestamp) {
        let organizer = answer.organizer;
        let Some(mailbox) = self.mailbox_mut(organizer) else { return };
        let Some(number) = mailbox.original_of(answer.uid) else { return };
        let time = super::when::second(now);
        mailbox.touch(number, now, |item| {
            item.change(answer.form, now, |content| {
                let Some(list) = content.members.get_mut("attendees").and_then(Value::as_array_mut)
                else {
                    return;
                };
                let who = |one: &&mut Value| address(one).eq_ignore_ascii_case(answer.from);
                if let Some(attendee) = list.iter_mut().find(who) {
                    attendee["status"] = response(answer.response, &time);
                    if let Some(proposed) = &answer.proposed {
                        attendee["proposedNewTime"] = proposed.clone();
                    }
                }
            });
        });
    }
}

/// What an attendee answered.
#[derive(Debug)]
pub(in super::super) struct Answered<'a> {
    pub(in super::super) uid: &'a str,
    pub(in super::super) organizer: &'a str,
    pub(in super::super) from: &'a str,
    pub(in super::super) form: Form,
    pub(in super::super) response: &'a str,
    pub(in super::super) proposed: Option<Value>,
}

/// The addresses of everybody invited to the event or to one of its occurrences.
pub(in super::super) fn invited(item: &Item) -> Vec<String> {
    let special = item.exceptions.values().flat_map(|one| attendees(&one.content.members));
    let mut all: Vec<_> = item
        .attendees()
        .iter()
        .chain(special)
        .map(|one| address(one).to_ascii_lowercase())
        .collect();
    all.sort();
    all.dedup();
    all
}

impl Mailbox {
    /// Takes an invitation or an update of one: what is the organizer's is overwritten, what
    /// belongs to this user stays.
    pub(in super::super) fn receive(&mut self, original: &Item, now: Timestamp) {
        let before =
            self.copy_of(&original.uid).and_then(|number| self.items.get(&number)).cloned();
        let number = before.as_ref().map_or_else(|| self.next(), |before| before.number);
        let mut copy = original.clone();
        copy.number = number;
        copy.calendar = before.as_ref().map_or(self.default_calendar(), |before| before.calendar);
        copy.created = before.as_ref().map_or(now, |before| before.created);
        copy.transaction = None;
        copy.is_organizer = false;
        copy.is_cancelled = false;
        let own = |members: &mut serde_json::Map<String, Value>, own: Option<&Item>, form: Form| {
            let kept = own.and_then(|own| own.content(form)).map(|content| content.members);
            for name in PERSONAL {
                if let Some(value) = kept.as_ref().and_then(|kept| kept.get(*name)) {
                    members.insert((*name).to_owned(), value.clone());
                } else if *name == "responseStatus" {
                    members.insert("responseStatus".to_owned(), response("notResponded", NEVER));
                } else if *name == "showAs" && members.get("showAs") != Some(&json!("free")) {
                    members.insert("showAs".to_owned(), json!("tentative"));
                }
            }
            if members.get("hideAttendees") == Some(&json!(true))
                && let Some(list) = members.get_mut("attendees").and_then(Value::as_array_mut)
            {
                list.retain(|one| address(one).eq_ignore_ascii_case(&self.address));
            }
        };
        own(&mut copy.content.members, before.as_ref(), Form::Whole);
        for (day, Exception { content, .. }) in &mut copy.exceptions {
            own(&mut content.members, before.as_ref(), Form::On(*day));
        }
        self.put(copy, now);
    }
}

/// How a copy shows that its event was cancelled.
fn cancel(members: &mut serde_json::Map<String, Value>) {
    let subject = members.get("subject").and_then(Value::as_str).unwrap_or_default().to_owned();
    if !subject.starts_with("Canceled: ") {
        members.insert("subject".to_owned(), json!(format!("Canceled: {subject}")));
    }
    members.insert("showAs".to_owned(), json!("free"));
}
