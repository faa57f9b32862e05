//! What mail is refused with, by the provider and before anything is sent.

use std::time::Duration;

use bytes::Bytes;
use evergrant::capability::{
    BodyFormat, Flag, Importance, MessageChanges, NewAttachment, NewMessage, Once, Person,
};
use evergrant::gateway::Denial;
use evergrant::provider::Actor;
use evergrant::testing::SeededEntropy;
use evergrant::{CallError, Clock, Repeated, Response};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::graph::{Desk, MAIL, answer, mail, said};

fn once() -> Once {
    Once::random(&SeededEntropy::new(7))
}

fn person(email: &str) -> Person {
    Person { name: None, email: Some(email.to_owned()) }
}

#[tokio::test]
async fn every_recorded_refusal_of_mail_is_understood() {
    let mut told = Vec::new();
    let fixtures = format!("{}/src/microsoft/fixtures", env!("CARGO_MANIFEST_DIR"));
    let folders = [format!("{fixtures}/graph"), fixtures];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names.iter().filter_map(|name| name.strip_suffix(".json")) {
        if !name.starts_with("error.") || name.starts_with("error.401") {
            continue;
        }
        for (scopes, version) in [(MAIL, None), ("Mail.ReadBasic", Some("W/\"v\""))] {
            let name = name.to_owned();
            let answers = answer(&name);
            let desk = Desk::new("microsoft_outlook", scopes, move |_| Ok(answers.clone())).await;
            let changes = MessageChanges { is_read: Some(true), ..MessageChanges::default() };
            let mailbox = mail(desk.api.provider());
            let work = mailbox.update_message(&desk.api, "x", &changes, version);
            let error = desk.run(work).await.unwrap_err();
            let said = match &error {
                CallError::Denied { denial, failure } => {
                    assert!(!failure.message.is_empty() && !failure.remedy.is_empty(), "{name}");
                    assert!(
                        failure.provider_code.is_some() && failure.trace_id.is_some(),
                        "{name}"
                    );
                    format!("{denial:?} {}: {}", failure.code, failure.message)
                }
                other => format!("{other:?}"),
            };
            let how = if version.is_some() { "few permissions, a version" } else { "all" };
            told.push(format!("{name}, {how}: {said}"));
        }
    }
    assert_json_snapshot!("refusals", told);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let desk = Desk::scripted([]).await;
    let mailbox = mail(desk.api.provider());
    let to = |email: &str| vec![person(email)];
    let message = |change: fn(&mut NewMessage)| {
        let mut message = NewMessage { to: to("a@example.com"), ..NewMessage::default() };
        change(&mut message);
        message
    };
    for (pointer, wrong) in [
        ("/to", message(|m| m.to.clear())),
        ("/to/0/email", message(|m| m.to[0].email = Some("alex".to_owned()))),
        ("/cc/0/email", message(|m| m.cc.push(Person::default()))),
        ("/importance", message(|m| m.importance = Some(Importance::Other("x".to_owned())))),
        ("/from/email", message(|m| m.from = Some(Person::default()))),
        (
            "/attachments/0/name",
            message(|m| {
                m.attachments = vec![NewAttachment {
                    name: String::new(),
                    content_type: None,
                    content: Bytes::new(),
                    content_id: None,
                }];
            }),
        ),
    ] {
        let refused = mailbox.send(&desk.api, once(), &wrong).await;
        let Err(CallError::Invalid { pointer: found, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(found, pointer);
    }
    let flag = Some(Flag::Other("x".to_owned()));
    let changes = MessageChanges { flag, ..MessageChanges::default() };
    let refused = mailbox.update_message(&desk.api, "x", &changes, None).await;
    assert!(matches!(refused, Err(CallError::Invalid { .. })), "{refused:?}");
    assert!(mailbox.message(&desk.api, "..", BodyFormat::Text).await.is_err());
    assert!(desk.seen().is_empty());
}

#[tokio::test]
async fn without_the_permission_to_send_no_draft_is_left_behind() {
    let desk = Desk::new("microsoft_outlook", "Mail.ReadWrite User.Read", |request| {
        panic!("nobody asks {}", request.uri())
    })
    .await;
    let message = NewMessage { to: vec![person("a@example.com")], ..NewMessage::default() };
    let refused = mail(desk.api.provider()).send(&desk.api, once(), &message).await;
    let Err(CallError::Denied { denial, failure }) = refused else { panic!("{refused:?}") };
    assert_eq!(denial, Denial::MissingScope { needed: vec!["Mail.Send".to_owned()] });
    assert!(failure.message.contains("Mail.Send"), "{}", failure.message);
}

/// What becomes of a change that gets this answer.
async fn told(response: Response) -> CallError {
    let desk = Desk::scripted([response]).await;
    let changes = MessageChanges { is_read: Some(true), ..MessageChanges::default() };
    let work = mail(desk.api.provider()).update_message(&desk.api, "x", &changes, None);
    work.await.unwrap_err()
}

fn error(status: u16, code: &Value) -> Response {
    said(status, &json!({ "error": { "code": code, "message": null, "innererror": null } }))
}

#[tokio::test]
async fn codes_count_in_any_case_and_unknown_ones_stay_as_they_came() {
    let lower = told(error(404, &"erroritemNOTfound".into())).await;
    assert!(matches!(lower, CallError::Denied { denial: Denial::ItemNotFound, .. }), "{lower:?}");
    let limit = told(error(403, &"ErrorExceededMessageLimit".into())).await;
    assert!(matches!(limit, CallError::Throttled { .. }), "{limit:?}");
    let full = told(error(403, &"ErrorQuotaExceeded".into())).await;
    assert!(matches!(full, CallError::Denied { denial: Denial::QuotaExceeded, .. }), "{full:?}");
    for (status, code) in [(400, "BrandNew"), (403, "BrandNew"), (404, "BrandNew"), (501, "")] {
        let new = told(error(status, &code.into())).await;
        let CallError::Refused { status: found, code: said, .. } = &new else { panic!("{new:?}") };
        assert_eq!((found.as_u16(), said.as_str()), (status, code));
    }
    let null = told(error(403, &Value::Null)).await;
    assert!(matches!(null, CallError::Denied { denial: Denial::Forbidden, .. }), "{null:?}");
    let page = http::Response::builder().status(404).header("request-id", "r-1");
    let page = told(page.body(Bytes::from_static(b"<html>")).unwrap()).await;
    let CallError::Refused { request_id, .. } = &page else { panic!("{page:?}") };
    assert_eq!(request_id.as_deref(), Some("r-1"));
}

/// An answer to a request that was sent more than once.
fn repeated(mut response: Response) -> Response {
    response.extensions_mut().insert(Repeated);
    response
}

#[tokio::test]
async fn what_a_repeated_removal_does_not_find_was_removed() {
    let gone = || error(404, &"ErrorItemNotFound".into());
    let desk = Desk::scripted([repeated(gone()), repeated(gone()), gone()]).await;
    let mailbox = mail(desk.api.provider());
    mailbox.remove_attachment(&desk.api, "m", "a").await.unwrap();
    mailbox.delete_message(&desk.api, "m", true).await.unwrap();
    let never = mailbox.remove_attachment(&desk.api, "m", "a").await;
    let missing = matches!(never, Err(CallError::Denied { denial: Denial::ItemNotFound, .. }));
    assert!(missing, "{never:?}");
}

#[tokio::test]
async fn a_repeated_change_that_finds_its_own_effect_has_succeeded() {
    let changes = MessageChanges {
        is_read: Some(true),
        importance: Some(Importance::Normal),
        ..MessageChanges::default()
    };
    let stale = || repeated(answer("error.412.precondition"));
    let ours = || answer("message.markread.response");
    let unread = said(200, &json!({ "id": "x", "isRead": false, "importance": "normal" }));
    for (answers, done) in [
        (vec![stale(), ours()], true),
        (vec![stale(), unread], false),
        (vec![answer("error.412.precondition")], false),
    ] {
        let desk = Desk::scripted(answers).await;
        let mailbox = mail(desk.api.provider());
        let after = mailbox.update_message(&desk.api, "x", &changes, Some("W/\"v\"")).await;
        let stale = matches!(after, Err(CallError::Denied { denial: Denial::ItemChanged, .. }));
        assert!(if done { after.is_ok() } else { stale }, "{after:?}");
    }
}

#[tokio::test]
async fn what_may_go_better_a_moment_later_is_asked_again() {
    for status in [500, 502, 503, 504, 507, 509] {
        let asked_to_wait = http::Response::builder().status(status).header("retry-after", "20");
        let asked_to_wait = asked_to_wait.body(Bytes::new()).unwrap();
        let good = answer("mailboxsettings.get.response");
        let desk = Desk::scripted([asked_to_wait, good]).await;
        let began = desk.clock.now();
        desk.run(mail(desk.api.provider()).settings(&desk.api)).await.unwrap();
        let took = evergrant::clock::until(began, desk.clock.now());
        assert!(took >= Duration::from_secs(20), "{status}: {took:?}");
    }
    let desk = Desk::scripted([said(501, &Value::Null)]).await;
    assert!(desk.run(mail(desk.api.provider()).settings(&desk.api)).await.is_err());
}

#[tokio::test]
async fn a_demand_that_no_token_meets_is_the_organisations_rule() {
    let demand = "Bearer realm=\"\", error=\"insufficient_claims\", \
                  claims=\"eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19\"";
    for status in [403, 401] {
        let desk = Desk::new("microsoft_outlook", MAIL, move |_| {
            let answer = http::Response::builder().status(status);
            Ok(answer.header("www-authenticate", demand).body(Bytes::new()).unwrap())
        })
        .await;
        let refused = desk.run(mail(desk.api.provider()).settings(&desk.api)).await;
        let Err(CallError::Denied { denial, failure }) = refused else { panic!("{refused:?}") };
        assert_eq!((denial, failure.actor), (Denial::ConditionalAccess, Actor::Administrator));
        assert!(failure.remedy.contains("connecting again alone does not help"), "{failure:?}");
        assert_eq!(desk.seen().len(), 2, "one token more was tried");
    }
}
