//! Keeps the access that users grant to applications alive, and makes it useful.
//!
//! A user connects an account once. From then on every caller gets an access token that works:
//! refreshed ahead of need, exactly once across tasks and processes, and never lost.
//!
//! The way of a provider call:
//!
//! ```text
//! gateway.open(owner, id) ─► api.send(request) ─┬ vault.token ─ sign ─ transport.send ─ judge ┬► response
//!                                               └──────── refused, once: vault.replace ───────┘
//! ```
//!
//! - [`Vault`] keeps grants alive: [`Vault::begin`] and [`Vault::finish`] connect an account,
//!   [`Vault::token`] hands out a valid token, [`Vault::disconnect`] ends it.
//! - [`Gateway`] makes calls with those tokens.
//! - [`Renewer`], [`news::News`] and [`Upkeep`] are the three loops that run beside them.
//! - [`Syncer`] keeps copies of calendars and mailboxes, and [`Subscriptions`] has providers say when they change.
//! - [`provider::Provider`] is the port a vendor implements, [`store::GrantStore`] the one a database
//!   implements; [`Clock`], [`Entropy`] and [`Transport`] make time, randomness and HTTP parameters.
//!
//! This crate knows no web framework, no SQL and no vendor.

mod budget;
pub mod capability;
pub mod clock;
pub mod entropy;
pub mod failpoint;
pub mod feed;
pub mod fernet;
pub mod gateway;
pub mod grant;
pub mod id;
pub mod integration;
pub mod measure;
pub mod news;
pub mod notification;
pub mod provider;
pub mod quota;
mod renewer;
mod repeat;
pub mod seal;
mod secret;
pub mod spool;
pub mod store;
pub mod subscriptions;
mod syncer;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
mod upkeep;
pub mod vault;

pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use gateway::{Api, CallError, Denial, Gateway};
pub use grant::{AccessToken, Grant, MinLife};
pub use id::{AttemptId, DebtId, HolderId, IntegrationId, Lineage, UserId};
pub use integration::{Account, Integration, Status};
pub use renewer::Renewer;
pub use repeat::{Patience, Repeat, Repeated};
pub use secret::Secret;
pub use subscriptions::Subscriptions;
pub use syncer::{SyncSettings, Syncer, feeds_of};
pub use tasks::Tasks;
pub use transport::{
    Allowance, HttpLimits, HttpTransport, Request, Response, Transport, TransportError,
};
pub use upkeep::Upkeep;
pub use vault::{ConnectError, TokenError, Vault};
