//! Feeds against the sandbox, which was written from the contract by somebody else: who follows them through
//! anything that happens has what the live lists have.

use std::collections::{BTreeMap, BTreeSet};

use evergrant::Api;
use evergrant::capability::{
    Cursor, Event, EventQuery, Message, MessageQuery, Page, all as every_page,
};
use evergrant::feed::{Found, Next, PullError, Scope, Window};
use jiff::civil::DateTime;
use serde_json::{Value, json};

use super::{CALENDAR, EMAIL, Told, all_mail, limited, with_bodies};
use crate::account::scopes;
use crate::mail_sandbox::{ADELE, Account, Play};

const SEEDS: u64 = 3;

/// Numbers that look random and follow from the first.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.roll(of.len())) }
    }
}

/// Follows a feed in the plainest way there is.
struct Follower<T> {
    /// What it has, and in which part.
    items: BTreeMap<String, (String, T)>,
    cursors: BTreeMap<String, Cursor>,
    /// What was told of since a part was begun.
    seen: BTreeMap<String, BTreeSet<String>>,
    /// How often a cursor had expired.
    expired: usize,
}

impl<T: Told> Follower<T> {
    fn new() -> Self {
        Self { items: BTreeMap::new(), cursors: BTreeMap::new(), seen: BTreeMap::new(), expired: 0 }
    }

    /// One page of a part; true at its end.
    async fn step(&mut self, play: &Play, api: &Api, scope: &Scope, part: &str) -> bool {
        let cursor = self.cursors.get(part).cloned();
        if cursor.is_none() {
            self.seen.insert(part.to_owned(), BTreeSet::new());
        }
        let pulled = T::feed(api).pull(api, scope, part, cursor.as_ref(), scope.limit);
        let pulled = match play.run(pulled).await {
            Ok(pulled) => pulled,
            Err(PullError::Expired) => {
                self.cursors.remove(part);
                self.expired += 1;
                return false;
            }
            Err(error) => panic!("{part}: {error}"),
        };
        for found in pulled.found {
            self.take(part, found);
        }
        match pulled.next {
            Next::More(cursor) => {
                self.cursors.insert(part.to_owned(), cursor);
                false
            }
            Next::Done(cursor) => {
                let _ = match cursor {
                    Some(cursor) => self.cursors.insert(part.to_owned(), cursor),
                    None => self.cursors.remove(part),
                };
                if let Some(seen) = self.seen.remove(part) {
                    self.items.retain(|id, (of, _)| of != part || seen.contains(id));
                }
                true
            }
        }
    }

    fn take(&mut self, part: &str, found: Found<T>) {
        match found {
            Found::Item(item) => {
                if let Some(seen) = self.seen.get_mut(part) {
                    seen.insert(item.id().to_owned());
                }
                self.items.insert(item.id().to_owned(), (part.to_owned(), item));
            }
            Found::Unreadable(id) => panic!("{id}: the sandbox writes what can be read"),
            Found::Gone(id) => self
                .items
                .retain(|key, (of, item)| of != part || (*key != id && item.series() != Some(&id))),
            Found::Series { id, occurrences } => self.items.retain(|key, (of, item)| {
                let belongs = item.series() == Some(&id) || *key == id;
                of != part || !belongs || occurrences.contains(key)
            }),
        }
    }

    /// Reads every part to its end; `meanwhile` happens before each page. Nothing of a part that is no more is kept.
    async fn pass(
        &mut self,
        play: &Play,
        api: &Api,
        scope: &Scope,
        mut meanwhile: impl AsyncFnMut(),
    ) {
        let parts = play.run(T::feed(api).parts(api, scope)).await.unwrap();
        let there: BTreeSet<_> = parts.iter().map(|part| part.id.clone()).collect();
        self.cursors.retain(|part, _| there.contains(part));
        self.items.retain(|_, (part, _)| there.contains(part));
        for part in parts {
            let mut pages = 0;
            loop {
                meanwhile().await;
                pages += 1;
                assert!(pages < 2_000, "{}: a part without an end", part.id);
                if self.step(play, api, scope, &part.id).await {
                    break;
                }
            }
        }
    }

    fn has(&self) -> BTreeMap<String, T> {
        self.items.iter().map(|(id, (_, item))| (id.clone(), item.clone())).collect()
    }
}

async fn connected(play: &Play, key: &str) -> Account {
    play.direct("limits", &json!({ "requests": null })).await.unwrap();
    let account = play.connected(key, ADELE, &scopes(key)).await;
    // A mailbox holds thousands of messages, a calendar few events: many pages of either, and not too many.
    *account.line.pages.lock().unwrap() = Some(if key == EMAIL { 60 } else { 4 });
    account
}

async fn direct(play: &Play, what: &str, body: Value) -> Option<Value> {
    play.direct(&format!("users/{ADELE}/{what}"), &body).await
}

/// A mailbox that tells its changes in all ways that are legal, and forgets cursors now and then.
async fn wild(play: &Play, seed: u64) {
    let habits = json!({
        "duplicates": seed % 2 == 1, "reorder": seed % 4 > 1, "empty_pages": seed % 3 == 1, "seed": seed,
    });
    direct(play, "delta", habits).await.unwrap();
}

async fn forget(play: &Play, dice: &mut Dice) {
    let status = [410, 400, 404][dice.roll(3)];
    let code = ["SyncStateNotFound", "syncstateinvalid", "resyncRequired"][dice.roll(3)];
    let how = json!({ "status": status, "code": code, "location": dice.roll(2) == 0 });
    direct(play, "expire-delta-tokens", how).await.unwrap();
}

fn same<T: Told>(seed: u64, has: &BTreeMap<String, T>, live: &BTreeMap<String, T>) {
    let more: Vec<_> = has.iter().filter(|(id, _)| !live.contains_key(*id)).collect();
    let lacks: Vec<_> = live.iter().filter(|(id, _)| !has.contains_key(*id)).collect();
    assert!(
        more.is_empty() && lacks.is_empty(),
        "seed {seed}: too much {more:?}, too little {lacks:?}"
    );
    for (id, item) in has {
        assert_eq!(*item, live[id], "seed {seed}");
    }
}

// --- messages

async fn messages(play: &Play, account: &Account) -> BTreeMap<String, Message> {
    let api = &account.api;
    let small = account.line.pages.lock().unwrap().take();
    let query = MessageQuery { limit: 500, ..MessageQuery::default() };
    let mail = api.provider().mail().unwrap();
    let all = every_page(async |cursor: Option<Cursor>| -> Result<Page<Message>, _> {
        mail.messages(api, &query, cursor.as_ref()).await
    });
    let all = play.run(all).await.unwrap();
    *account.line.pages.lock().unwrap() = small;
    all.into_iter().map(|message| (message.id.clone(), message)).collect()
}

/// The folders that are shown: the provider tells of no others among its changes.
async fn folders(play: &Play, api: &Api) -> Vec<String> {
    let mail = api.provider().mail().unwrap();
    let folders = play.run(mail.folders(api)).await.unwrap();
    folders.into_iter().filter(|folder| !folder.is_hidden).map(|folder| folder.id).collect()
}

/// Something happens to the mailbox.
async fn disturb_mail(play: &Play, account: &Account, dice: &mut Dice, own: &mut Vec<String>) {
    let there: Vec<_> = messages(play, account).await.into_keys().collect();
    let folders = folders(play, &account.api).await;
    let message = dice.one(&there).cloned();
    let folder = dice.one(&folders).cloned().unwrap();
    let (what, body) = match (dice.roll(10), message) {
        (0 | 1, _) | (_, None) => {
            let subject = format!("New {}", dice.roll(100));
            ("messages".to_owned(), json!({ "subject": subject, "folder": folder }))
        }
        (2 | 3, Some(id)) => {
            (format!("messages/{id}/change"), json!({ "isRead": dice.roll(2) == 0 }))
        }
        (4 | 5, Some(id)) => (format!("messages/{id}/move"), json!({ "folder": folder })),
        (6, Some(id)) => (format!("messages/{id}/delete"), json!({})),
        (7, Some(id)) => (format!("messages/{id}/permanent-delete"), json!({})),
        (8, _) => {
            let body = json!({ "name": format!("Folder {}", dice.0), "parent": folder });
            let made = direct(play, "folders", body).await;
            own.extend(made.and_then(|made| made["id"].as_str().map(str::to_owned)));
            return;
        }
        _ => {
            let Some(mine) = dice.one(own).cloned() else { return };
            let how = ["delete", "permanent-delete"][dice.roll(2)];
            (format!("folders/{mine}/{how}"), json!({}))
        }
    };
    // Some of it cannot be done, such as a move of what is gone with its folder.
    let _ = direct(play, &what, body).await;
}

#[tokio::test]
async fn who_follows_the_changes_of_a_mailbox_has_what_the_lists_have() {
    let mut expired = 0;
    for seed in 0..SEEDS {
        let play = Play::new();
        let adele = connected(&play, EMAIL).await;
        let (api, scope) = (&adele.api, all_mail());
        let (mut dice, mut own) = (Dice(seed), Vec::new());
        wild(&play, seed).await;
        let mut follower = Follower::<Message>::new();
        for round in 0..3 {
            let mut left = 12;
            follower
                .pass(&play, api, &scope, async || {
                    if left > 0 && dice.roll(2) == 0 {
                        left -= 1;
                        disturb_mail(&play, &adele, &mut dice, &mut own).await;
                    }
                    if round > 0 && dice.roll(30) == 0 {
                        forget(&play, &mut dice).await;
                    }
                })
                .await;
        }
        follower.pass(&play, api, &scope, async || {}).await;
        let (has, mut listed) = (follower.has(), messages(&play, &adele).await);
        let visible = folders(&play, api).await;
        listed
            .retain(|_, message| message.folder_id.as_ref().is_some_and(|it| visible.contains(it)));
        assert!(!listed.is_empty());
        same(seed, &has, &listed);
        for (part, message) in follower.items.values() {
            assert_eq!(Some(part), message.folder_id.as_ref(), "seed {seed}");
        }
        expired += follower.expired;
    }
    assert!(expired > 0, "a cursor expired somewhere");
}

#[tokio::test]
async fn with_a_limit_a_reader_has_the_newest_messages() {
    let play = Play::new();
    let adele = connected(&play, EMAIL).await;
    direct(&play, "messages/fill", json!({ "count": 100, "size": 200 })).await.unwrap();
    for limit in [1, 7, 150] {
        let mut follower = Follower::<Message>::new();
        let scope = limited(with_bodies(all_mail()), limit);
        let mut room = limit;
        let (feed, api) = (Message::feed(&adele.api), &adele.api);
        let mut cursor = None;
        loop {
            let pulled = feed.pull(api, &scope, "newest", cursor.as_ref(), Some(room));
            let pulled = play.run(pulled).await.unwrap();
            room = room.saturating_sub(u32::try_from(pulled.found.len()).unwrap());
            pulled.found.into_iter().for_each(|found| follower.take("newest", found));
            match pulled.next {
                Next::More(next) => cursor = Some(next),
                next @ Next::Done(_) => break assert_eq!(next, Next::Done(None)),
            }
        }
        let live = messages(&play, &adele).await;
        let mut newest: Vec<_> = live.values().collect();
        newest.sort_by_key(|message| std::cmp::Reverse(message.received_at));
        let newest = newest.into_iter().take(usize::try_from(limit).unwrap() + 1);
        let expected: BTreeSet<_> = newest.map(|message| message.received_at).collect();
        let has = follower.has();
        assert_eq!(
            has.values().map(|message| message.received_at).collect::<BTreeSet<_>>(),
            expected
        );
        for (id, message) in has {
            assert!(message.body.is_some());
            assert_eq!(Message { body: None, ..message }, live[&id]);
        }
    }
}

// --- events

fn may() -> Scope {
    let at = |text: &str| text.parse().unwrap();
    let window = Window {
        from: at("2031-05-01T00:00:00Z"),
        today: at("2031-05-12T00:00:00Z"),
        to: at("2031-06-01T00:00:00Z"),
    };
    Scope { window: Some(window), limit: None, bodies: None }
}

async fn events(play: &Play, account: &Account, from: &str, to: &str) -> BTreeMap<String, Event> {
    let api = &account.api;
    let small = account.line.pages.lock().unwrap().take();
    let query = EventQuery {
        calendar: None,
        series: None,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        zone: None,
        limit: 100,
    };
    let calendars = api.provider().calendars().unwrap();
    let all = every_page(async |cursor: Option<Cursor>| -> Result<Page<Event>, _> {
        calendars.events(api, &query, cursor.as_ref()).await
    });
    let all = play.run(all).await.unwrap();
    *account.line.pages.lock().unwrap() = small;
    all.into_iter().map(|event| (event.id.clone(), event)).collect()
}

async fn in_may(play: &Play, account: &Account) -> BTreeMap<String, Event> {
    events(play, account, "2031-05-01T00:00:00Z", "2031-06-01T00:00:00Z").await
}

fn timed(subject: &str, start: DateTime, minutes: i64, zone: &str) -> Value {
    let at = |at: DateTime| json!({ "dateTime": at.to_string(), "timeZone": zone });
    let end = start.saturating_add(jiff::Span::new().minutes(minutes));
    json!({ "subject": subject, "start": at(start), "end": at(end) })
}

/// Some time around the window, and perhaps over its edge.
fn somewhen(dice: &mut Dice) -> Value {
    let day = jiff::civil::date(2031, 4, 20)
        .saturating_add(jiff::Span::new().days(i64::try_from(dice.roll(50)).unwrap()));
    let zone = ["UTC", "Europe/Berlin", "Pacific Standard Time"][dice.roll(3)];
    if dice.roll(4) == 0 {
        let mut event = timed("Day off", day.at(0, 0, 0, 0), 24 * 60, zone);
        event["isAllDay"] = true.into();
        return event;
    }
    let hour = i8::try_from(dice.roll(24)).unwrap();
    timed("Talk", day.at(hour, 0, 0, 0), [30, 90, 1500][dice.roll(3)], zone)
}

fn recurrence() -> Value {
    json!({
        "pattern": { "type": "weekly", "interval": 1, "daysOfWeek": ["monday"] },
        "range": { "type": "numbered", "startDate": "2031-04-21", "numberOfOccurrences": 8 },
    })
}

fn series(hour: i8) -> Value {
    let mut series =
        timed("Sync", jiff::civil::date(2031, 4, 21).at(hour, 0, 0, 0), 30, "Europe/Berlin");
    series["recurrence"] = recurrence();
    series
}

/// Something happens to the calendar.
async fn disturb_calendar(play: &Play, account: &Account, dice: &mut Dice) {
    let around = events(play, account, "2031-04-01T00:00:00Z", "2031-07-01T00:00:00Z").await;
    let around: Vec<_> = around.into_values().collect();
    let event = dice.one(&around).cloned();
    let (what, body) = match (dice.roll(12), event) {
        (0..=2, _) | (_, None) => ("events".to_owned(), somewhen(dice)),
        (3, _) => ("events".to_owned(), series(9)),
        (kind, Some(event)) => {
            let id = &event.id;
            let master = event.series_id.as_ref();
            let subject = json!({ "subject": format!("Other {}", dice.roll(100)) });
            match (kind, master) {
                (4, _) => (format!("events/{id}/delete"), json!({})),
                (5, None) => (format!("events/{id}/change"), somewhen(dice)),
                // An occurrence goes two days further, perhaps over the edge of the window.
                (5, Some(_)) => {
                    let at: DateTime = event
                        .start_time
                        .instant(None)
                        .unwrap()
                        .to_zoned(jiff::tz::TimeZone::UTC)
                        .datetime();
                    let later = at.saturating_add(jiff::Span::new().days(2));
                    (format!("events/{id}/change"), timed("Late", later, 30, "UTC"))
                }
                (6, Some(master)) if dice.roll(3) == 0 => {
                    (format!("events/{master}/delete"), json!({}))
                }
                (7, Some(master)) => (
                    format!("events/{master}/change"),
                    series(i8::try_from(dice.roll(20)).unwrap()),
                ),
                (8, Some(master)) => (format!("events/{master}/change"), subject),
                (9, Some(master)) => {
                    (format!("events/{master}/change"), json!({ "recurrence": null }))
                }
                // A single event becomes a series.
                (6 | 7 | 9, None) => (format!("events/{id}/change"), series(11)),
                _ => (format!("events/{id}/change"), subject),
            }
        }
    };
    let _ = direct(play, &what, body).await;
}

#[tokio::test]
async fn who_follows_the_changes_of_a_calendar_has_what_the_view_has() {
    let (mut expired, mut occurrences) = (0, 0);
    for seed in 0..SEEDS {
        let play = Play::new();
        let adele = connected(&play, CALENDAR).await;
        let (api, scope) = (&adele.api, may());
        let mut dice = Dice(seed);
        wild(&play, seed).await;
        direct(&play, "events", series(9)).await.unwrap();
        let mut follower = Follower::<Event>::new();
        for round in 0..6 {
            let mut left = 6;
            follower
                .pass(&play, api, &scope, async || {
                    while left > 0 && dice.roll(2) == 0 {
                        left -= 1;
                        disturb_calendar(&play, &adele, &mut dice).await;
                    }
                    if round > 0 && dice.roll(10) == 0 {
                        forget(&play, &mut dice).await;
                    }
                })
                .await;
        }
        follower.pass(&play, api, &scope, async || {}).await;
        let (has, live) = (follower.has(), in_may(&play, &adele).await);
        same(seed, &has, &live);
        expired += follower.expired;
        occurrences += has.values().filter(|event| event.series_id.is_some()).count();
    }
    assert!(expired > 0 && occurrences > 0, "{expired} expired, {occurrences} occurrences");
}

#[tokio::test]
async fn with_a_limit_a_reader_has_the_nearest_events_ahead_and_then_the_latest_before() {
    for seed in 0..SEEDS {
        let play = Play::new();
        let adele = connected(&play, CALENDAR).await;
        let (api, mut dice) = (&adele.api, Dice(seed));
        for _ in 0..30 {
            disturb_calendar(&play, &adele, &mut dice).await;
        }
        let live = in_may(&play, &adele).await;
        let limit = u32::try_from(1 + dice.roll(live.len() + 3)).unwrap();
        let scope = limited(may(), limit);
        let window = scope.window.unwrap();
        // What a copy takes of it: no more than there is room for.
        let mut room = limit;
        let (mut has, mut cut) = (Vec::new(), false);
        let parts = play.run(Event::feed(api).parts(api, &scope)).await.unwrap();
        for part in parts {
            let mut cursor = None;
            loop {
                let pulled =
                    Event::feed(api).pull(api, &scope, &part.id, cursor.as_ref(), Some(room));
                let pulled = play.run(pulled).await.unwrap();
                let fits = usize::try_from(room).unwrap();
                cut |= pulled.found.len() > fits;
                for found in pulled.found.into_iter().take(fits) {
                    let Found::Item(event) = found else { panic!("a list has items: {found:?}") };
                    assert_eq!(event, live[&event.id], "seed {seed}");
                    has.push(event);
                    room -= 1;
                }
                match pulled.next {
                    Next::More(next) if room > 0 => cursor = Some(next),
                    next => {
                        cut |= matches!(next, Next::More(_));
                        break;
                    }
                }
            }
        }
        let at = |moment: &evergrant::capability::Moment| match moment {
            evergrant::capability::Moment::Day(day) => {
                day.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp()
            }
            timed => timed.instant(None).unwrap(),
        };
        let (mut ahead, mut back): (Vec<_>, Vec<_>) =
            live.values().partition(|event| at(&event.end_time) > window.today);
        ahead.sort_by_key(|event| at(&event.start_time));
        back.sort_by_key(|event| std::cmp::Reverse(at(&event.start_time)));
        let wanted = ahead.into_iter().chain(back).take(usize::try_from(limit).unwrap());
        let wanted: Vec<_> = wanted.map(|event| at(&event.start_time)).collect();
        let starts: Vec<_> = has.iter().map(|event| at(&event.start_time)).collect();
        assert_eq!(starts, wanted, "seed {seed}");
        assert_eq!(cut, live.len() > has.len(), "seed {seed}");
    }
}
