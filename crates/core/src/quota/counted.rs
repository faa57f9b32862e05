//! What was drawn for one request, from the draw to the answer.

use std::sync::Arc;

use crate::id::TurnId;
use crate::store::GrantStore;
use crate::{Tasks, TransportError};

/// What was drawn for one request. Dropped, it is given back if the request was never sent, and counts
/// for longest if it was and nobody knows when it arrived.
pub(crate) struct Counted {
    store: Arc<dyn GrantStore>,
    tasks: Tasks,
    turn: Option<TurnId>,
    fate: Fate,
}

/// How far the request has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Unsent,
    Sent,
    Answered,
}

impl Counted {
    pub(super) fn new(store: &Arc<dyn GrantStore>, tasks: &Tasks, turn: Option<TurnId>) -> Self {
        Self { store: Arc::clone(store), tasks: tasks.clone(), turn, fate: Fate::Unsent }
    }

    /// Nothing was drawn after all.
    pub(super) fn forget(mut self) {
        self.turn = None;
    }

    /// It is sent from now on, and counts.
    pub(crate) fn sent(&mut self) {
        self.fate = Fate::Sent;
    }

    /// What came of the request; without an answer it counts for longer, as it may arrive late.
    pub(crate) fn end<T>(mut self, came: &Result<T, TransportError>) {
        self.fate = match came {
            Ok(_) | Err(TransportError::TooLarge { .. }) => Fate::Answered,
            Err(TransportError::Unanswered { .. }) => Fate::Sent,
            Err(TransportError::Unsent { .. }) => Fate::Unsent,
        };
    }

    /// It is answered.
    pub(crate) fn answered(mut self) {
        self.fate = Fate::Answered;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take().filter(|_| self.fate != Fate::Sent) else { return };
        // Without a runtime the process is at its end.
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (store, sent) = (Arc::clone(&self.store), self.fate == Fate::Answered);
        self.tasks.spawn(async move {
            // Where this fails it counts for a minute longer than it has to.
            if let Err(error) = store.answered(turn, sent).await {
                tracing::debug!(%error, "a call counts for longer than it has to");
            }
        });
    }
}
