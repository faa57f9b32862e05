//! What was drawn for one request, from the draw to the answer.

use std::sync::Arc;

use http::StatusCode;

use super::Came;
use crate::id::TurnId;
use crate::store::GrantStore;
use crate::{Tasks, TransportError};

/// What was drawn for one request. Dropped, it is given back if the request was never sent, and counts
/// for longest if it was and nobody knows when it arrived.
pub(crate) struct Counted {
    store: Arc<dyn GrantStore>,
    tasks: Tasks,
    turn: Option<TurnId>,
    /// `None` while nobody knows: it was sent.
    came: Option<Came>,
}

impl Counted {
    pub(super) fn new(store: &Arc<dyn GrantStore>, tasks: &Tasks, turn: Option<TurnId>) -> Self {
        Self { store: Arc::clone(store), tasks: tasks.clone(), turn, came: Some(Came::Unsent) }
    }

    /// Nothing was drawn after all.
    pub(super) fn forget(mut self) {
        self.turn = None;
    }

    /// It is sent from now on, and counts.
    pub(crate) fn sent(&mut self) {
        self.came = None;
    }

    /// What came of the request; without an answer it counts for longer, as it may arrive late.
    pub(crate) fn end(mut self, came: Result<StatusCode, &TransportError>) {
        self.came = match came {
            Ok(status) if !status.is_success() => Some(Came::Refused),
            Ok(_) | Err(TransportError::TooLarge { .. }) => Some(Came::Answered),
            Err(TransportError::Unanswered { .. }) => None,
            Err(TransportError::Unsent { .. }) => Some(Came::Unsent),
        };
    }

    /// It is answered.
    pub(crate) fn answered(mut self) {
        self.came = Some(Came::Answered);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let (Some(turn), Some(came)) = (self.turn.take(), self.came) else { return };
        // Without a runtime the process is at its end.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let store = Arc::clone(&self.store);
        self.tasks.spawn(async move {
            // Where this fails it counts for a minute longer than it has to.
            if let Err(error) = store.answered(turn, came).await {
                tracing::debug!(%error, "a call counts for longer than it has to");
            }
        });
    }
}
