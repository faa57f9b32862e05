//! Drawing on what all processes share, and the doors that are known to be shut.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::line::Lines;
use super::{Counted, Drawer, Drawn, Left, NamedDraw, Rule, lock};
use crate::budget::TooLong;
use crate::id::TurnId;
use crate::store::{GrantStore, StoreError, Stored};
use crate::{Clock, Entropy, Request, Tasks, measure};

/// How long the database may take to count before a call goes on without. Short enough that a refresh is
/// answered while its intent is in force.
const COUNT_LIMIT: Duration = Duration::from_secs(2);

/// The allowances of all registrations, as one process knows them.
pub(crate) struct Quotas {
    store: Arc<dyn GrantStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tasks: Tasks,
    lines: Lines,
    /// The uptime at which an allowance opens that is known to be shut.
    shut: Mutex<HashMap<String, Duration>>,
    /// The windows that the provider called used up while we counted room in them.
    doubted: Mutex<HashSet<String>>,
}

/// The allowance that stands in the way of a draw.
struct Obstacle {
    name: String,
    /// How long at least.
    wait: Duration,
    /// Whether the provider shut it; otherwise it is we who counted.
    shut: bool,
}

impl Quotas {
    pub(crate) fn new(
        store: Arc<dyn GrantStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        tasks: Tasks,
    ) -> Self {
        let lines = Lines::new(Arc::clone(&clock));
        Self {
            store,
            clock,
            entropy,
            tasks,
            lines,
            shut: Mutex::default(),
            doubted: Mutex::default(),
        }
    }

    /// Draws what the request takes, if there is room and nobody stands in line for it.
    pub(crate) async fn at_once(&self, drawer: Drawer<'_>, request: &Request) -> Option<Counted> {
        let draws = drawer.draws(request);
        if draws.is_empty() {
            return Some(self.nothing());
        }
        if self.lines.occupied(&draws).is_some() || self.is_doubted(&draws) {
            return None;
        }
        self.draw(&draws, false).await.ok()
    }

    /// Draws what the request takes, at its turn. `learn` is run once if it has to wait, since the
    /// provider may know better what it allows; and first of all, told that there is doubt, where the
    /// provider said stop although we counted room.
    pub(crate) async fn turn<F: Future<Output = ()> + Send>(
        &self,
        drawer: Drawer<'_>,
        request: &Request,
        deadline: Duration,
        learn: &mut Option<impl FnOnce(bool) -> F + Send>,
    ) -> Result<Counted, TooLong> {
        let mut draws = drawer.draws(request);
        let Some(first) = draws.first() else { return Ok(self.nothing()) };
        // Nobody queues up for what is known to take too long.
        self.in_time(self.shut_for(&draws).as_ref(), deadline)?;
        let behind = self.lines.occupied(&draws).unwrap_or(&first.name);
        let mut head = self.lines.stand(behind, deadline).await?;
        loop {
            let doubt =
                learn.is_some() && self.shut_for(&draws).is_none() && self.doubt_ends(&draws);
            let obstacle = if doubt {
                None
            } else {
                match self.draw(&draws, false).await {
                    Ok(counted) => return Ok(counted),
                    Err(obstacle) => Some(obstacle),
                }
            };
            // While it is shut nobody may ask, and it is not for what we take it to allow.
            if obstacle.as_ref().is_none_or(|obstacle| !obstacle.shut)
                && let Some(learn) = learn.take()
            {
                tokio::select! {
                    biased;
                    () = learn(doubt) => {}
                    () = self.clock.sleep(deadline.saturating_sub(self.clock.uptime())) => {}
                }
                draws = drawer.draws(request);
                if draws.is_empty() {
                    return Ok(self.nothing());
                }
                continue;
            }
            let Some(obstacle) = obstacle else { continue };
            let until = self.clock.uptime() + obstacle.wait;
            let Obstacle { name, .. } = &obstacle;
            if *name == head.name {
                self.in_time(Some(&obstacle), deadline)?;
                head.wait_until(until).await;
            } else {
                // Who waits for another allowance keeps nobody from this one.
                drop(head);
                head = self.lines.stand(name, deadline).await?;
            }
        }
    }

    /// Counts what goes whether or not there is room for it; how long to wait if it is shut.
    pub(crate) async fn count(
        &self,
        drawer: Drawer<'_>,
        request: &Request,
    ) -> Result<Counted, Duration> {
        let draws = drawer.draws(request);
        if draws.is_empty() {
            return Ok(self.nothing());
        }
        self.draw(&draws, true).await.map_err(|obstacle| obstacle.wait)
    }

    async fn draw(&self, draws: &[NamedDraw], always: bool) -> Result<Counted, Obstacle> {
        if let Some(shut) = self.shut_for(draws) {
            return Err(shut);
        }
        let turn = TurnId::new(&*self.clock, &*self.entropy);
        // Before it is drawn: whoever is dropped meanwhile gives it back.
        let counted = Counted::new(&self.store, &self.tasks, Some(turn));
        match self.in_short(self.store.draw(turn, draws, always)).await {
            Ok(Drawn::Taken) => Ok(counted),
            Ok(Drawn::Wait { name, wait, shut }) => {
                counted.forget();
                measure::budget_waited(if shut { "shut" } else { "allowance" });
                if shut {
                    self.remember(&name, wait);
                }
                Err(Obstacle { name, wait, shut })
            }
            Err(error) => {
                tracing::warn!(%error, "a call goes uncounted: the database is away");
                Ok(counted)
            }
        }
    }

    /// The provider said stop: nothing that draws on this kind of allowance is sent for so long. How long
    /// that is in the end; `None` if the request draws on none of that kind.
    pub(crate) async fn shut(
        &self,
        drawer: Drawer<'_>,
        request: &Request,
        kind: &'static str,
        wait: Duration,
    ) -> Option<Duration> {
        let draws = drawer.draws_on(request, kind);
        // At once here, and everywhere as soon as it is written.
        for draw in &draws {
            self.remember(&draw.name, wait);
            if draw.rule != Rule::Left {
                lock(&self.doubted).insert(draw.name.clone());
            }
        }
        for NamedDraw { name, .. } in &draws {
            match self.in_short(self.store.shut(name, wait)).await {
                Ok(wait) => self.remember(name, wait),
                // Not which: its name holds an account's id.
                Err(error) => tracing::warn!(kind, %error, "other processes do not know of a stop"),
            }
        }
        (!draws.is_empty()).then(|| self.shut_for(&draws).map_or(wait, |obstacle| obstacle.wait))
    }

    /// Takes note of what the provider said is left.
    pub(crate) async fn left(&self, drawer: Drawer<'_>, kind: &str, of: &str, left: Left) {
        let name = drawer.name(kind, of);
        if let Err(error) = self.in_short(self.store.left(&name, left)).await {
            tracing::warn!(kind, %error, "what is left of an allowance could not be noted");
        }
    }

    /// Whether the request draws on what this process knows to be shut.
    pub(crate) fn is_shut(&self, drawer: Drawer<'_>, request: &Request) -> bool {
        self.shut_for(&drawer.draws(request)).is_some()
    }

    /// Forgets queues that nobody stands in.
    pub(crate) fn sweep(&self) {
        self.lines.sweep();
    }

    /// What is known to be shut of all this, and for longest.
    fn shut_for(&self, draws: &[NamedDraw]) -> Option<Obstacle> {
        if draws.is_empty() {
            return None;
        }
        let (now, mut shut) = (self.clock.uptime(), lock(&self.shut));
        shut.retain(|_, until| *until > now);
        let known = draws.iter().filter_map(|draw| shut.get_key_value(&draw.name));
        let (name, until) = known.max_by_key(|(_, until)| **until)?;
        Some(Obstacle { name: name.clone(), wait: until.saturating_sub(now), shut: true })
    }

    fn remember(&self, name: &str, wait: Duration) {
        let until = self.clock.uptime() + wait;
        {
            let mut shut = lock(&self.shut);
            let known = shut.entry(name.to_owned()).or_default();
            *known = until.max(*known);
        }
        self.lines.hold_up(name, until);
    }

    /// Whether what we take one of these to allow is in doubt.
    fn is_doubted(&self, draws: &[NamedDraw]) -> bool {
        let doubted = lock(&self.doubted);
        draws.iter().any(|draw| doubted.contains(&draw.name))
    }

    /// The same, for whoever asks the provider now: nobody else has to.
    fn doubt_ends(&self, draws: &[NamedDraw]) -> bool {
        let mut doubted = lock(&self.doubted);
        draws.iter().fold(false, |found, draw| doubted.remove(&draw.name) | found)
    }

    fn in_time(&self, obstacle: Option<&Obstacle>, deadline: Duration) -> Result<(), TooLong> {
        match obstacle {
            Some(Obstacle { wait, .. }) if self.clock.uptime() + *wait > deadline => {
                Err(TooLong { retry_after: Some(*wait) })
            }
            _ => Ok(()),
        }
    }

    /// A database that hangs is as good as away.
    async fn in_short<T>(&self, call: impl Future<Output = Stored<T>>) -> Stored<T> {
        tokio::select! {
            biased;
            answer = call => answer,
            () = self.clock.sleep(COUNT_LIMIT) => {
                Err(StoreError::Unavailable("it does not answer in time".into()))
            }
        }
    }

    fn nothing(&self) -> Counted {
        Counted::new(&self.store, &self.tasks, None)
    }
}
