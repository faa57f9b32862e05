//! Acme's markets, kept in memory: three of them, on one floor.

use async_trait::async_trait;
use evergrant::capability::{
    CreatedWatchlist, Cursor, Market, MarketDetails, MarketStatus, Markets, Measure, Navigation,
    NewWatchlist, Node, Page, Price, PriceAllowance, PricePage, PriceQuery, Quote, Sentiment,
    Watchlist,
};
use evergrant::{Api, CallError};
use serde_json::Map;

use crate::desk::Desk;
use crate::shelf::{at, id, part};

pub(crate) fn market(number: usize) -> Market {
    Market {
        epic: id("epc", number),
        name: format!("Market {number}"),
        kind: Some("shares".to_owned()),
        expiry: Some("-".to_owned()),
        status: Some(MarketStatus::Tradeable),
        bid: Some(99.5),
        offer: Some(100.5),
        high: None,
        low: None,
        change: None,
        change_percent: None,
        updated: Some("09:31:07".to_owned()),
        delay_minutes: Some(0),
        streaming: None,
        extra: Map::new(),
    }
}

/// A list that anybody may change, and what is on it.
pub(crate) fn watchlist(number: usize) -> (Watchlist, Vec<String>) {
    let (name, on_it) = (format!("List {number}"), vec![id("epc", 1), id("epc", 2)]);
    let id = id("lst", number);
    (Watchlist { id, name, editable: true, deletable: true, system: false }, on_it)
}

fn known(epic: &str) -> Result<Market, CallError> {
    (1..=3).map(market).find(|market| market.epic == epic).ok_or_else(crate::shelf::gone)
}

impl Desk {
    /// Notes what is asked for, and in which account.
    pub(crate) fn note(&self, api: &Api, what: &str) {
        let account = api.chosen().map(|account| format!(" in {account}")).unwrap_or_default();
        self.acme.shelf(|shelf| shelf.done.push(format!("{what}{account}")));
    }
}

#[async_trait]
impl Markets for Desk {
    async fn navigate(&self, api: &Api, node: Option<&str>) -> Result<Navigation, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("navigate {node:?}"));
        match node {
            None => {
                let floor = Node { id: id("nod", 1), name: "Floor".to_owned() };
                Ok(Navigation { nodes: vec![floor], markets: Vec::new() })
            }
            Some(node) if node == id("nod", 1) => {
                Ok(Navigation { nodes: Vec::new(), markets: vec![market(1)] })
            }
            Some(_) => Err(crate::shelf::gone()),
        }
    }

    async fn search(&self, api: &Api, text: &str) -> Result<Vec<Market>, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("search {text}"));
        Ok((1..=3).map(market).filter(|market| market.name.contains(text)).collect())
    }

    async fn market(&self, api: &Api, epic: &str) -> Result<MarketDetails, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("market {epic}"));
        Ok(MarketDetails {
            market: known(epic)?,
            market_id: Some(id("mkt", 1)),
            currencies: vec!["GBP".to_owned()],
            lot_size: Some(10.0),
            contract_size: None,
            unit: Some("shares".to_owned()),
            value_of_one_pip: None,
            one_pip_means: None,
            margin: Some(Measure { value: 5.0, unit: "percentage".to_owned() }),
            min_deal_size: Some(Measure { value: 0.5, unit: "points".to_owned() }),
            min_stop_or_limit_distance: None,
            min_guaranteed_stop_distance: None,
            max_stop_or_limit_distance: None,
            stops_and_limits: Some(true),
            guaranteed_stops: None,
            market_orders: None,
            trailing_stops: None,
        })
    }

    async fn prices(
        &self,
        api: &Api,
        epic: &str,
        query: &PriceQuery,
        cursor: Option<&Cursor>,
    ) -> Result<PricePage, CallError> {
        self.enter(api).await?;
        known(epic)?;
        self.note(api, &format!("{query:?}"));
        let quote = |bid| Quote { bid: Some(bid), ask: Some(bid + 1.0), last_traded: None };
        let price = |hour: i64| Price {
            time: Some(at("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_hours(hour)),
            open: quote(99.0),
            high: quote(101.0),
            low: quote(98.0),
            close: quote(99.5),
            volume: None,
        };
        let Page { results, next } =
            part((0..3).map(price).collect(), query.limit.unwrap_or(20), cursor);
        let renewed_at = at("2026-01-08T00:00:00Z");
        let allowance = PriceAllowance { remaining: 9_997, total: 10_000, renewed_at };
        Ok(PricePage { results, next, allowance: Some(allowance) })
    }

    async fn sentiment(&self, api: &Api, markets: &[String]) -> Result<Vec<Sentiment>, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("sentiment {markets:?}"));
        let stands = |market: &String| Sentiment {
            market_id: market.clone(),
            long_percent: 62.0,
            short_percent: 38.0,
        };
        Ok(markets.iter().map(stands).collect())
    }

    async fn related_sentiment(
        &self,
        api: &Api,
        market: &str,
    ) -> Result<Vec<Sentiment>, CallError> {
        self.sentiment(api, &[format!("beside {market}")]).await
    }

    async fn watchlists(&self, api: &Api) -> Result<Vec<Watchlist>, CallError> {
        self.enter(api).await?;
        self.note(api, "watchlists");
        Ok(self.acme.shelf(|shelf| shelf.lists.values().map(|(list, _)| list.clone()).collect()))
    }

    async fn watchlist(&self, api: &Api, id: &str) -> Result<Vec<Market>, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("watchlist {id}"));
        let (_, on_it) = self.changed(|shelf| &mut shelf.lists, id, |_| {})?;
        Ok(on_it.iter().filter_map(|epic| known(epic).ok()).collect())
    }

    async fn create_watchlist(
        &self,
        api: &Api,
        new: &NewWatchlist,
    ) -> Result<CreatedWatchlist, CallError> {
        self.enter(api).await?;
        self.note(api, &format!("list {}", new.name));
        let complete = new.epics.iter().all(|epic| known(epic).is_ok());
        Ok(self.acme.shelf(|shelf| {
            let (list, _) = watchlist(shelf.lists.len() + 1);
            let id = list.id.clone();
            let list = Watchlist { name: new.name.clone(), ..list };
            shelf.lists.insert(id.clone(), (list, new.epics.clone()));
            CreatedWatchlist { id, complete }
        }))
    }

    async fn add_to_watchlist(&self, api: &Api, id: &str, epic: &str) -> Result<(), CallError> {
        self.enter(api).await?;
        self.note(api, &format!("{epic} onto {id}"));
        let epic = known(epic).map_or_else(|_| epic.to_owned(), |market| market.epic);
        self.changed(|shelf| &mut shelf.lists, id, |(_, on_it)| on_it.push(epic)).map(drop)
    }

    async fn remove_from_watchlist(
        &self,
        api: &Api,
        id: &str,
        epic: &str,
    ) -> Result<(), CallError> {
        self.enter(api).await?;
        self.note(api, &format!("{epic} off {id}"));
        let off = |(_, on_it): &mut (Watchlist, Vec<String>)| on_it.retain(|other| other != epic);
        self.changed(|shelf| &mut shelf.lists, id, off).map(drop)
    }

    async fn delete_watchlist(&self, api: &Api, id: &str) -> Result<(), CallError> {
        self.enter(api).await?;
        self.note(api, &format!("delete {id}"));
        self.removed(|shelf| &mut shelf.lists, id)
    }
}
