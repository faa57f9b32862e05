//! The account as a feed, as nasty as the contract allows: pages are short, empty or say things twice and
//! in any order, calls fail, cursors expire, and between any two calls anything may happen.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use evergrant::capability::Cursor;
use evergrant::feed::{Feed, FeedKind, Found, Next, Part, PullError, Pulled, Scope};
use evergrant::provider::{Actor, Failure};
use evergrant::{Api, CallError, Denial};

use super::items::Made;
use super::line::step;
use super::site::Site;

/// A reading under way: where a cursor leads to.
#[derive(Debug, Clone)]
pub(super) struct Read {
    part: String,
    /// Whether this tells of changes, and not of everything.
    is_delta: bool,
    began: u64,
    todo: Vec<String>,
    told: Vec<String>,
}

/// The account, as its readers and its users share it.
#[derive(Debug, Clone)]
pub(super) struct Shared(pub(super) Arc<Mutex<Site>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Site> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<T: Made> Feed<T> for Shared {
    async fn parts(&self, _: &Api, scope: &Scope) -> Result<Vec<Part>, CallError> {
        step().await;
        let mut site = self.lock();
        site.fault()?;
        let mut parts = site.parts(scope);
        if scope.limit.is_none() {
            site.shuffle(&mut parts);
        }
        Ok(parts.into_iter().map(|id| Part { id, expected: None }).collect())
    }

    async fn pull(
        &self,
        _: &Api,
        scope: &Scope,
        part: &str,
        cursor: Option<&Cursor>,
        _: Option<u32>,
    ) -> Result<Pulled<T>, PullError> {
        step().await;
        let mut site = self.lock();
        site.fault()?;
        if !site.parts(scope).iter().any(|it| it == part) {
            let failure = Box::new(Failure::new("gone", Actor::Nobody, "It is gone."));
            return Err(CallError::Denied { denial: Denial::ItemNotFound, failure }.into());
        }
        let read = site.read(scope, part, cursor)?;
        Ok(site.page(scope, read))
    }
}

impl Site {
    fn rarely(&mut self, one_in: usize) -> bool {
        self.fails && self.chance.below(one_in) == 0
    }

    fn fault(&mut self) -> Result<(), CallError> {
        if self.rarely(24) {
            return Err(CallError::Throttled { retry_after: Some(Duration::from_secs(90)) });
        }
        if self.rarely(24) {
            let detail = "scripted".to_owned();
            return Err(CallError::Unavailable { detail, retry_after: None, sent: true });
        }
        Ok(())
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.chance.below(at + 1));
        }
    }

    /// What a cursor leads to.
    fn read(
        &mut self,
        scope: &Scope,
        part: &str,
        cursor: Option<&Cursor>,
    ) -> Result<Read, PullError> {
        let began = self.now;
        let new = |is_delta, todo| Read {
            part: part.to_owned(),
            is_delta,
            began,
            todo,
            told: Vec::new(),
        };
        let Some(Cursor(cursor)) = cursor else {
            let mut todo = self.ids(part, scope);
            // Where there is a limit those come first that are wanted, and the reader says when it has enough.
            if scope.limit.is_none() {
                self.shuffle(&mut todo);
            }
            return Ok(new(false, todo));
        };
        if self.rarely(10) {
            return Err(PullError::Expired);
        }
        let (kind, number) = cursor.split_at(1);
        let number: usize = number.parse().expect("a cursor of ours");
        if kind == "p" {
            let read = self.reads[number].clone();
            assert_eq!(read.part, part, "a cursor of another part");
            return Ok(read);
        }
        let since = u64::try_from(number).expect("few");
        let changed = self.log.iter().filter(|(at, of, _)| *at > since && of == part);
        let changed: BTreeSet<_> = changed.map(|(_, _, id)| id.clone()).collect();
        let mut todo: Vec<_> = changed.into_iter().collect();
        self.shuffle(&mut todo);
        Ok(new(true, todo))
    }

    fn page<T: Made>(&mut self, scope: &Scope, mut read: Read) -> Pulled<T> {
        let mut found = Vec::new();
        let most = if self.fails { self.chance.below(4) } else { 5 };
        for id in read.todo.drain(..most.min(read.todo.len())).collect::<Vec<_>>() {
            self.tell(scope, &read, &id, &mut found);
            read.told.push(id);
        }
        if !read.told.is_empty() && self.rarely(4) {
            let again = self.chance.below(read.told.len());
            self.tell(scope, &read, &read.told[again], &mut found);
        }
        let is_over = read.todo.is_empty() && !self.rarely(4);
        let next = match scope.limit {
            _ if !is_over => {
                self.reads.push(read);
                Next::More(Cursor(format!("p{}", self.reads.len() - 1)))
            }
            Some(_) => Next::Done(None),
            None => Next::Done(Some(Cursor(format!("d{}", read.began)))),
        };
        Pulled { found, next }
    }

    /// Says how it is with one id now, in one of the ways there are.
    fn tell<T: Made>(&mut self, scope: &Scope, read: &Read, id: &str, found: &mut Vec<Found<T>>) {
        let thing = self.things.get(id);
        let here = thing.filter(|thing| Self::is_in(thing, &read.part, scope)).cloned();
        let series = self.log_series(id);
        let told_of = |site: &Self, id: &str| Found::Item(T::made(id, &site.things[id]));
        let occurrences = |site: &Self, series: &str| -> Vec<String> {
            let all = site.of_series(series).into_iter();
            all.filter(|id| Self::is_in(&site.things[id], &read.part, scope)).collect()
        };
        match (series, here) {
            (Some(series), here) if scope.limit.is_none() && self.chance.below(2) == 0 => {
                let its = occurrences(self, &series);
                if its.is_empty() || self.chance.below(3) == 0 {
                    // None is there; but these are.
                    found.push(Found::Gone(series));
                    found.extend(its.iter().map(|id| told_of(self, id)));
                } else {
                    if here.is_some() {
                        found.push(told_of(self, id));
                    }
                    found.push(Found::Series { id: series, occurrences: its });
                }
            }
            (_, Some(_)) => found.push(told_of(self, id)),
            (_, None) if read.is_delta || self.chance.below(2) == 0 => {
                found.push(Found::Gone(id.to_owned()));
            }
            (_, None) => {}
        }
    }

    /// The series of what is or was an occurrence.
    fn log_series(&self, id: &str) -> Option<String> {
        let thing = self.things.get(id).or_else(|| self.buried(id));
        thing.filter(|_| self.kind == FeedKind::Calendar).and_then(|thing| thing.series.clone())
    }
}
