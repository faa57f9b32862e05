//! Online meetings: of their own, and made by events.

use evergrant::Transport as _;
use serde_json::{Value, json};

use super::{MEGAN, Person, adele, alex, direct, escape, event, lunch, refusal};
use crate::play::{ADELE, ALEX, Play};

fn online() -> Value {
    let mut lunch = lunch();
    lunch["isOnlineMeeting"] = json!(true);
    lunch["onlineMeetingProvider"] = json!("teamsForBusiness");
    lunch
}

async fn find(person: &Person<'_>, join_url: &Value) -> crate::play::Answer {
    let url = escape(join_url.as_str().unwrap());
    person.get(&format!("onlineMeetings?$filter=JoinWebUrl%20eq%20'{url}'")).await
}

#[tokio::test]
async fn an_event_makes_a_meeting_that_can_be_found() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let mut sent = online();
    sent["attendees"] = super::lunch_with(&[ALEX])["attendees"].clone();
    let made = adele.create(sent).await;
    let join_url = &made["onlineMeeting"]["joinUrl"];
    assert!(
        join_url
            .as_str()
            .unwrap()
            .starts_with("https://teams.microsoft.com/l/meetup-join/19%3ameeting_")
    );
    assert!(made["onlineMeeting"].get("conferenceId").is_none(), "she cannot be dialled");
    let found = find(&adele, join_url).await.ok();
    let meeting = &found["value"][0];
    assert_eq!(meeting["joinWebUrl"], *join_url);
    let settings = &meeting["joinMeetingIdSettings"];
    assert!(settings["joinMeetingId"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(settings["isPasscodeRequired"], true);
    assert!(settings["passcode"].is_string());
    let id = settings["joinMeetingId"].as_str().unwrap();
    let by_id = adele
        .get(&format!("onlineMeetings?$filter=joinMeetingIdSettings/joinMeetingId%20eq%20'{id}'"))
        .await;
    assert_eq!(by_id.ok()["value"][0]["id"], meeting["id"]);
    let copy = alex.copy_of(&made).await.unwrap();
    assert_eq!(copy["onlineMeeting"]["joinUrl"], *join_url, "the attendee joins there, too");
    assert_eq!(refusal(&find(&alex, join_url).await), (400, "BadRequest"), "but it is not his");

    direct(&play, ADELE, "meeting-passcodes", json!({ "required": false })).await;
    direct(&play, ADELE, "audio-conferencing", json!({ "licensed": true })).await;
    let made = adele.create(online()).await;
    assert!(made["onlineMeeting"]["conferenceId"].is_string());
    let found = find(&adele, &made["onlineMeeting"]["joinUrl"]).await.ok();
    assert_eq!(found["value"][0]["joinMeetingIdSettings"]["passcode"], Value::Null);
    assert!(found["value"][0]["audioConferencing"]["tollNumber"].is_string());
}

#[tokio::test]
async fn once_online_always_online() {
    let play = Play::new();
    let adele = adele(&play).await;
    let plain = adele.create(lunch()).await;
    assert_eq!((&plain["isOnlineMeeting"], &plain["onlineMeeting"]), (&json!(false), &Value::Null));
    let path = event(&plain["id"]);
    let made = adele.patch(&path, json!({ "isOnlineMeeting": true })).await.ok();
    let still = adele
        .patch(&path, json!({ "isOnlineMeeting": false, "onlineMeetingProvider": "unknown" }))
        .await
        .ok();
    assert_eq!(still["onlineMeeting"], made["onlineMeeting"]);
    assert_eq!(
        (&still["isOnlineMeeting"], &still["onlineMeetingProvider"]),
        (&json!(true), &json!("teamsForBusiness"))
    );
}

#[tokio::test]
async fn a_link_can_come_late() {
    let play = Play::new();
    let adele = adele(&play).await;
    direct(&play, ADELE, "late-join-link", json!({ "reads": 2 })).await;
    let made = adele.create(online()).await;
    assert_eq!((&made["isOnlineMeeting"], &made["onlineMeeting"]), (&json!(true), &Value::Null));
    let path = event(&made["id"]);
    for _ in 0..2 {
        assert_eq!(adele.get(&path).await.ok()["onlineMeeting"], Value::Null);
    }
    assert!(adele.get(&path).await.ok()["onlineMeeting"]["joinUrl"].is_string());
    direct(&play, ADELE, "late-join-link", json!({ "seconds": 5 })).await;
    let path = event(&adele.create(online()).await["id"]);
    assert_eq!(adele.get(&path).await.ok()["onlineMeeting"], Value::Null);
    play.advance(5);
    assert!(adele.get(&path).await.ok()["onlineMeeting"]["joinUrl"].is_string());
}

#[tokio::test]
async fn without_a_licence_there_are_no_meetings() {
    let play = Play::new();
    let megan = Person::new(&play, MEGAN).await;
    let calendar = megan.get("calendar").await.ok();
    assert_eq!(calendar["allowedOnlineMeetingProviders"], json!([]));
    let made = megan.create(online()).await;
    assert_eq!(
        (&made["isOnlineMeeting"], &made["onlineMeetingProvider"]),
        (&json!(false), &json!("unknown"))
    );
    let denied = megan.post("onlineMeetings", json!({})).await;
    assert_eq!(refusal(&denied), (403, "Forbidden"));
    assert_eq!(denied.json["error"]["message"], "");
    direct(&play, MEGAN, "teams", json!({ "licensed": true })).await;
    assert_eq!(megan.post("onlineMeetings", json!({})).await.status, 201);
    assert_eq!(
        megan.get("calendar").await.ok()["defaultOnlineMeetingProvider"],
        "teamsForBusiness"
    );
}

#[tokio::test]
async fn a_calendar_can_do_without_meetings() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let second = adele.post("calendars", json!({ "name": "Second" })).await.json;
    assert_eq!(second["allowedOnlineMeetingProviders"], json!(["teamsForBusiness"]));
    let forbid = |id: &Value| format!("calendars/{}/online-meetings", id.as_str().unwrap());
    let no = json!({ "allowed": false });
    let shown = direct(&play, ADELE, &forbid(&second["id"]), no.clone()).await;
    assert_eq!(shown["allowedOnlineMeetingProviders"], json!([]));
    let events = format!("calendars/{}/events", escape(second["id"].as_str().unwrap()));
    let made = adele.post(&events, online()).await;
    assert_eq!((made.status, &made.json["isOnlineMeeting"]), (201, &json!(false)));
    let path = event(&made.json["id"]);
    let patched = adele.patch(&path, json!({ "isOnlineMeeting": true })).await.ok();
    assert_eq!(
        (&patched["isOnlineMeeting"], &patched["onlineMeeting"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(adele.create(online()).await["isOnlineMeeting"], true, "the first calendar may");
    direct(&play, ADELE, &forbid(&second["id"]), json!({ "allowed": true })).await;
    let patched = adele.patch(&path, json!({ "isOnlineMeeting": true })).await.ok();
    assert!(patched["onlineMeeting"]["joinUrl"].is_string());

    // A shared calendar is what its owner made it.
    let his = alex.get("calendar").await.ok();
    direct(&play, ALEX, &forbid(&his["id"]), no).await;
    direct(&play, ALEX, "share-calendar", json!({ "with": ADELE, "can_edit": true })).await;
    let all = adele.get("calendars").await.ok();
    let shared = |one: &&Value| one["owner"]["address"] == ALEX;
    let shared = all["value"].as_array().unwrap().iter().find(shared).unwrap();
    assert_eq!(shared["allowedOnlineMeetingProviders"], json!([]));
    let events = format!("calendars/{}/events", escape(shared["id"].as_str().unwrap()));
    assert_eq!(adele.post(&events, online()).await.json["onlineMeeting"], Value::Null);
}

#[tokio::test]
async fn a_meeting_is_made_changed_and_deleted() {
    let play = Play::new();
    let adele = adele(&play).await;
    let sent = json!({
        "startDateTime": "2031-05-05T14:30:34.2444915-07:00", "endDateTime": "2031-05-05T15:00:34Z",
        "subject": "Backwards",
    });
    assert_eq!(refusal(&adele.post("onlineMeetings", sent).await), (400, "BadRequest"));
    let options = json!({
        "lobbyBypassSettings": { "scope": "Invited", "isDialInBypassEnabled": true },
        "allowedPresenters": "roleIsPresenter", "allowMeetingChat": "limited", "isEntryExitAnnounced": true,
        "allowedLobbyAdmitters": "organizerAndCoOrganizers", "watermarkProtection": { "isEnabledForVideo": true },
        "participants": { "attendees": [
            { "upn": ALEX, "role": "coorganizer", "identity": { "user": { "id": "bbbbbbbb-0000-1111-2222-cccccccccccc" } } },
        ] },
    });
    let made = adele.post("onlineMeetings", options).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json;
    assert_eq!(
        made["lobbyBypassSettings"],
        json!({ "scope": "invited", "isDialInBypassEnabled": true })
    );
    assert_eq!(made["participants"]["attendees"][0]["role"], "coorganizer");
    assert_eq!(made["allowedLobbyAdmitters"], "organizerAndCoOrganizers");
    let times = |name: &str| made[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(
        times("endDateTime").as_second() - times("startDateTime").as_second(),
        3600,
        "an hour from now"
    );
    let path = format!("onlineMeetings/{}", escape(made["id"].as_str().unwrap()));
    let changed =
        adele.patch(&path, json!({ "subject": "New", "allowMeetingChat": "disabled" })).await.ok();
    assert_eq!(
        (&changed["subject"], &changed["allowMeetingChat"]),
        (&json!("New"), &json!("disabled"))
    );
    assert_eq!(changed["joinWebUrl"], made["joinWebUrl"]);
    let code = json!({ "joinMeetingIdSettings": { "isPasscodeRequired": true } });
    assert_eq!(
        refusal(&adele.patch(&path, code).await),
        (400, "BadRequest"),
        "only at the creation"
    );
    for nonsense in [
        json!({ "allowedPresenters": "nobody" }),
        json!({ "shoeSize": 42 }),
        json!({ "participants": { "attendees": [{ "upn": "x@y.example", "role": "presenter" }] } }),
    ] {
        assert_eq!(
            refusal(&adele.patch(&path, nonsense.clone()).await),
            (400, "BadRequest"),
            "{nonsense}"
        );
    }
    assert_eq!(adele.get(&path).await.ok()["subject"], "New");
    assert_eq!(adele.delete(&path).await.status, 204);
    assert_eq!(adele.get(&path).await.status, 404);
    assert_eq!(
        adele
            .view("2026-01-01T00:00:00Z", "2030-12-01T00:00:00Z")
            .await
            .iter()
            .filter(|one| one["subject"] == "New")
            .count(),
        0,
        "it is on no calendar"
    );
}

#[tokio::test]
async fn create_or_get_makes_one_meeting() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let path = "onlineMeetings/createOrGet";
    let first = adele.post(path, json!({ "externalId": "E1", "subject": "One" })).await;
    let again = adele.post(path, json!({ "externalId": "E1", "subject": "Two" })).await;
    assert_eq!((first.status, again.status), (201, 200));
    assert_eq!((&first.json["id"], &again.json["subject"]), (&again.json["id"], &json!("One")));
    let his = alex.post(path, json!({ "externalId": "E1" })).await;
    assert_eq!(his.status, 201, "the key is the user's");
    for nonsense in [
        json!({}),
        json!({ "externalId": "E2", "endDateTime": "2031-05-05T10:00:00Z" }),
        json!({ "externalId": "E2", "startDateTime": "2031-05-05T11:00:00Z", "endDateTime": "2031-05-05T10:00:00Z" }),
    ] {
        assert_eq!(
            refusal(&adele.post(path, nonsense.clone()).await),
            (400, "BadRequest"),
            "{nonsense}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn create_or_get_makes_one_meeting_however_many_ask_at_once() {
    let play = Play::new();
    let adele = adele(&play).await;
    let http = evergrant_sandbox::InProcess::new(&play.stage);
    // Reading a long list takes time, in which the others come.
    let crowd = vec![json!({ "upn": ALEX, "role": "attendee" }); 300];
    for round in 0..20 {
        let body =
            json!({ "externalId": format!("E{round}"), "participants": { "attendees": crowd } });
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let path = "/v1.0/me/onlineMeetings/createOrGet";
            let (http, request) = (http.clone(), adele.request("POST", path, &[], &body));
            calls.spawn(async move { http.send(request).await.unwrap().status().as_u16() });
        }
        let mut statuses = calls.join_all().await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201], "round {round}");
    }
}

#[tokio::test]
async fn there_is_no_list_of_meetings() {
    let play = Play::new();
    let adele = adele(&play).await;
    for query in ["", "?$filter=subject%20eq%20'x'", "?$filter=rubbish"] {
        assert_eq!(
            refusal(&adele.get(&format!("onlineMeetings{query}")).await),
            (400, "BadRequest"),
            "{query}"
        );
    }
    let none = adele.get("onlineMeetings?$filter=JoinWebUrl%20eq%20'https://x'").await;
    assert!(none.json["error"]["message"].as_str().unwrap().starts_with("1026"));
}

#[tokio::test]
async fn meetings_have_permissions_of_their_own() {
    let play = Play::new();
    let calendar = Person::with(&play, ADELE, "Calendars.ReadWrite").await;
    assert!(calendar.create(online()).await["onlineMeeting"]["joinUrl"].is_string());
    assert_eq!(refusal(&calendar.post("onlineMeetings", json!({})).await), (403, "Forbidden"));
    let reader = Person::with(&play, ADELE, "OnlineMeetings.Read").await;
    assert_eq!(refusal(&reader.post("onlineMeetings", json!({})).await), (403, "Forbidden"));
    let adele = adele(&play).await;
    let made = adele.post("onlineMeetings", json!({})).await.json;
    let path = format!("onlineMeetings/{}", escape(made["id"].as_str().unwrap()));
    assert_eq!(reader.get(&path).await.status, 200);
    let by_oid = "/v1.0/users/aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb/onlineMeetings";
    assert_eq!(adele.call("POST", by_oid, &[], &json!({})).await.status, 201);
    let by_upn = format!("/v1.0/users/{ADELE}/onlineMeetings");
    assert_eq!(adele.call("POST", &by_upn, &[], &json!({})).await.status, 404, "object ids only");
}
