//! Free and busy: `getSchedule` and `findMeetingTimes`.

use serde_json::{Value, json};

use super::{MEGAN, Person, adele, alex, at, direct, refusal};
use crate::play::{ADELE, ALEX, Answer, Play};

/// A Monday on which nobody has anything.
fn monday(from: &str, to: &str) -> (Value, Value) {
    let moment = |time: &str| json!({ "dateTime": format!("2031-05-05T{time}:00"), "timeZone": "Pacific Standard Time" });
    (moment(from), moment(to))
}

async fn schedule(person: &Person<'_>, who: &[&str], interval: i64) -> Answer {
    let (from, to) = monday("09:00", "12:00");
    let body = json!({
        "Schedules": who, "StartTime": from, "EndTime": to, "AvailabilityViewInterval": interval,
    });
    person.post("calendar/getSchedule", body).await
}

async fn busy(play: &Play, upn: &str, from: &str, to: &str, show_as: &str) {
    let mut event = at(
        "Something",
        &format!("2031-05-05T{from}:00"),
        &format!("2031-05-05T{to}:00"),
        "Pacific Standard Time",
    );
    event["showAs"] = json!(show_as);
    direct(play, upn, "events", event).await;
}

#[tokio::test]
async fn the_busiest_wins_in_every_slot() {
    let play = Play::new();
    let adele = adele(&play).await;
    busy(&play, ADELE, "09:00", "09:30", "tentative").await;
    busy(&play, ADELE, "09:15", "10:00", "busy").await;
    busy(&play, ADELE, "10:00", "10:30", "free").await;
    busy(&play, ADELE, "10:30", "11:00", "workingElsewhere").await;
    busy(&play, ADELE, "10:45", "11:15", "oof").await;
    let answer = schedule(&adele, &[ADELE], 15).await.ok();
    assert_eq!(answer["value"][0]["availabilityView"], "122200433000");
    let wide = schedule(&adele, &[ADELE], 60).await.ok();
    assert_eq!(wide["value"][0]["availabilityView"], "233");
}

#[tokio::test]
async fn others_show_only_what_is_shared() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    for upn in [ADELE, ALEX] {
        busy(&play, upn, "09:00", "10:00", "busy").await;
    }
    // Alex shares with Adele, not the other way round.
    let seen = schedule(&adele, &[ALEX], 30).await.ok();
    assert_eq!(seen["value"][0]["scheduleItems"][0]["subject"], "Something");
    let mut secret =
        at("Secret", "2031-05-05T11:00:00", "2031-05-05T12:00:00", "Pacific Standard Time");
    secret["sensitivity"] = json!("private");
    direct(&play, ALEX, "events", secret).await;
    let seen = schedule(&adele, &[ALEX], 30).await.ok();
    let item = &seen["value"][0]["scheduleItems"][1];
    assert_eq!((&item["isPrivate"], item.get("subject")), (&json!(true), None));
    let seen = schedule(&alex, &[ADELE], 30).await.ok();
    assert_eq!(seen["value"][0]["availabilityView"], "220000");
    assert!(seen["value"][0]["scheduleItems"][0].get("subject").is_none());
}

#[tokio::test]
async fn an_unknown_schedule_fails_inside_the_success() {
    let play = Play::new();
    let adele = adele(&play).await;
    let answer = schedule(&adele, &[ADELE, "nobody@contoso.example"], 30).await.ok();
    assert_eq!(answer["value"][0]["error"], Value::Null);
    assert_eq!(answer["value"][1]["error"]["responseCode"], "5016");
    assert_eq!(answer["value"][1]["scheduleItems"], Value::Null);
}

#[tokio::test]
async fn a_schedule_has_limits() {
    let play = Play::new();
    let adele = adele(&play).await;
    let many = vec![ADELE; 21];
    assert_eq!(refusal(&schedule(&adele, &many, 30).await), (400, "ErrorInvalidParameter"));
    assert_eq!(schedule(&adele, &many[1..], 30).await.status, 200);
    for interval in [4, 1441] {
        assert_eq!(
            refusal(&schedule(&adele, &[ADELE], interval).await),
            (400, "ErrorInvalidParameter")
        );
    }
    let moment = |day: &str| json!({ "dateTime": format!("{day}T00:00:00"), "timeZone": "UTC" });
    let body = |end: &str| json!({ "schedules": [ADELE], "startTime": moment("2031-05-01"), "endTime": moment(end) });
    assert_eq!(adele.post("calendar/getSchedule", body("2031-07-02")).await.status, 200, "62 days");
    let long = adele.post("calendar/getSchedule", body("2031-07-03")).await;
    assert_eq!(refusal(&long), (400, "ErrorTimeIntervalTooBig"));
    let reader = Person::with(&play, ADELE, "Calendars.ReadBasic").await;
    assert_eq!(schedule(&reader, &[ADELE], 30).await.status, 200, "the least permission");
    let nothing = Person::with(&play, ADELE, "Mail.Read").await;
    assert_eq!(refusal(&schedule(&nothing, &[ADELE], 30).await), (403, "ErrorAccessDenied"));
}

async fn find(person: &Person<'_>, attendees: &[&str], more: Value) -> Value {
    let (from, to) = monday("09:00", "12:00");
    let attendees: Vec<_> =
        attendees.iter().map(|one| json!({ "emailAddress": { "address": one } })).collect();
    let mut body = json!({
        "attendees": attendees,
        "timeConstraint": { "activityDomain": "work", "timeSlots": [{ "start": from, "end": to }] },
        "meetingDuration": "PT1H",
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    person.post("findMeetingTimes", body).await.ok()
}

/// Begin and confidence of each suggestion, in UTC.
fn suggestions(answer: &Value) -> Vec<(String, f64)> {
    let list = answer["meetingTimeSuggestions"].as_array().unwrap().iter();
    let start = |one: &Value| {
        one["meetingTimeSlot"]["start"]["dateTime"].as_str().unwrap()[11..16].to_owned()
    };
    list.map(|one| (start(one), one["confidence"].as_f64().unwrap())).collect()
}

#[tokio::test]
async fn times_are_suggested_by_confidence_and_then_by_time() {
    let play = Play::new();
    let adele = adele(&play).await;
    busy(&play, ALEX, "09:00", "10:00", "busy").await;
    let answer = find(&adele, &[ALEX, MEGAN], json!({})).await;
    let expected =
        [("17:00", 100.0), ("17:30", 100.0), ("18:00", 100.0), ("16:00", 50.0), ("16:30", 50.0)];
    assert_eq!(suggestions(&answer), expected.map(|(at, sure)| (at.to_owned(), sure)));
    assert_eq!(answer["meetingTimeSuggestions"][0]["order"], 1);
    assert_eq!(answer["emptySuggestionsReason"], "");
    let limited = find(
        &adele,
        &[ALEX, MEGAN],
        json!({ "maxCandidates": "2", "minimumAttendeePercentage": "100" }),
    )
    .await;
    assert_eq!(suggestions(&limited).len(), 2, "texts count as numbers");
    let stranger = find(&adele, &[MEGAN, "nobody@contoso.example"], json!({})).await;
    assert_eq!(
        stranger["meetingTimeSuggestions"][0]["confidence"],
        json!(74.5),
        "free and unknown"
    );
}

#[tokio::test]
async fn an_empty_list_says_why() {
    let play = Play::new();
    let adele = adele(&play).await;
    let reason = |answer: Value| {
        assert_eq!(answer["meetingTimeSuggestions"], json!([]));
        answer["emptySuggestionsReason"].as_str().unwrap().to_owned()
    };
    let all = json!({ "minimumAttendeePercentage": 100 });
    let unknown = find(&adele, &["nobody@contoso.example"], all.clone()).await;
    assert_eq!(reason(unknown), "attendeesUnavailableOrUnknown");
    busy(&play, ALEX, "09:00", "12:00", "oof").await;
    assert_eq!(reason(find(&adele, &[ALEX], all.clone()).await), "attendeesUnavailable");
    busy(&play, ADELE, "09:00", "12:00", "busy").await;
    assert_eq!(reason(find(&adele, &[MEGAN], all.clone()).await), "organizerUnavailable");
    let optional = find(&adele, &[MEGAN], json!({ "isOrganizerOptional": "true" })).await;
    assert_eq!(suggestions(&optional).len(), 5);
    let (from, to) = (
        json!({ "dateTime": "2031-05-03T09:00:00", "timeZone": "UTC" }),
        json!({ "dateTime": "2031-05-04T09:00:00", "timeZone": "UTC" }),
    );
    let weekend = |domain: &str| json!({ "timeConstraint": { "activityDomain": domain, "timeSlots": [{ "start": from, "end": to }] } });
    assert_eq!(reason(find(&adele, &[], weekend("work")).await), "unknown", "nobody works then");
    assert!(!suggestions(&find(&adele, &[], weekend("personal")).await).is_empty());
}

#[tokio::test]
async fn finding_times_needs_the_shared_permission() {
    let play = Play::new();
    let plain = Person::with(&play, ADELE, "Calendars.ReadWrite").await;
    assert_eq!(
        refusal(&plain.post("findMeetingTimes", json!({})).await),
        (403, "ErrorAccessDenied")
    );
    let shared = Person::with(&play, ADELE, "Calendars.Read.Shared").await;
    assert_eq!(shared.post("findMeetingTimes", Value::Null).await.status, 200, "all is optional");
}
