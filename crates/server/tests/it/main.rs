//! The API as its callers see it: a whole server in the process, a real database, and Acme.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy takes only the functions marked as tests for tests, and here all are"
)]

mod acme;
mod acme_calendar;
mod acme_feeds;
mod acme_mail;
mod acme_markets;
mod acme_meetings;
mod acme_trading;
mod acme_word;
mod app;
mod attachments;
mod browser;
mod calendar;
mod caller;
mod changes;
mod connect;
mod consent;
mod copies;
mod desk;
mod doctor;
mod hardening;
mod integrations;
mod keys;
mod live;
mod mail;
mod markets;
mod matrix;
mod meetings;
mod notifications;
mod operations;
mod problems;
mod reference;
mod requests;
mod shelf;
mod stored;
mod sync;
mod token;
mod trading;
mod ways;

/// Compares with the snapshot of this name. `INSTA_UPDATE=no` makes a missing one fail.
macro_rules! snapshot {
    ($name:expr, $value:expr) => {{
        let value = $value.to_string();
        insta::with_settings!(
            { prepend_module_to_snapshot => false, omit_expression => true },
            { insta::assert_snapshot!($name, value) }
        );
    }};
}
use snapshot;
