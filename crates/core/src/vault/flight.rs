//! One refresh at a time in this process: callers join the one under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::{TokenError, Vault};
use crate::IntegrationId;
use crate::grant::{LiveToken, Version};
use crate::quota::USED_UP;

/// The first and the longest rest after a failed refresh.
pub(super) const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// How far the ends of long rests are spread: callers wait for them.
const LONGEST_SPREAD: Duration = Duration::from_secs(5);

/// How a flight ends.
pub(super) type Landed = Result<Arc<LiveToken>, TokenError>;
/// Where a flight tells how it ended.
pub(super) type Landing = watch::Sender<Option<Landed>>;

/// What a refresh is for.
#[derive(Debug, Clone)]
pub(super) struct Need {
    /// A token newer than this.
    pub(super) beyond: Version,
    /// How many tokens in a row the provider has issued and refused; more than none means that the
    /// one in hand does not work any more, whatever its age.
    pub(super) refused: u8,
    /// What the provider's API demanded of the next token.
    pub(super) claims: Option<Arc<str>>,
}

impl Need {
    /// A token newer than `beyond`.
    pub(super) fn newer(beyond: Version) -> Self {
        Self { beyond, refused: 0, claims: None }
    }
}

/// The refreshes under way in this process, and the rests after failed ones.
#[derive(Default)]
pub(super) struct Flights {
    flying: Mutex<HashMap<IntegrationId, Flight>>,
    rests: Mutex<HashMap<IntegrationId, Rest>>,
}

struct Flight {
    claims: Option<Arc<str>>,
    landed: watch::Receiver<Option<Landed>>,
}

struct Rest {
    failures: u32,
    until: Duration,
    error: TokenError,
}

impl Flights {
    /// Why no refresh may start at the moment, if so.
    pub(super) fn resting(&self, id: IntegrationId, uptime: Duration) -> Option<TokenError> {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = rests.get(&id).filter(|rest| uptime < rest.until)?;
        let mut error = rest.error.clone();
        if let TokenError::Unavailable { retry_after, .. } = &mut error {
            *retry_after = rest.until.saturating_sub(uptime);
        }
        Some(error)
    }

    /// Ends a rest: the integration was reconnected or refreshed.
    pub(super) fn rested(&self, id: IntegrationId) {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Takes a flight off the board however it ends, a panic included.
struct OnBoard {
    vault: Vault,
    id: IntegrationId,
}

impl Drop for OnBoard {
    fn drop(&mut self) {
        let flights = &self.vault.0.flights;
        flights.flying.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Vault {
    /// Waits for a token as it is needed, starting a flight unless one is under way.
    ///
    /// The flight runs on whether or not anybody still waits for it.
    pub(super) async fn fly(&self, id: IntegrationId, mut need: Need) -> Landed {
        loop {
            let (mut landed, fits) = self.join(id, &need);
            let outcome = match landed.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(outcome)) => outcome.clone(),
                _ => Err(TokenError::interrupted()),
            };
            match outcome {
                // It began before anybody knew of these claims, so its token lacks them.
                Ok(token) if !fits => need.beyond = need.beyond.max(token.version),
                outcome => return outcome,
            }
            // The sender is dropped after the flight has left the board.
            while landed.changed().await.is_ok() {}
        }
    }

    /// The flight under way, or a new one; and whether it heeds the claims.
    fn join(&self, id: IntegrationId, need: &Need) -> (watch::Receiver<Option<Landed>>, bool) {
        let mut flying = self.0.flights.flying.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flying.get(&id) {
            let fits = need.claims.is_none() || need.claims == flight.claims;
            return (flight.landed.clone(), fits);
        }
        let (land, landed) = watch::channel(None);
        let flight = Flight { claims: need.claims.clone(), landed: landed.clone() };
        flying.insert(id, flight);
        let (board, need) = (OnBoard { vault: self.clone(), id }, need.clone());
        self.0.parts.tasks.spawn(async move {
            let board = board;
            board.vault.flight(id, &need, &land).await;
            drop(board);
            drop(land);
        });
        (landed, true)
    }

    async fn flight(&self, id: IntegrationId, need: &Need, land: &Landing) {
        let outcome = loop {
            match self.refresh(id, need, land).await {
                // The row moved under us; what it says now decides.
                Err(TokenError::Changed) => {}
                outcome => break outcome,
            }
        };
        match &outcome {
            Ok(_) => self.0.flights.rested(id),
            Err(error) => self.rest(id, error),
        }
        land.send_replace(Some(outcome));
    }

    /// Rests after a failure that waiting may mend: twice as long each time, longer if the
    /// provider says so, never the same for all. A suspended registration has pauses of its own,
    /// which end for everybody at once.
    fn rest(&self, id: IntegrationId, error: &TokenError) {
        let asked = match error {
            TokenError::Unavailable { retry_after, .. } => *retry_after,
            TokenError::Storage(_) => REST.0,
            _ => return,
        };
        let parts = &self.0.parts;
        let mut rests = self.0.flights.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = rests.get(&id).map_or(0, |rest| rest.failures);
        let [jitter] = crate::entropy::random(&*parts.entropy);
        // That nothing may be sent for a while is no failure to ask less often after.
        let stopped =
            matches!(error, TokenError::Unavailable { failure, .. } if failure.code == USED_UP);
        let backoff = (REST.0 * 2_u32.saturating_pow(failures.min(8))).min(REST.1);
        let wait = if stopped { asked } else { backoff.max(asked) };
        let failures = failures + u32::from(!stopped);
        let spread = (wait / 5).min(LONGEST_SPREAD) * u32::from(jitter) / 255;
        let until = parts.clock.uptime() + wait + spread;
        rests.insert(id, Rest { failures, until, error: error.clone() });
    }
}
