//! Calendars and their events, at the provider.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use evergrant::capability::{
    Answer, Calendar, Event, EventChanges, EventQuery, Moment, NewEvent, Zone,
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::live::{End, Listed, Live, cursor, instant, limit};
use super::versions::{IfMatch, Unversioned, created, versioned};
use crate::App;
use crate::extract::{ApiJson, ApiQuery, Named, Within};
use crate::idempotency::Keyed;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The list of events, as paths have it.
const EVENTS: &str = "calendar-events";
/// How much time is listed unless its end is given.
const SPAN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The account's calendars
///
/// Those shared with it are among them.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/calendars/",
    tag = "calendar",
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Calendar>))
)]
pub(crate) async fn calendars(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
) -> Result<Json<Listed<Calendar>>, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarRead, id).await?;
    let found = live.told(live.calendars()?.calendars(&live.api).await).await?;
    Ok(Json(Listed::whole(found)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// What ends after this: a time, or a day, which counts from its midnight. Today unless given.
    #[param(example = "2026-03-27T00:00:00+01:00")]
    start_date: Option<String>,
    /// What begins before this: a time, or a day, which counts to its end. 30 days after `start_date`
    /// unless given.
    #[param(example = "2026-04-03")]
    end_date: Option<String>,
    /// The calendar; the default one unless named.
    calendar: Option<String>,
    /// Only this series' occurrences.
    series: Option<String>,
    /// The zone in which times are shown, and in which days and times without an offset are meant.
    /// Each event's own, and UTC, unless named.
    #[param(value_type = Option<String>, example = "Europe/Berlin")]
    time_zone: Option<Zone>,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
    /// Where the last page ended, as its `next` has it.
    cursor: Option<String>,
}

impl EventsQuery {
    fn read(self, live: &Live) -> Result<EventQuery, Problem> {
        let zone = self.time_zone.as_ref();
        let from = self.start_date.as_deref();
        let from = from.map(|given| instant("start_date", given, End::First, zone));
        let from = from.unwrap_or_else(|| today(live, zone))?;
        let to = match &self.end_date {
            Some(given) => instant("end_date", given, End::Last, zone)?,
            None => from.saturating_add(SPAN).map_err(Problem::internal)?,
        };
        if to <= from {
            return Err(Problem::invalid("end_date", "`end_date` must be after `start_date`."));
        }
        Ok(EventQuery {
            calendar: self.calendar,
            series: self.series,
            from,
            to,
            zone: self.time_zone,
            limit: limit(self.limit)?,
        })
    }
}

/// The last midnight.
fn today(live: &Live, zone: Option<&Zone>) -> Result<Timestamp, Problem> {
    let now = zone.cloned().unwrap_or_else(Zone::utc).at(live.api.now());
    Moment::Day(now.date()).first_instant(zone).map_err(Problem::internal)
}

/// What takes place in a span of time
///
/// Asked from the provider now, by beginning. A series is expanded into its occurrences.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/calendar-events/",
    tag = "calendar",
    params(EventsQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "A page", body = Listed<Event>))
)]
pub(crate) async fn events(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<EventsQuery>,
) -> Result<Json<Listed<Event>>, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarRead, id).await?;
    let cursor = cursor(query.cursor.as_deref())?;
    let query = query.read(&live)?;
    let page = live.calendars()?.events(&live.api, &query, cursor.as_ref()).await;
    let page = live.told(page).await?;
    let again = [
        ("start_date", Some(query.from.to_string())),
        ("end_date", Some(query.to.to_string())),
        ("calendar", query.calendar),
        ("series", query.series),
        ("time_zone", query.zone.map(|zone| zone.to_string())),
        ("limit", Some(query.limit.to_string())),
    ];
    Ok(Json(live.page(&[EVENTS], &again, page)))
}

/// Create an event
///
/// Or a series, with `recurrence`. Attendees are invited.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/calendar-events/",
    tag = "calendar",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = NewEvent,
    security(("access_key" = [])),
    responses((status = 201, description = "The event; `Location` is its address, `ETag` its version", body = Event))
)]
pub(crate) async fn create(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    asked: Keyed<NewEvent>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarWrite, id).await?;
    live.calendars()?;
    let owner = live.owner;
    let act = async move |once, event| {
        let event = live.calendars()?.create_event(&live.api, once, &event).await;
        let event = live.told(event).await?;
        let address = live.address(&[EVENTS, &event.id]);
        Ok(created(address, event.version.as_deref(), &event))
    };
    asked.run(&app, owner, id, "create event".to_owned(), act).await
}

/// One event
///
/// Or an occurrence, or a series: whatever has this id.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/calendar-events/{event}/",
    tag = "calendar",
    security(("access_key" = [])),
    responses((status = 200, description = "The event; `ETag` is its version", body = Event))
)]
pub(crate) async fn event(
    State(app): State<App>,
    principal: Principal,
    Within(id, [event]): Within<1>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarRead, id).await?;
    let event = live.told(live.calendars()?.event(&live.api, &event).await).await?;
    Ok(versioned(event.version.as_deref(), &event))
}

/// Change an event
///
/// What is left out stays. Attendees are told. A series' id changes the whole series, an occurrence's
/// that one alone. The answer has the whole event, also for a key without `calendar:read`.
#[utoipa::path(
    patch,
    path = "/api/integrations/{id}/calendar-events/{event}/",
    tag = "calendar",
    params(("If-Match" = Option<String>, Header)),
    request_body = EventChanges,
    security(("access_key" = [])),
    responses((status = 200, description = "The event; `ETag` is its new version", body = Event))
)]
pub(crate) async fn edit_event(
    State(app): State<App>,
    principal: Principal,
    Within(id, [event]): Within<1>,
    only: IfMatch,
    ApiJson(changes): ApiJson<EventChanges>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarWrite, id).await?;
    let calendars = live.calendars()?;
    let event = calendars.update_event(&live.api, &event, &changes, only.version()).await;
    let event = live.told(event).await?;
    Ok(versioned(event.version.as_deref(), &event))
}

/// Delete an event
///
/// Where the account is the organizer, attendees get a cancellation without words.
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/calendar-events/{event}/",
    tag = "calendar",
    params(("If-Match" = Option<String>, Header)),
    security(("access_key" = [])),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_event(
    State(app): State<App>,
    principal: Principal,
    Within(id, [event]): Within<1>,
    only: IfMatch,
) -> Result<StatusCode, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarWrite, id).await?;
    let deleted = live.calendars()?.delete_event(&live.api, &event, only.version()).await;
    live.told(deleted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Words that go with it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct CommentBody {
    /// What those invited are told.
    #[schema(example = "I am ill; we will find another day.")]
    #[serde(default)]
    pub(super) comment: Option<String>,
}

/// Cancel a meeting the account organizes
///
/// Attendees get a cancellation with these words.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/calendar-events/{event}/cancel/",
    tag = "calendar",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = CommentBody,
    security(("access_key" = [])),
    responses((status = 204, description = "It is cancelled"))
)]
pub(crate) async fn cancel_event(
    State(app): State<App>,
    principal: Principal,
    Within(id, [event]): Within<1>,
    _: Unversioned,
    asked: Keyed<Option<CommentBody>>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarWrite, id).await?;
    live.calendars()?;
    let owner = live.owner;
    let purpose = format!("cancel event {event}");
    let act = async move |once, words: Option<CommentBody>| {
        let comment = words.unwrap_or_default().comment;
        let calendars = live.calendars()?;
        let cancelled = calendars.cancel_event(&live.api, once, &event, comment.as_deref()).await;
        live.told(cancelled).await?;
        Ok(done())
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Answer an invitation
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/calendar-events/{event}/respond/",
    tag = "calendar",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = Answer,
    security(("access_key" = [])),
    responses((status = 204, description = "It is answered"))
)]
pub(crate) async fn respond(
    State(app): State<App>,
    principal: Principal,
    Within(id, [event]): Within<1>,
    _: Unversioned,
    asked: Keyed<Answer>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::CalendarWrite, id).await?;
    live.calendars()?;
    let owner = live.owner;
    let purpose = format!("respond to event {event}");
    let act = async move |once, answer: Answer| {
        live.told(live.calendars()?.respond(&live.api, once, &event, &answer).await).await?;
        Ok(done())
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// It is done, and there is nothing to say about it.
pub(super) fn done() -> Response {
    axum::response::IntoResponse::into_response(StatusCode::NO_CONTENT)
}
