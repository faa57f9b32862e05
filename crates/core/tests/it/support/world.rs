//! The provider as all processes and its users see it.
//!
//! Tests judge by its ledger, never by what the vault says of itself.

use std::sync::{Arc, Mutex, PoisonError};

use evergrant::Clock;
use evergrant::testing::TestClock;
use tokio::sync::{Semaphore, watch};

use super::ledger::{Fault, Ledger, Rotation};

/// A door that a test closes to hold somebody up.
#[derive(Debug, Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

impl Gate {
    pub(crate) fn close(&self) {
        self.0.send_replace(false);
    }

    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn pass(&self) {
        let mut open = self.0.subscribe();
        let _ = open.wait_for(|open| *open).await;
    }
}

/// Lets one process go on by one step at a time, at the calls that matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turnstile(Arc<Mutex<Option<Gated>>>);

/// The names of calls, and their turns.
type Gated = (&'static [&'static str], Arc<Semaphore>);

impl Turnstile {
    /// From now on each call of these names waits for its turn.
    pub(crate) fn close(&self, names: &'static [&'static str]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((names, Arc::new(Semaphore::new(0))));
    }

    /// One call may pass.
    pub(crate) fn turn(&self) {
        if let Some((_, turns)) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            turns.add_permits(1);
        }
    }

    /// Every call may pass.
    pub(crate) fn open(&self) {
        let gated = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, turns)) = gated {
            turns.close();
        }
    }

    pub(crate) async fn pass(&self, name: &str) {
        let turns = {
            let gated = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let mine = gated.as_ref().filter(|(names, _)| names.contains(&name));
            mine.map(|(_, turns)| Arc::clone(turns))
        };
        if let Some(turns) = turns
            && let Ok(turn) = turns.acquire().await
        {
            turn.forget();
        }
    }
}

/// The provider, shared by all processes.
#[derive(Clone)]
pub(crate) struct World {
    clock: TestClock,
    ledger: Arc<Mutex<Ledger>>,
    /// Holds up requests before they have their effect.
    pub(crate) requests: Gate,
    /// Holds up answers after the effect.
    pub(crate) answers: Gate,
}

impl World {
    pub(crate) fn new(clock: &TestClock, rotation: Rotation) -> Self {
        Self {
            clock: clock.clone(),
            ledger: Arc::new(Mutex::new(Ledger::new(rotation))),
            requests: Gate::default(),
            answers: Gate::default(),
        }
    }

    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut Ledger) -> T) -> T {
        f(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.with(|ledger| ledger.refreshes)
    }

    pub(crate) fn fail_next(&self, fault: Fault) {
        self.with(|ledger| ledger.faults.push_back(fault));
    }

    pub(crate) fn fail_always(&self, fault: Option<Fault>) {
        self.with(|ledger| ledger.standing = fault);
    }

    /// Whether the API takes this access token now, by true time.
    pub(crate) fn alive(&self, access: &str) -> bool {
        let now = self.clock.uptime();
        self.with(|ledger| ledger.alive(access, now))
    }

    /// Refresh tokens that nobody has spent yet.
    pub(crate) fn unspent(&self) -> Vec<String> {
        self.with(|ledger| {
            let tokens = ledger.refresh_tokens.iter();
            let unspent = tokens.filter(|(_, issued)| issued.spent == 0);
            unspent.map(|(token, _)| token.clone()).collect()
        })
    }

    /// The user removes our access at the provider.
    pub(crate) fn end_family(&self, family: usize) {
        self.with(|ledger| ledger.families[family].ended = true);
    }

    /// Every access token issued so far stops working; the refresh tokens stay good.
    pub(crate) fn end_access_tokens(&self) {
        self.with(|ledger| {
            for access in ledger.access_tokens.values_mut() {
                access.ended = true;
            }
        });
    }

    /// The user agrees; gives the code the browser comes back with.
    pub(crate) fn agree(&self, authorize: &url::Url, account: &str) -> String {
        let challenge = authorize.query_pairs().find(|(k, _)| k == "challenge");
        self.agree_to(&challenge.expect("a challenge").1, account)
    }

    pub(crate) fn agree_to(&self, challenge: &str, account: &str) -> String {
        self.with(|ledger| {
            let code = ledger.fresh("code");
            let bound = (account.to_owned(), challenge.to_owned());
            ledger.codes.insert(code.clone(), bound);
            code
        })
    }
}
