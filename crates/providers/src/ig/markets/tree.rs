//! The tree of markets, and what stands in for it (contract, section 4.1).
//!
//! IG has begun to take the tree away, and has categories instead: lists of markets without nodes
//! below. Both are behind one door. Where the tree is gone, the root's nodes are the categories, under
//! ids that tell them from the tree's numbers.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use evergrant::capability::{Market, Navigation, Node};
use evergrant::clock::until;
use evergrant::gateway::Denial;
use evergrant::provider::{Actor, Failure};
use evergrant::{Api, CallError};
use jiff::Timestamp;

use crate::ig::wire::given::segment;
use crate::ig::wire::market::market;
use crate::ig::wire::{Members, list_of};
use crate::ig::{Ig, PATIENCE, call};

/// What an id of a category begins with.
const CATEGORY: &str = "category:";
/// How long a tree that was gone is not asked for.
const REMEMBERED: Duration = Duration::from_hours(1);
/// How many markets of a category are asked for at once: as many as IG gives.
const PAGE_SIZE: usize = 1000;
/// The most pages of a category; only one that never ends has more.
const MOST_PAGES: usize = 100;

/// Whether IG still has the tree, as far as this process knows.
#[derive(Debug, Default)]
pub(crate) struct Tree(Mutex<Option<Timestamp>>);

impl Tree {
    fn is_gone(&self, now: Timestamp) -> bool {
        let seen = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|at| until(at, now) < REMEMBERED)
    }

    fn gone(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

impl Ig {
    pub(super) async fn root(&self, api: &Api) -> Result<Navigation, CallError> {
        if !self.tree.is_gone(api.now()) {
            match self.get(api, 1, "/marketnavigation").await {
                Ok(answer) => return Ok(navigation(Members::read(&answer)?)),
                Err(error) if is_missing(&error) => self.tree.gone(api.now()),
                Err(error) => return Err(error),
            }
        }
        let answer = self.get(api, 1, "/categories").await?;
        let nodes = list_of(&answer, "categories", category)?.into_iter().flatten().collect();
        Ok(Navigation { nodes, markets: Vec::new() })
    }

    pub(super) async fn node(&self, api: &Api, node: &str) -> Result<Navigation, CallError> {
        if let Some(code) = node.strip_prefix(CATEGORY) {
            let code = segment("/node", code)?;
            let markets = call::in_time(api, PATIENCE, self.instruments(api, &code)).await?;
            return Ok(Navigation { nodes: Vec::new(), markets });
        }
        let path = format!("/marketnavigation/{}", segment("/node", node)?);
        if self.tree.is_gone(api.now()) {
            return Err(no_such_node());
        }
        match self.get(api, 1, &path).await {
            Ok(answer) => Ok(navigation(Members::read(&answer)?)),
            Err(error) if is_missing(&error) => Err(no_such_node()),
            Err(error) => Err(error),
        }
    }

    /// All markets of a category. How many there are IG does not say: they end with an empty page.
    async fn instruments(&self, api: &Api, code: &str) -> Result<Vec<Market>, CallError> {
        let mut markets: Vec<Market> = Vec::new();
        let mut firsts = HashSet::new();
        for page in 0..MOST_PAGES {
            let path =
                format!("/categories/{code}/instruments?pageNumber={page}&pageSize={PAGE_SIZE}");
            let part = list_of(&self.get(api, 1, &path).await?, "instruments", market)?;
            let Some(first) = part.first() else { return Ok(markets) };
            // A page that was there before: the numbers mean nothing, and there is no end.
            if !firsts.insert(first.epic.clone()) {
                break;
            }
            markets.extend(part);
        }
        Err(CallError::Unreadable("a category without an end".to_owned()))
    }
}

fn navigation(mut members: Members) -> Navigation {
    let node = |mut node: Members| {
        Some(Node { id: node.text("id")?, name: node.text("name").unwrap_or_default() })
    };
    Navigation {
        nodes: members.list("nodes").into_iter().filter_map(node).collect(),
        markets: members.list("markets").into_iter().map(market).collect(),
    }
}

fn category(mut members: Members) -> Option<Node> {
    let name = members.text("code")?;
    Some(Node { id: format!("{CATEGORY}{name}"), name })
}

/// Whether there is nothing at that address. IG says so with a code, or with a page for people.
pub(crate) fn is_missing(error: &CallError) -> bool {
    match error {
        CallError::Denied { denial, .. } => *denial == Denial::ItemNotFound,
        CallError::Refused { status, .. } => *status == http::StatusCode::NOT_FOUND,
        _ => false,
    }
}

fn no_such_node() -> CallError {
    let message = "There is no such node, or IG no longer has the tree of markets it was in.";
    let failure = Failure::new("item_not_found", Actor::User, message)
        .remedied_by("Begin again at the root: its nodes lead to all markets.");
    CallError::Denied { denial: Denial::ItemNotFound, failure: Box::new(failure) }
}
