//! The calendars of a new world.

use serde_json::{Value, json};

use super::{adele, alex, direct, event, lunch};
use crate::play::{ADELE, ALEX, Play};

/// Half a year around now.
async fn everything(person: &super::Person<'_>) -> Vec<Value> {
    let now = person.play.stage.now();
    let day = |days: i64| (now + jiff::SignedDuration::from_hours(24 * days)).to_string();
    person.view(&day(-60), &day(330)).await
}

#[tokio::test]
async fn the_world_begins_with_full_calendars() {
    let play = Play::new();
    let (adele, alex) = (adele(&play).await, alex(&play).await);
    let hers = everything(&adele).await;
    let of =
        |subject: &str| hers.iter().filter(|one| one["subject"] == subject).collect::<Vec<_>>();
    assert_eq!(of("Quarterly planning").len(), 1);
    assert_eq!(of("Company holiday")[0]["isAllDay"], true);
    assert!(of("Design review")[0]["onlineMeeting"]["joinUrl"].is_string());
    assert_eq!(of("Budget talk")[0]["organizer"]["emailAddress"]["address"], ALEX);
    assert_eq!(of("Budget talk")[0]["isOrganizer"], false);
    let series = of("Team sync");
    assert_eq!(series.len(), 39, "one of forty was deleted");
    let moved: Vec<_> = series.iter().filter(|one| one["type"] == "exception").collect();
    assert_eq!(moved.len(), 1);
    let hour = |one: &&&Value| super::start(one)[11..13].to_owned();
    let hours: std::collections::BTreeSet<_> =
        series.iter().filter(|one| one["type"] == "occurrence").map(|one| hour(&one)).collect();
    assert_eq!(hours.len(), 2, "the clocks change within");
    assert!(everything(&alex).await.iter().any(|one| one["subject"] == "Design review"));
}

#[tokio::test]
async fn ids_repeat_with_the_seed() {
    let ids = async |play: &Play| {
        let adele = adele(play).await;
        let all = everything(&adele).await;
        all.iter().map(|one| one["id"].clone()).collect::<Vec<_>>()
    };
    let (one, two) = (Play::new(), Play::new());
    let first = ids(&one).await;
    assert_eq!(first, ids(&two).await);
    two.stage.reset(2);
    assert_ne!(first, ids(&two).await);
}

#[tokio::test]
async fn a_reset_takes_everything_back_at_once() {
    let play = Play::new();
    let before = everything(&adele(&play).await).await.len();
    adele(&play).await.create(lunch()).await;
    direct(&play, ADELE, "teams", json!({ "licensed": false })).await;
    let clock = evergrant::SystemClock::default();
    let began = evergrant::Clock::uptime(&clock);
    play.stage.reset(1);
    let took = evergrant::Clock::uptime(&clock).saturating_sub(began);
    assert!(took.as_millis() < 100, "{took:?}");
    let adele = adele(&play).await;
    assert_eq!(everything(&adele).await.len(), before);
    assert_eq!(adele.post("onlineMeetings", json!({})).await.status, 201);
}

#[tokio::test]
async fn changes_are_numbered_and_deletions_remembered() {
    let play = Play::new();
    let adele = adele(&play).await;
    let seen = async || {
        let world = play.control("GET", "world", &Value::Null).await.ok();
        let calendars = world["acts"]["microsoft"]["calendars"][ADELE].clone();
        (
            calendars["last_change"].as_u64().unwrap(),
            calendars["deleted"].as_array().unwrap().clone(),
        )
    };
    let (start, gone) = seen().await;
    let made = adele.create(lunch()).await;
    let (created, _) = seen().await;
    adele.patch(&event(&made["id"]), json!({ "subject": "x" })).await.ok();
    let (changed, _) = seen().await;
    adele.delete(&event(&made["id"])).await;
    let (deleted, now_gone) = seen().await;
    assert!(start < created && created < changed && changed < deleted);
    assert_eq!(now_gone.len(), gone.len() + 1);
    assert_eq!(now_gone.last().unwrap()["id"], made["id"]);
}

#[tokio::test]
async fn the_director_is_told_what_is_wrong() {
    let play = Play::new();
    for (path, body, status) in [
        ("nobody@contoso.example/events", lunch(), 404),
        ("adele@contoso.example/events", json!({}), 422),
        ("adele@contoso.example/events/AAMkAGI1AAAt9AHjAAA=/delete", json!({}), 404),
        ("adele@contoso.example/events/rubbish/delete", json!({}), 422),
        ("adele@contoso.example/teams", json!({ "licenced": true }), 422),
        ("adele@contoso.example/calendars/x/online-meetings", json!({ "allowed": true }), 422),
        ("nobody@contoso.example/teams", json!({ "licensed": true }), 404),
        ("adele@contoso.example/late-join-link", json!({ "minutes": 1 }), 422),
        ("adele@contoso.example/share-calendar", json!({ "with": "nobody@contoso.example" }), 404),
    ] {
        let answer = play.control("POST", &format!("world/microsoft/users/{path}"), &body).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn many_events_come_at_once() {
    let play = Play::new();
    let adele = adele(&play).await;
    let before = everything(&adele).await.len();
    direct(&play, ADELE, "events/fill", json!({ "count": 500 })).await;
    assert_eq!(everything(&adele).await.len(), before + 500);
    let path = format!("world/microsoft/users/{ADELE}/events/fill");
    for wrong in [json!({}), json!({ "count": 1_000_000 })] {
        assert_eq!(play.control("POST", &path, &wrong).await.status, 422, "{wrong}");
    }
}
