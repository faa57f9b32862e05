//! Sending, replying, forwarding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ALL, Desk, code, id, mail_to, refusal, token};
use crate::play::{ADELE, ALEX, assert_like};

/// The newest message in the inbox of somebody else.
async fn arrived(desk: &Desk, user: &str) -> Value {
    let token = token(&desk.play, user, ALL).await;
    let path = "/me/mailFolders/inbox/messages?$top=1&$expand=attachments";
    let list = super::call(&desk.play, &token, "GET", path, &[], String::new()).await;
    list.ok()["value"][0].clone()
}

#[tokio::test]
async fn what_is_sent_arrives() {
    let desk = Desk::new().await;
    let mut mail = mail_to(&ALEX.to_uppercase(), "Meet for lunch?");
    mail["message"]["attachments"] = json!([{
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "menu.txt",
        "contentBytes": STANDARD.encode("mac and cheese"),
    }]);
    mail["message"]["bccRecipients"] =
        json!([{ "emailAddress": { "address": "x@fabrikam.example" } }]);
    let answer = desk.post("/me/sendMail", mail).await;
    assert_eq!((answer.status, answer.text.as_str()), (202, ""));
    assert_eq!(answer.header("content-length"), "0");

    let there = arrived(&desk, ALEX).await;
    assert_eq!(there["subject"], "Meet for lunch?");
    assert_eq!(there["from"]["emailAddress"]["address"], ADELE);
    assert_eq!((&there["isRead"], &there["isDraft"]), (&json!(false), &json!(false)));
    assert_eq!((&there["hasAttachments"], &there["bccRecipients"]), (&json!(true), &json!([])));
    assert_eq!(there["attachments"][0]["contentBytes"], STANDARD.encode("mac and cheese"));
    let kept = desk.newest("sentitems").await;
    assert_eq!((&kept["subject"], &kept["isRead"]), (&there["subject"], &json!(true)));
    assert_eq!(kept["internetMessageId"], there["internetMessageId"]);
    assert_eq!(kept["bccRecipients"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn no_copy_is_kept_if_none_is_wanted() {
    let desk = Desk::new().await;
    let before = desk.folder("sentitems").await["totalItemCount"].clone();
    let mut mail = mail_to("x@fabrikam.example", "x");
    mail["SaveToSentItems"] = json!(false);
    assert_eq!(desk.post("/me/sendMail", mail).await.status, 202);
    assert_eq!(desk.folder("sentitems").await["totalItemCount"], before);
    assert_eq!(desk.post("/me/sendMail", mail_to("x@fabrikam.example", "x")).await.status, 202);
    assert_eq!(desk.folder("sentitems").await["totalItemCount"], before.as_u64().unwrap() + 1);
}

#[tokio::test]
async fn a_draft_is_sent_once() {
    let desk = Desk::new().await;
    let draft = desk.draft(ALEX).await;
    let plain = id(&draft);
    let immutable = "IdType=\"ImmutableId\"";
    let lasting = id(&desk.get_preferring(&format!("/me/messages/{plain}"), immutable).await.ok());
    let sent = desk.post(&format!("/me/messages/{plain}/send"), json!(null)).await;
    assert_eq!((sent.status, sent.text.as_str()), (202, ""));
    let again = desk.post(&format!("/me/messages/{plain}/send"), json!(null)).await;
    assert_eq!(code(&again), refusal(404, "ErrorItemNotFound"));
    let again = desk.post(&format!("/me/messages/{lasting}/send"), json!(null)).await;
    assert_eq!(code(&again), refusal(400, "ErrorInvalidRequest"));
    let there = desk.get(&format!("/me/messages/{lasting}")).await.ok();
    assert_eq!(there["parentFolderId"], desk.folder("sentitems").await["id"]);
    assert_eq!((&there["isDraft"], &there["subject"]), (&json!(false), &json!("A draft")));
    assert_eq!(arrived(&desk, ALEX).await["internetMessageId"], draft["internetMessageId"]);
    assert_eq!(desk.newest("sentitems").await["id"], there["id"], "sent last, listed first");
}

#[tokio::test]
async fn bad_recipients_and_foreign_senders_are_refused() {
    let desk = Desk::new().await;
    for bad in ["nobody", "a@b@c", "@x.example", "a b@x.example", ""] {
        let answer = desk.post("/me/sendMail", mail_to(bad, "x")).await;
        assert_like("graph/error.400.invalid_recipients", &answer);
    }
    let mut nobody = mail_to("x", "x");
    nobody["message"]["toRecipients"] = json!([]);
    assert_eq!(desk.post("/me/sendMail", nobody).await.status, 400);
    let mut foreign = mail_to("x@fabrikam.example", "x");
    foreign["message"]["from"] = json!({ "emailAddress": { "address": ALEX } });
    assert_like("graph/error.403.send_as_denied", &desk.post("/me/sendMail", foreign).await);
    let draft = desk.draft("nobody").await;
    let sent = desk.post(&format!("/me/messages/{}/send", id(&draft)), json!(null)).await;
    assert_eq!(code(&sent), refusal(400, "ErrorInvalidRecipients"));
    assert_eq!(desk.post("/me/sendMail", json!({})).await.status, 400);
}

#[tokio::test]
async fn mail_can_be_mime() {
    let desk = Desk::new().await;
    let mime = format!("From: {ADELE}\nTo: {ALEX}\nSubject: As MIME\n\nHi.\n");
    let headers = &[("content-type", "text/plain")];
    let sent = desk.call("POST", "/me/sendMail", headers, STANDARD.encode(mime)).await;
    assert_eq!(sent.status, 202, "{}", sent.text);
    assert_eq!(arrived(&desk, ALEX).await["subject"], "As MIME");
}

#[tokio::test]
async fn a_reply_goes_to_the_sender_and_to_all_to_all() {
    let desk = Desk::new().await;
    let message = json!({
        "subject": "Plans",
        "from": { "emailAddress": { "name": "Alex Wilber", "address": ALEX } },
        "toRecipients": [
            { "emailAddress": { "address": ADELE } },
            { "emailAddress": { "address": "x@fabrikam.example" } },
        ],
        "ccRecipients": [{ "emailAddress": { "address": "y@fabrikam.example" } }],
    });
    let given = desk.play.direct(&format!("microsoft/users/{ADELE}/messages"), message).await;
    let path = format!("/me/messages/{}", id(&given));
    let addresses = |message: &Value, member: &str| {
        let all = message[member].as_array().unwrap().iter();
        all.map(|one| one["emailAddress"]["address"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let reply = desk.post(&format!("{path}/createReply"), json!({ "comment": "Thanks." })).await;
    assert_eq!(reply.status, 201);
    assert_eq!(reply.json["subject"], "RE: Plans");
    assert_eq!(addresses(&reply.json, "toRecipients"), [ALEX]);
    assert_eq!(reply.json["conversationId"], given["conversationId"]);
    assert!(reply.json["bodyPreview"].as_str().unwrap().starts_with("Thanks."));
    let all = desk.post(&format!("{path}/createReplyAll"), json!(null)).await;
    assert_eq!(addresses(&all.json, "toRecipients"), [ALEX, "x@fabrikam.example"]);
    assert_eq!(addresses(&all.json, "ccRecipients"), ["y@fabrikam.example"]);
    let forward = desk.post(&format!("{path}/createForward"), json!({})).await;
    assert_eq!((forward.status, &forward.json["subject"]), (201, &json!("FW: Plans")));
    assert_eq!(addresses(&forward.json, "toRecipients"), [""; 0]);

    let sent = desk.post(&format!("{path}/reply"), json!({ "Comment": "Yes." })).await;
    assert_eq!(sent.status, 202);
    assert_eq!(arrived(&desk, ALEX).await["subject"], "RE: Plans");
    let both =
        json!({ "comment": "x", "message": { "body": { "contentType": "text", "content": "y" } } });
    assert_eq!(desk.post(&format!("{path}/reply"), both).await.status, 400);
    let other = json!({ "message": { "body": { "contentType": "text", "content": "Mine." } } });
    assert_eq!(desk.post(&format!("{path}/replyAll"), other).await.status, 202);
    assert_eq!(desk.newest("sentitems").await["bodyPreview"], "Mine.");
}

#[tokio::test]
async fn a_forward_names_its_recipients_once() {
    let desk = Desk::new().await;
    let list = desk.get("/me/messages?$filter=hasAttachments eq true&$top=1").await.ok();
    let path = format!("/me/messages/{}/forward", id(&list["value"][0]));
    let to = json!([{ "emailAddress": { "address": ALEX } }]);
    let sent = desk.post(&path, json!({ "comment": "FYI", "toRecipients": to })).await;
    assert_eq!(sent.status, 202);
    let there = arrived(&desk, ALEX).await;
    assert!(there["subject"].as_str().unwrap().starts_with("FW: "));
    assert_eq!(there["hasAttachments"], true, "a forward carries the attachments");
    assert_eq!(desk.post(&path, json!({ "message": { "toRecipients": to } })).await.status, 202);
    let twice = json!({ "toRecipients": to, "message": { "toRecipients": to } });
    assert_eq!(desk.post(&path, twice).await.status, 400);
    assert_eq!(code(&desk.post(&path, json!({})).await), refusal(400, "ErrorInvalidRecipients"));
}

#[tokio::test]
async fn a_lost_answer_does_not_unsend() {
    let desk = Desk::new().await;
    desk.play
        .fault(json!({
            "where": "graph",
            "match": { "method": "POST", "path": "/v1.0/me/sendMail", "account": ADELE },
            "do": { "drop_after_commit": true },
        }))
        .await;
    assert_eq!(desk.get("/me/messages?$top=1").await.status, 200, "only sending is hit");
    let bearer = format!("Bearer {}", desk.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = mail_to(ALEX, "Lost").to_string();
    let request = desk.play.request("POST", "/v1.0/me/sendMail", &headers, body.clone());
    assert!(desk.play.send(request).await.is_err());
    assert_eq!(arrived(&desk, ALEX).await["subject"], "Lost");

    desk.play.fault(json!({ "where": "graph", "do": { "drop": true } })).await;
    let request = desk.play.request(
        "POST",
        "/v1.0/me/sendMail",
        &headers,
        mail_to(ALEX, "Never").to_string(),
    );
    assert!(desk.play.send(request).await.is_err());
    assert_eq!(arrived(&desk, ALEX).await["subject"], "Lost");
}
