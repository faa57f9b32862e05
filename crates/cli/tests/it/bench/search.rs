//! Looks for a secret in whatever form it may have slipped out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How much of a secret is as good as the whole: enough to recognise it by.
const WINDOW: usize = 12;

/// Every form in which `secret` is looked for, with the form's name.
pub(crate) fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let mut forms = vec![("raw", secret.to_owned())];
    // Inside a longer text, base64 begins at one of three places; what depends on the neighbours
    // at either end is left off.
    for skipped in 0..3 {
        let shifted = [&b"\0\0"[..skipped], secret.as_bytes()].concat();
        let cut = |encoded: String| {
            let begin = [0, 2, 3][skipped];
            let whole = shifted.len() / 3 * 4;
            encoded[begin..whole].to_owned()
        };
        forms.push(("base64", cut(STANDARD_NO_PAD.encode(&shifted))));
        forms.push(("base64url", cut(URL_SAFE_NO_PAD.encode(&shifted))));
    }
    let hex: Vec<_> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let hex = hex.concat();
    forms.push(("hex", hex.to_uppercase()));
    forms.push(("hex", hex));
    let percent: String = secret
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect();
    forms.push(("percent-encoded", percent));
    let json = serde_json::to_string(secret).unwrap();
    forms.push(("JSON-escaped", json.trim_matches('"').to_owned()));
    let (first, last) = telling(secret);
    forms.push(("the first characters", first));
    forms.push(("the last characters", last));
    forms
}

/// The first and the last characters that tell this secret from others.
fn telling(secret: &str) -> (String, String) {
    // The header of a token and the id in an access key are no secrets: what follows them is.
    let end_of_head = if secret.starts_with("eyJ") {
        secret.rfind('.').map(|at| at + 1)
    } else if secret.starts_with("evg_") {
        secret.rfind('_').map(|at| at + 1)
    } else {
        None
    };
    let own = &secret[end_of_head.unwrap_or_default()..];
    assert!(own.len() >= WINDOW, "too short to tell it from others");
    (own[..WINDOW].to_owned(), own[own.len() - WINDOW..].to_owned())
}

/// The names of the forms in which `secret` stands in `text`.
pub(crate) fn find(secret: &str, text: &[u8]) -> Vec<&'static str> {
    forms(secret)
        .into_iter()
        .filter(|(_, form)| contains(text, form.as_bytes()))
        .map(|(name, _)| name)
        .collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    // Bytes that are no text are seldom; where there are none, the fast search will do.
    match std::str::from_utf8(text) {
        Ok(text) => text.contains(std::str::from_utf8(part).unwrap()),
        Err(_) => text.windows(part.len()).any(|window| window == part),
    }
}

#[test]
fn every_form_of_a_secret_is_found_within_a_longer_text() {
    let secret = "1.Kx/9+Zq_7\"wP3n-sT0vLbR5mYd";
    for (name, form) in forms(secret) {
        assert!(find(secret, format!("…{form}…").as_bytes()).contains(&name));
    }
    for before in ["", "a", "ab", "abc", "abcd"] {
        let longer = format!("{before}{secret}:rest");
        for text in [STANDARD_NO_PAD.encode(&longer), URL_SAFE_NO_PAD.encode(&longer)] {
            assert!(!find(secret, text.as_bytes()).is_empty(), "after {before:?}");
        }
    }
    assert!(find(secret, "1.Kx/9+Zq_7".as_bytes()).is_empty());
}
