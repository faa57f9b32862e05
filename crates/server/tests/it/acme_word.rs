//! Acme sends word of changes.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use evergrant::clock::later;
use evergrant::notification::{
    IsKnown, NotWord, Note, NoteEvent, Notifications, Renewed, Subscribe, Subscribed, Word,
};
use evergrant::{Account, Api, CallError, Transport};
use jiff::Timestamp;
use serde_json::Value;

use crate::desk::Desk;

const LIFE: Duration = Duration::from_hours(72);

#[async_trait]
impl Notifications for Desk {
    async fn subscribe(&self, api: &Api, ask: &Subscribe<'_>) -> Result<Subscribed, CallError> {
        self.enter(api).await?;
        let state = ask.state.expose();
        let secret = ask.url.path().trim_end_matches('/').rsplit('/').next();
        for secret in [Some(state), secret] {
            self.acme.asked("subscribe".to_owned(), secret).unwrap();
        }
        let id = self.acme.shelf(|shelf| {
            let id = format!("sub-{}", shelf.told.len());
            shelf.told.push((id.clone(), ask.url.path().to_owned(), state.to_owned()));
            id
        });
        Ok(Subscribed { id, expires_at: later(api.now(), LIFE) })
    }

    async fn renew(&self, api: &Api, _: &str, _: &str) -> Result<Renewed, CallError> {
        self.enter(api).await?;
        Ok(Renewed::Until(later(api.now(), LIFE)))
    }

    async fn unsubscribe(&self, api: &Api, id: &str) -> Result<(), CallError> {
        self.enter(api).await?;
        self.acme.shelf(|shelf| shelf.done.push(format!("unsubscribe {id}")));
        Ok(())
    }

    fn tenant<'a>(&self, _: &'a Account) -> Option<&'a str> {
        None
    }

    async fn read(
        &self,
        _: &dyn Transport,
        _: Timestamp,
        query: Option<&str>,
        body: &Bytes,
        _: &IsKnown<'_>,
    ) -> Result<Word, NotWord> {
        let query = query.unwrap_or_default().as_bytes();
        if let Some((_, text)) =
            url::form_urlencoded::parse(query).find(|(name, _)| name == "hello")
        {
            return Ok(Word::Handshake(text.into_owned()));
        }
        let notes: Vec<Value> =
            serde_json::from_slice(body).map_err(|_| NotWord("it is no list"))?;
        let note = |(n, note): (usize, &Value)| {
            let mut digest = [0; 32];
            digest[0] = u8::try_from(n).unwrap();
            Note {
                subscription: note["subscription"].as_str().unwrap_or_default().to_owned(),
                state: note["state"].as_str().map(Into::into),
                event: NoteEvent::Changed,
                tenant: None,
                digest,
                doubt: None,
            }
        };
        Ok(Word::Notes(notes.iter().enumerate().map(note).collect()))
    }
}
