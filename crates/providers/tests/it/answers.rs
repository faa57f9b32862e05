//! Every kind of answer a token endpoint has been seen to give, as one table.

use std::time::Duration;

use evergrant::TransportError;
use evergrant::provider::{AuthError, Failure, RefreshAsk};
use evergrant_providers::microsoft::Settings as Microsoft;
use evergrant_providers::{Settings, all};

use crate::script::{Script, grant, now};

const TOKEN: &str = "/common/oauth2/v2.0/token";

/// What an answer has to come to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    /// A grant of this many seconds.
    Grant(u64),
    /// The user or an administrator acts, under this code.
    Rejected(&'static str),
    /// The operator acts.
    Operator(&'static str),
    /// It passes; asked again after so many seconds, if the answer says so.
    Outage(&'static str, Option<u64>),
}
use Expected::{Grant, Operator, Outage, Rejected};

type Headers = &'static [(&'static str, &'static str)];

const DATE: (&str, &str) = ("date", "Sat, 21 Nov 2026 12:00:00 GMT");

#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<(&'static str, u16, Headers, Vec<u8>, Expected)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let with = |members: &str| format!(r#"{{"access_token":"a"{members}}}"#).into_bytes();
    let error = |error: &str| format!(r#"{{"error":"{error}"}}"#).into_bytes();
    let long =
        |length: usize| format!(r#"{{"access_token":"{}"}}"#, "a".repeat(length)).into_bytes();
    let none = Outage("provider_unavailable", None);
    let junk = Outage("provider_answer_unreadable", None);
    let wait = |seconds| Outage("provider_unavailable", Some(seconds));
    let html: &[u8] = b"<html><body>Access denied by the firewall</body></html>";
    vec![
        // A1 to A4: lifetimes. The previous one was an hour.
        ("A1 missing", 200, &[], with(""), Grant(3600)),
        ("A1 null", 200, &[], with(r#","expires_in":null"#), Grant(3600)),
        ("A2 zero", 200, &[], with(r#","expires_in":0"#), Grant(3600)),
        ("A2 negative", 200, &[], with(r#","expires_in":-5"#), Grant(3600)),
        ("A2 NaN", 200, &[], with(r#","expires_in":"NaN""#), Grant(3600)),
        ("A2 bool", 200, &[], with(r#","expires_in":true"#), Grant(3600)),
        ("A2 object", 200, &[], with(r#","expires_in":{"s":60}"#), Grant(3600)),
        ("A2 array", 200, &[], with(r#","expires_in":[60]"#), Grant(3600)),
        ("A3 string", 200, &[], with(r#","expires_in":"60""#), Grant(60)),
        ("A3 string with fraction", 200, &[], with(r#","expires_in":"60.0""#), Grant(60)),
        ("A3 fraction", 200, &[], with(r#","expires_in":3599.0"#), Grant(3599)),
        ("A3 spaces", 200, &[], with(r#","expires_in":" 60 ""#), Grant(60)),
        ("A3 word", 200, &[], with(r#","expires_in":"soon""#), Grant(3600)),
        ("A3 empty", 200, &[], with(r#","expires_in":"""#), Grant(3600)),
        ("A4 1e18", 200, &[], with(r#","expires_in":1e18"#), Grant(48 * 3600)),
        (
            "A4 beyond i64",
            200,
            &[],
            with(r#","expires_in":99999999999999999999999"#),
            Grant(48 * 3600),
        ),
        ("A4 infinite", 200, &[], with(r#","expires_in":"inf""#), Grant(48 * 3600)),
        // A7, A8: refresh tokens.
        ("A7 no refresh token", 200, &[], with(r#","expires_in":60"#), Grant(60)),
        ("A7 empty", 200, &[], with(r#","refresh_token":"""#), Grant(3600)),
        ("A7 null", 200, &[], with(r#","refresh_token":null"#), Grant(3600)),
        ("A8 the same", 200, &[], with(r#","refresh_token":"old-refresh""#), Grant(3600)),
        // A9: permissions.
        ("A9 other scope", 200, &[], with(r#","scope":"Other.Read""#), Grant(3600)),
        ("A9 scope of another type", 200, &[], with(r#","scope":["a"]"#), Grant(3600)),
        // A10: what is none.
        (
            "A10 HTML 502",
            502,
            &[],
            text("<html>bad gateway</html>"),
            Outage("provider_unavailable", None),
        ),
        ("A10 empty 200", 200, &[], vec![], junk),
        ("A10 no content", 204, &[], vec![], junk),
        ("A10 truncated", 200, &[], text(r#"{"access_token":"a","#), junk),
        ("A10 wrong content type", 200, &[("content-type", "text/html")], with(""), Grant(3600)),
        ("A10 no content type, form", 200, &[], text("access_token=a&expires_in=60"), Grant(60)),
        ("A10 BOM", 200, &[], [b"\xef\xbb\xbf".as_slice(), &with("")].concat(), Grant(3600)),
        (
            "A10 UTF-16",
            200,
            &[],
            text("{\"access_token\":\"a\"}").iter().flat_map(|b| [*b, 0]).collect(),
            junk,
        ),
        ("A10 too long", 200, &[], long(300 << 10), Outage("provider_answer_too_large", None)),
        ("A10 an array", 200, &[], text(r#"[{"access_token":"a"}]"#), junk),
        ("A10 a word", 200, &[], text("ok"), junk),
        ("A10 HTML 200", 200, &[], text("<html>log in to the hotel's network</html>"), junk),
        // A11: no reason.
        ("A11 firewall 403", 403, &[], html.to_vec(), none),
        ("A11 portal 404", 404, &[], text("not here"), none),
        ("A11 400 without a body", 400, &[], vec![], none),
        ("A11 401 without a body", 401, &[], vec![], none),
        ("A11 JSON of another kind", 400, &[], text(r#"{"message":"no"}"#), none),
        ("A11 error of another type", 400, &[], text(r#"{"error":{"code":7}}"#), none),
        // A12: errors under 200.
        ("A12 known", 200, &[], error("invalid_grant"), Rejected("grant_ended")),
        (
            "A12 with a token",
            200,
            &[],
            text(r#"{"error":"invalid_grant","access_token":"a"}"#),
            Rejected("grant_ended"),
        ),
        ("A12 unknown", 200, &[], error("bad_refresh_token"), none),
        ("A12 empty error", 200, &[], with(r#","error":"""#), Grant(3600)),
        // A13 to A16: classes.
        ("A13", 400, &[], error("invalid_grant"), Rejected("grant_ended")),
        ("A13 under 401", 401, &[], error("invalid_grant"), Rejected("grant_ended")),
        (
            "A13 revoked",
            400,
            &[],
            text(r#"{"error":"invalid_grant","error_codes":[50173]}"#),
            Rejected("grant_revoked"),
        ),
        (
            "A13 but 50196",
            400,
            &[],
            text(r#"{"error":"invalid_grant","error_codes":[50196]}"#),
            Outage("too_many_identical_requests", Some(300)),
        ),
        (
            "A13 code in two numbers",
            400,
            &[],
            text(r#"{"error":"invalid_grant","error_codes":[70002,54005]}"#),
            Rejected("code_spent"),
        ),
        (
            "A13 number in the text",
            400,
            &[],
            text(r#"{"error":"invalid_grant","error_description":"AADSTS50057: off"}"#),
            Rejected("account_disabled"),
        ),
        (
            "A13 number of another class",
            400,
            &[],
            text(r#"{"error":"invalid_grant","error_codes":[7000222]}"#),
            Rejected("grant_ended"),
        ),
        ("A14 401", 401, &[], error("invalid_client"), Operator("client_refused")),
        ("A14 400", 400, &[], error("unauthorized_client"), Operator("client_unauthorized")),
        (
            "A14 7000222",
            401,
            &[],
            text(r#"{"error":"invalid_client","error_codes":[7000222]}"#),
            Operator("client_secret_expired"),
        ),
        ("A14 scope", 400, &[], error("invalid_scope"), Operator("scope_refused")),
        ("A14 request", 400, &[], error("invalid_request"), Operator("request_refused")),
        ("A14 while down", 503, &[], error("invalid_client"), none),
        (
            "A16 interaction",
            400,
            &[],
            error("interaction_required"),
            Rejected("interaction_required"),
        ),
        ("A16 consent", 400, &[], error("consent_required"), Rejected("consent_missing")),
        (
            "A16 claims",
            400,
            &[],
            text(
                r#"{"error":"interaction_required","error_codes":[50076],"claims":"{\"access_token\":{}}"}"#,
            ),
            Rejected("mfa_required"),
        ),
        ("A16 new word", 400, &[], error("something_new"), none),
        ("A16 pending outside a device's sign-in", 400, &[], error("authorization_pending"), junk),
        // A17: waiting.
        ("A17 429", 429, &[("retry-after", "7")], vec![], Outage("provider_throttled", Some(7))),
        (
            "A17 429 with an error",
            429,
            &[("retry-after", "7")],
            error("invalid_grant"),
            Outage("provider_throttled", Some(7)),
        ),
        ("A17 503", 503, &[("retry-after", "120")], vec![], wait(120)),
        ("A17 absurd", 503, &[("retry-after", "999999999")], vec![], wait(900)),
        ("A17 more absurd", 503, &[("retry-after", "99999999999999999999999")], vec![], wait(900)),
        (
            "A17 date",
            503,
            &[DATE, ("retry-after", "Sat, 21 Nov 2026 12:00:42 GMT")],
            vec![],
            wait(42),
        ),
        ("A17 past", 503, &[DATE, ("retry-after", "Sat, 21 Nov 2026 11:00:00 GMT")], vec![], none),
        (
            "A17 far date",
            503,
            &[DATE, ("retry-after", "Sun, 21 Nov 2027 12:00:00 GMT")],
            vec![],
            wait(900),
        ),
        ("A17 negative", 503, &[("retry-after", "-5")], vec![], none),
        ("A17 nonsense", 503, &[("retry-after", "later")], vec![], none),
        (
            "A17 temporarily",
            400,
            &[("retry-after", "3")],
            error("temporarily_unavailable"),
            wait(3),
        ),
        // A18: redirects.
        (
            "A18 302",
            302,
            &[("location", "https://elsewhere.example/")],
            vec![],
            Outage("provider_redirected", None),
        ),
        (
            "A18 307 with a token",
            307,
            &[("location", "https://elsewhere.example/")],
            with(""),
            Outage("provider_redirected", None),
        ),
        // A19: ambiguous or broken.
        ("A19 a token twice", 200, &[], with(r#","access_token":"b""#), junk),
        (
            "A19 a refresh token twice",
            200,
            &[],
            with(r#","refresh_token":"x","refresh_token":"y""#),
            junk,
        ),
        ("A19 twice in a form", 200, &[], text("access_token=a&access_token=b"), junk),
        ("A19 deep", 200, &[], "[".repeat(10_000).into_bytes(), junk),
        ("A19 deep inside", 200, &[], with(&format!(r#","x":{}"#, "[".repeat(5_000))), junk),
        ("A19 not UTF-8", 200, &[], b"{\"access_token\":\"\xff\"}".to_vec(), junk),
        ("A19 a control character", 200, &[], text("{\"access_token\":\"a\\u0000b\"}"), junk),
        ("A19 a space", 200, &[], text(r#"{"access_token":"a b"}"#), junk),
        ("A19 a line break", 200, &[], text("{\"access_token\":\"a\\r\\nX: y\"}"), junk),
        ("A19 a number", 200, &[], text(r#"{"access_token":7}"#), junk),
        // A20: kinds of tokens.
        ("A20 bearer", 200, &[], with(r#","token_type":"bearer""#), Grant(3600)),
        ("A20 BEARER", 200, &[], with(r#","token_type":"BEARER""#), Grant(3600)),
        ("A20 mac", 200, &[], with(r#","token_type":"mac""#), Operator("token_type_unknown")),
        ("A20 DPoP", 200, &[], with(r#","token_type":"DPoP""#), Operator("token_type_unknown")),
        ("A20 null", 200, &[], with(r#","token_type":null"#), Grant(3600)),
        // A21: long tokens.
        ("A21 16 KiB", 200, &[], long((16 << 10) + 1), Grant(3600)),
        ("A21 64 KiB", 200, &[], long(64 << 10), Grant(3600)),
        ("A21 more", 200, &[], long((64 << 10) + 1), junk),
        // What is new is ignored.
        (
            "unknown members",
            200,
            &[],
            with(r#","new":{"a":[1,null]},"ext_expires_in":0"#),
            Grant(3600),
        ),
        ("201", 201, &[], with(""), Grant(3600)),
    ]
}

async fn ask(http: &Script) -> Result<evergrant::Grant, AuthError> {
    let microsoft = Microsoft {
        client_id: Some("app".to_owned()),
        client_secret: Some("secret".into()),
        ..Microsoft::default()
    };
    let (providers, _) = all(&Settings { microsoft, ..Settings::default() }).unwrap();
    let provider = providers.find(&"microsoft_outlook".into()).unwrap();
    let held = grant();
    provider.refresh(http, now(), RefreshAsk { grant: &held, claims: None }).await
}

#[tokio::test]
async fn every_answer_comes_to_what_it_means() {
    let table = table();
    assert!(table.len() >= 60);
    for (name, status, headers, body, expected) in table {
        let http = Script::default().with(TOKEN, status, headers, &body);
        let answer = ask(&http).await;
        // One request, whatever comes: no redirect, no retry.
        assert_eq!(http.asked().len(), 1, "{name}");
        let same = |failure: &Failure, code: &str| {
            assert!(!failure.message.is_empty() && !failure.remedy.is_empty(), "{name}");
            assert_eq!(failure.code, code, "{name}");
        };
        match (answer, expected) {
            (Ok(grant), Grant(seconds)) => {
                assert_eq!(grant.lifetime(), Duration::from_secs(seconds), "{name}");
                assert_eq!(grant.obtained_at, now(), "A6: from when it was asked for");
                assert_eq!(grant.refresh, Some("old-refresh".into()), "{name}");
            }
            (Err(AuthError::Rejected(failure)), Rejected(code))
            | (Err(AuthError::Misconfigured(failure)), Operator(code)) => same(&failure, code),
            (Err(AuthError::Unavailable { failure, retry_after, sent }), Outage(code, wait)) => {
                same(&failure, code);
                // Who asks to slow down has not spent anything.
                assert_eq!(sent, status != 429, "{name}");
                assert_eq!(retry_after, wait.map(Duration::from_secs), "{name}");
            }
            (answer, expected) => panic!("{name}: {answer:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn what_never_came_says_whether_it_was_sent() {
    let host = || "login.example".to_owned();
    let unsent = |detail: &str| TransportError::Unsent { host: host(), detail: detail.to_owned() };
    let lost =
        |detail: &str| TransportError::Unanswered { host: host(), detail: detail.to_owned() };
    let cases = [
        (unsent("dns error: failed to lookup address information"), "provider_name_unresolved"),
        (
            unsent("tcp connect error: Connection refused (os error 111)"),
            "provider_connection_refused",
        ),
        (unsent("invalid peer certificate: UnknownIssuer"), "provider_tls_failed"),
        (unsent("operation timed out"), "provider_timeout"),
        (unsent("network is unreachable"), "provider_unreachable"),
        (lost("operation timed out"), "provider_timeout"),
        (lost("connection reset by peer"), "provider_connection_lost"),
        (lost("connection closed before message completed"), "provider_connection_lost"),
        (TransportError::TooLarge { host: host(), limit: 7 }, "provider_answer_too_large"),
    ];
    for (error, code) in cases {
        let expected = error.sent();
        let http = Script::default().then(TOKEN, Err(error));
        let Err(AuthError::Unavailable { failure, sent, .. }) = ask(&http).await else {
            panic!("{code}")
        };
        assert_eq!((failure.code.as_str(), sent), (code, expected));
    }
}
