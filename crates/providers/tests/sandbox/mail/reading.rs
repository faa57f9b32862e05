//! Lists, messages, ids, search.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Desk, code, id, refusal};
use crate::play::{ADELE, Play};

fn values(list: &Value) -> &Vec<Value> {
    list["value"].as_array().unwrap_or_else(|| panic!("{list}"))
}

#[tokio::test]
async fn thousands_are_paged_to_the_end() {
    let desk = Desk::new().await;
    let total: usize = desk.get("/me/messages/$count").await.text.parse().unwrap();
    assert!(total >= 3_000, "{total}");
    let (mut seen, mut times) = (BTreeSet::new(), Vec::new());
    let mut next = Some("/me/messages?$select=receivedDateTime&$top=250&$count=true".to_owned());
    while let Some(address) = next {
        let page = desk.get(&address).await.ok();
        assert_eq!(page["@odata.count"], total);
        for message in values(&page) {
            assert!(seen.insert(id(message)), "twice");
            assert!(message["@odata.etag"].as_str().unwrap().starts_with("W/\""));
            let plain = message.as_object().unwrap().keys().filter(|name| !name.contains('@'));
            assert_eq!(plain.collect::<Vec<_>>(), ["id", "receivedDateTime"]);
            times.push(message["receivedDateTime"].as_str().unwrap().to_owned());
        }
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!(seen.len(), total);
    assert!(times.is_sorted_by(|one, other| one >= other), "newest first");
}

#[tokio::test]
async fn the_same_seed_makes_the_same_mail() {
    let (one, other) = (Desk::new().await, Desk::new().await);
    let ids = |list: &Value| values(list).iter().map(id).collect::<Vec<_>>();
    let path = "/me/messages?$top=100&$select=subject,from";
    let (one, other) = (one.get(path).await.ok(), other.get(path).await.ok());
    assert_eq!(ids(&one), ids(&other));
    assert_eq!(values(&one)[7]["subject"], values(&other)[7]["subject"]);
}

#[tokio::test]
async fn pages_obey_header_and_option() {
    let desk = Desk::new().await;
    assert_eq!(values(&desk.get("/me/messages").await.ok()).len(), 10);
    let few = desk.get_preferring("/me/messages", "odata.maxpagesize=3").await;
    assert_eq!(few.header("preference-applied"), "odata.maxpagesize=3");
    let few = few.ok();
    assert_eq!(values(&few).len(), 3);
    let next = few["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with("https://login.test/v1.0/me/messages?"), "{next}");
    let second = desk.get_preferring(next, "odata.maxpagesize=3").await.ok();
    let third = desk.get("/me/messages?$skip=3&$top=3").await.ok();
    assert_eq!(values(&second), values(&third));
    for wrong in ["$top=0", "$top=1001", "$top=x", "$skip=-1"] {
        assert_eq!(desk.get(&format!("/me/messages?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_mailbox_has_all_kinds_of_messages() {
    let desk = Desk::new().await;
    for filter in [
        "isRead eq false",
        "importance eq 'high'",
        "flag/flagStatus eq 'flagged'",
        "hasAttachments eq true",
        "from/emailAddress/address eq 'alex@contoso.example'",
        "categories/any(c:c eq 'Red category')",
        "inferenceClassification eq 'other'",
        "ccRecipients/any(r:r/emailAddress/address ne 'x')",
    ] {
        let found =
            desk.get(&format!("/me/messages?$filter={filter}&$count=true&$top=1")).await.ok();
        assert!(found["@odata.count"].as_u64().unwrap() > 1, "{filter}");
    }
    let recent = desk.get("/me/mailFolders/inbox/messages?$top=20").await.ok();
    let request = values(&recent)
        .iter()
        .find(|message| message["@odata.type"] == "#microsoft.graph.eventMessageRequest")
        .expect("a meeting request");
    assert_eq!(request["meetingMessageType"], "meetingRequest");
    let conversation = request["conversationId"].as_str().unwrap();
    let all = desk.get(&format!("/me/messages?$filter=conversationId eq '{conversation}'")).await;
    assert!(values(&all.ok()).len() > 1, "a conversation has several messages");
}

#[tokio::test]
async fn a_body_is_html_or_text() {
    let desk = Desk::new().await;
    let path = format!("/me/messages/{}", id(&desk.newest("inbox").await));
    let html = desk.get(&path).await.ok();
    assert_eq!(html["body"]["contentType"], "html");
    assert!(html["body"]["content"].as_str().unwrap().starts_with("<html>"));
    let prefer = "outlook.body-content-type=\"text\"";
    let text = desk.get_preferring(&path, prefer).await;
    assert_eq!(text.header("preference-applied"), prefer);
    let text = text.ok();
    assert_eq!(text["body"]["contentType"], "text");
    assert!(!text["body"]["content"].as_str().unwrap().contains('<'));
    assert_eq!(text["body"]["content"], text["bodyPreview"]);
    assert!(text.get("internetMessageHeaders").is_none() && text.get("uniqueBody").is_none());
    let chosen = desk.get(&format!("{path}?$select=internetMessageHeaders,uniqueBody")).await.ok();
    assert_eq!(chosen["internetMessageHeaders"][0]["name"], "MIME-Version");
    assert_eq!(chosen["uniqueBody"]["contentType"], "html");
}

#[tokio::test]
async fn a_message_is_had_as_mime() {
    let desk = Desk::new().await;
    let message = desk.newest("inbox").await;
    let mime = desk.get(&format!("/me/messages/{}/$value", id(&message))).await;
    assert_eq!(mime.header("content-type"), "text/plain");
    let subject = format!("Subject: {}\r\n", message["subject"].as_str().unwrap());
    assert!(mime.text.contains(&subject), "{}", mime.text);
}

#[tokio::test]
async fn ids_are_opaque_case_sensitive_and_percent_encoded() {
    let desk = Desk::new().await;
    let message = desk.newest("inbox").await;
    let plain = id(&message);
    assert!(plain.contains('=') && plain.contains('-') && plain.contains('_') && plain.len() > 100);
    for path in [
        format!("/me/messages/{plain}"),
        format!("/me/messages/{}", plain.replace('=', "%3D")),
        format!("/me/messages('{plain}')"),
        format!("/ME/Messages/{plain}"),
        format!("/me/mailFolders/Inbox/messages/{plain}"),
        format!("/me/mailFolders('INBOX')/messages('{plain}')"),
    ] {
        assert_eq!(id(&desk.get(&path).await.ok()), plain, "{path}");
    }
    let lower = desk.get(&format!("/me/messages/{}", plain.to_lowercase())).await;
    assert_eq!(code(&lower), refusal(400, "ErrorInvalidIdMalformed"));
    let elsewhere = desk.get(&format!("/me/mailFolders/drafts/messages/{plain}")).await;
    assert_eq!(code(&elsewhere), refusal(404, "ErrorItemNotFound"));
    let alex = Desk::with(Play::new(), crate::play::ALEX, super::ALL).await;
    let foreign = alex.get(&format!("/me/messages/{plain}")).await;
    assert_eq!(code(&foreign), refusal(404, "ErrorItemNotFound"));
}

#[tokio::test]
async fn only_immutable_ids_survive_a_move() {
    let desk = Desk::new().await;
    let before = id(&desk.newest("inbox").await);
    let immutable = "IdType=\"ImmutableId\"";
    let lasting = id(&desk.get_preferring(&format!("/me/messages/{before}"), immutable).await.ok());
    assert_ne!(before, lasting);
    let to = json!({ "destinationId": "archive" });
    let moved = desk.post(&format!("/me/messages/{before}/move"), to.clone()).await;
    assert_eq!(moved.status, 201);
    let after = id(&moved.json);
    assert!(moved.header("location").contains("/messages('"), "{}", moved.header("location"));
    assert_ne!(after, before);
    let gone = desk.get(&format!("/me/messages/{before}")).await;
    assert_eq!(code(&gone), refusal(404, "ErrorItemNotFound"));
    let again = desk.get_preferring(&format!("/me/messages/{after}"), immutable).await.ok();
    assert_eq!(id(&again), lasting);
    let by_lasting = desk.get(&format!("/me/messages/{lasting}")).await.ok();
    assert_eq!(
        id(&by_lasting),
        after,
        "the form of the answer follows the header, not the request"
    );
    assert_eq!(again["parentFolderId"], desk.folder("archive").await["id"]);
}

#[tokio::test]
async fn a_search_finds_words_and_terms() {
    let desk = Desk::new().await;
    let found = |list: &Value| {
        let subject = |message: &Value| message["subject"].as_str().unwrap().to_owned();
        values(list).iter().map(subject).collect::<Vec<_>>()
    };
    let concerts = desk.get("/me/messages?$search=\"subject:concert\"&$top=50").await.ok();
    assert!(found(&concerts).len() > 5);
    assert!(found(&concerts).iter().all(|subject| subject.contains("Concert")));
    let sent: Vec<_> =
        values(&concerts).iter().map(|message| message["sentDateTime"].to_string()).collect();
    assert!(sent.is_sorted_by(|one, other| one >= other));
    let from = desk.get("/me/messages?$search=\"from:alex\"&$top=50").await.ok();
    assert!(
        values(&from)
            .iter()
            .all(|message| message["from"]["emailAddress"]["name"] == "Alex Wilber")
    );
    let both = desk.get("/me/messages?$search=\"from:alex subject:concert\"").await.ok();
    assert!(
        values(&both)
            .iter()
            .all(|message| message["subject"].as_str().unwrap().contains("Concert"))
    );
    let body = desk.get("/me/mailFolders/inbox/messages?$search=\"body:cafeteria\"").await.ok();
    assert!(!values(&body).is_empty());
    let none = desk.get("/me/messages?$search=\"zzzqqq\"").await.ok();
    assert!(values(&none).is_empty());
    let to = format!("/me/messages?$search=\"to:{ADELE}\"&$top=1");
    assert_eq!(values(&desk.get(&to).await.ok()).len(), 1);
}
