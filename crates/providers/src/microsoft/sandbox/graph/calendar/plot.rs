//! What can be changed of calendars behind everybody's back (`/_sandbox/world/microsoft/users/…`).

use evergrant_sandbox::Problem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::item::{Form, Item, NEVER, response};
use super::key::{Key, NoKey};
use super::mailbox::{Calendar, LateLink};
use crate::microsoft::sandbox::MicrosoftAct;
use crate::microsoft::sandbox::changes::read;
use crate::microsoft::sandbox::graph::reply::Denied;

/// What can be changed, for the page that lists it.
pub(in crate::microsoft::sandbox) const PATHS: &[&str] = &[
    "users/{upn}/events {event}",
    "users/{upn}/events/fill {\"count\":number}",
    "users/{upn}/events/{id}/change {event}",
    "users/{upn}/events/{id}/delete",
    "users/{upn}/share-calendar {\"with\":upn,\"can_edit\"?:bool}",
    "users/{upn}/calendars/{id}/online-meetings {\"allowed\":bool}",
    "users/{upn}/teams {\"licensed\":bool}",
    "users/{upn}/audio-conferencing {\"licensed\":bool}",
    "users/{upn}/meeting-passcodes {\"required\":bool}",
    "users/{upn}/late-join-link {\"reads\"?:number,\"seconds\"?:number}",
];

/// The most events that are put at once.
const MOST: u32 = 50_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Count {
    count: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Licensed {
    licensed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    allowed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Required {
    required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LateBody {
    #[serde(default)]
    reads: u32,
    #[serde(default)]
    seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sharing {
    with: String,
    #[serde(default)]
    can_edit: bool,
}

impl MicrosoftAct {
    /// What a person wants to know of everybody's calendars.
    pub(in crate::microsoft::sandbox) fn calendars_shown(&self) -> Value {
        let agenda = self.agenda();
        let shown = agenda.boxes.values().map(|mailbox| {
            let gone = mailbox.tombstones.iter().map(
                |gone| json!({ "id": gone.id, "calendar": gone.calendar, "change": gone.change }),
            );
            json!({
                "events": mailbox.items.len(),
                "last_change": mailbox.change,
                "deleted": gone.collect::<Vec<_>>(),
                "teams": mailbox.licence.teams,
                "audio_conferencing": mailbox.licence.dial_in,
            })
        });
        let names = agenda.boxes.values().map(|mailbox| mailbox.address.clone());
        Value::Object(names.zip(shown).collect())
    }

    /// Carries out a change of a user's calendars or meetings, if `change` is one.
    pub(in crate::microsoft::sandbox) fn change_calendar(
        &self,
        user: &str,
        change: &[&str],
        body: &Value,
    ) -> Option<Result<Value, Problem>> {
        let outcome = match change {
            ["events"] => self.plot_event(user, body),
            ["events", "fill"] => self.plot_many(user, body),
            // An id may have a slash in it.
            ["events", id @ .., "change"] => self.plot_change(user, &id.join("/"), body),
            ["events", id @ .., "delete"] => self.plot_deletion(user, &id.join("/")),
            ["calendars", id @ .., "online-meetings"] => {
                self.plot_allowance(user, &id.join("/"), body)
            }
            ["share-calendar"] => self.plot_sharing(user, body),
            ["teams" | "audio-conferencing" | "meeting-passcodes" | "late-join-link"] => {
                self.plot_switch(user, change.first().unwrap_or(&""), body)
            }
            _ => return None,
        };
        Some(outcome)
    }

    fn plot_switch(&self, user: &str, switch: &str, body: &Value) -> Result<Value, Problem> {
        let mut agenda = self.agenda();
        let mailbox = agenda.mailbox_mut(user).ok_or_else(|| no_user(user))?;
        match switch {
            "teams" => mailbox.licence.teams = read::<Licensed>(body)?.licensed,
            "audio-conferencing" => mailbox.licence.dial_in = read::<Licensed>(body)?.licensed,
            "meeting-passcodes" => mailbox.licence.passcodes = read::<Required>(body)?.required,
            _ => {
                let LateBody { reads, seconds } = read(body)?;
                mailbox.late = LateLink { reads, seconds };
            }
        }
        Ok(json!({
            "teams": mailbox.licence.teams,
            "audio_conferencing": mailbox.licence.dial_in,
            "meeting_passcodes": mailbox.licence.passcodes,
            "late_join_link": { "reads": mailbox.late.reads, "seconds": mailbox.late.seconds },
        }))
    }

    /// Whether the events of one of the user's own calendars may have online meetings.
    fn plot_allowance(&self, user: &str, id: &str, body: &Value) -> Result<Value, Problem> {
        let Allowed { allowed } = read(body)?;
        let mut agenda = self.agenda();
        let mailbox = agenda.mailbox_mut(user).ok_or_else(|| no_user(user))?;
        let key = mailbox.key(id).map_err(|no| no_key(no, "calendar"))?;
        let is_it = |one: &&mut Calendar| key == Key::Calendar(one.number);
        let calendar = mailbox.calendars.iter_mut().find(is_it);
        let calendar = calendar.ok_or_else(|| no_key(NoKey::Foreign, "calendar"))?;
        calendar.meets = allowed;
        let calendar = calendar.clone();
        Ok(mailbox.show_calendar(&calendar))
    }

    fn plot_sharing(&self, user: &str, body: &Value) -> Result<Value, Problem> {
        let Sharing { with, can_edit } = read(body)?;
        let mut agenda = self.agenda();
        for name in [user, with.as_str()] {
            agenda.mailbox(name).ok_or_else(|| no_user(name))?;
        }
        agenda.share(user, &with, can_edit);
        Ok(json!({ "shared": user, "with": with, "can_edit": can_edit }))
    }

    /// An event of the user's own, or with a foreign `organizer` an invitation from outside.
    fn plot_event(&self, user: &str, body: &Value) -> Result<Value, Problem> {
        let now = self.backstage().now();
        let mut agenda = self.agenda();
        agenda.mailbox(user).ok_or_else(|| no_user(user))?;
        let number = agenda.create(user, None, body, now).map_err(|denied| unusable(&denied))?;
        let mailbox = agenda.mailbox_mut(user).ok_or_else(|| no_user(user))?;
        let organizer = body["organizer"]["emailAddress"].clone();
        if organizer.is_object() && organizer["address"] != mailbox.address.as_str() {
            mailbox.touch(number, now, |item| make_invitation(item, organizer));
        }
        let item = mailbox.items.get(&number);
        Ok(json!({ "id": item.map(|item| mailbox.id(item, Form::Whole)) }))
    }

    fn plot_many(&self, user: &str, body: &Value) -> Result<Value, Problem> {
        let Count { count } = read(body)?;
        if count > MOST {
            return Err(Problem::unusable(format!("`count` is at most {MOST}")));
        }
        let now = self.backstage().now();
        let mut agenda = self.agenda();
        agenda.mailbox(user).ok_or_else(|| no_user(user))?;
        agenda.fill_up(user, count, now).map_err(|denied| unusable(&denied))?;
        Ok(json!({ "put": count }))
    }

    fn plot_change(&self, user: &str, id: &str, event: &Value) -> Result<Value, Problem> {
        let now = self.backstage().now();
        let mut agenda = self.agenda();
        let (item, form) = find(&agenda, user, id)?;
        agenda.update(user, &item, form, event, now).map_err(|denied| unusable(&denied))?;
        Ok(json!({ "id": id }))
    }

    fn plot_deletion(&self, user: &str, id: &str) -> Result<Value, Problem> {
        let now = self.backstage().now();
        let mut agenda = self.agenda();
        let (item, form) = find(&agenda, user, id)?;
        agenda.delete(user, &item, form, now);
        Ok(json!({ "deleted": id }))
    }
}

/// Makes an event one of somebody who is not here.
fn make_invitation(item: &mut Item, organizer: Value) {
    item.organizer = organizer;
    item.is_organizer = false;
    item.transaction = None;
    let members = &mut item.content.members;
    members.insert("responseStatus".to_owned(), response("notResponded", NEVER));
    members.insert("showAs".to_owned(), json!("tentative"));
}

fn find(agenda: &super::Agenda, user: &str, id: &str) -> Result<(Item, Form), Problem> {
    let mailbox = agenda.mailbox(user).ok_or_else(|| no_user(user))?;
    let found = mailbox.find(id).map(|(item, form)| (item.clone(), form));
    found.map_err(|no| no_key(no, "event"))
}

fn no_key(no: NoKey, what: &str) -> Problem {
    match no {
        NoKey::Malformed => Problem::unusable("`id` is no id"),
        NoKey::Foreign => Problem::unknown(format!("there is no such {what}")),
    }
}

fn unusable(denied: &Denied) -> Problem {
    Problem::unusable(format!("{}: {}", denied.code, denied.message))
}

fn no_user(user: &str) -> Problem {
    Problem::unknown(format!("there is no mailbox `{user}`"))
}
