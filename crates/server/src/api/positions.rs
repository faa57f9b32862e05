//! Trading accounts and their positions, at the provider; and what dealing answers.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use evergrant::CallError;
use evergrant::capability::{
    ClosePosition, Deal, DealOutcome, NewPosition, Position, PositionChanges, TradingAccount,
};
use http::{HeaderValue, StatusCode, header};

use super::live::{Listed, Live};
use super::markets::AccountQuery;
use super::versions::Unversioned;
use crate::App;
use crate::extract::{ApiQuery, Named, Within};
use crate::idempotency::{Keyed, Nothing};
use crate::principal::{Permission, Principal};
use crate::problem::{Code, Problem};

/// When to ask again for a deal of which nobody knows yet, in seconds. Looking for one takes several calls
/// of the provider's few: asked for more often it would use them up.
const SOON: u16 = 30;

/// What dealing answers: a deal, whatever came of it.
///
/// What failed was not sent, or did certainly nothing ([`evergrant::capability::Trading`]): its
/// `Idempotency-Key` is as good as new.
pub(super) async fn dealt(
    live: &Live,
    status: StatusCode,
    deal: Result<Deal, CallError>,
) -> Result<Response, Problem> {
    let deal = live.told(deal).await.map_err(|problem| match problem.code() {
        Code::OutcomeUnknown => problem,
        _ => problem.without_effect(),
    })?;
    let unknown = deal.outcome == DealOutcome::Unknown;
    let status = if unknown { StatusCode::ACCEPTED } else { status };
    let mut response = (status, Json(&deal)).into_response();
    let address = live.address_within(&["confirms", &deal.reference]);
    if let Ok(address) = HeaderValue::try_from(address) {
        response.headers_mut().insert(header::LOCATION, address);
    }
    if unknown {
        response.headers_mut().insert(header::RETRY_AFTER, SOON.into());
    }
    Ok(response)
}

/// What a deal is for: in another account it is another one.
pub(super) fn purpose(what: &str, account: Option<&str>) -> String {
    match account {
        Some(account) => format!("{what} in {account}"),
        None => what.to_owned(),
    }
}

/// The accounts that can be traded with
///
/// With their money. Their ids are what `account` takes everywhere.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/accounts/",
    tag = "trading",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<TradingAccount>))
)]
pub(crate) async fn accounts(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Listed<TradingAccount>>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let found = live.told(live.trading()?.accounts(&live.api).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// The open positions
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/positions/",
    tag = "trading",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Position>))
)]
pub(crate) async fn positions(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Listed<Position>>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let found = live.told(live.trading()?.positions(&live.api).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// Open a position
///
/// It is sent once, whatever answer is lost. The answer says in `outcome` what came of it; `rejected` is
/// an answer, too, with the `reason`.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/positions/",
    tag = "trading",
    params(AccountQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body = NewPosition,
    security(("access_key" = [])),
    responses(
        (status = 201, description = "It was done or rejected; `Location` is where the deal is found", body = Deal),
        (status = 202, description = "Nobody knows yet whether it was done; `Location` is where to ask, after `Retry-After`. It is not sent again", body = Deal),
    )
)]
pub(crate) async fn open_position(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<AccountQuery>,
    asked: Keyed<NewPosition>,
) -> Result<Response, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsTrade, id, account).await?;
    live.trading()?;
    let (owner, purpose) = (live.owner, purpose("open position", account));
    let act = async move |once, position: NewPosition| {
        let deal = live.trading()?.open_position(&live.api, once, &position).await;
        dealt(&live, StatusCode::CREATED, deal).await
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// One position
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/positions/{position}/",
    tag = "trading",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "The position", body = Position))
)]
pub(crate) async fn position(
    State(app): State<App>,
    principal: Principal,
    Within(id, [position]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Position>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    Ok(Json(live.told(live.trading()?.position(&live.api, &position).await).await?))
}

/// Change a position's stop and limit
///
/// What is left out stays, null takes it away.
#[utoipa::path(
    patch,
    path = "/api/integrations/{id}/positions/{position}/",
    tag = "trading",
    params(AccountQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body = PositionChanges,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "It was done or rejected", body = Deal),
        (status = 202, description = "Nobody knows yet whether it was done; `Location` is where to ask, after `Retry-After`", body = Deal),
    )
)]
pub(crate) async fn amend_position(
    State(app): State<App>,
    principal: Principal,
    Within(id, [position]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
    _: Unversioned,
    asked: Keyed<PositionChanges>,
) -> Result<Response, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsTrade, id, account).await?;
    live.trading()?;
    let (owner, purpose) = (live.owner, purpose(&format!("amend position {position}"), account));
    let act = async move |once, changes: PositionChanges| {
        let deal = live.trading()?.amend_position(&live.api, once, &position, &changes).await;
        dealt(&live, StatusCode::OK, deal).await
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Close a position, or a part of it
///
/// All of it at the market's price, unless the body says otherwise.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/positions/{position}/close/",
    tag = "trading",
    params(AccountQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body = ClosePosition,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "It was done or rejected", body = Deal),
        (status = 202, description = "Nobody knows yet whether it was done; `Location` is where to ask, after `Retry-After`", body = Deal),
    )
)]
pub(crate) async fn close_position(
    State(app): State<App>,
    principal: Principal,
    Within(id, [position]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
    _: Unversioned,
    asked: Keyed<Option<ClosePosition>>,
) -> Result<Response, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsTrade, id, account).await?;
    live.trading()?;
    let (owner, purpose) = (live.owner, purpose(&format!("close position {position}"), account));
    let act = async move |once, close: Option<ClosePosition>| {
        let close = close.unwrap_or_default();
        let deal = live.trading()?.close_position(&live.api, once, &position, &close).await;
        dealt(&live, StatusCode::OK, deal).await
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Close all of a position at the market's price
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/positions/{position}/",
    tag = "trading",
    params(AccountQuery, ("Idempotency-Key" = Option<String>, Header)),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "It was done or rejected", body = Deal),
        (status = 202, description = "Nobody knows yet whether it was done; `Location` is where to ask, after `Retry-After`", body = Deal),
    )
)]
pub(crate) async fn close_whole_position(
    State(app): State<App>,
    principal: Principal,
    Within(id, [position]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
    _: Unversioned,
    asked: Keyed<Option<Nothing>>,
) -> Result<Response, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsTrade, id, account).await?;
    live.trading()?;
    let what = format!("close all of position {position}");
    let (owner, purpose) = (live.owner, purpose(&what, account));
    let act = async move |once, _: Option<Nothing>| {
        let all = ClosePosition::default();
        let deal = live.trading()?.close_position(&live.api, once, &position, &all).await;
        dealt(&live, StatusCode::OK, deal).await
    };
    asked.run(&app, owner, id, purpose, act).await
}
