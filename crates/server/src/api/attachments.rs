//! Files in messages, at the provider: their bytes in and out.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use evergrant::capability::{Attachment, AttachmentKind, NewAttachment};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::live::{Listed, Live, segment};
use super::mail::MESSAGES;
use super::mail_send::LONGEST;
use super::versions::{Unversioned, created};
use crate::App;
use crate::extract::{ApiQuery, Within};
use crate::idempotency::Keyed;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The longest file as plain bytes.
const LONGEST_FILE: usize = 150 << 20;

/// A message's attachments
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/email-messages/{message}/attachments/",
    tag = "mail",
    security(("access_key" = [])),
    responses((status = 200, description = "All of them, without their content", body = Listed<Attachment>))
)]
pub(crate) async fn attachments(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
) -> Result<Json<Listed<Attachment>>, Problem> {
    let live = Live::open(&app, principal, Permission::MailRead, id).await?;
    let found = live.told(live.mail()?.attachments(&live.api, &message).await).await?;
    Ok(Json(Listed::whole(found)))
}

/// A file as it is.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "it describes bytes that are never anything else")]
pub(crate) struct FileBody(Bytes);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// The file's name. With it, the body is the file itself; without it, JSON.
    #[param(example = "notes.txt")]
    name: Option<String>,
    /// Shows the file inside the text, which names it so (`cid:…`); only with `name`.
    content_id: Option<String>,
}

/// Attach a file to a draft
///
/// As JSON with its content in base64 (up to 36 MiB); or, with `?name=`, as it is: the body is the file
/// (up to 150 MiB; the provider may take less), `Content-Type` its media type. What is larger than a mebibyte waits a few seconds for its
/// turn, of which half are one user's at most. The same request with the same `Idempotency-Key` attaches one file;
/// but after `provider_unavailable` the file may be there all the same, which the list of attachments tells.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/email-messages/{message}/attachments/",
    tag = "mail",
    params(FileQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body(content((NewAttachment = "application/json"), (FileBody = "application/octet-stream"))),
    security(("access_key" = [])),
    responses((status = 201, description = "It is attached; `Location` is its address", body = Attachment))
)]
pub(crate) async fn attach(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
    _: Unversioned,
    ApiQuery(query): ApiQuery<FileQuery>,
    asked: Keyed<NewAttachment, LONGEST>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MailWrite, id).await?;
    live.mail()?;
    let owner = live.owner;
    // What does not stand in the body is part of what is asked all the same.
    let purpose = format!("attach {:?} as {:?} to {message}", query.name, query.content_id);
    let asked = match query.name {
        Some(name) => {
            let file =
                |headers: &HeaderMap, content| plain(name, query.content_id, headers, content);
            asked.plain(&app, owner, LONGEST_FILE, file).await?
        }
        None => asked.json(&app, owner).await?,
    };
    if asked.body.name.trim().is_empty() {
        return Err(Problem::invalid("/name", "`name` must not be empty."));
    }
    let act = async move |_, file: NewAttachment| {
        let attached = live.told(live.mail()?.attach(&live.api, &message, &file).await).await?;
        let address = live.address(&[MESSAGES, &message, "attachments", &attached.id]);
        Ok(created(address, None, &attached))
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// A file that is the body itself.
fn plain(
    name: String,
    content_id: Option<String>,
    headers: &HeaderMap,
    content: Bytes,
) -> NewAttachment {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    NewAttachment { name, content_type, content, content_id }
}

/// An attachment's content
///
/// An attached message is its source (RFC 5322). What is larger than a mebibyte waits a few seconds for its turn,
/// as those that are sent do.
#[utoipa::path(
    get,
    path = "/api/integrations/{id}/email-messages/{message}/attachments/{attachment}/",
    tag = "mail",
    security(("access_key" = [])),
    responses((status = 200, description = "The bytes, under the name and media type they were sent with", body = FileBody, content_type = "application/octet-stream"))
)]
pub(crate) async fn attachment(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message, attachment]): Within<2>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MailRead, id).await?;
    let mail = live.mail()?;
    let file = live.told(mail.attachment(&live.api, &message, &attachment).await).await?;
    let size = usize::try_from(file.size).unwrap_or(usize::MAX);
    // A message's source is longer than what the provider counts: its own attachments are in base64.
    let forms = if file.kind == AttachmentKind::File { 1 } else { 2 };
    let held = app.0.room.hold(&*app.0.clock, live.owner, size, forms).await?;
    let content = live.told(mail.content(&live.api, &message, &file).await).await?;
    Ok(download(&file, held.around(content)))
}

/// A file for saving, never for showing: whoever sent it may mean harm to whoever opens it.
fn download(file: &Attachment, content: Bytes) -> Response {
    let mut headers = HeaderMap::new();
    let media = file.content_type.as_deref().and_then(|media| HeaderValue::try_from(media).ok());
    let media = media.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, media);
    let name = file.name.as_deref().unwrap_or("attachment");
    if let Ok(disposition) = HeaderValue::try_from(disposition(name)) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    (headers, content).into_response()
}

/// How to save a file of this name (RFC 6266, appendix D): in ASCII for old clients, and as it is.
fn disposition(name: &str) -> String {
    let ascii: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !"\"\\/%".contains(c) || c == ' ' { c } else { '_' })
        .collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", segment(name))
}

/// Take an attachment from a draft
#[utoipa::path(
    delete,
    path = "/api/integrations/{id}/email-messages/{message}/attachments/{attachment}/",
    tag = "mail",
    security(("access_key" = [])),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete_attachment(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message, attachment]): Within<2>,
    _: Unversioned,
) -> Result<StatusCode, Problem> {
    let live = Live::open(&app, principal, Permission::MailWrite, id).await?;
    let removed = live.mail()?.remove_attachment(&live.api, &message, &attachment).await;
    live.told(removed).await?;
    Ok(StatusCode::NO_CONTENT)
}
