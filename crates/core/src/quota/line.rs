//! The queue before an allowance, and the doors that are known to be shut.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Draw, Drawn, Left, NamedDraw};
use crate::budget::TooLong;
use crate::id::TurnId;
use crate::provider::Provider;
use crate::store::GrantStore;
use crate::{Clock, Entropy, Request, Tasks, measure};

/// The allowances of all registrations, as one process knows them.
pub(crate) struct Quotas {
    store: Arc<dyn GrantStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tasks: Tasks,
    /// Where one waits behind the other, by the first allowance that is drawn on.
    lines: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// The uptime at which an allowance opens that is known to be shut.
    shut: Mutex<HashMap<String, Duration>>,
}

/// Who draws: a registration at its provider, in one account.
#[derive(Clone, Copy)]
pub(crate) struct Drawer<'a> {
    pub(crate) provider: &'a dyn Provider,
    /// The account's id; `None` while somebody signs in.
    pub(crate) account: Option<&'a crate::Account>,
}

impl Drawer<'_> {
    /// What the request draws on, by name.
    pub(crate) fn draws(&self, request: &Request) -> Vec<NamedDraw> {
        let draws = self.provider.draws(request, self.account);
        let mut draws: Vec<_> = draws
            .into_iter()
            .map(|Draw { kind, of, amount, rule }| NamedDraw {
                name: self.name(kind, &of),
                amount,
                rule,
            })
            .collect();
        // Whoever draws on several takes them in one order, and nobody waits for each other.
        draws.sort_by(|one, other| one.name.cmp(&other.name));
        draws
    }

    pub(crate) fn name(&self, kind: &str, of: &str) -> String {
        format!("{}/{kind}/{of}", self.provider.manifest().registration)
    }

    /// The names of the allowances of this kind that the request draws on.
    fn named(&self, request: &Request, kind: &str) -> Vec<String> {
        let draws = self.provider.draws(request, self.account).into_iter();
        draws.filter(|draw| draw.kind == kind).map(|draw| self.name(kind, &draw.of)).collect()
    }
}

impl Quotas {
    pub(crate) fn new(
        store: Arc<dyn GrantStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        tasks: Tasks,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            clock,
            entropy,
            tasks,
            lines: Mutex::default(),
            shut: Mutex::default(),
        })
    }

    /// Draws what the request takes, at its turn. `learn` is asked once if it has to wait: the provider
    /// may know better what it allows.
    pub(crate) async fn turn(
        self: &Arc<Self>,
        drawer: Drawer<'_>,
        request: &Request,
        deadline: Duration,
        learn: impl Future<Output = ()> + Send,
    ) -> Result<Counted, TooLong> {
        let mut draws = drawer.draws(request);
        let Some(first) = draws.first() else { return Ok(Counted::nothing(self)) };
        // Nobody queues up for what is known to take too long.
        if let Some(wait) = self.shut_for(&draws)
            && self.clock.uptime() + wait > deadline
        {
            return Err(TooLong { retry_after: Some(wait) });
        }
        let line = Arc::clone(lock(&self.lines).entry(first.name.clone()).or_default());
        let _head = tokio::select! {
            biased;
            head = line.lock() => head,
            () = self.clock.sleep(deadline.saturating_sub(self.clock.uptime())) => {
                return Err(TooLong { retry_after: self.shut_for(&draws) });
            }
        };
        let mut learn = Some(learn);
        loop {
            let (turn, wait) = self.draw(&draws, false).await;
            let Some(wait) = wait else { return Ok(turn) };
            if let Some(learn) = learn.take() {
                learn.await;
                draws = drawer.draws(request);
                continue;
            }
            let now = self.clock.uptime();
            if now + wait > deadline {
                return Err(TooLong { retry_after: Some(wait) });
            }
            self.clock.sleep(wait).await;
        }
    }

    /// Counts what goes whether or not there is room for it; how long to wait if it is shut.
    pub(crate) async fn count(
        self: &Arc<Self>,
        drawer: Drawer<'_>,
        request: &Request,
    ) -> Result<Counted, Duration> {
        let draws = drawer.draws(request);
        if draws.is_empty() {
            return Ok(Counted::nothing(self));
        }
        match self.draw(&draws, true).await {
            (counted, None) => Ok(counted),
            (_, Some(wait)) => Err(wait),
        }
    }

    async fn draw(
        self: &Arc<Self>,
        draws: &[NamedDraw],
        always: bool,
    ) -> (Counted, Option<Duration>) {
        if let Some(wait) = self.shut_for(draws) {
            return (Counted::nothing(self), Some(wait));
        }
        let turn = TurnId::new(&*self.clock, &*self.entropy);
        match self.store.draw(turn, draws, always).await {
            Ok(Drawn::Taken) => {
                (Counted { quotas: Arc::clone(self), turn: Some(turn), sent: false }, None)
            }
            Ok(Drawn::Wait { name, wait, shut }) => {
                measure::budget_waited(if shut { "shut" } else { "allowance" });
                if shut {
                    self.remember(name, wait);
                }
                (Counted::nothing(self), Some(wait))
            }
            Err(error) => {
                tracing::warn!(%error, "a call goes uncounted: the database is away");
                (Counted::nothing(self), None)
            }
        }
    }

    /// The provider said stop: nothing that draws on this kind of allowance is sent for so long.
    pub(crate) async fn shut(
        &self,
        drawer: Drawer<'_>,
        request: &Request,
        kind: &'static str,
        wait: Duration,
    ) {
        for name in drawer.named(request, kind) {
            // At once here, and everywhere as soon as it is written.
            self.remember(name.clone(), wait);
            match self.store.shut(&name, wait).await {
                Ok(wait) => self.remember(name, wait),
                Err(error) => tracing::warn!(name, %error, "other processes do not know of a stop"),
            }
        }
    }

    /// Takes note of what the provider said is left.
    pub(crate) async fn left(&self, drawer: Drawer<'_>, kind: &str, of: &str, left: Left) {
        let name = drawer.name(kind, of);
        if let Err(error) = self.store.left(&name, left).await {
            tracing::warn!(name, %error, "what is left of an allowance could not be noted");
        }
    }

    /// How long until all of this may be drawn on, as far as this process knows.
    pub(crate) fn shut_for(&self, draws: &[NamedDraw]) -> Option<Duration> {
        let (now, mut shut) = (self.clock.uptime(), lock(&self.shut));
        shut.retain(|_, until| *until > now);
        draws.iter().filter_map(|draw| shut.get(&draw.name)).max().map(|until| *until - now)
    }

    /// Forgets queues that nobody stands in.
    pub(crate) fn sweep(&self) {
        lock(&self.lines).retain(|_, line| Arc::strong_count(line) > 1);
    }

    fn remember(&self, name: String, wait: Duration) {
        let until = self.clock.uptime() + wait;
        let mut shut = lock(&self.shut);
        let known = shut.entry(name).or_default();
        *known = until.max(*known);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was drawn for one request, until it is answered; what was not sent is given back.
pub(crate) struct Counted {
    quotas: Arc<Quotas>,
    turn: Option<TurnId>,
    sent: bool,
}

impl Counted {
    fn nothing(quotas: &Arc<Quotas>) -> Self {
        Self { quotas: Arc::clone(quotas), turn: None, sent: false }
    }

    /// It is sent from now on, and counts.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        // Without a runtime the process is at its end.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (store, sent) = (Arc::clone(&self.quotas.store), self.sent);
        self.quotas.tasks.spawn(async move {
            // Where this fails it counts for a minute longer than it has to.
            if let Err(error) = store.answered(turn, sent).await {
                tracing::debug!(%error, "a call counts for longer than it has to");
            }
        });
    }
}
