//! What must never happen.

use std::time::Duration;

use evergrant::clock::until;
use evergrant::grant::Warning;
use evergrant::integration::Status;
use evergrant::{AccessToken, Clock, TokenError};

use super::play::{Caller, Play};
use crate::support::Rotation;

impl Play {
    /// The refresh token in the database, if the account is connected.
    pub(super) async fn stored(&self, account: usize) -> Option<String> {
        let id = self.accounts[account].id;
        self.accounts[account].since.0?;
        let lineage = self.stage.row(id).await?.grant.lineage;
        let known = self.opened.borrow().get(&lineage).cloned();
        if known.is_some() {
            return known;
        }
        let token = self.stage.stored_refresh(&self.processes[0], id).await;
        self.opened.borrow_mut().insert(lineage, token.clone());
        Some(token)
    }

    pub(super) async fn judge(&self, caller: &Caller, outcome: &Result<AccessToken, TokenError>) {
        self.judge_ledger().await;
        match outcome {
            Ok(token) => self.judge_token(caller, token),
            Err(error) => self.judge_error(caller, error).await,
        }
    }

    /// No refresh token is spent twice unless an outcome was unknown, and nothing is revoked that
    /// is still in use.
    async fn judge_ledger(&self) {
        let spent_in_vain = self.stage.world.with(|ledger| ledger.spent_in_vain.clone());
        if matches!(self.stage.rotation, Rotation::Strict | Rotation::Grace(_)) {
            assert!(spent_in_vain.is_empty(), "spent twice: {spent_in_vain:?}");
        }
        for account in 0..self.accounts.len() {
            if let Some(stored) = self.stored(account).await {
                self.stage.world.with(|ledger| {
                    let family = ledger.family_of(&stored);
                    let mut revoked = ledger.revoked.iter();
                    let harmed = revoked.any(|token| ledger.family_of(token) == family);
                    assert!(!harmed, "a grant in use was revoked");
                });
            }
        }
    }

    /// What is served lives, lives long enough, and is of a grant that is still there.
    fn judge_token(&self, caller: &Caller, token: &AccessToken) {
        let now = self.stage.clock.uptime();
        let secret = token.secret().expose();
        let left = self.stage.world.with(|ledger| ledger.left(secret, now));
        let want = Duration::from_secs(caller.want.unwrap_or(0).max(1));
        assert!(left >= want, "{left:?} left where {want:?} were wanted");

        let (epoch, since, by) = self.accounts[caller.account].since;
        let known = caller.process == by || token.warning() != Some(Warning::StorageUnavailable);
        let late = caller.began >= since + Duration::from_secs(1);
        if known && late {
            let current = epoch.is_some_and(|epoch| token.version().epoch >= epoch);
            assert!(current, "a token of epoch {} after {epoch:?}", token.version().epoch);
        }
    }

    /// Nobody is turned away while the stored token is good.
    async fn judge_error(&self, caller: &Caller, error: &TokenError) {
        let row = self.stage.row(self.accounts[caller.account].id).await;
        let Some(row) = row.filter(|row| Some(row.version) == caller.version) else {
            return;
        };
        let left = until(self.stage.clock.now(), row.grant.expires_at);
        let good = caller.want.is_some_and(|want| left >= Duration::from_secs(want.max(1)));
        let waited = self.stage.clock.uptime().saturating_sub(caller.began);
        let quiet = caller.failures == Some(self.failures) && waited < Duration::from_secs(90);
        let wrong = good && quiet && row.status == Status::Active;
        assert!(!wrong, "{error} with {left:?} left");
    }

    /// After everything has healed: a token, unless the provider has ended the grant.
    pub(super) async fn must_work(&self, process: usize, account: usize) {
        if self.stored(account).await.is_none() {
            return;
        }
        let id = self.accounts[account].id;
        let process = &self.processes[process];
        let mut outcome = self.stage.run(process.token(id)).await;
        if let Ok(token) = &outcome
            && !self.stage.world.alive(token.secret().expose())
        {
            outcome = self.stage.run(process.vault.replace(token, None)).await;
        }
        let marked = matches!(self.stage.status(id).await, Status::NeedsReconnect { .. });
        let stored = self.stored(account).await.expect("it is connected");
        let (ended, reused) = self.stage.world.with(|ledger| {
            let family = &ledger.families[ledger.family_of(&stored).expect("a family")];
            (family.ended, family.reused)
        });
        if reused {
            let status = self.stage.status(id).await;
            let Status::NeedsReconnect { why, .. } = &status else { panic!("{status:?}") };
            assert_eq!(why.code, "lost_response", "a loss is told as if somebody had willed it");
        } else if ended {
            assert!(marked, "nobody is told that the grant has ended");
        } else {
            assert!(!marked, "a living grant is marked for reconnect");
            let token = outcome.expect("a token");
            assert!(self.stage.world.alive(token.secret().expose()));
        }
        self.judge_ledger().await;
    }
}
