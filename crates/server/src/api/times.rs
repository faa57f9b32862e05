//! When people have time, at the provider. Both are questions, asked by `POST` for their length.

use axum::Json;
use axum::extract::State;
use evergrant::capability::{Availability, AvailabilityAsk, Suggestions, SuggestionsAsk};

use super::live::{Listed, Live};
use crate::App;
use crate::extract::{ApiJson, Named};
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// When people are free and busy
///
/// As far as they let the account see it: people, rooms and lists, by their addresses.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/availability/",
    tag = "calendar",
    request_body = AvailabilityAsk,
    security(("access_key" = [])),
    responses((status = 200, description = "One entry for each address", body = Listed<Availability>))
)]
pub(crate) async fn availability(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiJson(ask): ApiJson<AvailabilityAsk>,
) -> Result<Json<Listed<Availability>>, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarRead, id).await?;
    let found = live.told(live.calendars()?.availability(&live.api, &ask).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// Times at which people could meet
///
/// The best first. Where there is none, `empty_reason` says why.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/meeting-times/",
    tag = "calendar",
    request_body = SuggestionsAsk,
    security(("access_key" = [])),
    responses((status = 200, description = "The suggestions", body = Suggestions))
)]
pub(crate) async fn meeting_times(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiJson(ask): ApiJson<SuggestionsAsk>,
) -> Result<Json<Suggestions>, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarRead, id).await?;
    Ok(Json(live.told(live.calendars()?.suggest_times(&live.api, &ask).await).await?))
}
