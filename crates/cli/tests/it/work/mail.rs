//! Mail is sent once, whatever becomes of the answers.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, whole};
use crate::bench::{ADELE, ALEX};

fn message(subject: &str) -> Value {
    json!({
        "to": [{ "email": ALEX }],
        "subject": subject,
        "body": { "format": "text", "content": "See you there." },
        "attachments": [{ "name": "notes.txt", "content_type": "text/plain", "content": "aGVsbG8=" }],
    })
}

/// How many messages of this subject lie there, and the first of them.
async fn found(desk: &Desk, folder: &str, subject: &str) -> (usize, Value) {
    let all = whole(desk, &format!("/email-messages/?folder={folder}&limit=200")).await;
    let found: Vec<_> = all.into_iter().filter(|message| message["subject"] == subject).collect();
    (found.len(), found.first().cloned().unwrap_or_default())
}

/// Every step of sending, and what may become of its answer.
#[tokio::test]
async fn a_message_is_sent_once_whichever_answer_is_lost() {
    let desk = Desk::of("microsoft_outlook").await;
    let alex = desk.also("microsoft_outlook", ALEX).await;
    let steps = ["draft", "attach", "send"];
    let deeds = [
        json!({ "drop_after_commit": true }),
        json!({ "drop": true }),
        json!({ "status": 503, "retry_after": 1 }),
    ];
    for (number, (step, deed)) in
        steps.iter().flat_map(|step| deeds.iter().map(move |deed| (step, deed))).enumerate()
    {
        let subject = format!("number {number}");
        let matching = match *step {
            "draft" => json!({ "method": "POST", "path": "*/me/messages" }),
            "attach" => json!({ "method": "POST", "path": "*/attachments" }),
            _ => json!({ "method": "POST", "path": "*/send" }),
        };
        desk.fault(matching, 1, deed.clone()).await;
        let sent = desk.post("/email-messages/", &message(&subject)).await;
        assert_eq!(sent.status, 201, "{step} {deed}: {}", sent.text);
        let (there, copy) = found(&desk, "sentitems", &subject).await;
        assert_eq!(there, 1, "{step} {deed}: in the sent items");
        assert_eq!(found(&desk, "drafts", &subject).await.0, 0, "{step} {deed}: a draft stays");
        assert_eq!(copy["has_attachments"], true, "{step} {deed}");
    }
    let alex = Desk { at: alex, ..desk };
    for number in 0..steps.len() * deeds.len() {
        let (there, received) = found(&alex, "inbox", &format!("number {number}")).await;
        assert_eq!(there, 1, "number {number} arrived {there} times");
        assert_eq!(received["from"]["email"], ADELE);
        assert_eq!(received["has_attachments"], true);
    }
}

#[tokio::test]
async fn a_key_sends_once_even_if_the_first_outcome_was_never_known() {
    let desk = Desk::of("microsoft_outlook").await;
    let alex = desk.also("microsoft_outlook", ALEX).await;
    let key = [("idempotency-key", "the-only-one")];
    let once = message("once");
    let send = || desk.call(Method::POST, "/email-messages/", &once, &key);
    // It is sent, and then nothing of the mailbox answers any more.
    desk.fault(
        json!({ "method": "POST", "path": "*/send" }),
        1,
        json!({ "drop_after_commit": true }),
    )
    .await;
    desk.fault(
        json!({ "method": "GET", "path": "/v1.0/me/messages" }),
        1_000,
        json!({ "drop": true }),
    )
    .await;
    // The first look for an earlier attempt fails before anything is written, or the last one does
    // after it was sent; either way nobody knows, and says so.
    let unknown = send().await.expect(503);
    assert!(unknown["retry_after"].is_u64(), "{unknown}");
    desk.bench.sandbox.forget_faults().await;
    desk.fault(
        json!({ "method": "POST", "path": "*/send" }),
        1,
        json!({ "drop_after_commit": true }),
    )
    .await;
    send().await.expect(201);
    let replayed = send().await;
    assert_eq!(replayed.status, 201);
    assert_eq!(replayed.headers["idempotency-replayed"], "true");
    assert_eq!(found(&desk, "sentitems", "once").await.0, 1);
    let alex = Desk { at: alex, ..desk };
    assert_eq!(found(&alex, "inbox", "once").await.0, 1);
}

#[tokio::test]
async fn a_reply_is_sent_once_when_its_answer_is_lost() {
    let desk = Desk::of("microsoft_outlook").await;
    let alex = desk.also("microsoft_outlook", ALEX).await;
    desk.post("/email-messages/", &message("a question")).await.expect(201);
    let alex = Desk { at: alex, ..desk };
    let (_, received) = found(&alex, "inbox", "a question").await;
    let id: String =
        url::form_urlencoded::byte_serialize(received["id"].as_str().unwrap().as_bytes()).collect();
    alex.fault(
        json!({ "method": "POST", "path": "*/send" }),
        1,
        json!({ "drop_after_commit": true }),
    )
    .await;
    let reply = json!({ "body": { "format": "text", "content": "An answer." } });
    alex.post(&format!("/email-messages/{id}/reply/"), &reply).await.expect(201);
    let answers = whole(&alex, "/email-messages/?folder=sentitems&limit=200").await;
    let answers = answers
        .iter()
        .filter(|m| m["subject"] == "RE: a question" || m["subject"] == "Re: a question");
    assert_eq!(answers.count(), 1);
}

#[tokio::test]
async fn a_file_of_nine_megabytes_goes_out_and_comes_back_the_same() {
    let desk = Desk::of("microsoft_outlook").await;
    let draft = desk
        .post(
            "/email-messages/?draft=true",
            &json!({ "to": [{ "email": ALEX }], "subject": "large" }),
        )
        .await;
    let draft = draft.expect(201);
    let id: String =
        url::form_urlencoded::byte_serialize(draft["id"].as_str().unwrap().as_bytes()).collect();
    let file: Vec<u8> =
        (0..9_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    // One piece is lost on its way back.
    desk.fault(json!({ "method": "PUT" }), 1, json!({ "drop_after_commit": true })).await;
    let url =
        format!("{}{}/email-messages/{id}/attachments/?name=large.bin", desk.server.api, desk.at);
    let request = desk.bench.http.post(&url).bearer_auth(&desk.key);
    let answer = request
        .header("content-type", "application/octet-stream")
        .body(file.clone())
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let attached: Value = answer.json().await.unwrap();
    assert_eq!(status, 201, "{attached}");
    let attachment: String =
        url::form_urlencoded::byte_serialize(attached["id"].as_str().unwrap().as_bytes()).collect();
    let url =
        format!("{}{}/email-messages/{id}/attachments/{attachment}/", desk.server.api, desk.at);
    let answer = desk.bench.http.get(url).bearer_auth(&desk.key).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert!(answer.bytes().await.unwrap() == file, "the file is another one");
    desk.post(&format!("/email-messages/{id}/send/"), &json!({})).await.expect(201);
    assert_eq!(found(&desk, "sentitems", "large").await.0, 1);
}

#[tokio::test]
async fn a_mailbox_of_thousands_is_read_to_its_end() {
    let desk = Desk::of("microsoft_outlook").await;
    let folders = desk.get("/folders/").await.expect(200);
    let folders = folders["results"].as_array().unwrap();
    let total: u64 = folders.iter().map(|folder| folder["total"].as_u64().unwrap()).sum();
    assert!(total > 2_000, "{total}");
    let all = whole(&desk, "/email-messages/?limit=200").await;
    assert_eq!(all.len() as u64, total);
    let ids: std::collections::BTreeSet<_> =
        all.iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "each once");
    let times: Vec<_> = all.iter().map(|m| m["received_at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "newest first");
}
