//! Certificates and private keys as operators keep them: PEM files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The first block of a PEM file whose label ends so, and its label.
pub(crate) fn block<'a>(pem: &'a str, kind: &str) -> Option<(&'a str, Vec<u8>)> {
    let mut rest = pem;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----")?;
        let (body, next) = after.split_once("-----END ")?;
        if label.ends_with(kind) {
            let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
            return Some((label, STANDARD.decode(body).ok()?));
        }
        rest = next;
    }
    None
}

/// When a certificate stops being valid (RFC 5280, section 4.1): the second time of its validity,
/// which stands after serial number, algorithm and issuer.
pub(super) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(certificate)?;
    let (_, body, _) = element(certificate)?;
    let (tag, _, rest) = element(body)?;
    // The version is explicit, and left out by version 1.
    let mut rest = if tag == 0xa0 { rest } else { body };
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (_, validity, _) = element(rest)?;
    let (_, _, validity) = element(validity)?;
    let (tag, time, _) = element(validity)?;
    let time = std::str::from_utf8(time).ok()?;
    let full = match tag {
        // Two digits of the year; 50 and above are of the last century (section 4.1.2.5.1).
        0x17 => format!("{}{time}", if time.get(..2)? >= "50" { "19" } else { "20" }),
        0x18 => time.to_owned(),
        _ => return None,
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The first DER element: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) {
            return None;
        }
        let (digits, after) = rest.split_at_checked(count)?;
        length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read_from_it() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["app.example".to_owned()]).unwrap();
        for year in [2027, 2049, 2051] {
            params.not_after = rcgen::date_time_ymd(year, 3, 4);
            let pem = params.self_signed(&key).unwrap().pem();
            let (_, der) = block(&pem, "CERTIFICATE").unwrap();
            let expected: Timestamp = format!("{year}-03-04T00:00:00Z").parse().unwrap();
            assert_eq!(not_after(&der), Some(expected));
            // Whatever is cut off, nothing breaks.
            for end in 0..der.len() {
                not_after(&der[..end]);
            }
        }
    }

    #[test]
    fn a_block_is_found_among_others_and_nonsense_is_none() {
        let pem = "text\n-----BEGIN A KEY-----\nYQ==\n-----END A KEY-----\n-----BEGIN B-----\nYg==\n-----END B-----\n";
        assert_eq!(block(pem, "KEY").unwrap(), ("A KEY", b"a".to_vec()));
        assert_eq!(block(pem, "B").unwrap(), ("B", b"b".to_vec()));
        assert!(block("-----BEGIN B-----\n!\n-----END B-----", "B").is_none());
        assert!(block("-----BEGIN B", "B").is_none());
    }
}
