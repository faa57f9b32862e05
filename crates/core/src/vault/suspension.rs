//! The health of registrations: a fault of the operator's is the registration's, never a user's.
//!
//! A registration that the provider refuses is suspended as a whole: nobody calls the provider with
//! it but one probe from time to time, and the first success ends the suspension for everybody. Calls with
//! a token that lives go on meanwhile, unless it was a call that the provider refused. No
//! integration is marked, and nothing has to be resumed by hand.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::IntegrationId;
use crate::provider::Failure;

/// The first and the longest pause between two probes.
const PROBES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// So many rejections of so many different integrations within this time, and more of them than
/// successes, are the registration's fault and not the users'.
const REJECTIONS: (usize, Duration) = (5, Duration::from_mins(10));

/// The registrations of one process.
#[derive(Debug, Default)]
pub(super) struct Suspensions(Mutex<HashMap<String, State>>);

#[derive(Debug, Default)]
struct State {
    suspended: Option<Suspended>,
    /// Whether the provider has ever accepted it.
    accepted: bool,
    /// The outcomes of late, oldest first: whose, when, and whether it was a rejection.
    outcomes: VecDeque<(IntegrationId, Duration, bool)>,
}

/// Why and since when nobody calls with a registration.
#[derive(Debug, Clone)]
pub(super) struct Suspended {
    pub(super) why: Failure,
    pub(super) since: Timestamp,
    probe_at: Duration,
    refusals: u32,
    /// Whether a call was refused for it: then calls are no better than refreshes. Otherwise a token
    /// that lives is good, as where only the secret has ended with which refreshes are signed.
    by_call: bool,
}

/// What a success says of its registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing new.
    Known,
    /// It is the first of this process.
    First,
    /// It ends the suspension.
    Resumed,
}

/// What an ended grant says of its registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    /// So many ended at once that the registration must be looked at, and nobody may be marked.
    Suspicious,
    /// It is this grant alone; whether the registration was suspended until now.
    Own { resumed: bool },
}

impl Suspensions {
    /// Lets a refresh through, or says why not. While suspended one in a pause is let through, and
    /// another in its place if that one does not call.
    pub(super) fn admit<'a>(
        &'a self,
        registration: &'a str,
        uptime: Duration,
    ) -> Result<Admission<'a>, Failure> {
        self.look(registration, |state| match &mut state.suspended {
            Some(suspended) if uptime < suspended.probe_at => Err(suspended.why.clone()),
            Some(suspended) => {
                suspended.probe_at = uptime + pause(suspended.refusals);
                Ok(Admission { of: self, registration, uptime, called: false })
            }
            None => Ok(Admission { of: self, registration, uptime, called: true }),
        })
    }

    /// Lets a call through, or says why not: the same, where it was a call that was refused.
    pub(super) fn admit_call(&self, registration: &str, uptime: Duration) -> Result<(), Failure> {
        if !self.look(registration, |state| state.is_shut_for_calls()) {
            return Ok(());
        }
        self.admit(registration, uptime).map(Admission::call)
    }

    /// A call was answered: it ends what a call began, and `true` if it does.
    pub(super) fn call_accepted(&self, registration: &str) -> bool {
        self.look(registration, |state| {
            state.is_shut_for_calls() && state.suspended.take().is_some()
        })
    }

    /// The provider refuses the registration, or a call for its sake; `true` if that is news.
    pub(super) fn suspend(
        &self,
        registration: &str,
        by_call: bool,
        why: &Failure,
        now: Timestamp,
        uptime: Duration,
    ) -> bool {
        self.look(registration, |state| {
            let (since, refusals, by_call) = match &state.suspended {
                Some(known) => (known.since, known.refusals + 1, known.by_call || by_call),
                None => (now, 0, by_call),
            };
            let probe_at = uptime + pause(refusals);
            let news = state.suspended.is_none();
            state.suspended =
                Some(Suspended { why: why.clone(), since, probe_at, refusals, by_call });
            news
        })
    }

    /// The provider accepts the registration for this integration.
    pub(super) fn accepted(
        &self,
        registration: &str,
        id: IntegrationId,
        uptime: Duration,
    ) -> Standing {
        self.look(registration, |state| {
            state.saw(id, uptime, false);
            let first = !std::mem::replace(&mut state.accepted, true);
            match state.suspended.take() {
                Some(_) => Standing::Resumed,
                None if first => Standing::First,
                None => Standing::Known,
            }
        })
    }

    /// The provider ended this integration's grant. `sessions` end of themselves, and all at once when
    /// the provider is maintained: however many do, none is suspicious.
    pub(super) fn rejected(
        &self,
        registration: &str,
        id: IntegrationId,
        uptime: Duration,
        sessions: bool,
    ) -> Rejection {
        self.look(registration, |state| {
            state.saw(id, uptime, true);
            let rejections = state.outcomes.iter().filter(|(.., rejected)| *rejected).count();
            let suspicious = rejections >= REJECTIONS.0 && rejections * 2 > state.outcomes.len();
            if suspicious && !sessions {
                return Rejection::Suspicious;
            }
            // Who judges a grant has taken the registration.
            Rejection::Own { resumed: state.suspended.take().is_some() }
        })
    }

    /// The next refresh may try whether the registration works.
    pub(super) fn try_again(&self, registration: &str, uptime: Duration) {
        self.look(registration, |state| {
            if let Some(suspended) = &mut state.suspended {
                (suspended.probe_at, suspended.refusals) = (uptime, 0);
            }
        });
    }

    /// Why a registration is suspended, if it is.
    pub(super) fn find(&self, registration: &str) -> Option<Suspended> {
        self.look(registration, |state| state.suspended.clone())
    }

    fn look<T>(&self, registration: &str, f: impl FnOnce(&mut State) -> T) -> T {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get_mut(registration) {
            return f(state);
        }
        f(states.entry(registration.to_owned()).or_default())
    }
}

/// Leave to call once.
#[derive(Debug)]
pub(super) struct Admission<'a> {
    of: &'a Suspensions,
    registration: &'a str,
    uptime: Duration,
    called: bool,
}

impl Admission<'_> {
    /// The call is made now.
    pub(super) fn call(mut self) {
        self.called = true;
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if !self.called {
            self.of.look(self.registration, |state| {
                if let Some(suspended) = &mut state.suspended {
                    suspended.probe_at = self.uptime;
                }
            });
        }
    }
}

impl State {
    fn is_shut_for_calls(&self) -> bool {
        self.suspended.as_ref().is_some_and(|suspended| suspended.by_call)
    }

    /// Notes an outcome; an integration's last one counts alone.
    fn saw(&mut self, id: IntegrationId, uptime: Duration, rejected: bool) {
        // What is rejected again and again is one rejection, as old as the first: else a handful of
        // grants that did end would renew the suspicion for ever.
        let same = |outcome: &&(IntegrationId, Duration, bool)| outcome.0 == id && outcome.2;
        let first = self.outcomes.iter().find(same).filter(|_| rejected).map(|outcome| outcome.1);
        let at = first.unwrap_or(uptime);
        let recent = |at: Duration| uptime.saturating_sub(at) < REJECTIONS.1;
        self.outcomes.retain(|(known, at, _)| *known != id && recent(*at));
        if recent(at) {
            self.outcomes.push_back((id, at, rejected));
        }
        // Enough to see what most of them say, and no more.
        if self.outcomes.len() > 1_000 {
            self.outcomes.pop_front();
        }
    }
}

fn pause(refusals: u32) -> Duration {
    (PROBES.0 * 2_u32.saturating_pow(refusals.min(8))).min(PROBES.1)
}
