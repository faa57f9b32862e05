//! The one place that attaches tokens: to whom, how often, and what it learns from the answers.

use std::time::Duration;

use bytes::Bytes;
use evergrant::gateway::{CallError, Patience};
use evergrant::integration::Status;
use evergrant::{Api, Request, TokenError};
use http::{Method, StatusCode};

use crate::support::{Fault, Process, Stage};

async fn stage() -> (Stage, Process, Api) {
    let (stage, process, id) = Stage::connected().await;
    let api = process.gateway.open(stage.owner, id).await.unwrap();
    (stage, process, api)
}

fn to(uri: &str) -> Request {
    http::Request::get(uri).body(Bytes::new()).expect("a request")
}

#[tokio::test]
async fn a_foreign_host_is_refused_before_a_token_is_attached() {
    let (stage, _, api) = stage().await;
    for uri in [
        "https://evil.test/v1/me",
        "https://api.test.evil.test/v1/me",
        "https://evil.test/api.test/v1/me",
        "https://xapi.test/v1/me",
        "https://api.tes/v1/me",
        "https://api.test./v1/me",
        "https://api.test:444/v1/me",
        "https://api.test:443/v1/me",
        "https://user@api.test/v1/me",
        "https://api.test@evil.test/v1/me",
        "https://user:api.test@evil.test/v1/me",
        "https://127.0.0.1/v1/me",
        "https://[::1]/v1/me",
        "http://api.test/v1/me",
        "HTTP://api.test/v1/me",
        "ws://api.test/v1/me",
        "/v1/me",
        "api.test",
    ] {
        let refused = api.send(to(uri)).await;
        assert!(matches!(refused, Err(CallError::ForeignHost { .. })), "{uri}: {refused:?}");
    }
    assert!(stage.world.with(|ledger| ledger.calls.is_empty()));
    for uri in ["https://api.test/v1/me", "https://API.TEST/v1/me"] {
        api.send(to(uri)).await.unwrap();
    }
}

#[tokio::test]
async fn a_host_header_cannot_lead_a_token_elsewhere() {
    let (stage, _, api) = stage().await;
    let mut request = to("https://api.test/v1/me");
    request.headers_mut().insert("host", "evil.test".parse().unwrap());
    api.send(request).await.unwrap();
    let seen = stage.world.with(|ledger| ledger.calls.pop().unwrap());
    assert_eq!(seen.headers().get("host"), None);
    assert!(seen.headers().contains_key("authorization"));
}

#[tokio::test]
async fn a_refused_token_is_replayed_exactly_once() {
    let (stage, _, api) = stage().await;
    stage.world.end_access_tokens();
    let answer = stage.run(api.send(to("https://api.test/v1/me"))).await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    assert_eq!(stage.world.with(|ledger| ledger.calls.len()), 2);

    stage.world.with(|ledger| ledger.api_refuses = true);
    let refused = stage.run(api.send(to("https://api.test/v1/me"))).await;
    assert!(matches!(refused, Err(CallError::TokenRefused)), "{refused:?}");
    assert_eq!(stage.world.with(|ledger| ledger.calls.len()), 4);
}

#[tokio::test]
async fn any_other_answer_is_the_callers_and_is_not_replayed() {
    let (stage, _, api) = stage().await;
    for status in [200, 204, 302, 400, 403, 404, 409, 410, 412, 500, 501] {
        stage.world.with(|ledger| {
            ledger.api_status = Some(status);
            ledger.calls.clear();
        });
        let answer = api.send(to("https://api.test/v1/me")).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(stage.world.with(|ledger| ledger.calls.len()), 1);
    }
}

#[tokio::test]
async fn throttles_and_outages_between_refusals_do_not_make_them_news() {
    let (stage, process, id) = Stage::connected().await;
    let gateway = process.gateway.clone().with_patience(Patience::NONE);
    let api = gateway.open(stage.owner, id).await.unwrap();
    for _ in 0..30 {
        for status in [401, 429, 503] {
            stage.world.with(|ledger| ledger.api_status = Some(status));
            let _ = stage.run(api.send(to("https://api.test/v1/me"))).await;
            if status == 429 {
                // The mailbox pauses for up to so long.
                stage.clock.advance(Duration::from_millis(500));
            }
        }
    }
    assert!(stage.world.with(|ledger| ledger.calls.len()) >= 90);
    assert!(stage.world.refreshes() <= 3, "{}", stage.world.refreshes());
}

#[tokio::test]
async fn a_token_that_worked_before_it_was_refused_is_replaced_every_time() {
    for own_client in [false, true] {
        let (stage, _, api) = stage().await;
        for _ in 0..20 {
            let call = async |token: &evergrant::AccessToken| {
                let alive = stage.world.alive(token.secret().expose());
                if alive { Ok(()) } else { Err(CallError::TokenRefused) }
            };
            if own_client {
                stage.run(api.with_token(call)).await.unwrap();
            } else {
                let answer = stage.run(api.send(to("https://api.test/v1/me"))).await;
                assert_eq!(answer.unwrap().status(), StatusCode::OK);
            }
            stage.world.end_access_tokens();
        }
        assert_eq!(stage.world.refreshes(), 19);
    }
}

#[tokio::test]
async fn an_operation_with_a_client_of_its_own_runs_at_most_twice() {
    let (stage, _, api) = stage().await;
    let runs = std::cell::Cell::new(0);
    let first = stage.run(api.with_token(async |token| {
        runs.set(runs.get() + 1);
        let token = token.secret().expose().to_owned();
        if runs.get() == 1 { Err(CallError::TokenRefused) } else { Ok(token) }
    }));
    assert!(stage.world.alive(&first.await.unwrap()));
    assert_eq!((runs.get(), stage.world.refreshes()), (2, 1));

    let always = stage.run(api.with_token(async |_| {
        runs.set(runs.get() + 1);
        Err::<(), _>(CallError::TokenRefused)
    }));
    assert!(matches!(always.await, Err(CallError::TokenRefused)));
    let other = stage.run(api.with_token(async |_| {
        runs.set(runs.get() + 1);
        Err::<(), _>(CallError::InvalidPath("no"))
    }));
    assert!(matches!(other.await, Err(CallError::InvalidPath(_))));
    assert_eq!((runs.get(), stage.world.refreshes()), (5, 2));
}

#[tokio::test]
async fn only_the_owner_opens_an_integration() {
    let (mut stage, process, id) = Stage::connected().await;
    let stranger = stage.stranger();
    let refused = process.gateway.open(stranger, id).await;
    let missing = matches!(refused, Err(CallError::Token(TokenError::NotFound)));
    assert!(missing, "{refused:?}");
    let bare = stage.process_with(std::iter::empty().collect()).await;
    let refused = bare.gateway.open(stage.owner, id).await;
    let unset = matches!(refused, Err(CallError::Token(TokenError::Misconfigured(_))));
    assert!(unset, "{refused:?}");
}

#[tokio::test]
async fn a_request_is_made_below_the_base_url() {
    let (_, _, api) = stage().await;
    for (path, uri) in [
        ("/me", "https://api.test/v1/me"),
        ("me", "https://api.test/v1/me"),
        ("/me?$select=id&x=a/../b", "https://api.test/v1/me?$select=id&x=a/../b"),
        ("/users/ada@acme.test/mail", "https://api.test/v1/users/ada@acme.test/mail"),
        ("/a%20b", "https://api.test/v1/a%20b"),
        ("", "https://api.test/v1/"),
    ] {
        let request = api.request(Method::GET, path).unwrap().body(()).unwrap();
        assert_eq!(request.uri().to_string(), uri);
    }
    api.get("/me").await.unwrap();
    assert!(matches!(api.get("/../me").await, Err(CallError::InvalidPath(_))));
}

#[tokio::test]
async fn a_registration_that_is_refused_on_a_call_is_probed_and_not_called() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let (ada, bob) = (stage.connect(&process, "ada").await, stage.connect(&process, "bob").await);
    let call = async |id| {
        let api = process.gateway.open(stage.owner, id).await.unwrap();
        api.get("/me").await
    };
    for id in [ada, bob] {
        call(id).await.unwrap();
    }
    let calls = || stage.world.with(|ledger| ledger.calls.len());
    let before = calls();
    stage.world.with(|ledger| ledger.api_status = Some(402));
    // Everybody's calls stand still, tokens that live included.
    for id in [ada, bob, ada, bob] {
        let refused = call(id).await;
        let Err(CallError::Token(TokenError::Misconfigured(failure))) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(failure.code, "key_refused");
    }
    assert_eq!(calls(), before + 1);
    let registration = &process.vault.registrations()[0];
    assert_eq!(registration.suspended.as_ref().unwrap().code, "key_refused");
    for probes in 1..=5 {
        stage.pass(Duration::from_secs(30)).await;
        for id in [ada, bob] {
            assert!(call(id).await.is_err());
        }
        assert_eq!(calls(), before + 1 + probes);
    }
    assert_eq!(stage.status(ada).await, Status::Active);
    // The first that succeeds ends it for everybody.
    stage.world.with(|ledger| ledger.api_status = None);
    stage.pass(Duration::from_secs(30)).await;
    for id in [ada, bob] {
        assert_eq!(call(id).await.unwrap().status(), 200);
    }
    assert!(process.vault.registrations()[0].suspended.is_none());
}

#[tokio::test]
async fn a_refresh_that_is_refused_for_its_registration_stops_no_call() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let id = stage.connect(&process, "ada").await;
    let api = process.gateway.open(stage.owner, id).await.unwrap();
    stage.world.with(|ledger| ledger.standing = Some(Fault::Misconfigure));
    assert!(process.vault.refresh_now(stage.owner, id).await.is_err());
    for _ in 0..3 {
        assert_eq!(api.get("/me").await.unwrap().status(), 200);
    }
    // Nor does a call with a token that lives say that refreshes work again.
    assert!(process.vault.registrations()[0].suspended.is_some());
}

#[tokio::test]
async fn an_account_that_is_at_another_of_the_providers_worlds_is_not_opened() {
    let mut stage = Stage::new();
    let process = stage.process().await;
    let id = stage.connect(&process, "elsewhere").await;
    let refused = process.gateway.open(stage.owner, id).await;
    let Err(CallError::Token(TokenError::Misconfigured(failure))) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(failure.code, "another_world");
}
