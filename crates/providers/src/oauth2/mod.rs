//! What every OAuth 2.0 authorization server has in common.
//!
//! [`Client`] is a registration at one of them: it proves who asks, with the first of its credentials
//! that works, sends one form and reads one answer. Answers are read as they are sent in the field,
//! not only as RFC 6749 has them: lifetimes as strings, errors under status 200, pages of HTML where
//! a proxy is in the way. What cannot be understood is an outage, never a revocation.

mod answer;
mod assertion;
mod client;
mod device;
mod failure;
#[cfg(test)]
mod must_hold;
pub(crate) mod pem;
mod revoke;

pub(crate) use answer::{Habits, TokenAnswer, lifetime, parse, token};
pub(crate) use client::{Client, Endpoint};
pub use client::{ClientAuth, ClientCredential, CredentialKind};
pub(crate) use failure::{number_in, told, unanswered, unreadable};

/// A form to send, in order.
pub(crate) type Form<'a> = [(&'a str, &'a str)];

/// What a device asks with (RFC 8628, section 3.4).
pub(crate) const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
