//! Lists of markets, at the provider.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use evergrant::capability::{CreatedWatchlist, Market, NewWatchlist, Watchlist};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::live::{Listed, Live};
use super::markets::AccountQuery;
use super::versions::{Unversioned, created};
use crate::App;
use crate::extract::{ApiJson, ApiQuery, Named, Within};
use crate::idempotency::Keyed;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The lists, as paths have them.
const LISTS: &str = "watchlists";

/// The account's lists of markets
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/watchlists/",
    tag = "markets",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Watchlist>))
)]
pub(crate) async fn watchlists(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Listed<Watchlist>>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let found = live.told(live.markets()?.watchlists(&live.api).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// Make a list of markets
///
/// `complete` says whether all of the markets are on it.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/watchlists/",
    tag = "markets",
    params(
        AccountQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "The caller's own name for this request: the \
            same again gets the first answer for 24 hours. Where that was lost, the list may be there: look before \
            you make it again")
    ),
    request_body = NewWatchlist,
    security(("access_key" = [])),
    responses((status = 201, description = "The list; `Location` is its address", body = CreatedWatchlist))
)]
pub(crate) async fn create_watchlist(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<AccountQuery>,
    asked: Keyed<NewWatchlist>,
) -> Result<Response, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsWrite, id, account).await?;
    live.markets()?;
    let owner = live.owner;
    let purpose = format!("create watchlist in {account:?}");
    let act = async move |_, list: NewWatchlist| {
        if list.name.trim().is_empty() {
            return Err(Problem::invalid("/name", "`name` must not be empty."));
        }
        let made = live.told(live.markets()?.create_watchlist(&live.api, &list).await).await?;
        Ok(created(live.address_within(&[LISTS, &made.id]), None, &made))
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// The markets of one list
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/watchlists/{list}/",
    tag = "markets",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Market>))
)]
pub(crate) async fn watchlist(
    State(app): State<App>,
    principal: Principal,
    Within(id, [list]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Listed<Market>>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let found = live.told(live.markets()?.watchlist(&live.api, &list).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// Delete a list of markets
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/watchlists/{list}/",
    tag = "markets",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_watchlist(
    State(app): State<App>,
    principal: Principal,
    Within(id, [list]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
    _: Unversioned,
) -> Result<StatusCode, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsWrite, id, account).await?;
    live.told(live.markets()?.delete_watchlist(&live.api, &list).await).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A market to put on a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct AddBody {
    /// The provider's name of it.
    #[schema(example = "IX.D.FTSE.CFD.IP")]
    epic: String,
}

/// Put a market on a list
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/watchlists/{list}/markets/",
    tag = "markets",
    params(AccountQuery),
    request_body = AddBody,
    security(("access_key" = [])),
    responses((status = 204, description = "It is on the list"))
)]
pub(crate) async fn add_to_watchlist(
    State(app): State<App>,
    principal: Principal,
    Within(id, [list]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
    _: Unversioned,
    ApiJson(body): ApiJson<AddBody>,
) -> Result<StatusCode, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsWrite, id, account).await?;
    let added = live.markets()?.add_to_watchlist(&live.api, &list, &body.epic).await;
    live.told(added).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a market off a list
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/watchlists/{list}/markets/{epic}/",
    tag = "markets",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 204, description = "It is off the list"))
)]
pub(crate) async fn remove_from_watchlist(
    State(app): State<App>,
    principal: Principal,
    Within(id, [list, epic]): Within<2>,
    ApiQuery(query): ApiQuery<AccountQuery>,
    _: Unversioned,
) -> Result<StatusCode, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsWrite, id, account).await?;
    let removed = live.markets()?.remove_from_watchlist(&live.api, &list, &epic).await;
    live.told(removed).await?;
    Ok(StatusCode::NO_CONTENT)
}
