//! Large files: which way they go, and how an upload comes to its end.

use std::time::Duration;

use bytes::Bytes;
use evergrant::capability::{Attachment, NewAttachment, NewMessage, Once, Person};
use evergrant::testing::SeededEntropy;
use evergrant::{CallError, Clock, Response};
use serde_json::{Value, json};

use crate::graph::{Desk, MAIL, header, mail, said};
use crate::mailbox::Mailbox;

const SESSION: &str = "https://outlook.office.com/api/v2.0/s?authtoken=a";

fn file(bytes: usize) -> NewAttachment {
    let content = Bytes::from(vec![0; bytes]);
    NewAttachment { name: "film".to_owned(), content_type: None, content, content_id: None }
}

/// The attachments of the draft.
fn held(sizes: &[usize]) -> Response {
    let one = |(n, size)| json!({ "id": format!("a{n}"), "name": "film", "size": size });
    let value: Vec<Value> = sizes.iter().enumerate().map(one).collect();
    said(200, &json!({ "value": value }))
}

fn session(url: &str) -> Response {
    said(201, &json!({ "uploadUrl": url, "nextExpectedRanges": ["0-"] }))
}

fn refused(status: u16, code: &str) -> Response {
    said(status, &json!({ "error": { "code": code, "message": "Refused." } }))
}

fn created() -> Response {
    said(201, &Value::Null)
}

async fn attach(desk: &Desk, bytes: usize) -> Result<Attachment, CallError> {
    desk.run(mail(desk.api.provider()).attach(&desk.api, "m", &file(bytes))).await
}

#[tokio::test]
async fn what_one_way_refuses_for_its_size_goes_the_other() {
    let size = 2_950_000;
    let too_large = refused(413, "");
    let answers = [held(&[]), too_large, session(SESSION), created(), held(&[size])];
    assert_eq!(attach(&Desk::scripted(answers).await, size).await.unwrap().id, "a0");
    let size = 3_050_000;
    let too_small = refused(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize");
    let whole = said(201, &json!({ "id": "w", "name": "film", "size": size }));
    let desk = Desk::scripted([held(&[]), too_small, whole]).await;
    assert_eq!(attach(&desk, size).await.unwrap().id, "w");
    // What is far from the line is refused once.
    let desk = Desk::scripted([held(&[]), refused(413, "")]).await;
    assert!(attach(&desk, 1000).await.is_err());
}

#[tokio::test]
async fn a_part_that_is_put_off_goes_to_the_same_upload_later() {
    let wait = http::Response::builder().status(429).header("retry-after", "70");
    let wait = wait.body(Bytes::new()).unwrap();
    let answers = [held(&[]), session(SESSION), wait, created(), held(&[3_200_000])];
    let desk = Desk::scripted(answers).await;
    let began = desk.clock.now();
    attach(&desk, 3_200_000).await.unwrap();
    let seen = desk.seen();
    let ranges: Vec<_> = seen.iter().map(|asked| header(asked, "content-range")).collect();
    assert_eq!(ranges, ["", "", "bytes 0-3199999/3200000", "bytes 0-3199999/3200000", ""]);
    assert!(evergrant::clock::until(began, desk.clock.now()) >= Duration::from_secs(70));
}

#[tokio::test]
async fn an_upload_is_put_off_for_two_windows_and_no_longer() {
    let desk = Desk::new("microsoft_outlook", MAIL, |request| {
        let wait = http::Response::builder().status(429).header("retry-after", "290");
        Ok(match request.method().as_str() {
            "GET" => held(&[]),
            "POST" => session(SESSION),
            _ => wait.body(Bytes::new()).unwrap(),
        })
    })
    .await;
    let began = desk.clock.now();
    let refused = attach(&desk, 3_200_000).await;
    assert!(matches!(refused, Err(CallError::Throttled { .. })), "{refused:?}");
    let took = evergrant::clock::until(began, desk.clock.now());
    assert!(took > Duration::from_mins(5) && took <= Duration::from_mins(10), "{took:?}");
}

#[tokio::test]
async fn more_than_a_mailbox_takes_in_a_window_is_attached_all_the_same() {
    let mailbox = Mailbox::default();
    let there = mailbox.clone();
    let desk = Desk::new("microsoft_outlook", MAIL, move |request| there.answer(request)).await;
    let message = NewMessage {
        to: vec![Person { name: None, email: Some("alex@example.com".to_owned()) }],
        attachments: vec![file(100_000_000), file(149_000_000)],
        ..NewMessage::default()
    };
    let once = Once::random(&SeededEntropy::new(7));
    let began = desk.clock.now();
    desk.run(mail(desk.api.provider()).send(&desk.api, once, &message)).await.unwrap();
    let sizes: Vec<_> = mailbox.delivered()[0].attachments.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes, [100_000_000, 149_000_000]);
    let sessions =
        |asked: &&evergrant::Request| asked.uri().path().ends_with("createUploadSession");
    assert_eq!(desk.seen().iter().filter(sessions).count(), 2, "each in its own upload");
    let took = evergrant::clock::until(began, desk.clock.now());
    assert!(took >= Duration::from_mins(5), "{took:?}: the mailbox's window is kept to");
}

#[tokio::test]
async fn a_file_that_a_window_has_no_room_for_is_refused_before_anything_is_sent() {
    let desk = Desk::scripted([]).await;
    let refused = attach(&desk, 149_000_001).await;
    assert!(matches!(refused, Err(CallError::Invalid { .. })), "{refused:?}");
}

#[tokio::test]
async fn content_goes_to_the_providers_hosts_or_nowhere() {
    for url in [
        "https://evil.example/s",
        "https://outlook.office.com@evil.example/s",
        "https://169.254.169.254/latest/meta-data",
        "http://outlook.office.com/s",
    ] {
        let desk = Desk::scripted([held(&[]), session(url)]).await;
        let refused = attach(&desk, 3_200_000).await;
        assert!(matches!(refused, Err(CallError::Unreadable(_))), "{url}: {refused:?}");
        assert_eq!(desk.seen().len(), 2, "{url}");
    }
}

#[tokio::test]
async fn an_upload_that_has_ended_is_begun_anew_however_that_is_said() {
    for (status, code) in
        [(401, "InvalidAuthenticationToken"), (403, "ErrorAccessDenied"), (404, "")]
    {
        let answers = [
            held(&[]),
            session(SESSION),
            refused(status, code),
            held(&[]),
            session(SESSION),
            created(),
            held(&[3_200_000]),
        ];
        attach(&Desk::scripted(answers).await, 3_200_000).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_understood_of_an_upload_is_not_repeated_in_errors() {
    let long = "x".repeat(10_000);
    let odd = said(200, &json!({ "nextExpectedRanges": [long] }));
    let desk = Desk::scripted([held(&[]), session(SESSION), odd]).await;
    let error = attach(&desk, 3_200_000).await.unwrap_err();
    assert!(matches!(error, CallError::Unreadable(_)) && error.to_string().len() < 200, "{error}");
}
