//! What follows from a refused token.

use std::time::Duration;

use jiff::Timestamp;

use super::{CallError, Denial};
use crate::AccessToken;
use crate::provider::{Actor, Failure};
use crate::vault::Vault;

/// The most tokens that are tried after the first; more than that other processes cannot have left.
const MOST_REPLAYS: u8 = 3;

/// How often a call is sent again with another token.
pub(super) struct Replay {
    began: Timestamp,
    replayed: u8,
    /// Whether a token was asked for that claims what was demanded.
    claimed: bool,
}

impl Replay {
    /// For a call that begins now.
    pub(super) fn begin(began: Timestamp) -> Self {
        Self { began, replayed: 0, claimed: false }
    }

    /// The token to try next. One that was obtained for this very call is the last: it is not the
    /// token's age that is wrong. One that another process had left in the database may be as dead
    /// as the one in memory was.
    pub(super) async fn next(
        &mut self,
        vault: &Vault,
        refused: &AccessToken,
        claims: Option<&str>,
    ) -> Result<AccessToken, CallError> {
        let left_over = refused.live().obtained_at < self.began;
        if self.replayed > 0 && (!left_over || self.replayed == MOST_REPLAYS) {
            let policy = self.claimed && claims.is_some();
            return Err(if policy { forbidden_by_policy() } else { CallError::TokenRefused });
        }
        self.replayed += 1;
        self.claimed |= claims.is_some();
        Ok(vault.replace(refused, claims).await?)
    }
}

/// The provider demands claims of a token, and demands them of the one that was made to have them.
fn forbidden_by_policy() -> CallError {
    let message = "A rule of the user's organisation forbids this access here and now.";
    let failure = Failure::new("policy_not_met", Actor::Administrator, message).remedied_by(
        "Ask the organisation's administrator which device, place or sign-in it demands; connecting \
         again alone does not help.",
    );
    CallError::Denied { denial: Denial::ConditionalAccess, failure: Box::new(failure) }
}

/// A request that is sent once met a refused token: it had no effect, and there is a new token now.
pub(super) fn not_sent_again() -> CallError {
    CallError::Unavailable {
        detail: "it refused the token, and what is sent once is not sent again".to_owned(),
        retry_after: Some(Duration::ZERO),
        sent: false,
    }
}
