//! Subscriptions: asked for, renewed, ended.

use evergrant::feed::FeedKind;
use evergrant::notification::{Renewed, Subscribe, Subscribed};
use evergrant::{CallError, Denial, Response, Secret};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::registration;
use super::rich::certificate;
use crate::graph::{Desk, MAIL, answer, assert_asks, header, said};
use crate::script::now;

/// What the addresses in the recorded answers begin with.
const HOOKS: &str = "https://hooks.example.com/graph/";
const OURS: &str = "https://grants.example/api/notifications/microsoft_outlook/tag-of-the-feed";

async fn subscribe(desk: &Desk, feed: FeedKind) -> Result<Subscribed, CallError> {
    let url: Url = format!("{OURS}the-secret/").parse().unwrap();
    let state = Secret::from("the-state");
    let ask = Subscribe { feed, url: &url, ours: OURS, state: &state };
    let provider = desk.api.provider().clone();
    desk.run(provider.notifications().unwrap().subscribe(&desk.api, &ask)).await
}

fn body(desk: &Desk, at: usize) -> Value {
    serde_json::from_slice(desk.seen()[at].body()).unwrap()
}

/// How many minutes ahead a subscription was asked for.
fn minutes(body: &Value) -> i64 {
    let end: Timestamp = body["expirationDateTime"].as_str().unwrap().parse().unwrap();
    end.duration_since(now()).as_mins()
}

#[tokio::test]
async fn a_feed_is_subscribed_to_with_ids_that_last_for_as_long_as_is_allowed() {
    for (feed, resource) in [(FeedKind::Calendar, "me/events"), (FeedKind::Email, "me/messages")] {
        let desk = Desk::scripted([answer("subscription.create.response")]).await;
        let made = subscribe(&desk, feed).await.unwrap();
        assert_eq!(made.id, "7f105c7d-2dc5-4530-97cd-4e7ae6534c07");
        assert_eq!(made.expires_at, "2026-10-08T09:00:00Z".parse().unwrap());
        let (request, body) = (&desk.seen()[0], body(&desk, 0));
        assert_eq!(
            (request.method(), request.uri().path()),
            (&Method::POST, "/v1.0/subscriptions")
        );
        assert!(header(request, "prefer").contains(r#"IdType="ImmutableId""#));
        let url = format!("{OURS}the-secret/");
        let expected = json!({
            "changeType": "created,updated,deleted", "notificationUrl": url,
            "lifecycleNotificationUrl": url, "resource": resource, "clientState": "the-state",
            "expirationDateTime": body["expirationDateTime"],
        });
        assert_eq!(body, expected);
        assert!((10_000..10_080).contains(&minutes(&body)));
    }
}

#[tokio::test]
async fn with_a_certificate_notifications_carry_what_changed_and_live_a_day() {
    let pair = certificate();
    let answers =
        [answer("subscription.create.rich.response"), answer("subscription.renew.response")];
    let mut answers = answers.into_iter();
    let desk = Desk::of(registration(Some(&pair)), "microsoft_outlook", MAIL, move |_| {
        Ok(answers.next().unwrap())
    })
    .await;
    let made = subscribe(&desk, FeedKind::Email).await.unwrap();
    let created = body(&desk, 0);
    assert_eq!(created["includeResourceData"], true);
    assert_eq!(created["resource"], "me/messages?$select=id,changeKey");
    let der: String = pair.0.lines().filter(|line| !line.starts_with("-----")).collect();
    assert_eq!(created["encryptionCertificate"], der.as_str());
    assert_eq!(created["encryptionCertificateId"].as_str().unwrap().len(), 40);
    assert!((1_300..1_440).contains(&minutes(&created)));
    // The certificate goes along with each renewal, as it may be another one by then.
    let provider = desk.api.provider().clone();
    desk.run(provider.notifications().unwrap().renew(&desk.api, &made.id, HOOKS)).await.unwrap();
    let renewed = body(&desk, 1);
    assert_eq!(renewed["encryptionCertificateId"], created["encryptionCertificateId"]);
    assert!((1_300..1_440).contains(&minutes(&renewed)));
}

/// A list of subscriptions with these ids and addresses.
fn listed(found: &[(&str, &str)]) -> Response {
    let entry = |(id, url): &(&str, &str)| {
        json!({
            "id": id, "notificationUrl": url, "resource": "me/messages",
            "expirationDateTime": "2026-11-28T11:00:00Z",
        })
    };
    said(200, &json!({ "value": found.iter().map(entry).collect::<Vec<_>>() }))
}

#[tokio::test]
async fn what_was_left_by_a_lost_answer_is_ended_and_nobody_elses() {
    let other_user = "https://grants.example/api/notifications/microsoft_outlook/tag-of-another/";
    let elsewhere = "https://hooks.example.com/graph/notify";
    let lost = format!("{OURS}an-older-secret/");
    let found = [("s/1", &*lost), ("s-2", other_user), ("s-3", elsewhere)];
    let desk = Desk::scripted([
        answer("subscription.create.error.409"),
        listed(&found),
        answer("subscription.delete.response"),
        answer("subscription.create.response"),
    ])
    .await;
    subscribe(&desk, FeedKind::Email).await.unwrap();
    let asked: Vec<_> =
        desk.seen().iter().map(|r| format!("{} {}", r.method(), r.uri().path())).collect();
    let expected = [
        "POST /v1.0/subscriptions",
        "GET /v1.0/subscriptions",
        "DELETE /v1.0/subscriptions/s%2F1",
        "POST /v1.0/subscriptions",
    ];
    assert_eq!(asked, expected);

    // Another user has the same account: there is nothing to end, and nothing to try again.
    let conflict = answer("subscription.create.error.409");
    let desk = Desk::scripted([conflict, listed(&found[1..])]).await;
    let refused = subscribe(&desk, FeedKind::Email).await.unwrap_err();
    assert!(matches!(refused, CallError::Denied { denial: Denial::Conflict, .. }), "{refused:?}");
    assert_eq!(desk.seen().len(), 2);
}

#[tokio::test]
async fn a_subscription_is_renewed_by_its_end_alone() {
    let desk = Desk::scripted([
        answer("subscription.renew.response"),
        answer("subscription.renew.response"),
        answer("subscription.error.404"),
        answer("subscription.create.error.403"),
    ])
    .await;
    let provider = desk.api.provider().clone();
    let notifications = provider.notifications().unwrap();
    let id = "7f105c7d-2dc5-4530-97cd-4e7ae6534c07";
    let renewed = desk.run(notifications.renew(&desk.api, id, HOOKS)).await.unwrap();
    assert_eq!(renewed, Renewed::Until("2026-10-15T09:00:00Z".parse().unwrap()));
    assert_asks(&renewed_then(&desk), "subscription.renew.request", &[]);
    assert!((10_000..10_080).contains(&minutes(&body(&desk, 0))));
    assert_eq!(body(&desk, 0).as_object().unwrap().len(), 1);
    // It says where word goes to: that may be where we are reached no more.
    let elsewhere = desk.run(notifications.renew(&desk.api, id, OURS)).await.unwrap();
    assert_eq!(elsewhere, Renewed::Elsewhere);
    let gone = desk.run(notifications.renew(&desk.api, id, HOOKS)).await.unwrap_err();
    assert!(matches!(gone, CallError::Denied { denial: Denial::ItemNotFound, .. }), "{gone:?}");
    let denied = desk.run(notifications.renew(&desk.api, id, HOOKS)).await.unwrap_err();
    assert!(matches!(denied, CallError::Denied { denial: Denial::Forbidden, .. }), "{denied:?}");
}

/// The first request, with the end that was recorded.
fn renewed_then(desk: &Desk) -> evergrant::Request {
    let mut request = desk.seen()[0].clone();
    let recorded = crate::graph::example("subscription.renew.request");
    *request.body_mut() = recorded["request"]["body"].to_string().into();
    request
}

#[tokio::test]
async fn one_that_is_gone_counts_as_ended() {
    let desk = Desk::scripted([
        answer("subscription.delete.response"),
        answer("subscription.error.404"),
        said(400, &Value::Null),
    ])
    .await;
    let provider = desk.api.provider().clone();
    let notifications = provider.notifications().unwrap();
    desk.run(notifications.unsubscribe(&desk.api, "s-1")).await.unwrap();
    desk.run(notifications.unsubscribe(&desk.api, "s-1")).await.unwrap();
    desk.run(notifications.unsubscribe(&desk.api, "s-1")).await.unwrap_err();
    assert!(desk.seen().iter().all(|request| request.method() == Method::DELETE));
}

#[tokio::test]
async fn what_is_missing_or_in_the_way_says_who_can_mend_it() {
    let refused =
        [answer("subscription.create.error.403"), answer("subscription.create.error.validation")];
    let mut refused = refused.into_iter();
    let desk = Desk::of(registration(None), "microsoft_outlook", "User.Read", move |_| {
        Ok(refused.next().unwrap())
    })
    .await;
    let missing = subscribe(&desk, FeedKind::Email).await.unwrap_err();
    assert!(
        matches!(&missing, CallError::Denied { denial: Denial::MissingScope { needed }, .. } if needed.contains(&"Mail.Read".to_owned())),
        "{missing:?}"
    );
    // That nobody answered at our address is the operator's to see.
    let unreachable = subscribe(&desk, FeedKind::Email).await.unwrap_err();
    assert!(
        matches!(&unreachable, CallError::Refused { code, .. } if code == "ValidationError"),
        "{unreachable:?}"
    );
}
