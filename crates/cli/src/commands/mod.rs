//! One file per command.

pub(crate) mod calendar;
pub(crate) mod call;
pub(crate) mod completions;
pub(crate) mod connect;
pub(crate) mod consent;
pub(crate) mod demo;
pub(crate) mod disconnect;
pub(crate) mod doctor;
pub(crate) mod ig;
pub(crate) mod import;
pub(crate) mod integrations;
pub(crate) mod keys;
mod live;
pub(crate) mod mail;
pub(crate) mod man;
pub(crate) mod meet;
pub(crate) mod meetings;
pub(crate) mod migrate;
pub(crate) mod sandbox;
pub(crate) mod serve;
pub(crate) mod sync;
pub(crate) mod token;
pub(crate) mod users;

pub(crate) mod adopt;
pub(crate) mod encryption;
