//! What calls draw on, what is learned of it, and what calls are signed with.

use std::sync::Arc;
use std::time::Duration;

use evergrant::capability::TradingAccount;
use evergrant::provider::RefreshAsk;
use evergrant::quota::{Draw, Rule};
use evergrant::{Account, CallError, Repeat, Request, TokenError};
use evergrant_providers::ig::{Environment, Settings as Ig};
use evergrant_providers::{Settings, all};
use http::Method;

use super::office::{Office, said};
use super::{
    KEY, REFRESH, SESSION, error, fixture, header, provider, provider_in, signed_in, with_pair,
};
use crate::script::{Script, now};

/// The environment, and the beginning of the key's SHA-256.
const DEMO: &str = "demo:95833694b104";
const ABC123: &str = "demo:95833694b104:133721337:ABC123";
const XYZ987: &str = "demo:95833694b104:133721337:XYZ987";
const MINUTE: Duration = Duration::from_mins(1);

fn request(method: Method, path: &str) -> Request {
    let url = format!("https://demo-api.ig.com/gateway/deal{path}");
    http::Request::builder().method(method).uri(url).body(bytes::Bytes::new()).unwrap()
}

fn account() -> Account {
    let id = "demo:133721337:ABC123".to_owned();
    Account { id, name: "ABC123".to_owned(), username: None }
}

/// Kind, whose, how much, and of how much.
fn brief(draws: &[Draw]) -> Vec<(&str, &str, u32, Option<u32>)> {
    let most = |rule| match rule {
        Rule::Window { most, length } => {
            assert_eq!(length, MINUTE);
            Some(most)
        }
        Rule::Left => None,
    };
    draws.iter().map(|d| (d.kind, d.of.as_str(), d.amount, most(d.rule))).collect()
}

#[test]
fn calls_draw_on_key_and_account_and_dealing_on_its_own() {
    let drawn = |method, path: &str| {
        let request = request(method, path);
        provider().draws(&request, Some(&account()))
    };
    let both = [("application", DEMO, 1, Some(58)), ("account", ABC123, 1, Some(8))];
    assert_eq!(brief(&drawn(Method::GET, "/markets/IX.D.FTSE.CFD.IP")), both);
    assert_eq!(brief(&drawn(Method::POST, "/watchlists")), both);
    let trading = [("trading", ABC123, 1, Some(98))];
    assert_eq!(brief(&drawn(Method::POST, "/positions/otc")), trading);
    assert_eq!(brief(&drawn(Method::PUT, "/positions/otc/DIAAAA")), trading);
    assert_eq!(brief(&drawn(Method::POST, "/workingorders/otc")), trading);
    let prices = drawn(Method::GET, "/prices/IX.D.FTSE.CFD.IP?max=500");
    assert_eq!(brief(&prices)[2], ("history", ABC123, 500, None));
    assert_eq!(brief(&prices)[..2], both);
}

#[test]
fn closing_and_cancelling_draw_on_the_accounts_calls_as_well() {
    let mut tunneled = request(Method::POST, "/positions/otc");
    tunneled.headers_mut().insert("_method", "delete".parse().unwrap());
    for request in [tunneled, request(Method::DELETE, "/workingorders/otc/DIAAAA")] {
        let draws = provider().draws(&request, Some(&account()));
        let all = [
            ("application", DEMO, 1, Some(58)),
            ("account", ABC123, 1, Some(8)),
            ("trading", ABC123, 1, Some(98)),
        ];
        assert_eq!(brief(&draws), all);
    }
}

#[test]
fn another_key_or_environment_has_allowances_of_its_own_and_no_name_tells_the_key() {
    let names = |environment, key: &str, url: Option<&str>| {
        let url = url.map(|url| url.parse().unwrap());
        let ig = Ig { api_key: Some(key.into()), environment, url };
        let (providers, _) = all(&Settings { ig, ..Settings::default() }).unwrap();
        let request = request(Method::POST, "/positions/otc");
        let draws = providers.find(&"ig".into()).unwrap().draws(&request, Some(&account()));
        draws.into_iter().map(|draw| draw.of).collect::<Vec<_>>()
    };
    let usual = names(Environment::Demo, KEY, None);
    assert_eq!(usual, [ABC123]);
    assert_ne!(names(Environment::Live, KEY, None), usual);
    assert_ne!(names(Environment::Demo, "another", None), usual);
    assert!(!usual[0].contains(KEY));
    // A slash at the end of where IG is changes nothing.
    let url = "https://demo-api.ig.com/gateway/deal/";
    assert_eq!(names(Environment::Demo, KEY, Some(url)), usual);
}

#[test]
fn whoever_names_somebody_elses_account_uses_up_nothing_of_theirs() {
    let mut request = request(Method::GET, "/positions");
    request.headers_mut().insert("ig-account-id", "XYZ987".parse().unwrap());
    let of = |client: &str| {
        let id = format!("demo:{client}:ABC123");
        let account = Account { id, name: "ABC123".to_owned(), username: None };
        provider().draws(&request, Some(&account)).swap_remove(1).of
    };
    assert_eq!(of("133721337"), XYZ987);
    assert_ne!(of("2"), XYZ987);
}

#[test]
fn the_account_that_a_request_names_is_the_one_it_counts_for() {
    let mut request = request(Method::GET, "/positions");
    assert_eq!(brief(&provider().draws(&request, None)), [("application", DEMO, 1, Some(58))]);
    request.headers_mut().insert("ig-account-id", "XYZ987".parse().unwrap());
    let draws = provider().draws(&request, Some(&account()));
    assert_eq!(brief(&draws)[1], ("account", XYZ987, 1, Some(8)));
    let live = provider_in(Environment::Live).draws(&request, Some(&account()));
    assert_eq!(
        (live[1].kind, live[1].rule),
        ("account", Rule::Window { most: 28, length: MINUTE })
    );
}

#[tokio::test]
async fn a_sessions_own_requests_count_for_its_account_where_it_is_known() {
    let of = |request: &Request| {
        let account = provider().draws(request, None).into_iter().find(|d| d.kind == "account");
        account.map(|draw| draw.of)
    };
    let ended = error("error.security.oauth-token-invalid");
    let accounts = fixture("accounts_GET_v1_200");
    let script = Script::default()
        .on(SESSION, 200, &fixture("session_POST_v3_200"))
        .on("/gateway/deal/accounts", 200, &accounts)
        .on(REFRESH, 401, &ended);
    let grant = signed_in(&script, &[("account_id", "XYZ987"), ("keep_login", "yes")]).await.grant;
    let ask = RefreshAsk { grant: &grant, claims: None };
    provider().refresh(&script, now(), ask).await.unwrap();
    provider().revoke(&script, &grant).await.unwrap();
    let counted: Vec<_> = script.asked().iter().map(of).collect();
    let chosen = Some(XYZ987.to_owned());
    // The first sign-in, the accounts, the refresh, the second sign-in, the end.
    let default = Some(ABC123.to_owned());
    assert_eq!(counted, [None, default, chosen.clone(), chosen.clone(), chosen]);
    // With the other version: the sign-in, the switch, the tokens anew, the end.
    let script = with_pair(Script::default(), SESSION, &fixture("session_POST_v2_200_body"))
        .with(SESSION, 200, &[("X-SECURITY-TOKEN", "other")], b"{}")
        .on(SESSION, 200, &fixture("session_GET_v1_200"))
        .with(SESSION, 200, &[("X-SECURITY-TOKEN", "other")], b"{}");
    let grant =
        signed_in(&script, &[("account_id", "XYZ987"), ("session_version", "2")]).await.grant;
    let ask = RefreshAsk { grant: &grant, claims: None };
    // Whatever comes of it.
    let _ = provider().refresh(&script, now(), ask).await;
    provider().revoke(&script, &grant).await.unwrap();
    let counted: Vec<_> = script.asked().iter().map(of).collect();
    assert!(counted.len() >= 4 && counted[0].is_none(), "{counted:?}");
    assert!(counted[1..].iter().flatten().all(|of| of.ends_with(":XYZ987")), "{counted:?}");
    assert!(counted[1..].iter().all(Option::is_some), "{counted:?}");
}

async fn accounts(office: &Office) -> Result<Vec<TradingAccount>, CallError> {
    let provider = Arc::clone(office.api.provider());
    let trading = provider.trading().unwrap();
    let accounts = office.run(trading.accounts(&office.api)).await;
    // That a call is answered is written down behind it.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    accounts
}

/// An office in which IG says this of what it allows.
async fn allowed(status: u16, application: String) -> Office {
    Office::new(move |request| {
        let figures = request.uri().path().ends_with("/operations/application");
        Ok(if figures {
            said(status, &application)
        } else {
            said(200, &fixture("accounts_GET_v1_200"))
        })
    })
    .await
}

fn learned(office: &Office) -> usize {
    let asks = |request: &&Request| request.uri().path().ends_with("/operations/application");
    office.seen().iter().filter(asks).count()
}

#[tokio::test]
async fn what_ig_allows_is_asked_when_a_call_would_wait_and_once_an_hour() {
    let office = allowed(200, fixture("operations_application_GET_v1_200")).await;
    let began = evergrant::Clock::now(&office.house.clock);
    // Eight of ten a minute are those of demo; IG says that it is 30, of which 28 are used.
    for _ in 0..8 {
        accounts(&office).await.unwrap();
    }
    assert_eq!(learned(&office), 0);
    for _ in 0..19 {
        accounts(&office).await.unwrap();
    }
    assert_eq!(learned(&office), 1);
    assert_eq!(evergrant::Clock::now(&office.house.clock), began, "nobody has waited");
    accounts(&office).await.unwrap();
    assert!(evergrant::Clock::now(&office.house.clock) > began, "the 29th of the minute waits");
    assert_eq!(learned(&office), 1);
    office.house.clock.advance(Duration::from_hours(1));
    for _ in 0..29 {
        accounts(&office).await.unwrap();
    }
    assert_eq!(learned(&office), 2);
}

#[tokio::test]
async fn what_ig_does_not_say_is_not_asked_for_five_minutes() {
    let office = allowed(403, error("endpoint.unavailable.for.api-key")).await;
    for _ in 0..25 {
        accounts(&office).await.unwrap();
    }
    assert_eq!(learned(&office), 1);
    office.house.clock.advance(Duration::from_mins(6));
    for _ in 0..10 {
        accounts(&office).await.unwrap();
    }
    assert_eq!(learned(&office), 2);
}

#[tokio::test]
async fn a_call_is_signed_and_names_its_account() {
    let office = allowed(200, "[]".to_owned()).await;
    accounts(&office).await.unwrap();
    let other = office.api.clone().within("XYZ987");
    let provider = Arc::clone(office.api.provider());
    office.run(provider.trading().unwrap().accounts(&other)).await.unwrap();
    // A raw one names the integration's own account, and never IG's default.
    office.run(office.api.get("/positions")).await.unwrap();
    let seen = office.seen();
    let named: Vec<_> = seen.iter().map(|r| header(r, "ig-account-id").unwrap()).collect();
    assert_eq!(named, ["ABC123", "XYZ987", "ABC123"]);
    for request in &seen {
        assert_eq!(header(request, "authorization"), Some("Bearer FAKE-ACCESS-TOKEN-0001"));
        assert_eq!(header(request, "x-ig-api-key"), Some(KEY));
    }
    assert_eq!(header(&seen[0], "version"), Some("1"));
    let wrong = office.api.clone().within("not an account");
    let refused = office.run(provider.trading().unwrap().accounts(&wrong)).await;
    assert!(matches!(refused, Err(CallError::Invalid { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_session_of_version_2_acts_in_its_own_account_alone() {
    let answer = |_: &Request| Ok(said(200, &fixture("accounts_GET_v1_200")));
    let office = Office::with(&[("session_version", "2")], answer).await;
    accounts(&office).await.unwrap();
    let request = &office.seen()[0];
    assert_eq!(header(request, "cst"), Some("FAKE-CST-0001"));
    assert_eq!(header(request, "x-security-token"), Some("FAKE-XST-0001"));
    assert_eq!((header(request, "authorization"), header(request, "ig-account-id")), (None, None));
    let provider = Arc::clone(office.api.provider());
    let other = office.api.clone().within("XYZ987");
    let refused = office.run(provider.trading().unwrap().accounts(&other)).await;
    let Err(CallError::Invalid { pointer, problem }) = refused else { panic!("{refused:?}") };
    assert_eq!(pointer, "/account");
    assert!(problem.contains("version 2"), "{problem}");
    let own = office.api.clone().within("ABC123");
    office.run(provider.trading().unwrap().accounts(&own)).await.unwrap();
    assert_eq!(office.seen().len(), 2);
}

/// An office that IG tells to stop, and then that it allows six calls a minute.
async fn stopped() -> Office {
    let mut stop = true;
    Office::new(move |request| {
        let path = request.uri().path();
        Ok(if path.ends_with("/operations/application") {
            let figures = fixture("operations_application_GET_v1_200");
            said(
                200,
                &figures
                    .replace("\"allowanceAccountOverall\": 30", "\"allowanceAccountOverall\": 6"),
            )
        } else if path.ends_with("/accounts") && std::mem::take(&mut stop) {
            said(403, &error("error.public-api.exceeded-account-allowance"))
        } else {
            said(200, &fixture("accounts_GET_v1_200"))
        })
    })
    .await
}

#[tokio::test]
async fn a_stop_where_there_was_room_puts_the_figures_in_doubt_and_they_are_asked_for_again() {
    let office = stopped().await;
    accounts(&office).await.unwrap();
    assert_eq!(learned(&office), 1);
    // The question was one of the four of six a minute, and the call another.
    let began = evergrant::Clock::now(&office.house.clock);
    for _ in 0..2 {
        accounts(&office).await.unwrap();
    }
    assert_eq!(evergrant::Clock::now(&office.house.clock), began);
    accounts(&office).await.unwrap();
    assert!(evergrant::Clock::now(&office.house.clock) > began);
    assert_eq!(learned(&office), 1);
}

#[test]
fn a_deal_is_sent_once_whoever_sends_it_and_only_in_its_own_environment() {
    let repeat = |method, path: &str| provider().repeat(&request(method, path));
    for (method, path) in [
        (Method::POST, "/positions/otc"),
        (Method::PUT, "/positions/otc/DIAAAA"),
        (Method::DELETE, "/workingorders/otc/DIAAAA"),
    ] {
        assert_eq!(repeat(method, path), Some(Repeat::Once), "{path}");
    }
    assert_eq!(repeat(Method::GET, "/positions"), None);
    assert_eq!(repeat(Method::POST, "/watchlists"), None);
    assert!(provider().serves(&account()).is_ok());
    let refused = provider_in(Environment::Live).serves(&account()).unwrap_err();
    assert_eq!(refused.code, "environment_mismatch");
}

#[tokio::test]
async fn a_key_that_is_refused_on_a_call_stops_the_calls_of_everybody() {
    let refusing = Office::new(|_| Ok(said(403, &error("error.security.api-key-revoked")))).await;
    for _ in 0..5 {
        let refused = accounts(&refusing).await;
        let Err(CallError::Token(TokenError::Misconfigured(failure))) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(failure.code, "api_key_refused");
    }
    assert_eq!(refusing.seen().len(), 1);
}
