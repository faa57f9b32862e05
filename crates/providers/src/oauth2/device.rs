//! Signing in on another device (RFC 8628).

use std::time::Duration;

use evergrant::provider::{AuthError, DeviceAsk};
use evergrant::{Secret, Transport};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::{Client, Endpoint, Form, unreadable};

/// Between two questions, where the server does not say (section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);
/// The longest a code is believed to work.
const LONGEST_LIFE: Duration = Duration::from_hours(1);

impl Client {
    /// Begins a sign-in on another device.
    pub(crate) async fn ask_device(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        to: Endpoint<'_>,
        form: &Form<'_>,
    ) -> Result<DeviceAsk, AuthError> {
        let answer = self.ask(http, now, to, form).await?;
        read(&answer).ok_or_else(|| unreadable(StatusCode::OK, None))
    }
}

fn read(answer: &Value) -> Option<DeviceAsk> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    let page = |name: &str| {
        // A page that is opened for the user: nothing but a web page.
        text(name)?.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "https" | "http"))
    };
    let seconds = |name: &str| {
        let value = answer.get(name)?;
        let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
        (seconds > 0).then(|| Duration::from_secs(seconds).min(LONGEST_LIFE))
    };
    Some(DeviceAsk {
        device_code: Secret::from(text("device_code")?),
        user_code: text("user_code")?.to_owned(),
        // Some servers keep the name of an early draft.
        verification_uri: page("verification_uri").or_else(|| page("verification_url"))?,
        verification_uri_complete: page("verification_uri_complete"),
        life: seconds("expires_in")?,
        interval: seconds("interval").unwrap_or(INTERVAL),
    })
}
