//! The adapters, asked through the provider port against scripted answers.

mod answers;
mod client;
mod declared;
mod id_token;
mod microsoft;
mod reference;
mod script;
mod wire;
