//! Change notifications: asking Graph for word, and reading what comes (contract, section 8).
//!
//! Everything that comes is only a hint, also where it carries what changed: that was asked for so that
//! it can be proven, is opened to see that it is what it says, and dropped.

mod certificate;
mod read;
mod senders;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::clock::later;
use evergrant::feed::FeedKind;
use evergrant::integration::Account;
use evergrant::notification::{
    IsKnown, NotWord, Notifications, Renewed, Subscribe, Subscribed, Word,
};
use evergrant::provider::Actor;
use evergrant::{Api, CallError, Denial, Transport};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Settings;
use super::graph::words::{Kind, Row};
use super::graph::{self, Call, list};
use super::identity::Identity;
use crate::SettingsError;
use certificate::Certificate;

const SUBSCRIPTIONS: &str = "/subscriptions";
/// How long a subscription lives: 10,080 minutes at most (contract, section 8.1), less what clocks may
/// differ by.
const LIFE: Duration = Duration::from_hours(7 * 24 - 1);
/// The same where notifications carry what changed: 1,440 minutes at most.
const RICH_LIFE: Duration = Duration::from_hours(23);
/// The tenant of personal accounts. Notifications name another one for them.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// What refusals of subscriptions mean; their codes vary (contract, sections 8.1 and 8.2).
const REFUSALS: &[Row] = &[
    Row {
        statuses: &[404],
        codes: &[],
        kind: Kind::NotFound,
        code: "item_not_found",
        actor: Actor::Nobody,
        message: "There is no such subscription, or no longer.",
        remedy: "",
    },
    Row {
        statuses: &[403],
        codes: &[],
        kind: Kind::Access,
        code: "forbidden",
        actor: Actor::Administrator,
        message: "The organisation does not allow to be told of changes, or the mailbox has too many subscriptions.",
        remedy: "Ask the organisation's administrator for access.",
    },
];

/// Asks for word in all mailboxes of a registration, and reads it.
pub(super) struct Notifier {
    identity: Arc<Identity>,
    /// For notifications that carry what changed.
    certificate: Option<Certificate>,
}

impl Notifier {
    pub(super) fn new(identity: Arc<Identity>, settings: &Settings) -> Result<Self, SettingsError> {
        let given = (&settings.notification_certificate, &settings.notification_certificate_key);
        let named = |name: &str, problem| SettingsError::new(format!("microsoft.{name}"), problem);
        let missing = "is missing; a certificate and its key come together";
        let certificate = match given {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(
                Certificate::parse(certificate, key)
                    .map_err(|problem| named("notification_certificate", problem))?,
            ),
            (Some(_), None) => return Err(named("notification_certificate_key", missing)),
            (None, Some(_)) => return Err(named("notification_certificate", missing)),
        };
        Ok(Self { identity, certificate })
    }

    async fn create(&self, api: &Api, ask: &Subscribe<'_>) -> Result<Subscribed, CallError> {
        let mut body = json!({
            "changeType": "created,updated,deleted",
            "notificationUrl": ask.url,
            // The same address: what comes there says itself what it is.
            "lifecycleNotificationUrl": ask.url,
            "resource": resource(ask.feed),
            "expirationDateTime": self.end(api.now()),
            "clientState": ask.state.expose(),
        });
        if let Some(certificate) = &self.certificate {
            // No more than what proves which item it is.
            body["resource"] = format!("{}?$select=id,changeKey", resource(ask.feed)).into();
            body["includeResourceData"] = true.into();
            certificate.put_into(&mut body);
        }
        let call = Call::post(api, needs(ask.feed), SUBSCRIPTIONS);
        let made = found(call.explained_by(REFUSALS).json(&body).read().await?)?;
        Ok(Subscribed { id: made.id, expires_at: made.expiration_date_time })
    }

    /// Ends what is left of earlier subscriptions of this feed, whose ids were lost: the provider had
    /// made them, and its answer did not arrive, or we died before it was stored. How many there were.
    async fn end_lost(&self, api: &Api, ask: &Subscribe<'_>) -> Result<usize, CallError> {
        let call = || Call::get(api, needs(ask.feed), SUBSCRIPTIONS).explained_by(REFUSALS);
        let all: Vec<Found> = list::all(call).await?;
        let lost = all.iter().filter(|found| {
            found.notification_url.as_deref().is_some_and(|url| url.starts_with(ask.ours))
        });
        let mut ended = 0;
        for found in lost {
            self.unsubscribe(api, &found.id).await?;
            ended += 1;
        }
        Ok(ended)
    }

    /// When a subscription ends that is made or renewed now.
    fn end(&self, now: Timestamp) -> String {
        let life = if self.certificate.is_some() { RICH_LIFE } else { LIFE };
        format!("{:.0}", later(now, life))
    }
}

#[async_trait]
impl Notifications for Notifier {
    async fn subscribe(&self, api: &Api, ask: &Subscribe<'_>) -> Result<Subscribed, CallError> {
        let refused = match self.create(api, ask).await {
            Err(refused @ CallError::Denied { denial: Denial::Conflict, .. }) => refused,
            done => return done,
        };
        // There is one of the same registration, mailbox and resource already (contract, section 8.1).
        // One that nobody here knows any more is replaced; another user's is left alone.
        match self.end_lost(api, ask).await? {
            0 => Err(refused),
            ended => {
                let id = api.integration();
                tracing::info!(%id, feed = %ask.feed, ended, "subscriptions that nobody knew were ended");
                self.create(api, ask).await
            }
        }
    }

    /// `PATCH` says that the account's access lives, too; `reauthorize` beside it would be refused
    /// (contract, section 8.1). The answer is the whole subscription, with its address.
    async fn renew(&self, api: &Api, id: &str, ours: &str) -> Result<Renewed, CallError> {
        let mut body = json!({ "expirationDateTime": self.end(api.now()) });
        if let Some(certificate) = &self.certificate {
            certificate.put_into(&mut body);
        }
        let call = Call::patch(api, &[], format!("{SUBSCRIPTIONS}/{}", graph::id(id)?));
        let renewed = found(call.explained_by(REFUSALS).json(&body).read().await?)?;
        Ok(match renewed.notification_url {
            Some(url) if !url.starts_with(ours) => Renewed::Elsewhere,
            _ => Renewed::Until(renewed.expiration_date_time),
        })
    }

    async fn unsubscribe(&self, api: &Api, id: &str) -> Result<(), CallError> {
        let call = Call::delete(api, &[], format!("{SUBSCRIPTIONS}/{}", graph::id(id)?));
        match call.explained_by(REFUSALS).send().await {
            Ok(_) | Err(CallError::Denied { denial: Denial::ItemNotFound, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn tenant<'a>(&self, account: &'a Account) -> Option<&'a str> {
        let (tenant, _) = account.id.split_once('.')?;
        (tenant != PERSONAL).then_some(tenant)
    }

    async fn read(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        query: Option<&str>,
        body: &Bytes,
        is_known: &IsKnown<'_>,
    ) -> Result<Word, NotWord> {
        match read::handshake(query)? {
            Some(text) => Ok(Word::Handshake(text)),
            None => Ok(Word::Notes(self.notes(http, now, body, is_known).await?)),
        }
    }
}

fn resource(feed: FeedKind) -> &'static str {
    match feed {
        FeedKind::Calendar => "me/events",
        FeedKind::Email => "me/messages",
    }
}

/// What reading the resource takes (contract, section 9).
fn needs(feed: FeedKind) -> &'static [&'static str] {
    match feed {
        FeedKind::Calendar => &["Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite"],
        FeedKind::Email => &["Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite"],
    }
}

/// A subscription, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    id: String,
    notification_url: Option<String>,
    expiration_date_time: Timestamp,
}

fn found(answer: Value) -> Result<Found, CallError> {
    serde_json::from_value(answer).map_err(|error| graph::unreadable(&error))
}
