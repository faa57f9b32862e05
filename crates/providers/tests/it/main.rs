//! The adapters, asked through the provider port against scripted answers.

mod client;
mod microsoft;
mod script;
