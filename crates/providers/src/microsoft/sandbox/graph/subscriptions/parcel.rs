//! What is sent to subscribers (contract, 8.3 and 8.4), item by item.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::resource::{Named, What};
use super::store::Subscription;
use crate::microsoft::sandbox::world::TENANT_ID;

/// One item that is on its way.
#[derive(Debug, Clone)]
pub(super) struct Parcel {
    pub(super) subscription: String,
    pub(super) letter: Letter,
    /// When it was put on its way, and when it is tried next.
    pub(super) since: Timestamp,
    pub(super) due: Timestamp,
    pub(super) tries: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Letter {
    /// Something has changed.
    Change(Change),
    /// Something is the matter with the subscription, which may be gone when it is told.
    Lifecycle { to: String, item: Value },
}

/// What has changed, and how.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// `created`, `updated` or `deleted`.
    pub(super) kind: &'static str,
    pub(super) oid: &'static str,
    pub(super) what: What,
    pub(super) named: Named,
    /// The resource's data, for those who asked for it.
    pub(super) data: Option<Value>,
}

impl Parcel {
    pub(super) fn new(subscription: &str, letter: Letter, now: Timestamp) -> Self {
        let subscription = subscription.to_owned();
        Self { subscription, letter, since: now, due: now, tries: 0 }
    }

    /// A lifecycle notification about a subscription, if it has an address for them.
    pub(super) fn lifecycle(one: &Subscription, event: &str, now: Timestamp) -> Option<Self> {
        let to = one.terms.lifecycle_url.clone()?;
        let item = json!({
            "subscriptionId": one.id,
            "subscriptionExpirationDateTime": one.expires.strftime("%Y-%m-%dT%H:%M:%S.0000000Z").to_string(),
            "tenantId": TENANT_ID,
            "clientState": one.terms.client_state,
            "lifecycleEvent": event,
        });
        Some(Self::new(&one.id, Letter::Lifecycle { to, item }, now))
    }
}

impl Change {
    /// The item of a notification; the data, if there is any, is added to it.
    pub(super) fn item(&self, one: &Subscription) -> Value {
        let (oid, id, name) = (self.oid, &self.named.id, self.what.name());
        let lower = name.to_lowercase();
        let singular = |name: &str| name.trim_end_matches('s').to_owned();
        let (resource, kind) = if one.terms.with_data == Some(true) {
            (
                format!("Users('{oid}')/{lower}('{id}')"),
                format!("#microsoft.graph.{}", singular(&lower)),
            )
        } else {
            (format!("Users/{oid}/{name}/{id}"), format!("#Microsoft.Graph.{}", singular(name)))
        };
        json!({
            "subscriptionId": one.id,
            "subscriptionExpirationDateTime": one.expires.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
            "changeType": self.kind,
            "resource": resource,
            "resourceData": {
                "@odata.type": kind,
                "@odata.id": resource,
                "@odata.etag": self.named.etag,
                "id": id,
            },
            "clientState": one.terms.client_state,
            "tenantId": TENANT_ID,
        })
    }
}
