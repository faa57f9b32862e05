//! Copies, filled as a process that reads feeds fills them.

use std::time::Duration;

use aws_lc_rs::digest;
use evergrant::capability::{Body, BodyFormat, Event, Message, Moment};
use evergrant::feed::{FeedKind, Next, Part};
use evergrant::id::{HolderId, LeaseId};
use evergrant::provider::ProviderKey;
use evergrant::store::{Batch, Claim, Claimed, FeedId, Item, Lease, SyncStore};
use evergrant::{Clock, Entropy};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::acme::CALENDAR;
use crate::app::TestApp;
use crate::shelf;

/// For how long a feed that was taken is not given to others.
const LIFE: Duration = Duration::from_secs(30);

impl TestApp {
    /// Gives what was connected its feeds, and takes away those of what was disconnected.
    pub(crate) async fn enrol(&self) {
        let offers = FeedKind::ALL.map(|feed| (ProviderKey::from(CALENDAR), feed));
        let mut since = 0;
        loop {
            match self.store.enrol(since, &offers).await.unwrap() {
                last if last == since => break,
                last => since = last,
            }
        }
        while self.store.take_away().await.unwrap() {}
    }

    /// Takes a feed.
    pub(crate) async fn take(&self, integration: &str, feed: FeedKind) -> (Claimed, Lease) {
        let entropy: &dyn Entropy = &*self.entropy;
        let lease = LeaseId::new(&self.clock, entropy);
        let claim = Claim { lease, holder: HolderId::new(&self.clock, entropy), life: LIFE };
        let id = FeedId { integration: integration.parse().unwrap(), feed };
        let mut taken = self.store.claim_feeds(claim, 1, Some(id)).await.unwrap();
        (taken.pop().unwrap(), Lease { id, lease, life: LIFE })
    }

    /// A run that finds this and nothing else.
    pub(crate) async fn copy(&self, integration: &str, feed: FeedKind, items: Vec<Item>) {
        let (_, lease) = self.take(integration, feed).await;
        self.fill(&lease, items).await;
        let next = self.clock.now() + SignedDuration::from_hours(1);
        self.store.end_run(&lease, next).await.unwrap().unwrap();
    }

    /// The passes of such a run.
    pub(crate) async fn fill(&self, lease: &Lease, items: Vec<Item>) {
        let part = Part { id: "all".to_owned(), expected: None };
        let batch = Batch {
            part: part.id.clone(),
            items,
            gone: Vec::new(),
            series: Vec::new(),
            still: Vec::new(),
            next: Next::Done(None),
        };
        loop {
            self.store.open_pass(lease).await.unwrap().unwrap();
            let parts = std::slice::from_ref(&part);
            self.store.begin_pass(lease, "all", parts, true).await.unwrap().unwrap();
            self.store.apply(lease, &batch).await.unwrap().unwrap();
            if self.store.end_pass(lease, false, None).await.unwrap().unwrap().missing == 0 {
                return;
            }
        }
    }
}

/// Acme's nth event, as a copy keeps it, an hour after the one before.
pub(crate) fn event(number: usize) -> Item {
    event_with(number, |_| {})
}

/// The same, not quite as usual.
pub(crate) fn event_with(number: usize, change: impl FnOnce(&mut Event)) -> Item {
    let start = shelf::at("2026-01-02T08:00:00Z") + hours(number);
    let mut event = shelf::event(number);
    let zone = event.time_zone.clone().unwrap();
    event.start_time = Moment::within(start, &zone);
    event.end_time = Moment::within(start + hours(1), &zone);
    change(&mut event);
    let people = event.attendees.iter().filter_map(|who| who.email.clone());
    let sender = event.organizer.as_ref().and_then(|who| who.email.clone());
    Item {
        until: Some(start + hours(1)),
        people: people.chain(sender.clone()).collect(),
        sender,
        importance: Some(event.importance.as_str().to_owned()),
        ..item(event.id.clone(), start, event.subject.clone(), event.body.take(), &event)
    }
}

/// Acme's nth message, as a copy keeps it, an hour after the one before.
pub(crate) fn message(number: usize) -> Item {
    message_with(number, |_| {})
}

/// The same, not quite as usual.
pub(crate) fn message_with(number: usize, change: impl FnOnce(&mut Message)) -> Item {
    let at = shelf::at("2026-01-02T08:00:00Z") + hours(number);
    let mut message = shelf::message(number);
    message.received_at = Some(at);
    change(&mut message);
    let sender = message.from.as_ref().and_then(|who| who.email.clone());
    let people = message.to.iter().filter_map(|who| who.email.clone());
    Item {
        is_read: Some(message.is_read),
        folder: message.folder_id.clone(),
        people: people.chain(sender.clone()).collect(),
        sender,
        importance: Some(message.importance.as_str().to_owned()),
        ..item(message.id.clone(), at, message.subject.clone(), message.body.take(), &message)
    }
}

/// A text.
pub(crate) fn text(content: &str) -> Body {
    Body { format: BodyFormat::Text, content: content.to_owned() }
}

fn hours(number: usize) -> SignedDuration {
    SignedDuration::from_hours(i64::try_from(number).unwrap())
}

fn item(
    id: String,
    at: Timestamp,
    subject: Option<String>,
    body: Option<Body>,
    whole: &impl Serialize,
) -> Item {
    let json = serde_json::to_string(whole).unwrap();
    let body = body.map(|body| serde_json::to_string(&body).unwrap());
    let all = format!("{json} {body:?}");
    Item {
        id,
        series: None,
        at,
        until: None,
        is_read: None,
        folder: None,
        importance: None,
        sender: None,
        people: Vec::new(),
        words: subject.unwrap_or_default(),
        digest: digest::digest(&digest::SHA256, all.as_bytes()).as_ref().try_into().unwrap(),
        json,
        body,
    }
}
