//! Files in and out.

use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use http::Request;
use serde_json::json;

use crate::app::{TestApp, at};
use crate::caller::Caller;
use crate::problems::silent;
use crate::shelf::{self, segment};
use crate::snapshot;

fn files(id: &str) -> String {
    at(id, &format!("email-messages/{}/attachments/", segment("msg", 3)))
}

/// Sends a file as it is.
async fn put(
    caller: &Caller,
    url: &str,
    kind: &str,
    body: impl Into<Body>,
) -> crate::caller::Answer {
    let request = Request::post(url).header("content-type", kind);
    caller.request(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn attachments_are_listed_without_their_content() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    snapshot!("attachments", t.alice.get(&files(&id)).await.expect(200));
}

#[tokio::test]
async fn a_file_comes_out_as_it_went_in_either_way() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = files(&id);
    let json = json!({ "name": "a.json", "content_type": "application/json", "content": "e30=" });
    let attached = [
        t.alice.post(&url, json).await.expect(201),
        put(&t.alice, &format!("{url}?name=a.json"), "application/json", "{}").await.expect(201),
    ];
    snapshot!("attached", attached[0]);
    for answer in &attached {
        assert_eq!(answer.json()["size"], 2);
        let address = answer.header("location").strip_prefix("https://grants.example.com");
        let file = t.alice.get(address.unwrap()).await.expect(200);
        assert_eq!(file.text(), "{}");
        assert_eq!(file.header("content-type"), "application/json");
    }
    let inline = format!("{url}?name=pixel.png&content_id=pixel");
    let inline = put(&t.alice, &inline, "image/png", vec![0x89, 0, 0xFF]).await.expect(201);
    assert_eq!(inline.json()["content_id"], "pixel");
}

#[tokio::test]
async fn a_file_is_for_saving_and_never_shown() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let file = t.alice.get(&format!("{}{}/", files(&id), segment("att", 1))).await.expect(200);
    assert_eq!(file.text(), "naïve");
    assert_eq!(file.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"na_ve _notes_.txt\"; filename*=UTF-8''na%C3%AFve%20%22notes%22.txt"
    );
}

#[tokio::test]
async fn an_attachment_is_taken_away() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = format!("{}{}/", files(&id), segment("att", 2));
    t.alice.delete(&url).await.expect(204);
    t.alice.get(&url).await.problem(Code::ItemNotFound);
}

#[tokio::test]
async fn a_file_may_be_large_and_not_endless() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = format!("{}?name=large.bin", files(&id));
    let kind = "application/octet-stream";
    let large = put(&t.alice, &url, kind, vec![7; 150 << 20]).await.expect(201);
    assert_eq!(large.json()["size"], 150 << 20);
    let problem = put(&t.alice, &url, kind, vec![7; (150 << 20) + 1]).await;
    assert_eq!(problem.problem(Code::BodyTooLarge)["detail"], "The body is longer than 150 MiB.");
    // Said before it is sent: then nothing of it is read.
    let request = Request::post(&url).header("content-length", "999999999999");
    t.alice.request(request.body(Body::empty()).unwrap()).await.problem(Code::BodyTooLarge);
}

#[tokio::test]
async fn a_file_is_not_read_before_its_sender_may_attach_it() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = format!("{}?name=large.bin", files(&id));
    let unread = || {
        Body::from_stream(futures_util::stream::once(async {
            panic!("it was read") as Result<axum::body::Bytes, std::io::Error>
        }))
    };
    put(&t.bob, &url, "text/plain", unread()).await.problem(Code::IntegrationNotFound);
    let (reader, _) = t.key(t.user("alice").await, &[Permission::MailRead]).await;
    put(&reader, &url, "text/plain", unread()).await.problem(Code::Forbidden);
    let one = format!("email-messages/{}", segment("msg", 1));
    for below in [
        "email-messages/".to_owned(),
        "email-messages/?draft=true".to_owned(),
        format!("{one}/reply/"),
        format!("{one}/forward/"),
    ] {
        let url = at(&id, &below);
        put(&t.bob, &url, "application/json", unread()).await.problem(Code::IntegrationNotFound);
        put(&reader, &url, "application/json", unread()).await.problem(Code::Forbidden);
    }
}

#[tokio::test]
async fn a_large_file_is_not_fetched_before_there_is_room_for_it() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let other = t.bob.connect("boris").await;
    let large = shelf::id("att", 1);
    t.acme.shelf(|shelf| shelf.files.get_mut(&large).unwrap().0.size = 200 << 20);
    let file = |id: &str| format!("{}{}/", files(id), segment("att", 1));
    let mut upload = pin!(t.alice.request(silent(&format!("{}?name=a", files(&id)), 150)));
    tokio::select! {
        biased;
        answer = &mut upload => panic!("{answer}"),
        () = t.waits(Duration::from_secs(30)) => {}
    }
    // Bob has his own part of it, and what is small needs none.
    t.bob.get(&file(&other)).await.expect(200);
    t.alice.get(&format!("{}{}/", files(&id), segment("att", 2))).await.expect(200);
    let passes = async {
        t.waits(Duration::from_secs(5)).await;
        t.pass(Duration::from_secs(5));
    };
    let url = file(&id);
    let busy = tokio::join!(t.alice.get(&url), passes).0;
    assert_eq!(busy.problem(Code::ServerBusy)["retry_after"], 5);
    t.pass(Duration::from_secs(25));
    upload.await.problem(Code::BodyTooSlow);
    t.alice.get(&url).await.expect(200);
}

#[tokio::test]
async fn one_key_attaches_one_file() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = files(&id);
    let same = t.alice.with("idempotency-key", "film-1");
    let upload = async |url: &str, body| put(&same, url, "text/plain", body).await;
    let named = format!("{url}?name=a.txt");
    let first = upload(&named, "x").await.expect(201);
    let again = upload(&named, "x").await.expect(201);
    assert_eq!((&first.body, first.header("location")), (&again.body, again.header("location")));
    for (url, body) in [(format!("{url}?name=b.txt"), "x"), (named, "y")] {
        upload(&url, body).await.problem(Code::IdempotencyKeyReused);
    }
    assert_eq!(t.acme.done(), ["attach"]);
    let (same, json) =
        (t.alice.with("idempotency-key", "2"), json!({ "name": "a", "content": "" }));
    same.post(&url, json.clone()).await.expect(201);
    same.post(&url, json).await.expect(201);
    assert_eq!(t.acme.done(), ["attach"]);
}

#[tokio::test]
async fn a_file_needs_a_name() {
    let t = TestApp::new().await;
    let id = t.alice.connect("adele").await;
    let url = files(&id);
    put(&t.alice, &url, "text/plain", "x").await.problem(Code::UnsupportedMediaType);
    let problem = put(&t.alice, &format!("{url}?name="), "text/plain", "x").await;
    assert_eq!(problem.problem(Code::InvalidRequest)["errors"][0]["pointer"], "/name");
}
