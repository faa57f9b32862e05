//! Single events and the calendars they are in.

use serde_json::{Value, json};

use super::{MEGAN, Person, adele, alex, at, direct, event, lunch, refusal, start};
use crate::play::{ADELE, ALEX, Play};

#[tokio::test]
async fn what_nobody_says_has_the_documented_default() {
    let play = Play::new();
    let adele = adele(&play).await;
    let made = adele.create(lunch()).await;
    for (name, value) in [
        ("showAs", json!("busy")),
        ("isReminderOn", json!(true)),
        ("reminderMinutesBeforeStart", json!(15)),
        ("responseRequested", json!(true)),
        ("allowNewTimeProposals", json!(true)),
        ("hideAttendees", json!(false)),
        ("importance", json!("normal")),
        ("sensitivity", json!("normal")),
        ("categories", json!([])),
        ("attendees", json!([])),
        ("type", json!("singleInstance")),
        ("isOrganizer", json!(true)),
        ("originalStartTimeZone", json!("Europe/Berlin")),
        ("organizer", json!({ "emailAddress": { "name": "Adele Vance", "address": ADELE } })),
        ("body", json!({ "contentType": "html", "content": "" })),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    assert_eq!(
        made["start"],
        json!({ "dateTime": "2031-05-05T10:00:00.0000000", "timeZone": "UTC" })
    );
    assert_eq!(made["@odata.etag"], format!("W/\"{}\"", made["changeKey"].as_str().unwrap()));
    assert_eq!(adele.get(&event(&made["id"])).await.ok(), made, "read as created");
}

#[tokio::test]
async fn everything_writable_is_kept() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut sent = lunch();
    for (name, value) in [
        ("showAs", json!("OOF")),
        ("sensitivity", json!("Private")),
        ("importance", json!("high")),
        ("categories", json!(["Red category"])),
        ("isReminderOn", json!(false)),
        ("reminderMinutesBeforeStart", json!(99)),
        ("responseRequested", json!(false)),
        ("allowNewTimeProposals", json!(false)),
        ("hideAttendees", json!(true)),
        ("locations", json!([{ "displayName": "Here" }, { "displayName": "There" }])),
        // Tolerated: annotations, what is read-only, and unknown names without a value.
        ("@odata.type", json!("#microsoft.graph.event")),
        ("bodyPreview", json!("x")),
        ("isOrganizer", json!(false)),
        ("shoeSize", Value::Null),
    ] {
        sent[name] = value;
    }
    let made = adele.create(sent).await;
    assert_eq!((&made["showAs"], &made["sensitivity"]), (&json!("oof"), &json!("private")));
    assert_eq!((&made["importance"], &made["hideAttendees"]), (&json!("high"), &json!(true)));
    assert_eq!(made["reminderMinutesBeforeStart"], 99);
    assert_eq!(made["location"]["displayName"], "Here; There", "mirrors the list");
    assert_eq!(made["locations"].as_array().unwrap().len(), 2);
    assert_eq!(made["isOrganizer"], true);
    for nonsense in [
        json!({ "shoeSize": 42 }),
        json!({ "showAs": "asleep" }),
        json!({ "isAllDay": "perhaps" }),
        json!({ "categories": "Red" }),
    ] {
        let answer = adele.patch(&event(&made["id"]), nonsense.clone()).await;
        assert_eq!(refusal(&answer), (400, "BadRequest"), "{nonsense}");
    }
}

#[tokio::test]
async fn bodies_are_wrapped_and_come_as_text_when_preferred() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut sent = lunch();
    sent["body"] = json!({ "contentType": "HTML", "content": "<p>Fish &amp; chips</p>" });
    let made = adele.create(sent).await;
    let content = made["body"]["content"].as_str().unwrap();
    assert!(
        content.starts_with("<html><head>\r\n<meta") && content.contains("<p>Fish &amp; chips</p>")
    );
    assert_eq!(made["bodyPreview"], "Fish & chips");
    let path = format!("/v1.0/me/{}", event(&made["id"]));
    let prefer = [("prefer", "outlook.body-content-type=\"text\"")];
    let text = adele.call("GET", &path, &prefer, &Value::Null).await;
    assert_eq!(text.header("preference-applied"), "outlook.body-content-type=\"text\"");
    assert_eq!(text.ok()["body"], json!({ "contentType": "text", "content": "Fish & chips" }));
    let long = "word ".repeat(100);
    let patched = adele
        .patch(&event(&made["id"]), json!({ "body": { "contentType": "text", "content": long } }))
        .await
        .ok();
    assert_eq!(patched["bodyPreview"].as_str().unwrap().chars().count(), 255);
    assert_eq!(patched["body"]["contentType"], "html");
}

#[tokio::test]
async fn a_transaction_makes_one_event() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut sent = lunch();
    sent["transactionId"] = json!("T1");
    let first = adele.create(sent.clone()).await;
    let again = adele.create(sent.clone()).await;
    assert_eq!(first["id"], again["id"]);
    sent["subject"] = json!("Dinner");
    let other = adele.post("events", sent.clone()).await;
    assert_eq!(refusal(&other), (400, "ErrorDuplicateTransactionId"));
    assert_eq!(other.json["error"]["@event.existingEventId"], first["id"]);
    // It belongs to a mailbox.
    let alex = alex(&play).await;
    alex.create(sent).await;
}

#[tokio::test]
async fn an_etag_guards_changes() {
    let play = Play::new();
    let adele = adele(&play).await;
    let made = adele.create(lunch()).await;
    let path = format!("/v1.0/me/{}", event(&made["id"]));
    let etag = made["@odata.etag"].as_str().unwrap();
    let with = |etag: &str, method: &str, body: Value| {
        let etag = etag.to_owned();
        let (adele, path, method) = (&adele, &path, method.to_owned());
        async move { adele.call(&method, path, &[("if-match", &etag)], &body).await }
    };
    let changed = with(etag, "PATCH", json!({ "subject": "Brunch" })).await.ok();
    assert_ne!(changed["@odata.etag"], made["@odata.etag"]);
    assert_ne!(changed["lastModifiedDateTime"], Value::Null);
    assert_eq!(refusal(&with(etag, "PATCH", json!({})).await), (412, "ErrorIrresolvableConflict"));
    assert_eq!(
        refusal(&with(etag, "DELETE", Value::Null).await),
        (412, "ErrorIrresolvableConflict")
    );
    assert_eq!(with("*", "DELETE", Value::Null).await.status, 204);
    assert_eq!(refusal(&adele.delete(&event(&made["id"])).await), (404, "ErrorItemNotFound"));
}

#[tokio::test]
async fn whole_days_float() {
    let play = Play::new();
    let adele = adele(&play).await;
    let mut day =
        at("Holiday", "2031-05-01T00:00:00", "2031-05-02T00:00:00", "Pacific Standard Time");
    day["isAllDay"] = json!(true);
    let made = adele.create(day.clone()).await;
    for zone in ["UTC", "Pacific Standard Time", "Pacific/Auckland"] {
        let seen = adele.get_in(&event(&made["id"]), zone).await.ok();
        assert_eq!(start(&seen), "2031-05-01T00:00:00.0000000", "{zone}");
        assert_eq!(
            seen["end"],
            json!({ "dateTime": "2031-05-02T00:00:00.0000000", "timeZone": zone })
        );
    }
    for (name, value) in [
        ("start", json!({ "dateTime": "2031-05-01T01:00:00", "timeZone": "UTC" })),
        ("end", json!({ "dateTime": "2031-05-01T00:00:00", "timeZone": "Pacific Standard Time" })),
        ("end", json!({ "dateTime": "2031-05-02T00:00:00", "timeZone": "UTC" })),
    ] {
        let mut wrong = day.clone();
        wrong[name] = value;
        let answer = adele.post("events", wrong).await;
        assert_eq!(refusal(&answer), (400, "ErrorPropertyValidationFailure"), "{name}");
    }
}

#[tokio::test]
async fn times_come_in_the_zone_that_was_asked_for() {
    let play = Play::new();
    let adele = adele(&play).await;
    let path = event(&adele.create(lunch()).await["id"]);
    for (zone, shown) in [
        ("W. Europe Standard Time", "2031-05-05T12:00:00.0000000"),
        ("Asia/Kolkata", "2031-05-05T15:30:00.0000000"),
        ("Eastern Standard Time", "2031-05-05T06:00:00.0000000"),
        ("UTC", "2031-05-05T10:00:00.0000000"),
    ] {
        let answer = adele.get_in(&path, zone).await;
        assert_eq!(answer.header("preference-applied"), format!("outlook.timezone=\"{zone}\""));
        assert_eq!(answer.ok()["start"], json!({ "dateTime": shown, "timeZone": zone }));
    }
    let unknown = adele.get_in(&path, "Mars/Olympus").await;
    assert_eq!(refusal(&unknown), (400, "TimeZoneNotSupportedException"));
    let written =
        adele.post("events", at("x", "2031-01-01T00:00:00", "2031-01-01T01:00:00", "Mars")).await;
    assert_eq!(refusal(&written), (400, "TimeZoneNotSupportedException"));
    let zones = adele
        .get("outlook/supportedTimeZones(TimeZoneStandard=microsoft.graph.timeZoneStandard'Iana')")
        .await;
    assert!(zones.text.contains("Europe/Berlin") && !zones.text.contains("W. Europe"));
}

#[tokio::test]
async fn calendars_are_made_renamed_and_deleted() {
    let play = Play::new();
    let adele = adele(&play).await;
    let made = adele.post("calendars", json!({ "name": "Side", "color": "lightred" })).await;
    assert_eq!((made.status, &made.json["color"]), (201, &json!("lightRed")));
    let path = format!("calendars/{}", super::escape(made.json["id"].as_str().unwrap()));
    let inside = adele.post(&format!("{path}/events"), lunch()).await;
    assert_eq!(inside.status, 201);
    let listed = adele.get(&format!("{path}/events")).await.ok();
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
    let elsewhere = adele.get(&format!("calendar/{}", event(&inside.json["id"]))).await;
    assert_eq!(elsewhere.status, 404, "it is in another calendar");
    let renamed = adele.patch(&path, json!({ "name": "Aside" })).await.ok();
    assert_eq!(renamed["name"], "Aside");
    assert_ne!(renamed["changeKey"], made.json["changeKey"]);
    let double = adele.post("calendars", json!({ "name": "aside" })).await;
    assert_eq!(refusal(&double), (409, "ErrorFolderExists"));
    assert_eq!(adele.delete(&path).await.status, 204);
    assert_eq!(adele.get(&event(&inside.json["id"])).await.status, 404, "events go with it");
    let default = adele.get("calendar").await.ok();
    assert_eq!(default["isRemovable"], false);
    let path = format!("calendars/{}", super::escape(default["id"].as_str().unwrap()));
    assert_eq!(adele.delete(&path).await.status, 400);
    let groups = adele.get("calendarGroups").await.ok();
    let group = super::escape(groups["value"][0]["id"].as_str().unwrap());
    let inside = adele.get(&format!("calendarGroups/{group}/calendars")).await.ok();
    assert_eq!(inside["value"][0]["name"], "Calendar");
}

#[tokio::test]
async fn a_shared_calendar_is_somebody_elses() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let all = adele.get("calendars").await.ok();
    let shared =
        all["value"].as_array().unwrap().iter().find(|one| one["owner"]["address"] == ALEX);
    let shared = shared.expect("the world begins with one").clone();
    assert_eq!((&shared["canEdit"], &shared["isDefaultCalendar"]), (&json!(false), &json!(false)));
    let his = alex.create(lunch()).await;
    let path = format!("calendars/{}/events", super::escape(shared["id"].as_str().unwrap()));
    let ids = |answer: Value| {
        let list = answer["value"].as_array().unwrap().clone();
        list.into_iter().map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    assert!(ids(adele.get(&path).await.ok()).contains(&his["id"]));
    assert_eq!(refusal(&adele.post(&path, lunch()).await), (403, "ErrorAccessDenied"));
    let direct_path = format!("/v1.0/users/{ALEX}/{}", event(&his["id"]));
    assert_eq!(adele.call("GET", &direct_path, &[], &Value::Null).await.status, 200);
    direct(&play, ALEX, "share-calendar", json!({ "with": ADELE, "can_edit": true })).await;
    let patched = adele.call("PATCH", &direct_path, &[], &json!({ "subject": "Hers" })).await;
    assert_eq!(patched.ok()["subject"], "Hers");
    // Nobody shares with Alex, and without the permission sharing is of no use.
    let other = alex.call("GET", &format!("/v1.0/users/{ADELE}/events"), &[], &Value::Null).await;
    assert_eq!(refusal(&other), (403, "ErrorAccessDenied"));
    let plain = Person::with(&play, ADELE, "Calendars.ReadWrite").await;
    let answer = plain.call("GET", &direct_path, &[], &Value::Null).await;
    assert_eq!(refusal(&answer), (403, "ErrorAccessDenied"));
}

#[tokio::test]
async fn permissions_decide() {
    let play = Play::new();
    let full = adele(&play).await;
    let made = full.create(lunch()).await;
    let path = event(&made["id"]);
    let reader = Person::with(&play, ADELE, "Calendars.Read").await;
    assert_eq!(reader.get(&path).await.status, 200);
    assert_eq!(refusal(&reader.patch(&path, json!({})).await), (403, "ErrorAccessDenied"));
    assert_eq!(refusal(&reader.post("events", lunch()).await), (403, "ErrorAccessDenied"));
    assert_eq!(
        refusal(&reader.post("calendars", json!({ "name": "x" })).await),
        (403, "ErrorAccessDenied")
    );
    assert_eq!(
        refusal(&reader.post(&format!("{path}/accept"), json!({})).await),
        (403, "ErrorAccessDenied")
    );
    let basic = Person::with(&play, ADELE, "Calendars.ReadBasic").await;
    let seen = basic.get(&path).await.ok();
    assert!(seen.get("body").is_none() && seen.get("bodyPreview").is_none());
    assert_eq!(seen["subject"], "Lunch");
    let of_megan = Person::new(&play, MEGAN).await;
    assert_eq!(refusal(&of_megan.get(&path).await), (404, "ErrorItemNotFound"), "another mailbox");
    assert_eq!(basic.call("PUT", &format!("/v1.0/me/{path}"), &[], &json!({})).await.status, 405);
    assert_eq!(refusal(&full.get("events?$search=x").await), (400, "SearchEvents"));
}

#[tokio::test]
async fn lists_are_selected_filtered_and_paged() {
    let play = Play::new();
    let adele = adele(&play).await;
    for hour in 10..15 {
        let (from, to) = (format!("2031-05-05T{hour}:00:00"), format!("2031-05-05T{hour}:30:00"));
        adele.create(at(&format!("Slot {hour}"), &from, &to, "UTC")).await;
    }
    let filter = "start/dateTime%20ge%20'2031-05-05T12:00:00'";
    let path = format!(
        "events?$filter={filter}&$orderby=start/dateTime&$select=subject,start&$top=2&$count=true"
    );
    let page = adele.get(&path).await.ok();
    assert_eq!(page["@odata.count"], 3);
    let first = page["value"][0].as_object().unwrap();
    assert_eq!(first["subject"], "Slot 12");
    assert_eq!(first.keys().collect::<Vec<_>>(), ["@odata.etag", "id", "start", "subject"]);
    let next = page["@odata.nextLink"].as_str().unwrap().strip_prefix(crate::play::BASE).unwrap();
    let last = adele.call("GET", next, &[], &Value::Null).await.ok();
    assert_eq!(last["value"].as_array().unwrap().len(), 1);
    assert!(last.get("@odata.nextLink").is_none());
}
