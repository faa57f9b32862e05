//! Background work that a shutdown waits for.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

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

    /// Runs `work` in a task of its own, and gives what comes of it: so it goes on while its caller's task is
    /// busy with something else. When the caller waits no more it ends; if it panics, so does the caller.
    pub async fn beside<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match AbortOnDropHandle::new(self.tracker.spawn(work)).await {
            Ok(done) => done,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and the caller with it.
                Err(_) => std::future::pending().await,
            },
        }
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
