//! Events and changes to them, as Graph takes them (contract, sections 5.3 to 5.6).

use evergrant::CallError;
use evergrant::capability::{
    AttendeeRole, Body, BodyFormat, EventChanges, Importance, Location, NewAttendee, NewEvent,
    Once, Patch, Sensitivity, ShowAs,
};
use serde_json::{Map, Value, json};

use super::time::{NAMES, Span};
use super::words::{ROLES, SENSITIVITIES, SHOW_AS};
use super::{TEAMS, recurrence};
use crate::microsoft::graph::input::{address, body, importance, invalid, word};

/// The most attendees an event has (contract, section 5.3).
pub(in crate::microsoft) const MOST_ATTENDEES: usize = 500;

/// A new event.
pub(super) fn new_event(event: &NewEvent, once: Once) -> Result<Map<String, Value>, CallError> {
    let repeats = event.recurrence.is_some();
    let of_days = event.recurrence.as_ref();
    let of_days = of_days.and_then(|own| recurrence::zone_of_days(event.start_time, own));
    let zone = event.time_zone.as_ref().or(of_days.as_ref());
    let span = Span::new(event.start_time, event.end_time, zone, repeats, NAMES)?;
    let some = |given: bool| given.then_some(());
    let mut json = Details {
        subject: Some(&event.subject),
        body: event.body.as_ref().map_or(Patch::Keep, |body| Patch::Set(body.clone())),
        locations: some(!event.locations.is_empty()).map(|()| &*event.locations),
        attendees: some(!event.attendees.is_empty()).map(|()| &*event.attendees),
        show_as: event.show_as.as_ref(),
        sensitivity: event.sensitivity.as_ref(),
        importance: event.importance.as_ref(),
        categories: some(!event.categories.is_empty()).map(|()| &*event.categories),
        reminder_minutes: &event.reminder_minutes,
        response_requested: event.response_requested,
        allow_new_time_proposals: event.allow_new_time_proposals,
        hide_attendees: event.hide_attendees,
    }
    .written()?;
    if let Some(recurrence) = &event.recurrence {
        let recurrence = recurrence::written(recurrence, span.first_day, &span.zone)?;
        json.insert("recurrence".to_owned(), recurrence);
    }
    if event.online_meeting {
        online(&mut json);
    }
    if span.all_day {
        json.insert("isAllDay".to_owned(), json!(true));
    }
    json.insert("start".to_owned(), span.start);
    json.insert("end".to_owned(), span.end);
    json.insert("transactionId".to_owned(), json!(once.to_string()));
    Ok(json)
}

/// What changes besides times and recurrence.
pub(super) fn changed(changes: &EventChanges) -> Result<Map<String, Value>, CallError> {
    let mut json = Details {
        subject: changes.subject.as_deref(),
        body: changes.body.clone(),
        locations: changes.locations.as_deref(),
        attendees: changes.attendees.as_deref(),
        show_as: changes.show_as.as_ref(),
        sensitivity: changes.sensitivity.as_ref(),
        importance: changes.importance.as_ref(),
        categories: changes.categories.as_deref(),
        reminder_minutes: &changes.reminder_minutes,
        response_requested: changes.response_requested,
        allow_new_time_proposals: changes.allow_new_time_proposals,
        hide_attendees: changes.hide_attendees,
    }
    .written()?;
    if changes.online_meeting == Some(true) {
        online(&mut json);
    }
    Ok(json)
}

/// Teams is the one provider of meetings that new events can have (contract, section 5.6).
fn online(json: &mut Map<String, Value>) {
    json.insert("isOnlineMeeting".to_owned(), json!(true));
    json.insert("onlineMeetingProvider".to_owned(), json!(TEAMS));
}

/// What new events and changes have in common; what is `None` is left out.
struct Details<'a> {
    subject: Option<&'a str>,
    body: Patch<Body>,
    locations: Option<&'a [Location]>,
    attendees: Option<&'a [NewAttendee]>,
    show_as: Option<&'a ShowAs>,
    sensitivity: Option<&'a Sensitivity>,
    importance: Option<&'a Importance>,
    categories: Option<&'a [String]>,
    reminder_minutes: &'a Patch<i32>,
    response_requested: Option<bool>,
    allow_new_time_proposals: Option<bool>,
    hide_attendees: Option<bool>,
}

impl Details<'_> {
    fn written(&self) -> Result<Map<String, Value>, CallError> {
        let mut json = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                json.insert(name.to_owned(), value);
            }
        };
        set("subject", self.subject.map(Value::from));
        let empty = Body { format: BodyFormat::Text, content: String::new() };
        set("body", self.body.as_option().map(|text| body(text.unwrap_or(&empty))));
        match self.locations {
            None => {}
            Some([one]) => set("location", Some(place(one))),
            Some(many) => set("locations", Some(many.iter().map(place).collect())),
        }
        set("attendees", self.attendees.map(|people| attendees("/attendees", people)).transpose()?);
        let show_as = self.show_as.map(|word_| word("/show_as", SHOW_AS, word_.as_str()));
        set("showAs", show_as.transpose()?.map(Value::from));
        let sensitivity = self.sensitivity.map(|s| word("/sensitivity", SENSITIVITIES, s.as_str()));
        set("sensitivity", sensitivity.transpose()?.map(Value::from));
        let important = self.importance.map(|ours| importance("/importance", ours));
        set("importance", important.transpose()?);
        set("categories", self.categories.map(|labels| json!(labels)));
        match self.reminder_minutes {
            Patch::Keep => {}
            Patch::Clear => set("isReminderOn", Some(json!(false))),
            Patch::Set(minutes) if *minutes < 0 => {
                return Err(invalid(
                    "/reminder_minutes",
                    "is before the beginning, so not below 0",
                ));
            }
            Patch::Set(minutes) => {
                set("isReminderOn", Some(json!(true)));
                set("reminderMinutesBeforeStart", Some(json!(minutes)));
            }
        }
        set("responseRequested", self.response_requested.map(Value::from));
        set("allowNewTimeProposals", self.allow_new_time_proposals.map(Value::from));
        set("hideAttendees", self.hide_attendees.map(Value::from));
        Ok(json)
    }
}

/// A place, with what was once read of it.
fn place(place: &Location) -> Value {
    let mut json = place.extra.clone();
    json.insert("displayName".to_owned(), json!(place.name));
    let rest = [("locationEmailAddress", &place.email), ("locationUri", &place.uri)];
    for (name, value) in rest {
        if let Some(value) = value {
            json.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(json)
}

/// People to invite.
pub(super) fn attendees(pointer: &str, people: &[NewAttendee]) -> Result<Value, CallError> {
    if people.len() > MOST_ATTENDEES {
        return Err(invalid(pointer, format!("names more than {MOST_ATTENDEES}")));
    }
    let one = |(n, who): (usize, &NewAttendee)| {
        let pointer = format!("{pointer}/{n}");
        address(&format!("{pointer}/email"), &who.email)?;
        let role = who.role.as_ref().unwrap_or(&AttendeeRole::Required);
        let role = word(&format!("{pointer}/role"), ROLES, role.as_str())?;
        let mut inner = json!({ "address": who.email });
        if let Some(name) = &who.name {
            inner["name"] = json!(name);
        }
        Ok(json!({ "emailAddress": inner, "type": role }))
    };
    people.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>().map(Value::from)
}
