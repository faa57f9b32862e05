//! What the section `sync` means: for the syncer, and for providers that send word.

use std::time::Duration;

use anyhow::ensure;
use evergrant::SyncSettings;
use evergrant::capability::BodyFormat;
use url::Url;

use super::sections::{Bodies, Notify, Sync};
use super::{Settings, is_loopback};
use crate::output::OperatorError;

/// More often than that is a denial of service, not a copy.
const SHORTEST_SECONDS: u32 = 10;
/// Providers expand a series over no longer span: what goes beyond is refused.
const LONGEST_DAYS: u16 = 1_800;

impl Sync {
    /// What no copy could be made with.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        for (name, seconds) in [
            ("interval_seconds", self.interval_seconds),
            ("notified_interval_seconds", self.notified_interval_seconds),
        ] {
            ensure!(
                seconds >= SHORTEST_SECONDS,
                "sync.{name} must be at least {SHORTEST_SECONDS} seconds"
            );
        }
        for (name, count) in [
            ("events", self.events),
            ("messages", self.messages),
            ("concurrency", self.concurrency.into()),
        ] {
            ensure!(count > 0, "sync.{name} must be at least 1");
        }
        let days = u32::from(self.days_back) + u32::from(self.days_ahead);
        ensure!(
            days <= LONGEST_DAYS.into(),
            "sync.days_back and sync.days_ahead together must be at most {LONGEST_DAYS} days"
        );
        Ok(())
    }

    /// What the syncer goes by.
    pub(crate) fn settings(&self) -> SyncSettings {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let limited = |count: u32| (!self.unlimited).then_some(count);
        SyncSettings {
            every: seconds(self.interval_seconds),
            every_notified: seconds(self.notified_interval_seconds),
            days_back: self.days_back,
            days_ahead: self.days_ahead,
            events: limited(self.events),
            messages: limited(self.messages),
            bodies: match self.bodies {
                Bodies::None => None,
                Bodies::Text => Some(BodyFormat::Text),
                Bodies::Html => Some(BodyFormat::Html),
            },
            at_once: self.concurrency.into(),
        }
    }
}

impl Settings {
    /// Whether providers are asked to send word of changes.
    pub(crate) fn asks_for_word(&self) -> bool {
        match self.sync.notifications {
            Notify::Off => false,
            Notify::On => true,
            // An address that nobody gave, or that is in the clear, is no address for a provider.
            Notify::Auto => {
                self.server.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
            }
        }
    }

    /// Where providers send word of changes, if they are asked to: `public_url` is where callers reach
    /// this server, be it given by the operator or not.
    pub(crate) fn notification_url(&self, public_url: &Url) -> anyhow::Result<Option<Url>> {
        let secure = public_url.scheme() == "https";
        let wanted = match self.sync.notifications {
            Notify::Off | Notify::Auto => self.asks_for_word(),
            Notify::On if secure || is_loopback(public_url) => true,
            Notify::On => {
                return Err(OperatorError(format!(
                    "sync.notifications is on, and providers send word to https:// alone; give \
                     EVERGRANT_SERVER_PUBLIC_URL such an address in place of {public_url}"
                ))
                .into());
            }
        };
        let mut base = public_url.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", public_url.path()));
        }
        Ok(if wanted { Some(base.join("api/notifications/")?) } else { None })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let variables: BTreeMap<_, _> =
            variables.iter().map(|&(n, v)| (format!("EVERGRANT_{n}"), v.to_owned())).collect();
        Settings::from_parts("", &variables)
    }

    #[test]
    fn the_defaults_are_the_librarys() {
        assert_eq!(read(&[]).unwrap().sync.settings(), SyncSettings::default());
    }

    #[test]
    fn numbers_and_truth_values_come_from_variables() {
        let all = [
            ("SYNC_ENABLED", "false"),
            ("SYNC_INTERVAL_SECONDS", "60"),
            ("SYNC_DAYS_AHEAD", "365"),
            ("SYNC_MESSAGES", "7"),
            ("SYNC_BODIES", "html"),
            ("SYNC_CONCURRENCY", "2"),
        ];
        let sync = read(&all).unwrap().sync;
        let settings = sync.settings();
        assert!(!sync.enabled);
        assert_eq!((settings.every.as_secs(), settings.days_ahead), (60, 365));
        assert_eq!((settings.messages, settings.events), (Some(7), Some(100)));
        assert_eq!((settings.bodies, settings.at_once), (Some(BodyFormat::Html), 2));
        let settings = read(&[("SYNC_UNLIMITED", "true")]).unwrap().sync.settings();
        assert_eq!((settings.messages, settings.events), (None, None));
        let file = "[sync]\nunlimited = true\ndays_back = 7\nbodies = \"text\"";
        let settings = Settings::from_parts(file, &BTreeMap::new()).unwrap().sync.settings();
        assert_eq!((settings.messages, settings.days_back), (None, 7));
    }

    #[test]
    fn what_no_copy_could_be_made_with_is_refused_by_name() {
        for (variable, wrong) in [
            ("SYNC_ENABLED", "perhaps"),
            ("SYNC_INTERVAL_SECONDS", "0"),
            ("SYNC_NOTIFIED_INTERVAL_SECONDS", "9"),
            ("SYNC_MESSAGES", "0"),
            ("SYNC_EVENTS", "-1"),
            ("SYNC_CONCURRENCY", "0"),
            ("SYNC_DAYS_BACK", "1799"),
            ("SYNC_BODIES", "markdown"),
            ("SYNC_NOTIFICATIONS", "sometimes"),
        ] {
            let error = format!("{:#}", read(&[(variable, wrong)]).unwrap_err());
            let setting = variable.to_lowercase().replacen('_', ".", 1);
            assert!(error.contains(variable) || error.contains(&setting), "{variable}: {error}");
        }
    }

    #[test]
    fn providers_send_word_to_an_address_that_the_operator_gave() {
        let url = |notifications: &str, public: Option<&str>| {
            let mut variables = vec![("SYNC_NOTIFICATIONS", notifications)];
            variables.extend(public.map(|url| ("SERVER_PUBLIC_URL", url)));
            let settings = read(&variables).unwrap();
            let public_url = settings.public_url("127.0.0.1:8400".parse().unwrap()).unwrap();
            let url = settings.notification_url(&public_url);
            url.map(|url| url.map(String::from)).map_err(|error| error.to_string())
        };
        let there = |url: &str| Ok(Some(url.to_owned()));
        assert_eq!(url("auto", None), Ok(None));
        assert_eq!(url("auto", Some("http://grants.example")), Ok(None));
        let public = "https://grants.example/api/notifications/";
        assert_eq!(url("auto", Some("https://grants.example")), there(public));
        let below = "https://example.com/grants/api/notifications/";
        assert_eq!(url("auto", Some("https://example.com/grants")), there(below));
        assert_eq!(url("off", Some("https://grants.example")), Ok(None));
        assert_eq!(url("on", None), there("http://localhost:8400/api/notifications/"));
        let error = url("on", Some("http://grants.example")).unwrap_err();
        assert!(error.contains("EVERGRANT_SERVER_PUBLIC_URL"), "{error}");
    }
}
