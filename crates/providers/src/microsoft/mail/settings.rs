//! A mailbox's settings (contract, section 6.7).

use evergrant::capability::{
    AutomaticReplies, AutomaticRepliesStatus, MailboxSettings, MailboxSettingsChanges, Moment,
    Patch, Weekday, WorkingHours,
};
use evergrant::{Api, CallError};
use jiff::civil::Time;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::microsoft::graph::Call;
use crate::microsoft::graph::input::{self, invalid};
use crate::microsoft::graph::wire::{DAYS, DateTimeTimeZone, extra, nullable, word};
use crate::microsoft::zones;

const READ: &[&str] = &["MailboxSettings.Read", "MailboxSettings.ReadWrite"];
const WRITE: &[&str] = &["MailboxSettings.ReadWrite"];
const PATH: &str = "/me/mailboxSettings";

/// `automaticRepliesStatus`.
const STATUSES: &[(&str, &str)] =
    &[("disabled", "disabled"), ("alwaysEnabled", "enabled"), ("scheduled", "scheduled")];
/// `externalAudienceScope`, whose words are taken over.
const AUDIENCES: &[(&str, &str)] =
    &[("none", "none"), ("contactsOnly", "contactsOnly"), ("all", "all")];

/// The settings.
pub(super) async fn read(api: &Api) -> Result<MailboxSettings, CallError> {
    Ok(Call::get(api, READ, PATH).read::<WireSettings>().await?.settings())
}

/// Changes settings; what they are then is asked for, since the answer may tell of what changed alone.
pub(super) async fn update(
    api: &Api,
    changes: &MailboxSettingsChanges,
) -> Result<MailboxSettings, CallError> {
    let body = body(changes)?;
    Call::patch(api, WRITE, PATH).json(&body).send().await?;
    read(api).await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSettings {
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    language: Option<WireLanguage>,
    #[serde(default)]
    working_hours: Option<WireHours>,
    #[serde(default)]
    automatic_replies_setting: Option<WireReplies>,
    #[serde(default)]
    date_format: Option<String>,
    #[serde(default)]
    time_format: Option<String>,
    #[serde(default)]
    user_purpose: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct WireLanguage {
    #[serde(default)]
    locale: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireHours {
    #[serde(default, deserialize_with = "nullable")]
    days_of_week: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    start_time: String,
    #[serde(default, deserialize_with = "nullable")]
    end_time: String,
    #[serde(default)]
    time_zone: Option<WireZone>,
}

#[derive(Debug, Deserialize)]
struct WireZone {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireReplies {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    external_audience: Option<String>,
    #[serde(default)]
    internal_reply_message: Option<String>,
    #[serde(default)]
    external_reply_message: Option<String>,
    #[serde(default)]
    scheduled_start_date_time: Option<DateTimeTimeZone>,
    #[serde(default)]
    scheduled_end_date_time: Option<DateTimeTimeZone>,
}

impl WireSettings {
    fn settings(self) -> MailboxSettings {
        // Read alone it is wrapped, and some samples wrap it here, too.
        let purpose = self.user_purpose.and_then(|said| match said {
            Value::String(word) => Some(word),
            said => said["value"].as_str().map(str::to_owned),
        });
        MailboxSettings {
            time_zone: self.time_zone.as_deref().and_then(zones::to_iana),
            language: self.language.and_then(|language| language.locale),
            working_hours: self.working_hours.and_then(WireHours::hours),
            automatic_replies: self.automatic_replies_setting.map(WireReplies::replies),
            date_format: self.date_format,
            time_format: self.time_format,
            purpose,
            extra: extra(self.rest),
        }
    }
}

impl WireHours {
    /// None if the times cannot be read.
    fn hours(self) -> Option<WorkingHours> {
        let day = |name: &String| DAYS.iter().find(|(day, _)| day.eq_ignore_ascii_case(name));
        Some(WorkingHours {
            days: self.days_of_week.iter().filter_map(day).map(|&(_, day)| day).collect(),
            start: self.start_time.parse().ok()?,
            end: self.end_time.parse().ok()?,
            time_zone: self.time_zone.and_then(|zone| zones::to_iana(&zone.name?)),
        })
    }
}

impl WireReplies {
    fn replies(self) -> AutomaticReplies {
        AutomaticReplies {
            status: self
                .status
                .map_or(AutomaticRepliesStatus::Disabled, |theirs| word(STATUSES, &theirs)),
            start_time: self.scheduled_start_date_time.and_then(|at| at.moment()),
            end_time: self.scheduled_end_date_time.and_then(|at| at.moment()),
            internal_message: self.internal_reply_message,
            external_message: self.external_reply_message,
            external_audience: self.external_audience,
        }
    }
}

fn body(changes: &MailboxSettingsChanges) -> Result<Value, CallError> {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if let Some(zone) = &changes.time_zone {
        // Windows' names would be understood, too, but many zones share one.
        set("timeZone", zone.name().into());
    }
    if let Some(language) = &changes.language {
        set("language", json!({ "locale": language }));
    }
    if let Some(hours) = &changes.working_hours {
        set("workingHours", working_hours(hours));
    }
    match &changes.automatic_replies {
        Patch::Keep => {}
        Patch::Clear => drop(set("automaticRepliesSetting", json!({ "status": "disabled" }))),
        Patch::Set(replies) => drop(set("automaticRepliesSetting", automatic_replies(replies)?)),
    }
    Ok(Value::Object(body))
}

fn working_hours(hours: &WorkingHours) -> Value {
    let name = |day: &Weekday| DAYS.iter().find(|(_, known)| known == day).map(|(name, _)| *name);
    let time = |time: Time| time.strftime("%H:%M:%S.0000000").to_string();
    let mut body = json!({
        "daysOfWeek": hours.days.iter().filter_map(name).collect::<Vec<_>>(),
        "startTime": time(hours.start),
        "endTime": time(hours.end),
    });
    if let Some(zone) = &hours.time_zone {
        body["timeZone"] = json!({ "name": zone.name() });
    }
    body
}

fn automatic_replies(replies: &AutomaticReplies) -> Result<Value, CallError> {
    let at = |field: &str| format!("/automatic_replies/{field}");
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("status", input::word(&at("status"), STATUSES, replies.status.as_str())?.into());
    if let Some(start) = &replies.start_time {
        set("scheduledStartDateTime", moment(&at("start_time"), start)?);
    }
    if let Some(end) = &replies.end_time {
        set("scheduledEndDateTime", moment(&at("end_time"), end)?);
    }
    if let Some(text) = &replies.internal_message {
        set("internalReplyMessage", text.as_str().into());
    }
    if let Some(text) = &replies.external_message {
        set("externalReplyMessage", text.as_str().into());
    }
    if let Some(audience) = &replies.external_audience {
        let audience = input::word(&at("external_audience"), AUDIENCES, audience)?;
        set("externalAudience", audience.into());
    }
    Ok(Value::Object(body))
}

/// An instant in UTC: nothing beside it names another zone.
fn moment(pointer: &str, moment: &Moment) -> Result<Value, CallError> {
    let at = moment.instant(None).map_err(|error| invalid(pointer, error.to_string()))?;
    let wall = jiff::tz::Offset::UTC.to_datetime(at);
    let text = wall.strftime("%Y-%m-%dT%H:%M:%S.0000000").to_string();
    Ok(json!({ "dateTime": text, "timeZone": "UTC" }))
}
