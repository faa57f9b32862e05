//! The providers Evergrant can connect: one folder per vendor, and [`all`] is the one list.

pub mod declared;
pub mod microsoft;
mod oauth2;
#[cfg(feature = "sandbox")]
pub mod sandbox;

use evergrant::provider::Providers;

/// The operator's registrations and addresses, by vendor.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Microsoft 365.
    pub microsoft: microsoft::Settings,
}

/// Every provider there is.
pub fn all(settings: &Settings) -> Providers {
    microsoft::providers(&settings.microsoft).collect()
}
