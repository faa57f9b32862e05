//! The subscriptions there are, and what is on its way to their owners.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use evergrant::clock::later;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::parcel::Parcel;
use super::resource::{Sight, Watch};
use super::standing::Standing;
use super::terms::Terms;
use crate::microsoft::sandbox::mailbox::seconds;

/// How close to each other the two ways to renew a subscription must not come (contract, 8.1).
const APART: Duration = Duration::from_mins(10);

/// A subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) id: String,
    /// The registration that made it.
    pub(super) application: String,
    /// The object id of the user, or of the application on its own behalf.
    pub(super) creator: String,
    pub(super) terms: Terms,
    pub(super) watch: Watch,
    pub(super) expires: Timestamp,
    pub(super) standing: Standing,
    /// What the resource held at the last look.
    pub(super) sight: Sight,
    /// When its owner was last reminded.
    pub(super) reminded: Option<Timestamp>,
    /// When it was last renewed and when reauthorized.
    renewed: Option<Timestamp>,
    reauthorized: Option<Timestamp>,
    /// How often one of them came too soon after the other.
    too_close: u32,
}

/// The subscriptions, and whoever delivers notifications.
#[derive(Debug, Default)]
pub(in super::super::super) struct Mailroom {
    pub(super) book: Mutex<Subscriptions>,
    /// Held during a round of deliveries.
    pub(super) round: tokio::sync::Mutex<()>,
    /// Wakes whoever delivers in the background.
    pub(super) wake: Notify,
}

/// All subscriptions, how notifications are sent, and those that are.
#[derive(Debug, Default)]
pub(in super::super::super) struct Subscriptions {
    pub(super) all: Vec<Subscription>,
    pub(super) rules: Rules,
    pub(super) tricks: Tricks,
    /// What is to be delivered, in the order it happened.
    pub(super) queue: VecDeque<Parcel>,
    /// The deliveries that the last flush has told of.
    pub(super) told: u64,
    /// Whether somebody delivers in the background.
    pub(super) busy: bool,
}

/// How notifications are sent; what is left out is as at first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rules {
    /// Nothing is delivered but by `flush`.
    pub(super) hold: bool,
    /// Addresses must be `https`, as at the real service.
    pub(super) https_only: bool,
    /// The version of validation tokens.
    pub(super) validation_tokens: TokenVersion,
    /// How long a lapsed token still covers a subscription.
    pub(super) grace_seconds: u64,
    /// The most subscriptions of a mailbox, over all applications.
    pub(super) per_mailbox: usize,
}

/// The version of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TokenVersion {
    V1,
    V2,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            hold: false,
            https_only: false,
            validation_tokens: TokenVersion::V1,
            grace_seconds: 15 * 60,
            per_mailbox: 1000,
        }
    }
}

impl Rules {
    pub(super) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_seconds)
    }
}

/// What shall go wrong with the next notifications.
#[derive(Debug, Default)]
pub(super) struct Tricks {
    pub(super) lose: u32,
    pub(super) double: u32,
    /// How many are late, and how late.
    pub(super) delay: (u32, Duration),
    /// The next round is delivered backwards.
    pub(super) reorder: bool,
}

impl Subscriptions {
    /// Whether there is nothing to do, now or later.
    pub(super) fn is_idle(&self) -> bool {
        self.all.is_empty() && self.queue.is_empty()
    }

    /// The subscription with this id.
    pub(super) fn get(&self, id: &str) -> Option<&Subscription> {
        self.all.iter().find(|one| one.id == id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Subscription> {
        self.all.iter_mut().find(|one| one.id == id)
    }

    /// Takes a subscription out with everything that was on its way because of it.
    pub(super) fn remove(&mut self, id: &str) -> Option<Subscription> {
        let at = self.all.iter().position(|one| one.id == id)?;
        self.queue.retain(|parcel| parcel.subscription != id);
        Some(self.all.remove(at))
    }

    /// Takes out what has come to its end.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let ended = self.all.iter().filter(|one| one.expires <= now).map(|one| one.id.clone());
        for id in ended.collect::<Vec<_>>() {
            self.remove(&id);
        }
    }

    /// Makes everything new; who is busy stays so until there is nothing left to do.
    pub(in super::super::super) fn reset(&mut self) {
        *self = Self { busy: self.busy, ..Self::default() };
    }

    /// Puts a notification on its way, if nothing is to go wrong with it. Whether it got lost comes back.
    pub(super) fn send(&mut self, parcel: Parcel, now: Timestamp) -> bool {
        if take(&mut self.tricks.lose) {
            return false;
        }
        let late = take(&mut self.tricks.delay.0).then_some(self.tricks.delay.1);
        let parcel = Parcel { due: later(now, late.unwrap_or_default()), ..parcel };
        if take(&mut self.tricks.double) {
            self.queue.push_back(parcel.clone());
        }
        self.queue.push_back(parcel);
        true
    }
}

/// Uses up one of a number of times.
fn take(times: &mut u32) -> bool {
    let left = *times > 0;
    *times = times.saturating_sub(1);
    left
}

impl Subscription {
    pub(super) fn new(id: String, draft: super::Draft, sight: Sight) -> Self {
        Self {
            id,
            application: draft.application,
            creator: draft.creator,
            terms: draft.terms,
            watch: draft.watch,
            expires: draft.expires,
            standing: draft.standing,
            sight,
            reminded: None,
            renewed: None,
            reauthorized: None,
            too_close: 0,
        }
    }

    /// Notes that a token covers it anew, by which of the two ways.
    pub(super) fn cover(&mut self, standing: Standing, renewed: bool, now: Timestamp) {
        self.standing = standing;
        self.reminded = None;
        let other = if renewed { self.reauthorized } else { self.renewed };
        self.too_close += u32::from(other.is_some_and(|other| now < later(other, APART)));
        if renewed {
            self.renewed = Some(now);
        } else {
            self.reauthorized = Some(now);
        }
    }

    /// The subscription as its owner sees it.
    pub(super) fn show(&self) -> Value {
        let terms = &self.terms;
        let certificate = terms.certificate.as_ref();
        json!({
            "id": self.id,
            "resource": terms.resource,
            "applicationId": self.application,
            "changeType": terms.change_type,
            "clientState": terms.client_state,
            "notificationUrl": terms.notification_url,
            "notificationQueryOptions": null,
            "lifecycleNotificationUrl": terms.lifecycle_url,
            "expirationDateTime": seconds(self.expires),
            "creatorId": self.creator,
            "includeResourceData": terms.with_data,
            "latestSupportedTlsVersion": terms.tls,
            "encryptionCertificate": certificate.map(|one| &one.text),
            "encryptionCertificateId": certificate.map(|one| &one.id),
            "notificationUrlAppId": null,
        })
    }

    /// The same for the person who directs the play: nothing secret, and how it stands.
    pub(super) fn shown(&self, is_covered: bool) -> Value {
        let without_query = |url: &str| url.split('?').next().unwrap_or_default().to_owned();
        json!({
            "id": self.id,
            "application": self.application,
            "creator": self.creator,
            "resource": self.terms.resource,
            "change_type": self.terms.change_type,
            "to": without_query(&self.terms.notification_url),
            "lifecycle_to": self.terms.lifecycle_url.as_deref().map(without_query),
            "expires": self.expires,
            "immutable_ids": self.terms.immutable_ids,
            "with_data": self.terms.with_data.unwrap_or_default(),
            "filtered": self.watch.filter().is_some(),
            "covered": is_covered,
            "renewals_too_close": self.too_close,
        })
    }
}
