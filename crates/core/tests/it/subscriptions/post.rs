//! A provider's word of changes, as a double: it keeps what it was asked, and calls back before it answers.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::clock::later;
use evergrant::notification::{
    IsKnown, NotWord, Note, NoteEvent, Notifications, Renewed, Subscribe, Subscribed, Word,
};
use evergrant::provider::{Actor, Failure};
use evergrant::subscriptions::Received;
use evergrant::{Account, Api, CallError, Denial, Subscriptions, Transport};
use jiff::Timestamp;
use serde_json::Value;

/// How long its subscriptions live.
pub(super) const LIFE: Duration = Duration::from_hours(7 * 24);

/// One subscription that was made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) address: String,
    pub(super) state: String,
    /// Whether its address began as those of its feed were said to.
    pub(super) ours: String,
}

impl Made {
    /// The secret in its address.
    pub(super) fn secret(&self) -> &str {
        self.address.trim_end_matches('/').rsplit('/').next().unwrap()
    }
}

#[derive(Default)]
pub(super) struct Book {
    pub(super) made: Vec<Made>,
    pub(super) renewed: Vec<String>,
    pub(super) ended: Vec<String>,
    /// Those that are no more.
    pub(super) gone: BTreeSet<String>,
    /// What comes of the next calls instead.
    pub(super) fails: VecDeque<CallError>,
    /// How long each call takes.
    pub(super) takes: Duration,
    /// Who is called back.
    pub(super) door: Option<Subscriptions>,
}

/// The provider's side.
#[derive(Clone, Default)]
pub(super) struct Post(Arc<Mutex<Book>>);

impl Post {
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Book) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    pub(super) fn made(&self) -> Vec<Made> {
        self.with(|book| book.made.clone())
    }

    /// A call that takes a token and its time.
    async fn call(&self, api: &Api) -> Result<(), CallError> {
        let (takes, fails) = self.with(|book| (book.takes, book.fails.pop_front()));
        api.get("/subscriptions").await?;
        if !takes.is_zero() {
            api.wait(takes).await;
        }
        fails.map_or(Ok(()), Err)
    }
}

/// There is no such subscription.
pub(super) fn gone() -> CallError {
    denied(Denial::ItemNotFound)
}

pub(super) fn denied(denial: Denial) -> CallError {
    let failure = Box::new(Failure::new("denied", Actor::User, "It may not."));
    CallError::Denied { denial, failure }
}

#[async_trait]
impl Notifications for Post {
    async fn subscribe(&self, api: &Api, ask: &Subscribe<'_>) -> Result<Subscribed, CallError> {
        let made = Made {
            id: format!("s-{}", self.with(|book| book.made.len())),
            address: ask.url.to_string(),
            state: ask.state.expose().to_owned(),
            ours: ask.ours.to_owned(),
        };
        if let Some(door) = self.with(|book| book.door.clone()) {
            let provider = api.manifest().key.as_str();
            let address = door.address(provider, made.secret()).await.unwrap();
            let address = address.expect("an address");
            let shaken = address.receive(Some("shake=me"), &Bytes::new()).await;
            assert_eq!(shaken.unwrap(), Received::Handshake("me".to_owned()));
        }
        self.call(api).await?;
        let subscribed = Subscribed { id: made.id.clone(), expires_at: later(api.now(), LIFE) };
        self.with(|book| book.made.push(made));
        Ok(subscribed)
    }

    async fn renew(&self, api: &Api, id: &str, ours: &str) -> Result<Renewed, CallError> {
        self.call(api).await?;
        self.with(|book| {
            if book.gone.contains(id) {
                return Err(gone());
            }
            if book.made.iter().any(|made| made.id == id && !made.address.starts_with(ours)) {
                return Ok(Renewed::Elsewhere);
            }
            book.renewed.push(id.to_owned());
            Ok(Renewed::Until(later(api.now(), LIFE)))
        })
    }

    async fn unsubscribe(&self, api: &Api, id: &str) -> Result<(), CallError> {
        self.call(api).await?;
        self.with(|book| book.ended.push(id.to_owned()));
        Ok(())
    }

    fn tenant<'a>(&self, account: &'a Account) -> Option<&'a str> {
        Some(&account.id)
    }

    async fn read(
        &self,
        _: &dyn Transport,
        _: Timestamp,
        query: Option<&str>,
        body: &Bytes,
        _: &IsKnown<'_>,
    ) -> Result<Word, NotWord> {
        if let Some(text) = query.and_then(|query| query.strip_prefix("shake=")) {
            return Ok(Word::Handshake(text.to_owned()));
        }
        let notes: Vec<Value> = serde_json::from_slice(body).map_err(|_| NotWord("no notes"))?;
        let note = |note: &Value| {
            let text = |name: &str| note[name].as_str().map(str::to_owned);
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&note["n"].as_u64().unwrap_or_default().to_be_bytes());
            Note {
                subscription: text("subscription").unwrap_or_default(),
                state: text("state").map(Into::into),
                event: match note["event"].as_str() {
                    Some("expiring") => NoteEvent::Expiring,
                    Some("removed") => NoteEvent::Removed,
                    Some("missed") => NoteEvent::Missed,
                    Some(_) => NoteEvent::Unknown,
                    None => NoteEvent::Changed,
                },
                tenant: text("tenant"),
                digest,
                doubt: note["doubt"].as_bool().map(|_| "it is doubted"),
            }
        };
        Ok(Word::Notes(notes.iter().map(note).collect()))
    }
}
