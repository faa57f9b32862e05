//! What happens to a mailbox behind its client's back, and how it is remembered.

use serde_json::{Value, json};

use super::{Desk, id};
use crate::play::ADELE;

#[tokio::test]
async fn others_deliver_change_move_and_delete() {
    let desk = Desk::new().await;
    let at = |what: &str| format!("microsoft/users/{ADELE}/{what}");
    let given = desk.play.direct(&at("messages"), json!({ "subject": "Surprise" })).await;
    let newest = desk.newest("inbox").await;
    assert_eq!((&newest["subject"], &newest["id"]), (&json!("Surprise"), &given["id"]));
    assert_eq!((&newest["isRead"], &newest["isDraft"]), (&json!(false), &json!(false)));
    let lasting = given["immutableId"].as_str().unwrap();
    desk.play.direct(&at(&format!("messages/{lasting}/change")), json!({ "isRead": true })).await;
    assert_eq!(desk.newest("inbox").await["isRead"], true);
    desk.play
        .direct(&at(&format!("messages/{lasting}/move")), json!({ "folder": "archive" }))
        .await;
    assert_eq!(desk.newest("archive").await["subject"], "Surprise");
    desk.play.direct(&at(&format!("messages/{lasting}/delete")), json!({})).await;
    assert_eq!(desk.newest("deleteditems").await["subject"], "Surprise");
    let elsewhere = json!({ "subject": "Spam", "folder": "junkemail" });
    desk.play.direct(&at("messages"), elsewhere).await;
    assert_eq!(desk.newest("junkemail").await["subject"], "Spam");

    let wrong =
        desk.play.control("POST", &format!("world/{}", at("messages/x/delete")), &json!({})).await;
    assert_eq!(wrong.status, 422);
    assert_eq!(desk.play.stage.ledger().traffic(ADELE).calls, 5, "others do not count");
}

#[tokio::test]
async fn every_change_has_a_number_and_what_leaves_a_tombstone() {
    let desk = Desk::new().await;
    let at = format!("microsoft/users/{ADELE}/changes");
    let since = async |number: &Value| desk.play.direct(&at, json!({ "since": number })).await;
    let begin = since(&json!(0)).await["last"].clone();
    assert_eq!(since(&begin).await["messages"], json!([]));
    let message = desk.newest("inbox").await;
    let before = id(&message);
    let path = format!("/me/messages/{before}");
    desk.patch(&path, json!({ "isRead": true })).await.ok();
    let read = since(&begin).await;
    assert_eq!(
        (&read["messages"][0]["id"], &read["messages"][0]["new"]),
        (&json!(before), &json!(false))
    );
    assert_eq!(read["folders"][0]["id"], message["parentFolderId"], "its counts have changed");

    let moved = desk.post(&format!("{path}/move"), json!({ "destinationId": "archive" })).await;
    let after = since(&read["last"]).await;
    assert_eq!(after["gone"][0]["id"], before.as_str());
    assert_eq!(after["gone"][0]["from"], message["parentFolderId"]);
    assert_eq!(after["gone"][0]["moved"], true);
    assert_eq!(after["messages"][0]["id"], moved.json["id"]);
    assert_eq!(after["messages"][0]["new"], true, "to the folder it came to");

    let path = format!("/me/messages/{}", id(&moved.json));
    desk.post(&format!("{path}/permanentDelete"), json!(null)).await;
    let last = since(&after["last"]).await;
    assert_eq!(
        (&last["gone"][0]["id"], &last["gone"][0]["moved"]),
        (&moved.json["id"], &json!(false))
    );
}

#[tokio::test]
async fn a_reset_makes_the_mailboxes_new() {
    let desk = Desk::new().await;
    let before = id(&desk.newest("inbox").await);
    desk.delete(&format!("/me/messages/{before}")).await;
    desk.play.stage.reset(1);
    let token = super::token(&desk.play, ADELE, super::ALL).await;
    let again = Desk { play: desk.play, token };
    assert_eq!(id(&again.newest("inbox").await), before);
}
