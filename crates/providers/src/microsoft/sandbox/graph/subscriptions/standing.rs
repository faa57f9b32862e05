//! Whether a subscription is still covered by a token (contract, 8.3).

use std::time::Duration;

use evergrant::clock::later;
use jiff::Timestamp;

use super::super::call::Caller;
use super::store::Subscription;
use crate::microsoft::sandbox::MicrosoftAct;

/// How long before the end of a token or a subscription its owner is reminded, and how often (contract, 8.4).
const NEAR: Duration = Duration::from_mins(30);
pub(super) const EVERY: Duration = Duration::from_mins(15);

/// The token by which a subscription was made, or renewed.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    issued: i64,
    expires: i64,
    /// The user's access epoch then; none of an application on its own behalf.
    epoch: Option<u64>,
    /// When the user's sessions had been revoked last.
    revoked: Option<Timestamp>,
}

impl MicrosoftAct {
    /// The standing that the token of a call gives.
    pub(super) fn standing(&self, caller: &Caller) -> Standing {
        let world = self.stage_world();
        let user = world.user(&caller.oid).filter(|_| !caller.is_app);
        Standing {
            issued: caller.issued,
            expires: caller.expires,
            epoch: user.map(|user| user.access_epoch),
            revoked: user.and_then(|user| user.tokens_valid_from),
        }
    }

    /// Whether notifications may be delivered: a token covers them, or covered them until `grace` ago, and what
    /// it allowed is still allowed.
    pub(super) fn is_covered(&self, subscription: &Subscription, grace: Duration) -> bool {
        let standing = &subscription.standing;
        let end = Timestamp::from_second(standing.expires).unwrap_or_default();
        if self.backstage().now() >= later(end, grace) {
            return false;
        }
        let Some(epoch) = standing.epoch else { return true };
        let world = self.stage_world();
        let Some(user) = world.user(&subscription.creator) else { return false };
        let is_after = |from: Timestamp| from.as_second() > standing.issued;
        let revoked = user.tokens_valid_from != standing.revoked
            || user.tokens_valid_from.is_some_and(is_after);
        let consented = world.consented(&subscription.application, user.upn);
        let may_read = subscription.watch.what.is_readable(|one| consented.contains(one));
        user.enabled && user.access_epoch == epoch && !revoked && may_read
    }

    /// Whether the owner should do something about the subscription soon.
    pub(super) fn needs_its_owner(&self, subscription: &Subscription, grace: Duration) -> bool {
        let soon = later(self.backstage().now(), NEAR);
        let token = Timestamp::from_second(subscription.standing.expires).unwrap_or_default();
        soon >= token || soon >= subscription.expires || !self.is_covered(subscription, grace)
    }
}

/// When a subscription needs its owner next, if nothing but time changes.
pub(super) fn near(subscription: &Subscription) -> [Timestamp; 2] {
    let token = Timestamp::from_second(subscription.standing.expires).unwrap_or_default();
    let near = jiff::SignedDuration::try_from(NEAR).unwrap_or_default();
    [token, subscription.expires].map(|end| end.checked_sub(near).unwrap_or(end))
}
