//! What can be done behind everybody's back: `POST /_sandbox/world/microsoft/notifications…` and
//! `…/subscriptions…`.

use std::time::Duration;

use evergrant_sandbox::{Errand, Problem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::parcel::Parcel;
use super::store::Rules;
use crate::microsoft::sandbox::MicrosoftAct;
use crate::microsoft::sandbox::changes::{nothing, read};

/// What can be done, for the page that lists it.
pub(in super::super::super) const PATHS: &[&str] = &[
    "notifications {\"hold\"?,\"https_only\"?,\"validation_tokens\"?,\"grace_seconds\"?,\
     \"per_mailbox\"?}",
    "notifications/flush {\"all\"?:bool}",
    "notifications/lose {\"count\":number}",
    "notifications/double {\"count\":number}",
    "notifications/delay {\"count\":number,\"seconds\":number}",
    "notifications/reorder",
    "subscriptions",
    "subscriptions/{id}/lifecycle {\"event\":text}",
    "subscriptions/{id}/remove",
    "subscriptions/{id}/expire",
];

const EVENTS: &[&str] = &["reauthorizationRequired", "subscriptionRemoved", "missed"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flush {
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    count: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Late {
    count: u32,
    seconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Happens {
    event: String,
}

impl MicrosoftAct {
    /// A change that waits for deliveries.
    pub(in super::super::super) fn subscription_errand(
        &self,
        path: &str,
        body: &Value,
    ) -> Option<Errand> {
        if path.trim_end_matches('/') != "notifications/flush" {
            return None;
        }
        let (act, asked) = (self.clone(), read::<Flush>(body));
        Some(Box::pin(async move { act.flush(asked?.all).await }))
    }

    /// Any other change.
    pub(in super::super::super) fn change_subscriptions(
        &self,
        steps: &[&str],
        body: &Value,
    ) -> Result<Value, Problem> {
        match steps {
            ["notifications"] => {
                let rules: Rules = read(body)?;
                self.subscriptions().rules = rules.clone();
                Ok(json!(rules))
            }
            ["notifications", trick] => self.play_trick(trick, body),
            ["subscriptions"] => {
                nothing(body)?;
                Ok(self.subscriptions_shown())
            }
            ["subscriptions", id, change] => self.change_subscription(id, change, body),
            _ => Err(unknown()),
        }
    }

    /// All subscriptions, for a person.
    pub(in super::super::super) fn subscriptions_shown(&self) -> Value {
        let subscriptions = self.subscriptions();
        let grace = subscriptions.rules.grace();
        let all = subscriptions.all.iter();
        let shown = all.map(|one| one.shown(self.is_covered(one, grace)));
        json!({ "subscriptions": shown.collect::<Vec<_>>(), "waiting": subscriptions.queue.len() })
    }

    fn play_trick(&self, trick: &str, body: &Value) -> Result<Value, Problem> {
        let mut subscriptions = self.subscriptions();
        let tricks = &mut subscriptions.tricks;
        match trick {
            "lose" => tricks.lose = read::<Times>(body)?.count,
            "double" => tricks.double = read::<Times>(body)?.count,
            "delay" => {
                let Late { count, seconds } = read(body)?;
                tricks.delay = (count, Duration::from_secs(seconds));
            }
            "reorder" => {
                nothing(body)?;
                tricks.reorder = true;
            }
            _ => return Err(unknown()),
        }
        Ok(json!({
            "lose": tricks.lose,
            "double": tricks.double,
            "delay": { "count": tricks.delay.0, "seconds": tricks.delay.1.as_secs() },
            "reorder": tricks.reorder,
        }))
    }

    fn change_subscription(&self, id: &str, change: &str, body: &Value) -> Result<Value, Problem> {
        let now = self.backstage().now();
        let mut subscriptions = self.subscriptions();
        let missing = || Problem::unknown(format!("there is no subscription `{id}`"));
        let one = subscriptions.get(id).ok_or_else(missing)?;
        match change {
            "lifecycle" => {
                let Happens { event } = read(body)?;
                if !EVENTS.contains(&event.as_str()) {
                    let detail = format!("the events are: {}", EVENTS.join(", "));
                    return Err(Problem::unusable(detail));
                }
                let parcel = Parcel::lifecycle(one, &event, now);
                let parcel = parcel.ok_or_else(|| {
                    Problem::unusable("the subscription has no address for lifecycle notifications")
                })?;
                if event == "subscriptionRemoved" {
                    subscriptions.remove(id);
                }
                subscriptions.queue.push_back(parcel);
            }
            "remove" => {
                nothing(body)?;
                subscriptions.remove(id);
            }
            "expire" => {
                nothing(body)?;
                subscriptions.get_mut(id).ok_or_else(missing)?.expires = now;
            }
            _ => return Err(unknown()),
        }
        Ok(json!({ "id": id }))
    }
}

fn unknown() -> Problem {
    Problem::unknown(format!("there are: {}", PATHS.join(", ")))
}
