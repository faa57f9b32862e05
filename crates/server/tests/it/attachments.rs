//! Files in and out.

use axum::body::Body;
use evergrant_server::principal::Permission;
use evergrant_server::problem::Code;
use http::Request;
use serde_json::json;

use crate::app::{TestApp, at};
use crate::caller::Caller;
use crate::shelf::segment;
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
