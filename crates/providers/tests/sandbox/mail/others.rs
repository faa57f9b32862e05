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

#[tokio::test]
async fn others_change_what_no_client_may_and_delete_for_good() {
    let desk = Desk::new().await;
    let at = |what: &str| format!("microsoft/users/{ADELE}/{what}");
    let given = id(&desk.play.direct(&at("messages"), json!({ "subject": "Before" })).await);
    let change = format!("messages/{given}/change");
    desk.play.direct(&at(&change), json!({ "subject": "After", "isRead": true })).await;
    let newest = desk.newest("inbox").await;
    assert_eq!((&newest["subject"], &newest["isRead"]), (&json!("After"), &json!(true)));
    let unread = desk.folder("inbox").await["unreadItemCount"].as_u64().unwrap();
    desk.play.direct(&at(&change), json!({ "isRead": false })).await;
    assert_eq!(desk.folder("inbox").await["unreadItemCount"], unread + 1);
    desk.play.direct(&at(&format!("messages/{given}/permanent-delete")), json!({})).await;
    assert_eq!(desk.get(&format!("/me/messages/{given}")).await.status, 404);
    assert_eq!(desk.folder("inbox").await["unreadItemCount"], unread);
}

#[tokio::test]
async fn others_make_rename_move_and_delete_folders() {
    let desk = Desk::new().await;
    let at = |what: &str| format!("microsoft/users/{ADELE}/{what}");
    let body = json!({ "name": "Plans", "parent": "archive" });
    let folder = id(&desk.play.direct(&at("folders"), body).await);
    assert_eq!(desk.folder(&folder).await["displayName"], "Plans");
    let path = format!("folders/{folder}");
    desk.play.direct(&at(&format!("{path}/rename")), json!({ "name": "Dreams" })).await;
    desk.play.direct(&at(&format!("{path}/move")), json!({ "folder": "inbox" })).await;
    let shown = desk.folder(&folder).await;
    let inbox = desk.folder("inbox").await;
    assert_eq!((&shown["displayName"], &shown["parentFolderId"]), (&json!("Dreams"), &inbox["id"]));
    desk.play.direct(&at(&format!("{path}/delete")), json!({})).await;
    assert_eq!(
        desk.folder(&folder).await["parentFolderId"],
        desk.folder("deleteditems").await["id"]
    );
    desk.play.direct(&at(&format!("{path}/permanent-delete")), json!({})).await;
    assert_eq!(desk.get(&format!("/me/mailFolders/{folder}")).await.status, 404);
    let wrong = format!("world/{}", at("folders/inbox/delete"));
    assert_eq!(desk.play.control("POST", &wrong, &json!({})).await.status, 422);
}

#[tokio::test]
async fn many_messages_arrive_at_once_and_are_the_same_with_each_seed() {
    let desk = Desk::new().await;
    let at = |what: &str| format!("microsoft/users/{ADELE}/{what}");
    let clock = evergrant::SystemClock::default();
    let began = evergrant::Clock::uptime(&clock);
    let fill = json!({ "count": 20_000, "size": 2_048, "folder": "archive" });
    desk.play.direct(&at("messages/fill"), fill.clone()).await;
    let took = evergrant::Clock::uptime(&clock).saturating_sub(began);
    assert!(took.as_secs() < 5, "{took:?} in a build that is not optimised");
    let list = async |desk: &Desk| {
        let path = "/me/mailFolders/archive/messages?$top=200";
        desk.get(path).await.ok()["value"].as_array().unwrap().clone()
    };
    let newest = list(&desk).await;
    let different = |member: &str| {
        let all: std::collections::BTreeSet<_> =
            newest.iter().map(|it| it[member].to_string()).collect();
        all.len()
    };
    assert!(different("subject") > 5 && different("from") > 3 && different("isRead") == 2);
    assert_eq!(different("internetMessageId"), 200);
    let time = |it: &Value| it["receivedDateTime"].as_str().unwrap().parse().unwrap();
    for pair in newest.windows(2) {
        let (one, other): (jiff::Timestamp, jiff::Timestamp) = (time(&pair[0]), time(&pair[1]));
        assert_eq!(one.as_second() - other.as_second(), 1);
    }
    let body = newest[0]["body"]["content"].as_str().unwrap().len();
    assert!((2_048..2_300).contains(&body), "{body}");
    let unread = newest.iter().filter(|it| it["isRead"] == false).count();
    assert!((40..100).contains(&unread), "{unread}");

    let again = Desk::new().await;
    again.play.direct(&at("messages/fill"), fill).await;
    let told = |all: &[Value]| {
        all.iter().map(|it| (it["id"].clone(), it["subject"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(told(&newest), told(&list(&again).await));
    for wrong in [json!({}), json!({ "count": 1_000_000 }), json!({ "count": 1, "folder": "x" })] {
        let path = format!("world/{}", at("messages/fill"));
        assert_eq!(desk.play.control("POST", &path, &wrong).await.status, 422, "{wrong}");
    }
}
