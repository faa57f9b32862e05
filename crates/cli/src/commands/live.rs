//! What commands on an account's own things have in common.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::capability::{
    Calendars, Mail, Markets, Meetings, Moment, MomentError, Once, Trading, Zone,
};
use evergrant::{Api, CallError, Gateway, IntegrationId};
use jiff::Timestamp;
use serde::Serialize;

use crate::compose::Parts;
use crate::output::UsageError;
use crate::settings::Settings;

/// An integration opened for calls.
pub(super) struct Live {
    pub(super) parts: Parts,
    pub(super) api: Api,
}

impl Live {
    pub(super) async fn open(settings: Settings, id: IntegrationId) -> anyhow::Result<Self> {
        let parts = Parts::of(settings).await?;
        let owner = parts.owner_of(id).await?;
        let api = Gateway::new(parts.vault.clone()).open(owner, id).await?;
        Ok(Self { parts, api })
    }

    /// The same within one of the accounts that the provider keeps for its user, if one is named.
    pub(super) fn within(self, account: Option<&str>) -> Self {
        match account {
            Some(account) => Self { api: self.api.within(account), ..self },
            None => self,
        }
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

    pub(super) fn markets(&self) -> Result<&dyn Markets, CallError> {
        self.offered(self.api.provider().markets(), "markets")
    }

    pub(super) fn trading(&self) -> Result<&dyn Trading, CallError> {
        self.offered(self.api.provider().trading(), "trading")
    }

    fn offered<T>(&self, found: Option<T>, capability: &'static str) -> Result<T, CallError> {
        let provider = || self.api.manifest().label.clone();
        found.ok_or_else(|| CallError::NotOffered { provider: provider(), capability })
    }

    /// The effect that `key` and everything that was typed with it name, or one that nobody will ask
    /// for again.
    pub(super) fn once(&self, purpose: &str, key: Option<&str>, exact: Exact) -> Once {
        match key {
            Some(key) => Once::from_key(
                self.api.integration(),
                purpose,
                &format!("{key}\n{}", exact.digest()),
            ),
            None => self.anew(),
        }
    }

    /// An effect that nobody will ask for again.
    pub(super) fn anew(&self) -> Once {
        Once::random(&*self.parts.entropy)
    }

    pub(super) async fn finish(self) {
        self.parts.finish().await;
    }
}

/// Everything that makes a command this one: the same key with anything else is another effect.
pub(super) struct Exact(Context);

impl Exact {
    /// The arguments, but for those that name the effect or lead to files.
    pub(super) fn of(args: &impl Serialize) -> anyhow::Result<Self> {
        let mut exact = Self(Context::new(&SHA256));
        exact.add(&serde_json::to_vec(args)?);
        Ok(exact)
    }

    /// What a file or stdin had.
    pub(super) fn add(&mut self, part: &[u8]) {
        // Its length first: where one part ends and the next begins counts, too.
        self.0.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(part);
    }

    pub(super) fn digest(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.finish())
    }
}

/// A time as it is typed.
pub(super) fn time(text: &str) -> Result<Moment, String> {
    text.parse().map_err(|error: MomentError| typed(&error.to_string()))
}

/// Words about a request, as words about a command.
fn typed(text: &str) -> String {
    text.replace("`time_zone`", "--time-zone")
}

/// An error that names a part of a request, with the option it was typed in: `options` has the parts'
/// JSON pointers and options, the longer ones first.
pub(super) fn named(error: anyhow::Error, options: &[(&str, &str)]) -> anyhow::Error {
    let Some(CallError::Invalid { pointer, problem }) = error.downcast_ref() else { return error };
    match options.iter().find(|(part, _)| pointer.starts_with(part)) {
        Some((_, option)) => UsageError(format!("{option} {}", typed(problem))).into(),
        None => error,
    }
}

/// An instant that an option named.
pub(super) fn instant(
    option: &str,
    moment: Moment,
    read: impl FnOnce(&Moment, Option<&Zone>) -> Result<Timestamp, MomentError>,
    zone: Option<&Zone>,
) -> Result<Timestamp, UsageError> {
    read(&moment, zone)
        .map_err(|error| UsageError(format!("{option} {}", typed(&error.to_string()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_part_ends_and_the_next_begins_counts() {
        let of = |parts: &[&[u8]]| {
            let mut exact = Exact::of(&"send").unwrap();
            for part in parts {
                exact.add(part);
            }
            exact.digest()
        };
        assert_eq!(of(&[b"ab", b"c"]), of(&[b"ab", b"c"]));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"ab"]), of(&[b"ab", b""]));
    }

    #[test]
    fn what_a_provider_says_of_a_part_is_said_of_its_option() {
        let said = |pointer: &str| {
            let problem = "has no offset; add one, or name the zone in `time_zone`".to_owned();
            let error = CallError::Invalid { pointer: pointer.to_owned(), problem };
            named(error.into(), &[("/start_time", "--start")]).to_string()
        };
        let expected = "--start has no offset; add one, or name the zone in --time-zone";
        assert_eq!(said("/start_time"), expected);
        assert!(said("/other").starts_with("/other: "), "{}", said("/other"));
        assert!(time("yesterday").unwrap_err().contains("with --time-zone"));
    }
}
