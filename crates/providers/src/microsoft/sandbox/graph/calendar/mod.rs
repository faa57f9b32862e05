//! Calendars and their events (contract, 5): the table of calls, and who may make them.
//!
//! Pure parts: [`zones`] and [`when`] (moments), [`recurrence`] and [`expand`] (series), [`key`]
//! (ids), [`item`] (what a calendar holds), [`read`] and [`show`] (the form on the wire). The store
//! is [`agenda`] over [`mailbox`]; the rest carries out calls.

mod access;
mod agenda;
mod calendars;
mod change;
mod create;
mod delta;
mod expand;
mod fill;
mod history;
mod item;
mod key;
mod mailbox;
mod meeting_times;
mod parts;
mod plot;
mod read;
mod recurrence;
mod respond;
mod schedule;
mod seed;
mod show;
mod told;
mod view;
pub(super) mod when;
pub(super) mod zones;

use std::sync::{MutexGuard, PoisonError};

use axum::http::Method;
use serde_json::{Value, json};

pub(in crate::microsoft::sandbox) use self::agenda::Agenda;
use self::item::{Form, Item};
use self::key::NoKey;
pub(super) use self::mailbox::Licence;
use self::mailbox::Mailbox;
pub(in crate::microsoft::sandbox) use self::plot::PATHS;
use self::show::Look;
pub(super) use self::view::EVENT;
use self::zones::Zone;
use super::Owner;
use super::call::Call;
use super::reply::{Answer, Denied};
use crate::microsoft::sandbox::MicrosoftAct;

/// What only reads.
pub(super) const READ: &[&str] = &[
    "Calendars.Read",
    "Calendars.ReadWrite",
    "Calendars.Read.Shared",
    "Calendars.ReadWrite.Shared",
];
/// What reads everything but bodies and attachments.
pub(super) const BASIC: &[&str] = &["Calendars.ReadBasic", "Calendars.ReadBasic.All"];
const WRITE: &[&str] = &["Calendars.ReadWrite", "Calendars.ReadWrite.Shared"];
const READ_SHARED: &[&str] = &["Calendars.Read.Shared", "Calendars.ReadWrite.Shared"];
const WRITE_SHARED: &[&str] = &["Calendars.ReadWrite.Shared"];

/// One call about calendars: whose, which, and how its answer is to look.
struct Desk<'a> {
    act: &'a MicrosoftAct,
    call: &'a Call,
    /// The mailbox in the path.
    owner: &'a Owner,
    look: Look,
}

/// Where events are looked for or put.
#[derive(Debug, Clone)]
struct Place {
    /// The object id of the mailbox that has them.
    oid: String,
    /// The number of the one calendar; else all of them.
    calendar: Option<u64>,
    /// How a context names it.
    set: String,
    can_edit: bool,
}

impl MicrosoftAct {
    /// Everybody's calendars.
    pub(in crate::microsoft::sandbox) fn agenda(&self) -> MutexGuard<'_, Agenda> {
        self.0.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call about the calendars of `owner`.
    pub(super) fn calendar(
        &self,
        owner: &Owner,
        rest: &[&str],
        call: &Call,
    ) -> Result<Answer, Denied> {
        if !self.has_mailbox(owner.oid) {
            return Err(Denied::no_mailbox());
        }
        let zone = match call.prefer.time_zone.as_deref() {
            Some(name) => Zone::named(name).ok_or_else(|| read::no_zone(name))?,
            None => Zone::utc(),
        };
        let look = Look {
            zone,
            as_text: call.prefer.text_body,
            basic: !call.caller.has(READ),
            selects_original: selects(call, "originalStart"),
            now: self.backstage().now(),
        };
        let desk = Desk { act: self, call, owner, look };
        desk.serve(rest)
    }

    /// Whether the user with this object id or address has a mailbox.
    fn has_mailbox(&self, key: &str) -> bool {
        self.stage_world().user(key).is_some_and(|user| user.has_mailbox)
    }

    /// The working hours in the settings of a user's mailbox.
    fn working_hours(&self, key: &str) -> Value {
        let user = self.stage_world().user(key).cloned();
        let hours =
            user.and_then(|user| self.mailboxes().of(&user).settings.get("workingHours").cloned());
        hours.unwrap_or_default()
    }

    /// Whose calendars `key` names. Delegated callers also reach those that are shared with them.
    pub(super) fn calendar_owner(&self, key: &str, call: &Call) -> Result<Owner, Denied> {
        let key = if key == "me-token-to-replace" { &call.caller.oid } else { key };
        let world = self.stage_world();
        let user = world.user(key).ok_or_else(|| Denied::no_user(key))?;
        Ok(Owner::of(user))
    }
}

/// Whether `$select` names this property.
fn selects(call: &Call, name: &str) -> bool {
    let selected = call.options.get("select").unwrap_or_default();
    selected.split(',').any(|selected| selected.trim().eq_ignore_ascii_case(name))
}

/// Whether a path below a user is about calendars.
pub(super) fn is_calendar(rest: &[&str]) -> bool {
    let known =
        ["calendar", "calendars", "calendargroups", "calendarview", "events", "findmeetingtimes"];
    let is_zones = matches!(rest, ["outlook", next] if next.starts_with("supportedtimezones"));
    is_zones || rest.first().is_some_and(|first| known.contains(first))
}

impl Desk<'_> {
    fn serve(&self, rest: &[&str]) -> Result<Answer, Denied> {
        self.admit()?;
        let method = &self.call.method;
        match rest {
            ["outlook", function] if method == Method::GET => self.supported_zones(function),
            ["findmeetingtimes"] if method == Method::POST => self.find_meeting_times(),
            ["calendar", "getschedule"] | ["calendars", _, "getschedule"]
                if method == Method::POST =>
            {
                self.get_schedule()
            }
            ["calendars"] | ["calendargroups", _, "calendars"] => self.calendars(),
            ["calendargroups", rest @ ..] if !rest.contains(&"calendars") => self.groups(rest),
            ["calendar"] => self.one_calendar(None),
            ["calendars", id] | ["calendargroups", _, "calendars", id] => {
                self.one_calendar(Some(id))
            }
            ["calendar", rest @ ..] => self.events(&self.place(None)?, rest),
            ["calendars", id, rest @ ..] | ["calendargroups", _, "calendars", id, rest @ ..] => {
                self.events(&self.place(Some(id))?, rest)
            }
            // Without a calendar it is the default one (contract, 4.6).
            ["calendarview", "delta"] => self.events(&self.place(None)?, rest),
            _ => self.events(&self.whole(), rest),
        }
    }

    /// Events of a place: a list, a view, or one and what is done to it.
    fn events(&self, place: &Place, rest: &[&str]) -> Result<Answer, Denied> {
        let method = self.call.method.as_str();
        match (method, rest) {
            ("GET", ["events"]) => self.list(place),
            ("POST", ["events"]) => self.writable(place).and_then(|()| self.create(place)),
            ("GET", ["calendarview"]) => self.view(place),
            ("GET", ["calendarview", "delta"]) => self.delta(place),
            ("GET", ["events" | "calendarview", id]) => self.show_one(place, id),
            ("PATCH", ["events" | "calendarview", id]) => {
                self.writable(place).and_then(|()| self.update(place, id))
            }
            ("DELETE", ["events" | "calendarview", id]) => {
                self.writable(place).and_then(|()| self.delete(place, id))
            }
            ("GET", ["events" | "calendarview", id, "instances"]) => self.instances(place, id),
            ("POST", ["events" | "calendarview", id, action]) => {
                self.writable(place).and_then(|()| self.act_on(place, id, action))
            }
            (_, ["events" | "calendarview" | "findmeetingtimes" | "getschedule", ..]) => {
                Err(Denied::method())
            }
            (_, [unknown, ..]) => Err(Denied::segment(unknown)),
            (_, []) => Err(Denied::method()),
        }
    }

    /// The names of the zones, in one of the two standards (contract, 4.8).
    fn supported_zones(&self, function: &str) -> Result<Answer, Denied> {
        let standard = function
            .strip_prefix("supportedtimezones")
            .map(|rest| rest.contains("'iana'"))
            .ok_or_else(|| Denied::segment(function))?;
        let names = zones::names(standard).into_iter();
        let names: Vec<_> =
            names.map(|name| json!({ "alias": name, "displayName": name })).collect();
        let context = self.call.context("Collection(microsoft.graph.timeZoneInformation)");
        Ok(Answer::ok(json!({ "@odata.context": context, "value": names })))
    }

    /// The answer with one event.
    fn entity(&self, mailbox: &Mailbox, item: &Item, form: Form) -> Result<Value, Denied> {
        let query = self.call.options.query(&view::EVENT)?;
        let mut shown = query.shape(&view::EVENT, mailbox.show(item, form, &self.look));
        if query.expand.contains(&"exceptionOccurrences") {
            let days = item.exceptions.keys().filter(|_| form == Form::Whole);
            let shown_days = days.map(|day| mailbox.show(item, Form::On(*day), &self.look));
            shown["exceptionOccurrences"] = shown_days.collect();
        }
        let set = format!("users('{}')/events{}/$entity", mailbox.oid, query.selection());
        Ok(with_context(self.call.context(&set), shown))
    }
}

/// The event with this id, if it is at the place.
fn find(mailbox: &Mailbox, place: &Place, id: &str) -> Result<(Item, Form), Denied> {
    let (item, form) = mailbox.find(id).map_err(no_key)?;
    if place.calendar.is_some_and(|calendar| calendar != item.calendar) {
        return Err(Denied::not_found());
    }
    Ok((item.clone(), form))
}

/// An entity with its context.
fn with_context(context: String, mut entity: Value) -> Value {
    if let Some(members) = entity.as_object_mut() {
        members.insert("@odata.context".to_owned(), context.into());
    }
    entity
}

/// An id as it stands in a context or an address.
fn escaped(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn no_key(no: NoKey) -> Denied {
    match no {
        NoKey::Malformed => Denied::id_malformed(),
        NoKey::Foreign => Denied::not_found(),
    }
}
