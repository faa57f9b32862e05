//! Takes in what comes to an address, and believes as little of it as can be.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;

use super::Subscriptions;
use super::address::{address_hash, hash};
use crate::Secret;
use crate::measure;
use crate::notification::{NotWord, Note, NoteEvent, Word};
use crate::provider::ProviderKey;
use crate::store::{Hint, Subscription};
use crate::vault::TokenError;

/// Where what is not believed is logged: who watches over a deployment looks for it there.
const AUDIT: &str = "evergrant::audit";

/// An address that somebody knocked at and that exists.
#[derive(Debug)]
pub struct Address {
    all: Subscriptions,
    row: Subscription,
}

/// What came of a knock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// To be answered with this text, as plain text and nothing else.
    Handshake(String),
    /// What there was to believe is in the database, if there was anything.
    Taken,
}

/// Why nothing was taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReceiveError {
    /// It was neither a handshake nor notifications.
    #[error(transparent)]
    NotWord(#[from] NotWord),
    /// It cannot be taken now; whoever sent it does so again.
    #[error(transparent)]
    Unavailable(#[from] TokenError),
}

impl Subscriptions {
    /// The address with this secret; `None` if there is none, and nobody is told why.
    pub async fn address(
        &self,
        provider: &str,
        secret: &str,
    ) -> Result<Option<Address>, TokenError> {
        let provider = ProviderKey::from(provider);
        let Some(hash) = address_hash(secret).filter(|_| self.0.slots.contains_key(&provider))
        else {
            return Ok(None);
        };
        let row = self.0.store.subscription_at(&provider, &hash).await?;
        Ok(row.map(|row| Address { all: self.clone(), row }))
    }
}

impl Address {
    /// Takes in what came: once this gives [`Received::Taken`], what is believed of it is durable.
    pub async fn receive(
        &self,
        query: Option<&str>,
        body: &Bytes,
    ) -> Result<Received, ReceiveError> {
        let parts = self.all.0.vault.parts();
        let provider = parts.providers.find(&self.row.provider);
        let Some(notifications) = provider.and_then(|provider| provider.notifications()) else {
            return Err(NotWord("its provider sends no word").into());
        };
        let is_known = |id: &str, state: Option<&Secret>| self.knows(id, state);
        let read = notifications.read(&*parts.http, parts.clock.now(), query, body, &is_known);
        let read = read.await;
        let notes = match read {
            Ok(Word::Handshake(text)) => return Ok(Received::Handshake(text)),
            Ok(Word::Notes(notes)) => notes,
            Err(error) => {
                self.audit(error.0, 1);
                return Err(error.into());
            }
        };
        let integration =
            match self.all.0.vault.integration(self.row.owner, self.row.id.integration).await {
                Ok(integration) => Some(integration),
                Err(TokenError::NotFound) => None,
                Err(error) => return Err(error.into()),
            };
        let tenant = integration.as_ref().map(|found| notifications.tenant(&found.account));
        let mut refused: BTreeMap<&'static str, u64> = BTreeMap::new();
        let (mut hints, mut ignored) = (Vec::new(), 0);
        for note in &notes {
            let reason = match tenant {
                None => Some("its integration is disconnected"),
                Some(tenant) => self.disbelief(note, tenant),
            };
            match (reason, note.event) {
                (Some(reason), _) => *refused.entry(reason).or_default() += 1,
                (None, NoteEvent::Unknown) => ignored += 1,
                (None, event) => hints.push(Hint {
                    id: self.row.id,
                    digest: note.digest,
                    look_after: matches!(event, NoteEvent::Expiring | NoteEvent::Removed),
                }),
            }
        }
        self.take(&hints, ignored).await?;
        for (reason, count) in refused {
            self.audit(reason, count);
        }
        Ok(Received::Taken)
    }

    /// Why a note is not believed; `None` if it is.
    fn disbelief(&self, note: &Note, tenant: Option<&str>) -> Option<&'static str> {
        if let Some(doubt) = note.doubt {
            Some(doubt)
        } else if !self.carries(note.state.as_ref()) {
            Some("it does not carry the subscription's state")
        } else if self.row.subscription.as_ref() != Some(&note.subscription) {
            Some("it is of another subscription")
        } else if let (Some(named), Some(known)) = (&note.tenant, tenant)
            && !named.eq_ignore_ascii_case(known)
        {
            Some("it is of another organisation")
        } else {
            None
        }
    }

    /// Whether this is the state the subscription was made with; without one there is nothing to believe.
    fn carries(&self, state: Option<&Secret>) -> bool {
        match (state.map(|state| hash(state.expose())), self.row.state_hash) {
            (Some(said), Some(known)) => verify_slices_are_equal(&said, &known).is_ok(),
            _ => false,
        }
    }

    fn knows(&self, id: &str, state: Option<&Secret>) -> bool {
        self.carries(state) && self.row.subscription.as_deref() == Some(id)
    }

    async fn take(&self, hints: &[Hint], ignored: u64) -> Result<(), TokenError> {
        let believed = u64::try_from(hints.len()).unwrap_or(u64::MAX);
        let new = if hints.is_empty() { 0 } else { self.all.0.store.take_hints(hints).await? };
        let provider = &self.row.provider;
        for (outcome, count) in
            [("taken", new), ("repeated", believed.saturating_sub(new)), ("ignored", ignored)]
        {
            if count > 0 {
                measure::notified(provider, outcome, count);
            }
        }
        if ignored > 0 {
            tracing::info!(id = %self.row.id.integration, %provider, ignored, "notifications of an unknown kind were ignored");
        }
        if hints.iter().any(|hint| hint.look_after) {
            self.all.0.due.notify_one();
        }
        Ok(())
    }

    /// One line for everything of a delivery that is not believed for the same reason: nobody fills the
    /// log with one request. What came is not in it, since it may be anything.
    fn audit(&self, reason: &'static str, notes: u64) {
        let (provider, id) = (&self.row.provider, self.row.id.integration);
        measure::notified(provider, "refused", notes);
        tracing::warn!(target: AUDIT, %provider, %id, feed = %self.row.id.feed, reason, notes, "a notification was not believed");
    }
}
