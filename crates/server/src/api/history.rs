//! What came of deals, and what happened in a trading account, at the provider.

use axum::Json;
use axum::extract::State;
use evergrant::capability::{Activity, Deal, HistoryQuery, Transaction};
use serde::Deserialize;
use utoipa::IntoParams;

use super::live::{Listed, Live, cursor, limit};
use super::markets::{AccountQuery, span};
use crate::App;
use crate::extract::{ApiQuery, Named, Within};
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// What came of a deal
///
/// Asked of the provider now, wherever it keeps it. `unknown` is not `rejected`: the provider shows no
/// trace of it, and may still.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/confirms/{reference}/",
    tag = "trading",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "The deal", body = Deal))
)]
pub(crate) async fn deal(
    State(app): State<App>,
    principal: Principal,
    Within(id, [reference]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Deal>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    Ok(Json(live.told(live.trading()?.deal(&live.api, &reference).await).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ActivityQuery {
    /// From when on: a time, or a day, which counts from its midnight in UTC. 7 days ago unless given.
    #[param(example = "2026-03-20")]
    from: Option<String>,
    /// Until when: a time, or a day, which counts to its end in UTC; now unless given.
    #[param(example = "2026-03-27")]
    to: Option<String>,
    /// Only what concerns this deal.
    deal_id: Option<String>,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
    /// The trading account, by its `id` in `accounts/`; the default one unless named.
    account: Option<String>,
    /// Where the last page ended, as its `next` has it.
    cursor: Option<String>,
}

/// What happened in the account
///
/// The latest first.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/history/",
    tag = "trading",
    params(ActivityQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "A page", body = Listed<Activity>))
)]
pub(crate) async fn activity(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(given): ApiQuery<ActivityQuery>,
) -> Result<Json<Listed<Activity>>, Problem> {
    let account = given.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let cursor = cursor(given.cursor.as_deref())?;
    let (from, to) = span(given.from.as_deref(), given.to.as_deref())?;
    let limit = Some(limit(given.limit)?);
    let query = HistoryQuery { from, to, deal_id: given.deal_id, kind: None, limit };
    let page = live.trading()?.activity(&live.api, &query, cursor.as_ref()).await;
    let page = live.told(page).await?;
    Ok(Json(live.page(&["history"], &again(query), page)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TransactionsQuery {
    /// From when on: a time, or a day, which counts from its midnight in UTC. 7 days ago unless given.
    #[param(example = "2026-03-20")]
    from: Option<String>,
    /// Until when: a time, or a day, which counts to its end in UTC; now unless given.
    #[param(example = "2026-03-27")]
    to: Option<String>,
    /// Only this kind, in the provider's word.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    kind: Option<String>,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
    /// The trading account, by its `id` in `accounts/`; the default one unless named.
    account: Option<String>,
    /// Where the last page ended, as its `next` has it.
    cursor: Option<String>,
}

/// What money moved in the account
///
/// The latest first.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/history/transactions/",
    tag = "trading",
    params(TransactionsQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "A page", body = Listed<Transaction>))
)]
pub(crate) async fn transactions(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(given): ApiQuery<TransactionsQuery>,
) -> Result<Json<Listed<Transaction>>, Problem> {
    let account = given.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let cursor = cursor(given.cursor.as_deref())?;
    let (from, to) = span(given.from.as_deref(), given.to.as_deref())?;
    let limit = Some(limit(given.limit)?);
    let query = HistoryQuery { from, to, deal_id: None, kind: given.kind, limit };
    let page = live.trading()?.transactions(&live.api, &query, cursor.as_ref()).await;
    let page = live.told(page).await?;
    Ok(Json(live.page(&["history", "transactions"], &again(query), page)))
}

/// The same query for the next page.
fn again(query: HistoryQuery) -> [(&'static str, Option<String>); 5] {
    [
        ("from", query.from.map(|at| at.to_string())),
        ("to", query.to.map(|at| at.to_string())),
        ("deal_id", query.deal_id),
        ("type", query.kind),
        ("limit", query.limit.map(|limit| limit.to_string())),
    ]
}
