//! Teams meetings: alone, with an event, with a passcode.

use std::time::Duration;

use evergrant::capability::{Meeting, NewMeeting};
use evergrant::{CallError, Denial, Repeat};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::account::{Connected, Graph, example, once};
use crate::calendar::{event, given, with};
use crate::examples::{answering, covers};

const TEAMS: &str = "microsoft_teams";

fn meeting(changes: Value) -> NewMeeting {
    given(with(
        json!({
            "subject": "User Token Meeting",
            "start_time": "2026-10-02T14:30:34.2444915-07:00",
            "end_time": "2026-10-02T15:00:34.2464912-07:00",
        }),
        changes,
    ))
}

/// A meeting as Graph says it, with changes.
fn teams(changes: Value) -> Value {
    with(example("onlinemeeting.create.response")["response"]["body"].clone(), changes)
}

fn link() -> String {
    teams(json!({}))["joinWebUrl"].as_str().unwrap().to_owned()
}

/// The event of that meeting.
fn its_event(changes: Value) -> Value {
    let of = json!({
        "start": { "dateTime": "2026-10-02T21:30:34.2444915", "timeZone": "UTC" },
        "end": { "dateTime": "2026-10-02T22:00:34.2464912", "timeZone": "UTC" },
        "isOnlineMeeting": true, "onlineMeeting": { "joinUrl": link() }, "subject": "User Token Meeting",
    });
    event(with(of, changes))
}

fn denial<T: std::fmt::Debug>(result: Result<T, CallError>) -> Denial {
    let Err(CallError::Denied { denial, failure }) = result else { panic!("{result:?}") };
    assert!(!failure.message.is_empty() && !failure.remedy.is_empty());
    denial
}

async fn create(account: &Connected, new: &NewMeeting) -> Result<Meeting, CallError> {
    account.run(account.meetings().create_meeting(&account.api, once(), new)).await
}

#[tokio::test]
async fn a_meeting_alone_is_made_once() {
    for name in [
        "onlinemeeting.createorget.created.response",
        "onlinemeeting.createorget.existing.response",
    ] {
        let (graph, account) = answering(TEAMS, name).await;
        let new = meeting(json!({
            "subject": "Create a meeting with customId provided",
            "start_time": "2026-10-02T21:30:34.2444915Z",
            "end_time": "2026-10-02T22:00:34.2464912Z",
            "participants": [{ "email": "test1@contoso.com" }],
        }));
        let made = create(&account, &new).await.unwrap();
        assert_json_snapshot!("meeting", made);
        let mut request = graph.requests().remove(0);
        assert_eq!(request.extensions().get(), Some(&Repeat::Safe));
        let mut body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["externalId"], once().to_string());
        // The example has other times than its answer, and the directory's id of the participant.
        let theirs = example("onlinemeeting.createorget.request")["request"]["body"].clone();
        body["participants"]["attendees"][0]["identity"] =
            theirs["participants"]["attendees"][0]["identity"].clone();
        for name in ["externalId", "startDateTime", "endDateTime"] {
            body[name] = theirs[name].clone();
        }
        *request.body_mut() = body.to_string().into();
        assert!(covers(&request, "onlinemeeting.createorget.request").is_empty());
    }
}

#[tokio::test]
async fn a_key_that_made_another_meeting_is_refused() {
    let (_, account) = answering(TEAMS, "onlinemeeting.createorget.existing.response").await;
    assert_eq!(denial(create(&account, &meeting(json!({}))).await), Denial::Conflict);
}

#[tokio::test]
async fn options_are_set_on_the_meeting() {
    let graph = Graph::default().answer(201, &teams(json!({}))).answer(200, &teams(json!({})));
    let account = Connected::new(TEAMS, &graph).await;
    let new = meeting(json!({
        "lobby": "organization", "presenters": "role_is_presenter", "record_automatically": false,
        "participants": [{ "email": "alexw@contoso.onmicrosoft.com", "role": "coorganizer" }],
    }));
    create(&account, &new).await.unwrap();
    let theirs = example("onlinemeeting.create.options.request")["request"]["body"].clone();
    let [created, set] = &graph.sent()[..] else { panic!("two requests with bodies") };
    let who = &theirs["participants"]["attendees"][0];
    assert_eq!(created["participants"]["attendees"][0]["upn"], who["upn"]);
    assert_eq!(created["participants"]["attendees"][0]["role"], who["role"]);
    assert_eq!(set["allowedPresenters"], theirs["allowedPresenters"]);
    assert_eq!(set["lobbyBypassSettings"]["scope"], theirs["lobbyBypassSettings"]["scope"]);
    assert_eq!(set["recordAutomatically"], theirs["recordAutomatically"]);
    assert!(graph.asked()[1].starts_with("PATCH /me/onlineMeetings/"));
}

#[tokio::test]
async fn a_passcode_is_asked_for_when_the_meeting_is_made() {
    let (graph, account) = answering(TEAMS, "onlinemeeting.create.passcode.response").await;
    let new = meeting(json!({ "subject": "User meeting", "passcode_required": true }));
    let made = create(&account, &new).await.unwrap();
    assert_json_snapshot!("passcode", made);
    let request = graph.requests().remove(0);
    assert!(covers(&request, "onlinemeeting.create.passcode.request").is_empty());
    // Without the passcode it is the plain call.
    let mut plain = request.clone();
    let mut body: Value = serde_json::from_slice(plain.body()).unwrap();
    body["subject"] = json!("User Token Meeting");
    *plain.body_mut() = body.to_string().into();
    assert_eq!(covers(&plain, "onlinemeeting.create.request"), ["/joinMeetingIdSettings"]);
    assert_eq!(request.extensions().get::<Repeat>(), None);
}

#[tokio::test]
async fn a_meeting_with_a_passcode_whose_answer_was_lost_is_made_again_and_then_left() {
    let graph = Graph::default().lost().example("onlinemeeting.create.passcode.response");
    let account = Connected::new(TEAMS, &graph).await;
    let new = meeting(json!({ "passcode_required": true }));
    assert_eq!(create(&account, &new).await.unwrap().passcode.as_deref(), Some("123abc"));
    let graph = Graph::default().lost().lost();
    let account = Connected::new(TEAMS, &graph).await;
    let lost = create(&account, &new).await;
    assert!(matches!(lost, Err(CallError::OutcomeUnknown { .. })), "{lost:?}");
    assert_eq!(graph.sent().len(), 2);
}

#[tokio::test]
async fn with_an_event_both_have_one_link() {
    let graph = Graph::default()
        .example("calendar.get.response")
        .answer(201, &its_event(json!({ "onlineMeeting": null, "attendees": [] })))
        .answer(200, &its_event(json!({ "attendees": [] })))
        .example("onlinemeeting.error.400.filter_nomatch")
        .example("onlinemeeting.find.response")
        .answer(200, &teams(json!({ "lobbyBypassSettings": { "scope": "everyone" } })))
        .answer(200, &its_event(json!({})));
    let account = Connected::new(TEAMS, &graph).await;
    let new = meeting(json!({
        "calendar_event": true, "time_zone": "America/Los_Angeles", "lobby": "everyone",
        "participants": [{ "email": "samanthab@contoso.onmicrosoft.com" }],
        "body": { "format": "text", "content": "Bring lunch." },
    }));
    let made = create(&account, &new).await.unwrap();
    assert_eq!(made.join_url, link());
    assert_eq!(made.event_id.as_deref(), Some("AAMkAGI1AAAt9AHjAAA="));
    assert_eq!(made.meeting_id.as_deref(), Some("27133485207"));
    assert_eq!(made.lobby.unwrap().as_str(), "everyone");
    assert_eq!(made.start_time.unwrap().to_string(), "2026-10-02T14:30:34.2444915-07:00");
    let sent = &graph.sent()[0];
    assert_eq!(sent["isOnlineMeeting"], true);
    assert!(sent["attendees"].is_null());
    let invited = &graph.sent()[2]["attendees"][0]["emailAddress"];
    assert_eq!(invited["address"], "samanthab@contoso.onmicrosoft.com");
    let who: Vec<Option<&str>> = made.participants.iter().map(|who| who.email.as_deref()).collect();
    assert_eq!(who, [Some("samanthab@contoso.onmicrosoft.com")], "those whom the event invites");
    assert_eq!(sent["transactionId"], once().to_string());
    covers(&graph.requests()[4], "onlinemeeting.find.request");
    let asked = &graph.asked()[4];
    assert_eq!(*asked, format!("GET /me/onlineMeetings?$filter=JoinWebUrl eq '{}'", link()));
    let query = graph.requests()[4].uri().query().unwrap().to_owned();
    assert!(query.contains("%27https%3A%2F%2F") && query.contains("%253ameeting_"), "{query}");
}

#[tokio::test]
async fn with_a_passcode_nobody_is_invited_before_it_is_there() {
    let lonely = its_event(json!({ "attendees": [] }));
    let code = json!({ "isPasscodeRequired": true, "joinMeetingId": "1", "passcode": "p" });
    let graph = Graph::default()
        .example("calendar.get.response")
        .answer(201, &lonely)
        .answer(200, &json!({ "value": [teams(json!({ "joinMeetingIdSettings": code }))] }))
        .answer(200, &its_event(json!({})));
    let account = Connected::new(TEAMS, &graph).await;
    let new = meeting(json!({
        "calendar_event": true, "passcode_required": true,
        "participants": [{ "email": "samanthab@contoso.onmicrosoft.com" }],
    }));
    assert_eq!(create(&account, &new).await.unwrap().passcode.as_deref(), Some("p"));
    let [created, invited] = &graph.sent()[..] else { panic!("two requests with bodies") };
    assert!(created["attendees"].is_null());
    assert_eq!(invited["attendees"].as_array().unwrap().len(), 1);

    let graph = Graph::default()
        .example("calendar.get.response")
        .answer(201, &lonely)
        .example("onlinemeeting.find.response")
        .example("event.delete.response");
    let account = Connected::new(TEAMS, &graph).await;
    assert_eq!(denial(create(&account, &new).await), Denial::Conflict);
    assert!(graph.asked()[3].starts_with("DELETE /me/events/"));
}

#[tokio::test]
async fn without_a_licence_after_all_nobody_was_invited_and_the_event_is_gone() {
    let bare = json!({ "attendees": [], "isOnlineMeeting": false, "onlineMeeting": null });
    let graph = Graph::default()
        .example("calendar.get.response")
        .answer(201, &its_event(bare))
        .example("event.delete.response");
    let account = Connected::new(TEAMS, &graph).await;
    let new = meeting(json!({
        "calendar_event": true, "participants": [{ "email": "samanthab@contoso.onmicrosoft.com" }],
    }));
    assert_eq!(denial(create(&account, &new).await), Denial::NoLicense);
    assert!(graph.asked()[2].starts_with("DELETE /me/events/"));
    assert!(graph.sent().iter().all(|sent| sent["attendees"].is_null()));
}

#[tokio::test]
async fn a_creation_without_an_answer_is_unknown_unless_it_never_left() {
    let all = |each: fn(Graph) -> Graph| (0..4).fold(Graph::default(), |graph, _| each(graph));
    let account = Connected::new(TEAMS, &all(Graph::lost)).await;
    let lost = create(&account, &meeting(json!({}))).await;
    assert!(matches!(lost, Err(CallError::OutcomeUnknown { .. })), "{lost:?}");
    let account = Connected::new(TEAMS, &all(Graph::unsent)).await;
    let never = create(&account, &meeting(json!({}))).await;
    assert!(matches!(never, Err(CallError::Unavailable { sent: false, .. })), "{never:?}");
}

#[tokio::test]
async fn other_participants_leave_rooms_and_roles_as_they_are() {
    let attendee = |email: &str, role: &str| json!({ "emailAddress": { "address": email, "name": email }, "type": role });
    let before = its_event(json!({ "attendees": [
        attendee("room@contoso.example", "resource"),
        attendee("Guest@contoso.example", "optional"),
        attendee("gone@contoso.example", "required"),
    ] }));
    let graph = Graph::default()
        .example("onlinemeeting.create.response")
        .answer(200, &json!({ "value": [before] }))
        .answer(200, &before)
        .example("onlinemeeting.update.response");
    let account = Connected::new(TEAMS, &graph).await;
    let changes = given(json!({ "participants": [
        { "email": "guest@contoso.example" }, { "email": "new@contoso.example" },
    ] }));
    account.meetings().update_meeting(&account.api, "MSpGQUtF", &changes).await.unwrap();
    let sent = graph.sent()[0]["attendees"].clone();
    let invited: Vec<(&str, &str)> = sent
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let email = one["emailAddress"]["address"].as_str().unwrap();
            (email, one["type"].as_str().unwrap())
        })
        .collect();
    let wanted = [
        ("guest@contoso.example", "optional"),
        ("new@contoso.example", "required"),
        ("room@contoso.example", "resource"),
    ];
    assert_eq!(invited, wanted);
    // In Teams a room takes no part.
    assert_eq!(graph.sent()[1]["participants"]["attendees"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_calendar_that_leads_back_into_itself_ends_the_search() {
    let next = "https://graph.microsoft.com/v1.0/me/calendarView?$skiptoken=x";
    let page = json!({ "value": [], "@odata.nextLink": next });
    let graph = Graph::default()
        .example("onlinemeeting.create.response")
        .answer(200, &page)
        .answer(200, &page);
    let account = Connected::new(TEAMS, &graph).await;
    let endless = account.meetings().meeting(&account.api, "MSpGQUtF").await;
    assert!(matches!(endless, Err(CallError::Unreadable(_))), "{endless:?}");
}

#[tokio::test]
async fn a_link_that_does_not_come_is_worth_another_attempt() {
    let mut graph = Graph::default()
        .example("calendar.get.response")
        .answer(201, &its_event(json!({ "onlineMeeting": null })));
    for _ in 0..7 {
        graph = graph.answer(200, &its_event(json!({ "onlineMeeting": null })));
    }
    let account = Connected::new(TEAMS, &graph).await;
    let late = create(&account, &meeting(json!({ "calendar_event": true }))).await;
    assert!(matches!(late, Err(CallError::OutcomeUnknown { .. })), "{late:?}");
    assert!(account.uptime() < Duration::from_secs(30));
}

#[tokio::test]
async fn refusals_of_teams_tell_licence_permission_and_policy_apart() {
    let (_, account) = answering(TEAMS, "onlinemeeting.error.403.license").await;
    assert_eq!(denial(create(&account, &meeting(json!({}))).await), Denial::NoLicense);
    let (_, account) = answering(TEAMS, "onlinemeeting.error.403.policy").await;
    assert_eq!(denial(create(&account, &meeting(json!({}))).await), Denial::Forbidden);
    let graph = Graph::default().example("onlinemeeting.error.403.license");
    let account = Connected::granted(TEAMS, &graph, "Calendars.ReadWrite").await;
    let needed = vec!["OnlineMeetings.ReadWrite".to_owned()];
    let missing = denial(create(&account, &meeting(json!({}))).await);
    assert_eq!(missing, Denial::MissingScope { needed });
}

#[tokio::test]
async fn nobody_is_invited_to_what_cannot_be_finished() {
    for missing in ["Calendars.ReadWrite", "OnlineMeetings.ReadWrite"] {
        let granted = crate::account::scopes(TEAMS).replace(missing, "");
        let graph = Graph::default();
        let account = Connected::granted(TEAMS, &graph, &granted).await;
        let refused = create(&account, &meeting(json!({ "calendar_event": true }))).await;
        assert_eq!(denial(refused), Denial::MissingScope { needed: vec![missing.to_owned()] });
        assert!(graph.asked().is_empty());
    }
}

#[tokio::test]
async fn a_meeting_is_found_with_its_event() {
    let graph = Graph::default().example("onlinemeeting.create.response").answer(
        200,
        &json!({ "value": [its_event(json!({ "isOrganizer": false })),
            its_event(json!({ "id": "mine" }))] }),
    );
    let account = Connected::new(TEAMS, &graph).await;
    let found = account.meetings().meeting(&account.api, "MSpGQUtF").await.unwrap();
    assert_eq!(found.event_id.as_deref(), Some("mine"));
    assert_json_snapshot!("found", found);
    assert!(graph.asked()[1].starts_with("GET /me/calendarView?startDateTime=2026-10-01T20:30:34"));
}

#[tokio::test]
async fn a_meeting_and_its_event_change_together() {
    let graph = Graph::default()
        .example("onlinemeeting.create.response")
        .answer(200, &json!({ "value": [its_event(json!({}))] }))
        .answer(200, &its_event(json!({})))
        .answer(200, &its_event(json!({})))
        .example("onlinemeeting.update.response");
    let account = Connected::new(TEAMS, &graph).await;
    let changes = given(json!({
        "subject": "Patch Meeting Subject",
        "start_time": "2026-10-09T14:33:30.8546353-07:00",
        "end_time": "2026-10-09T15:03:30.8566356-07:00",
    }));
    let meeting = account.meetings().update_meeting(&account.api, "MSpGQUtF", &changes).await;
    assert_json_snapshot!("updated", meeting.unwrap());
    assert!(covers(&graph.requests()[4], "onlinemeeting.update.request").is_empty());
    let of_event = &graph.sent()[0];
    assert_eq!(of_event["subject"], "Patch Meeting Subject");
    assert_eq!(of_event["start"]["timeZone"], "Pacific Standard Time");
}

#[tokio::test]
async fn a_meeting_ends_with_its_event() {
    let graph = Graph::default()
        .example("onlinemeeting.create.response")
        .answer(200, &json!({ "value": [its_event(json!({}))] }))
        .example("action.202.response")
        .example("error.404.item_not_found");
    let account = Connected::new(TEAMS, &graph).await;
    account
        .meetings()
        .cancel_meeting(&account.api, once(), "MSpGQUtF", Some("Sorry."))
        .await
        .unwrap();
    assert_eq!(graph.sent(), [json!({ "comment": "Sorry." })]);
    assert_eq!(graph.asked()[3], "DELETE /me/onlineMeetings/MSpGQUtF");

    let graph = Graph::default()
        .example("onlinemeeting.create.response")
        .answer(200, &json!({ "value": [] }))
        .example("onlinemeeting.delete.response");
    let account = Connected::new(TEAMS, &graph).await;
    account.meetings().cancel_meeting(&account.api, once(), "MSpGQUtF", None).await.unwrap();
}

#[tokio::test]
async fn a_meeting_that_an_earlier_attempt_ended_is_ended() {
    let graph =
        Graph::default().example("error.404.item_not_found").example("error.404.item_not_found");
    let account = Connected::new(TEAMS, &graph).await;
    let end = |once| account.meetings().cancel_meeting(&account.api, once, "MSpGQUtF", None);
    end(once().again()).await.unwrap();
    let never = end(once()).await;
    assert!(
        matches!(never, Err(CallError::Denied { denial: Denial::ItemNotFound, .. })),
        "{never:?}"
    );
    assert_eq!(graph.left(), 0);
}

#[tokio::test]
async fn what_cannot_be_a_meeting_is_refused_before_anything_is_sent() {
    let graph = Graph::default();
    let account = Connected::new(TEAMS, &graph).await;
    for (changes, at) in [
        (json!({ "start_time": "2026-10-02" }), "/start_time"),
        (json!({ "end_time": "2026-10-02T00:00:00Z" }), "/end_time"),
        (json!({ "end_time": "2026-10-02T23:00:00" }), "/end_time"),
        (json!({ "lobby": "nobody" }), "/lobby"),
        (json!({ "presenters": "nobody" }), "/presenters"),
        (json!({ "participants": [{ "email": "x" }] }), "/participants/0/email"),
        (json!({ "participants": [{ "email": "a@b", "role": "star" }] }), "/participants/0/role"),
    ] {
        let Err(CallError::Invalid { pointer, .. }) = create(&account, &meeting(changes)).await
        else {
            panic!("{at}");
        };
        assert_eq!(pointer, at);
    }
    assert!(graph.asked().is_empty());
}
