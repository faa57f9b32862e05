//! The table and its bounds, as a recorder is told of them.

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};

use super::{LONGEST, MOST, OTHER, Outcome, TABLE};
use crate::feed::FeedKind;
use crate::provider::{ProviderKey, Verdict};
use crate::{IntegrationId, SystemClock, SystemEntropy, UserId};

/// Notes what is registered and told.
#[derive(Default)]
struct Notes {
    keys: std::sync::Mutex<Vec<Key>>,
    described: std::sync::Mutex<Vec<String>>,
}

impl Notes {
    fn note(&self, key: &Key) {
        self.keys.lock().unwrap().push(key.clone());
    }

    fn told(&self, name: &KeyName) {
        self.described.lock().unwrap().push(name.as_str().to_owned());
    }
}

impl metrics::Recorder for Notes {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.told(&name);
    }
    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.told(&name);
    }
    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.told(&name);
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.note(key);
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.note(key);
        Gauge::noop()
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.note(key);
        Histogram::noop()
    }
}

/// Measures everything there is, once.
fn everything(provider: &ProviderKey, name: &str) {
    super::refreshed(provider, Outcome::Refreshed, Duration::ZERO);
    super::Handouts::of(provider).count(Duration::ZERO);
    super::waited(provider, Duration::ZERO);
    super::called(provider, Some(&Verdict::Accepted));
    super::called(provider, None);
    super::spool_depth(1);
    super::outbox_depth(1);
    super::days_left(name, name, 1.0);
    super::suspended(name, true);
    super::budget_waited(name);
    super::budget_waiting("background", 1.0);
    super::budget_wait("background", Duration::ZERO);
    super::paused(provider);
    super::repeated(provider, "throttled");
    super::notified(provider, "taken", 1);
    super::synced(FeedKind::Email, "done");
    super::copied(FeedKind::Email, "added", 1);
    super::integrations(provider, "active", 1);
    super::database_up(true);
}

#[test]
fn labels_are_bounded_and_every_line_of_the_table_is_measured() {
    let notes = Arc::new(Notes::default());
    let (clock, entropy) = (SystemClock::default(), SystemEntropy::default());
    metrics::with_local_recorder(&notes, || {
        super::describe(TABLE);
        everything(&ProviderKey::from("acme_calendar"), "acme");
        // Whatever somebody mistakes for a label: ids, addresses, and no end of names.
        for _ in 0..MOST {
            let (user, integration) =
                (UserId::new(&clock, &entropy), IntegrationId::new(&clock, &entropy));
            everything(&user.to_string().as_str().into(), &user.to_string());
            everything(&integration.to_string().as_str().into(), &integration.to_string());
        }
        for number in 0..3 * MOST {
            let name = format!("made_up_{number}");
            everything(&name.as_str().into(), &name);
        }
        everything(&"adele@acme.test".into(), "adele@acme.test");
    });
    let keys = notes.keys.lock().unwrap();
    let mut values = std::collections::BTreeMap::<_, std::collections::BTreeSet<_>>::new();
    for key in keys.iter() {
        let row = TABLE.iter().find(|metric| metric.name == key.name());
        let row = row.unwrap_or_else(|| panic!("{} is not in the table", key.name()));
        let labels: Vec<_> = key.labels().map(metrics::Label::key).collect();
        assert_eq!(labels, row.labels, "{}", row.name);
        for label in key.labels() {
            let value = label.value();
            assert!(value.len() <= LONGEST && !value.contains('@'), "{value}");
            assert!(!value.starts_with("int_"), "{value}");
            values.entry(label.key().to_owned()).or_default().insert(value.to_owned());
        }
    }
    for (label, values) in values {
        assert!(values.len() <= MOST + 1, "{label}: {}", values.len());
        let open = ["provider", "registration", "credential", "budget"].contains(&label.as_str());
        assert_eq!(open, values.contains(OTHER), "{label}: {values:?}");
    }
    let described = notes.described.lock().unwrap();
    for metric in TABLE {
        assert!(keys.iter().any(|key| key.name() == metric.name), "{} is unused", metric.name);
        assert!(described.iter().any(|name| name == metric.name), "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        for label in metric.labels {
            assert!(
                [
                    "provider",
                    "outcome",
                    "verdict",
                    "registration",
                    "credential",
                    "budget",
                    "class",
                    "cause",
                    "status",
                    "feed",
                    "change"
                ]
                .contains(label),
                "{}: is {label} bounded?",
                metric.name
            );
        }
    }
}
