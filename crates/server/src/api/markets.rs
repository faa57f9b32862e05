//! Markets and their prices, at the provider.

use axum::Json;
use axum::extract::State;
use evergrant::capability::{
    Market, MarketDetails, Navigation, Price, PriceAllowance, PriceQuery, Resolution, Sentiment,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::live::{End, Listed, Live, at_most, cursor, instant};
use crate::App;
use crate::extract::{ApiQuery, Named, Within};
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// How many prices a page has at most: each page counts as a call.
const LONGEST_PAGE: u32 = 1000;
/// How many markets can be asked for at once.
const MOST_MARKETS: usize = 100;

/// Which of the accounts is meant that the provider keeps for whoever is connected.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountQuery {
    /// The trading account, by its `id` in `accounts/`; the default one unless named.
    #[param(example = "ABC123")]
    pub(super) account: Option<String>,
}

/// The tree of markets
///
/// Its root. Ids lead down, one node at a time.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/markets/navigation/",
    tag = "markets",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "The nodes below, and the markets in it", body = Navigation))
)]
pub(crate) async fn navigation(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Navigation>, Problem> {
    navigate(&app, principal, Named(id), query, None).await
}

/// A node of the tree of markets
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/markets/navigation/{node}/",
    tag = "markets",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "The nodes below, and the markets in it", body = Navigation))
)]
pub(crate) async fn navigation_node(
    State(app): State<App>,
    principal: Principal,
    Within(id, [node]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Navigation>, Problem> {
    navigate(&app, principal, Named(id), query, Some(&node)).await
}

async fn navigate(
    app: &App,
    principal: Principal,
    Named(id): Named,
    query: AccountQuery,
    node: Option<&str>,
) -> Result<Json<Navigation>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(app, principal, Permission::MarketsRead, id, account).await?;
    Ok(Json(live.told(live.markets()?.navigate(&live.api, node).await).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// What to look for.
    #[param(example = "FTSE")]
    search: String,
    /// The trading account, by its `id` in `accounts/`; the default one unless named.
    account: Option<String>,
}

/// The markets that a text finds
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/markets/",
    tag = "markets",
    params(SearchQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Market>))
)]
pub(crate) async fn search_markets(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<SearchQuery>,
) -> Result<Json<Listed<Market>>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    if query.search.trim().is_empty() {
        return Err(Problem::invalid("search", "`search` must not be empty."));
    }
    let found = live.told(live.markets()?.search(&live.api, &query.search).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// One market
///
/// With the rules it is dealt by, and its price now.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/markets/{epic}/",
    tag = "markets",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "The market", body = MarketDetails))
)]
pub(crate) async fn market(
    State(app): State<App>,
    principal: Principal,
    Within(id, [epic]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<MarketDetails>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    Ok(Json(live.told(live.markets()?.market(&live.api, &epic).await).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PricesQuery {
    /// The time that one price stands for; a minute unless given.
    #[param(value_type = Option<String>, example = "hour")]
    resolution: Option<Resolution>,
    /// From when on: a time, or a day, which counts from its midnight in UTC.
    #[param(example = "2026-03-26T00:00:00Z")]
    from: Option<String>,
    /// Until when: a time, or a day, which counts to its end in UTC; now unless given.
    #[param(example = "2026-03-27")]
    to: Option<String>,
    /// How many of the last ones, where no span is given; 10 unless given.
    max: Option<u32>,
    /// How many a page has at most; 20 unless given, 1000 at most.
    limit: Option<u32>,
    /// The trading account, by its `id` in `accounts/`; the default one unless named.
    account: Option<String>,
    /// Where the last page ended, as its `next` has it.
    cursor: Option<String>,
}

impl PricesQuery {
    fn read(&self) -> Result<PriceQuery, Problem> {
        let (from, to) = span(self.from.as_deref(), self.to.as_deref())?;
        if from.is_none() && to.is_some() {
            return Err(Problem::invalid("from", "`to` takes `from` as well."));
        }
        Ok(PriceQuery {
            resolution: self.resolution.clone(),
            from,
            to,
            max: self.max.map(|max| at_most("max", max, u32::MAX)).transpose()?,
            limit: self.limit.map(|limit| at_most("limit", limit, LONGEST_PAGE)).transpose()?,
        })
    }
}

/// The two ends of a span, each of which may be left out.
pub(super) fn span(
    from: Option<&str>,
    to: Option<&str>,
) -> Result<(Option<jiff::Timestamp>, Option<jiff::Timestamp>), Problem> {
    let from = from.map(|given| instant("from", given, End::First, None)).transpose()?;
    let to = to.map(|given| instant("to", given, End::Last, None)).transpose()?;
    match (from, to) {
        (Some(from), Some(to)) if to <= from => {
            Err(Problem::invalid("to", "`to` must be after `from`."))
        }
        span => Ok(span),
    }
}

/// A part of a market's past prices.
#[derive(Serialize, ToSchema)]
pub(crate) struct Prices {
    /// The prices, the oldest first.
    results: Vec<Price>,
    /// The address of the next page; null at the end.
    next: Option<String>,
    /// What is left of the account's allowance for past prices; null where the provider does not say.
    allowance: Option<PriceAllowance>,
}

/// A market's past prices
///
/// The oldest first. They count against the account's allowance for past prices, which `allowance` tells;
/// once it is used up, the problem `provider_throttled` says in `until` when it is renewed.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/markets/{epic}/prices/",
    tag = "markets",
    params(PricesQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "A page", body = Prices))
)]
pub(crate) async fn prices(
    State(app): State<App>,
    principal: Principal,
    Within(id, [epic]): Within<1>,
    ApiQuery(given): ApiQuery<PricesQuery>,
) -> Result<Json<Prices>, Problem> {
    let account = given.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let cursor = cursor(given.cursor.as_deref())?;
    let query = given.read()?;
    let page = live.markets()?.prices(&live.api, &epic, &query, cursor.as_ref()).await;
    let page = live.told(page).await?;
    let again = [
        ("resolution", query.resolution.map(String::from)),
        ("from", query.from.map(|at| at.to_string())),
        ("to", query.to.map(|at| at.to_string())),
        ("max", query.max.map(|max| max.to_string())),
        ("limit", query.limit.map(|limit| limit.to_string())),
    ];
    let next = live.next(&["markets", &epic, "prices"], &again, page.next);
    Ok(Json(Prices { results: page.results, next, allowance: page.allowance }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SentimentQuery {
    /// The markets, by their `market_id`, with commas between them; 100 at most.
    #[param(example = "FT100,EURUSD")]
    markets: String,
    /// The trading account, by its `id` in `accounts/`; the default one unless named.
    account: Option<String>,
}

/// How the provider's clients stand in some markets
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/markets/sentiment/",
    tag = "markets",
    params(SentimentQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Sentiment>))
)]
pub(crate) async fn sentiment(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<SentimentQuery>,
) -> Result<Json<Listed<Sentiment>>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let named = query.markets.split(',').map(str::trim).filter(|market| !market.is_empty());
    let named: Vec<_> = named.map(str::to_owned).collect();
    if named.is_empty() || named.len() > MOST_MARKETS {
        let why = format!("`markets` must name from 1 to {MOST_MARKETS} markets.");
        return Err(Problem::invalid("markets", why));
    }
    let found = live.told(live.markets()?.sentiment(&live.api, &named).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// How those who trade a market stand in others
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/markets/{market}/related-sentiment/",
    tag = "markets",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Sentiment>))
)]
pub(crate) async fn related_sentiment(
    State(app): State<App>,
    principal: Principal,
    Within(id, [market]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Listed<Sentiment>>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let found = live.told(live.markets()?.related_sentiment(&live.api, &market).await).await?;
    Ok(Json(Listed::whole(found)))
}
