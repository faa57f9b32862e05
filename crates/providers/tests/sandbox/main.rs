//! The sandbox against the wire contract: its payloads, its rules, its faults, its three mounts.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests are tests, too")]

mod admin;
mod applications;
mod calendar;
mod challenges;
mod control;
mod delta;
mod devices;
mod discovery;
mod faults;
mod graph;
mod ig;
mod mail;
mod oauth;
mod play;
mod sign_in;
mod subscriptions;
mod tokens;
mod wire;
