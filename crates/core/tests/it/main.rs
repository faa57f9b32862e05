//! The core as a whole: vault, gateway, renewer, news and seal over the doubles of their ports.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on says so and fails"
)]

mod account;
mod backoff;
mod connect;
mod copy;
mod fernet;
mod flight;
mod gateway;
mod interleavings;
mod lifetime;
mod link;
mod news;
mod outage;
mod paths;
mod quota;
mod quota_storms;
mod recovery;
mod refusal;
mod renewer;
mod repeats;
mod rules;
mod schedule;
mod seal;
mod sessions;
mod simulation;
mod spool;
mod subscriptions;
mod support;
