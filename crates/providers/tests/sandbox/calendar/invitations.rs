//! What an organizer does reaches the attendees, and the other way round.

use serde_json::{Value, json};

use super::{adele, alex, at, direct, event, lunch, lunch_with, refusal, start};
use crate::play::{ADELE, ALEX, Play};

#[tokio::test]
async fn an_attendee_gets_a_copy_of_the_own() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let original = adele.create(lunch_with(&[ALEX, "samanthab@contoso.onmicrosoft.com"])).await;
    let copy = alex.copy_of(&original).await.expect("a copy");
    assert_ne!(copy["id"], original["id"]);
    assert_eq!((&copy["isOrganizer"], &original["isOrganizer"]), (&json!(false), &json!(true)));
    assert_eq!(copy["responseStatus"]["response"], "notResponded");
    assert_eq!(copy["organizer"]["emailAddress"]["address"], ADELE);
    assert_eq!(copy["showAs"], "tentative");
    assert_eq!(copy["transactionId"], Value::Null);
    // What is personal stays so.
    alex.patch(
        &event(&copy["id"]),
        json!({ "reminderMinutesBeforeStart": 5, "categories": ["Mine"] }),
    )
    .await
    .ok();
    adele.patch(&event(&original["id"]), json!({ "subject": "Late lunch" })).await.ok();
    let copy = alex.copy_of(&original).await.unwrap();
    assert_eq!(
        (&copy["subject"], &copy["reminderMinutesBeforeStart"]),
        (&json!("Late lunch"), &json!(5))
    );
    assert_eq!(copy["categories"], json!(["Mine"]));
    // What an attendee changes of it stays with the attendee until the next update.
    alex.patch(&event(&copy["id"]), json!({ "subject": "Mine" })).await.ok();
    assert_eq!(adele.get(&event(&original["id"])).await.ok()["subject"], "Late lunch");
    adele.patch(&event(&original["id"]), json!({ "importance": "high" })).await.ok();
    assert_eq!(alex.copy_of(&original).await.unwrap()["subject"], "Late lunch");
}

#[tokio::test]
async fn answers_flow_back_to_the_organizer() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    for (action, answer, shown) in
        [("accept", "accepted", "busy"), ("tentativelyAccept", "tentativelyAccepted", "tentative")]
    {
        let original = adele.create(lunch_with(&[ALEX])).await;
        let copy = alex.copy_of(&original).await.unwrap();
        let path = format!("{}/{action}", event(&copy["id"]));
        // SDKs write the names of parameters with a capital letter.
        let sent = alex.post(&path, json!({ "Comment": "Fine", "SendResponse": true })).await;
        assert_eq!((sent.status, sent.text.as_str()), (202, ""));
        let copy = alex.copy_of(&original).await.unwrap();
        assert_eq!(
            (&copy["responseStatus"]["response"], &copy["showAs"]),
            (&json!(answer), &json!(shown))
        );
        let original = adele.get(&event(&original["id"])).await.ok();
        assert_eq!(original["attendees"][0]["status"]["response"], answer);
        assert_ne!(original["attendees"][0]["status"]["time"], "0001-01-01T00:00:00Z");
        // A later change of the list keeps the answers.
        let list = json!({ "attendees": lunch_with(&[ALEX, super::MEGAN])["attendees"] });
        let changed = adele.patch(&event(&original["id"]), list).await.ok();
        assert_eq!(changed["attendees"][0]["status"]["response"], answer);
    }
}

#[tokio::test]
async fn an_answer_can_be_kept_to_oneself() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let original = adele.create(lunch_with(&[ALEX])).await;
    let copy = alex.copy_of(&original).await.unwrap();
    let path = format!("{}/accept", event(&copy["id"]));
    assert_eq!(alex.post(&path, json!({ "sendResponse": false })).await.status, 202);
    let original = adele.get(&event(&original["id"])).await.ok();
    assert_eq!(original["attendees"][0]["status"]["response"], "none");
}

#[tokio::test]
async fn declining_takes_the_copy_away_and_may_propose_another_time() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let original = adele.create(lunch_with(&[ALEX])).await;
    let copy = alex.copy_of(&original).await.unwrap();
    let other = at("", "2031-05-06T12:00:00", "2031-05-06T13:00:00", "Europe/Berlin");
    let proposal = json!({ "start": other["start"], "end": other["end"] });
    let path = |action: &str| format!("{}/{action}", event(&copy["id"]));
    for (action, body) in [
        ("accept", json!({ "proposedNewTime": proposal })),
        ("decline", json!({ "proposedNewTime": proposal, "sendResponse": false })),
    ] {
        let answer = alex.post(&path(action), body).await;
        assert_eq!(refusal(&answer), (400, "ErrorInvalidParameter"), "{action}");
    }
    let answer = alex.post(&path("decline"), json!({ "ProposedNewTime": proposal })).await;
    assert_eq!(answer.status, 202);
    assert!(alex.copy_of(&original).await.is_none());
    let seen = adele.get(&event(&original["id"])).await.ok();
    assert_eq!(seen["attendees"][0]["status"]["response"], "declined");
    assert_eq!(seen["attendees"][0]["proposedNewTime"], proposal);

    let mut strict = lunch_with(&[ALEX]);
    strict["allowNewTimeProposals"] = json!(false);
    let strict = adele.create(strict).await;
    let copy = alex.copy_of(&strict).await.unwrap();
    let path = format!("{}/tentativelyAccept", event(&copy["id"]));
    let answer = alex.post(&path, json!({ "proposedNewTime": proposal })).await;
    assert_eq!(refusal(&answer), (400, "ErrorInvalidParameter"));
}

#[tokio::test]
async fn cancellations_and_deletions_reach_the_attendees() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    for action in ["cancel", "delete"] {
        let original = adele.create(lunch_with(&[ALEX])).await;
        let path = event(&original["id"]);
        if action == "cancel" {
            assert_eq!(
                adele.post(&format!("{path}/cancel"), json!({ "Comment": "x" })).await.status,
                202
            );
        } else {
            assert_eq!(adele.delete(&path).await.status, 204);
        }
        assert_eq!(adele.get(&path).await.status, 404);
        let copy = alex.copy_of(&original).await.unwrap();
        assert_eq!(
            (&copy["isCancelled"], &copy["showAs"]),
            (&json!(true), &json!("free")),
            "{action}"
        );
        assert_eq!(copy["subject"], "Canceled: Lunch");
    }
    // An attendee's deletion stays with the attendee.
    let original = adele.create(lunch_with(&[ALEX])).await;
    let copy = alex.copy_of(&original).await.unwrap();
    let path = event(&copy["id"]);
    assert_eq!(
        refusal(&alex.post(&format!("{path}/cancel"), json!({})).await),
        (400, "ErrorInvalidRequest")
    );
    assert_eq!(alex.delete(&path).await.status, 204);
    let seen = adele.get(&event(&original["id"])).await.ok();
    assert_eq!(seen["attendees"][0]["status"]["response"], "none");
}

#[tokio::test]
async fn a_new_list_of_attendees_concerns_only_who_changed() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let megan = super::Person::new(&play, super::MEGAN).await;
    let original = adele.create(lunch_with(&[ALEX])).await;
    let copy = alex.copy_of(&original).await.unwrap();
    let path = event(&original["id"]);
    adele
        .patch(&path, json!({ "attendees": lunch_with(&[ALEX, super::MEGAN])["attendees"] }))
        .await
        .ok();
    assert_eq!(alex.copy_of(&original).await.unwrap(), copy, "his is untouched");
    assert!(megan.copy_of(&original).await.is_some());
    adele.patch(&path, json!({ "attendees": lunch_with(&[super::MEGAN])["attendees"] })).await.ok();
    assert_eq!(alex.copy_of(&original).await.unwrap()["isCancelled"], true);
}

#[tokio::test]
async fn a_forwarded_invitation_invites() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let megan = super::Person::new(&play, super::MEGAN).await;
    let original = adele.create(lunch_with(&[ALEX])).await;
    let copy = alex.copy_of(&original).await.unwrap();
    let to = json!({ "ToRecipients": [{ "EmailAddress": { "Address": super::MEGAN } }], "Comment": "x" });
    let path = format!("{}/forward", event(&copy["id"]));
    assert_eq!(alex.post(&path, to).await.status, 202);
    assert!(megan.copy_of(&original).await.is_some());
    let seen = adele.get(&event(&original["id"])).await.ok();
    assert_eq!(seen["attendees"].as_array().unwrap().len(), 2);
    assert_eq!(refusal(&alex.post(&path, json!({})).await), (400, "ErrorInvalidRecipients"));
}

#[tokio::test]
async fn single_days_of_a_series_are_answered_moved_and_cancelled_alone() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let mut series = lunch_with(&[ALEX]);
    series["recurrence"] = json!({
        "pattern": { "type": "daily", "interval": 1 },
        "range": { "type": "numbered", "startDate": "2031-05-05", "numberOfOccurrences": 4 },
    });
    let original = adele.create(series).await;
    let week = ("2031-05-04T00:00:00Z", "2031-05-11T00:00:00Z");
    let his = alex.view(week.0, week.1).await;
    assert_eq!(his.len(), 4);
    assert_eq!(alex.post(&format!("{}/accept", event(&his[1]["id"])), json!({})).await.status, 202);
    let hers = adele.view(week.0, week.1).await;
    let answers: Vec<_> =
        hers.iter().map(|one| one["attendees"][0]["status"]["response"].clone()).collect();
    assert_eq!(answers, ["none", "accepted", "none", "none"]);
    let moved = at("Lunch", "2031-05-07T14:00:00", "2031-05-07T15:00:00", "Europe/Berlin");
    adele.patch(&event(&hers[2]["id"]), moved).await.ok();
    adele.delete(&event(&hers[3]["id"])).await;
    assert_eq!(
        alex.post(&format!("{}/decline", event(&his[0]["id"])), json!({})).await.status,
        202
    );
    let his = alex.view(week.0, week.1).await;
    let starts: Vec<_> = his.iter().map(|one| start(one).get(5..16).unwrap().to_owned()).collect();
    assert_eq!(starts, ["05-06T10:00", "05-07T12:00"], "{original}");
    assert_eq!(his[0]["responseStatus"]["response"], "accepted");
}

#[tokio::test]
async fn hidden_attendees_see_only_themselves() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let mut sent = lunch_with(&[ALEX, super::MEGAN]);
    sent["hideAttendees"] = json!(true);
    let original = adele.create(sent).await;
    assert_eq!(original["attendees"].as_array().unwrap().len(), 2);
    assert_eq!(alex.copy_of(&original).await.unwrap()["attendees"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_director_invites_from_outside() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut invitation = lunch();
    let address = "samanthab@contoso.onmicrosoft.com";
    invitation["organizer"] =
        json!({ "emailAddress": { "name": "Samantha Booth", "address": address } });
    let made = direct(&play, ADELE, "events", invitation).await;
    let path = event(&made["id"]);
    let seen = adele.get(&path).await.ok();
    assert_eq!(
        (&seen["isOrganizer"], &seen["responseStatus"]["response"]),
        (&json!(false), &json!("notResponded"))
    );
    assert_eq!(adele.post(&format!("{path}/accept"), json!({})).await.status, 202);
    assert_eq!(adele.get(&path).await.ok()["responseStatus"]["response"], "accepted");
    let control =
        |change: &str| format!("events/{}/{change}", super::escape(made["id"].as_str().unwrap()));
    direct(&play, ADELE, &control("change"), json!({ "subject": "Changed" })).await;
    assert_eq!(adele.get(&path).await.ok()["subject"], "Changed");
    direct(&play, ADELE, &control("delete"), json!({})).await;
    assert_eq!(adele.get(&path).await.status, 404);
}

#[tokio::test]
async fn reminders_can_be_put_off() {
    let play = Play::new();
    let adele = adele(&play).await;
    let path = event(&adele.create(lunch()).await["id"]);
    let later =
        json!({ "NewReminderTime": { "dateTime": "2031-05-05T12:30:00", "timeZone": "UTC" } });
    assert_eq!(adele.post(&format!("{path}/snoozeReminder"), later).await.status, 200);
    assert_eq!(adele.post(&format!("{path}/dismissReminder"), Value::Null).await.status, 200);
    assert_eq!(adele.post(&format!("{path}/explode"), json!({})).await.status, 400);
}
