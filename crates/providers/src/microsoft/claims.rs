//! Continuous access evaluation: what tokens must claim (contract, section 2.13).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use evergrant::Response;
use http::header;
use serde_json::{Value, json};

/// The longest demand that is believed, in bytes.
const LONGEST: usize = 8 << 10;

/// Takes what the field sends: padded or not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What every authorize and token call claims: that we understand challenges. With `demanded` merged
/// in, as far as it is a JSON object.
pub(super) fn merged(demanded: Option<&str>) -> String {
    let demanded = demanded.filter(|text| text.len() <= LONGEST);
    let mut claims: Value =
        demanded.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    if !claims.is_object() {
        claims = json!({});
    }
    if !claims["access_token"].is_object() {
        claims["access_token"] = json!({});
    }
    claims["access_token"]["xms_cc"] = json!({"values": ["cp1"]});
    claims.to_string()
}

/// The claims an API demands of the next token, if its answer says so in a `Bearer` challenge.
pub(super) fn demanded(response: &Response) -> Option<String> {
    let challenges = response.headers().get_all(header::WWW_AUTHENTICATE);
    challenges.iter().find_map(|value| {
        let encoded = bearer_parameter(value.to_str().ok()?, "claims")?;
        let standard = encoded.trim().replace('-', "+").replace('_', "/");
        let decoded = LENIENT.decode(standard).ok().filter(|bytes| bytes.len() <= LONGEST)?;
        let text = String::from_utf8(decoded).ok()?;
        serde_json::from_str::<Value>(&text).ok()?.is_object().then_some(text)
    })
}

/// A parameter of the `Bearer` challenge among those of a header (RFC 9110, section 11.6.1): a word
/// before `=` is a parameter's name, any other begins a challenge.
fn bearer_parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header;
    let mut bearer = false;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=', '"']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            // A stray quote or sign: skip it. Nothing left: done.
            let mut letters = rest.chars();
            letters.next()?;
            rest = letters.as_str();
            continue;
        }
        if let Some(value) = after.trim_start().strip_prefix('=') {
            let (value, next) = parameter(value.trim_start());
            if bearer && word.eq_ignore_ascii_case(wanted) {
                return Some(value);
            }
            rest = next;
        } else {
            bearer = word.eq_ignore_ascii_case("bearer");
            rest = after;
        }
    }
}

/// A parameter's value, quoted or not, and what follows it.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => value.extend(letters.next()),
            other => value.push(other),
        }
    }
    (value, letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenged(headers: &[&str]) -> Option<String> {
        let mut response = Response::new(bytes::Bytes::new());
        for value in headers {
            response.headers_mut().append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        demanded(&response)
    }

    #[test]
    fn a_demand_is_found_in_every_form_a_challenge_takes() {
        let json =
            r#"{"access_token":{"nbf":{"essential":true,"value":"1726258122"}},"a":">>>???"}"#;
        let padded = base64::engine::general_purpose::STANDARD.encode(json);
        let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
        let found = [
            format!(r#"Bearer realm="", error="insufficient_claims", claims="{padded}""#),
            format!(r#"Bearer claims="{url_safe}", error="insufficient_claims", realm="""#),
            format!("bearer claims={url_safe}"),
            format!(
                r#"PoP claims="bm8", nonce="a, b=c", Bearer error_description="a \"b\", c", claims="{padded}""#
            ),
            format!(
                r#"Negotiate, Basic realm="x",Bearer authorization_uri="https://l/o?a=b" , claims = "{padded}""#
            ),
        ];
        for header in &found {
            assert_eq!(challenged(&[header]).as_deref(), Some(json), "{header}");
        }
        assert_eq!(challenged(&["Basic realm=\"\"", &found[0]]).as_deref(), Some(json));
        for header in [
            "Bearer",
            "",
            "Bearer claims=\"\"",
            "Bearer claims=\"%%%\"",
            "Bearer claims=\"W10=\"",
            "Bearer claims=\"unended",
            "PoP claims=\"e30=\"",
            "Bearer realm=\"claims=e30\"",
            "= , \" Bearer =",
        ] {
            assert_eq!(challenged(&[header]), None, "{header}");
        }
    }

    #[test]
    fn what_is_demanded_and_what_we_can_do_are_claimed_together() {
        let cp1 = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
        assert_eq!(merged(None), cp1);
        for nonsense in ["", "[]", "7", "{", r#"{"access_token":7}"#] {
            assert_eq!(merged(Some(nonsense)), cp1, "{nonsense}");
        }
        assert_eq!(
            merged(Some(r#"{"access_token":{"nbf":{"value":"1"}},"id_token":{"a":null}}"#)),
            r#"{"access_token":{"nbf":{"value":"1"},"xms_cc":{"values":["cp1"]}},"id_token":{"a":null}}"#
        );
    }
}
