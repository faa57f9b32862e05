//! What real clients send, replayed: the calls about sessions, accounts and keys.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Desk, KEY, PREFIX, text};
use crate::play::Answer;

const TRACES: &[(&str, usize)] = &[
    ("client_wire_trading-ig-0.0.25_v2.jsonl", 8),
    ("client_wire_trading-ig-0.0.25_v3.jsonl", 8),
    ("client_wire_ig-client-0.18.3_v2.jsonl", 4),
    ("client_wire_ig-client-0.18.3_v3.jsonl", 5),
];

/// The tokens of a trace, and what the sandbox gave instead.
#[derive(Default)]
struct Tokens {
    known: HashMap<String, String>,
    pairs: u32,
}

impl Tokens {
    /// The value of a header as the sandbox's client would have it.
    fn own(&self, value: &str) -> String {
        match value {
            "FAKEKEY" => KEY.to_owned(),
            "Bearer AT-1" => format!("Bearer {}", self.known["AT-1"]),
            _ => self.known.get(value).cloned().unwrap_or_else(|| value.to_owned()),
        }
    }

    /// Learns the tokens of an answer under the names that the trace has for them: each answer
    /// with tokens has the next number.
    fn learn(&mut self, answer: &Answer) {
        let access = answer.json["oauthToken"]["access_token"].as_str();
        let has_pair = answer.head.contains_key("cst");
        if access.is_some() || has_pair {
            self.pairs += 1;
        }
        if let Some(access) = access {
            self.known.insert(format!("AT-{}", self.pairs), access.to_owned());
        }
        if has_pair {
            let number = self.pairs;
            self.known.insert(format!("CST-{number}"), answer.header("cst").to_owned());
            let xst = answer.header("x-security-token").to_owned();
            self.known.insert(format!("XST-{number}"), xst);
        }
    }
}

fn is_ours(call: &Value) -> bool {
    let path = call["path"].as_str().unwrap().strip_prefix(PREFIX).unwrap();
    ["/session", "/accounts", "/operations"].iter().any(|ours| path.starts_with(ours))
}

/// A call of a trace. The last one of each was written down without its headers; it is a logout
/// (contract, 2.6), which is sent like the call before.
async fn replay(desk: &Desk, tokens: &Tokens, call: &Value, head_before: &Value) -> Answer {
    let is_logout = call["headers"].as_object().unwrap().is_empty();
    let head = if is_logout { head_before } else { &call["headers"] };
    let mut head: Vec<_> = head
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), tokens.own(value.as_str().unwrap())))
        .collect();
    if let Some(version) = call["version"].as_str() {
        head.push(("VERSION".to_owned(), version.to_owned()));
    }
    let mut body = call["body"].clone();
    if body.get("identifier").is_some() {
        body = json!({ "identifier": "trader", "password": "sandbox" });
    }
    if is_logout {
        head.push(("_method".to_owned(), "DELETE".to_owned()));
        body = json!({});
    }
    let head: Vec<_> = head.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let method = call["method"].as_str().unwrap();
    let request = desk.play.request(method, call["path"].as_str().unwrap(), &head, body);
    desk.play.send(request).await.unwrap()
}

#[tokio::test]
async fn what_real_clients_send_succeeds() {
    for (file, expected) in TRACES {
        let desk = Desk::new();
        let mut tokens = Tokens::default();
        let mut head = Value::Null;
        let mut replayed = 0;
        for line in text(file).lines() {
            let call: Value = serde_json::from_str(line).unwrap();
            if is_ours(&call) {
                let answer = replay(&desk, &tokens, &call, &head).await;
                assert_eq!(call["mock_status"], answer.status, "{file} {call}: {}", answer.text);
                if answer.status == 200 && call["method"] != "PUT" {
                    tokens.learn(&answer);
                }
                // A switch brings a new token for the calls that follow.
                if call["method"] == "PUT" && answer.head.contains_key("x-security-token") {
                    let xst = answer.header("x-security-token").to_owned();
                    tokens.known.insert("XST-2".to_owned(), xst);
                }
                head = call["headers"].clone();
                replayed += 1;
            }
        }
        assert_eq!(replayed, *expected, "{file}");
    }
}
