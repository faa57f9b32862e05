//! Decrypted tokens in memory, and the floor below which none may be put back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::IntegrationId;
use crate::grant::LiveToken;

/// How long a floor is kept: longer than any flight that read its row before the change.
const FLOOR_KEPT: Duration = Duration::from_mins(10);

/// Tokens by integration. Reading takes no lock.
#[derive(Default)]
pub(super) struct Cache {
    tokens: papaya::HashMap<IntegrationId, Arc<LiveToken>>,
    /// The lowest revision that may be remembered of an integration that changed lately. A flight
    /// that read its row before a disconnect would otherwise put the dead token back.
    floors: Mutex<Floors>,
}

#[derive(Default)]
struct Floors {
    by_id: HashMap<IntegrationId, Floor>,
    /// When those too old to matter were last dropped.
    pruned: Duration,
}

struct Floor {
    revision: i64,
    since: Duration,
}

impl Cache {
    /// The token in memory, if any; whether it is any good is for the caller to see.
    pub(super) fn find(&self, id: IntegrationId) -> Option<Arc<LiveToken>> {
        self.tokens.pin().get(&id).cloned()
    }

    /// Remembers a token unless its integration has changed since its row was read, or a newer
    /// one is already there. `false` in the first case alone.
    pub(super) fn put(&self, token: &Arc<LiveToken>) -> bool {
        let floors = self.floors.lock().unwrap_or_else(PoisonError::into_inner);
        if floors.by_id.get(&token.id).is_some_and(|floor| floor.revision > token.revision) {
            return false;
        }
        let tokens = self.tokens.pin();
        if tokens.get(&token.id).is_none_or(|held| held.version <= token.version) {
            tokens.insert(token.id, Arc::clone(token));
        }
        true
    }

    /// Forgets a token; the next to ask reads it again.
    pub(super) fn forget(&self, id: IntegrationId) {
        self.tokens.pin().remove(&id);
    }

    /// Forgets what was read before `revision`, and refuses it from now on.
    pub(super) fn raise(&self, id: IntegrationId, revision: i64, uptime: Duration) {
        let mut floors = self.floors.lock().unwrap_or_else(PoisonError::into_inner);
        if uptime.saturating_sub(floors.pruned) >= FLOOR_KEPT {
            floors.pruned = uptime;
            floors.by_id.retain(|_, floor| uptime.saturating_sub(floor.since) < FLOOR_KEPT);
        }
        floors.by_id.insert(id, Floor { revision, since: uptime });
        let tokens = self.tokens.pin();
        if tokens.get(&id).is_some_and(|held| held.revision < revision) {
            tokens.remove(&id);
        }
    }

    /// Forgets tokens that expired.
    pub(super) fn sweep(&self, expired: impl Fn(&LiveToken) -> bool) {
        self.tokens.pin().retain(|_, token| !expired(token));
    }
}
