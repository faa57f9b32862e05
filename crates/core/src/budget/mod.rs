//! Turns: what a provider allows one registration to do in one account, kept to before it has to say so.
//!
//! All keys that share a registration share the account's budget, and with it its pauses. The rules,
//! each with a test of its name:
//!
//! 1. Never more calls at a time than the provider allows.
//! 2. A window is never exceeded. A call counts from its turn until a window after its answer, so
//!    whenever between the two the provider counts it, its own count is no higher than ours.
//! 3. A pause that the provider asked for holds for the whole mailbox: nobody sends before it is over.
//! 4. Interactive calls go before background ones, and within each first come is first served.
//! 5. Whoever stops waiting gives up the place and leaves nothing behind.
//! 6. Waiting is bounded: whoever would have to wait for longer than its patience hears so at once.
//! 7. Another mailbox is not slowed, and an idle one costs no memory.
//! 8. A call that was left without an answer, by its caller or by the network, keeps its turn for a
//!    second more: the provider may still be at it.
//!
//! Whoever waits at the head of the queue watches the clock; everybody else sleeps until it is the
//! head. The budget is this process's: others have their own ([ADR 11](../../../docs/adr/0011-budgets.md)).

#[cfg(test)]
mod tests;
mod window;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::provider::{Limits, Manifest, Providers};
use crate::{Clock, TransportError, measure};
use window::Window;

/// How long a call that was left without an answer keeps its turn.
const LEFT: Duration = Duration::from_secs(1);

/// Whose calls go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Somebody waits for the answer.
    Interactive,
    /// Nobody does.
    Background,
}

impl Class {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Background => "background",
        }
    }
}

/// A registration and an account.
type Mailbox = (String, String);

/// The budgets of all mailboxes that are in use.
pub(crate) struct Budgets {
    clock: Arc<dyn Clock>,
    /// The narrowest limits of the keys that share a registration.
    limits: BTreeMap<String, Limits>,
    mailboxes: Mutex<HashMap<Mailbox, Arc<Budget>>>,
}

impl Budgets {
    pub(crate) fn new(providers: &Providers, clock: Arc<dyn Clock>) -> Self {
        let mut limits = BTreeMap::new();
        for provider in providers.iter() {
            let Manifest { registration, limits: own, .. } = provider.manifest();
            let shared = limits.entry(registration.clone()).or_insert(*own);
            *shared = narrower(*shared, *own);
        }
        Self { clock, limits, mailboxes: Mutex::default() }
    }

    /// The budget of an account at a registration.
    pub(crate) fn of(&self, registration: &str, account: &str) -> Arc<Budget> {
        let mailbox = (registration.to_owned(), account.to_owned());
        let mut mailboxes = self.lock();
        let budget = mailboxes.entry(mailbox).or_insert_with(|| {
            let limits = self.limits.get(registration).copied().unwrap_or(Limits::NONE);
            Arc::new(Budget::new(limits, Arc::clone(&self.clock)))
        });
        Arc::clone(budget)
    }

    /// Forgets mailboxes that nobody uses and whose windows and pauses have passed.
    pub(crate) fn sweep(&self) {
        self.lock().retain(|_, budget| Arc::strong_count(budget) > 1 || !budget.is_idle());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Mailbox, Arc<Budget>>> {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What both allow.
fn narrower(one: Limits, other: Limits) -> Limits {
    Limits {
        concurrent: one.concurrent.min(other.concurrent),
        calls: one.calls.min(other.calls),
        window: one.window.max(other.window),
        upload_bytes: one.upload_bytes.min(other.upload_bytes),
        upload_window: one.upload_window.max(other.upload_window),
    }
}

/// One mailbox's budget.
pub(crate) struct Budget {
    limits: Limits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// Times are the clock's uptime: whoever sets the wall clock back must not stop us.
struct State {
    /// Those that were left included.
    running: usize,
    running_bytes: u64,
    /// Until when calls that were left keep their turns, and their bytes.
    left: VecDeque<(Duration, u64)>,
    calls: Window,
    bytes: Window,
    paused_until: Duration,
    /// By whose turn is next.
    waiting: BTreeMap<Place, Arc<Notify>>,
    places: u64,
}

/// A place in the queue: interactive before background, then first come, first served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(Class, u64);

/// What a call asks of a budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// Its place in the queue, which it keeps over its repetitions.
    pub(crate) place: Place,
    /// What it uploads.
    pub(crate) bytes: u64,
    /// The uptime at which its patience ends.
    pub(crate) deadline: Duration,
}

/// What stands in the way of a turn.
struct Obstacle {
    /// Its name among the budgets of the metrics.
    name: &'static str,
    /// When it is gone, where that is known.
    until: Option<Duration>,
}

/// Patience would end, or has ended, before the turn came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// How long it takes at least, where that is known.
    pub(crate) retry_after: Option<Duration>,
}

impl Budget {
    fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State {
            running: 0,
            running_bytes: 0,
            left: VecDeque::new(),
            calls: Window::new(limits.window),
            bytes: Window::new(limits.upload_window),
            paused_until: Duration::ZERO,
            waiting: BTreeMap::new(),
            places: 0,
        });
        Self { limits, clock, state }
    }

    /// The next place of this class.
    pub(crate) fn place(&self, class: Class) -> Place {
        let mut state = self.lock();
        state.places += 1;
        Place(class, state.places)
    }

    /// Waits for a turn; it is given back when it is dropped.
    pub(crate) async fn turn(self: &Arc<Self>, ask: Ask) -> Result<Turn, TooLong> {
        let began = self.clock.uptime();
        let bell = {
            let mut state = self.lock();
            match self.admit(&mut state, ask, began) {
                Ok(()) => return Ok(Turn::of(self, ask, false)),
                Err(obstacle) => measure::budget_waited(obstacle.name),
            }
            let bell = Arc::new(Notify::new());
            state.waiting.insert(ask.place, Arc::clone(&bell));
            bell
        };
        let _waiting = Waiting::begin(self, ask.place);
        loop {
            let now = self.clock.uptime();
            let admitted = self.admit(&mut self.lock(), ask, now);
            let Err(Obstacle { until, .. }) = admitted else {
                return Ok(Turn::of(self, ask, true));
            };
            let retry_after = until.map(|until| until.saturating_sub(now));
            if now >= ask.deadline || until.is_some_and(|until| until > ask.deadline) {
                return Err(TooLong { retry_after });
            }
            let wait = until.unwrap_or(ask.deadline).min(ask.deadline).saturating_sub(now);
            tokio::select! {
                () = bell.notified() => {}
                () = self.clock.sleep(wait) => {}
            }
        }
    }

    /// Nobody sends for so long, beginning now.
    pub(crate) fn pause(&self, wait: Duration) {
        let mut state = self.lock();
        state.paused_until = state.paused_until.max(self.clock.uptime() + wait);
        // Some may have less patience than that.
        state.waiting.values().for_each(|bell| bell.notify_one());
    }

    /// Takes a turn, if nobody is before this ask and nothing stands in its way.
    fn admit(&self, state: &mut State, ask: Ask, now: Duration) -> Result<(), Obstacle> {
        self.settle(state, now);
        if state.paused_until > now {
            return Err(Obstacle { name: "pause", until: Some(state.paused_until) });
        }
        if state.waiting.keys().next().is_some_and(|head| *head < ask.place) {
            return Err(Obstacle { name: "queue", until: None });
        }
        // An answer may come sooner, so this is no reason to give up before one's patience ends.
        let left = state.left.front().map(|(until, _)| *until).filter(|at| *at <= ask.deadline);
        if state.running >= self.limits.concurrent {
            return Err(Obstacle { name: "concurrent", until: left });
        }
        if self.counts_calls() {
            let used = state.calls.sum(now) + state.running as u64;
            if used >= u64::from(self.limits.calls) {
                return Err(Obstacle { name: "calls", until: state.calls.relief().or(left) });
            }
        }
        let bytes = self.counted(ask.bytes);
        if bytes > 0 {
            let used = state.bytes.sum(now) + state.running_bytes;
            if used + bytes > self.limits.upload_bytes {
                return Err(Obstacle { name: "upload", until: state.bytes.relief().or(left) });
            }
        }
        state.running += 1;
        state.running_bytes += bytes;
        Ok(())
    }

    /// Ends the turns of calls that were left long enough ago.
    fn settle(&self, state: &mut State, now: Duration) {
        while let Some((_, bytes)) = state.left.pop_front_if(|(until, _)| *until <= now) {
            self.release(state, now, bytes);
        }
    }

    /// Ends a turn.
    fn release(&self, state: &mut State, now: Duration, bytes: u64) {
        state.running -= 1;
        state.running_bytes -= bytes;
        if self.counts_calls() {
            state.calls.add(now, 1);
        }
        if bytes > 0 {
            state.bytes.add(now, bytes);
        }
    }

    fn counts_calls(&self) -> bool {
        self.limits.calls < u32::MAX
    }

    /// The bytes that count. What is larger than the whole budget goes alone.
    fn counted(&self, bytes: u64) -> u64 {
        if self.limits.upload_bytes == u64::MAX { 0 } else { bytes.min(self.limits.upload_bytes) }
    }

    fn is_idle(&self) -> bool {
        let (now, mut state) = (self.clock.uptime(), self.lock());
        self.settle(&mut state, now);
        state.running == 0
            && state.paused_until <= now
            && state.calls.sum(now) == 0
            && state.bytes.sum(now) == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Wakes whoever is next.
    fn call_next(&self) {
        if let Some(bell) = self.waiting.values().next() {
            bell.notify_one();
        }
    }
}

/// The right to make one call; dropped, it is given back, at once or, where the call was sent and not
/// answered, a little later.
pub(crate) struct Turn {
    budget: Arc<Budget>,
    bytes: u64,
    call: Call,
    /// Whether its caller had to wait for it.
    pub(crate) waited: bool,
}

/// What a turn was used for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    /// A call that counts from the turn's end.
    Made,
    /// The provider may be at it.
    Sent,
    /// None, and nothing counts.
    Waived,
}

impl Turn {
    fn of(budget: &Arc<Budget>, ask: Ask, waited: bool) -> Self {
        let bytes = budget.counted(ask.bytes);
        Self { budget: Arc::clone(budget), bytes, call: Call::Made, waited }
    }

    /// The call is sent from now on.
    pub(crate) fn sent(&mut self) {
        self.call = Call::Sent;
    }

    /// Gives it back at once: the provider is done with the call.
    pub(crate) fn answered(mut self) {
        self.call = Call::Made;
    }

    /// Gives it back unused.
    pub(crate) fn waive(mut self) {
        self.call = Call::Waived;
    }

    /// Gives it back, by what came of the call.
    pub(crate) fn end<T>(self, came: &Result<T, TransportError>) {
        if !matches!(came, Err(TransportError::Unanswered { .. })) {
            self.answered();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let (now, mut state) = (self.budget.clock.uptime(), self.budget.lock());
        match self.call {
            Call::Sent => state.left.push_back((now + LEFT, self.bytes)),
            Call::Made => self.budget.release(&mut state, now, self.bytes),
            Call::Waived => {
                state.running -= 1;
                state.running_bytes -= self.bytes;
            }
        }
        state.call_next();
    }
}

/// Somebody in the queue, until it is dropped.
struct Waiting<'a> {
    budget: &'a Budget,
    place: Place,
    began: Duration,
}

impl<'a> Waiting<'a> {
    fn begin(budget: &'a Budget, place: Place) -> Self {
        measure::budget_waiting(place.0.name(), 1.0);
        Self { budget, place, began: budget.clock.uptime() }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let class = self.place.0.name();
        measure::budget_waiting(class, -1.0);
        let waited = self.budget.clock.uptime().saturating_sub(self.began);
        measure::budget_wait(class, waited);
        tracing::debug!(class, waited = ?waited, "a call waited for its mailbox's budget");
        let mut state = self.budget.lock();
        state.waiting.remove(&self.place);
        state.call_next();
    }
}
