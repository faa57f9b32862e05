//! `/me/calendar`, `/me/calendars` and their groups (contract, 5.2).

use axum::http::Method;
use serde_json::{Value, json};

use super::super::odata::{Kind, list};
use super::super::reply::{Answer, Denied};
use super::key::Key;
use super::mailbox::{Calendar, Mailbox};
use super::{Desk, WRITE, no_key, with_context};
use crate::microsoft::sandbox::json::one_of;

static CALENDAR: Kind = Kind {
    name: "microsoft.graph.calendar",
    usual: &[
        "name",
        "color",
        "hexColor",
        "isDefaultCalendar",
        "changeKey",
        "canShare",
        "canViewPrivateItems",
        "canEdit",
        "allowedOnlineMeetingProviders",
        "defaultOnlineMeetingProvider",
        "isTallyingResponses",
        "isRemovable",
        "owner",
    ],
    on_request: &[],
    expandable: &["events", "calendarView"],
    most: 1000,
    sorts_by_filter: false,
};
const COLORS: &[&str] = &[
    "auto",
    "lightBlue",
    "lightGreen",
    "lightOrange",
    "lightGray",
    "lightYellow",
    "lightTeal",
    "lightPink",
    "lightBrown",
    "lightRed",
    "maxColor",
];
/// The one group there is.
const GROUP: u64 = 1;

impl Desk<'_> {
    /// The list of calendars, or a new one.
    pub(super) fn calendars(&self) -> Result<Answer, Denied> {
        if self.call.method == Method::POST {
            return self.create_calendar();
        }
        if self.call.method != Method::GET {
            return Err(Denied::method());
        }
        let agenda = self.act.agenda();
        let mailbox = agenda.mailbox(self.owner.oid).ok_or_else(Denied::no_mailbox)?;
        let own = mailbox.calendars.iter().map(|calendar| mailbox.show_calendar(calendar));
        let shared = mailbox.shared.iter().filter_map(|shared| {
            let owner = agenda.mailbox(&shared.owner)?;
            let calendar = owner.calendars.iter().find(|one| one.number == shared.calendar)?;
            let mut shown = owner.show_calendar(calendar);
            shown["id"] = json!(Key::Shared(shared.number).id(mailbox.tag));
            shown["name"] = json!(owner.name);
            shown["isDefaultCalendar"] = json!(false);
            shown["canShare"] = json!(false);
            shown["canViewPrivateItems"] = json!(false);
            shown["canEdit"] = json!(shared.can_edit);
            shown["isRemovable"] = json!(true);
            Some(shown)
        });
        let all: Vec<_> = own.chain(shared).collect();
        list(self.call, &CALENDAR, &self.owner.set("calendars"), &all)
    }

    fn create_calendar(&self) -> Result<Answer, Denied> {
        self.writable(&self.whole())?;
        let body = Value::Object(self.call.object()?);
        let name = name(&body)?.ok_or_else(Denied::property)?;
        let mut agenda = self.act.agenda();
        let mailbox = agenda.mailbox_mut(self.owner.oid).ok_or_else(Denied::no_mailbox)?;
        refuse_double(mailbox, &name, None)?;
        let number = mailbox.next();
        mailbox.change += 1;
        let calendar = Calendar {
            number,
            name,
            color: color(&body)?.unwrap_or("auto").to_owned(),
            is_default: false,
            meets: true,
            change: mailbox.change,
        };
        let shown = mailbox.show_calendar(&calendar);
        mailbox.calendars.push(calendar);
        let context = self.call.context(&self.owner.set("calendars/$entity"));
        Ok(Answer::created(with_context(context, shown)))
    }

    /// One calendar: shown, renamed or deleted. Without an id it is the default one.
    pub(super) fn one_calendar(&self, id: Option<&str>) -> Result<Answer, Denied> {
        let place = self.place(id)?;
        let number = place.calendar.unwrap_or_default();
        let method = self.call.method.as_str();
        if method != "GET" {
            self.writable(&place)?;
        }
        let set = if id.is_some() { "calendars/$entity" } else { "calendar/$entity" };
        let mut agenda = self.act.agenda();
        let mailbox = agenda.mailbox_mut(&place.oid).ok_or_else(Denied::no_mailbox)?;
        match method {
            "GET" => {}
            "PATCH" => self.rename(mailbox, number)?,
            "DELETE" => {
                let is_default = mailbox.default_calendar() == number;
                if is_default || place.oid != self.owner.oid {
                    let message = "The default calendar can't be deleted.";
                    return Err(Denied::bad("ErrorInvalidRequest", message));
                }
                let inside = mailbox.items.values().filter(|item| item.calendar == number);
                for item in inside.map(|item| item.number).collect::<Vec<_>>() {
                    mailbox.remove(item);
                }
                mailbox.calendars.retain(|calendar| calendar.number != number);
                return Ok(Answer::done());
            }
            _ => return Err(Denied::method()),
        }
        let calendar = mailbox.calendars.iter().find(|one| one.number == number);
        let calendar = calendar.ok_or_else(Denied::not_found)?;
        let query = self.call.options.query(&CALENDAR)?;
        let mut shown = mailbox.show_calendar(calendar);
        if let Some(id) = id {
            shown["id"] = json!(id);
        }
        let context = self.call.context(&self.owner.set(set));
        Ok(Answer::ok(with_context(context, query.shape(&CALENDAR, shown))))
    }

    fn rename(&self, mailbox: &mut Mailbox, number: u64) -> Result<(), Denied> {
        let body = Value::Object(self.call.object()?);
        let (name, color) = (name(&body)?, color(&body)?);
        if let Some(name) = &name {
            refuse_double(mailbox, name, Some(number))?;
        }
        mailbox.change += 1;
        let change = mailbox.change;
        if let Some(calendar) = mailbox.calendars.iter_mut().find(|one| one.number == number) {
            calendar.change = change;
            if let Some(name) = name {
                calendar.name = name;
            }
            if let Some(color) = color {
                color.clone_into(&mut calendar.color);
            }
        }
        Ok(())
    }

    /// The groups of calendars: there is one, and it holds all own calendars.
    pub(super) fn groups(&self, rest: &[&str]) -> Result<Answer, Denied> {
        if self.call.method != Method::GET {
            return Err(if self.call.caller.has(WRITE) {
                Denied::method()
            } else {
                Denied::access()
            });
        }
        let agenda = self.act.agenda();
        let mailbox = agenda.mailbox(self.owner.oid).ok_or_else(Denied::no_mailbox)?;
        let group = json!({
            "id": Key::Group(GROUP).id(mailbox.tag),
            "name": "My Calendars",
            "classId": "0006f0b7-0000-0000-c000-000000000046",
            "changeKey": mailbox.change_key(0),
        });
        match rest {
            [] => {
                let context = self.call.context(&self.owner.set("calendarGroups"));
                Ok(Answer::ok(json!({ "@odata.context": context, "value": [group] })))
            }
            [id] => match mailbox.key(id).map_err(no_key)? {
                Key::Group(GROUP) => {
                    let context = self.call.context(&self.owner.set("calendarGroups/$entity"));
                    Ok(Answer::ok(with_context(context, group)))
                }
                _ => Err(Denied::not_found()),
            },
            [_, unknown, ..] => Err(Denied::segment(unknown)),
        }
    }
}

impl Mailbox {
    /// A calendar of an answer.
    pub(super) fn show_calendar(&self, calendar: &Calendar) -> Value {
        let meets = self.licence.teams && calendar.meets;
        let providers: &[&str] = if meets { &["teamsForBusiness"] } else { &[] };
        json!({
            "id": Key::Calendar(calendar.number).id(self.tag),
            "name": calendar.name,
            "color": calendar.color,
            "hexColor": "",
            "isDefaultCalendar": calendar.is_default,
            "changeKey": self.change_key(calendar.change),
            "canShare": true,
            "canViewPrivateItems": true,
            "canEdit": true,
            "allowedOnlineMeetingProviders": providers,
            "defaultOnlineMeetingProvider": providers.first().unwrap_or(&"unknown"),
            "isTallyingResponses": calendar.is_default,
            "isRemovable": !calendar.is_default,
            "owner": self.owner(),
        })
    }
}

/// Two calendars of one name are refused, as two folders are (contract, 4.2).
fn refuse_double(mailbox: &Mailbox, name: &str, but: Option<u64>) -> Result<(), Denied> {
    let same = |one: &Calendar| one.name.eq_ignore_ascii_case(name) && Some(one.number) != but;
    if mailbox.calendars.iter().any(same) {
        let message = "A folder with the specified name already exists.";
        return Err(Denied::new(axum::http::StatusCode::CONFLICT, "ErrorFolderExists", message));
    }
    Ok(())
}

fn name(body: &Value) -> Result<Option<String>, Denied> {
    match body.get("name") {
        None => Ok(None),
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(Some(name.clone())),
        Some(_) => Err(Denied::property()),
    }
}

fn color(body: &Value) -> Result<Option<&'static str>, Denied> {
    match body.get("color") {
        None | Some(Value::Null) => Ok(None),
        Some(color) => {
            let color = one_of(COLORS, color.as_str().unwrap_or_default());
            color.map(Some).ok_or_else(Denied::property)
        }
    }
}
