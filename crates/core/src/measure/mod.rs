//! What the core measures: one function per thing, over the facade of the crate `metrics`.
//!
//! Nothing is kept unless the program installs a recorder; then it calls [`begin`], once, before the
//! first token is handed out. Whatever was measured earlier is lost.
//!
//! Invariant: labels are bounded. No label names a user, an integration, a key or anything else that
//! callers can make more of: a recorder keeps every combination for ever. A label's value is at most
//! [`LONGEST`] characters of `a-z`, `0-9` and `_ . -`, which no id is, and a label has at most
//! [`MOST`] values; whatever is beyond that counts as [`OTHER`].

mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Histogram};

use crate::feed::FeedKind;
use crate::provider::{ProviderKey, Providers, Verdict};
use crate::store::Outcome;
pub use table::{Appears, Kind, Metric, Seconds, TABLE, WAITING};

/// The longest value of a label, in characters. Ids are longer.
pub const LONGEST: usize = 32;
/// The most values of a label.
pub const MOST: usize = 64;
/// The value that stands for all others.
pub const OTHER: &str = "other";

/// The values of the label `status` of `evergrant_integrations`.
pub const STATUSES: [&str; 3] = ["active", "needs_reconnect", "paused"];
const VERDICTS: [&str; 6] =
    ["accepted", "token_rejected", "throttled", "unavailable", "unanswered", "misconfigured"];

fn verdict_index(verdict: Option<&Verdict>) -> usize {
    match verdict {
        Some(Verdict::Accepted) => 0,
        Some(Verdict::TokenRejected { .. }) => 1,
        Some(Verdict::Throttled { .. }) => 2,
        Some(Verdict::Unavailable) => 3,
        None => 4,
        Some(Verdict::Misconfigured(_)) => 5,
    }
}

/// One provider's measurements, looked up by name once and not per token.
struct Meters {
    refreshes: [Counter; Outcome::ALL.len()],
    refresh_seconds: Histogram,
    remaining: Histogram,
    wait: Histogram,
    calls: [Counter; VERDICTS.len()],
}

impl Meters {
    fn new(provider: &str) -> Self {
        let provider = || provider.to_owned();
        Self {
            refreshes: Outcome::ALL.map(|outcome| {
                let outcome = outcome.name();
                metrics::counter!(table::REFRESHES, "provider" => provider(), "outcome" => outcome)
            }),
            refresh_seconds: metrics::histogram!(table::REFRESH_SECONDS, "provider" => provider()),
            remaining: metrics::histogram!(table::HANDOUT_REMAINING, "provider" => provider()),
            wait: metrics::histogram!(table::WAIT_SECONDS, "provider" => provider()),
            calls: VERDICTS.map(|verdict| {
                metrics::counter!(table::CALLS, "provider" => provider(), "verdict" => verdict)
            }),
        }
    }
}

/// The target of the spans that may leave the process: no secret, and no id but the request's and the
/// integration's. Whoever exports spans exports these and no others.
pub const SPANS: &str = "evergrant::span";

/// By provider. A process has one recorder and so one of these.
static METERS: LazyLock<papaya::HashMap<ProviderKey, Arc<Meters>>> =
    LazyLock::new(papaya::HashMap::default);
/// The values of every label so far.
static VALUES: Mutex<BTreeMap<&str, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

fn with(provider: &ProviderKey, measure: impl FnOnce(&Meters)) {
    let meters = METERS.pin();
    if let Some(found) = meters.get(provider) {
        return measure(found);
    }
    let name = bounded("provider", provider.as_str());
    let made = Arc::new(Meters::new(&name));
    // Those that share `other` are not kept: there may be no end of them.
    if name == provider.as_str() {
        measure(meters.get_or_insert(provider.clone(), made));
    } else {
        measure(&made);
    }
}

/// `value`, if this label may have it.
fn bounded(label: &'static str, value: &str) -> String {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-');
    let mut values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
    let values = values.entry(label).or_default();
    let fits = !value.is_empty() && value.len() <= LONGEST && value.bytes().all(plain);
    if fits && (values.contains(value) || values.len() < MOST) {
        values.insert(value.to_owned());
        value.to_owned()
    } else {
        OTHER.to_owned()
    }
}

/// Tells the recorder what it will be told, and begins every count of these providers at zero.
///
/// For whoever installs a recorder, right after that.
pub fn begin(providers: &Providers) {
    describe(TABLE);
    // Those made before there was a recorder measure nothing.
    METERS.pin().clear();
    for provider in providers.iter() {
        with(&provider.manifest().key, |_| {});
    }
    spool_depth(0);
}

/// Tells the recorder the help texts of a table.
pub fn describe(table: &[Metric]) {
    for metric in table {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram(_) => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
}

/// A refresh ended, `took` after it began.
pub fn refreshed(provider: &ProviderKey, outcome: Outcome, took: Duration) {
    with(provider, |meters| {
        let index = Outcome::ALL.iter().position(|of| *of == outcome);
        index.and_then(|index| meters.refreshes.get(index)).inspect(|count| count.increment(1));
        meters.refresh_seconds.record(took);
    });
}

/// Where a provider's tokens are counted as they are handed out; looked up once for a token, since
/// a look into a map costs a tenth of what handing it out does.
#[derive(Clone)]
pub struct Handouts(Histogram);

impl Handouts {
    /// Those of this provider.
    pub fn of(provider: &ProviderKey) -> Self {
        let mut found = Histogram::noop();
        with(provider, |meters| found = meters.remaining.clone());
        Self(found)
    }

    /// A token was handed out that is valid for `remaining` more.
    pub fn count(&self, remaining: Duration) {
        self.0.record(remaining);
    }
}

impl std::fmt::Debug for Handouts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handouts")
    }
}

/// A caller waited for a token that was not at hand, whether or not it came.
pub fn waited(provider: &ProviderKey, took: Duration) {
    with(provider, |meters| meters.wait.record(took));
}

/// A provider call was answered, or not (`None`).
pub(crate) fn called(provider: &ProviderKey, verdict: Option<&Verdict>) {
    with(provider, |meters| meters.calls[verdict_index(verdict)].increment(1));
}

/// So many new grants wait for the database.
pub fn spool_depth(depth: u32) {
    metrics::gauge!(table::SPOOL_DEPTH).set(depth);
}

/// So many messages wait to be delivered.
pub fn outbox_depth(depth: u32) {
    metrics::gauge!(table::OUTBOX_DEPTH).set(depth);
}

/// A registration's credential, such as `client_secret`, expires in so many days.
pub fn days_left(registration: &str, credential: &str, days: f64) {
    let registration = bounded("registration", registration);
    let credential = bounded("credential", credential);
    metrics::gauge!(table::DAYS_LEFT, "registration" => registration, "credential" => credential)
        .set(days);
}

/// Whether a registration is left alone until its operator has mended it.
pub fn suspended(registration: &str, suspended: bool) {
    let registration = bounded("registration", registration);
    metrics::gauge!(table::SUSPENDED, "registration" => registration).set(u8::from(suspended));
}

/// A call had to wait for a budget, named by what is limited and not by whom.
pub fn budget_waited(budget: &str) {
    metrics::counter!(table::BUDGET_WAITS, "budget" => bounded("budget", budget)).increment(1);
}

/// So many calls of a class more (or fewer) wait for their budget.
pub(crate) fn budget_waiting(class: &'static str, more: f64) {
    metrics::gauge!(table::BUDGET_WAITING, "class" => class).increment(more);
}

/// A call of a class waited for its budget, whether or not its turn came.
pub(crate) fn budget_wait(class: &'static str, took: Duration) {
    metrics::histogram!(table::BUDGET_WAIT_SECONDS, "class" => class).record(took);
}

/// A provider asked to be left alone in one account.
pub(crate) fn paused(provider: &ProviderKey) {
    let provider = bounded("provider", provider.as_str());
    metrics::counter!(table::PAUSES, "provider" => provider).increment(1);
}

/// A call is sent again, for this cause.
pub(crate) fn repeated(provider: &ProviderKey, cause: &'static str) {
    let provider = bounded("provider", provider.as_str());
    metrics::counter!(table::REPEATS, "provider" => provider, "cause" => cause).increment(1);
}

/// So many notifications came to an address of ours, and this became of them.
pub(crate) fn notified(provider: &ProviderKey, outcome: &'static str, count: u64) {
    let provider = bounded("provider", provider.as_str());
    metrics::counter!(table::NOTIFICATIONS, "provider" => provider, "outcome" => outcome)
        .increment(count);
}

/// A feed was read, as far as it went.
pub(crate) fn synced(feed: FeedKind, outcome: &'static str) {
    metrics::counter!(table::SYNCS, "feed" => feed.name(), "outcome" => outcome).increment(1);
}

/// So many items of a copy changed in this way.
pub(crate) fn copied(feed: FeedKind, change: &'static str, count: u64) {
    metrics::counter!(table::COPIED, "feed" => feed.name(), "change" => change).increment(count);
}

/// So many accounts of a provider are connected with this status, one of [`STATUSES`].
pub fn integrations(provider: &ProviderKey, status: &'static str, count: u32) {
    let provider = bounded("provider", provider.as_str());
    metrics::gauge!(table::INTEGRATIONS, "provider" => provider, "status" => status).set(count);
}

/// Whether the database answers.
pub fn database_up(up: bool) {
    metrics::gauge!(table::DATABASE_UP).set(u8::from(up));
}
