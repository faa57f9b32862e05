//! What a client asks for (contract, 8.1), read and checked.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant::clock::later;
use evergrant_sandbox::Recipient;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::super::reply::Denied;
use super::invalid;
use super::store::Rules;
use crate::microsoft::sandbox::json::{given, one_of, switch};

/// The shortest lifetime: less is raised to it.
const LEAST: Duration = Duration::from_mins(45);
/// The longest lifetimes of mail and calendars, without and with the resource's data.
const MOST: u64 = 10_080;
const MOST_WITH_DATA: u64 = 1_440;
/// A longer lifetime needs an address for lifecycle notifications.
const UNWATCHED: Duration = Duration::from_hours(1);
/// The longest `clientState` and `encryptionCertificateId`, in characters.
const LONGEST: usize = 128;

const CHANGES: &[&str] = &["created", "updated", "deleted"];
const TLS: &[&str] = &["v1_0", "v1_1", "v1_2", "v1_3"];
/// What can be changed later.
const CHANGEABLE: &[&str] =
    &["expirationDateTime", "notificationUrl", "encryptionCertificate", "encryptionCertificateId"];

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) resource: String,
    /// The kinds of change as they were written.
    pub(super) change_type: String,
    pub(super) changes: BTreeSet<&'static str>,
    pub(super) notification_url: String,
    pub(super) lifecycle_url: Option<String>,
    pub(super) client_state: Option<String>,
    pub(super) tls: &'static str,
    pub(super) with_data: Option<bool>,
    pub(super) certificate: Option<Certificate>,
    /// Notifications name items by ids that survive a move (contract, 4.7).
    pub(super) immutable_ids: bool,
}

/// The certificate that the resource's data is encrypted for.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) text: String,
    pub(super) id: String,
    pub(super) recipient: Recipient,
}

/// What a renewal changes.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) expires: Option<Timestamp>,
    pub(super) notification_url: Option<String>,
    pub(super) certificate: Option<Certificate>,
}

impl Terms {
    /// Reads the body of a creation.
    pub(super) fn read(body: &Value, immutable_ids: bool, rules: &Rules) -> Result<Self, Denied> {
        let change_type = needed(body, "changeType")?;
        let changes = change_type.split(',').map(|one| {
            let known = one_of(CHANGES, one.trim());
            known.ok_or_else(|| invalid(&format!("The change type '{one}' is not supported.")))
        });
        let changes = changes.collect::<Result<_, _>>()?;
        let tls = optional(body, "latestSupportedTlsVersion")?;
        let tls = tls.as_deref().map_or(Some("v1_2"), |tls| one_of(TLS, tls));
        let with_data = switch(body, "includeResourceData");
        let certificate = Certificate::read(body)?;
        if with_data == Some(true) && certificate.is_none() {
            return Err(invalid(
                "encryptionCertificate and encryptionCertificateId are required when \
                 includeResourceData is true.",
            ));
        }
        Ok(Self {
            resource: needed(body, "resource")?,
            change_type,
            changes,
            notification_url: address(&needed(body, "notificationUrl")?, rules)?,
            lifecycle_url: optional(body, "lifecycleNotificationUrl")?
                .map(|url| address(&url, rules))
                .transpose()?,
            client_state: limited(body, "clientState")?,
            tls: tls.ok_or_else(|| invalid("latestSupportedTlsVersion is not valid."))?,
            with_data,
            certificate,
            immutable_ids,
        })
    }

    /// The end that a client gets for the one it wants.
    pub(super) fn end(&self, wanted: Timestamp, now: Timestamp) -> Result<Timestamp, Denied> {
        let most = if self.with_data == Some(true) { MOST_WITH_DATA } else { MOST };
        if wanted > later(now, Duration::from_mins(most)) {
            return Err(Denied::bad(
                "ExtensionError",
                format!("Subscription expiration can only be {most} minutes in the future."),
            ));
        }
        if wanted > later(now, UNWATCHED) && self.lifecycle_url.is_none() {
            return Err(invalid(
                "lifecycleNotificationUrl is a required property for subscription creation when the \
                 expirationDateTime value is set to greater than 1 hour.",
            ));
        }
        Ok(wanted.max(later(now, LEAST)))
    }

    /// Whether two subscriptions ask for the same.
    pub(super) fn collides(&self, other: &Self) -> bool {
        let bare = |resource: &str| resource.trim_matches('/').to_lowercase();
        bare(&self.resource) == bare(&other.resource) && self.changes == other.changes
    }
}

impl Changes {
    /// Reads the body of a renewal.
    pub(super) fn read(body: &Value, rules: &Rules) -> Result<Self, Denied> {
        let names = body.as_object().into_iter().flat_map(|body| body.keys());
        let fixed = |name: &&String| {
            !name.contains('@') && !CHANGEABLE.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        if let Some(name) = { names }.find(fixed) {
            return Err(invalid(&format!("The property '{name}' cannot be changed.")));
        }
        let url = optional(body, "notificationUrl")?;
        let expires = given(body, "expirationDateTime").map(|_| expiration(body)).transpose()?;
        let changes = Self {
            expires,
            notification_url: url.map(|url| address(&url, rules)).transpose()?,
            certificate: Certificate::read(body)?,
        };
        if changes.expires.is_none()
            && changes.notification_url.is_none()
            && changes.certificate.is_none()
        {
            return Err(invalid("expirationDateTime is required."));
        }
        Ok(changes)
    }
}

impl Certificate {
    fn read(body: &Value) -> Result<Option<Self>, Denied> {
        let text = optional(body, "encryptionCertificate")?;
        let id = limited(body, "encryptionCertificateId")?;
        let (text, id) = match (text, id) {
            (None, None) => return Ok(None),
            (Some(text), Some(id)) => (text, id),
            _ => {
                return Err(invalid(
                    "encryptionCertificate and encryptionCertificateId come together.",
                ));
            }
        };
        let recipient = STANDARD.decode(text.trim()).ok();
        let recipient = recipient.and_then(|der| Recipient::from_certificate(&der).ok());
        let recipient = recipient
            .ok_or_else(|| invalid("Certificate validation error: encryptionCertificate."))?;
        Ok(Some(Self { text, id, recipient }))
    }
}

/// The wanted end of a subscription.
pub(super) fn expiration(body: &Value) -> Result<Timestamp, Denied> {
    let text = needed(body, "expirationDateTime")?;
    text.parse().map_err(|_| invalid("expirationDateTime is not a valid date and time."))
}

/// An address that notifications may be sent to. Whether it is in the sandbox's reach is the courier's to say.
fn address(text: &str, rules: &Rules) -> Result<String, Denied> {
    let refused = |why: &str| {
        Denied::new(
            StatusCode::BAD_REQUEST,
            "ValidationError",
            format!("Subscription validation request failed. {why}"),
        )
    };
    let url = Url::parse(text).map_err(|_| refused("The notification URL is not valid."))?;
    let is_secure = url.scheme() == "https";
    if !is_secure && (rules.https_only || url.scheme() != "http") {
        return Err(refused("The notification URL must be https."));
    }
    Ok(text.to_owned())
}

/// A text that may be missing.
fn optional(body: &Value, name: &str) -> Result<Option<String>, Denied> {
    match given(body, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(invalid(&format!("The property '{name}' is not valid."))),
    }
}

fn needed(body: &Value, name: &str) -> Result<String, Denied> {
    let text = optional(body, name)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| invalid(&format!("The property '{name}' is required.")))
}

fn limited(body: &Value, name: &str) -> Result<Option<String>, Denied> {
    match optional(body, name)? {
        Some(text) if text.chars().count() > LONGEST => Err(invalid(&format!(
            "The property '{name}' has a maximum length of {LONGEST} characters."
        ))),
        text => Ok(text),
    }
}
