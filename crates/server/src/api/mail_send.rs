//! Messages that are sent, at the provider. Each is sent once, whatever is repeated.

use axum::extract::State;
use axum::response::Response;
use evergrant::capability::{Forward, Message, NewMessage, Reply, Sent};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::live::Live;
use super::mail::MESSAGES;
use super::versions::{Unversioned, created};
use crate::App;
use crate::extract::{ApiQuery, Named, Within};
use crate::idempotency::{Keyed, Nothing};
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// The longest message with its attachments in base64, in bytes; larger files are attached to a draft.
pub(super) const LONGEST: usize = 36 << 20;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SendQuery {
    /// Only writes it, to be sent later; takes the permission `mail:write` and not `mail:send`.
    #[serde(default)]
    #[param(required = false)]
    draft: bool,
}

/// What became of a message: it was sent, or it is a draft.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it describes answers that are written from their parts")]
pub(crate) enum Written {
    Sent(Sent),
    Draft(Box<Message>),
}

fn sent(live: &Live, sent: &Sent) -> Response {
    created(live.address(&[MESSAGES, &sent.id]), None, sent)
}

/// Send a message
///
/// Or write a draft, with `?draft=true`. Up to 36 MiB; larger files are attached to a draft.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/email-messages/",
    tag = "mail",
    params(SendQuery, ("Idempotency-Key" = Option<String>, Header)),
    request_body = NewMessage,
    security(("access_key" = [])),
    responses((status = 201, description = "The provider has accepted it; `Location` is its address. With `?draft=true`, the draft; `ETag` is its version", body = Written))
)]
pub(crate) async fn send(
    State(app): State<App>,
    principal: Principal,
    Named(id): Named,
    ApiQuery(query): ApiQuery<SendQuery>,
    asked: Keyed<NewMessage, LONGEST>,
) -> Result<Response, Problem> {
    let (permission, purpose) = if query.draft {
        (Permission::MailWrite, "draft message")
    } else {
        (Permission::MailSend, "send message")
    };
    let live = Live::open(&app, principal, permission, id).await?;
    live.mail()?;
    let owner = live.owner;
    let act = async move |once, message| {
        let mail = live.mail()?;
        if query.draft {
            let draft = live.told(mail.create_draft(&live.api, once, &message).await).await?;
            let address = live.address(&[MESSAGES, &draft.id]);
            return Ok(created(address, draft.version.as_deref(), &draft));
        }
        let done = live.told(mail.send(&live.api, once, &message).await).await?;
        Ok(sent(&live, &done))
    };
    asked.run(&app, owner, id, purpose.to_owned(), act).await
}

/// Send a draft
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/email-messages/{message}/send/",
    tag = "mail",
    params(("Idempotency-Key" = Option<String>, Header)),
    security(("access_key" = [])),
    responses((status = 201, description = "The provider has accepted it; `Location` is its address", body = Sent))
)]
pub(crate) async fn send_draft(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
    _: Unversioned,
    asked: Keyed<Option<Nothing>>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MailSend, id).await?;
    live.mail()?;
    let owner = live.owner;
    let purpose = format!("send draft {message}");
    let act = async move |once, _: Option<Nothing>| {
        let done = live.told(live.mail()?.send_draft(&live.api, once, &message).await).await?;
        Ok(sent(&live, &done))
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Answer a message
///
/// To who wrote it, or with `all` to everybody who got it.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/email-messages/{message}/reply/",
    tag = "mail",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = Reply,
    security(("access_key" = [])),
    responses((status = 201, description = "The provider has accepted it; `Location` is its address", body = Sent))
)]
pub(crate) async fn reply(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
    asked: Keyed<Reply, LONGEST>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MailSend, id).await?;
    live.mail()?;
    let owner = live.owner;
    let purpose = format!("reply to message {message}");
    let act = async move |once, reply| {
        let done = live.mail()?.reply(&live.api, once, &message, &reply).await;
        let done = live.told(done).await?;
        Ok(sent(&live, &done))
    };
    asked.run(&app, owner, id, purpose, act).await
}

/// Forward a message
///
/// With its attachments.
#[utoipa::path(
    post,
    path = "/api/integrations/{id}/email-messages/{message}/forward/",
    tag = "mail",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = Forward,
    security(("access_key" = [])),
    responses((status = 201, description = "The provider has accepted it; `Location` is its address", body = Sent))
)]
pub(crate) async fn forward(
    State(app): State<App>,
    principal: Principal,
    Within(id, [message]): Within<1>,
    asked: Keyed<Forward, LONGEST>,
) -> Result<Response, Problem> {
    let live = Live::open(&app, principal, Permission::MailSend, id).await?;
    live.mail()?;
    let owner = live.owner;
    let purpose = format!("forward message {message}");
    let act = async move |once, forward| {
        let done = live.mail()?.forward(&live.api, once, &message, &forward).await;
        let done = live.told(done).await?;
        Ok(sent(&live, &done))
    };
    asked.run(&app, owner, id, purpose, act).await
}
