//! Query options: spellings, and what is refused.

use super::{Desk, code, refusal};
use crate::play::assert_like;

#[tokio::test]
async fn options_are_known_in_all_spellings() {
    let desk = Desk::new().await;
    let plain = desk.get("/me/messages?$select=subject&$top=2").await.ok();
    for spelling in [
        "/me/messages?select=subject&top=2",
        "/me/messages?%24select=Subject&%24top=2",
        "/me/messages?$SELECT=SUBJECT&$Top=2",
    ] {
        assert_eq!(desk.get(spelling).await.ok()["value"], plain["value"], "{spelling}");
    }
}

#[tokio::test]
async fn unknown_properties_are_refused() {
    let desk = Desk::new().await;
    for option in [
        "$select=shoeSize",
        "$filter=shoeSize eq 1",
        "$orderby=shoeSize",
        "$expand=shoes",
        "$filter=isRead eq",
    ] {
        let answer = desk.get(&format!("/me/messages?{option}")).await;
        assert_eq!(code(&answer), refusal(400, "BadRequest"), "{option}");
    }
    let answer = desk.get("/me/messages?$select=shoeSize").await;
    let message = answer.json["error"]["message"].as_str().unwrap();
    assert!(message.contains("'shoeSize' on type 'microsoft.graph.message'"), "{message}");
}

#[tokio::test]
async fn what_is_sorted_by_comes_first_in_the_filter() {
    let desk = Desk::new().await;
    let when = "receivedDateTime ge 2020-01-01T00:00:00Z";
    for good in [
        format!("$filter={when} and isRead eq false&$orderby=receivedDateTime desc"),
        format!("$filter={when} and isRead eq false&$orderby=receivedDateTime desc,isRead"),
        "$orderby=subject".to_owned(),
        "$filter=isRead eq false".to_owned(),
    ] {
        assert_eq!(desk.get(&format!("/me/messages?{good}")).await.status, 200, "{good}");
    }
    for bad in [
        format!("$filter=isRead eq false and {when}&$orderby=receivedDateTime desc"),
        "$filter=isRead eq false&$orderby=receivedDateTime desc".to_owned(),
        format!("$filter={when} and isRead eq false&$orderby=isRead,receivedDateTime"),
    ] {
        let answer = desk.get(&format!("/me/messages?{bad}")).await;
        assert_eq!(code(&answer), refusal(400, "InefficientFilter"), "{bad}");
        assert_like("graph/error.400.inefficient_filter", &answer);
    }
}

#[tokio::test]
async fn a_search_is_neither_sorted_nor_filtered() {
    let desk = Desk::new().await;
    let sorted = desk.get("/me/messages?$search=\"x\"&$orderby=subject").await;
    assert_like("graph/error.400.search_with_orderby", &sorted);
    assert_eq!(code(&sorted), refusal(400, "SearchWithOrderBy"));
    let filtered = desk.get("/me/messages?$search=\"x\"&$filter=isRead eq true").await;
    assert_eq!(code(&filtered), refusal(400, "SearchWithFilter"));
}

#[tokio::test]
async fn attachments_are_expanded_on_request() {
    let desk = Desk::new().await;
    let path = "/me/messages?$filter=hasAttachments eq true&$top=1";
    let without = desk.get(path).await.ok();
    assert!(without["value"][0].get("attachments").is_none());
    let with = desk.get(&format!("{path}&$expand=attachments($select=id,name)")).await.ok();
    assert_eq!(
        with["value"][0]["attachments"][0]["@odata.type"],
        "#microsoft.graph.fileAttachment"
    );
}

#[tokio::test]
async fn own_properties_of_a_message_find_it_again() {
    let desk = Desk::new().await;
    let name = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Ours";
    let draft = serde_json::json!({
        "subject": "marked",
        "singleValueExtendedProperties": [{ "id": name, "value": "m-1" }],
    });
    let draft = desk.post("/me/messages", draft).await;
    assert_eq!(draft.status, 201);
    assert!(draft.json.get("singleValueExtendedProperties").is_none());
    let filter =
        format!("singleValueExtendedProperties/Any(ep: ep/id eq '{name}' and ep/value eq 'm-1')");
    let found = desk.get(&format!("/me/messages?$filter={filter}")).await.ok();
    assert_eq!(found["value"][0]["id"], draft.json["id"]);
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
}
