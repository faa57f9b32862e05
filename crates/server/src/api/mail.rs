//! Folders and messages, at the provider.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use evergrant::capability::{BodyFormat, Folder, Message, MessageChanges, MessageQuery};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::live::{End, Listed, Live, cursor, instant, limit};
use super::versions::{IfMatch, Unversioned, versioned};
use crate::App;
use crate::extract::{ApiJson, ApiQuery, Named, Within};
use crate::idempotency::Keyed;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The list of messages, as paths have it.
pub(super) const MESSAGES: &str = "email-messages";

/// The mailbox's folders
///
/// Parents before their children.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/folders/",
    tag = "mail",
    security(("access_key" = [])),
    responses((status = 200, description = "All of them", body = Listed<Folder>))
)]
pub(crate) async fn folders(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
) -> Result<Json<Listed<Folder>>, Problem> {
    let live = Live::open(&app, principal, Permission::MailRead, id).await?;
    let found = live.told(live.mail()?.folders(&live.api).await).await?;
    Ok(Json(Listed::whole(found)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// The folder, by id or well-known name: `inbox`, `drafts`, `sentitems`, `deleteditems`, `archive`
    /// or `junkemail`. The whole mailbox unless named.
    #[param(example = "inbox")]
    folder: Option<String>,
    /// Read or unread ones.
    is_read: Option<bool>,
    /// From this address.
    #[param(example = "alex@example.com")]
    from: Option<String>,
    /// Received at or after this: a time, or a day in UTC, which counts from its midnight.
    #[param(example = "2026-03-01")]
    since: Option<String>,
    /// Received before this: a time, or a day in UTC, which counts to its end.
    until: Option<String>,
    /// With or without attachments.
    has_attachments: Option<bool>,
    /// Words in subject, sender and body; the provider may give its best matches alone.
    search: Option<String>,
    /// How many at most; 50 unless given, 200 at most.
    limit: Option<u32>,
    /// Where the last page ended, as its `next` has it.
    cursor: Option<String>,
}

impl MessagesQuery {
    fn read(self) -> Result<MessageQuery, Problem> {
        let at = |name, given: Option<String>, end| {
            given.map(|given| instant(name, &given, end, None)).transpose()
        };
        let query = MessageQuery {
            folder: self.folder,
            is_read: self.is_read,
            from: self.from,
            since: at("since", self.since, End::First)?,
            until: at("until", self.until, End::Last)?,
            has_attachments: self.has_attachments,
            search: self.search,
            limit: limit(self.limit)?,
        };
        match (query.since, query.until) {
            (Some(since), Some(until)) if until <= since => {
                Err(Problem::invalid("until", "`until` must be after `since`."))
            }
            _ => Ok(query),
        }
    }
}

/// Messages
///
/// Asked from the provider now, the newest first, without bodies. Everything that is given must hold.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/email-messages/",
    tag = "mail",
    params(MessagesQuery),
    security(("access_key" = [])),
    responses((status = 200, description = "A page", body = Listed<Message>))
)]
pub(crate) async fn messages(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<MessagesQuery>,
) -> Result<Json<Listed<Message>>, Problem> {
    let live = Live::open(&app, principal, Permission::MailRead, id).await?;
    let cursor = cursor(query.cursor.as_deref())?;
    let query = query.read()?;
    let page = live.mail()?.messages(&live.api, &query, cursor.as_ref()).await;
    let page = live.told(page).await?;
    let again = [
        ("folder", query.folder),
        ("is_read", query.is_read.map(|is| is.to_string())),
        ("from", query.from),
        ("since", query.since.map(|at| at.to_string())),
        ("until", query.until.map(|at| at.to_string())),
        ("has_attachments", query.has_attachments.map(|has| has.to_string())),
        ("search", query.search),
        ("limit", Some(query.limit.to_string())),
    ];
    Ok(Json(live.page(&[MESSAGES], &again, page)))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessageForm {
    /// What the body is written in, `html` or `text`; `html` unless given.
    #[param(value_type = Option<String>, example = "text")]
    body: Option<BodyFormat>,
}

/// One message
///
/// With its body and the list of its attachments.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/email-messages/{message}/",
    tag = "mail",
    params(MessageForm),
    security(("access_key" = [])),
    responses((status = 200, description = "The message; `ETag` is its version", body = Message))
)]
pub(crate) async fn message(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
    ApiQuery(form): ApiQuery<MessageForm>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MailRead, id).await?;
    let format = form.body.unwrap_or(BodyFormat::Html);
    let message = live.told(live.mail()?.message(&live.api, &message, format).await).await?;
    Ok(versioned(message.version.as_deref(), &message))
}

/// Change a message
///
/// What is left out stays. A message that was sent can be marked: `is_read`, `flag`, `categories`,
/// `importance`; the rest is for drafts. The answer has the whole message, also for a key without `mail:read`.
#[utoipa::path(
    patch,
    path = "/api/integrations/{id}/email-messages/{message}/",
    tag = "mail",
    params(("If-Match" = Option<String>, Header)),
    request_body = MessageChanges,
    security(("access_key" = [])),
    responses((status = 200, description = "The message; `ETag` is its new version", body = Message))
)]
pub(crate) async fn edit_message(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
    only: IfMatch,
    ApiJson(changes): ApiJson<MessageChanges>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MailWrite, id).await?;
    let mail = live.mail()?;
    let message = mail.update_message(&live.api, &message, &changes, only.version()).await;
    let message = live.told(message).await?;
    Ok(versioned(message.version.as_deref(), &message))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeleteQuery {
    /// Removes it for good; otherwise it is moved to the deleted items.
    #[serde(default)]
    #[param(required = false)]
    for_good: bool,
}

/// Delete a message
///
/// It is moved to the deleted items, unless it is to be removed for good.
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/email-messages/{message}/",
    tag = "mail",
    params(DeleteQuery),
    security(("access_key" = [])),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_message(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
    _: Unversioned,
    ApiQuery(query): ApiQuery<DeleteQuery>,
) -> Result<StatusCode, Problem> {
    let live = Live::open(&app, principal, Permission::MailWrite, id).await?;
    let deleted = live.mail()?.delete_message(&live.api, &message, query.for_good).await;
    live.told(deleted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a message goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(crate) struct MoveBody {
    /// The folder, by id or well-known name.
    #[schema(example = "archive")]
    folder: String,
}

/// Move a message to a folder
///
/// It keeps its id. The answer has the whole message, also for a key without `mail:read`.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/email-messages/{message}/move/",
    tag = "mail",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = MoveBody,
    security(("access_key" = [])),
    responses((status = 200, description = "The message; `ETag` is its version", body = Message))
)]
pub(crate) async fn move_message(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
    _: Unversioned,
    asked: Keyed<MoveBody>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MailWrite, id).await?;
    live.mail()?;
    let owner = live.owner;
    let purpose = format!("move message {message}");
    let act = async move |_, to: MoveBody| {
        let moved = live.mail()?.move_message(&live.api, &message, &to.folder).await;
        let moved = live.told(moved).await?;
        Ok(versioned(moved.version.as_deref(), &moved))
    };
    asked.run(&app, owner, id, purpose, act).await
}
