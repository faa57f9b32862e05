//! IG: markets, prices and dealing.

#[cfg(feature = "sandbox")]
pub mod sandbox;
