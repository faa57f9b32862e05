//! An event as a client sends it: what may be written, in which form it is kept.

use serde_json::{Map, Value, json};

use super::super::reply::Denied;
use super::item::{NEVER, response};
use super::parts::{attendees, body, location, named_location};
use super::when::{Moment, Unreadable};
use crate::microsoft::sandbox::json::{items, one_of};

/// What is tolerated in a body but never written (contract 5.3).
const READ_ONLY: &[&str] = &[
    "id",
    "changeKey",
    "createdDateTime",
    "lastModifiedDateTime",
    "iCalUId",
    "uid",
    "bodyPreview",
    "webLink",
    "originalStart",
    "originalStartTimeZone",
    "originalEndTimeZone",
    "organizer",
    "isOrganizer",
    "type",
    "seriesMasterId",
    "occurrenceId",
    "isCancelled",
    "isDraft",
    "hasAttachments",
    "responseStatus",
    "onlineMeeting",
    "onlineMeetingUrl",
    "cancelledOccurrences",
    "attachments",
    "calendar",
    "extensions",
    "instances",
    "exceptionOccurrences",
    "singleValueExtendedProperties",
    "multiValueExtendedProperties",
];
const FLAGS: &[&str] =
    &["isReminderOn", "responseRequested", "allowNewTimeProposals", "hideAttendees"];
const ENUMS: &[(&str, &[&str])] = &[
    ("showAs", &["free", "tentative", "busy", "oof", "workingElsewhere", "unknown"]),
    ("sensitivity", &["normal", "personal", "private", "confidential"]),
    ("importance", &["low", "normal", "high"]),
];
const PROVIDERS: &[&str] = &["unknown", "skypeForBusiness", "skypeForConsumer", "teamsForBusiness"];
/// What a body says of an event.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Draft {
    pub(in super::super) start: Option<Moment>,
    pub(in super::super) end: Option<Moment>,
    pub(in super::super) is_all_day: Option<bool>,
    /// Null takes the recurrence away.
    pub(in super::super) recurrence: Option<Value>,
    pub(in super::super) is_online: Option<bool>,
    pub(in super::super) provider: Option<String>,
    pub(in super::super) transaction: Option<String>,
    /// The other members, in the form of answers.
    pub(in super::super) members: Map<String, Value>,
}

impl Draft {
    /// Reads the body of a creation or a change.
    pub(in super::super) fn read(body: &Value) -> Result<Self, Denied> {
        let body = body.as_object().ok_or_else(Denied::malformed)?;
        let mut draft = Self::default();
        for (name, value) in body {
            let annotates = name.starts_with('@') || name.contains("@odata.");
            let is_read_only = READ_ONLY.iter().any(|known| known.eq_ignore_ascii_case(name));
            if !annotates && !is_read_only {
                draft.take(name, value)?;
            }
        }
        draft.mirror_locations();
        Ok(draft)
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), Denied> {
        let lower = name.to_ascii_lowercase();
        let flag = || value.as_bool().ok_or_else(|| wrong(name));
        match lower.as_str() {
            // A null says nothing, but for what can be taken away.
            "recurrence" => self.recurrence = Some(value.clone()),
            "transactionid" => self.transaction = value.as_str().map(str::to_owned),
            "location" if value.is_null() => self.put("location", location(&json!({}))?),
            "attendees" if value.is_null() => self.put("attendees", json!([])),
            "body" if value.is_null() => {
                self.put("body", json!({ "contentType": "html", "content": "" }));
            }
            "subject" if value.is_null() => self.put("subject", json!("")),
            _ if value.is_null() => {}
            "start" => self.start = Some(moment(value)?),
            "end" => self.end = Some(moment(value)?),
            "isallday" => self.is_all_day = Some(flag()?),
            "isonlinemeeting" => self.is_online = Some(flag()?),
            "onlinemeetingprovider" => {
                let provider = one_of(PROVIDERS, value.as_str().unwrap_or_default());
                self.provider = Some(provider.ok_or_else(|| wrong(name))?.to_owned());
            }
            "subject" => self.put("subject", json!(value.as_str().ok_or_else(|| wrong(name))?)),
            "body" => self.put("body", body(value)?),
            "location" => self.put("location", location(value)?),
            "locations" => {
                let list = value.as_array().ok_or_else(|| wrong(name))?;
                let list = list.iter().map(location).collect::<Result<Vec<_>, _>>()?;
                self.put("locations", json!(list));
            }
            "attendees" => self.put("attendees", attendees(value)?),
            "categories" => {
                let list = value.as_array().filter(|list| list.iter().all(Value::is_string));
                self.put("categories", json!(list.ok_or_else(|| wrong(name))?));
            }
            "reminderminutesbeforestart" => {
                self.put(
                    "reminderMinutesBeforeStart",
                    json!(value.as_i64().ok_or_else(|| wrong(name))?),
                );
            }
            _ => self.take_listed(name, value)?,
        }
        Ok(())
    }

    fn take_listed(&mut self, name: &str, value: &Value) -> Result<(), Denied> {
        if let Some(known) = one_of(FLAGS, name) {
            self.put(known, json!(value.as_bool().ok_or_else(|| wrong(name))?));
            return Ok(());
        }
        let listed = ENUMS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((known, values)) = listed else { return Err(unknown(name)) };
        let value = one_of(values, value.as_str().unwrap_or_default());
        self.put(known, json!(value.ok_or_else(|| wrong(name))?));
        Ok(())
    }

    fn put(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    /// `location` mirrors `locations`, whichever of them was sent (contract 5.3).
    fn mirror_locations(&mut self) {
        let list = self.members.get("locations").and_then(Value::as_array).cloned();
        match (list, self.members.get("location").cloned()) {
            (Some(list), _) if list.len() == 1 => self.put("location", list[0].clone()),
            (Some(list), _) => {
                let names: Vec<_> =
                    list.iter().filter_map(|location| location["displayName"].as_str()).collect();
                let joined = named_location(&names.join("; "));
                self.put("location", joined);
            }
            (None, Some(one)) => {
                let is_empty = one["displayName"] == "";
                self.put("locations", if is_empty { json!([]) } else { json!([one]) });
            }
            (None, None) => {}
        }
    }
}

/// What an event has that nobody said (contract 5.3).
pub(in super::super) fn defaults() -> Map<String, Value> {
    let defaults = json!({
        "subject": "",
        "body": { "contentType": "html", "content": "" },
        "location": named_location(""),
        "locations": [],
        "attendees": [],
        "showAs": "busy",
        "sensitivity": "normal",
        "importance": "normal",
        "categories": [],
        "isReminderOn": true,
        "reminderMinutesBeforeStart": 15,
        "responseRequested": true,
        "allowNewTimeProposals": true,
        "hideAttendees": false,
        "responseStatus": response("organizer", NEVER),
    });
    defaults.as_object().cloned().unwrap_or_default()
}

/// A `dateTimeTimeZone` of a body.
pub(in super::super) fn moment(value: &Value) -> Result<Moment, Denied> {
    Moment::read(value).map_err(|unreadable| match unreadable {
        Unreadable::Zone(name) => no_zone(&name),
        Unreadable::Time => Denied::property(),
    })
}

/// The recipients of an action, `ToRecipients`.
pub(in super::super) fn recipients(body: &Value) -> Result<Value, Denied> {
    attendees(&json!(items(body, "toRecipients")))
}

/// The refusal of a zone's name.
pub(in super::super) fn no_zone(name: &str) -> Denied {
    let message = format!(
        "A valid TimeZone value must be specified. The following TimeZone value is not supported: '{name}'."
    );
    Denied::bad("TimeZoneNotSupportedException", message)
}

pub(super) fn wrong(name: &str) -> Denied {
    Denied::bad(
        "BadRequest",
        format!("Cannot convert the value of the property '{name}' to its expected type."),
    )
}

fn unknown(name: &str) -> Denied {
    let message = format!(
        "The property '{name}' does not exist on type 'microsoft.graph.event'. Make sure to only use property \
         names that are defined by the type."
    );
    Denied::bad("BadRequest", message)
}
