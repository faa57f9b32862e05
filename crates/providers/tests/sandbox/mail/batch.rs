//! Batches.

use serde_json::{Value, json};

use super::{Desk, code, id, mail_to, refusal};
use crate::play::{ADELE, ALEX, assert_like};

fn item<'a>(answer: &'a Value, id: &str) -> &'a Value {
    let all = answer["responses"].as_array().unwrap();
    all.iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn items_are_answered_one_by_one() {
    let desk = Desk::new().await;
    let message = id(&desk.newest("inbox").await);
    let requests = json!({ "requests": [
        { "id": "1", "method": "GET", "url": "/me/messages?$filter=receivedDateTime ge 2020-01-01T00:00:00Z&$top=2" },
        { "id": "2", "method": "get", "url": "https://login.test/v1.0/me" },
        { "id": "3", "method": "GET", "url": "me/mailFolders/inbox", "depends_on": [] },
        { "id": "4", "method": "PATCH", "url": format!("/me/messages/{message}"),
          "headers": { "Content-Type": "application/json" }, "body": { "isRead": true } },
        { "id": "5", "method": "GET", "url": format!("/me/messages/{message}"),
          "headers": { "Prefer": "outlook.body-content-type=\"text\"" }, "dependsOn": ["4"] },
        { "id": "6", "method": "GET", "url": "/me/messages/x" },
        { "id": "7", "method": "POST", "url": "/me/messages", "body": { "subject": "x" } },
        { "id": "8", "method": "POST", "url": "/me/sendMail",
          "headers": { "Content-Type": "application/json" }, "body": mail_to(ALEX, "Batch") },
        { "id": "9", "method": "GET", "url": format!("/me/messages/{message}/$value") },
    ]});
    let answer = desk.post("/$batch", requests).await.ok();
    let status = |which: &str| item(&answer, which)["status"].as_u64().unwrap();
    let all = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(status);
    assert_eq!(all, [200, 200, 200, 200, 200, 400, 400, 202, 200]);
    assert_eq!(item(&answer, "1")["body"]["value"].as_array().unwrap().len(), 2);
    assert_eq!(item(&answer, "5")["body"]["isRead"], true);
    assert_eq!(item(&answer, "5")["body"]["body"]["contentType"], "text");
    assert_eq!(item(&answer, "3")["headers"]["OData-Version"], "4.0");
    assert!(item(&answer, "8").get("body").is_none());
    assert!(item(&answer, "9")["body"].is_string(), "what is not JSON comes in base64");
}

#[tokio::test]
async fn who_depends_on_a_failure_fails() {
    let desk = Desk::new().await;
    let requests = json!({ "requests": [
        { "id": "a", "method": "GET", "url": "/me/mailFolders/inbox", "dependsOn": ["B"] },
        { "id": "b", "method": "GET", "url": "/me/messages/x" },
        { "id": "c", "method": "GET", "url": "/me", "dependsOn": ["a"] },
    ]});
    let answer = desk.post("/$batch", requests).await.ok();
    assert_eq!(item(&answer, "b")["status"], 400);
    for dependent in ["a", "c"] {
        assert_eq!(item(&answer, dependent)["status"], 424);
        assert_eq!(item(&answer, dependent)["body"]["error"]["code"], "FailedDependency");
    }
}

#[tokio::test]
async fn each_item_is_throttled_alone() {
    let desk = Desk::new().await;
    let get = |id: usize, url: &str| json!({ "id": id.to_string(), "method": "GET", "url": url });
    let mut requests: Vec<_> = (0..10).map(|id| get(id, "/me/messages?$top=1")).collect();
    let answer = desk.post("/$batch", json!({ "requests": requests })).await.ok();
    let statuses: Vec<_> =
        answer["responses"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, vec![json!(200); 10], "four at a time are within the limit");
    let traffic = desk.play.stage.ledger().traffic(ADELE);
    assert_eq!((traffic.calls, traffic.peak, traffic.refused), (10, 4, 0));

    desk.play.direct("microsoft/limits", json!({ "concurrency": 3 })).await;
    requests.push(get(10, "/me"));
    let answer = desk.post("/$batch", json!({ "requests": requests })).await.ok();
    let refused: Vec<_> =
        answer["responses"].as_array().unwrap().iter().filter(|it| it["status"] == 429).collect();
    assert_eq!(refused.len(), 2, "one of each four");
    assert_eq!(refused[0]["headers"]["Retry-After"], "10");
    assert_eq!(refused[0]["body"]["error"]["code"], "ApplicationThrottled");
    assert_eq!(item(&answer, "10")["status"], 200, "the directory has no such limit");
}

#[tokio::test]
async fn a_fault_can_strike_one_item() {
    let desk = Desk::new().await;
    let get = |id: &str, url: &str| json!({ "id": id, "method": "GET", "url": url });
    let requests = json!({ "requests": [
        get("inbox", "/me/mailFolders/inbox"),
        get("drafts", "/me/mailFolders/drafts"),
        get("after", "/me"),
        { "id": "draft", "method": "POST", "url": "/me/messages", "dependsOn": ["drafts"],
          "headers": { "Content-Type": "application/json" }, "body": { "subject": "x" } },
    ]});
    let fault = async |of: Value, times: u32, deed: Value| {
        desk.play.fault(json!({ "where": "graph", "match": of, "times": times, "do": deed })).await;
    };
    let account = json!({ "path": "*/drafts", "method": "GET", "account": ADELE });
    let deed = json!({ "status": 429, "retry_after": 7, "headers": { "Cache-Control": "no" } });
    fault(account, 1, deed).await;
    // Not for what is within: it has no connection of its own, or is for the whole.
    fault(json!({ "path": "/v1.0/me/mailFolders" }), 1, json!({ "drop": true })).await;
    let answer = desk.post("/$batch", requests.clone()).await.ok();
    let status = |answer: &Value| {
        ["inbox", "drafts", "after", "draft"].map(|id| item(answer, id)["status"].as_u64().unwrap())
    };
    assert_eq!(status(&answer), [200, 429, 200, 424]);
    let struck = item(&answer, "drafts");
    let headers = &struck["headers"];
    assert_eq!((&headers["Retry-After"], &headers["Cache-Control"]), (&json!("7"), &json!("no")));
    assert_eq!(struck["body"]["error"]["code"], "TooManyRequests");
    assert_eq!(desk.play.stage.ledger().summary().faults, 1);

    fault(
        json!({ "method": "POST", "path": "*/messages" }),
        2,
        json!({ "status": 503, "body": { "a": 1 } }),
    )
    .await;
    let answer = desk.post("/$batch", requests.clone()).await.ok();
    assert_eq!(status(&answer), [200, 200, 200, 503], "the first has struck");
    assert_eq!(item(&answer, "draft")["body"], json!({ "a": 1 }));
    assert_eq!(desk.play.stage.faults().len(), 2, "once less to come");

    desk.play.stage.forget_faults();
    fault(json!({ "account": ADELE }), 1, json!({ "status": 503 })).await;
    assert_eq!(desk.post("/$batch", requests).await.status, 503, "the batch as a whole");
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_refused() {
    let desk = Desk::new().await;
    let get = |id: &str| json!({ "id": id, "method": "GET", "url": "/me" });
    let many: Vec<_> = (0..21).map(|id| get(&id.to_string())).collect();
    for requests in [
        json!([]),
        json!(many),
        json!([get("a"), get("A")]),
        json!([{ "id": "1", "url": "/me" }]),
        json!([{ "id": "1", "method": "GET" }]),
        json!([{ "id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"] }]),
        json!([
            { "id": "1", "method": "GET", "url": "/me", "dependsOn": ["2"] },
            { "id": "2", "method": "GET", "url": "/me", "dependsOn": ["1"] },
        ]),
    ] {
        let answer = desk.post("/$batch", json!({ "requests": requests })).await;
        assert_like("graph/batch.malformed.response", &answer);
    }
    let unreadable = desk.call("POST", "/$batch", &[], "{".to_owned()).await;
    assert_eq!(code(&unreadable), refusal(400, "BadRequest"));
    let twenty: Vec<_> = (0..20).map(|id| get(&id.to_string())).collect();
    let answer = desk.post("/$batch", json!({ "requests": twenty })).await.ok();
    assert_eq!(answer["responses"].as_array().unwrap().len(), 20);
}
