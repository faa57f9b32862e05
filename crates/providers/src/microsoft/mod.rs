//! Microsoft 365.

#[cfg(feature = "sandbox")]
pub mod sandbox;
