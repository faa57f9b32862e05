//! Faults: every error code there is, on demand, and the ways of the stage.

use serde_json::{Value, json};

use super::{Desk, KEY, PREFIX, assert_refused, example};

/// Section 3 of the contract, line by line. Where it names a family, one of its members.
const CODES: &[(&str, u16)] = &[
    ("error.security.oauth-token-invalid", 401),
    ("error.security.client-token-invalid", 401),
    ("error.security.account-token-invalid", 401),
    ("error.security.client-token-missing", 401),
    ("error.security.account-token-missing", 401),
    ("error.security.invalid-details", 401),
    ("error.security.too-many-failed-attempts", 401),
    ("error.security.account-access-denied", 401),
    ("error.security.account-suspended", 401),
    ("error.security.account-not-yet-activated", 401),
    ("error.security.account-migrated", 401),
    ("error.security.all-accounts-pending", 401),
    ("error.security.all-accounts-suspended", 401),
    ("error.security.client-suspended", 401),
    ("error.security.invalid-application", 401),
    ("error.security.invalid-website", 401),
    ("authentication.failure.not-a-client-account", 401),
    ("error.public-api.failure.kyc.required", 401),
    ("error.public-api.failure.pending.agreements.required", 401),
    ("error.public-api.failure.missing.credentials", 401),
    ("error.public-api.failure.preferred.account.disabled", 401),
    ("error.public-api.failure.preferred.account.not.set", 401),
    ("error.security.generic", 401),
    ("error.security.api-key-missing", 400),
    ("error.security.api-key-invalid", 403),
    ("error.security.api-key-disabled", 403),
    ("error.security.api-key-revoked", 403),
    ("error.security.api-key-restricted", 403),
    ("unauthorised.api-key.revoked", 403),
    ("unauthorised.clientId.api-key.mismatch", 403),
    ("endpoint.unavailable.for.api-key", 403),
    ("error.public-api.failure.stockbroking-not-supported", 403),
    ("error.public-api.failure.encryption.required", 400),
    ("error.public-api.exceeded-api-key-allowance", 403),
    ("error.public-api.exceeded-account-allowance", 403),
    ("error.public-api.exceeded-account-trading-allowance", 403),
    ("error.public-api.exceeded-account-historical-data-allowance", 403),
    ("unauthorised.access.to.equity.exception", 403),
    ("invalid.input", 400),
    ("invalid.input.too.many.markets", 400),
    ("invalid.request.forceOpen", 400),
    ("validation.null-not-allowed.request", 400),
    ("error.request.invalid.date-range", 400),
    ("error.request.invalid.page-size", 400),
    ("error.invalid.daterange", 400),
    ("error.malformed.date", 400),
    ("error.unsupported.epic", 400),
    ("error.public-api.too-many-epics", 400),
    ("error.trading.otc.market-orders.not-supported", 400),
    ("error.trading.otc.instrument-not-found", 400),
    ("error.service.watchlists.add-instrument.invalid-epic", 400),
    ("error.watchlists.management.cannot-delete-watchlist", 400),
    ("error.watchlists.management.duplicate-name", 400),
    ("error.watchlists.management.watchlist-not-found", 400),
    ("invalid.url", 404),
    ("error.confirms.deal-not-found", 404),
    ("error.position.notfound", 404),
    ("error.public-api.epic-not-found", 404),
    ("error.invalid.watchlist", 404),
    ("error.price-history.io-error", 404),
    ("error.error.price-history.io-error", 404),
    ("system.error", 500),
    ("error.positions.generic", 500),
    ("error.watchlists.management.error", 500),
    ("error.switch.cannot-set-default-account", 500),
    ("error.security.get.session.timeout", 500),
    ("error.security.authentication.timeout", 504),
    ("error.switch.accountId-must-be-different", 400),
    ("error.switch.invalid-accountId", 400),
];

/// Scripts an answer with a code.
async fn script(desk: &Desk, site: &str, code: &str) {
    desk.play.fault(json!({ "where": site, "do": { "ig_error": code } })).await;
}

#[tokio::test]
async fn every_code_of_the_contract_comes_on_demand_with_its_status() {
    let desk = Desk::v3().await;
    for (code, status) in CODES {
        script(&desk, "ig", code).await;
        assert_refused(&desk.get("/accounts").await, *status, code);
        script(&desk, "ig.session", code).await;
        assert_refused(&desk.knock(3, "trader", "sandbox").await, *status, code);
        script(&desk, "ig.refresh", code).await;
        assert_refused(&desk.refresh(&json!("x")).await, *status, code);
    }
    assert_eq!(desk.get("/accounts").await.status, 200);
}

#[tokio::test]
async fn every_example_of_an_error_comes_with_the_status_of_its_name() {
    let desk = Desk::v3().await;
    let folder = format!("{}/src/ig/fixtures", env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let Some(rest) = name.strip_prefix("error_") else { continue };
        let (_, status) = rest.trim_end_matches(".json").rsplit_once('_').unwrap();
        let expected = example(&name);
        script(&desk, "ig", expected["errorCode"].as_str().unwrap()).await;
        let answer = desk.get("/accounts").await;
        assert_eq!((answer.status.to_string().as_str(), &answer.json), (status, &expected));
        seen += 1;
    }
    assert!(seen >= 21, "only {seen} examples");
}

#[tokio::test]
async fn a_fault_is_for_a_login_a_refresh_or_any_other_call() {
    let mut desk = Desk::new();
    let login = desk.log_in(3).await;
    let token = &login["oauthToken"]["refresh_token"];
    for site in ["ig.session", "ig.refresh", "ig"] {
        script(&desk, site, "system.error").await;
        let struck = [
            ("ig.session", desk.knock(2, "trader", "sandbox").await.status == 500),
            ("ig.refresh", desk.refresh(&json!("x")).await.status == 500),
            ("ig", desk.get("/session").await.status == 500),
        ];
        for (name, is_struck) in struck {
            assert_eq!(is_struck, name == site, "{site} at {name}");
        }
    }
    assert_eq!(desk.refresh(token).await.status, 200);
}

#[tokio::test]
async fn a_fault_can_be_for_one_client_one_key_or_one_path() {
    let desk = Desk::v3().await;
    let fault = |matching: Value| {
        json!({
            "where": "ig", "match": matching, "do": { "ig_error": "system.error" },
        })
    };
    for matching in [
        json!({ "account": "investor" }),
        json!({ "client": "investor-key" }),
        json!({ "path": format!("{PREFIX}/session") }),
        json!({ "method": "PUT" }),
    ] {
        desk.play.fault(fault(matching)).await;
        assert_eq!(desk.get("/accounts").await.status, 200);
    }
    desk.play.control("DELETE", "faults", &json!({})).await;
    for matching in [
        json!({ "account": "trader" }),
        json!({ "client": KEY }),
        json!({ "path": format!("{PREFIX}/acc") }),
        json!({ "method": "GET" }),
    ] {
        desk.play.fault(fault(matching)).await;
        assert_refused(&desk.get("/accounts").await, 500, "system.error");
    }
    desk.play
        .fault(json!({
            "where": "ig.session", "match": { "account": "trader" }, "do": { "status": 503 },
        }))
        .await;
    assert_refused(&desk.knock(3, "trader", "sandbox").await, 503, "system.error");
    assert_eq!(desk.knock(3, "trader", "sandbox").await.status, 200);
}

#[tokio::test]
async fn one_of_several_calls_can_be_refused() {
    let desk = Desk::v3().await;
    script(&desk, "ig", "error.security.oauth-token-invalid").await;
    let answers = futures_util::future::join_all((0..8).map(|_| desk.get("/accounts"))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 7);
}

#[tokio::test]
async fn a_page_that_is_not_there_is_one_for_people() {
    let desk = Desk::v3().await;
    desk.play.fault(json!({ "where": "ig", "do": { "status": 404 } })).await;
    let answer = desk.get("/accounts").await;
    assert_eq!(answer.status, 404);
    assert!(answer.header("content-type").starts_with("text/html"), "{:?}", answer.head);
    assert!(answer.json.is_null() && answer.text.contains("<html"), "{}", answer.text);
    // A code may come with the other status that the contract names.
    let deed = json!({ "ig_error": "error.security.get.session.timeout", "status": 504 });
    desk.play.fault(json!({ "where": "ig", "do": deed })).await;
    let answer = desk.get("/session").await;
    assert_refused(&answer, 504, "error.security.get.session.timeout");
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_has_spent_the_token() {
    let mut desk = Desk::new();
    let login = desk.log_in(3).await;
    let token = &login["oauthToken"]["refresh_token"];
    let request = || {
        let body = json!({ "refresh_token": token }).to_string();
        let path = format!("{PREFIX}/session/refresh-token");
        desk.play.request("POST", &path, &[("X-IG-API-KEY", KEY)], body)
    };
    desk.play.fault(json!({ "where": "ig.refresh", "do": { "drop": true } })).await;
    desk.play.send(request()).await.unwrap_err();
    assert_eq!(desk.counts().refreshes, 0);
    desk.play.fault(json!({ "where": "ig.refresh", "do": { "drop_after_commit": true } })).await;
    desk.play.send(request()).await.unwrap_err();
    assert_eq!(desk.counts().refreshes, 1);
    assert_refused(&desk.refresh(token).await, 401, "error.security.oauth-token-invalid");
}

#[tokio::test]
async fn a_fault_that_ig_cannot_do_is_not_scripted() {
    let desk = Desk::new();
    for fault in [
        json!({ "where": "ig", "do": { "ig_error": "error.security.unheard-of" } }),
        json!({ "where": "ig", "do": { "ig_error": 401 } }),
        json!({ "where": "ig", "do": { "ig_error": "system.error", "body": {} } }),
        json!({ "where": "ig", "do": { "aadsts": 7_000_222 } }),
        json!({ "where": "ig", "do": { "body": {} } }),
        json!({ "where": "ig.nowhere", "do": { "status": 500 } }),
        json!({ "where": "ig", "match": { "tenant": "x" }, "do": { "status": 500 } }),
    ] {
        let answer = desk.play.control("POST", "faults", &fault).await;
        assert_eq!(answer.status, 422, "{fault}: {}", answer.text);
    }
}
