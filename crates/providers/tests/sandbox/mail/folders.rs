//! Folders: the tree, the names, the counts.

use serde_json::{Value, json};

use super::{Desk, code, id, refusal};

fn names(list: &Value) -> Vec<&str> {
    list["value"].as_array().unwrap().iter().map(|it| it["displayName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn folders_are_a_tree_with_well_known_names() {
    let desk = Desk::new().await;
    let top = desk.get("/me/mailFolders?$top=50").await.ok();
    assert!(names(&top).contains(&"Inbox") && !names(&top).contains(&"Projects"));
    assert!(!names(&top).contains(&"Clutter"), "hidden ones are left out");
    let all = desk.get("/me/mailFolders?includeHiddenFolders=true&$top=50").await.ok();
    assert!(names(&all).contains(&"Clutter"));
    let inbox = desk.folder("INBOX").await;
    assert_eq!(inbox["childFolderCount"], 1);
    let children = desk.get("/me/mailFolders/inbox/childFolders").await.ok();
    assert_eq!(names(&children), ["Projects"]);
    assert_eq!(children["value"][0]["parentFolderId"], inbox["id"]);
    assert_eq!(inbox["parentFolderId"], desk.folder("msgfolderroot").await["id"]);
    for name in [
        "archive",
        "deleteditems",
        "drafts",
        "junkemail",
        "outbox",
        "sentitems",
        "conflicts",
        "searchfolders",
    ] {
        assert_eq!(desk.folder(name).await["id"], desk.folder(&name.to_uppercase()).await["id"]);
    }
    assert_eq!(desk.get("/me/mailFolders/$count").await.text, names(&top).len().to_string());
}

#[tokio::test]
async fn counts_follow_what_happens() {
    let desk = Desk::new().await;
    let counts = async |name: &str| {
        let folder = desk.folder(name).await;
        (folder["totalItemCount"].as_u64().unwrap(), folder["unreadItemCount"].as_u64().unwrap())
    };
    let listed: u64 = desk.get("/me/mailFolders/inbox/messages/$count").await.text.parse().unwrap();
    let (total, unread) = counts("inbox").await;
    assert_eq!(total, listed);
    assert!(unread > 5 && unread < total);
    let message = desk.newest("inbox").await;
    assert_eq!(message["isRead"], false);
    let path = format!("/me/messages/{}", id(&message));
    desk.patch(&path, json!({ "isRead": true })).await.ok();
    assert_eq!(counts("inbox").await, (total, unread - 1));
    let bin = counts("deleteditems").await.0;
    assert_eq!(desk.delete(&path).await.status, 204);
    assert_eq!(counts("inbox").await, (total - 1, unread - 1));
    assert_eq!(counts("deleteditems").await.0, bin + 1);
}

#[tokio::test]
async fn folders_are_made_renamed_moved_copied_and_deleted() {
    let desk = Desk::new().await;
    let made = desk.post("/me/mailFolders", json!({ "displayName": "Trips" })).await;
    assert_eq!(made.status, 201);
    let trips = id(&made.json);
    let twice = desk.post("/me/mailFolders", json!({ "displayName": "trips" })).await;
    assert_eq!(code(&twice), refusal(409, "ErrorFolderExists"));
    let child = desk
        .post(&format!("/me/mailFolders/{trips}/childFolders"), json!({ "displayName": "Berlin" }))
        .await;
    assert_eq!((child.status, &child.json["parentFolderId"]), (201, &made.json["id"]));
    let path = format!("/me/mailFolders/{trips}");
    assert_eq!(
        desk.patch(&path, json!({ "displayName": "Travel" })).await.ok()["displayName"],
        "Travel"
    );
    let newest = id(&desk.newest("inbox").await);
    desk.post(&format!("/me/messages/{newest}/copy"), json!({ "destinationId": id(&child.json) }))
        .await;

    let copy = desk.post(&format!("{path}/copy"), json!({ "destinationId": "archive" })).await;
    assert_eq!((copy.status, &copy.json["childFolderCount"]), (201, &json!(1)));
    let inner = desk.get(&format!("/me/mailFolders/{}/childFolders", id(&copy.json))).await.ok();
    assert_eq!(inner["value"][0]["totalItemCount"], 1);

    let itself =
        desk.post(&format!("{path}/move"), json!({ "destinationId": id(&child.json) })).await;
    assert_eq!(itself.status, 400);
    let moved = desk.post(&format!("{path}/move"), json!({ "destinationId": "inbox" })).await;
    assert_eq!((moved.status, id(&moved.json)), (201, trips.clone()), "folders keep their ids");
    assert_eq!(desk.delete(&path).await.status, 204);
    assert_eq!(
        desk.folder(&trips).await["parentFolderId"],
        desk.folder("deleteditems").await["id"]
    );
    assert_eq!(desk.delete(&path).await.status, 204);
    assert_eq!(code(&desk.get(&path).await), refusal(404, "ErrorItemNotFound"));
    assert_eq!(code(&desk.delete("/me/mailFolders/inbox").await).0, 400);
}
