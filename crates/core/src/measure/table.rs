//! Every measurement's name, in one table: what a recorder is told, and what the reference prints.

/// How a measurement behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; ask for its rate.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many were at most so large; in seconds, with these upper bounds.
    Histogram(&'static [Seconds]),
}

/// An upper bound of a histogram, in thousandths of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub u32);

impl Seconds {
    /// The bound in seconds.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// When a measurement is first seen in a scrape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appears {
    /// As soon as the server is up.
    AtOnce,
    /// Later, "once …".
    Once(&'static str),
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, with the unit in it.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
    /// When it is first seen.
    pub appears: Appears,
}

const fn ms<const N: usize>(of: [u32; N]) -> [Seconds; N] {
    let mut bounds = [Seconds(0); N];
    let mut i = 0;
    while i < N {
        bounds[i] = Seconds(of[i]);
        i += 1;
    }
    bounds
}

/// From a fast answer to a caller who gave up.
pub const WAITING: &[Seconds] =
    &ms([1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 90_000]);
/// From the last moment of a token to a day.
const LIFE: &[Seconds] = &ms([
    1_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000,
    21_600_000, 86_400_000,
]);

pub(super) const REFRESHES: &str = "evergrant_refreshes_total";
pub(super) const REFRESH_SECONDS: &str = "evergrant_refresh_seconds";
pub(super) const HANDOUT_REMAINING: &str = "evergrant_handout_remaining_seconds";
pub(super) const WAIT_SECONDS: &str = "evergrant_wait_seconds";
pub(super) const CALLS: &str = "evergrant_calls_total";
pub(super) const SPOOL_DEPTH: &str = "evergrant_spool_depth";
pub(super) const OUTBOX_DEPTH: &str = "evergrant_outbox_depth";
pub(super) const DAYS_LEFT: &str = "evergrant_registration_days_left";
pub(super) const SUSPENDED: &str = "evergrant_registration_suspended";
pub(super) const BUDGET_WAITS: &str = "evergrant_budget_waits_total";
pub(super) const BUDGET_WAITING: &str = "evergrant_budget_waiting";
pub(super) const BUDGET_WAIT_SECONDS: &str = "evergrant_budget_wait_seconds";
pub(super) const PAUSES: &str = "evergrant_pauses_total";
pub(super) const REPEATS: &str = "evergrant_repeats_total";
pub(super) const NOTIFICATIONS: &str = "evergrant_notifications_total";
pub(super) const SYNCS: &str = "evergrant_syncs_total";
pub(super) const COPIED: &str = "evergrant_copied_items_total";
pub(super) const INTEGRATIONS: &str = "evergrant_integrations";
pub(super) const DATABASE_UP: &str = "evergrant_database_up";

const fn row(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
    appears: Appears,
) -> Metric {
    Metric { name, kind, labels, help, appears }
}

/// What the core measures.
pub const TABLE: &[Metric] = &[
    row(
        REFRESHES,
        Kind::Counter,
        &["provider", "outcome"],
        "Refreshes by how they ended: refreshed, recovered, rejected, misconfigured, unavailable, unknown or stale.",
        Appears::AtOnce,
    ),
    row(
        REFRESH_SECONDS,
        Kind::Histogram(WAITING),
        &["provider"],
        "How long refreshes took, from the intent to the commit.",
        Appears::Once("once a token was refreshed"),
    ),
    row(
        HANDOUT_REMAINING,
        Kind::Histogram(LIFE),
        &["provider"],
        "How much life a token had left when it was handed out.",
        Appears::Once("once a token was handed out"),
    ),
    row(
        WAIT_SECONDS,
        Kind::Histogram(WAITING),
        &["provider"],
        "How long callers waited for a token that was not at hand.",
        Appears::Once("once a caller had to wait for a token"),
    ),
    row(
        CALLS,
        Kind::Counter,
        &["provider", "verdict"],
        "Provider calls by what came of them: accepted, token_rejected, throttled, unavailable, unanswered or misconfigured.",
        Appears::AtOnce,
    ),
    row(
        SPOOL_DEPTH,
        Kind::Gauge,
        &[],
        "New grants that wait for the database to take them.",
        Appears::AtOnce,
    ),
    row(
        OUTBOX_DEPTH,
        Kind::Gauge,
        &[],
        "Messages that wait to be delivered.",
        Appears::Once("once there is an outbox"),
    ),
    row(
        DAYS_LEFT,
        Kind::Gauge,
        &["registration", "credential"],
        "Days until a registration's credential expires; negative once it has.",
        Appears::Once("once a registration's expiry is known"),
    ),
    row(
        SUSPENDED,
        Kind::Gauge,
        &["registration"],
        "1 while a registration is not used because the operator has to mend it, else 0.",
        Appears::Once("once a registration was suspended"),
    ),
    row(
        BUDGET_WAITS,
        Kind::Counter,
        &["budget"],
        "Calls that had to wait, by what was in their way: concurrent, calls or upload, a pause, or the queue of others.",
        Appears::Once("once a call had to wait for its budget"),
    ),
    row(
        BUDGET_WAITING,
        Kind::Gauge,
        &["class"],
        "Calls that wait for their budget now: interactive ones, and background ones, which go after them.",
        Appears::Once("once a call had to wait for its budget"),
    ),
    row(
        BUDGET_WAIT_SECONDS,
        Kind::Histogram(WAITING),
        &["class"],
        "How long calls waited for their budget, whether or not their turn came.",
        Appears::Once("once a call had to wait for its budget"),
    ),
    row(
        PAUSES,
        Kind::Counter,
        &["provider"],
        "Times that a provider asked to be left alone, and a whole account was.",
        Appears::Once("once a provider asked to wait"),
    ),
    row(
        REPEATS,
        Kind::Counter,
        &["provider", "cause"],
        "Calls sent again, by why: throttled, unavailable, unsent or unanswered.",
        Appears::Once("once a call was sent again"),
    ),
    row(
        NOTIFICATIONS,
        Kind::Counter,
        &["provider", "outcome"],
        "Change notifications that came to an address of ours, by what became of them: taken, repeated, refused or ignored.",
        Appears::Once("once a notification came"),
    ),
    row(
        SYNCS,
        Kind::Counter,
        &["feed", "outcome"],
        "Times that a feed was read, by how that ended: done, continued later, failed, or interrupted.",
        Appears::Once("once a calendar or mailbox was copied"),
    ),
    row(
        COPIED,
        Kind::Counter,
        &["feed", "change"],
        "Items of local copies that were added, updated or deleted.",
        Appears::Once("once a calendar or mailbox was copied"),
    ),
    row(
        INTEGRATIONS,
        Kind::Gauge,
        &["provider", "status"],
        "Connected accounts; every replica reports the same numbers.",
        Appears::AtOnce,
    ),
    row(
        DATABASE_UP,
        Kind::Gauge,
        &[],
        "1 if the database answered when this was scraped, else 0.",
        Appears::AtOnce,
    ),
];
