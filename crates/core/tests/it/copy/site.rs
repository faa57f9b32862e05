//! What is at the provider, and what people do to it.

use std::collections::{BTreeMap, BTreeSet};

use evergrant::feed::{FeedKind, Scope};
use jiff::{Timestamp, ToSpan};

use super::items::end;
use super::pull::Read;
use crate::simulation::Chance;

/// A message or an event.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    /// The folder; of an event `calendar`.
    pub(super) folder: String,
    pub(super) at: Timestamp,
    /// Grows with every change and move.
    pub(super) version: u64,
    pub(super) series: Option<String>,
    /// Since when it has been there, and in the window, without a break.
    pub(super) since: u64,
    /// When it was moved, or put at another time.
    pub(super) moved: Vec<u64>,
}

/// The account, and all that was ever read of it.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) kind: FeedKind,
    /// Counts what happens.
    pub(super) now: u64,
    pub(super) folders: Vec<String>,
    pub(super) things: BTreeMap<String, Thing>,
    /// What was changed when, in which folder.
    pub(super) log: Vec<(u64, String, String)>,
    pub(super) reads: Vec<Read>,
    /// Whether calls fail.
    pub(super) fails: bool,
    pub(super) chance: Chance,
    /// What was deleted and may be restored.
    bin: Vec<(String, Thing)>,
    base: Timestamp,
    names: usize,
}

impl Site {
    pub(super) fn new(kind: FeedKind, base: Timestamp, chance: Chance) -> Self {
        let folders = match kind {
            FeedKind::Email => vec!["inbox".to_owned(), "archive".to_owned()],
            FeedKind::Calendar => vec!["calendar".to_owned()],
        };
        let mut site = Self {
            kind,
            now: 0,
            folders,
            things: BTreeMap::new(),
            log: Vec::new(),
            reads: Vec::new(),
            fails: true,
            chance,
            bin: Vec::new(),
            base,
            names: 0,
        };
        for _ in 0..site.chance.below(8) {
            site.create();
        }
        site
    }

    /// Somebody does something.
    pub(super) fn act(&mut self) {
        self.now += 1;
        match (self.chance.below(16), self.kind) {
            (0..=3, _) => self.create(),
            (4..=5, _) => self.change(),
            (6..=8, FeedKind::Email) => self.shift(),
            (9, FeedKind::Email) => {
                for _ in 0..2 + self.chance.below(3) {
                    self.now += 1;
                    self.shift();
                }
            }
            (10, FeedKind::Email) => self.open(),
            (11, FeedKind::Email) => self.close(),
            (6..=8, FeedKind::Calendar) => self.reschedule(),
            (9..=10, FeedKind::Calendar) => self.repeat(),
            (11, FeedKind::Calendar) => self.end_series(),
            (12, _) => self.restore(),
            _ => self.delete(),
        }
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}{}", self.names)
    }

    /// Well inside of every window there will be, or well outside; no two at one time.
    fn time(&mut self) -> Timestamp {
        self.names += 1;
        let days = i64::try_from(self.chance.below(50)).expect("few") - 25;
        let days = if self.kind == FeedKind::Calendar && self.chance.below(6) == 0 {
            if days < 0 { days - 40 } else { days + 40 }
        } else {
            days
        };
        self.base + (days * 24).hours() + i64::try_from(self.names).expect("few").minutes()
    }

    fn any(&mut self) -> Option<String> {
        let count = self.things.len();
        (count > 0)
            .then(|| self.chance.below(count))
            .and_then(|n| self.things.keys().nth(n).cloned())
    }

    fn folder(&mut self) -> String {
        let n = self.chance.below(self.folders.len());
        self.folders[n].clone()
    }

    fn put(&mut self, id: String, series: Option<String>) {
        let (folder, at) = (self.folder(), self.time());
        let thing =
            Thing { folder, at, version: self.now, series, since: self.now, moved: Vec::new() };
        self.log.push((self.now, thing.folder.clone(), id.clone()));
        self.things.insert(id, thing);
    }

    fn create(&mut self) {
        let id = self.name("i");
        self.put(id, None);
    }

    fn change(&mut self) {
        let Some(id) = self.any() else { return };
        let thing = self.things.get_mut(&id).expect("it is there");
        thing.version = self.now;
        self.log.push((self.now, thing.folder.clone(), id));
    }

    /// Moves a message.
    fn shift(&mut self) {
        let (Some(id), folder) = (self.any(), self.folder()) else { return };
        self.shift_to(id, folder);
    }

    fn shift_to(&mut self, id: String, folder: String) {
        let thing = self.things.get_mut(&id).expect("it is there");
        self.log.push((self.now, thing.folder.clone(), id.clone()));
        self.log.push((self.now, folder.clone(), id));
        (thing.version, thing.folder) = (self.now, folder);
        thing.moved.push(self.now);
    }

    fn delete(&mut self) {
        if let Some(id) = self.any() {
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &str) {
        if let Some(thing) = self.things.remove(id) {
            self.log.push((self.now, thing.folder.clone(), id.to_owned()));
            self.bin.push((id.to_owned(), thing));
        }
    }

    /// What was deleted is there again, somewhere.
    fn restore(&mut self) {
        let single = self.bin.iter().rposition(|(_, thing)| thing.series.is_none());
        let Some((id, mut thing)) = single.map(|at| self.bin.remove(at)) else { return };
        thing.folder = self.folder();
        (thing.version, thing.since) = (self.now, self.now);
        self.log.push((self.now, thing.folder.clone(), id.clone()));
        self.things.insert(id, thing);
    }

    fn open(&mut self) {
        let name = self.name("f");
        let place = self.chance.below(self.folders.len() + 1);
        self.folders.insert(place, name);
    }

    /// A folder vanishes; what is in it goes elsewhere, or nowhere.
    fn close(&mut self) {
        if self.folders.len() < 2 {
            return;
        }
        let n = self.chance.below(self.folders.len());
        let gone = self.folders.remove(n);
        let inside = self.things.iter().filter(|(_, thing)| thing.folder == gone);
        let inside: Vec<_> = inside.map(|(id, _)| id.clone()).collect();
        for id in inside {
            if self.chance.below(2) == 0 {
                let folder = self.folder();
                self.shift_to(id, folder);
            } else {
                self.remove(&id);
            }
        }
    }

    fn reschedule(&mut self) {
        let (Some(id), at) = (self.any(), self.time()) else { return };
        let was_inside = self.is_inside(self.things[&id].at);
        let thing = self.things.get_mut(&id).expect("it is there");
        (thing.at, thing.version) = (at, self.now);
        thing.moved.push(self.now);
        if !was_inside {
            thing.since = self.now;
        }
        self.log.push((self.now, thing.folder.clone(), id));
    }

    /// Whether a time is in every window there will be.
    pub(super) fn is_inside(&self, at: Timestamp) -> bool {
        let days = at.duration_since(self.base).as_hours() / 24;
        days.abs() < 30
    }

    fn series(&self) -> BTreeSet<String> {
        self.things.values().filter_map(|thing| thing.series.clone()).collect()
    }

    /// A series begins, or has one occurrence more.
    fn repeat(&mut self) {
        let known: Vec<_> = self.series().into_iter().collect();
        let series = if known.is_empty() || self.chance.below(2) == 0 {
            self.name("s")
        } else {
            let n = self.chance.below(known.len());
            known[n].clone()
        };
        for _ in 0..=self.chance.below(3) {
            let id = self.name("o");
            self.put(id, Some(series.clone()));
        }
    }

    fn end_series(&mut self) {
        let known: Vec<_> = self.series().into_iter().collect();
        if !known.is_empty() {
            let n = self.chance.below(known.len());
            for id in self.of_series(&known[n]) {
                self.remove(&id);
            }
        }
    }

    /// What was deleted.
    pub(super) fn buried(&self, id: &str) -> Option<&Thing> {
        self.bin.iter().find(|(other, _)| other == id).map(|(_, thing)| thing)
    }

    pub(super) fn of_series(&self, series: &str) -> Vec<String> {
        let its = self.things.iter().filter(|(_, thing)| thing.series.as_deref() == Some(series));
        its.map(|(id, _)| id.clone()).collect()
    }

    /// Whether a thing belongs to a part, as far as its time and its folder go.
    pub(super) fn is_in(thing: &Thing, part: &str, scope: &Scope) -> bool {
        let in_window = scope.window.is_none_or(|window| {
            let is_ahead = end(thing.at) > window.today;
            let half = part == "calendar" || (part == "ahead") == is_ahead;
            end(thing.at) > window.from && thing.at < window.to && half
        });
        in_window && (scope.limit.is_some() || thing.folder == part)
    }

    /// The ids of a part, those first that are wanted first.
    pub(super) fn ids(&self, part: &str, scope: &Scope) -> Vec<String> {
        let inside = self.things.iter().filter(|(_, thing)| Self::is_in(thing, part, scope));
        let mut inside: Vec<_> = inside.map(|(id, thing)| (thing.at, id.clone())).collect();
        inside.sort();
        if part != "ahead" {
            inside.reverse();
        }
        inside.into_iter().map(|(_, id)| id).collect()
    }

    /// The parts there are.
    pub(super) fn parts(&self, scope: &Scope) -> Vec<String> {
        match (scope.limit, self.kind) {
            (None, _) => self.folders.clone(),
            (Some(_), FeedKind::Email) => vec!["all".to_owned()],
            (Some(_), FeedKind::Calendar) => vec!["ahead".to_owned(), "past".to_owned()],
        }
    }

    /// What belongs into the copy, and whether there is more.
    pub(super) fn belongs(&self, scope: &Scope) -> (Vec<String>, bool) {
        let parts = self.parts(scope);
        let mut all: Vec<_> = parts.iter().flat_map(|part| self.ids(part, scope)).collect();
        let limit = scope.limit.map_or(usize::MAX, |limit| limit as usize);
        let more = all.len() > limit;
        all.truncate(limit);
        all.sort();
        (all, more)
    }
}
