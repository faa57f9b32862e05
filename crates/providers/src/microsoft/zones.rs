//! Windows' names of time zones and IANA's (contract, section 4.8).
//!
//! The pairs are those of Unicode's CLDR, as the crate `localzone` carries them; no more of that crate
//! is used. Several IANA zones share one Windows name; read back, they become the one that stands for
//! all of them, whose clocks show the same.

use evergrant::capability::Zone;

/// CLDR's names never change; what IANA calls the same zone today.
const RENAMED: &[(&str, &str)] = &[
    ("Africa/Asmera", "Africa/Asmara"),
    ("America/Buenos_Aires", "America/Argentina/Buenos_Aires"),
    ("America/Catamarca", "America/Argentina/Catamarca"),
    ("America/Coral_Harbour", "America/Atikokan"),
    ("America/Cordoba", "America/Argentina/Cordoba"),
    ("America/Godthab", "America/Nuuk"),
    ("America/Indianapolis", "America/Indiana/Indianapolis"),
    ("America/Jujuy", "America/Argentina/Jujuy"),
    ("America/Louisville", "America/Kentucky/Louisville"),
    ("America/Mendoza", "America/Argentina/Mendoza"),
    ("Asia/Calcutta", "Asia/Kolkata"),
    ("Asia/Katmandu", "Asia/Kathmandu"),
    ("Asia/Rangoon", "Asia/Yangon"),
    ("Asia/Saigon", "Asia/Ho_Chi_Minh"),
    ("Atlantic/Faeroe", "Atlantic/Faroe"),
    ("Europe/Kiev", "Europe/Kyiv"),
    ("Pacific/Enderbury", "Pacific/Kanton"),
    ("Pacific/Ponape", "Pacific/Pohnpei"),
    ("Pacific/Truk", "Pacific/Chuuk"),
];

/// The zone of a Windows or IANA name; `None` for one that is neither, such as a zone somebody made
/// up for a mailbox (`Customized Time Zone`).
pub(super) fn to_iana(name: &str) -> Option<Zone> {
    if name.eq_ignore_ascii_case("tzone://Microsoft/Utc") {
        return Some(Zone::utc());
    }
    let Some(iana) = localzone::win_zone_to_iana(name, None) else {
        return name.parse().ok();
    };
    if iana == "Etc/UTC" {
        return Some(Zone::utc());
    }
    let today = RENAMED.iter().find(|(cldr, _)| *cldr == iana).map_or(iana, |(_, today)| today);
    today.parse().ok()
}

/// The Windows name of a zone, or its IANA name where it has none, which Graph takes as well.
pub(super) fn to_windows(zone: &Zone) -> String {
    let iana = zone.name();
    if matches!(iana, "UTC" | "Etc/UTC") {
        return "UTC".to_owned();
    }
    let cldr = RENAMED.iter().find(|(_, today)| *today == iana).map_or(iana, |(cldr, _)| cldr);
    let windows = localzone::iana_to_win_zone(cldr).map(|(windows, _)| windows);
    windows.unwrap_or(iana).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iana(name: &str) -> Option<String> {
        to_iana(name).map(|zone| zone.name().to_owned())
    }

    fn windows(name: &str) -> String {
        to_windows(&name.parse().unwrap())
    }

    #[test]
    fn names_are_found_both_ways() {
        for (in_windows, in_iana) in [
            ("Pacific Standard Time", "America/Los_Angeles"),
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("India Standard Time", "Asia/Kolkata"),
            ("FLE Standard Time", "Europe/Kyiv"),
            ("Argentina Standard Time", "America/Argentina/Buenos_Aires"),
            ("UTC", "UTC"),
            ("UTC-11", "Etc/GMT+11"),
        ] {
            assert_eq!(iana(in_windows).as_deref(), Some(in_iana));
            assert_eq!(windows(in_iana), in_windows);
        }
    }

    #[test]
    fn zones_that_share_a_windows_name_have_it() {
        assert_eq!(windows("Europe/Vienna"), "W. Europe Standard Time");
        assert_eq!(windows("Asia/Calcutta"), "India Standard Time");
        assert_eq!(windows("Etc/UTC"), "UTC");
    }

    #[test]
    fn every_renamed_zone_exists_and_has_a_windows_name() {
        for (cldr, today) in RENAMED {
            assert_eq!(windows(cldr), windows(today), "{cldr}");
            assert_ne!(windows(today), *today);
        }
    }

    #[test]
    fn what_nobody_knows_is_no_zone_and_no_error() {
        for name in ["tzone://Microsoft/Custom", "Customized Time Zone", "Mars/Olympus", ""] {
            assert_eq!(iana(name), None, "{name}");
        }
        assert_eq!(iana("tzone://Microsoft/Utc").as_deref(), Some("UTC"));
        assert_eq!(iana("Europe/Berlin").as_deref(), Some("Europe/Berlin"));
    }
}
