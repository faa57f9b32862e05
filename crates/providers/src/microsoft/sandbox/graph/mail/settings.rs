//! `mailboxSettings` (contract, 6.7).

use serde_json::{Map, Value, json};

use super::Mail;
use crate::microsoft::sandbox::graph::odata::Kind;
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};

const READ: &[&str] = &["MailboxSettings.Read", "MailboxSettings.ReadWrite"];
const WRITE: &[&str] = &["MailboxSettings.ReadWrite"];

static SETTINGS: Kind = Kind {
    name: "microsoft.graph.mailboxSettings",
    usual: &[
        "archiveFolder",
        "timeZone",
        "delegateMeetingMessageDeliveryOptions",
        "dateFormat",
        "timeFormat",
        "userPurpose",
        "automaticRepliesSetting",
        "language",
        "workingHours",
    ],
    on_request: &[],
    expandable: &[],
    most: 1000,
    sorts_by_filter: false,
};

impl Mail<'_> {
    pub(super) fn settings(&self) -> Result<Answer, Denied> {
        self.call.require_access(READ)?;
        let query = self.call.options.query(&SETTINGS)?;
        self.mailbox(|mailbox| {
            let shaped = query.shape(&SETTINGS, Value::Object(mailbox.settings.clone()));
            let mut body = shaped;
            let set = self.owner.set(&format!("mailboxSettings{}", query.selection()));
            body["@odata.context"] = json!(self.call.context(&set));
            Ok(Answer::ok(body))
        })
    }

    /// One of the settings: a plain value as `value`, an object as itself.
    pub(super) fn setting(&self, name: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ)?;
        let name = SETTINGS.property(name).map_err(|_| Denied::segment(name))?;
        self.mailbox(|mailbox| {
            let value = mailbox.settings.get(name).cloned().unwrap_or_default();
            let mut body = match value {
                Value::Object(_) => value,
                value => json!({ "value": value }),
            };
            let set = self.owner.set(&format!("mailboxSettings/{name}"));
            body["@odata.context"] = json!(self.call.context(&set));
            Ok(Answer::ok(body))
        })
    }

    pub(super) fn change_settings(&self) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        let changes = self.call.object()?;
        self.apply(changes)?;
        self.settings()
    }

    pub(super) fn change_setting(&self, name: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        let name = SETTINGS.property(name).map_err(|_| Denied::segment(name))?;
        let mut body = self.call.object()?;
        let value = body.remove("value").unwrap_or(Value::Object(body));
        self.apply([(name.to_owned(), value)].into_iter().collect())?;
        self.setting(name)
    }

    fn apply(&self, changes: Map<String, Value>) -> Result<(), Denied> {
        let changes = changes.into_iter().filter(|(name, _)| !name.contains('@'));
        let changes = changes.map(|(name, value)| {
            let name = SETTINGS.property(&name)?;
            match (name, &value) {
                ("timeZone", Value::String(zone)) if !is_zone(zone) => {
                    let message = format!(
                        "A valid TimeZone value must be specified. The following TimeZone value is not supported: '{zone}'."
                    );
                    Err(Denied::bad("TimeZoneNotSupportedException", message))
                }
                ("automaticRepliesSetting" | "language" | "workingHours", Value::Object(_))
                | (
                    "timeZone" | "dateFormat" | "timeFormat"
                    | "delegateMeetingMessageDeliveryOptions",
                    Value::String(_),
                ) => Ok((name, value)),
                // The others are only read.
                _ => Err(Denied::property()),
            }
        });
        let changes = changes.collect::<Result<Vec<_>, _>>()?;
        self.mailbox(|mailbox| {
            for (name, value) in changes {
                match (mailbox.settings.get_mut(name), value) {
                    // Of an object, the members that are named change.
                    (Some(Value::Object(known)), Value::Object(new)) => {
                        known.extend(new.into_iter().map(camel));
                    }
                    (_, value) => {
                        mailbox.settings.insert(name.to_owned(), value);
                    }
                }
            }
            Ok(())
        })
    }
}

/// Whether a zone can be one: of IANA's names all are known, those of Windows only by their look.
fn is_zone(zone: &str) -> bool {
    let is_iana = || jiff::tz::TimeZone::get(zone).is_ok();
    !zone.trim().is_empty() && (!zone.contains('/') || is_iana())
}

/// A member whose value, if it names an enum's member, is spelled as Graph does.
fn camel((name, value): (String, Value)) -> (String, Value) {
    let is_enum = ["status", "externalAudience"].contains(&name.as_str());
    let text = value.as_str().filter(|_| is_enum).and_then(|text| {
        let mut chars = text.chars();
        Some(format!("{}{}", chars.next()?.to_ascii_lowercase(), chars.as_str()))
    });
    (name, text.map_or(value, Value::String))
}
