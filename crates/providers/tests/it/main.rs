//! The adapters, asked through the provider port against scripted answers.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

mod answers;
mod client;
mod declared;
mod graph;
mod id_token;
mod mail;
mod mail_once;
mod mail_refusals;
#[cfg(feature = "sandbox")]
mod mail_sandbox;
mod mailbox;
mod microsoft;
mod reference;
mod script;
mod wire;
