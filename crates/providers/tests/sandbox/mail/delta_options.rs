//! What can be asked for with changes, and how it is spelled (contract, 4.6).

use serde_json::{Value, json};

use super::delta::{INBOX, direct, folder_of, mirror, of, page, round};
use super::{Desk, code, id, refusal};
use crate::play::ADELE;

#[tokio::test]
async fn options_stand_in_the_token() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 4).await;
    let first = page(&desk, &format!("{}?$select=Subject,isRead", of(&folder)), 2).await;
    let next = page(&desk, first["@odata.nextLink"].as_str().unwrap(), 2).await;
    let one = id(&first["value"][0]);
    direct(&desk, &format!("messages/{one}/change"), json!({ "isRead": true })).await;
    let last = page(&desk, next["@odata.deltaLink"].as_str().unwrap(), 2).await;
    for page in [&first, &next, &last] {
        let names: Vec<_> = page["value"][0].as_object().unwrap().keys().collect();
        assert_eq!(names, ["@odata.etag", "@odata.type", "id", "isRead", "subject"]);
    }
    let both = format!("{}&$select=subject", first["@odata.nextLink"].as_str().unwrap());
    assert_eq!(desk.get(&both).await.status, 400, "nothing comes beside a token");
    let text = format!("{}?$select=body", of(&folder));
    let plain = desk.get_preferring(&text, "outlook.body-content-type=\"text\"").await.ok();
    assert_eq!(plain["value"][0]["body"]["contentType"], "text");
    let files = desk.get(&format!("{INBOX}?$select=subject&$expand=attachments")).await.ok();
    let with = |it: &&Value| it["attachments"].as_array().unwrap().len() == 2;
    assert_eq!(files["value"].as_array().unwrap().iter().filter(with).count(), 1);
}

#[tokio::test]
async fn options_that_there_are_not_are_refused() {
    let desk = Desk::new().await;
    for option in [
        "$search=\"x\"",
        "$skip=3",
        "$count=true",
        "$filter=isRead eq true",
        "$filter=receivedDateTime le 2026-10-01T00:00:00Z",
        "$filter=receivedDateTime ge 2020-10-01T00:00:00Z and isRead eq true",
        "$orderby=subject",
        "$orderby=receivedDateTime",
        "changeType=moved",
        "$select=shoeSize",
        "$top=0",
        "startDateTime=2026-10-01",
    ] {
        let answer = desk.get(&format!("{INBOX}?{option}")).await;
        assert_eq!(answer.status, 400, "{option}: {}", answer.text);
    }
    assert_eq!(desk.get("/me/messages/delta").await.status, 400, "per folder only");
    assert_eq!(desk.post(INBOX, json!({})).await.status, 405);
    let nowhere = desk.get("/me/mailFolders/nowhere/messages/delta").await;
    assert_eq!(code(&nowhere), refusal(400, "ErrorInvalidIdMalformed"));
}

#[tokio::test]
async fn functions_and_keys_are_known_in_all_spellings() {
    let desk = Desk::new().await;
    let ids = async |path: &str| {
        let all = desk.get(path).await.ok()["value"].as_array().unwrap().clone();
        all.iter().map(id).collect::<Vec<_>>()
    };
    let plain = ids(INBOX).await;
    for path in [
        "/me/mailFolders/inbox/messages/delta()",
        "/me/MailFolders('Inbox')/Messages/microsoft.graph.delta()",
        &format!("/users/{ADELE}/mailFolders('inbox')/messages/delta"),
        "/users/me-token-to-replace/mailFolders/inbox/messages/microsoft.graph.delta",
    ] {
        assert_eq!(ids(path).await, plain, "{path}");
        let link = desk.get(path).await.ok()["@odata.nextLink"].as_str().unwrap().to_owned();
        assert_eq!(desk.get(&link).await.status, 200, "{link}");
    }
}

#[tokio::test]
async fn a_filter_bounds_the_first_round_to_five_thousand() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Big", 5_300).await;
    let all = format!("/me/mailFolders/{folder}/messages?$select=receivedDateTime&$top=400");
    let listed = desk.get(&all).await.ok()["value"].as_array().unwrap().clone();
    let time = listed[300]["receivedDateTime"].as_str().unwrap();
    for (relation, count) in [("ge", 301), ("gt", 300)] {
        let path = format!(
            "{}?$filter=receivedDateTime {relation} {time}&$orderby=receivedDateTime desc",
            of(&folder)
        );
        let mut seen = Vec::new();
        let mut link = format!("{path}&$select=receivedDateTime");
        loop {
            let page = page(&desk, &link, 128).await;
            let times = page["value"].as_array().unwrap().iter();
            seen.extend(times.map(|it| it["receivedDateTime"].as_str().unwrap().to_owned()));
            match page["@odata.nextLink"].as_str() {
                Some(next) => next.clone_into(&mut link),
                None => break,
            }
        }
        assert_eq!(seen.len(), count, "{relation}");
        assert!(seen.is_sorted_by(|one, other| one >= other), "newest first");
    }
    let path = format!("{}?$filter=receivedDateTime ge 2000-01-01T00:00:00Z", of(&folder));
    let mut capped = mirror(&desk, &format!("{path}&$select=id"), 1_000).await;
    assert_eq!(capped.items.len(), 5_000);
    let old = desk.get(&format!("{all}&$skip=5200")).await.ok();
    let old = id(&old["value"][0]);
    assert!(!capped.items.contains_key(&old));
    direct(&desk, &format!("messages/{old}/change"), json!({ "isRead": true })).await;
    round(&desk, &mut capped, 10).await;
    assert!(capped.items.contains_key(&old), "changes are told of all that the filter means");
}

#[tokio::test]
async fn only_changes_of_one_type_are_told_on_request() {
    let desk = Desk::new().await;
    let folder = folder_of(&desk, "Watched", 3).await;
    let mut links = Vec::new();
    for (kind, first) in [("created", 3), ("updated", 0), ("deleted", 0)] {
        let begun = mirror(&desk, &format!("{}?changeType={kind}", of(&folder)), 2).await;
        assert_eq!(begun.items.len(), first, "{kind}: at first all are new");
        links.push((kind, begun.link));
    }
    let listed = desk.get(&format!("/me/mailFolders/{folder}/messages")).await.ok();
    let (one, two) = (id(&listed["value"][0]), id(&listed["value"][1]));
    direct(&desk, &format!("messages/{one}/change"), json!({ "isRead": true })).await;
    direct(&desk, &format!("messages/{two}/permanent-delete"), json!({})).await;
    let new = id(&direct(&desk, "messages", json!({ "folder": folder })).await);
    for ((kind, link), expected) in links.iter().zip([new, one, two]) {
        let told = desk.get(link).await.ok()["value"].as_array().unwrap().clone();
        assert_eq!(told.iter().map(id).collect::<Vec<_>>(), [expected], "{kind}");
    }
}
