//! What of Acme's account can be copied: all of it, in one part.

use async_trait::async_trait;
use evergrant::capability::{Cursor, Event, Message};
use evergrant::feed::{Feed, Found, Next, Part, PullError, Pulled, Scope};
use evergrant::{Api, CallError};

use crate::desk::Desk;

/// As many as there is room for, and one more that says that there is.
fn pulled<T>(all: Vec<T>, room: Option<u32>) -> Pulled<T> {
    let most = room.map_or(usize::MAX, |room| room as usize + 1);
    Pulled { found: all.into_iter().take(most).map(Found::Item).collect(), next: Next::Done(None) }
}

impl Desk {
    async fn all(&self, api: &Api) -> Result<Vec<Part>, CallError> {
        self.enter(api).await?;
        Ok(vec![Part { id: "all".to_owned(), expected: Some(3) }])
    }
}

#[async_trait]
impl Feed<Event> for Desk {
    async fn parts(&self, api: &Api, _: &Scope) -> Result<Vec<Part>, CallError> {
        self.all(api).await
    }

    async fn pull(
        &self,
        _: &Api,
        _: &Scope,
        _: &str,
        _: Option<&Cursor>,
        room: Option<u32>,
    ) -> Result<Pulled<Event>, PullError> {
        Ok(pulled(self.acme.shelf(|shelf| shelf.events.values().cloned().collect()), room))
    }
}

#[async_trait]
impl Feed<Message> for Desk {
    async fn parts(&self, api: &Api, _: &Scope) -> Result<Vec<Part>, CallError> {
        self.all(api).await
    }

    async fn pull(
        &self,
        _: &Api,
        _: &Scope,
        _: &str,
        _: Option<&Cursor>,
        room: Option<u32>,
    ) -> Result<Pulled<Message>, PullError> {
        Ok(pulled(self.acme.shelf(|shelf| shelf.messages.values().cloned().collect()), room))
    }
}
