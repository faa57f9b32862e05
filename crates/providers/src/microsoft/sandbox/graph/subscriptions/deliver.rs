//! Delivery (contract, 8.3): in batches, in the background, again and again until it succeeds or is too late.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::header;
use bytes::Bytes;
use evergrant::Request;
use evergrant::clock::{later, until};
use evergrant_sandbox::{Delivery, Problem};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::parcel::{Letter, Parcel};
use super::standing::{EVERY, near};
use super::store::Subscriptions;
use crate::microsoft::sandbox::MicrosoftAct;

/// How long a receiver may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after the first failure it is tried again; then twice as long, and so on.
const AGAIN: Duration = Duration::from_secs(10);
/// When it is too late.
const LAST: Duration = Duration::from_hours(4);
/// The most items of a request.
const MOST: usize = 100;

/// One request to a receiver.
struct Batch {
    to: String,
    kind: &'static str,
    parcels: Vec<Parcel>,
    body: Value,
}

/// One item of a request.
struct Entry {
    parcel: Parcel,
    value: Value,
    /// The application that a validation token is needed for.
    application: Option<String>,
}

impl MicrosoftAct {
    /// Notices what has happened, and sees to its delivery in the background.
    pub(in super::super::super) fn settle_subscriptions(&self) {
        if self.subscriptions().is_idle() {
            return;
        }
        self.notice();
        let mut subscriptions = self.subscriptions();
        if subscriptions.rules.hold {
            return;
        }
        if subscriptions.busy {
            self.0.mailroom.wake.notify_one();
            return;
        }
        subscriptions.busy = true;
        let act = self.clone();
        self.backstage().spawn(async move { act.keep_delivering().await });
    }

    /// Delivers whatever is due, and waits for what will be, until there is nothing more to come.
    async fn keep_delivering(&self) {
        loop {
            self.deliver_round(false).await;
            let Some(wait) = self.rest() else { return };
            tokio::select! {
                () = self.backstage().delay(wait) => self.notice(),
                () = self.0.mailroom.wake.notified() => {}
            }
        }
    }

    /// How long there is nothing to do; none, if nothing will be without somebody's doing.
    fn rest(&self) -> Option<Duration> {
        let now = self.backstage().now();
        let mut subscriptions = self.subscriptions();
        if subscriptions.is_idle() || subscriptions.rules.hold {
            subscriptions.busy = false;
            return None;
        }
        let mut times = Vec::new();
        let waiting = subscriptions.queue.iter();
        let waiting = waiting.filter(|parcel| self.is_deliverable(&subscriptions, parcel));
        times.extend(waiting.map(|parcel| parcel.due.max(now)));
        for one in &subscriptions.all {
            times.push(one.expires);
            times.extend(near(one).into_iter().filter(|at| *at > now));
            times.extend(one.reminded.map(|at| later(at, EVERY)).filter(|at| *at > now));
        }
        times.into_iter().min().map(|next| until(now, next))
    }

    /// Delivers now and says what became of it, and of everything since the last time.
    pub(super) async fn flush(&self, all: bool) -> Result<Value, Problem> {
        self.notice();
        self.deliver_round(all).await;
        let ledger = self.backstage().ledger();
        let mut subscriptions = self.subscriptions();
        let total = ledger.summary().deliveries;
        let new = usize::try_from(total.saturating_sub(subscriptions.told)).unwrap_or(usize::MAX);
        subscriptions.told = total;
        let mut deliveries: Vec<_> = ledger.deliveries().into_iter().rev().take(new).collect();
        deliveries.reverse();
        deliveries.retain(|one| one.kind != "validation");
        let delivered = deliveries.iter().filter(|one| one.outcome == "delivered");
        Ok(json!({
            "delivered": delivered.map(|one| one.items).sum::<usize>(),
            "statuses": deliveries.iter().map(|one| one.status).collect::<Vec<_>>(),
            "deliveries": deliveries,
            "waiting": subscriptions.queue.len(),
        }))
    }

    /// One round: everything that is due, or simply everything. Rounds come one after the other.
    async fn deliver_round(&self, all: bool) {
        let _round = self.0.mailroom.round.lock().await;
        let mut under_way = JoinSet::new();
        for batch in self.batches(all) {
            let act = self.clone();
            under_way.spawn(async move { act.carry(batch).await });
        }
        under_way.join_all().await;
    }

    /// Whether an item can go now: notifications of changes wait while no token covers them.
    fn is_deliverable(&self, subscriptions: &Subscriptions, parcel: &Parcel) -> bool {
        let grace = subscriptions.rules.grace();
        let covered = |id| subscriptions.get(id).is_some_and(|one| self.is_covered(one, grace));
        matches!(parcel.letter, Letter::Lifecycle { .. }) || covered(&parcel.subscription)
    }

    /// Takes out what goes now, by address.
    fn batches(&self, all: bool) -> Vec<Batch> {
        let mut subscriptions = self.subscriptions();
        let version = subscriptions.rules.validation_tokens;
        let mut going: BTreeMap<(String, &'static str), Vec<Entry>> = BTreeMap::new();
        for parcel in self.take_due(&mut subscriptions, all) {
            let (place, value, application) = match &parcel.letter {
                Letter::Lifecycle { to, item } => ((to.clone(), "lifecycle"), item.clone(), None),
                Letter::Change(change) => {
                    let Some(one) = subscriptions.get(&parcel.subscription) else { continue };
                    let mut value = change.item(one);
                    if let Some(content) = self.encrypted(change, one) {
                        value["encryptedContent"] = content;
                    }
                    let with_data = one.terms.with_data == Some(true);
                    let application = with_data.then(|| one.application.clone());
                    ((one.terms.notification_url.clone(), "notification"), value, application)
                }
            };
            going.entry(place).or_default().push(Entry { parcel, value, application });
        }
        drop(subscriptions);
        let mut batches = Vec::new();
        for ((to, kind), items) in going {
            for part in items.chunks(MOST) {
                let values: Vec<_> = part.iter().map(|one| &one.value).collect();
                let mut body = json!({ "value": values });
                let applications = part.iter().filter_map(|one| one.application.as_ref());
                let tokens = self.validation_tokens(applications, version);
                if !tokens.is_empty() {
                    body["validationTokens"] = json!(tokens);
                }
                let parcels = part.iter().map(|one| one.parcel.clone()).collect();
                batches.push(Batch { to: to.clone(), kind, parcels, body });
            }
        }
        batches
    }

    /// Takes out of the queue what goes now, and what has waited too long for a token.
    fn take_due(&self, subscriptions: &mut Subscriptions, all: bool) -> Vec<Parcel> {
        let now = self.backstage().now();
        let mut queue = std::mem::take(&mut subscriptions.queue);
        if std::mem::take(&mut subscriptions.tricks.reorder) {
            queue.make_contiguous().reverse();
        }
        let mut due = Vec::new();
        for parcel in queue {
            let may_go = self.is_deliverable(subscriptions, &parcel);
            if may_go && (all || parcel.due <= now) {
                due.push(parcel);
            } else if may_go || now <= later(parcel.since, LAST) {
                subscriptions.queue.push_back(parcel);
            } else {
                let one = subscriptions.get(&parcel.subscription);
                let to = one.map_or("", |one| &one.terms.notification_url);
                self.note(to, "notification", &[&parcel], None, "dropped");
            }
        }
        due
    }

    /// Sends a batch; what was not taken is tried again later, if it is not too late then. Any success counts.
    async fn carry(&self, batch: Batch) {
        let answer = match request(&batch) {
            Some(request) => self.backstage().post(request, PATIENCE).await,
            None => None,
        };
        let status = answer.and_then(Result::ok).map(|answer| answer.status());
        let now = self.backstage().now();
        let mut again = Vec::new();
        let (mut done, mut waiting, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        for mut parcel in batch.parcels {
            parcel.tries += 1;
            let due = due_again(&parcel, now);
            match due {
                _ if status.is_some_and(|status| status.is_success()) => done.push(parcel),
                Some(due) => {
                    again.push(Parcel { due, ..parcel.clone() });
                    waiting.push(parcel);
                }
                None => dropped.push(parcel),
            }
        }
        let status = status.map(|status| status.as_u16());
        for (parcels, outcome) in [(done, "delivered"), (waiting, "again"), (dropped, "dropped")] {
            if !parcels.is_empty() {
                let parcels: Vec<_> = parcels.iter().collect();
                self.note(&batch.to, batch.kind, &parcels, status, outcome);
            }
        }
        let mut subscriptions = self.subscriptions();
        // Nobody is told of changes for a subscription that has ended meanwhile.
        again.retain(|parcel| {
            matches!(parcel.letter, Letter::Lifecycle { .. })
                || subscriptions.get(&parcel.subscription).is_some()
        });
        subscriptions.queue.extend(again);
    }

    fn note(
        &self,
        to: &str,
        kind: &'static str,
        parcels: &[&Parcel],
        status: Option<u16>,
        outcome: &'static str,
    ) {
        let mut about: Vec<_> = parcels.iter().map(|one| one.subscription.clone()).collect();
        about.sort();
        about.dedup();
        self.backstage().ledger().delivered(Delivery {
            at: self.backstage().now(),
            kind,
            to: to.split('?').next().unwrap_or_default().to_owned(),
            subscriptions: about,
            items: parcels.len(),
            tries: parcels.iter().map(|one| one.tries).max().unwrap_or_default(),
            status,
            outcome,
        });
    }
}

/// When an item that was not taken is tried again; none, if that is too late.
fn due_again(parcel: &Parcel, now: Timestamp) -> Option<Timestamp> {
    let factor = 2_u32.saturating_pow(parcel.tries.saturating_sub(1));
    let due = later(now, AGAIN.saturating_mul(factor));
    (due <= later(parcel.since, LAST)).then_some(due)
}

fn request(batch: &Batch) -> Option<Request> {
    http::Request::builder()
        .method("POST")
        .uri(&batch.to)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .body(Bytes::from(batch.body.to_string()))
        .ok()
}
