//! The providers Evergrant can connect, one folder each.

pub mod microsoft;
#[cfg(feature = "sandbox")]
pub mod sandbox;
