//! The outbox of revocations: what must still end at a provider ends, whoever dies meanwhile.

use std::time::Duration;

use super::{TokenError, Vault};
use crate::clock::{later, until};
use crate::failpoint::FailPoint;
use crate::measure;
use crate::provider::{AuthError, Revocable, Revocation};
use crate::seal::Field;
use crate::store::{Debt, GrantRow, SealedRow, Shelf};
use crate::{DebtId, Grant};

/// How long a claimed debt is left to whoever claimed it, and the unit of its patience.
const AGAIN: Duration = Duration::from_mins(1);
/// After this long a grant is no longer tried to be revoked; it will have died unused.
const GIVEN_UP: Duration = Duration::from_hours(7 * 24);
/// How many debts are taken at once.
const BATCH: u32 = 20;

impl Vault {
    /// Notes that a grant which nobody will use must be revoked, as far as that is possible without
    /// ending one that is in use: `in_use` says that the account is connected still.
    pub(super) async fn owe(
        &self,
        row: &GrantRow,
        grant: &Grant,
        in_use: bool,
    ) -> Result<(), TokenError> {
        let parts = self.parts();
        match self.providers().find(&row.provider).map(|p| p.manifest().revocable) {
            None | Some(Revocable::No) => return Ok(()),
            Some(Revocable::Account) if in_use => return Ok(()),
            Some(_) => {}
        }
        let subject = row.id.to_string();
        let place = self.place(&subject, Field::Grant, row.version.epoch);
        let now = parts.clock.now();
        let debt = Debt {
            id: DebtId::new(&*parts.clock, &*parts.entropy),
            integration: row.id,
            provider: row.provider.clone(),
            epoch: row.version.epoch,
            sealed: parts.seal.seal(place, &without_login(grant).to_plain()),
            tries: 0,
            since: now,
            due_at: now,
        };
        parts.store.owe(&debt).await?;
        self.settle_soon();
        Ok(())
    }

    /// Tries to settle what is due, without anybody waiting for it: a command on the terminal has no
    /// loop beside it.
    pub(super) fn settle_soon(&self) {
        let vault = self.clone();
        self.parts().tasks.spawn(async move {
            if let Err(error) = vault.settle_debts().await {
                tracing::warn!(%error, "a grant is revoked later");
            }
        });
    }

    /// Tries to settle what is due.
    pub(crate) async fn settle_debts(&self) -> Result<(), TokenError> {
        let parts = self.parts();
        loop {
            let now = parts.store.now().await?;
            let due = parts.store.claim_debts(now, later(now, AGAIN), BATCH).await?;
            if due.is_empty() {
                let left = parts.store.debts().await?;
                measure::outbox_depth(u32::try_from(left).unwrap_or(u32::MAX));
                return Ok(());
            }
            for debt in due {
                if self.is_settled(&debt, until(debt.since, now)).await {
                    FailPoint::DuringRevocation.pass().await;
                    parts.store.settle(debt.id).await?;
                }
            }
        }
    }

    /// Seals a debt anew without what signs in again: to end a grant takes no login.
    async fn forget_login(&self, debt: &Debt, grant: &Grant) -> Result<(), TokenError> {
        if grant.login.is_none() {
            return Ok(());
        }
        let parts = self.parts();
        let (subject, epoch) = (debt.integration.to_string(), debt.epoch);
        let sealed = debt.sealed.clone();
        let place = self.place(&subject, Field::Grant, epoch);
        let without = parts.seal.seal(place, &without_login(grant).to_plain());
        let row = debt.id.to_string();
        let row = SealedRow { shelf: Shelf::Debt, row, subject: subject.clone(), epoch, sealed };
        // Whoever has sealed it with another key meanwhile leaves the login to the next try.
        parts.store.reseal(&row, &without).await?;
        Ok(())
    }

    /// Whether there is nothing more to do about a debt.
    async fn is_settled(&self, debt: &Debt, age: Duration) -> bool {
        // A try each minute is claimed; the provider is asked in the first, second, fourth, eighth …
        if !u64::try_from(debt.tries).is_ok_and(u64::is_power_of_two) && age < GIVEN_UP {
            return false;
        }
        let id = debt.integration;
        let subject = id.to_string();
        let place = self.place(&subject, Field::Grant, debt.epoch);
        let opened = self.parts().seal.open(place, &debt.sealed).map_err(TokenError::from);
        let grant = match opened.and_then(|plain| Ok(Grant::from_plain(&plain)?)) {
            Ok(grant) => grant,
            Err(error) => {
                tracing::warn!(%id, %error, "a grant could not be opened to be revoked");
                return age >= GIVEN_UP;
            }
        };
        if let Err(error) = self.forget_login(debt, &grant).await {
            tracing::warn!(%id, %error, "the login of an ended integration is forgotten later");
        }
        let Some(provider) = self.providers().find(&debt.provider) else {
            return age >= GIVEN_UP;
        };
        // Where everything of the account ends, later is too late: it may be connected again by then.
        let once = provider.manifest().revocable == Revocable::Account;
        if once && debt.tries > 1 {
            tracing::warn!(%id, provider = %debt.provider, "a grant was not revoked: its account may be in use again");
            return true;
        }
        let metered = self.metered(&**provider);
        match metered.explain(provider.revoke(&metered, &grant).await) {
            Ok(Revocation::NotOffered) => true,
            // A grant that the provider does not know has ended.
            Ok(Revocation::Revoked) | Err(AuthError::Rejected(_)) => {
                tracing::info!(%id, provider = %debt.provider, "a grant was revoked");
                true
            }
            Err(error) => {
                let given_up = once || age >= GIVEN_UP;
                tracing::warn!(%id, %error, given_up, "a grant is not revoked yet");
                given_up
            }
        }
    }
}

fn without_login(grant: &Grant) -> Grant {
    Grant { login: None, ..grant.clone() }
}
