//! What commands on an account's own things have in common.

use evergrant::capability::{Calendars, Mail, Meetings, Moment, MomentError, Once, Zone};
use evergrant::{Api, CallError, Gateway, IntegrationId};
use jiff::Timestamp;

use crate::compose::Parts;
use crate::output::UsageError;
use crate::settings::Settings;

/// An integration opened for calls.
pub(super) struct Live {
    parts: Parts,
    pub(super) api: Api,
}

impl Live {
    pub(super) async fn open(settings: Settings, id: IntegrationId) -> anyhow::Result<Self> {
        let parts = Parts::of(settings).await?;
        let owner = parts.owner_of(id).await?;
        let api = Gateway::new(parts.vault.clone()).open(owner, id).await?;
        Ok(Self { parts, api })
    }

    pub(super) fn calendars(&self) -> Result<&dyn Calendars, CallError> {
        self.offered(self.api.provider().calendars(), "calendar")
    }

    pub(super) fn mail(&self) -> Result<&dyn Mail, CallError> {
        self.offered(self.api.provider().mail(), "mailbox")
    }

    pub(super) fn meetings(&self) -> Result<&dyn Meetings, CallError> {
        self.offered(self.api.provider().meetings(), "online meetings")
    }

    fn offered<T>(&self, found: Option<T>, capability: &'static str) -> Result<T, CallError> {
        let provider = || self.api.manifest().label.clone();
        found.ok_or_else(|| CallError::NotOffered { provider: provider(), capability })
    }

    /// The effect that `key` names, or one that nobody will ask for again.
    pub(super) fn once(&self, purpose: &str, key: Option<&str>) -> Once {
        match key {
            Some(key) => Once::from_key(self.api.integration(), purpose, key),
            None => Once::random(&*self.parts.entropy),
        }
    }

    pub(super) async fn finish(self) {
        self.parts.finish().await;
    }
}

/// An instant that an option named.
pub(super) fn instant(
    option: &str,
    moment: Moment,
    read: impl FnOnce(&Moment, Option<&Zone>) -> Result<Timestamp, MomentError>,
    zone: Option<&Zone>,
) -> Result<Timestamp, UsageError> {
    read(&moment, zone).map_err(|error| match error {
        MomentError::ZoneMissing => {
            UsageError(format!("{option} has no offset; add one, or name the zone in --time-zone"))
        }
        error => UsageError(format!("{option}: {error}")),
    })
}
