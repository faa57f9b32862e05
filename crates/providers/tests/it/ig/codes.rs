//! Every error code of the contract's section 3: what it says of the token, of a call, and of a sign-in.

use std::collections::BTreeSet;

use evergrant::provider::{AuthError, Evidence, Verdict};
use evergrant::{CallError, Denial, TokenError};
use serde_json::Value;

use super::office::{Office, said};
use super::{SESSION, error, fixture, form, provider};
use crate::script::{Script, now};

/// Status, code, verdict, what becomes of a call, and of a sign-in.
const CODES: &[(u16, &str, &str, &str, &str)] = &[
    (401, "error.security.oauth-token-invalid", "token", "again", "rejected session_ended"),
    (401, "error.security.client-token-invalid", "token", "again", "rejected session_ended"),
    (401, "error.security.account-token-invalid", "token", "again", "rejected session_ended"),
    (401, "error.security.client-token-missing", "token", "again", "rejected session_ended"),
    (401, "error.security.account-token-missing", "token", "again", "rejected session_ended"),
    (
        401,
        "error.security.invalid-details",
        "accepted",
        "forbidden wrong_password",
        "rejected wrong_password",
    ),
    (
        401,
        "error.security.too-many-failed-attempts",
        "accepted",
        "forbidden login_locked",
        "rejected login_locked",
    ),
    (
        401,
        "error.security.account-access-denied",
        "accepted",
        "forbidden account_denied",
        "rejected account_denied",
    ),
    (
        401,
        "error.security.account-suspended",
        "accepted",
        "forbidden account_suspended",
        "rejected account_suspended",
    ),
    (
        401,
        "error.security.account-not-yet-activated",
        "accepted",
        "forbidden account_pending",
        "rejected account_pending",
    ),
    (
        401,
        "error.security.account-migrated",
        "accepted",
        "forbidden account_migrated",
        "rejected account_migrated",
    ),
    (
        401,
        "error.security.all-accounts-pending",
        "accepted",
        "forbidden account_pending",
        "rejected account_pending",
    ),
    (
        401,
        "error.security.all-accounts-suspended",
        "accepted",
        "forbidden account_suspended",
        "rejected account_suspended",
    ),
    (
        401,
        "error.security.client-suspended",
        "accepted",
        "forbidden account_suspended",
        "rejected account_suspended",
    ),
    (
        401,
        "error.security.invalid-application",
        "accepted",
        "forbidden login_not_for_api",
        "rejected login_not_for_api",
    ),
    (
        401,
        "error.security.invalid-website",
        "accepted",
        "forbidden login_not_for_api",
        "rejected login_not_for_api",
    ),
    (
        401,
        "authentication.failure.not-a-client-account",
        "accepted",
        "forbidden not_a_client",
        "rejected not_a_client",
    ),
    (
        401,
        "error.public-api.failure.kyc.required",
        "accepted",
        "forbidden identity_required",
        "rejected identity_required",
    ),
    (
        401,
        "error.public-api.failure.pending.agreements.required",
        "accepted",
        "forbidden agreements_required",
        "rejected agreements_required",
    ),
    (
        401,
        "error.public-api.failure.missing.credentials",
        "accepted",
        "forbidden credentials_missing",
        "rejected credentials_missing",
    ),
    (
        401,
        "error.public-api.failure.preferred.account.disabled",
        "accepted",
        "forbidden default_account_missing",
        "rejected default_account_missing",
    ),
    (
        401,
        "error.public-api.failure.preferred.account.not.set",
        "accepted",
        "forbidden default_account_missing",
        "rejected default_account_missing",
    ),
    (401, "error.security.generic", "token", "again", "rejected login_refused"),
    (
        400,
        "error.security.api-key-missing",
        "key",
        "operator api_key_invalid",
        "operator api_key_invalid",
    ),
    (
        403,
        "error.security.api-key-invalid",
        "key",
        "operator api_key_invalid",
        "operator api_key_invalid",
    ),
    (
        403,
        "error.security.api-key-disabled",
        "key",
        "operator api_key_refused",
        "operator api_key_refused",
    ),
    (
        403,
        "error.security.api-key-revoked",
        "key",
        "operator api_key_refused",
        "operator api_key_refused",
    ),
    (
        403,
        "error.security.api-key-restricted",
        "key",
        "operator api_key_refused",
        "operator api_key_refused",
    ),
    (
        403,
        "unauthorised.api-key.revoked",
        "key",
        "operator api_key_refused",
        "operator api_key_refused",
    ),
    (
        403,
        "unauthorised.clientId.api-key.mismatch",
        "accepted",
        "operator api_key_of_another",
        "operator api_key_of_another",
    ),
    (
        403,
        "endpoint.unavailable.for.api-key",
        "accepted",
        "forbidden not_for_this_key",
        "operator not_for_this_key",
    ),
    (
        403,
        "error.public-api.failure.stockbroking-not-supported",
        "accepted",
        "forbidden stockbroking",
        "rejected stockbroking",
    ),
    (403, "error.public-api.exceeded-api-key-allowance", "application 60", "wait 60", "wait 60"),
    (403, "error.public-api.exceeded-account-allowance", "account 60", "wait 60", "wait 60"),
    (
        403,
        "error.public-api.exceeded-account-trading-allowance",
        "trading 60",
        "wait 60",
        "wait 60",
    ),
    (
        403,
        "error.public-api.exceeded-account-historical-data-allowance",
        "history 3600",
        "wait 3600",
        "wait 3600",
    ),
    (
        403,
        "unauthorised.access.to.equity.exception",
        "accepted",
        "forbidden not_entitled",
        "rejected not_entitled",
    ),
    (400, "invalid.input", "accepted", "input input_refused", "rejected input_refused"),
    (
        400,
        "invalid.input.too.many.markets",
        "accepted",
        "input too_many_markets",
        "rejected too_many_markets",
    ),
    (400, "invalid.request.forceOpen", "accepted", "input input_refused", "rejected input_refused"),
    (
        400,
        "validation.null-not-allowed.request",
        "accepted",
        "input input_refused",
        "rejected input_refused",
    ),
    (
        400,
        "error.request.invalid.date-range",
        "accepted",
        "input dates_refused",
        "rejected dates_refused",
    ),
    (
        400,
        "error.request.invalid.page-size",
        "accepted",
        "input input_refused",
        "rejected input_refused",
    ),
    (400, "error.invalid.daterange", "accepted", "input dates_refused", "rejected dates_refused"),
    (400, "error.malformed.date", "accepted", "input dates_refused", "rejected dates_refused"),
    (400, "error.unsupported.epic", "accepted", "input market_refused", "rejected market_refused"),
    (
        400,
        "error.public-api.too-many-epics",
        "accepted",
        "input too_many_markets",
        "rejected too_many_markets",
    ),
    (
        400,
        "error.switch.accountId-must-be-different",
        "accepted",
        "input account_refused",
        "rejected account_refused",
    ),
    (
        400,
        "error.switch.invalid-accountId",
        "accepted",
        "input account_refused",
        "rejected account_refused",
    ),
    (
        400,
        "error.trading.otc.market-orders.not-supported",
        "accepted",
        "input market_orders_refused",
        "rejected market_orders_refused",
    ),
    (
        400,
        "error.trading.otc.instrument-not-found",
        "accepted",
        "not_found item_not_found",
        "operator token_endpoint_invalid",
    ),
    (
        400,
        "error.service.watchlists.add-instrument.invalid-epic",
        "accepted",
        "input market_refused",
        "rejected market_refused",
    ),
    (
        400,
        "error.watchlists.management.cannot-delete-watchlist",
        "accepted",
        "forbidden list_is_theirs",
        "rejected list_is_theirs",
    ),
    (
        400,
        "error.watchlists.management.duplicate-name",
        "accepted",
        "input name_taken",
        "rejected name_taken",
    ),
    (
        400,
        "error.watchlists.management.watchlist-not-found",
        "accepted",
        "not_found item_not_found",
        "operator token_endpoint_invalid",
    ),
    (404, "invalid.url", "accepted", "not_found operation_gone", "operator token_endpoint_invalid"),
    (
        404,
        "error.confirms.deal-not-found",
        "accepted",
        "not_found item_not_found",
        "operator token_endpoint_invalid",
    ),
    (
        404,
        "error.position.notfound",
        "accepted",
        "not_found item_not_found",
        "operator token_endpoint_invalid",
    ),
    (
        404,
        "error.public-api.epic-not-found",
        "accepted",
        "not_found item_not_found",
        "operator token_endpoint_invalid",
    ),
    (
        404,
        "error.invalid.watchlist",
        "accepted",
        "not_found item_not_found",
        "operator token_endpoint_invalid",
    ),
    (
        404,
        "error.price-history.io-error",
        "accepted",
        "input prices_refused",
        "rejected prices_refused",
    ),
    (
        500,
        "error.price-history.io-error",
        "accepted",
        "input prices_refused",
        "rejected prices_refused",
    ),
    (500, "system.error", "down", "down", "wait"),
    (500, "error.positions.generic", "down", "down", "wait"),
    (500, "error.watchlists.management.error", "down", "down", "wait"),
    (500, "error.switch.cannot-set-default-account", "down", "down", "wait"),
    (500, "error.security.get.session.timeout", "down", "down", "wait"),
    (504, "error.security.get.session.timeout", "down", "down", "wait"),
    (504, "error.security.authentication.timeout", "down", "down", "wait"),
    // What nobody has heard of: a sign-in is not tried again, a call is told as it came.
    (401, "error.security.brand-new", "accepted", "refused 401", "rejected login_refused"),
    (403, "brand.new", "accepted", "refused 403", "rejected login_refused"),
    (404, "brand.new", "accepted", "refused 404", "wait"),
    (500, "brand.new", "down", "down", "wait"),
    // And what is not IG's own words at all.
    (401, "", "token", "again", "wait"),
    (403, "", "accepted", "refused 403", "wait"),
    (404, "", "accepted", "refused 404", "wait"),
    (429, "", "stop", "throttled", "wait"),
    (502, "", "down", "down", "wait"),
    (503, "", "down", "down", "wait"),
];

fn page(code: &str) -> String {
    if code.is_empty() { "<html><body>Not here</body></html>".to_owned() } else { error(code) }
}

fn verdict(status: u16, code: &str) -> String {
    match provider().judge(&said(status, &page(code))) {
        Verdict::Accepted => "accepted".to_owned(),
        Verdict::TokenRejected { .. } => "token".to_owned(),
        Verdict::Unavailable => "down".to_owned(),
        Verdict::Misconfigured(_) => "key".to_owned(),
        Verdict::Throttled { allowance: Some(kind), retry_after } => {
            format!("{kind} {}", retry_after.unwrap().as_secs())
        }
        Verdict::Throttled { allowance: None, .. } => "stop".to_owned(),
    }
}

/// What becomes of a call.
fn call(error: &CallError) -> String {
    match error {
        CallError::Denied { denial, failure } => {
            let kind = match denial {
                Denial::Forbidden => "forbidden",
                Denial::Input => "input",
                Denial::ItemNotFound => "not_found",
                other => panic!("{other:?}"),
            };
            format!("{kind} {}", failure.code)
        }
        CallError::Token(TokenError::Misconfigured(failure)) => {
            format!("operator {}", failure.code)
        }
        CallError::Throttled { retry_after: Some(wait) } => format!("wait {}", wait.as_secs()),
        CallError::Throttled { retry_after: None } => "throttled".to_owned(),
        CallError::Unavailable { sent: true, .. } => "down".to_owned(),
        // A new token was fetched, and refused as well.
        CallError::TokenRefused => "again".to_owned(),
        CallError::Refused { status, .. } => format!("refused {}", status.as_u16()),
        other => panic!("{other:?}"),
    }
}

fn sign_in(error: &AuthError) -> String {
    match error {
        AuthError::Rejected(failure) => format!("rejected {}", failure.code),
        AuthError::Misconfigured(failure) => format!("operator {}", failure.code),
        AuthError::Unavailable { retry_after: Some(wait), .. } => {
            format!("wait {}", wait.as_secs())
        }
        AuthError::Unavailable { .. } => "wait".to_owned(),
        AuthError::Pending { .. } => panic!(),
    }
}

#[test]
fn each_code_says_whose_fault_it_is_to_the_gateway() {
    for (status, code, expected, ..) in CODES {
        assert_eq!(verdict(*status, code), *expected, "{status} {code}");
    }
}

#[tokio::test]
async fn each_code_has_its_meaning_for_a_call() {
    for (status, code, _, expected, _) in CODES {
        let answer = said(*status, &page(code));
        // A new token can be had, and is none the wiser.
        let office = Office::with(&[("keep_login", "yes")], move |request| {
            let refresh = request.uri().path().ends_with("/refresh-token");
            let next = fixture("session_refresh-token_POST_v1_200");
            Ok(if refresh { said(200, &next) } else { answer.clone() })
        })
        .await;
        let provider = std::sync::Arc::clone(office.api.provider());
        let trading = provider.trading().unwrap();
        let refused = office.run(trading.accounts(&office.api)).await.unwrap_err();
        assert_eq!(call(&refused), *expected, "{status} {code}");
        if let CallError::Denied { failure, .. } = &refused {
            assert_eq!(failure.provider_code.as_deref(), Some(*code));
        }
    }
}

#[tokio::test]
async fn each_code_has_its_meaning_for_a_sign_in() {
    for (status, code, _, _, expected) in CODES {
        let script = Script::default().on(SESSION, *status, &page(code));
        let refused = provider()
            .redeem(&script, now(), Evidence::Form { fields: form(&[]), previous: None })
            .await;
        assert_eq!(sign_in(&refused.unwrap_err()), *expected, "{status} {code}");
        let most = if *code == "error.security.generic" { 2 } else { 1 };
        assert_eq!(script.asked().len(), most, "{status} {code}");
    }
}

#[test]
fn every_error_among_the_examples_is_in_the_table() {
    let folder = format!("{}/src/ig/fixtures", env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_prefix("error_").and_then(|n| n.strip_suffix(".json")) else {
            continue;
        };
        let status: u16 = name.rsplit_once('_').unwrap().1.parse().unwrap();
        let body: Value = serde_json::from_str(&fixture(&format!("error_{name}"))).unwrap();
        let code = body["errorCode"].as_str().unwrap();
        let known = CODES.iter().any(|(s, known, ..)| (*s, *known) == (status, code));
        assert!(known, "{status} {code}");
        found.insert(code.to_owned());
    }
    assert!(found.len() >= 20, "{found:?}");
}
