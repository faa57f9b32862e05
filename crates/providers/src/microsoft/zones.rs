//! Time zones by the names Windows gives them (contract, section 4.8).

use evergrant::capability::Zone;

/// The zone of this name, be it an IANA name or one of Windows'; none if there is no such zone.
pub(super) fn to_iana(name: &str) -> Option<Zone> {
    name.parse().ok()
}

/// The name by which the provider knows a zone. It knows IANA names, too.
pub(super) fn to_windows(zone: &Zone) -> String {
    zone.name().to_owned()
}
