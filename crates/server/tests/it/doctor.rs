//! What is known of an integration, of registrations and of the deployment, without calling anybody.

use evergrant::Clock;
use evergrant::provider::{Actor, Failure};
use evergrant::store::{GrantStore, Notice};
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use evergrant_store::Holder;
use serde_json::json;

use crate::acme::LIFE;
use crate::app::{TestApp, at};
use crate::snapshot;

const REGISTRATIONS: &str = "/api/registrations/";
const NOTICES: &str = "/api/notices/";

#[tokio::test]
async fn an_integration_is_looked_at_without_calling_its_provider() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.acme.seen();
    snapshot!("doctor", t.alice.get(&at(&id, "doctor/")).await.expect(200));
    t.pass(LIFE);
    t.alice.get(&at(&id, "doctor/")).await.expect(200);
    assert_eq!(t.acme.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn the_last_attempts_and_the_need_of_a_person_are_told() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.pass(LIFE);
    t.acme.refuse(crate::acme::revoked());
    t.alice.get(&at(&id, "token/")).await.problem(Code::ReconnectRequired);
    snapshot!("doctor_needs_reconnect", t.alice.get(&at(&id, "doctor/")).await.expect(200));
}

#[tokio::test]
async fn a_paused_integration_and_one_of_an_incomplete_registration_are_looked_at_too() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    t.alice.patch(&at(&id, ""), json!({ "paused": true })).await.expect(200);
    let missing = Failure::new("client_id_missing", Actor::Operator, "There is no client id.");
    t.acme.misconfigure(missing);
    let found = t.alice.get(&at(&id, "doctor/")).await.expect(200).json();
    assert_eq!(found["status"], "paused");
    assert_eq!(found["registration"]["status"], "incomplete");
    assert_eq!(found["forecast"]["actor"], "operator");
    assert_eq!(found["forecast"]["cause"], "client_id_missing");
}

/// A service that looks after the deployment, without a user.
async fn watch(t: &TestApp) -> crate::caller::Caller {
    t.key(Holder::Service("watch".to_owned()), &[Permission::OperationsRead]).await.0
}

#[tokio::test]
async fn a_service_sees_the_registrations_without_naming_a_user() {
    let t = TestApp::new().await;
    let watch = watch(&t).await;
    snapshot!("registrations", watch.get(REGISTRATIONS).await.expect(200));
    let id = t.alice.connect("adele").await;
    t.pass(LIFE);
    let refused =
        Failure::new("client_rejected", Actor::Operator, "The secret is not the client's.")
            .remedied_by("Set the right one.");
    t.acme.refuse(evergrant::provider::AuthError::Misconfigured(refused));
    t.alice.get(&at(&id, "token/")).await.problem(Code::RegistrationMisconfigured);
    snapshot!("registrations_suspended", watch.get(REGISTRATIONS).await.expect(200));
    let notice = &watch.get(NOTICES).await.expect(200).json()["results"][0];
    assert_eq!(notice["kind"], "registration_suspended");
    assert_eq!(notice["detail"]["registration"], "acme");
    watch.get(&at(&id, "")).await.problem(Code::UserRequired);
    t.service.get(REGISTRATIONS).await.expect(200);
    t.anon.get(REGISTRATIONS).await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn notices_are_read_on_from_where_one_was() {
    let t = TestApp::new().await;
    let watch = watch(&t).await;
    assert_eq!(watch.get(NOTICES).await.expect(200).json(), json!({ "results": [], "next": null }));
    for number in 0..5 {
        let notice = Notice {
            key: format!("n{number}"),
            kind: "credential_expires".to_owned(),
            at: t.clock.now(),
            detail: json!({ "number": number }),
        };
        assert!(t.store.announce(&notice).await.unwrap());
    }
    snapshot!("notices", watch.get(&format!("{NOTICES}?limit=2")).await.expect(200));
    let (mut seen, mut next) = (Vec::new(), Some(format!("{NOTICES}?limit=2")));
    while let Some(url) = next {
        let page = watch.get(&url).await.expect(200).json();
        let results = page["results"].as_array().unwrap();
        seen.extend(results.iter().map(|notice| notice["detail"]["number"].as_u64().unwrap()));
        let url = page["next"].as_str();
        next = url.map(|url| url.strip_prefix("https://grants.example.com").unwrap().to_owned());
    }
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    for query in ["cursor=x", "limit=0", "limit=201", "offset=1"] {
        watch.get(&format!("{NOTICES}?{query}")).await.problem(Code::InvalidRequest);
    }
}

#[tokio::test]
async fn a_copied_database_is_not_ready_and_calls_nobody() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let other = t.replica().await;
    other.copy_database();
    other.anon.get("/health/ready").await.problem(Code::DatabaseCopied);
    let answer = other.alice.get(&at(&id, "token/")).await;
    answer.problem(Code::DatabaseCopied);
    snapshot!("not_ready_database_copied", answer);
    other.alice.delete(&at(&id, "")).await.problem(Code::DatabaseCopied);
    other.anon.get("/health/live").await.expect(200);
    let known = other.alice.get(&at(&id, "doctor/")).await.expect(200).json();
    assert_eq!(known["database_copied"], true);
    assert_eq!(known["forecast"]["cause"], "database_copied");
    assert_eq!(other.acme.seen(), Vec::<String>::new());
    other.store.adopt().await.unwrap();
    other.anon.get("/health/ready").await.expect(200);
}
