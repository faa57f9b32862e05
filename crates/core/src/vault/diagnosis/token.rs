//! What an access token says of itself, for whoever looks for a fault.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

/// The claims that are shown. None of them names a person: what is not in this list, a name or an
/// e-mail address, is not read.
const SHOWN: [&str; 15] = [
    "iss",
    "aud",
    "scp",
    "scope",
    "roles",
    "exp",
    "iat",
    "nbf",
    "appid",
    "azp",
    "client_id",
    "tid",
    "idtyp",
    "xms_cc",
    "amr",
];
/// The claims that hold permissions, as a list or as words in one text.
const PERMISSIONS: [&str; 3] = ["scp", "scope", "roles"];
/// The longest text that is shown, in characters.
const LONGEST: usize = 2_000;

/// An access token's harmless claims, unverified: they are for reading, not for trusting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Decoded {
    /// Whether it says nothing that can be read here.
    pub opaque: bool,
    /// Its claims.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
    /// The permissions it says it carries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
}

/// Reads the payload of a JSON Web Token (RFC 7519, section 3); the signature is not looked at, for
/// the token is not ours to judge.
pub(super) fn decode(token: &str) -> Decoded {
    let Some(payload) = payload(token) else {
        return Decoded { opaque: true, ..Decoded::default() };
    };
    let claims: Map<_, _> = SHOWN
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), harmless(payload.get(name)?)?)))
        .collect();
    let permissions = PERMISSIONS.into_iter().filter_map(|name| claims.get(name)).flat_map(words);
    Decoded { opaque: false, permissions: permissions.collect(), claims }
}

fn payload(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    // Five parts are an encrypted one (RFC 7516).
    if parts.next().is_some() {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Texts, numbers and lists of them; anything deeper may hold anything.
fn harmless(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => {
            let plain = |c: &char| !c.is_control();
            Some(text.chars().filter(plain).take(LONGEST).collect::<String>().into())
        }
        Value::Number(_) | Value::Bool(_) => Some(value.clone()),
        Value::Array(list) => {
            let flat = list.iter().filter(|value| !value.is_array());
            Some(Value::Array(flat.filter_map(harmless).collect()))
        }
        Value::Null | Value::Object(_) => None,
    }
}

fn words(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn jwt(payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2lnbmF0dXJl", part(&json!({ "alg": "RS256" })), part(payload))
    }

    #[test]
    fn claims_that_name_a_person_are_not_shown() {
        let decoded = decode(&jwt(&json!({
            "iss": "https://login.test/t", "aud": "https://api.test", "scp": "Read openid",
            "exp": 1_700_003_600, "iat": 1_700_000_000, "tid": "t-1", "appid": "client",
            "name": "Ada", "upn": "ada@acme.test", "unique_name": "ada@acme.test",
            "email": "ada@acme.test", "preferred_username": "ada@acme.test", "oid": "o-1",
            "given_name": "Ada", "family_name": "Lovelace", "ipaddr": "192.0.2.1", "sub": "s",
        })));
        let names: Vec<_> = decoded.claims.keys().map(String::as_str).collect();
        assert_eq!(names, ["appid", "aud", "exp", "iat", "iss", "scp", "tid"]);
        assert!(!serde_json::to_string(&decoded).unwrap().contains("da"), "{decoded:?}");
        assert_eq!(decoded.permissions, ["Read", "openid"]);
        assert!(!decoded.opaque);
    }

    #[test]
    fn permissions_are_read_in_each_form() {
        for payload in [
            json!({ "scope": "a b" }),
            json!({ "scope": ["a", "b"] }),
            json!({ "roles": ["a", "b"] }),
            json!({ "scp": "a", "roles": ["b"] }),
        ] {
            assert_eq!(decode(&jwt(&payload)).permissions, ["a", "b"], "{payload}");
        }
    }

    #[test]
    fn what_is_no_readable_token_is_opaque() {
        let encrypted = format!("{}.e.f", jwt(&json!({ "iss": "x" })));
        let number = format!("e30.{}.x", URL_SAFE_NO_PAD.encode("7"));
        for token in ["", "opaque", "a.b", "a.b.c", "a.!!.c", &encrypted, &number] {
            let decoded = decode(token);
            assert_eq!(decoded, Decoded { opaque: true, ..Decoded::default() }, "{token}");
        }
    }

    #[test]
    fn deep_and_endless_claims_are_left_out_or_cut() {
        let decoded = decode(&jwt(&json!({
            "aud": { "deep": "x" }, "amr": ["pwd", ["deep"], { "deep": 1 }, null],
            "iss": "x".repeat(5_000), "tid": "a\u{1b}[31mb\n",
        })));
        assert_eq!(decoded.claims["amr"], json!(["pwd"]));
        assert_eq!(decoded.claims["iss"].as_str().unwrap().len(), LONGEST);
        assert_eq!(decoded.claims["tid"], "a[31mb");
        assert!(!decoded.claims.contains_key("aud"));
    }
}
