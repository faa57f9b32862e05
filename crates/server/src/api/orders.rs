//! Orders that wait for their price, at the provider.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use evergrant::capability::{Deal, NewOrder, Order, OrderChanges};
use http::StatusCode;

use super::live::{Listed, Live};
use super::markets::AccountQuery;
use super::positions::{dealt, purpose};
use super::versions::Unversioned;
use crate::App;
use crate::extract::{ApiQuery, Named, Within};
use crate::idempotency::{Keyed, Nothing};
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The orders that wait for their price
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/orders/",
    tag = "trading",
    params(AccountQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Order>))
)]
pub(crate) async fn orders(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<AccountQuery>,
) -> Result<Json<Listed<Order>>, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsRead, id, account).await?;
    let found = live.told(live.trading()?.orders(&live.api).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// Place an order that waits for its price
///
/// It is sent once, whatever answer is lost. The answer says in `outcome` what came of it; `rejected` is
/// an answer, too, with the `reason`.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/orders/",
    tag = "trading",
    params(AccountQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body = NewOrder,
    security(("access_key" = [])),
    responses(
        (status = 201, description = "It was done or rejected; `Location` is where the deal is found", body = Deal),
        (status = 202, description = "Nobody knows yet whether it was done; `Location` is where to ask, after `Retry-After`. It is not sent again", body = Deal),
    )
)]
pub(crate) async fn place_order(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<AccountQuery>,
    asked: Keyed<NewOrder>,
) -> Result<Response, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsTrade, id, account).await?;
    live.trading()?;
    let (owner, purpose) = (live.owner, purpose("place order", account));
    let act = async move |once, order: NewOrder| {
        let deal = live.trading()?.place_order(&live.api, once, &order).await;
        dealt(&live, StatusCode::CREATED, deal).await
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Change an order
///
/// What is left out stays, null takes it away.
#[utoipa::path(
    patch,
    path = "/api/integrations/{id}/orders/{order}/",
    tag = "trading",
    params(AccountQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body = OrderChanges,
    security(("access_key" = [])),
    responses(
        (status = 200, description = "It was done or rejected", body = Deal),
        (status = 202, description = "Nobody knows yet whether it was done; `Location` is where to ask, after `Retry-After`", body = Deal),
    )
)]
pub(crate) async fn amend_order(
    State(app): State<App>,
    principal: Principal,
    Within(id, [order]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
    _: Unversioned,
    asked: Keyed<OrderChanges>,
) -> Result<Response, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsTrade, id, account).await?;
    live.trading()?;
    let (owner, purpose) = (live.owner, purpose(&format!("amend order {order}"), account));
    let act = async move |once, changes: OrderChanges| {
        let deal = live.trading()?.amend_order(&live.api, once, &order, &changes).await;
        dealt(&live, StatusCode::OK, deal).await
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Cancel an order
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/orders/{order}/",
    tag = "trading",
    params(AccountQuery, ("Idempotency-Key" = Option<String>, Header)),
    security(("access_key" = [])),
    responses(
        (status = 200, description = "It was done or rejected", body = Deal),
        (status = 202, description = "Nobody knows yet whether it was done; `Location` is where to ask, after `Retry-After`", body = Deal),
    )
)]
pub(crate) async fn cancel_order(
    State(app): State<App>,
    principal: Principal,
    Within(id, [order]): Within<1>,
    ApiQuery(query): ApiQuery<AccountQuery>,
    _: Unversioned,
    asked: Keyed<Option<Nothing>>,
) -> Result<Response, Problem> {
    let account = query.account.as_deref();
    let live = Live::open_within(&app, principal, Permission::MarketsTrade, id, account).await?;
    live.trading()?;
    let (owner, purpose) = (live.owner, purpose(&format!("cancel order {order}"), account));
    let act = async move |once, _: Option<Nothing>| {
        let deal = live.trading()?.cancel_order(&live.api, once, &order).await;
        dealt(&live, StatusCode::OK, deal).await
    };
    asked.run(&app, owner, id, purpose, act).await
}
