//! The core as a whole: vault, gateway, renewer, news and seal over the doubles of their ports.

mod backoff;
mod connect;
mod flight;
mod lifetime;
mod news;
mod outage;
mod refusal;
mod rules;
mod support;
