//! The adapters, asked through the provider port against scripted answers.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

mod account;
mod answers;
mod calendar;
mod client;
mod declared;
mod examples;
mod id_token;
mod meetings;
mod microsoft;
mod reference;
mod script;
mod wire;
