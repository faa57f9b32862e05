//! What makes a notification (contract, 8.1 and 8.3).

use serde_json::{Value, json};

use super::{Bench, change, id};
use crate::mail::{code, refusal};
use crate::play::{ADELE, ALEX};

#[tokio::test]
async fn every_change_of_a_mailbox_is_told_whoever_made_it() {
    let bench = Bench::new().await;
    bench.subscribe(json!({})).await;
    let (by_others, _) = bench.arrives(json!({ "subject": "Hello" })).await;
    assert_eq!(bench.told().await, [change("created", &by_others)]);
    let path = format!("/me/messages/{by_others}");
    bench.desk.patch(&path, json!({ "isRead": true })).await.ok();
    assert_eq!(bench.told().await, [change("updated", &by_others)]);
    let world = format!("users/{ADELE}/messages/{by_others}/change");
    bench.control(&world, json!({ "importance": "high" })).await;
    assert_eq!(bench.told().await, [change("updated", &by_others)]);
    bench.desk.post(&format!("{path}/permanentDelete"), Value::Null).await;
    assert_eq!(bench.told().await, [change("deleted", &by_others)]);
    bench.desk.get("/me/messages").await.ok();
    assert_eq!(bench.told().await, [], "reading changes nothing");
}

#[tokio::test]
async fn what_somebody_sends_is_told_to_whoever_gets_it() {
    let bench = Bench::new().await;
    bench.subscribe(json!({ "resource": "me/mailFolders('inbox')/messages" })).await;
    let alex = bench.token(ALEX, "Mail.Send").await;
    let mail = crate::mail::mail_to(ADELE, "From Alex");
    assert_eq!(bench.call_as(&alex, "POST", "/me/sendMail", mail).await.status, 202);
    let newest = bench.desk.newest("inbox").await;
    assert_eq!(bench.told().await, [change("created", &id(&newest))]);
}

#[tokio::test]
async fn only_the_kinds_of_change_that_were_asked_for_are_told() {
    let bench = Bench::new().await;
    bench.subscribe(json!({ "changeType": "Updated" })).await;
    let (arrived, _) = bench.arrives(json!({ "subject": "Hello" })).await;
    assert_eq!(bench.told().await, []);
    let path = format!("/me/messages/{arrived}");
    bench.desk.patch(&path, json!({ "isRead": true })).await.ok();
    assert_eq!(bench.told().await, [change("updated", &arrived)]);
    bench.desk.post(&format!("{path}/permanentDelete"), Value::Null).await;
    assert_eq!(bench.told().await, []);
}

#[tokio::test]
async fn a_folder_tells_what_comes_and_goes() {
    let bench = Bench::new().await;
    bench.subscribe(json!({ "resource": "/me/mailFolders/Inbox/messages" })).await;
    let archive = bench.desk.folder("archive").await;
    let by_id = format!("users/{ADELE}/mailFolders('{}')/messages", id(&archive));
    bench.subscribe(json!({ "resource": by_id })).await;
    let (arrived, _) = bench.arrives(json!({ "subject": "Hello" })).await;
    assert_eq!(bench.told().await, [change("created", &arrived)]);
    let path = format!("/me/messages/{arrived}/move");
    let moved = bench.desk.post(&path, json!({ "destinationId": "archive" })).await;
    let moved = id(&moved.json);
    assert_ne!(moved, arrived);
    assert_eq!(bench.told().await, [change("deleted", &arrived), change("created", &moved)]);

    let nowhere = json!({ "resource": "me/mailFolders('nowhere')/messages" });
    let nowhere = bench.try_subscribe(nowhere).await;
    assert_eq!(code(&nowhere), refusal(400, "ErrorInvalidIdMalformed"));
}

#[tokio::test]
async fn ids_are_immutable_only_if_the_subscription_asked_for_it() {
    for immutable in [false, true] {
        let bench = Bench::new().await;
        let prefer: &[_] =
            if immutable { &[("prefer", "IdType=\"ImmutableId\"")] } else { &[("x-none", "")] };
        let body = bench.body(json!({})).to_string();
        let headers = [&[("content-type", "application/json")], prefer].concat();
        let made = bench.desk.call("POST", "/subscriptions", &headers, body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.header("preference-applied").is_empty(), !immutable);
        bench.receiver.got();

        let (usual, lasting) = bench.arrives(json!({ "subject": "Hello" })).await;
        let path = format!("users/{ADELE}/messages/{usual}/move");
        let moved = bench.control(&path, json!({ "folder": "archive" })).await;
        let told = bench.told().await;
        if immutable {
            assert_eq!(told, [change("created", &lasting), change("updated", &lasting)]);
        } else {
            let (gone, there) = (change("deleted", &usual), change("created", &id(&moved)));
            assert_eq!(told, [change("created", &usual), gone, there]);
        }
    }
}

#[tokio::test]
async fn what_starts_to_match_a_filter_is_created_and_what_stops_is_deleted() {
    let bench = Bench::new().await;
    let unread = "me/mailFolders('inbox')/messages?$filter=isRead eq false";
    bench.subscribe(json!({ "resource": unread })).await;
    let urgent = "me/messages?$filter=importance eq 'high'";
    bench.subscribe(json!({ "resource": urgent })).await;
    let (arrived, _) = bench.arrives(json!({ "subject": "Hello" })).await;
    assert_eq!(bench.told().await, [change("created", &arrived)]);
    let path = format!("/me/messages/{arrived}");
    bench.desk.patch(&path, json!({ "categories": ["Red category"] })).await.ok();
    assert_eq!(bench.told().await, [change("updated", &arrived)]);
    bench.desk.patch(&path, json!({ "isRead": true })).await.ok();
    assert_eq!(bench.told().await, [change("deleted", &arrived)]);
    bench.desk.patch(&path, json!({ "importance": "high" })).await.ok();
    assert_eq!(bench.told().await, [change("created", &arrived)]);
    bench.desk.patch(&path, json!({ "isRead": false, "importance": "low" })).await.ok();
    let mut told = bench.told().await;
    told.sort();
    assert_eq!(told, [change("created", &arrived), change("deleted", &arrived)]);

    for wrong in ["me/messages?$filter=colour eq 'red'", "me/messages?$top=3", "me/events?$skip=1"]
    {
        assert_eq!(bench.try_subscribe(json!({ "resource": wrong })).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn every_change_of_a_calendar_is_told_whoever_made_it() {
    let bench = Bench::new().await;
    bench.subscribe(json!({ "resource": "me/events" })).await;
    let event = crate::calendar::lunch();
    let made = bench.desk.post("/me/events", event.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let own = id(&made.json);
    assert_eq!(bench.told().await, [change("created", &own)]);
    let path = format!("/me/events/{}", crate::calendar::escape(&own));
    bench.desk.patch(&path, json!({ "subject": "Dinner" })).await.ok();
    bench.flush().await;
    let item = bench.receiver.items().remove(0);
    assert_eq!(item["changeType"], "updated");
    let now = bench.desk.get(&path).await.ok();
    assert_eq!(item["resourceData"]["@odata.etag"], now["@odata.etag"]);
    assert_eq!(item["resourceData"]["@odata.type"], "#Microsoft.Graph.Event");
    assert_eq!(bench.desk.delete(&path).await.status, 204);
    assert_eq!(bench.told().await, [change("deleted", &own)]);

    let alex = bench.token(ALEX, "Calendars.ReadWrite").await;
    let invitation = crate::calendar::lunch_with(&[ADELE]);
    let sent = bench.call_as(&alex, "POST", "/me/events", invitation).await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    let told = bench.told().await;
    assert_eq!(told.len(), 1, "an invitation arrives: {told:?}");
    assert_eq!(told[0].0, "created");
    bench.control(&format!("users/{ADELE}/events"), event).await;
    assert_eq!(bench.told().await.len(), 1);
}

#[tokio::test]
async fn an_application_is_told_of_any_mailbox() {
    let bench = Bench::new().await;
    let app = bench.app_token().await;
    let body = bench.body(json!({ "resource": format!("users/{ALEX}/messages") }));
    let made = bench.call_as(&app, "POST", "/subscriptions", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    bench.receiver.got();
    bench.control(&format!("users/{ALEX}/messages"), json!({ "subject": "Hello" })).await;
    assert_eq!(bench.told().await.len(), 1);
}
