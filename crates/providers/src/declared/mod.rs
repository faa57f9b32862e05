//! Providers that are declared in settings instead of written in code.

#[cfg(feature = "sandbox")]
pub mod sandbox;
