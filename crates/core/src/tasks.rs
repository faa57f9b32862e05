//! Background work that a shutdown waits for.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Clock;

/// The tasks of one process: everything that runs on after its caller has gone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl Tasks {
    /// Starts `work`; it runs to its end even if nobody waits for it.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        #[expect(
            clippy::let_underscore_future,
            reason = "the tracker waits for it, not the caller"
        )]
        let _ = self.tracker.spawn(work);
    }

    /// Starts a loop; it is dropped between two steps once the process is stopping.
    pub fn spawn_loop(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Whether the process is stopping.
    pub fn stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Returns once the process is stopping.
    pub async fn stopped(&self) {
        self.stopping.cancelled().await;
    }

    /// Ends the loops and waits for everything else, at most `patience`.
    ///
    /// Returns how many tasks were still running when patience ran out.
    pub async fn drain(&self, clock: &dyn Clock, patience: Duration) -> usize {
        self.stopping.cancel();
        self.tracker.close();
        tokio::select! {
            () = self.tracker.wait() => 0,
            () = clock.sleep(patience) => self.tracker.len(),
        }
    }
}
