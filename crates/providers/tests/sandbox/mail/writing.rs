//! Drafts, changes, moves, deletions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Desk, code, id, refusal};
use crate::play::{ALEX, assert_like};

#[tokio::test]
async fn a_draft_is_written_and_changed() {
    let desk = Desk::new().await;
    let draft = desk.draft(ALEX).await;
    assert_eq!(draft["isDraft"], true);
    assert_eq!(draft["parentFolderId"], desk.folder("drafts").await["id"]);
    assert_eq!(
        draft["toRecipients"][0]["emailAddress"]["name"], "Alex Wilber",
        "the directory knows"
    );
    let path = format!("/me/messages/{}", id(&draft));
    let change = json!({
        "subject": "Another",
        "importance": "HIGH",
        "internetMessageId": "<ours@contoso.example>",
        "body": { "contentType": "HTML", "content": "<p>x</p><script>evil()</script>" },
        "flag": { "flagStatus": "Flagged" },
    });
    let changed = desk.patch(&path, change).await.ok();
    assert_eq!(changed["subject"], "Another");
    assert_eq!(changed["importance"], "high");
    assert_eq!(changed["flag"]["flagStatus"], "flagged");
    assert_eq!(changed["internetMessageId"], "<ours@contoso.example>");
    assert_eq!(changed["bodyPreview"], "x");
    assert!(!changed["body"]["content"].as_str().unwrap().contains("script"));
    assert_ne!(changed["changeKey"], draft["changeKey"]);
    let found =
        desk.get("/me/messages?$filter=internetMessageId eq '<ours@contoso.example>'").await;
    assert_eq!(found.ok()["value"][0]["id"], draft["id"]);
}

#[tokio::test]
async fn a_sent_message_keeps_its_words() {
    let desk = Desk::new().await;
    let path = format!("/me/messages/{}", id(&desk.newest("inbox").await));
    for (member, value) in [
        ("subject", json!("x")),
        ("internetMessageId", json!("<x@y>")),
        ("toRecipients", json!([])),
        ("body", json!({ "contentType": "text", "content": "x" })),
    ] {
        let refused = desk.patch(&path, json!({ member: value })).await;
        assert_like("graph/error.400.property_validation", &refused);
    }
    for (member, value) in [
        ("isRead", json!(true)),
        ("categories", json!(["Blue"])),
        ("importance", json!("low")),
        ("inferenceClassification", json!("other")),
    ] {
        assert_eq!(desk.patch(&path, json!({ member: value })).await.ok()[member], value);
    }
    assert_eq!(desk.patch(&path, json!({ "isRead": "yes" })).await.status, 400);
    assert_eq!(desk.patch(&path, json!({ "shoeSize": 3 })).await.status, 400);
}

#[tokio::test]
async fn a_stale_etag_is_refused() {
    let desk = Desk::new().await;
    let message = desk.newest("inbox").await;
    let path = format!("/me/messages/{}", id(&message));
    let etag = message["@odata.etag"].as_str().unwrap();
    assert_eq!(etag, format!("W/\"{}\"", message["changeKey"].as_str().unwrap()));
    let change = async |etag: &str| {
        let headers = &[("content-type", "application/json"), ("if-match", etag)];
        desk.call("PATCH", &path, headers, json!({ "isRead": true }).to_string()).await
    };
    assert_eq!(change(etag).await.status, 200);
    let stale = change(etag).await;
    assert_like("graph/error.412.precondition", &stale);
    assert_eq!(code(&stale), refusal(412, "ErrorIrresolvableConflict"));
    assert_eq!(change("*").await.status, 200);
    let delete = desk.call("DELETE", &path, &[("if-match", etag)], String::new()).await;
    assert_eq!(delete.status, 412);
}

#[tokio::test]
async fn deleting_has_two_steps() {
    let desk = Desk::new().await;
    let message = id(&desk.newest("inbox").await);
    let immutable = "IdType=\"ImmutableId\"";
    let lasting =
        id(&desk.get_preferring(&format!("/me/messages/{message}"), immutable).await.ok());
    assert_eq!(desk.delete(&format!("/me/messages/{message}")).await.status, 204);
    let path = format!("/me/messages/{lasting}");
    let there = desk.get(&path).await.ok();
    assert_eq!(there["parentFolderId"], desk.folder("deleteditems").await["id"]);
    assert_eq!(desk.delete(&path).await.status, 204);
    assert_like("graph/error.404.item_not_found", &desk.get(&path).await);

    let other = format!("/me/messages/{}", id(&desk.newest("inbox").await));
    assert_eq!(desk.post(&format!("{other}/permanentDelete"), json!(null)).await.status, 204);
    assert_eq!(desk.get(&other).await.status, 404);
}

#[tokio::test]
async fn a_copy_is_a_message_of_its_own() {
    let desk = Desk::new().await;
    let message = desk.newest("inbox").await;
    let path = format!("/me/messages/{}", id(&message));
    let copy = desk.post(&format!("{path}/copy"), json!({ "DestinationId": "archive" })).await;
    assert_eq!(copy.status, 201);
    assert_ne!(copy.json["id"], message["id"]);
    assert_eq!(copy.json["subject"], message["subject"]);
    assert_eq!(desk.get(&path).await.status, 200);
    let nowhere = desk.post(&format!("{path}/move"), json!({ "destinationId": "nowhere" })).await;
    assert_eq!(code(&nowhere), refusal(400, "ErrorInvalidIdMalformed"));
}

#[tokio::test]
async fn drafts_can_be_mime() {
    let desk = Desk::new().await;
    let mime = "To: Alex <alex@contoso.example>\r\nSubject: From MIME\r\nContent-Type: text/html\r\n\r\n<p>Hi.</p>";
    let headers = &[("content-type", "text/plain")];
    let made = desk.call("POST", "/me/messages", headers, STANDARD.encode(mime)).await;
    assert_eq!((made.status, &made.json["subject"]), (201, &json!("From MIME")));
    assert_eq!(made.json["toRecipients"][0]["emailAddress"]["address"], ALEX);
    assert_eq!(made.json["bodyPreview"], "Hi.");
    let bad = desk.call("POST", "/me/messages", headers, "not base64!".to_owned()).await;
    assert_eq!(code(&bad), refusal(400, "ErrorMimeContentInvalidBase64String"));
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let desk = Desk::new().await;
    let headers = &[("content-type", "application/json")];
    for body in ["{", "[]", "", "\"x\""] {
        let answer = desk.call("POST", "/me/messages", headers, body.to_owned()).await;
        assert_like("graph/error.400.malformed_json", &answer);
    }
    let large = "x".repeat((4 << 20) + (4 << 10) + 1);
    let answer = desk.call("POST", "/me/messages", headers, large).await;
    assert_like("graph/error.413.too_large", &answer);
}

#[tokio::test]
async fn headers_of_ones_own_begin_with_x() {
    let desk = Desk::new().await;
    let header = |name: &str| json!({ "name": name, "value": "v" });
    let good =
        json!({ "subject": "s", "internetMessageHeaders": [header("x-one"), header("X-Two")] });
    let draft = desk.post("/me/messages", good).await;
    assert_eq!(draft.status, 201);
    assert!(draft.json.get("internetMessageHeaders").is_none());
    let path = format!("/me/messages/{}?$select=internetMessageHeaders", id(&draft.json));
    assert_eq!(desk.get(&path).await.ok()["internetMessageHeaders"][0]["name"], "x-one");
    for bad in [vec![header("Subject")], vec![header("x-a"); 6]] {
        let answer = desk.post("/me/messages", json!({ "internetMessageHeaders": bad })).await;
        assert_eq!(answer.status, 400);
    }
}
