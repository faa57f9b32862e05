//! Feeds: what an account holds and how it changes, piece by piece.
//!
//! A vendor tells what there is ([`Feed`]); the [`Syncer`](crate::Syncer) decides when to ask, and what
//! follows for the copy.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::capability::{BodyFormat, Cursor};
use crate::gateway::{Api, CallError};

/// What of an account can be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FeedKind {
    /// The events of its calendar.
    Calendar,
    /// The messages of its mailbox.
    Email,
}

impl FeedKind {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Calendar, Self::Email];

    /// Its name in the database, in JSON and for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Email => "email",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feed| feed.name() == name)
    }
}

impl fmt::Display for FeedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What of a feed belongs into the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Of events: those that end after its beginning and begin before its end.
    pub window: Option<Window>,
    /// How many items at most: the newest messages; of events those ahead first, the nearest of them
    /// before the others.
    pub limit: Option<u32>,
    /// Whether bodies come along, and in which format.
    pub bodies: Option<BodyFormat>,
}

/// A span of time: from its beginning, and before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from: Timestamp,
    /// Today: what is ahead ends after it.
    pub today: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl fmt::Display for Scope {
    /// One text for one scope: a copy of another is made anew.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.window {
            Some(window) => write!(f, "{}/{}", window.from, window.to)?,
            None => f.write_str("all")?,
        }
        match self.limit {
            Some(limit) => write!(f, " {limit}")?,
            None => f.write_str(" unlimited")?,
        }
        f.write_str(match self.bodies {
            None => " bare",
            Some(BodyFormat::Text) => " text",
            Some(BodyFormat::Html) => " html",
        })
    }
}

/// A part of a feed that is followed on its own, such as a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its id, the provider's own or the adapter's.
    pub id: String,
    /// How many items it has, where the provider says so; for people who watch.
    pub expected: Option<u64>,
}

/// One page of a part.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled<T> {
    /// What was said, in order: of two words about one item the last holds.
    pub found: Vec<Found<T>>,
    /// How it goes on.
    pub next: Next,
}

/// What a page says.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<T> {
    /// An item of this part, as it is now.
    Item(T),
    /// No item of this part has this id, and none belongs to a series of this id.
    Gone(String),
    /// There may be an item of this id in this part, and what it is cannot be read: what the copy has of it
    /// stays as it was.
    Unreadable(String),
    /// Of this series these occurrences belong into the copy and no others, nor an item of the series' own
    /// id that is not among them: a single event may have become a series, and the other way round.
    Series {
        /// The series' id.
        id: String,
        /// The ids of its occurrences.
        occurrences: Vec<String>,
    },
}

/// How a part goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There is more.
    More(Cursor),
    /// That was all. What changes from here on is told from this cursor; without one the part has to be
    /// read from its beginning each time.
    Done(Option<Cursor>),
}

/// Why a page could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PullError {
    /// The provider no longer knows the cursor: the part has to be read from its beginning.
    #[error("the provider no longer knows where the copy had got to")]
    Expired,
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// One kind of items of an account, as they are and as they change. Implemented by vendors.
///
/// - A part read from its beginning tells of every item that was in it all the time; of what changes
///   meanwhile it tells at the latest in what is read from the cursor at its end.
/// - An item that leaves a part for another is [`Found::Gone`] in the one and [`Found::Item`] in the
///   other, in any order; its id stays the same.
/// - Items may be told of more than once, in any order, and pages may be empty.
#[async_trait]
pub trait Feed<T>: Send + Sync {
    /// The parts there are now, in the order in which they are read.
    async fn parts(&self, api: &Api, scope: &Scope) -> Result<Vec<Part>, CallError>;

    /// One page of a part: its beginning, or from a cursor.
    ///
    /// `room` is how many items are still wanted where the scope has a limit; one more than that is
    /// given if it is there, so that the copy can say that something was cut.
    async fn pull(
        &self,
        api: &Api,
        scope: &Scope,
        part: &str,
        cursor: Option<&Cursor>,
        room: Option<u32>,
    ) -> Result<Pulled<T>, PullError>;
}
