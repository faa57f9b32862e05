//! Finding markets: the tree, categories, search, details, sentiment (contract 4.1, 4.2, 4.7).

use serde_json::{Value, json};

use super::dice;
use super::floor::Floor;
use super::market::{Kind, Market, round};
use super::tree::Node;
use crate::ig::sandbox::answer::{Answer, Refused};
use crate::ig::sandbox::call::Call;

/// The most epics of one call.
const MOST_EPICS: usize = 50;
const UNKNOWN: &str = "error.public-api.epic-not-found";

impl Floor<'_> {
    /// A place in the tree. The root has no markets and a leaf has no nodes: null, not empty.
    pub(super) fn navigate(&self, id: Option<&str>) -> Answer {
        let listed = |node: &Node| json!({ "id": node.id, "name": node.name });
        let tree = self.catalogue.tree();
        let Some(id) = id else {
            let nodes: Vec<_> = tree.roots().map(listed).collect();
            return Answer::ok(json!({ "nodes": nodes, "markets": null }));
        };
        let Some(node) = tree.find(id) else {
            return Answer::error("invalid.url");
        };
        let nodes: Vec<_> = tree.below(node).map(listed).collect();
        let markets = node.markets.iter().filter_map(|index| self.catalogue.markets().get(*index));
        let markets: Vec<_> = markets.map(|market| self.leaf(market)).collect();
        let unless_empty = |list: Vec<Value>| (!list.is_empty()).then_some(list);
        Answer::ok(json!({ "nodes": unless_empty(nodes), "markets": unless_empty(markets) }))
    }

    /// A page of a category; the first is 0, and the one after the last is empty.
    pub(super) fn category(&self, code: &str, call: &Call) -> Refused<Answer> {
        let size = call.query("pageSize").map_or(Ok(150), str::parse);
        let Some(size) = size.ok().filter(|size| (1..=1_000).contains(size)) else {
            return Err(Answer::error("error.request.invalid.page-size"));
        };
        let page: usize = call.query("pageNumber").map_or(Ok(0), str::parse).map_err(no_input)?;
        let kind = Kind::of_category(code).ok_or_else(|| no_input(()))?;
        let markets = self.catalogue.markets().iter().filter(|market| market.kind == kind);
        let page_of = markets.skip(page.saturating_mul(size)).take(size);
        let instruments: Vec<_> = page_of.map(|market| self.categorised(market)).collect();
        let metadata = json!({ "pageNumber": page, "pageSize": size });
        Ok(Answer::ok(json!({ "instruments": instruments, "metadata": metadata })))
    }

    /// `/markets?searchTerm=` or `/markets?epics=`.
    pub(super) fn markets(&self, call: &Call) -> Refused<Answer> {
        if let Some(epics) = call.query("epics") {
            return self.several(epics, call);
        }
        let term = call.query("searchTerm").ok_or_else(|| no_input(()))?.to_lowercase();
        let matches = |text: &str| text.to_lowercase().contains(&term);
        let markets = self.catalogue.markets().iter();
        let found = markets.filter(|market| matches(&market.name) || matches(&market.epic));
        let found: Vec<_> = found.map(|market| self.found(market)).collect();
        Ok(Answer::ok(json!({ "markets": found })))
    }

    fn several(&self, epics: &str, call: &Call) -> Refused<Answer> {
        let epics: Vec<_> = epics.split(',').map(str::trim).collect();
        if epics.len() > MOST_EPICS {
            return Err(Answer::error("error.public-api.too-many-epics"));
        }
        let brief = match call.query("filter") {
            None | Some("ALL") => false,
            Some("SNAPSHOT_ONLY") if call.version >= 2 => true,
            Some(_) => return Err(no_input(())),
        };
        let details = epics.iter().map(|epic| {
            let market = self.find(epic).ok_or_else(|| Answer::error(UNKNOWN))?;
            Ok(if brief { self.brief(market) } else { self.details(market, call.version) })
        });
        let details: Vec<_> = details.collect::<Refused<_>>()?;
        Ok(Answer::ok(json!({ "marketDetails": details })))
    }

    /// Everything about one market.
    pub(super) fn one(&self, epic: &str, call: &Call) -> Refused<Answer> {
        let market = self.find(epic).ok_or_else(|| Answer::error(UNKNOWN))?;
        Ok(Answer::ok(self.details(market, call.version)))
    }

    /// How many clients are long and how many short, by market id.
    pub(super) fn sentiments(&self, ids: &str) -> Answer {
        let all: Vec<_> = ids.split(',').map(|id| sentiment(id.trim(), self.now)).collect();
        Answer::ok(json!({ "clientSentiments": all }))
    }

    /// The sentiment in one market.
    pub(super) fn sentiment(&self, id: &str) -> Answer {
        Answer::ok(sentiment(id, self.now))
    }

    /// The sentiment in what others deal in who deal in this one: the markets of its kind.
    pub(super) fn related(&self, id: &str) -> Answer {
        let markets = self.catalogue.markets();
        let kind =
            markets.iter().find(|market| market.sentiment_id == id).map(|market| market.kind);
        let mut ids: Vec<&str> = Vec::new();
        for Market { sentiment_id, .. } in markets.iter().filter(|other| Some(other.kind) == kind) {
            if sentiment_id != id && !ids.contains(&sentiment_id.as_str()) && ids.len() < 5 {
                ids.push(sentiment_id);
            }
        }
        let all: Vec<_> = ids.into_iter().map(|id| sentiment(id, self.now)).collect();
        Answer::ok(json!({ "clientSentiments": all }))
    }
}

/// All categories.
pub(super) fn categories() -> Answer {
    let category = |kind: Kind| json!({ "code": kind.category(), "nonTradeable": false });
    Answer::ok(json!({ "categories": Kind::ALL.map(category) }))
}

/// The opinion of a day; nobody is asked for it, and a market that does not exist has one, too.
fn sentiment(id: &str, now: i64) -> Value {
    let bits = dice::throw(0, dice::of_text(id), now.div_euclid(super::hours::DAY));
    let long = round(20.0 + 60.0 * dice::unit(bits), 1);
    json!({
        "marketId": id,
        "longPositionPercentage": long,
        "shortPositionPercentage": round(100.0 - long, 1),
    })
}

fn no_input<E>(_: E) -> Answer {
    Answer::error("invalid.input")
}
