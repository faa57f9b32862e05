//! Attachments, small and large.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Desk, code, id, refusal};
use crate::play::{ALEX, Answer};

const MB: usize = 1 << 20;

/// A piece of an upload, as clients send it: without a token.
async fn put(desk: &Desk, url: &str, first: usize, piece: usize, total: usize) -> Answer {
    let range = format!("bytes {first}-{}/{total}", first + piece - 1);
    let headers = [("content-type", "application/octet-stream"), ("content-range", range.as_str())];
    let path = url.replacen(&desk.play.base, "", 1);
    desk.play.send(desk.play.request("PUT", &path, &headers, "x".repeat(piece))).await.unwrap()
}

async fn bare(desk: &Desk, method: &str, url: &str) -> Answer {
    let path = url.replacen(&desk.play.base, "", 1);
    desk.play.send(desk.play.request(method, &path, &[], String::new())).await.unwrap()
}

async fn session(desk: &Desk, draft: &str, size: usize) -> Answer {
    let item = json!({ "attachmentType": "file", "name": "flower.png", "size": size });
    let path = format!("/me/messages/{draft}/attachments/createUploadSession");
    desk.post(&path, json!({ "AttachmentItem": item })).await
}

#[tokio::test]
async fn small_attachments_come_and_go() {
    let desk = Desk::new().await;
    let draft = id(&desk.draft(ALEX).await);
    let path = format!("/me/messages/{draft}/attachments");
    let file = |name: &str, bytes: &[u8]| {
        json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": name,
            "contentBytes": STANDARD.encode(bytes),
        })
    };
    let made = desk.post(&path, file("a.txt", b"hello")).await;
    assert_eq!((made.status, &made.json["contentType"]), (201, &json!("text/plain")));
    let one = format!("{path}/{}", id(&made.json));
    let raw = desk.get(&format!("{one}/$value")).await;
    assert_eq!((raw.text.as_str(), raw.header("content-type")), ("hello", "text/plain"));
    assert_eq!(desk.get(&one).await.ok()["contentBytes"], STANDARD.encode("hello"));
    assert_eq!(desk.get(&format!("/me/messages/{draft}")).await.ok()["hasAttachments"], true);
    let slim = desk.get(&format!("{path}?$select=id,name,size")).await.ok();
    assert!(slim["value"][0].get("contentBytes").is_none());
    assert_eq!(desk.delete(&one).await.status, 204);
    assert_eq!(desk.get(&one).await.status, 404);
    assert_eq!(desk.get(&format!("/me/messages/{draft}")).await.ok()["hasAttachments"], false);

    let large = desk.post(&path, file("b", &vec![0; 3 * MB])).await;
    assert_eq!(large.status, 413);
    let item = json!({
        "@odata.type": "#microsoft.graph.itemAttachment",
        "name": "A letter",
        "item": { "@odata.type": "microsoft.graph.message", "subject": "x" },
    });
    let item = desk.post(&path, item).await;
    assert_eq!(item.status, 201);
    let whole = format!("{path}/{}?$expand=microsoft.graph.itemattachment/item", id(&item.json));
    assert_eq!(desk.get(&whole).await.ok()["item"]["subject"], "x");
    let reference = json!({ "@odata.type": "#microsoft.graph.referenceAttachment", "name": "r" });
    let reference = desk.post(&path, reference).await.json;
    let nothing = desk.get(&format!("{path}/{}/$value", id(&reference))).await;
    assert_eq!(nothing.status, 404, "a reference has no content here");
    let inbox = format!("/me/messages/{}/attachments", id(&desk.newest("inbox").await));
    assert_eq!(desk.post(&inbox, file("a", b"x")).await.status, 400, "only drafts");
}

#[tokio::test]
async fn the_content_of_an_attached_item_is_its_mime() {
    let desk = Desk::new().await;
    let path = format!("/me/messages/{}/attachments", id(&desk.draft(ALEX).await));
    let letter = json!({
        "@odata.type": "#microsoft.graph.itemAttachment",
        "name": "A letter",
        "item": {
            "@odata.type": "#microsoft.graph.message",
            "subject": "Within",
            "body": { "contentType": "HTML", "content": "<p>Hello.</p>" },
            "toRecipients": [{ "emailAddress": { "name": "Alex Wilber", "address": ALEX } }],
            "attachments": [{
                "@odata.type": "#microsoft.graph.fileAttachment",
                "name": "a.txt", "contentBytes": STANDARD.encode("hello"),
            }],
        },
    });
    let made = desk.post(&path, letter).await.json;
    let raw = desk.get(&format!("{path}/{}/$value", id(&made))).await;
    assert_eq!((raw.status, raw.header("content-type")), (200, "text/plain"));
    for part in [
        "Subject: Within\r\n".to_owned(),
        format!("To: \"Alex Wilber\" <{ALEX}>\r\n"),
        "Content-Type: text/html".to_owned(),
        STANDARD.encode("<p>Hello.</p>"),
        "filename=\"a.txt\"".to_owned(),
        STANDARD.encode("hello"),
    ] {
        assert!(raw.text.contains(&part), "{part} in {}", raw.text);
    }
}

#[tokio::test]
async fn an_upload_that_brings_a_token_is_taken_and_noted() {
    let desk = Desk::new().await;
    let draft = id(&desk.draft(ALEX).await);
    let total = 3 * MB + 100;
    let begun = session(&desk, &draft, total).await;
    let url = begun.json["uploadUrl"].as_str().unwrap().to_owned();
    let noted = || desk.play.stage.ledger().traffic(crate::play::ADELE).uploads_with_token;
    assert_eq!(put(&desk, &url, 0, MB, total).await.status, 200);
    assert_eq!(noted(), 0);
    let range = format!("bytes {MB}-{}/{total}", 2 * MB - 1);
    let headers = [("content-type", "application/octet-stream"), ("content-range", range.as_str())];
    assert_eq!(desk.call("PUT", &url, &headers, "x".repeat(MB)).await.status, 200);
    assert_eq!(noted(), 1);
}

#[tokio::test]
async fn inline_attachments_do_not_count() {
    let desk = Desk::new().await;
    let draft = id(&desk.draft(ALEX).await);
    let path = format!("/me/messages/{draft}/attachments");
    let inline = json!({
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "p.gif", "contentId": "p", "isInline": true, "contentBytes": "R0lGODlh",
    });
    assert_eq!(desk.post(&path, inline).await.status, 201);
    assert_eq!(desk.get(&format!("/me/messages/{draft}")).await.ok()["hasAttachments"], false);
    assert_eq!(desk.get(&path).await.ok()["value"][0]["contentId"], "p");
}

#[tokio::test]
async fn large_attachments_come_in_pieces() {
    let desk = Desk::new().await;
    let draft = id(&desk.draft(ALEX).await);
    let total = 3 * MB + 100;
    let begun = session(&desk, &draft, total).await;
    assert_eq!((begun.status, &begun.json["nextExpectedRanges"]), (201, &json!(["0-"])));
    let url = begun.json["uploadUrl"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://login.test/api/v2.0/Users('"), "{url}");

    let first = put(&desk, &url, 0, 2 * MB, total).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.json["nextExpectedRanges"], json!([(2 * MB).to_string()]));
    assert!(first.json["ExpirationDateTime"].is_string());
    let again = put(&desk, &url, 0, 2 * MB, total).await;
    assert_eq!(again.status, 416, "pieces come in order");
    let status = bare(&desk, "GET", &url).await.ok();
    assert_eq!(status["NextExpectedRanges"], json!([format!("{}-", 2 * MB)]));
    let beyond = put(&desk, &url, 2 * MB, 2 * MB, total).await;
    assert_eq!(beyond.status, 416);
    let end = put(&desk, &url, 2 * MB, total - 2 * MB, total).await;
    assert_eq!((end.status, end.text.as_str()), (201, ""));
    let location = end.header("location").to_owned();
    assert!(location.contains("/Attachments('"), "{location}");
    assert_eq!(bare(&desk, "GET", &url).await.status, 404, "the session has ended");

    let list = desk.get(&format!("/me/messages/{draft}/attachments?$select=name,size")).await.ok();
    assert_eq!(list["value"][0]["size"], total);
    let made = id(&list["value"][0]);
    assert!(location.ends_with(&format!("('{made}')")));
    let raw = desk.get(&format!("/me/messages/{draft}/attachments/{made}/$value")).await;
    assert_eq!((raw.text.len(), raw.header("content-type")), (total, "image/png"));
}

#[tokio::test]
async fn an_upload_has_its_bounds() {
    let desk = Desk::new().await;
    let draft = id(&desk.draft(ALEX).await);
    let small = session(&desk, &draft, 3 * MB - 1).await;
    let minimum = refusal(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize");
    assert_eq!(code(&small), minimum);
    assert_eq!(session(&desk, &draft, 151 * MB).await.status, 413);
    let total = 10 * MB;
    let url = |answer: &Answer| answer.json["uploadUrl"].as_str().unwrap().to_owned();
    let begun = url(&session(&desk, &draft, total).await);
    // A decimal megabyte, other than the 320 KiB of the pieces.
    let most = 3_999_999;
    assert_eq!(put(&desk, &begun, 0, most + 1, total).await.status, 413);
    assert_eq!(put(&desk, &begun, 0, most, total).await.status, 200);
    assert_eq!(put(&desk, &begun, most, 10, total + 1).await.status, 416);
    assert_eq!(bare(&desk, "DELETE", &begun).await.status, 204);
    assert_eq!(put(&desk, &begun, most, 10, total).await.status, 404);

    let begun = url(&session(&desk, &draft, total).await);
    desk.play.advance(2 * 60 * 60 - 1);
    assert_eq!(bare(&desk, "GET", &begun).await.status, 200);
    desk.play.advance(1);
    assert_eq!(bare(&desk, "GET", &begun).await.status, 404);
    let forged = begun.replace("authtoken=", "authtoken=x");
    assert_eq!(bare(&desk, "GET", &forged).await.status, 404);
}

#[tokio::test]
async fn a_seeded_message_has_an_inline_picture_and_a_file() {
    let desk = Desk::new().await;
    let recent = desk.get("/me/messages?$top=20&$filter=hasAttachments eq true").await.ok();
    let message = id(&recent["value"][0]);
    let all = desk.get(&format!("/me/messages/{message}/attachments")).await.ok();
    let inline = |it: &Value| it["isInline"] == true;
    let all = all["value"].as_array().unwrap();
    assert_eq!((all.len(), all.iter().filter(|it| inline(it)).count()), (2, 1));
    let count = desk.get(&format!("/me/messages/{message}/attachments/$count")).await;
    assert_eq!(count.text, "2");
}
