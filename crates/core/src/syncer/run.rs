//! One run of one feed: passes over its parts until nothing is missing.
//!
//! Invariants:
//! - A page and the cursor behind it are stored together; a run that ends anywhere goes on there.
//! - No more than two pages are in memory: while one is stored, the next is fetched.
//! - Whatever is done is done with the lease; once it is lost the run ends.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::Inner;
use super::failure::{Again, Failed, Stop};
use super::item::Copied;
use super::room::Room;
use crate::Api;
use crate::capability::Cursor;
use crate::feed::{Feed, FeedKind, Found, Next, PullError, Pulled, Scope};
use crate::measure;
use crate::provider::{Actor, Failure};
use crate::store::{Batch, Claimed, Item, Lease, PartState};
use crate::vault::TokenError;

/// How often a run reads all parts at most; what is missing then is looked for in the next run.
const MOST_PASSES: usize = 3;
/// How often a part is begun anew in one pass.
const MOST_RESTARTS: usize = 3;
/// How many pages a copy with a limit takes at most: it is read in one go, and so in an end.
const MOST_PAGES: usize = 10_000;
const FORGETFUL: &str = "The provider forgets where the copy has got to before it can go on.";
/// How long a run goes on while others may wait for its slot.
pub(super) const SLICE: Duration = Duration::from_secs(30);

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) syncer: &'a Inner,
    pub(super) claimed: &'a Claimed,
    pub(super) lease: Lease,
    /// The uptime at which it has had its time.
    pub(super) ends: Duration,
}

impl Run<'_> {
    /// Reads the feed to its end.
    pub(super) async fn read(&self) -> Result<(), Stop> {
        let id = self.claimed.id;
        let api = self.syncer.gateway.open(self.claimed.owner, id.integration).await?.background();
        let provider = api.provider().clone();
        let done = match id.feed {
            FeedKind::Calendar => match provider.calendar_feed() {
                Some(feed) => Some(self.passes(&api, feed).await),
                None => None,
            },
            FeedKind::Email => match provider.email_feed() {
                Some(feed) => Some(self.passes(&api, feed).await),
                None => None,
            },
        };
        done.unwrap_or_else(|| {
            let message = format!("{} has no {} to copy.", provider.manifest().label, id.feed);
            let failure = Failure::new("not_offered", Actor::Operator, message);
            Err(Stop::Failed(Box::new(Failed { failure, again: Again::Mended })))
        })
    }

    async fn passes<T: Copied>(&self, api: &Api, feed: &dyn Feed<T>) -> Result<(), Stop> {
        let store = &self.syncer.store;
        for _ in 0..MOST_PASSES {
            let now = self.syncer.now().await?;
            let scope = self.syncer.settings.scope(self.claimed.id.feed, now);
            store.open_pass(&self.lease).await?.ok_or(Stop::Lost)?;
            let parts = feed.parts(api, &scope).await?;
            let anew = scope.limit.is_some();
            let pass = store.begin_pass(&self.lease, &scope.to_string(), &parts, anew).await?;
            let pass = pass.ok_or(Stop::Lost)?;
            let mut reading =
                Reading { run: self, api, feed, room: Room::new(scope.limit), scope, pages: 0 };
            for part in pass.parts.iter().filter(|part| !part.is_done) {
                reading.part(part).await?;
                if reading.has_had_its_time() {
                    return Err(Stop::Slice);
                }
            }
            let cut = reading.room.is_cut();
            let end = store.end_pass(&self.lease, cut, scope.window).await?.ok_or(Stop::Lost)?;
            measure::copied(self.claimed.id.feed, "deleted", end.deleted);
            if end.missing == 0 && !end.is_hinted {
                break;
            }
        }
        Ok(())
    }
}

/// A pass under way.
struct Reading<'a, T> {
    run: &'a Run<'a>,
    api: &'a Api,
    feed: &'a dyn Feed<T>,
    scope: Scope,
    room: Room,
    /// How many pages were read.
    pages: usize,
}

impl<T: Copied> Reading<'_, T> {
    async fn part(&mut self, part: &PartState) -> Result<(), Stop> {
        let (store, lease) = (&self.run.syncer.store, &self.run.lease);
        let mut restarts = 0;
        self.room.begin_part();
        let mut pulled = self.pull(part, part.cursor.as_ref()).await;
        loop {
            self.pages += 1;
            if self.scope.limit.is_some() && self.pages > MOST_PAGES {
                return Err(never_ends("A list of the provider's has no end."));
            }
            let page = match pulled {
                Ok(page) => page,
                Err(PullError::Call(error)) => return Err(error.into()),
                Err(PullError::Expired) if restarts < MOST_RESTARTS => {
                    restarts += 1;
                    self.room.begin_part_anew();
                    store.restart(lease, &part.id).await?.ok_or(Stop::Lost)?;
                    pulled = self.pull(part, None).await;
                    continue;
                }
                Err(PullError::Expired) => return Err(never_ends(FORGETFUL)),
            };
            let mut batch = last_words(&part.id, page);
            self.room.fit(&mut batch);
            let Next::More(cursor) = batch.next.clone() else {
                return self.store(batch).await;
            };
            if self.has_had_its_time() {
                self.store(batch).await?;
                return Err(Stop::Slice);
            }
            let (stored, next) = tokio::join!(self.store(batch), self.pull(part, Some(&cursor)));
            stored?;
            pulled = next;
        }
    }

    /// Stores a page, beside this task: reading the next one must not keep a transaction waiting.
    async fn store(&self, batch: Batch) -> Result<(), Stop> {
        let (store, lease) = (Arc::clone(&self.run.syncer.store), self.run.lease);
        let tasks = self.run.syncer.vault.tasks();
        let applied = tasks.beside(async move { store.apply(&lease, &batch).await }).await?;
        let applied = applied.ok_or(Stop::Lost)?;
        let feed = self.run.claimed.id.feed;
        measure::copied(feed, "added", applied.added);
        measure::copied(feed, "updated", applied.updated);
        Ok(())
    }

    /// A copy with a limit is read from its beginning each time, and so in one go.
    fn has_had_its_time(&self) -> bool {
        self.scope.limit.is_none() && self.run.syncer.vault.parts().clock.uptime() >= self.run.ends
    }

    /// A page, in the copy's own form: that is made while the page before is stored.
    async fn pull(&self, part: &PartState, at: Option<&Cursor>) -> Result<Pulled<Item>, PullError> {
        let pulled = self.feed.pull(self.api, &self.scope, &part.id, at, self.room.left()).await?;
        let found = pulled.found.into_iter().map(|found| match found {
            Found::Item(item) => Found::Item(item.into_item()),
            Found::Gone(id) => Found::Gone(id),
            Found::Unreadable(id) => Found::Unreadable(id),
            Found::Series { id, occurrences } => Found::Series { id, occurrences },
        });
        Ok(Pulled { found: found.collect(), next: pulled.next })
    }
}

/// What a page says of each id: the last word, unless that is none.
fn last_words(part: &str, page: Pulled<Item>) -> Batch {
    let mut items: Vec<Option<Item>> = Vec::with_capacity(page.found.len());
    let mut place: HashMap<String, usize> = HashMap::with_capacity(page.found.len());
    let (mut gone, mut still) = (BTreeSet::new(), BTreeSet::new());
    let mut series: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for found in page.found {
        match found {
            Found::Item(item) => {
                gone.remove(&item.id);
                still.remove(&item.id);
                if let Some(earlier) = place.insert(item.id.clone(), items.len()) {
                    items[earlier] = None;
                }
                items.push(Some(item));
            }
            Found::Gone(id) => {
                if let Some(earlier) = place.remove(&id) {
                    items[earlier] = None;
                }
                unsay(&mut items, &id, &[]);
                series.remove(&id);
                still.remove(&id);
                gone.insert(id);
            }
            Found::Unreadable(id) => {
                gone.remove(&id);
                if !place.contains_key(&id) {
                    still.insert(id);
                }
            }
            Found::Series { id, occurrences } => {
                unsay(&mut items, &id, &occurrences);
                gone.remove(&id);
                gone.retain(|id| !occurrences.contains(id));
                series.insert(id, occurrences);
            }
        }
    }
    Batch {
        part: part.to_owned(),
        items: items.into_iter().flatten().collect(),
        gone: gone.into_iter().collect(),
        series: series.into_iter().collect(),
        still: still.into_iter().collect(),
        next: page.next,
    }
}

/// Takes back what was said of this series and its occurrences, but for these.
fn unsay(items: &mut [Option<Item>], series: &str, but: &[String]) {
    for slot in items {
        slot.take_if(|item| {
            let belongs = item.series.as_deref() == Some(series) || item.id == series;
            belongs && !but.contains(&item.id)
        });
    }
}

fn never_ends(message: &str) -> Stop {
    let failure = Failure::new("provider_unreadable", Actor::Nobody, message);
    Stop::Failed(Box::new(Failed { failure, again: Again::NoSooner(Duration::ZERO) }))
}

impl From<TokenError> for Stop {
    fn from(error: TokenError) -> Self {
        crate::CallError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn told(id: &str) -> Item {
        Item {
            id: id.to_owned(),
            series: None,
            at: Timestamp::UNIX_EPOCH,
            until: None,
            is_read: None,
            folder: None,
            importance: None,
            sender: None,
            people: Vec::new(),
            words: String::new(),
            json: String::new(),
            body: None,
            digest: [0; 32],
        }
    }

    #[test]
    fn with_a_series_go_its_occurrences_that_were_told_of_before() {
        let occurrence = |id: &str| Item { series: Some("s".to_owned()), ..told(id) };
        let found = || vec![Found::Item(occurrence("s1")), Found::Item(told("x"))];
        let told_of = |more| {
            let found = found().into_iter().chain([more]).collect();
            let batch = last_words("calendar", Pulled { found, next: Next::Done(None) });
            (batch.items.into_iter().map(|item| item.id).collect::<Vec<_>>(), batch.gone)
        };
        let gone = told_of(Found::Gone("s".to_owned()));
        assert_eq!(gone, (vec!["x".to_owned()], vec!["s".to_owned()]));
        // A new list of them leaves those that are on it.
        for (listed, stay) in [("s1", vec!["s1", "x"]), ("s2", vec!["x"])] {
            let occurrences = vec![listed.to_owned()];
            let (items, gone) = told_of(Found::Series { id: "s".to_owned(), occurrences });
            assert_eq!((items, gone.len()), (stay.iter().map(ToString::to_string).collect(), 0));
        }
    }

    #[test]
    fn what_cannot_be_read_stays_unless_another_word_says_more() {
        let item = |id| Found::Item(told(id));
        let gone = |id: &str| Found::Gone(id.to_owned());
        let unread = |id: &str| Found::Unreadable(id.to_owned());
        let found = vec![
            unread("a"),
            item("b"),
            unread("b"),
            unread("c"),
            item("c"),
            gone("d"),
            unread("d"),
            unread("e"),
            gone("e"),
        ];
        let batch = last_words("inbox", Pulled { found, next: Next::Done(None) });
        let items: Vec<_> = batch.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!((items, batch.gone), (vec!["b", "c"], vec!["e".to_owned()]));
        assert_eq!(batch.still, ["a", "d"]);
    }
}
