//! Rounds over a window in which much happens meanwhile (contract, 4.6).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::delta::{first, on, page, series};
use super::{Person, adele, at, direct, escape};
use crate::delta::{Dice, Mirror, no_limits};
use crate::play::{ADELE, Play};

#[tokio::test]
async fn any_changes_during_a_round_over_a_window_arrive() {
    let play = Play::new();
    no_limits(&play).await;
    let adele = adele(&play).await;
    adele.create(series()).await;
    for seed in 0..8 {
        let mut dice = Dice(seed);
        adele.create(on(1 + dice.roll(28), "Start")).await;
        let wild = json!({
            "duplicates": seed % 2 == 1, "reorder": seed % 4 > 1, "empty_pages": seed % 3 == 1, "seed": seed,
        });
        direct(&play, ADELE, "delta", wild).await;
        let size = 1 + dice.roll(6);
        let mut copy = Mirror { link: first(), ..Mirror::default() };
        let mut left = 25;
        loop {
            let before = left;
            while !copy.apply(&page(&adele, &copy.link.clone(), size).await.ok()) {
                for _ in 0..dice.roll(3).min(left) {
                    left -= 1;
                    disturb(&adele, &mut dice).await;
                }
            }
            if left == 0 && before == 0 {
                break;
            }
            while left > 0 && dice.roll(2) == 0 {
                left -= 1;
                disturb(&adele, &mut dice).await;
            }
        }
        compare(&adele, &copy, seed).await;
    }
}

/// The mirror has what the view has, and the masters of it.
async fn compare(person: &Person<'_>, copy: &Mirror, seed: u64) {
    let view = person.view("2031-05-01T00:00:00Z", "2031-06-01T00:00:00Z").await;
    let id = |it: &Value| it["id"].as_str().unwrap().to_owned();
    let listed: BTreeMap<_, _> = view.iter().map(|it| (id(it), it)).collect();
    let masters: BTreeSet<_> =
        view.iter().filter_map(|it| it["seriesMasterId"].as_str().map(str::to_owned)).collect();
    let mirrored: BTreeSet<_> = copy.items.keys().cloned().collect();
    let expected: BTreeSet<_> = listed.keys().cloned().chain(masters.iter().cloned()).collect();
    assert_eq!(mirrored, expected, "seed {seed}");
    for (id, it) in &copy.items {
        if let Some(now) = listed.get(id) {
            for (name, value) in it.as_object().unwrap().iter().filter(|it| it.0 != "@odata.type") {
                assert_eq!(now[name], *value, "seed {seed}: {name}");
            }
        } else {
            let now = person.get(&format!("events/{}", escape(id))).await.ok();
            assert_eq!(now["@odata.etag"], it["@odata.etag"], "seed {seed}");
        }
    }
}

/// Somebody does something around the window.
async fn disturb(person: &Person<'_>, dice: &mut Dice) {
    let around = person.view("2031-04-01T00:00:00Z", "2031-07-01T00:00:00Z").await;
    let any = (!around.is_empty()).then(|| around[dice.roll(around.len())].clone());
    let moved = |dice: &mut Dice| {
        let (month, day) = (4 + dice.roll(3), 1 + dice.roll(28));
        let time = |minute: usize| format!("2031-{month:02}-{day:02}T12:{minute:02}:00");
        at("Moved", &time(0), &time(30), "UTC")
    };
    let (what, body) = match (dice.roll(9), any) {
        (0 | 1, _) | (_, None) => ("events".to_owned(), moved(dice)),
        (2, _) => ("events".to_owned(), series()),
        (kind, Some(event)) => {
            let id = event["id"].as_str().unwrap().to_owned();
            let master = event["seriesMasterId"].as_str().unwrap_or(&id).to_owned();
            let is_series = master != id;
            let mut body = json!({ "subject": format!("Changed {}", dice.roll(100)) });
            match kind {
                3 if !is_series => (format!("events/{id}/change"), moved(dice)),
                3 => {
                    // One occurrence goes two days further, perhaps over the edge of the window.
                    let start: jiff::civil::DateTime = super::start(&event).parse().unwrap();
                    let later = start.saturating_add(jiff::Span::new().days(2));
                    let end = later.saturating_add(jiff::Span::new().minutes(20));
                    let body = at("Late", &later.to_string(), &end.to_string(), "UTC");
                    let path = format!("world/microsoft/users/{ADELE}/events/{id}/change");
                    // It may not pass its neighbour.
                    let _ = person.play.control("POST", &path, &body).await;
                    return;
                }
                4 => (format!("events/{id}/delete"), json!({})),
                5 if dice.roll(3) == 0 => (format!("events/{master}/delete"), json!({})),
                6 if is_series => {
                    body["start"] = json!({ "dateTime": format!("2031-04-21T{:02}:00:00", dice.roll(20)), "timeZone": "UTC" });
                    body["end"] = json!({ "dateTime": "2031-04-21T23:00:00", "timeZone": "UTC" });
                    body["recurrence"] = series()["recurrence"].clone();
                    (format!("events/{master}/change"), body)
                }
                7 if is_series && dice.roll(3) == 0 => {
                    (format!("events/{master}/change"), json!({ "recurrence": null }))
                }
                _ => (format!("events/{id}/change"), body),
            }
        }
    };
    direct(person.play, ADELE, &what, body).await;
}
