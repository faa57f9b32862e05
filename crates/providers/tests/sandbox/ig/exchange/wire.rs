//! What real clients send, replayed: the calls about markets, prices, dealing and history.

use serde_json::{Value, json};

use super::{Desk, confirm, text, trader};
use crate::ig::PREFIX;
use crate::play::Answer;

const TRACES: &[(&str, usize)] = &[
    ("client_wire_trading-ig-0.0.25_v2.jsonl", 29),
    ("client_wire_trading-ig-0.0.25_v3.jsonl", 29),
    ("client_wire_ig-client-0.18.3_v2.jsonl", 17),
    ("client_wire_ig-client-0.18.3_v3.jsonl", 17),
];
/// What belongs to sessions, accounts and keys is replayed elsewhere.
const ELSEWHERE: &[&str] = &["/session", "/accounts", "/operations"];

/// The names of a trace, and what they are here: references of deals, in their order.
struct Names {
    references: Vec<String>,
    watchlist: String,
}

impl Names {
    fn own(&self, path: &str) -> String {
        let number = path.strip_prefix("/confirms/FAKEREF").map(|_| self.references.len());
        match (number, path) {
            (Some(0), _) => path.to_owned(),
            (Some(_), _) => format!("/confirms/{}", self.references.last().unwrap()),
            (None, "/watchlists/1") => format!("/watchlists/{}", self.watchlist),
            (None, path) => path.to_owned(),
        }
    }
}

/// What the traces speak of: a position, and the confirm of its reference.
async fn scene() -> Desk {
    let desk = trader().await;
    let position = json!({
        "account": "ABC123", "epic": super::ALWAYS, "direction": "BUY", "size": 2,
        "deal_id": "D1", "reference": "FAKEREF0001",
    });
    desk.direct("position", position).await;
    desk
}

/// A call of a trace, with the tokens of the sandbox and everything else as it was sent.
async fn replay(desk: &mut Desk, call: &Value, path: &str) -> Answer {
    let tunnelled = call["headers"]["_method"].as_str().unwrap_or_default();
    desk.set("_method", tunnelled);
    let accept = call["headers"]["Accept"].as_str().or(call["headers"]["accept"].as_str());
    desk.set("Accept", accept.unwrap_or_default());
    let version = call["version"].as_str().unwrap().parse().unwrap();
    desk.send(call["method"].as_str().unwrap(), path, version, &call["body"]).await
}

#[tokio::test]
async fn what_real_clients_send_succeeds() {
    for (file, expected) in TRACES {
        let mut desk = scene().await;
        let mut names = Names { references: Vec::new(), watchlist: "12345678".to_owned() };
        let mut replayed = 0;
        for line in text(file).lines() {
            let call: Value = serde_json::from_str(line).unwrap();
            let path = call["path"].as_str().unwrap().strip_prefix(PREFIX).unwrap();
            if ELSEWHERE.iter().any(|other| path.starts_with(other)) {
                continue;
            }
            let answer = replay(&mut desk, &call, &names.own(path)).await;
            assert_eq!(answer.status, 200, "{file} {call}: {}", answer.text);
            names.references.extend(
                answer.json["dealReference"]
                    .as_str()
                    .filter(|_| !path.starts_with("/confirms"))
                    .map(str::to_owned),
            );
            names.watchlist =
                answer.json["watchlistId"].as_str().unwrap_or(&names.watchlist).to_owned();
            replayed += 1;
        }
        assert_eq!(replayed, *expected, "{file}");
    }
}

#[tokio::test]
async fn the_position_of_the_traces_is_really_closed() {
    let mut desk = scene().await;
    let body = json!({
        "dealId": "D1", "direction": "SELL", "epic": null, "expiry": null, "level": null,
        "orderType": "MARKET", "quoteId": null, "size": 2.0,
    });
    let answer = desk.delete("/positions/otc", 1, &body).await;
    assert_eq!(confirm(&desk, &answer).await["dealStatus"], "ACCEPTED");
    assert!(super::positions(&desk).await.is_empty());
}
