//! What a deal is recognised by afterwards.
//!
//! What opens something carries a reference of ours, by which IG knows it. What changes or closes
//! something cannot: there it is the effect itself that is looked at, and where its answer was lost, the
//! deal's reference tells the effect. IG never sees such a reference, and it has a full stop, which none
//! of IG's has: `effect.` and as JSON in base64url the effect and the account it is in, where alone it is
//! looked for: what is gone in one account may never have been in another.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use evergrant::capability::{Deal, DealOutcome};
use evergrant::{Api, CallError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ig::Ig;
use crate::ig::markets::is_missing;
use crate::ig::wire::given::invalid;
use crate::ig::wire::place::name_of;

const PREFIX: &str = "effect.";
/// The longest reference that is read; a longer one nobody made.
const LONGEST: usize = 1000;
/// What two sizes may differ by and still be the same.
const SAME: f64 = 1e-9;

/// What is there if the deal was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Effect {
    /// Of a position this much is left; `None` where it is not known how much there was.
    Closed { id: String, left: Option<f64> },
    /// A position has these members.
    Amended { id: String, wanted: Map<String, Value> },
    /// An order has these members.
    OrderAmended { id: String, wanted: Map<String, Value> },
    /// An order is gone, and not because it met its price.
    Cancelled { id: String },
}

/// An effect, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sought {
    /// A digest of who signed in.
    client: String,
    account: String,
    effect: Effect,
}

impl Sought {
    /// An effect in the account that these calls act in.
    pub(super) fn of(api: &Api, effect: Effect) -> Self {
        let account = api.chosen().unwrap_or(&api.account().name).to_owned();
        Self { client: login_of(api), account, effect }
    }

    /// As a deal's reference.
    pub(super) fn reference(&self) -> String {
        // Names and finite numbers always make JSON.
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(json))
    }

    /// The effect that a deal's reference tells.
    pub(super) fn told_by(reference: &str) -> Option<Self> {
        let told = reference.strip_prefix(PREFIX).filter(|told| told.len() <= LONGEST)?;
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(told).ok()?).ok()
    }

    /// Calls that act in its account, whichever was chosen.
    fn there(&self, api: &Api) -> Result<Api, CallError> {
        if self.client == login_of(api) {
            return Ok(api.clone().within(&self.account));
        }
        Err(invalid("/reference", "is of a deal of another login"))
    }
}

/// A digest of who signed in: the account's id without the trading account it ends with.
pub(super) fn login_of(api: &Api) -> String {
    let parts: Vec<&str> = api.account().id.splitn(3, ':').take(2).collect();
    name_of(&parts.join(":"))
}

impl Ig {
    /// Whether the effect is there. It is never said to be rejected: what is not there may still come,
    /// or have been undone.
    pub(super) async fn seen(&self, api: &Api, sought: &Sought) -> Result<Deal, CallError> {
        let api = &sought.there(api)?;
        let reference = sought.reference();
        let unknown = |reason: &str, message: &str| Deal::unknown(&reference, reason, message);
        let done = |id: &str, status: &str| Deal {
            deal_id: Some(id.to_owned()),
            status: Some(status.to_owned()),
            ..Deal::of(&reference, DealOutcome::Done)
        };
        Ok(match &sought.effect {
            Effect::Closed { id, left } => match (found(self.position_of(api, id).await)?, left) {
                (None, Some(left)) if *left < SAME => done(id, "CLOSED"),
                (None, _) => {
                    unknown("position_gone", "The whole position is closed; by whom is not known.")
                }
                (Some(there), Some(left)) if *left > SAME && there.size <= left + SAME => {
                    Deal { size: Some(there.size), ..done(id, "PARTIALLY_CLOSED") }
                }
                (Some(_), Some(_)) => {
                    unknown("still_open", "The position is still open as it was.")
                }
                (Some(_), None) => {
                    unknown("still_open", "The position is open; how much of it was, is not known.")
                }
            },
            Effect::Amended { id, wanted } => match found(self.position_of(api, id).await)? {
                Some(there) if has(&there, wanted) => done(id, "AMENDED"),
                Some(_) => unknown("not_amended", "The position is not as it was to be."),
                None => unknown("position_gone", "The position is closed."),
            },
            Effect::OrderAmended { id, wanted } => match self.order_of(api, id).await? {
                Some(there) if has(&there, wanted) => done(id, "AMENDED"),
                Some(_) => unknown("not_amended", "The order is not as it was to be."),
                None => unknown("order_gone", "The order is gone."),
            },
            Effect::Cancelled { id } => {
                if self.order_of(api, id).await?.is_some() {
                    unknown("still_waiting", "The order still waits.")
                } else if self.was_deleted(api, id).await? {
                    done(id, "DELETED")
                } else {
                    let message = "The order is gone; whether it was cancelled or met its price is not known.";
                    unknown("order_gone", message)
                }
            }
        })
    }
}

/// What was found, where it is no error that nothing was.
pub(super) fn found<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether something has the members that it was to get.
fn has(there: &impl Serialize, wanted: &Map<String, Value>) -> bool {
    let there = serde_json::to_value(there).unwrap_or_default();
    wanted.iter().all(|(name, value)| there.get(name).unwrap_or(&Value::Null) == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_tells_its_effect_and_is_none_of_igs() {
        let wanted = Map::from_iter([("stop_level".to_owned(), Value::Null)]);
        for effect in [
            Effect::Closed { id: "DIAAAABBBCCC01".to_owned(), left: Some(0.5) },
            Effect::Closed { id: "DI 1/ü".to_owned(), left: None },
            Effect::Amended { id: "D".to_owned(), wanted },
            Effect::Cancelled { id: "D".to_owned() },
        ] {
            let sought = Sought { client: name_of("live:1"), account: "ABC123".to_owned(), effect };
            let reference = sought.reference();
            assert_eq!(Sought::told_by(&reference), Some(sought));
            assert!(!crate::ig::wire::given::is_reference(&reference), "{reference}");
        }
        for none in ["", "effect.", "effect.e30", "FAKEREF0001", "effect.!"] {
            assert_eq!(Sought::told_by(none), None, "{none}");
        }
    }
}
