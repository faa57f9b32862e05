//! One process's line to the database: it can be cut, held up and watched, call by call.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use evergrant::fernet::KeyId;
use evergrant::id::TurnId;
use evergrant::integration::Integration;
use evergrant::provider::{Failure, ProviderKey};
use evergrant::quota::{Came, Drawn, Left, NamedDraw};
use evergrant::seal::Sealed;
use evergrant::store::{
    Attempt, Change, Commit, Committed, Debt, Edit, Ended, Flow, GrantRow, GrantStore, Intent,
    NewIntegration, Notice, QuotaStore, Reserved, SealedRow, StoreError, Stored,
};
use evergrant::testing::MemoryStore;
use evergrant::{AttemptId, DebtId, HolderId, IntegrationId, Lineage, UserId};
use jiff::Timestamp;

use super::world::{Gate, Turnstile};

/// What is wrong with the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing gets through.
    Calls(&'static str),
    /// The call has its effect, but its answer is lost; once.
    Answer(&'static str),
}

/// The calls of one name, and the gates before and after their effect.
type Held = (&'static str, Gate, Gate);

/// A [`GrantStore`] over the shared [`MemoryStore`].
#[derive(Clone)]
pub(crate) struct Line {
    store: MemoryStore,
    dead: Arc<AtomicBool>,
    turnstile: Turnstile,
    cut: Arc<Mutex<Option<Cut>>>,
    held: Arc<Mutex<Option<Held>>>,
}

impl Line {
    pub(crate) fn new(store: &MemoryStore, dead: &Arc<AtomicBool>, turnstile: &Turnstile) -> Self {
        Self {
            store: store.clone(),
            dead: Arc::clone(dead),
            turnstile: turnstile.clone(),
            cut: Arc::default(),
            held: Arc::default(),
        }
    }

    /// Cuts the line; `Cut::Calls("")` cuts all calls.
    pub(crate) fn cut(&self, cut: Option<Cut>) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    /// Holds up calls of this name: behind the first gate before, the second after the effect.
    pub(crate) fn hold(&self, name: &'static str) -> (Gate, Gate) {
        let gates = (Gate::default(), Gate::default());
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((name, gates.0.clone(), gates.1.clone()));
        gates
    }

    fn held(&self, name: &str) -> Option<(Gate, Gate)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, before, after) = held.as_ref().filter(|(held, ..)| *held == name)?;
        Some((before.clone(), after.clone()))
    }

    async fn step(&self) {
        tokio::task::yield_now().await;
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    async fn around<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Stored<T>>,
    ) -> Stored<T> {
        let lost = || StoreError::Unavailable("the line is cut".into());
        let held = self.held(name);
        self.turnstile.pass(name).await;
        self.step().await;
        if let Some((before, _)) = &held {
            before.pass().await;
        }
        let cut = *self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(cut, Some(Cut::Calls(cut)) if cut.is_empty() || cut == name) {
            return Err(lost());
        }
        let answer = call.await;
        if let Some((_, after)) = &held {
            after.pass().await;
        }
        self.step().await;
        if cut == Some(Cut::Answer(name)) {
            self.cut(None);
            return Err(lost());
        }
        answer
    }
}

/// Every call of the port, by way of [`Line::around`].
macro_rules! calls {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl GrantStore for Line {
            $(async fn $name(&self $(, $arg: $type)*) -> Stored<$answer> {
                self.around(stringify!($name), self.store.$name($($arg),*)).await
            })*
        }
    };
}

#[async_trait]
impl QuotaStore for Line {
    async fn draw(&self, turn: TurnId, draws: &[NamedDraw], always: bool) -> Stored<Drawn> {
        self.around("draw", self.store.draw(turn, draws, always)).await
    }

    async fn answered(&self, turn: TurnId, came: Came) -> Stored<()> {
        self.around("answered", self.store.answered(turn, came)).await
    }

    async fn shut(&self, name: &str, wait: Duration) -> Stored<Duration> {
        self.around("shut", self.store.shut(name, wait)).await
    }

    async fn left(&self, name: &str, left: Left) -> Stored<()> {
        self.around("left", self.store.left(name, left)).await
    }
}

calls! {
    now() -> Timestamp;
    put_flow(flow: &Flow, now: Timestamp) -> ();
    take_flow(
        state: &[u8; 32], provider: &ProviderKey, owner: Option<UserId>, now: Timestamp
    ) -> Option<Flow>;
    find_flow(
        state: &[u8; 32], provider: &ProviderKey, owner: Option<UserId>, now: Timestamp
    ) -> Option<Flow>;
    find_account(owner: UserId, provider: &ProviderKey, account: &str) -> Option<Integration>;
    connect(new: &NewIntegration) -> bool;
    reconnect(new: &NewIntegration) -> bool;
    integration(owner: UserId, id: IntegrationId) -> Option<Integration>;
    integrations(owner: UserId, after: Option<IntegrationId>, limit: u32) -> Vec<Integration>;
    owner_of(id: IntegrationId) -> Option<UserId>;
    edit(owner: UserId, id: IntegrationId, edit: &Edit, now: Timestamp) -> Option<Integration>;
    disconnect(
        owner: UserId, id: IntegrationId, now: Timestamp, debt: Option<DebtId>
    ) -> Option<GrantRow>;
    grant(id: IntegrationId) -> Option<GrantRow>;
    reserve(intent: &Intent) -> Reserved;
    answer(id: IntegrationId, attempt: AttemptId, answer: &Sealed, at: Timestamp) -> bool;
    release(id: IntegrationId, attempt: AttemptId, ended: Ended) -> ();
    orphan(holder: HolderId) -> ();
    commit(commit: &Commit) -> Committed;
    note(attempt: &Attempt) -> ();
    attempts(owner: UserId, id: IntegrationId) -> Vec<Attempt>;
    mark(
        id: IntegrationId, epoch: i64, lineage: Lineage, why: &Failure, since: Timestamp
    ) -> bool;
    claim_due(now: Timestamp, again: Timestamp, limit: u32) -> Vec<IntegrationId>;
    next_due() -> Option<Timestamp>;
    changes(after: i64) -> Vec<Change>;
    revision() -> i64;
    owe(debt: &Debt) -> ();
    claim_debts(now: Timestamp, again: Timestamp, limit: u32) -> Vec<Debt>;
    settle(debt: DebtId) -> ();
    debts() -> i64;
    sealed_otherwise(key: &KeyId, limit: u32) -> Vec<SealedRow>;
    reseal(row: &SealedRow, sealed: &Sealed) -> bool;
    sealing_keys() -> Vec<(KeyId, i64)>;
    tidy() -> ();
    is_copy() -> bool;
    adopt() -> ();
    announce(notice: &Notice) -> bool;
    notices(after: i64, limit: u32) -> Vec<(i64, Notice)>;
}
