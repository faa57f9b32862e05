//! A server copies what is connected, and tells what others change.

use serde_json::{Value, json};

use super::{CALENDAR, Follower, MAIL, copied, copying, elsewhere, short, sync};
use crate::bench::ADELE;

#[tokio::test]
async fn what_is_connected_is_copied_and_what_others_change_is_told() {
    follow(false).await;
}

#[tokio::test]
async fn what_is_connected_is_copied_and_what_others_change_is_told_on_postgres() {
    follow(true).await;
}

async fn follow(postgres: bool) {
    let bench = copying(postgres).await;
    let key = bench.user("adele").await;
    let server = bench.serve().await;
    let calendar = server.connect_to(&bench, &key, CALENDAR, ADELE).await;
    let mail = server.connect_to(&bench, &key, MAIL, ADELE).await;
    // Nobody asked for it.
    let events = copied(&server, &key, &calendar).await["items"].as_u64().unwrap();
    let messages = copied(&server, &key, &mail).await["items"].as_u64().unwrap();
    assert!(events > 0);
    assert_eq!(messages, 50);
    let list = async |path: &str| {
        let path = format!("/api/integrations/{path}/?limit=200");
        server.get(&key, &path).await.expect(200)
    };
    let (stored, inbox) = (list("calendar-events").await, list("email-messages").await);
    assert_eq!(stored["results"].as_array().unwrap().len() as u64, events);
    assert_eq!(inbox["results"].as_array().unwrap().len(), 50);
    assert_eq!((&inbox["feeds"][0]["truncated"], &inbox["next"]), (&true.into(), &Value::Null));
    let mut follower = Follower::new(&key);
    let told = follower.follow(&server).await;
    assert_eq!(told.len() as u64, events + messages);
    assert!(told.iter().all(|change| change["change"] == "added"));

    // Somebody else reads a message, and another arrives.
    let message = inbox["results"][0].clone();
    let was_read = message["is_read"].as_bool().unwrap();
    let path = format!("messages/{}/change", message["id"].as_str().unwrap());
    elsewhere(&bench, &path, &json!({ "isRead": !was_read })).await;
    sync(&server, &key, &mail).await;
    let told = follower.follow(&server).await;
    assert_eq!(told.iter().map(short).collect::<Vec<_>>(), [("message", "updated", "")]);
    assert_eq!(
        (&told[0]["id"], &told[0]["item"]["is_read"]),
        (&message["id"], &(!was_read).into())
    );
    elsewhere(&bench, "messages", &json!({ "subject": "The fifty-first" })).await;
    sync(&server, &key, &mail).await;
    let told = follower.follow(&server).await;
    let mut words: Vec<_> = told.iter().map(short).collect();
    words.sort_unstable();
    // The oldest of the fifty gives way, and nobody says that it was deleted.
    assert_eq!(words, [("message", "added", ""), ("message", "deleted", "left")]);

    // Somebody else makes an appointment, and cancels it.
    let start = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let at = |hours: i64| {
        json!({
            "dateTime": (start.clone() + jiff::Span::new().hours(hours)).strftime("%Y-%m-%dT%H:00:00").to_string(),
            "timeZone": "UTC",
        })
    };
    let event = json!({ "subject": "Lunch", "start": at(2), "end": at(3) });
    elsewhere(&bench, "events", &event).await;
    sync(&server, &key, &calendar).await;
    let told = follower.follow(&server).await;
    assert_eq!(told.iter().map(short).collect::<Vec<_>>(), [("event", "added", "")]);
    let path = format!("events/{}/delete", told[0]["id"].as_str().unwrap());
    elsewhere(&bench, &path, &json!({})).await;
    sync(&server, &key, &calendar).await;
    let told = follower.follow(&server).await;
    assert_eq!(told.iter().map(short).collect::<Vec<_>>(), [("event", "deleted", "deleted")]);

    // What is read again tells nothing.
    sync(&server, &key, &calendar).await;
    sync(&server, &key, &mail).await;
    assert_eq!(follower.follow(&server).await, [Value::Null; 0]);
    server.stop().await;
}
