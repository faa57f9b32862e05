//! The REST API: who asks, what for, and every error in one table.
//!
//! A request walks straight through: [`principal`] says who asks, a handler in `api` calls the vault or
//! the gateway, [`problem`] turns what went wrong into `application/problem+json`. No handler looks
//! into a provider's error, and no finder is called without an owner.

mod api;
mod app;
mod body;
mod causes;
mod extract;
mod idempotency;
mod keys;
pub mod measure;
mod page;
pub mod principal;
pub mod problem;
mod room;
mod serve;
mod waiters;

pub use api::{admin_router, openapi, router};
pub use app::{App, Config, Parts};
pub use serve::{Listening, serve, serve_on};
