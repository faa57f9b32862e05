//! The core as a whole: vault, gateway, renewer, news and seal over the doubles of their ports.

mod backoff;
mod flight;
mod lifetime;
mod outage;
mod refusal;
mod rules;
mod support;
