//! The adapters, asked through the provider port against scripted answers.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests, too")]

mod account;
mod answers;
mod calendar;
#[cfg(feature = "sandbox")]
mod calendar_sandbox;
mod client;
mod declared;
mod examples;
mod feeds;
#[cfg(feature = "sandbox")]
mod floor;
mod graph;
mod id_token;
mod ig;
mod ig_desk;
mod mail;
mod mail_once;
mod mail_refusals;
#[cfg(feature = "sandbox")]
mod mail_sandbox;
mod mail_upload;
mod mailbox;
mod meetings;
mod microsoft;
mod notifications;
mod reference;
mod script;
mod wire;
