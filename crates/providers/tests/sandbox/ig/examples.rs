//! Every example payload of the contract about sessions, accounts and keys: the sandbox takes the
//! requests, and its answers have the same members of the same types.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Desk, KEY, assert_refused, example};
use crate::play::{Answer, assert_same_shape};

/// Examples that another test uses, or that are no bodies of answers.
const ELSEWHERE: &[&str] = &[
    // Headers, checked below by name.
    "session_headers.json",
    // A placeholder instead of a password; `encryption` has a real one.
    "session_POST_v2_encrypted_request.json",
    // Account ids that exist only there; `pairs` has the rest.
    "session_PUT_v1_request.json",
    // A refresh token that exists only there; `refresh` has the rest.
    "session_refresh-token_POST_v1_request.json",
];

/// A desk, and the examples that were compared.
struct Bench {
    desk: Desk,
    used: BTreeSet<String>,
}

impl Bench {
    /// Compares an answer with an example.
    fn like(&mut self, name: &str, answer: &Answer) {
        self.used.insert(name.to_owned());
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        assert_same_shape(name, &example(name), &answer.json);
    }

    /// The body of an example, as the sandbox's client would send it.
    fn request(&mut self, name: &str) -> Value {
        self.used.insert(name.to_owned());
        let mut body = example(name);
        for (member, value) in [("identifier", "trader"), ("password", "sandbox")] {
            if body.get(member).is_some() {
                body[member] = json!(value);
            }
        }
        body
    }
}

#[tokio::test]
async fn answers_have_the_members_and_types_of_the_examples() {
    let mut bench = Bench { desk: Desk::new(), used: BTreeSet::new() };
    let body = bench.request("session_POST_v3_request.json");
    let login = bench.desk.send("POST", "/session", 3, &body).await;
    bench.like("session_POST_v3_200.json", &login);
    let answer = bench.desk.refresh(&login.json["oauthToken"]["refresh_token"]).await;
    bench.like("session_refresh-token_POST_v1_200.json", &answer);
    bench.desk.carry(&answer);
    let answer = bench.desk.get("/session").await;
    bench.like("session_GET_v1_200.json", &answer);
    let answer = bench.desk.get("/session?fetchSessionTokens=true").await;
    bench.like("session_GET_v1_fetchSessionTokens_200.json", &answer);
    let answer = bench.desk.get("/session/encryptionKey").await;
    bench.like("session_encryptionKey_GET_v1_200.json", &answer);

    bench.desk.set("Authorization", "");
    let body = bench.request("session_POST_v2_request.json");
    let login = bench.desk.send("POST", "/session", 2, &body).await;
    bench.like("session_POST_v2_200_body.json", &login);
    for name in example("session_headers.json").as_object().unwrap().keys() {
        let is_header = name != "_comment";
        assert!(!is_header || login.head.contains_key(name.as_str()), "{name}");
    }
    bench.desk.carry(&login);
    let body = json!({ "accountId": "XYZ987", "defaultAccount": false });
    let answer = bench.desk.send("PUT", "/session", 1, &body).await;
    bench.like("session_PUT_v1_200.json", &answer);
    bench.desk.carry(&answer);

    let answer = bench.desk.get("/accounts").await;
    bench.like("accounts_GET_v1_200.json", &answer);
    bench.like("accounts_GET_v1_200_b.json", &answer);
    let answer = bench.desk.get("/accounts/preferences").await;
    bench.like("accounts_preferences_GET_v1_200.json", &answer);
    let body = bench.request("accounts_preferences_PUT_v1_request.json");
    let answer = bench.desk.send("PUT", "/accounts/preferences", 1, &body).await;
    bench.like("accounts_preferences_PUT_v1_200.json", &answer);
    let answer = bench.desk.get("/operations/application").await;
    bench.like("operations_application_GET_v1_200.json", &answer);
    assert_eq!(answer.json[0]["apiKey"], KEY);

    let folder = format!("{}/src/ig/fixtures", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let ours = |name: &String| {
        ["session_", "accounts_", "operations_"].iter().any(|prefix| name.starts_with(prefix))
    };
    let left: Vec<_> = files
        .map(|name| name.into_string().unwrap())
        .filter(ours)
        .filter(|name| !bench.used.contains(name) && !ELSEWHERE.contains(&name.as_str()))
        .collect();
    assert!(left.is_empty(), "not compared: {left:?}");
}

#[tokio::test]
async fn the_requests_with_placeholders_are_understood() {
    let mut desk = Desk::v2().await;
    let body = example("session_PUT_v1_request.json");
    let answer = desk.send("PUT", "/session", 1, &body).await;
    assert_refused(&answer, 400, "error.switch.invalid-accountId");
    let body = example("session_refresh-token_POST_v1_request.json");
    let answer = desk.send("POST", "/session/refresh-token", 1, &body).await;
    assert_refused(&answer, 401, "error.security.oauth-token-invalid");
    desk.head.truncate(1);
    let body = example("session_POST_v2_encrypted_request.json");
    let answer = desk.send("POST", "/session", 2, &body).await;
    assert_refused(&answer, 401, "error.security.invalid-details");
}
