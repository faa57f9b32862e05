//! The adapters, asked through the provider port against scripted answers.

mod client;
mod declared;
mod microsoft;
mod script;
