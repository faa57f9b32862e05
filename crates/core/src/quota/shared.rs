//! Drawing on what all processes share, and the doors that are known to be shut.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::line::Lines;
use super::{Counted, Drawer, Drawn, Left, NamedDraw, lock};
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
}

/// The allowance that stands in the way of a draw.
struct Obstacle {
    name: String,
    /// How long at least.
    wait: Duration,
}

impl Quotas {
    pub(crate) fn new(
        store: Arc<dyn GrantStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        tasks: Tasks,
    ) -> Self {
        let lines = Lines::new(Arc::clone(&clock));
        Self { store, clock, entropy, tasks, lines, shut: Mutex::default() }
    }

    /// Draws what the request takes, if there is room and nobody stands in line for it.
    pub(crate) async fn at_once(&self, drawer: Drawer<'_>, request: &Request) -> Option<Counted> {
        let draws = drawer.draws(request);
        if draws.is_empty() {
            return Some(self.nothing());
        }
        if self.lines.occupied(&draws).is_some() {
            return None;
        }
        self.draw(&draws, false).await.ok()
    }

    /// Draws what the request takes, at its turn. What `learn` holds is done once if it has to wait: the
    /// provider may know better what it allows.
    pub(crate) async fn turn(
        &self,
        drawer: Drawer<'_>,
        request: &Request,
        deadline: Duration,
        learn: &mut Option<impl Future<Output = ()> + Send + Unpin>,
    ) -> Result<Counted, TooLong> {
        let mut draws = drawer.draws(request);
        let Some(first) = draws.first() else { return Ok(self.nothing()) };
        // Nobody queues up for what is known to take too long.
        self.in_time(self.shut_for(&draws).as_ref(), deadline)?;
        let behind = self.lines.occupied(&draws).unwrap_or(&first.name);
        let mut head = self.lines.stand(behind, deadline).await?;
        loop {
            let obstacle = match self.draw(&draws, false).await {
                Ok(counted) => return Ok(counted),
                Err(obstacle) => obstacle,
            };
            if let Some(learn) = learn.take() {
                tokio::select! {
                    biased;
                    () = learn => {}
                    () = self.clock.sleep(deadline.saturating_sub(self.clock.uptime())) => {}
                }
                draws = drawer.draws(request);
                if draws.is_empty() {
                    return Ok(self.nothing());
                }
                continue;
            }
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
                Err(Obstacle { name, wait })
            }
            Err(error) => {
                tracing::warn!(%error, "a call goes uncounted: the database is away");
                Ok(counted)
            }
        }
    }

    /// The provider said stop: nothing that draws on this kind of allowance is sent for so long. `false`
    /// if the request draws on none of that kind.
    pub(crate) async fn shut(
        &self,
        drawer: Drawer<'_>,
        request: &Request,
        kind: &'static str,
        wait: Duration,
    ) -> bool {
        let names = drawer.named(request, kind);
        // At once here, and everywhere as soon as it is written.
        for name in &names {
            self.remember(name, wait);
        }
        for name in &names {
            match self.in_short(self.store.shut(name, wait)).await {
                Ok(wait) => self.remember(name, wait),
                Err(error) => tracing::warn!(name, %error, "other processes do not know of a stop"),
            }
        }
        !names.is_empty()
    }

    /// Takes note of what the provider said is left.
    pub(crate) async fn left(&self, drawer: Drawer<'_>, kind: &str, of: &str, left: Left) {
        let name = drawer.name(kind, of);
        if let Err(error) = self.in_short(self.store.left(&name, left)).await {
            tracing::warn!(name, %error, "what is left of an allowance could not be noted");
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
        Some(Obstacle { name: name.clone(), wait: until.saturating_sub(now) })
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
