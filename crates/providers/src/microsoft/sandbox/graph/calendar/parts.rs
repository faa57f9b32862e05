//! The larger members of an event: body, attendees, locations.

use serde_json::{Value, json};

use super::super::reply::Denied;
use super::item::{NEVER, address, response};
use super::read::wrong;
use crate::microsoft::sandbox::json::{given, member, one_of, text};

/// The most attendees of an event (contract 5.3).
const MOST_ATTENDEES: usize = 500;
const LOCATION_TYPES: &[&str] = &[
    "default",
    "conferenceRoom",
    "homeAddress",
    "businessAddress",
    "geoCoordinates",
    "streetAddress",
    "hotel",
    "restaurant",
    "localBusiness",
    "postalAddress",
];

pub(super) fn body(value: &Value) -> Result<Value, Denied> {
    let kind = text(value, "contentType").unwrap_or("text");
    let kind = one_of(&["text", "html"], kind).ok_or_else(|| wrong("contentType"))?;
    Ok(json!({ "contentType": kind, "content": text(value, "content").unwrap_or_default() }))
}

pub(super) fn attendees(value: &Value) -> Result<Value, Denied> {
    let list = value.as_array().ok_or_else(|| wrong("attendees"))?;
    if list.len() > MOST_ATTENDEES {
        return Err(Denied::property());
    }
    let read = list.iter().map(|attendee| {
        let email = given(attendee, "emailAddress").ok_or_else(Denied::property)?;
        let address = text(email, "address").unwrap_or_default();
        let is_address = address.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !address.contains(char::is_whitespace)
        });
        if !is_address {
            return Err(Denied::bad(
                "ErrorInvalidRecipients",
                "At least one recipient isn't valid.",
            ));
        }
        let kind = text(attendee, "type").unwrap_or("required");
        let kind =
            one_of(&["required", "optional", "resource"], kind).ok_or_else(|| wrong("type"))?;
        let name = text(email, "name").filter(|name| !name.is_empty()).unwrap_or(address);
        Ok(json!({
            "type": kind,
            "status": response("none", NEVER),
            "emailAddress": { "name": name, "address": address },
        }))
    });
    Ok(json!(read.collect::<Result<Vec<_>, Denied>>()?))
}

/// Keeps the answers of those who were invited before.
pub(super) fn keep_answers(old: &[Value], new: &mut [Value]) {
    for attendee in new {
        let same = |known: &&Value| address(known).eq_ignore_ascii_case(address(attendee));
        if let Some(known) = old.iter().find(same) {
            attendee["status"] = known["status"].clone();
            if let Some(proposed) = known.get("proposedNewTime") {
                attendee["proposedNewTime"] = proposed.clone();
            }
        }
    }
}

pub(super) fn location(value: &Value) -> Result<Value, Denied> {
    if !value.is_object() {
        return Err(wrong("location"));
    }
    let mut location = named_location(text(value, "displayName").unwrap_or_default());
    if let Some(kind) = text(value, "locationType") {
        location["locationType"] =
            json!(one_of(LOCATION_TYPES, kind).ok_or_else(|| wrong("locationType"))?);
    }
    for name in [
        "uniqueId",
        "uniqueIdType",
        "address",
        "coordinates",
        "locationUri",
        "locationEmailAddress",
    ] {
        if let Some(value) = member(value, name).filter(|value| !value.is_null()) {
            location[name] = value.clone();
        }
    }
    Ok(location)
}

pub(super) fn named_location(name: &str) -> Value {
    if name.is_empty() {
        return json!({
            "displayName": "", "locationType": "default", "uniqueIdType": "unknown", "address": {},
            "coordinates": {},
        });
    }
    json!({
        "displayName": name, "locationType": "default", "uniqueId": name, "uniqueIdType": "private",
    })
}
