//! What came of a deal, once its request has left (contract, section 4.5).
//!
//! IG answers a deal with its reference, and confirms it a moment later for about a minute. Whatever
//! goes wrong from then on, the caller gets a deal: an error would say that nothing was done.

use std::time::Duration;

use evergrant::capability::{Activity, Deal, DealOutcome, Once, Trading};
use evergrant::{Api, CallError, Response};

use super::effect::{Sought, found};
use super::{besides, reference_of};
use crate::ig::call::in_time;
use crate::ig::wire::Members;
use crate::ig::wire::deal::{confirmed, opened, placed};
use crate::ig::wire::given::{invalid, is_reference, segment};
use crate::ig::{Ig, PATIENCE, refusal};

/// How often a confirmation is asked for again that is not there yet.
const ASKED_AGAIN: u32 = 5;
/// How long is waited in between.
const WAIT: Duration = Duration::from_secs(1);
/// How long is looked at most for what came of a deal that was just sent: whoever sent it waits.
pub(super) const SETTLING: Duration = Duration::from_secs(20);

/// What a deal is recognised by.
pub(super) enum Trace {
    /// A reference that went along.
    Reference(String),
    /// Its effect.
    Effect(Sought),
}

impl Trace {
    fn reference(&self) -> String {
        match self {
            Self::Reference(reference) => reference.clone(),
            Self::Effect(effect) => effect.reference(),
        }
    }
}

impl Ig {
    /// What came of a deal that was sent. An error means that nothing did.
    ///
    /// What is read for it waits for nobody: IG keeps a confirmation for a minute. Where it cannot be read
    /// soon, the deal has its reference at once.
    pub(super) async fn settle(
        &self,
        api: &Api,
        sent: Result<Response, CallError>,
        trace: &Trace,
    ) -> Result<Deal, CallError> {
        let reference = match sent.as_ref().map(said) {
            Ok(Some(reference)) => reference,
            Ok(None) => return Ok(lost(&trace.reference())),
            Err(error) if may_be_done(error) => return Ok(lost(&trace.reference())),
            Err(error) => return Err(error.clone()),
        };
        let urgent = besides(api);
        let looked = in_time(api, SETTLING, self.fresh(&urgent, &reference, trace)).await;
        Ok(looked.ok().flatten().unwrap_or_else(|| unconfirmed(&reference)))
    }

    /// What came of a deal that IG has just taken, if it says so by now.
    async fn fresh(
        &self,
        api: &Api,
        reference: &str,
        trace: &Trace,
    ) -> Result<Option<Deal>, CallError> {
        if let Some(deal) = self.confirmation(api, reference, ASKED_AGAIN).await? {
            return Ok(Some(deal));
        }
        let seen = match trace {
            Trace::Reference(_) => self.standing(api, reference).await?,
            Trace::Effect(effect) => Some(self.seen(api, effect).await?),
        };
        let done = seen.filter(|deal| deal.outcome == DealOutcome::Done);
        Ok(done.map(|deal| Deal { reference: reference.to_owned(), ..deal }))
    }

    /// What came of a deal that may have been sent before. Nothing is sent, and there is no error: it
    /// would say that nothing was done.
    pub(super) async fn tried(&self, api: &Api, trace: &Trace) -> Deal {
        let reference = trace.reference();
        let looked = async {
            match trace {
                Trace::Reference(_) => self.by_reference(api, &reference).await,
                Trace::Effect(effect) => self.seen(api, effect).await,
            }
        };
        in_time(api, PATIENCE, looked).await.unwrap_or_else(|_| lost(&reference))
    }

    /// What came of a deal by the reference that a [`Deal`] has.
    pub(super) async fn outcome(&self, api: &Api, reference: &str) -> Result<Deal, CallError> {
        if let Some(effect) = Sought::told_by(reference) {
            return in_time(api, PATIENCE, self.seen(api, &effect)).await;
        }
        if !is_reference(reference) {
            return Err(invalid("/reference", "is not a reference of a deal"));
        }
        in_time(api, PATIENCE, self.by_reference(api, reference)).await
    }

    /// Wherever IG keeps it: its confirmation, what stands open, the last day's history.
    async fn by_reference(&self, api: &Api, reference: &str) -> Result<Deal, CallError> {
        if let Some(deal) = self.confirmation(api, reference, 0).await? {
            return Ok(deal);
        }
        if let Some(deal) = self.standing(api, reference).await? {
            return Ok(deal);
        }
        let past = self.last_day(api, None).await?;
        let of_it = past.into_iter().filter(|one| one.reference.as_deref() == Some(reference));
        Ok(told(reference, of_it.collect()).unwrap_or_else(|| not_found(reference)))
    }

    /// The confirmation, asked for again so often where it is not there yet.
    async fn confirmation(
        &self,
        api: &Api,
        reference: &str,
        again: u32,
    ) -> Result<Option<Deal>, CallError> {
        let path = format!("/confirms/{}", segment("/reference", reference)?);
        for left in (0..=again).rev() {
            if let Some(answer) = found(self.get(api, 1, &path).await)? {
                return Ok(Some(confirmed(reference, Members::read(&answer)?)));
            }
            if left > 0 {
                api.wait(WAIT).await;
            }
        }
        Ok(None)
    }

    /// A position or an order that was made with this reference.
    async fn standing(&self, api: &Api, reference: &str) -> Result<Option<Deal>, CallError> {
        let mut positions = self.positions(api).await?.into_iter();
        if let Some(it) = positions.find(|one| one.reference.as_deref() == Some(reference)) {
            return Ok(Some(opened(reference, it)));
        }
        // IG is not known to say it of orders; where it does, it is under the same name.
        let mut orders = self.orders(api).await?.into_iter();
        let it = orders.find(|one| {
            one.extra.get("dealReference").and_then(|it| it.as_str()) == Some(reference)
        });
        Ok(it.map(|it| placed(reference, it)))
    }
}

/// The trace of what carries a reference of ours.
pub(super) fn named(once: Once) -> Trace {
    Trace::Reference(reference_of(once))
}

/// The reference that IG answered with.
fn said(answer: &Response) -> Option<String> {
    Members::read(answer).ok()?.text("dealReference")
}

/// Whether a deal may have been done all the same.
fn may_be_done(error: &CallError) -> bool {
    match error {
        CallError::Unavailable { sent, .. } => *sent,
        CallError::TooLarge { .. }
        | CallError::Unreadable(_)
        | CallError::OutcomeUnknown { .. } => true,
        CallError::Refused { status, .. } => !refusal::refuses(*status),
        _ => false,
    }
}

/// What the history tells of a deal. What was accepted was done, whatever else is told.
fn told(reference: &str, past: Vec<Activity>) -> Option<Deal> {
    let accepted = |one: &Activity| one.status.as_deref() == Some("ACCEPTED");
    let at = past.iter().position(accepted).unwrap_or(0);
    let it = past.into_iter().nth(at)?;
    let outcome = match it.status.as_deref() {
        Some("ACCEPTED") => DealOutcome::Done,
        Some("REJECTED") => DealOutcome::Rejected,
        _ => DealOutcome::Unknown,
    };
    let done = outcome == DealOutcome::Done;
    Some(Deal {
        reason: it.status.filter(|_| !done),
        message: it.description.filter(|_| !done),
        deal_id: it.deal_id,
        epic: it.epic,
        direction: it.direction,
        size: it.size,
        level: it.level,
        at: it.at,
        extra: it.extra,
        ..Deal::of(reference, outcome)
    })
}

fn lost(reference: &str) -> Deal {
    let message = "IG's answer was lost: it may have done it or not. It is not sent again; ask for the \
                   deal by its reference.";
    Deal::unknown(reference, "answer_lost", message)
}

fn unconfirmed(reference: &str) -> Deal {
    let message =
        "IG took it, and has not said yet what came of it. Ask for the deal by its reference.";
    Deal::unknown(reference, "unconfirmed", message)
}

fn not_found(reference: &str) -> Deal {
    let message = "IG shows no deal of this reference, neither open nor in the last day's history. It may \
                   never have arrived.";
    Deal::unknown(reference, "not_found", message)
}
