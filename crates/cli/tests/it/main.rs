//! The real binary, started as users start it, against its own sandbox over TLS.
//!
//! Every test has a folder, a sandbox and a database of its own. What a name claims is judged from
//! outside: by exit codes, by what is printed and answered, and by the sandbox's ledger.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests stand outside: they have clocks, an environment, an HTTP client and a reader of their own"
)]

mod bench;
mod canary;
mod capabilities;
mod challenges;
mod commands;
mod connect;
mod copies;
mod demo;
mod disconnect;
mod families;
mod health;
mod ig;
mod keys;
mod kills;
mod manual;
mod markets;
mod metrics;
mod outages;
mod outsiders;
mod refusals;
mod registrations;
mod rest;
mod rotation;
mod stopping;
mod storms;
mod sync;
mod terminal;
mod traces;
mod ways;
mod words;
mod work;
