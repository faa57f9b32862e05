//! Scripted faults.

use std::sync::Arc;
use std::time::Duration;

use evergrant::TransportError;
use evergrant_sandbox::StageConfig;
use serde_json::{Value, json};

use crate::play::{
    ADELE, ALEX, Impatient, Play, TOKEN, assert_like, assert_same_shape, config, fixture,
};

/// Examples of answers that the fault of the same number does not give: they belong to other
/// endpoints or to other causes of the same number.
const OTHERWISE: &[&str] =
    &["authorization_declined", "interaction_required.obo.50079", "invalid_grant.9002313"];

#[tokio::test]
async fn every_example_error_can_be_scripted() {
    let play = Play::new();
    let fixtures = format!("{}/src/microsoft/fixtures", env!("CARGO_MANIFEST_DIR"));
    let mut tried = 0;
    for file in std::fs::read_dir(fixtures).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let name = file.trim_end_matches(".json");
        let Some(kind) = name.strip_prefix("token.error.") else {
            continue;
        };
        if OTHERWISE.contains(&kind) {
            continue;
        }
        let expected = fixture(name)["response"].clone();
        let number = &expected["body"]["error_codes"][0];
        play.fault(json!({ "where": "microsoft.token", "do": { "aadsts": number } })).await;
        let answer = play.post(TOKEN, &[]).await;
        assert_like(name, &answer);
        for member in ["error", "error_codes", "suberror", "claims"] {
            assert_eq!(answer.json.get(member), expected["body"].get(member), "{name}.{member}");
        }
        let telemetry = &expected["headers"]["x-ms-clitelem"];
        assert_eq!(telemetry, answer.header("x-ms-clitelem"), "{name}");
        let wait = expected["headers"]["Retry-After"].as_str().unwrap_or_default();
        assert_eq!(answer.header("retry-after"), wait, "{name}");
        tried += 1;
    }
    assert!(tried > 25, "only {tried} examples");
}

#[tokio::test]
async fn every_number_of_the_table_can_be_scripted() {
    let play = Play::new();
    for (error, numbers) in TABLE {
        for number in *numbers {
            play.fault(json!({ "where": "microsoft.token", "do": { "aadsts": number } })).await;
            let answer = play.post(TOKEN, &[]).await;
            assert_eq!(answer.json["error"], *error, "{number}");
            assert_eq!(answer.json["error_codes"], json!([number]));
            let text = answer.json["error_description"].as_str().unwrap();
            assert!(text.starts_with(&format!("AADSTS{number}: ")), "{text}");
            assert_eq!(answer.status == 401, *error == "invalid_client", "{number}");
        }
    }
}

#[tokio::test]
async fn every_number_of_a_range_can_be_scripted() {
    let play = Play::new();
    for number in RANGES.iter().cloned().flatten() {
        play.fault(json!({ "where": "microsoft.token", "do": { "aadsts": number } })).await;
        let answer = play.post(TOKEN, &[]).await;
        assert_eq!(answer.refused(), (400, "invalid_grant", number));
    }
}

#[tokio::test]
async fn a_scripted_answer_can_have_any_header() {
    let play = Play::new();
    let deed = json!({
        "status": 200,
        "body": { "access_token": "x", "token_type": "mac" },
        "headers": { "Content-Type": "text/json", "X-Odd": "1" },
    });
    play.fault(json!({ "where": "microsoft.token", "do": deed })).await;
    let answer = play.post(TOKEN, &[]).await;
    assert_eq!((answer.header("content-type"), answer.header("x-odd")), ("text/json", "1"));
    assert_eq!(answer.ok()["token_type"], "mac");
    let deed = json!({ "aadsts": 90_024, "headers": { "retry-after": "soon" } });
    play.fault(json!({ "where": "microsoft.token", "do": deed })).await;
    assert_eq!(play.post(TOKEN, &[]).await.header("retry-after"), "soon");
}

#[tokio::test]
async fn a_cut_answer_is_no_answer_but_has_had_its_effect() {
    let play = Play::new();
    let token = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("refresh_token", &token),
    ];
    for (deed, refreshes) in [
        (json!({ "truncate": 10 }), 1),
        (json!({ "truncate": 10, "status": 200, "body": "0123456789ab" }), 1),
    ] {
        play.fault(json!({ "where": "microsoft.token", "do": deed })).await;
        let outcome = play.try_post(TOKEN, &form).await;
        assert!(matches!(outcome, Err(TransportError::Unanswered { .. })), "{outcome:?}");
        assert_eq!(play.counts().refreshes, refreshes);
    }
    play.fault(json!({ "where": "microsoft.token", "do": { "truncate": 100_000 } })).await;
    play.refresh(&token, &[]).await.ok();
}

#[tokio::test]
async fn a_scripted_number_reaches_the_application_by_redirect_or_not_at_all() {
    let play = Play::new();
    for name in [
        "authorize.error.consent_required.65001",
        "authorize.error.interaction_required.16000",
        "authorize.error.server_error",
    ] {
        let expected = fixture(name)["redirectParameters"].clone();
        let (_, number) = expected["error_uri"].as_str().unwrap().split_once("code=").unwrap();
        let number: u32 = number.parse().unwrap();
        play.fault(json!({ "where": "microsoft.authorize", "do": { "aadsts": number } })).await;
        let returned = play.authorize(&[]).await.returned();
        assert_same_shape(name, &expected, &serde_json::to_value(&returned).unwrap());
        assert_eq!(returned["error"], expected["error"].as_str().unwrap());
    }
    play.fault(json!({ "where": "microsoft.authorize", "do": { "aadsts": 700_016 } })).await;
    let page = play.authorize(&[]).await;
    assert!(page.status == 400 && page.text.contains("AADSTS700016"));
}

#[tokio::test]
async fn a_fault_strikes_whom_it_is_meant_for_and_as_often_as_it_says() {
    let play = Play::new();
    let adele = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    let code = play.code(&[("login_hint", ALEX)]).await;
    let alex = play.redeem(&code, &[]).await.ok()["refresh_token"].as_str().unwrap().to_owned();
    play.fault(json!({
        "where": "microsoft.token",
        "match": { "account": ADELE, "grant_type": "refresh_token", "path": "/common/" },
        "times": 2,
        "do": { "status": 429, "retry_after": 2 },
    }))
    .await;
    play.sign_in().await;
    play.refresh(&alex, &[]).await.ok();
    for left in [1, 0] {
        let answer = play.refresh(&adele, &[]).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "2"));
        let listed = play.control("GET", "faults", &Value::Null).await.ok();
        assert_eq!(listed.get(0).map_or(0, |fault| fault["times"].as_u64().unwrap()), left);
    }
    play.refresh(&adele, &[]).await.ok();
    assert_eq!(play.stage.ledger().summary().faults, 2);
    let struck = play.stage.ledger().requests().into_iter().filter(|seen| seen.fault.is_some());
    assert!(
        struck
            .into_iter()
            .all(|seen| seen.fault.as_deref() == Some("fault-1") && seen.status == Some(429))
    );
}

#[tokio::test]
async fn graph_fails_in_its_own_words() {
    let play = Play::new();
    let token = play.sign_in().await["access_token"].as_str().unwrap().to_owned();
    for (status, name) in [
        (401, "error.401.expired_token"),
        (429, "error.429.request_limit"),
        (500, "error.500"),
        (503, "error.503"),
    ] {
        let mut deed = json!({ "status": status });
        if let Some(wait) = fixture(name)["response"]["headers"].get("Retry-After") {
            deed["retry_after"] = json!(wait.as_str().unwrap().parse::<u64>().unwrap());
        }
        play.fault(json!({ "where": "graph", "match": { "account": ADELE }, "do": deed })).await;
        let answer = play.graph("GET", "/v1.0/me", &token).await;
        assert_like(name, &answer);
        let expected = fixture(name)["response"]["body"].clone();
        assert_eq!(answer.json["error"]["code"], expected["error"]["code"]);
        assert_eq!(answer.json["error"]["message"], expected["error"]["message"]);
    }
    let deed = json!({ "status": 403, "code": "ErrorQuotaExceeded", "message": "full" });
    play.fault(json!({ "where": "graph", "do": deed })).await;
    let answer = play.graph("GET", "/v1.0/me", &token).await;
    assert_eq!(answer.json["error"]["code"], "ErrorQuotaExceeded");
    let deed = json!({ "status": 502, "body": "<html>bad gateway</html>" });
    play.fault(json!({ "where": "graph", "do": deed })).await;
    let answer = play.graph("GET", "/v1.0/me", &token).await;
    assert_eq!((answer.status, answer.text.as_str()), (502, "<html>bad gateway</html>"));
}

#[tokio::test]
async fn a_broken_connection_has_or_has_not_had_its_effect() {
    let play = Play::new();
    let token = play.sign_in().await["refresh_token"].as_str().unwrap().to_owned();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "sandbox-client"),
        ("client_secret", "sandbox-secret"),
        ("refresh_token", &token),
    ];
    play.fault(json!({ "where": "microsoft.token", "do": { "drop": true } })).await;
    let unsent = play.try_post(TOKEN, &form).await;
    assert!(matches!(unsent, Err(TransportError::Unsent { .. })));
    assert_eq!(play.counts().refreshes, 0);
    play.fault(json!({ "where": "microsoft.token", "do": { "drop_after_commit": true } })).await;
    let unanswered = play.try_post(TOKEN, &form).await;
    assert!(matches!(unanswered, Err(TransportError::Unanswered { .. })));
    assert_eq!(play.counts().refreshes, 1);
    assert_eq!(play.stage.ledger().requests().pop().unwrap().status, None);
}

#[tokio::test]
async fn a_delay_waits_on_the_base_clock_and_then_goes_on() {
    let clock = Arc::new(Impatient::default());
    let play = Play::with(StageConfig { clock: Arc::clone(&clock) as _, ..config() });
    play.fault(json!({ "where": "microsoft.discovery", "do": { "delay_ms": 1500 } })).await;
    play.get("/common/discovery/v2.0/keys").await.ok();
    assert_eq!(*clock.0.lock().unwrap(), [Duration::from_millis(1500)]);
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused_with_a_reason() {
    let play = Play::new();
    for (fault, reason) in [
        (json!({ "where": "nowhere", "do": { "status": 500 } }), "no site `nowhere`"),
        (json!({ "where": "graph", "do": {} }), "does nothing"),
        (json!({ "where": "graph", "do": { "status": 99 } }), "`status`"),
        (json!({ "where": "graph", "do": { "status": "x" } }), "invalid type"),
        (json!({ "where": "graph", "do": { "aadsts": 50_173 } }), "`aadsts`"),
        (json!({ "where": "graph", "do": { "explode": true } }), "explode"),
        (json!({ "where": "graph", "do": { "retry_after": 3 } }), "retry_after"),
        (json!({ "where": "graph", "do": { "headers": { "a": "b" } } }), "`headers`"),
        (
            json!({ "where": "graph", "do": { "status": 200, "headers": { "a b": "c" } } }),
            "forbids",
        ),
        (json!({ "where": "graph", "do": { "drop": true, "truncate": 3 } }), "truncate"),
        (json!({ "where": "graph", "do": { "drop": true, "status": 500 } }), "exclude"),
        (json!({ "where": "graph", "times": 0, "do": { "status": 500 } }), "`times`"),
        (
            json!({ "where": "graph", "match": { "colour": "red" }, "do": { "status": 500 } }),
            "colour",
        ),
        (json!({ "where": "graph", "do": { "status": 500 }, "when": "now" }), "when"),
        (json!({ "where": "microsoft.token", "do": { "aadsts": 1 } }), "AADSTS1"),
        (
            json!({ "where": "microsoft.token", "do": { "aadsts": 50_173, "status": 500 } }),
            "its own status",
        ),
        (json!({ "where": "microsoft.token", "do": { "body": "x" } }), "`status`"),
    ] {
        let answer = play.control("POST", "faults", &fault).await;
        assert_eq!(answer.status, 422, "{fault}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let detail = answer.json["detail"].as_str().unwrap();
        assert!(detail.contains(reason), "{fault}: {detail}");
    }
    let request = play.request("POST", "/_sandbox/faults", &[], "{".to_owned());
    assert_eq!(play.send(request).await.unwrap().status, 400);
    assert!(play.stage.faults().is_empty());
}

#[tokio::test]
async fn faults_can_be_taken_back() {
    let play = Play::new();
    play.fault(json!({ "where": "microsoft.discovery", "times": 9, "do": { "status": 500 } }))
        .await;
    assert_eq!(play.control("DELETE", "faults", &Value::Null).await.status, 204);
    play.get("/common/discovery/v2.0/keys").await.ok();
}

/// The ranges of the contract's table.
const RANGES: &[std::ops::RangeInclusive<u64>] =
    &[80_001..=80_014, 81_004..=81_012, 120_000..=120_021, 130_004..=130_008, 140_000..=140_001];

/// The numbers of the contract's table by the `error` they come with.
const TABLE: &[(&str, &[u32])] = &[
    (
        "interaction_required",
        &[
            16_000, 16_003, 50_020, 50_072, 50_074, 50_097, 50_140, 50_158, 50_177, 50_178, 50_199,
            53_004, 53_011, 70_044, 70_046, 90_072,
        ],
    ),
    (
        "invalid_grant",
        &[
            17_003, 135_010, 50_013, 500_131, 500_133, 50_014, 50_027, 50_034, 500_341, 50_053,
            50_055, 50_144, 50_056, 50_057, 50_076, 50_078, 50_079, 50_085, 50_126, 50_129, 50_131,
            53_000, 53_001, 53_002, 530_002, 530_003, 50_132, 50_133, 501_481, 50_173, 50_196,
            51_004, 51_005, 53_003, 530_032, 530_034, 530_035, 54_005, 65_001, 70_000, 700_003,
            700_005, 70_008, 700_082, 700_084, 70_043, 500_112, 70_037, 75_011, 80_001, 80_014,
            81_004, 81_010, 81_012, 120_000, 120_021, 130_004, 130_008, 140_000, 140_001,
        ],
    ),
    (
        "invalid_request",
        &[
            28_000, 50_011, 500_113, 50_059, 50_128, 50_089, 50_146, 50_147, 501_491, 50_192,
            50_169, 50_194, 67_003, 70_004, 70_007, 700_022, 90_004, 90_007, 90_008, 90_009,
            90_010, 90_013, 90_014, 90_015, 90_016, 90_019, 90_023, 90_051, 90_056, 90_100, 90_038,
            900_382, 900_432, 900_439, 90_043, 900_144, 900_561, 900_971, 9_001_023, 9_002_313,
            9_002_326, 9_002_327, 9_002_331, 9_002_332, 1_000_000, 1_000_002, 1_000_031, 100_007,
            165_000, 165_004, 165_900,
        ],
    ),
    ("invalid_scope", &[28_002, 28_003, 70_011, 1_002_012]),
    ("invalid_resource", &[50_001, 500_011]),
    (
        "invalid_client",
        &[
            50_012, 700_023, 700_024, 700_027, 70_002, 700_025, 700_030, 7_000_215, 7_000_218,
            7_000_222, 1_000_502, 65_005, 650_052, 650_054, 650_056, 650_057,
        ],
    ),
    ("unauthorized_client", &[70_001, 700_016, 700_011, 7_000_112]),
    ("unsupported_grant_type", &[70_003]),
    ("unsupported_response_type", &[70_005, 700_051, 700_054]),
    ("login_required", &[50_058]),
    ("access_denied", &[50_105, 52_004, 54_000, 65_004, 90_093, 90_094, 90_095, 90_099]),
    (
        "temporarily_unavailable",
        &[50_033, 50_087, 90_006, 90_012, 90_090, 70_012, 90_024, 90_033, 90_055, 90_091],
    ),
    ("server_error", &[90_036, 90_092]),
    ("invalid_tenant", &[90_002]),
    ("invalid_instance", &[50_049]),
    ("authorization_pending", &[70_016]),
    ("bad_verification_code", &[70_018]),
    ("expired_token", &[70_019, 70_020]),
];
