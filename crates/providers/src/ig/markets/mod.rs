//! Markets: the tree, search, rules, prices, how others stand, and lists (contract, sections 4.1 to 4.3
//! and 4.7).

mod prices;
mod tree;

use async_trait::async_trait;
use evergrant::capability::{
    CreatedWatchlist, Cursor, Market, MarketDetails, Markets, Navigation, NewWatchlist, PricePage,
    PriceQuery, Sentiment, Watchlist,
};
use evergrant::{Api, CallError, Response};
use http::Method;
use serde_json::json;

pub(super) use tree::{Tree, is_missing};

use super::Ig;
use super::wire::given::{self, encoded, invalid, segment};
use super::wire::market::{details, market, sentiment, watchlist};
use super::wire::{Members, lacks, list_of};

#[async_trait]
impl Markets for Ig {
    async fn navigate(&self, api: &Api, node: Option<&str>) -> Result<Navigation, CallError> {
        match node {
            None => self.root(api).await,
            Some(node) => self.node(api, node).await,
        }
    }

    async fn search(&self, api: &Api, text: &str) -> Result<Vec<Market>, CallError> {
        if text.trim().is_empty() {
            return Err(invalid("/search", "is empty"));
        }
        let path = format!("/markets?searchTerm={}", encoded(text.trim()));
        list_of(&self.get(api, 1, &path).await?, "markets", market)
    }

    async fn market(&self, api: &Api, epic: &str) -> Result<MarketDetails, CallError> {
        let path = format!("/markets/{}", given::epic("/epic", epic)?);
        Ok(details(epic, Members::read(&self.get(api, 3, &path).await?)?))
    }

    async fn prices(
        &self,
        api: &Api,
        epic: &str,
        query: &PriceQuery,
        cursor: Option<&Cursor>,
    ) -> Result<PricePage, CallError> {
        self.past_prices(api, epic, query, cursor).await
    }

    async fn sentiment(&self, api: &Api, markets: &[String]) -> Result<Vec<Sentiment>, CallError> {
        let ids: Result<Vec<String>, CallError> = markets.iter().map(|id| market_id(id)).collect();
        let answer = match &ids?[..] {
            [] => return Err(invalid("/markets", "names no market")),
            [one] => self.get(api, 1, &format!("/clientsentiment/{one}")).await?,
            ids => {
                let path = format!("/clientsentiment?marketIds={}", ids.join(","));
                return sentiments(&self.get(api, 1, &path).await?);
            }
        };
        Ok(sentiment(Members::read(&answer)?).into_iter().collect())
    }

    async fn related_sentiment(
        &self,
        api: &Api,
        market: &str,
    ) -> Result<Vec<Sentiment>, CallError> {
        let path = format!("/clientsentiment/related/{}", market_id(market)?);
        sentiments(&self.get(api, 1, &path).await?)
    }

    async fn watchlists(&self, api: &Api) -> Result<Vec<Watchlist>, CallError> {
        list_of(&self.get(api, 1, "/watchlists").await?, "watchlists", watchlist)
    }

    async fn watchlist(&self, api: &Api, id: &str) -> Result<Vec<Market>, CallError> {
        list_of(&self.get(api, 1, &list_path(id)?).await?, "markets", market)
    }

    async fn create_watchlist(
        &self,
        api: &Api,
        list: &NewWatchlist,
    ) -> Result<CreatedWatchlist, CallError> {
        if list.name.trim().is_empty() {
            return Err(invalid("/name", "is empty"));
        }
        for (n, epic) in list.epics.iter().enumerate() {
            given::epic(&format!("/epics/{n}"), epic)?;
        }
        let body = json!({ "name": list.name, "epics": list.epics });
        let answer = self.change(api, Method::POST, 1, "/watchlists", Some(&body)).await?;
        let mut made = Members::read(&answer)?;
        let complete = made.text("status").as_deref() == Some("SUCCESS");
        let id = made.text("watchlistId").ok_or_else(|| lacks("id of the list"))?;
        Ok(CreatedWatchlist { id, complete })
    }

    async fn add_to_watchlist(&self, api: &Api, id: &str, epic: &str) -> Result<(), CallError> {
        let body = json!({ "epic": given::epic("/epic", epic)? });
        self.change(api, Method::PUT, 1, &list_path(id)?, Some(&body)).await.map(drop)
    }

    async fn remove_from_watchlist(
        &self,
        api: &Api,
        id: &str,
        epic: &str,
    ) -> Result<(), CallError> {
        let path = format!("{}/{}", list_path(id)?, given::epic("/epic", epic)?);
        self.change(api, Method::DELETE, 1, &path, None).await.map(drop)
    }

    async fn delete_watchlist(&self, api: &Api, id: &str) -> Result<(), CallError> {
        self.change(api, Method::DELETE, 1, &list_path(id)?, None).await.map(drop)
    }
}

fn list_path(id: &str) -> Result<String, CallError> {
    Ok(format!("/watchlists/{}", segment("/id", id)?))
}

/// Ids of markets are joined by commas where there are several.
fn market_id(id: &str) -> Result<String, CallError> {
    segment("/markets", id).map_err(|_| invalid("/markets", "is not a market's id such as FT100"))
}

fn sentiments(answer: &Response) -> Result<Vec<Sentiment>, CallError> {
    Ok(list_of(answer, "clientSentiments", sentiment)?.into_iter().flatten().collect())
}
