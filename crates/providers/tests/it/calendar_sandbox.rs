//! Calendars and meetings against the sandbox, which was written from the contract by somebody else.

use evergrant::capability::{
    Calendars, Event, EventKind, EventQuery, MeetingChanges, Meetings, NewEvent, NewMeeting, ShowAs,
};
use evergrant::{CallError, Denial};
use serde_json::{Value, json};

use crate::account::{once, scopes};
use crate::calendar::given;
use crate::mail_sandbox::{ADELE, ALEX, Account, Play};

const CALENDAR: &str = "microsoft_calendar";
const TEAMS: &str = "microsoft_teams";

async fn account(play: &Play, key: &str, user: &str) -> Account {
    play.connected(key, user, &scopes(key)).await
}

fn calendars(account: &Account) -> &dyn Calendars {
    account.api.provider().calendars().unwrap()
}

fn meetings(account: &Account) -> &dyn Meetings {
    account.api.provider().meetings().unwrap()
}

/// Thursdays at nine in Berlin, over the change to summer time on 2027-03-28.
fn thursdays() -> NewEvent {
    given(json!({
        "subject": "Planning",
        "start_time": "2027-03-18T09:00:00",
        "end_time": "2027-03-18T09:30:00",
        "time_zone": "Europe/Berlin",
        "recurrence": {
            "pattern": { "type": "weekly", "days": ["thursday"] },
            "range": { "type": "numbered", "count": 4 },
        },
        "attendees": [{ "email": ALEX }],
    }))
}

async fn occurrences(play: &Play, account: &Account, series: &str) -> Vec<Event> {
    let query = EventQuery {
        calendar: None,
        series: Some(series.to_owned()),
        from: "2027-03-01T00:00:00Z".parse().unwrap(),
        to: "2027-06-01T00:00:00Z".parse().unwrap(),
        zone: None,
        limit: 2,
    };
    let all = evergrant::capability::all(async |cursor| {
        calendars(account).events(&account.api, &query, cursor.as_ref()).await
    });
    let mut all = play.run(all).await.unwrap();
    all.sort_by_key(|event| event.start_time.to_string());
    all
}

fn starts(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.start_time.to_string()).collect()
}

async fn change(play: &Play, account: &Account, id: &str, changes: Value) -> Event {
    let changes = given(changes);
    let done = calendars(account).update_event(&account.api, id, &changes, None);
    play.run(done).await.unwrap()
}

#[tokio::test]
async fn a_series_with_an_exception_over_a_change_of_clocks_reads_and_writes_back() {
    let play = Play::new();
    let adele = account(&play, CALENDAR, ADELE).await;
    let made = calendars(&adele).create_event(&adele.api, once(), &thursdays()).await.unwrap();
    assert_eq!(made.kind, EventKind::Series);
    let again = calendars(&adele).create_event(&adele.api, once(), &thursdays()).await.unwrap();
    assert_eq!(again.id, made.id, "the same once is one event");
    let all = occurrences(&play, &adele, &made.id).await;
    assert_eq!(
        starts(&all),
        [
            "2027-03-18T09:00:00+01:00",
            "2027-03-25T09:00:00+01:00",
            "2027-04-01T09:00:00+02:00",
            "2027-04-08T09:00:00+02:00",
        ]
    );
    let moved = json!({ "start_time": "2027-04-02T11:00:00", "end_time": "2027-04-02T11:30:00" });
    let exception = change(&play, &adele, &all[2].id, moved).await;
    assert_eq!(exception.kind, EventKind::Exception);
    assert_eq!(exception.start_time.to_string(), "2027-04-02T11:00:00+02:00");
    let original = exception.original_start_time.unwrap();
    assert_eq!(original.to_string(), "2027-04-01T07:00:00Z");
    let renamed = change(&play, &adele, &made.id, json!({ "subject": "Plans" })).await;
    assert_eq!(renamed.recurrence, made.recurrence, "it is read as it was written");
    let all = occurrences(&play, &adele, &made.id).await;
    assert_eq!(all[2].start_time, exception.start_time, "an exception outlives another title");
    // The series moves to another zone, and takes its recurrence along.
    let moved = json!({
        "start_time": "2027-03-18T09:00:00", "end_time": "2027-03-18T09:30:00",
        "time_zone": "America/New_York",
    });
    let moved = change(&play, &adele, &made.id, moved).await;
    assert_eq!(moved.time_zone.unwrap().name(), "America/New_York");
    let all = occurrences(&play, &adele, &made.id).await;
    // Its occurrences say which zone they were made in, and begin when the new one shows nine.
    let instants: Vec<String> =
        all.iter().map(|event| event.start_time.instant(None).unwrap().to_string()).collect();
    let nine = ["2027-03-18", "2027-03-25", "2027-04-01", "2027-04-08"];
    assert_eq!(instants, nine.map(|day| format!("{day}T13:00:00Z")));
    let single = change(&play, &adele, &made.id, json!({ "recurrence": null })).await;
    assert_eq!((single.kind, single.recurrence), (EventKind::Single, None));
}

#[tokio::test]
async fn an_invitation_is_answered_and_the_meeting_called_off() {
    let play = Play::new();
    let adele = account(&play, CALENDAR, ADELE).await;
    let alex = account(&play, CALENDAR, ALEX).await;
    let new = NewEvent { recurrence: None, ..thursdays() };
    let made = calendars(&adele).create_event(&adele.api, once(), &new).await.unwrap();
    let query = EventQuery {
        calendar: None,
        series: None,
        from: "2027-03-18T00:00:00Z".parse().unwrap(),
        to: "2027-03-19T00:00:00Z".parse().unwrap(),
        zone: None,
        limit: 50,
    };
    let page = calendars(&alex).events(&alex.api, &query, None).await.unwrap();
    let invited = page.results.iter().find(|event| event.uid == made.uid).unwrap();
    let answer = given(json!({ "response": "tentative", "comment": "Perhaps." }));
    play.run(calendars(&alex).respond(&alex.api, once(), &invited.id, &answer)).await.unwrap();
    let own = calendars(&adele).respond(&adele.api, once(), &made.id, &answer).await;
    assert!(matches!(own, Err(CallError::Denied { denial: Denial::Conflict, .. })), "{own:?}");
    let seen = calendars(&adele).event(&adele.api, &made.id).await.unwrap();
    assert_eq!(seen.attendees[0].response.as_str(), "tentative");
    let foreign = calendars(&alex).cancel_event(&alex.api, once(), &invited.id, None).await;
    assert!(matches!(foreign, Err(CallError::Denied { denial: Denial::Conflict, .. })));
    let cancel = calendars(&adele).cancel_event(&adele.api, once(), &made.id, Some("Another day."));
    play.run(cancel).await.unwrap();
    let page = calendars(&adele).events(&adele.api, &query, None).await.unwrap();
    assert!(page.results.iter().all(|event| event.id != made.id));
}

#[tokio::test]
async fn a_meeting_with_an_event_lives_and_ends_as_one() {
    let play = Play::new();
    let adele = account(&play, TEAMS, ADELE).await;
    let new: NewMeeting = given(json!({
        "subject": "Review", "calendar_event": true, "lobby": "everyone",
        "start_time": "2027-03-18T09:00:00", "end_time": "2027-03-18T09:30:00",
        "time_zone": "Europe/Berlin", "participants": [{ "email": ALEX }],
    }));
    let made = meetings(&adele).create_meeting(&adele.api, once(), &new);
    let made = play.run(made).await.unwrap();
    assert_eq!(made.lobby.as_ref().unwrap().as_str(), "everyone");
    let again = play.run(meetings(&adele).create_meeting(&adele.api, once(), &new)).await.unwrap();
    assert_eq!((&again.id, &again.event_id), (&made.id, &made.event_id));
    let event_id = made.event_id.clone().unwrap();
    let event = calendars(&adele).event(&adele.api, &event_id).await.unwrap();
    assert_eq!(event.online_meeting.unwrap().join_url, Some(made.join_url.clone()));
    let changes: MeetingChanges = given(json!({ "subject": "Last review" }));
    let renamed = meetings(&adele).update_meeting(&adele.api, &made.id, &changes).await.unwrap();
    assert_eq!(renamed.subject.as_deref(), Some("Last review"));
    let event = calendars(&adele).event(&adele.api, &event_id).await.unwrap();
    assert_eq!(event.subject.as_deref(), Some("Last review"));
    let cancel = meetings(&adele).cancel_meeting(&adele.api, once(), &made.id, Some("Done."));
    play.run(cancel).await.unwrap();
    let gone = meetings(&adele).meeting(&adele.api, &made.id).await;
    assert!(matches!(gone, Err(CallError::Denied { .. })), "{gone:?}");
}

#[tokio::test]
async fn meetings_alone_are_made_once_and_passcodes_are_made_up() {
    let play = Play::new();
    let adele = account(&play, TEAMS, ADELE).await;
    let new = |passcode: bool| -> NewMeeting {
        given(json!({
            "subject": "Alone", "passcode_required": passcode,
            "start_time": "2027-03-18T09:00:00Z", "end_time": "2027-03-18T09:30:00Z",
        }))
    };
    let one = meetings(&adele).create_meeting(&adele.api, once(), &new(false)).await.unwrap();
    let same = meetings(&adele).create_meeting(&adele.api, once(), &new(false)).await.unwrap();
    assert_eq!((one.id, one.passcode, one.event_id), (same.id, None, None));
    let coded = meetings(&adele).create_meeting(&adele.api, once(), &new(true)).await.unwrap();
    assert!(coded.passcode.is_some() && coded.meeting_id.is_some());
    let megan = account(&play, TEAMS, "megan@contoso.example").await;
    let refused = meetings(&megan).create_meeting(&megan.api, once(), &new(false)).await;
    let Err(CallError::Denied { denial, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(denial, Denial::NoLicense);
}

#[tokio::test]
async fn people_are_free_or_not() {
    let play = Play::new();
    let adele = account(&play, CALENDAR, ADELE).await;
    let new = NewEvent { recurrence: None, ..thursdays() };
    calendars(&adele).create_event(&adele.api, once(), &new).await.unwrap();
    let ask = given(json!({
        "emails": [ADELE, "nobody@contoso.example"], "interval_minutes": 30,
        "start_time": "2027-03-18T08:30:00", "end_time": "2027-03-18T10:00:00",
        "time_zone": "Europe/Berlin",
    }));
    let told = calendars(&adele).availability(&adele.api, &ask).await.unwrap();
    let words: Vec<&str> = told[0].slots.iter().map(ShowAs::as_str).collect();
    assert_eq!(words, ["free", "busy", "free"]);
    assert!(told[1].error.is_some());
}
