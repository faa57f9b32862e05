//! Online meetings, at the provider.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use evergrant::capability::{Meeting, MeetingChanges, NewMeeting};
use http::StatusCode;

use super::calendar::{CommentBody, done};
use super::live::Live;
use super::versions::created;
use crate::App;
use crate::extract::{ApiJson, Named, Within};
use crate::idempotency::Keyed;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// Create an online meeting
///
/// The answer has the link to join. With `calendar_event` it is in the account's calendar as well, and
/// the participants are invited, once the meeting is there.
///
/// With an `Idempotency-Key` the same request makes one meeting, except for one with
/// `passcode_required` and without `calendar_event`: where an answer is lost there may be two, the
/// first of them in no calendar and with nobody invited. With `calendar_event` there is one.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/meetings/",
    tag = "meetings",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewMeeting,
    security(("access_key" = [])),
    responses((status = 201, description = "The meeting; `Location` is its address", body = Meeting))
)]
pub(crate) async fn create_meeting(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    asked: Keyed<NewMeeting>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MeetingsWrite, id).await?;
    live.meetings()?;
    let owner = live.owner;
    let act = async move |once, meeting| {
        let meeting = live.meetings()?.create_meeting(&live.api, once, &meeting).await;
        let meeting = live.told(meeting).await?;
        Ok(created(live.address(&["meetings", &meeting.id]), None, &meeting))
    };
    asked.run(&app, owner, id, "create meeting".to_owned(), act).await
}

/// One online meeting
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/meetings/{meeting}/",
    tag = "meetings",
    security(("access_key" = [])),
    responses((status = 200, description = "The meeting", body = Meeting))
)]
pub(crate) async fn meeting(
    State(app): State<App>,
    principal: Principal,
    Within(id, [meeting]): Within<1>,
) -> Result<Json<Meeting>, Problem> {
    let live = Live::open(&app, principal, Permission::MeetingsRead, id).await?;
    Ok(Json(live.told(live.meetings()?.meeting(&live.api, &meeting).await).await?))
}

/// Change an online meeting
///
/// What is left out stays. The event in the account's default calendar that has its link changes with
/// it; one in another calendar is not looked for.
#[utoipa::path(
    patch,
    path = "/api/integrations/{id}/meetings/{meeting}/",
    tag = "meetings",
    request_body = MeetingChanges,
    security(("access_key" = [])),
    responses((status = 200, description = "The meeting", body = Meeting))
)]
pub(crate) async fn edit_meeting(
    State(app): State<App>,
    principal: Principal,
    Within(id, [meeting]): Within<1>,
    ApiJson(changes): ApiJson<MeetingChanges>,
) -> Result<Json<Meeting>, Problem> {
    let live = Live::open(&app, principal, Permission::MeetingsWrite, id).await?;
    let meeting = live.meetings()?.update_meeting(&live.api, &meeting, &changes).await;
    Ok(Json(live.told(meeting).await?))
}

/// Cancel an online meeting
///
/// Its link ends for good. Those who were invited by an event in the account's default calendar get a
/// cancellation with these words.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/meetings/{meeting}/cancel/",
    tag = "meetings",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CommentBody,
    security(("access_key" = [])),
    responses((status = 204, description = "It is cancelled"))
)]
pub(crate) async fn cancel_meeting(
    State(app): State<App>,
    principal: Principal,
    Within(id, [meeting]): Within<1>,
    asked: Keyed<Option<CommentBody>>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MeetingsWrite, id).await?;
    live.meetings()?;
    let owner = live.owner;
    let purpose = format!("cancel meeting {meeting}");
    let act = async move |_, words: Option<CommentBody>| {
        let comment = words.unwrap_or_default().comment;
        let meetings = live.meetings()?;
        live.told(meetings.cancel_meeting(&live.api, &meeting, comment.as_deref()).await).await?;
        Ok(done())
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Delete an online meeting
///
/// The same as to cancel it without words.
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/meetings/{meeting}/",
    tag = "meetings",
    security(("access_key" = [])),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_meeting(
    State(app): State<App>,
    principal: Principal,
    Within(id, [meeting]): Within<1>,
) -> Result<StatusCode, Problem> {
    let live = Live::open(&app, principal, Permission::MeetingsWrite, id).await?;
    live.told(live.meetings()?.cancel_meeting(&live.api, &meeting, None).await).await?;
    Ok(StatusCode::NO_CONTENT)
}
