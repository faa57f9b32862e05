//! Online meetings, at the provider.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use evergrant::capability::{Meeting, MeetingChanges, NewMeeting, Once};
use http::StatusCode;

use super::calendar::{CommentBody, done};
use super::live::Live;
use super::versions::{Unversioned, created};
use crate::App;
use crate::extract::{ApiJson, Named, Within};
use crate::idempotency::Keyed;
use crate::principal::{Permission, Principal};
use crate::problem::{Code, Problem};

/// Create an online meeting
///
/// The answer has the link to join. With `calendar_event` it is in the account's calendar as well, and
/// the participants are invited, once the meeting is there; that takes the permission `calendar:write` as
/// well.
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
    let act = async move |once, meeting: NewMeeting| {
        if meeting.calendar_event {
            principal.may(Permission::CalendarWrite)?;
        }
        let meeting = live.meetings()?.create_meeting(&live.api, once, &meeting).await;
        let meeting = live.told(meeting).await?;
        Ok(created(live.address(&["meetings", &meeting.id]), None, &meeting))
    };
    asked.run(&app, owner, id, "create meeting".to_owned(), act).await
}

/// Whose meeting is an event, too, has what is done to it in a calendar and in the mail of those invited:
/// that takes the permission for calendars.
async fn may_touch(live: &Live, principal: Principal, meeting: &str) -> Result<(), Problem> {
    let Err(forbidden) = principal.may(Permission::CalendarWrite) else {
        return Ok(());
    };
    match live.told(live.meetings()?.meeting(&live.api, meeting).await).await {
        Ok(found) if found.event_id.is_some() => Err(forbidden),
        // One that is gone has no event either.
        Err(problem) if problem.code() != Code::ItemNotFound => Err(problem),
        _ => Ok(()),
    }
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
/// What is left out stays. The event in the account's default calendar that has its link changes with it
/// (one in another calendar is not looked for); where there is one, this takes the permission
/// `calendar:write` as well. The answer has the whole meeting, also for a key without `meetings:read`.
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
    _: Unversioned,
    ApiJson(changes): ApiJson<MeetingChanges>,
) -> Result<Json<Meeting>, Problem> {
    let live = Live::open(&app, principal, Permission::MeetingsWrite, id).await?;
    may_touch(&live, principal, &meeting).await?;
    let meeting = live.meetings()?.update_meeting(&live.api, &meeting, &changes).await;
    Ok(Json(live.told(meeting).await?))
}

/// Cancel an online meeting
///
/// Its link ends for good. Those who were invited by an event in the account's default calendar get a
/// cancellation with these words; where there is such an event, this takes the permission
/// `calendar:write` as well.
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
    _: Unversioned,
    asked: Keyed<Option<CommentBody>>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MeetingsWrite, id).await?;
    live.meetings()?;
    let owner = live.owner;
    let purpose = format!("cancel meeting {meeting}");
    let act = async move |once, words: Option<CommentBody>| {
        let comment = words.unwrap_or_default().comment;
        let meetings = live.meetings()?;
        may_touch(&live, principal, &meeting).await?;
        let cancelled =
            meetings.cancel_meeting(&live.api, once, &meeting, comment.as_deref()).await;
        live.told(cancelled).await?;
        Ok(done())
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Delete an online meeting
///
/// The same as to cancel it without words, and takes the same permissions.
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
    _: Unversioned,
) -> Result<StatusCode, Problem> {
    let live = Live::open(&app, principal, Permission::MeetingsWrite, id).await?;
    let meetings = live.meetings()?;
    may_touch(&live, principal, &meeting).await?;
    let once = Once::random(&*app.0.entropy);
    live.told(meetings.cancel_meeting(&live.api, once, &meeting, None).await).await?;
    Ok(StatusCode::NO_CONTENT)
}
