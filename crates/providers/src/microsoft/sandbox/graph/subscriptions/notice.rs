//! Noticing what has changed: the resources are looked at after every request, and compared with how they were.
//!
//! What starts to be part of a resource is `created` and what stops to be is `deleted`, whether an item came
//! into being, moved, or started to match a filter (contract, 8.1). Whatever one request does to an item is
//! noticed as one change.

use evergrant::clock::later;
use evergrant_sandbox::Delivery;
use jiff::Timestamp;

use super::parcel::{Change, Letter, Parcel};
use super::resource::{Item, Sight};
use super::standing::EVERY;
use super::store::{Subscription, Subscriptions};
use crate::microsoft::sandbox::MicrosoftAct;

impl MicrosoftAct {
    /// Puts everything on its way that has happened since the last look.
    pub(super) fn notice(&self) {
        let now = self.backstage().now();
        let mut subscriptions = self.subscriptions();
        subscriptions.expire(now);
        let mut parcels = Vec::new();
        for one in &mut subscriptions.all {
            let Some(sight) = self.see(&one.watch, one.terms.immutable_ids, &one.sight) else {
                continue;
            };
            for (kind, item, change) in differences(&one.sight, &sight) {
                if one.terms.changes.contains(kind)
                    && let Some(change) = self.change_of(one, kind, item, change)
                {
                    parcels.push(Parcel::new(&one.id, Letter::Change(change), now));
                }
            }
            one.sight = sight;
        }
        for parcel in parcels {
            let id = parcel.subscription.clone();
            if !subscriptions.send(parcel, now)
                && let Some(one) = subscriptions.get(&id)
            {
                self.backstage().ledger().delivered(lost(one, now));
            }
        }
        self.remind(&mut subscriptions, now);
    }

    fn change_of(
        &self,
        one: &Subscription,
        kind: &'static str,
        item: Item,
        change: u64,
    ) -> Option<Change> {
        let with_data = one.terms.with_data == Some(true) && kind != "deleted";
        Some(Change {
            kind,
            oid: one.watch.oid,
            what: one.watch.what,
            named: self.name(&one.watch, item, change)?,
            data: if with_data { self.tell(&one.watch, item) } else { None },
        })
    }

    /// Reminds the owners of subscriptions that end soon, or whose token does (contract, 8.4).
    fn remind(&self, subscriptions: &mut Subscriptions, now: Timestamp) {
        let grace = subscriptions.rules.grace();
        let mut reminders = Vec::new();
        for one in &mut subscriptions.all {
            let was_recent = one.reminded.is_some_and(|at| now < later(at, EVERY));
            if !was_recent && self.needs_its_owner(one, grace) {
                one.reminded = Some(now);
                reminders.extend(Parcel::lifecycle(one, "reauthorizationRequired", now));
            }
        }
        subscriptions.queue.extend(reminders);
    }
}

/// How two sights of a resource differ: the kind of change, the item, and the number of its last change. What has
/// gone comes first, the rest in the order it happened.
fn differences(before: &Sight, now: &Sight) -> Vec<(&'static str, Item, u64)> {
    let gone = before.items.iter().filter(|(item, _)| !now.items.contains_key(item));
    let gone = gone.map(|(item, change)| ("deleted", *item, *change));
    let mut others: Vec<_> = now
        .items
        .iter()
        .filter_map(|(item, change)| match before.items.get(item) {
            None => Some(("created", *item, *change)),
            Some(known) => (known != change).then_some(("updated", *item, *change)),
        })
        .collect();
    others.sort_by_key(|(_, _, change)| *change);
    gone.chain(others).collect()
}

/// The entry of a notification that got lost on purpose.
fn lost(one: &Subscription, now: Timestamp) -> Delivery {
    Delivery {
        at: now,
        kind: "notification",
        to: one.terms.notification_url.split('?').next().unwrap_or_default().to_owned(),
        subscriptions: vec![one.id.clone()],
        items: 1,
        tries: 0,
        status: None,
        outcome: "lost",
    }
}
