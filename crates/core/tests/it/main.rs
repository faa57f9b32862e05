//! The core as a whole: vault, gateway, renewer, news and seal over the doubles of their ports.

mod rules;
mod support;
