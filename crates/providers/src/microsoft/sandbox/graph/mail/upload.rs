//! Upload sessions for large attachments (contract, 6.6).

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header, request::Parts};
use evergrant::Request;
use evergrant::clock::later;
use serde_json::{Value, json};

use super::attachments::{LARGE, guess};
use super::messages::{check_draft, get};
use super::{Mail, WRITE};
use crate::microsoft::sandbox::MicrosoftAct;
use crate::microsoft::sandbox::graph::call::{Parameters, segments};
use crate::microsoft::sandbox::graph::reply::{Answer, Denied, Reply};
use crate::microsoft::sandbox::mailbox::{Attachment, Upload, seconds};
use crate::microsoft::sandbox::world::TENANT_ID;

/// How long an upload may take.
const LIFE: Duration = Duration::from_hours(2);
/// The most bytes of an attachment.
const LARGEST: usize = 150 << 20;
/// From this size on a piece is refused: the contract's megabyte is a decimal one, as it writes KiB
/// beside it (6.6).
const PIECE: usize = 4_000_000;

impl Mail<'_> {
    /// Begins an upload for a draft.
    pub(super) fn begin_upload(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        let parameters = self.call.parameters()?;
        let item = parameters.get("AttachmentItem").and_then(Value::as_object).cloned();
        let item = Parameters::of(item.ok_or_else(Denied::malformed)?);
        let name = item.text("name").ok_or_else(Denied::property)?;
        let is_file =
            item.text("attachmentType").is_some_and(|kind| kind.eq_ignore_ascii_case("file"));
        let size = item.get("size").and_then(Value::as_u64).filter(|_| is_file);
        let size = usize::try_from(size.ok_or_else(Denied::property)?).unwrap_or(usize::MAX);
        if size < LARGE {
            let message = "The attachment size should not be less than the minimum size of an upload session.";
            return Err(Denied::bad("ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", message));
        }
        if size > LARGEST {
            return Err(Denied::usual(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let message = self.mailbox(|mailbox| {
            let serial = Self::find(mailbox, id)?;
            check_draft(get(mailbox, serial)?)?;
            Ok(serial)
        })?;
        let about = json!({
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": name,
            "contentType": item.text("contentType").unwrap_or_else(|| guess(name)),
            "size": size,
            "isInline": item.flag("isInline").unwrap_or_default(),
            "contentId": item.get("contentId"),
            "contentLocation": null,
        });
        let (token, session) = (self.act.backstage().secret(), self.act.backstage().guid());
        let expires = later(self.now, LIFE);
        let upload = Upload {
            oid: self.owner.oid.to_owned(),
            client_id: self.call.caller.client_id.clone(),
            message,
            about: about.as_object().cloned().unwrap_or_default(),
            size,
            bytes: Vec::new(),
            expires,
        };
        self.act.mailboxes().uploads.begin(token.clone(), upload);
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let owner = self.owner.oid;
        Ok(Answer::created(json!({
            "@odata.context": self.call.context("microsoft.graph.uploadSession"),
            "uploadUrl": format!(
                "{}/api/v2.0/Users('{owner}@{TENANT_ID}')/Messages('{id}')/AttachmentSessions('{session}')?authtoken={token}",
                self.call.origin,
            ),
            "expirationDateTime": seconds(expires),
            "nextExpectedRanges": ["0-"],
        })))
    }
}

/// Every request to an upload: the token in its address is all that it needs.
pub(in super::super::super) async fn call(
    State(act): State<MicrosoftAct>,
    head: Parts,
    body: axum::body::Bytes,
) -> axum::response::Response {
    let request = Request::from_parts(head, body);
    let reply = Reply::new(&act, &request);
    let response = match act.upload(&request) {
        Ok(answer) => reply.give(answer),
        Err(denied) => reply.deny(&denied),
    };
    response.map(axum::body::Body::from)
}

impl MicrosoftAct {
    /// Whose mailbox an upload goes to, and which registration began it.
    pub(in super::super::super) fn upload_of(&self, request: &Request) -> Option<(String, String)> {
        let now = self.backstage().now();
        let token = token(request)?;
        let mut mailboxes = self.mailboxes();
        let upload = mailboxes.uploads.get(&token, now)?;
        Some((upload.oid.clone(), upload.client_id.clone()))
    }

    fn upload(&self, request: &Request) -> Result<Answer, Denied> {
        let path = segments(request.uri().path());
        if !matches!(
            path.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
            ["api", "v2.0", "users", _, "messages", _, "attachmentsessions", _]
        ) {
            return Err(Denied::segment(path.last().map_or("", String::as_str)));
        }
        let token = token(request).ok_or_else(Denied::not_found)?;
        let now = self.backstage().now();
        match request.method().as_str() {
            "PUT" => self.take_piece(request, &token),
            "GET" => {
                let mut mailboxes = self.mailboxes();
                let upload = mailboxes.uploads.get(&token, now).ok_or_else(Denied::not_found)?;
                // The older interface behind these addresses spells its members with capitals.
                Ok(plain(&json!({
                    "ExpirationDateTime": seconds(upload.expires),
                    "NextExpectedRanges": [format!("{}-", upload.bytes.len())],
                })))
            }
            "DELETE" => {
                let mut mailboxes = self.mailboxes();
                mailboxes.uploads.get(&token, now).ok_or_else(Denied::not_found)?;
                mailboxes.uploads.end(&token);
                Ok(Answer::done())
            }
            _ => Err(Denied::method()),
        }
    }

    /// Takes the next piece; the last one makes the attachment.
    fn take_piece(&self, request: &Request, token: &str) -> Result<Answer, Denied> {
        let now = self.backstage().now();
        let piece = request.body();
        if piece.len() >= PIECE {
            return Err(Denied::usual(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let (first, last, total) = range(request)
            .ok_or_else(|| Denied::bad("ErrorInvalidRequest", "The Content-Range is not valid."))?;
        let user =
            self.upload_of(request).and_then(|(oid, _)| self.stage_world().user(&oid).cloned());
        let user = user.filter(|user| user.has_mailbox).ok_or_else(Denied::not_found)?;
        let mut mailboxes = self.mailboxes();
        let upload = mailboxes.uploads.get(token, now).ok_or_else(Denied::not_found)?;
        let fits = last.checked_sub(first).is_some_and(|span| span + 1 == piece.len());
        if !fits || total != upload.size || first != upload.bytes.len() || last >= total {
            let message = "The range of bytes is not the one that is expected next.";
            return Err(Denied::new(StatusCode::RANGE_NOT_SATISFIABLE, "invalidRange", message));
        }
        upload.bytes.extend_from_slice(piece);
        if upload.bytes.len() < upload.size {
            return Ok(plain(&json!({
                "@odata.context": context(request),
                "ExpirationDateTime": seconds(upload.expires),
                "nextExpectedRanges": [upload.bytes.len().to_string()],
            })));
        }
        let upload = mailboxes.uploads.end(token).ok_or_else(Denied::not_found)?;
        let mailbox = mailboxes.of(&user);
        check_draft(get(mailbox, upload.message)?)?;
        let serial = mailbox.serial();
        let mut about = upload.about;
        about.insert("lastModifiedDateTime".to_owned(), json!(seconds(now)));
        let attachment = Attachment { serial, about, bytes: Some(upload.bytes) };
        mailbox.edit(upload.message, now, |_, attachments| attachments.push(attachment));
        let message = get(mailbox, upload.message)?;
        let added = message.attachments.iter().find(|it| it.serial == serial);
        let id = message.attachment_id(added.ok_or_else(Denied::not_found)?);
        let (before, _) = address(request).split_once("/AttachmentSessions(").map_or_else(
            || (address(request), String::new()),
            |(before, after)| (before.to_owned(), after.to_owned()),
        );
        let answer = Answer::empty(StatusCode::CREATED);
        Ok(answer.with("location", format!("{before}/Attachments('{id}')")))
    }
}

/// An answer without Graph's media type, as the older interface gives it.
fn plain(body: &Value) -> Answer {
    Answer::raw("application/json", body.to_string())
}

/// The address of a request, without its query.
fn address(request: &Request) -> String {
    format!("{}{}", evergrant_sandbox::Origin::of(request), request.uri().path())
}

fn context(request: &Request) -> String {
    let address = address(request);
    address
        .replacen("/api/v2.0/", "/api/v2.0/$metadata#", 1)
        .split_once("/AttachmentSessions(")
        .map_or(address.clone(), |(before, _)| format!("{before}/AttachmentSessions/$entity"))
}

fn token(request: &Request) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "authtoken").map(|(_, value)| value.into_owned())
}

/// `Content-Range: bytes a-b/total` (RFC 9110, 14.4).
fn range(request: &Request) -> Option<(usize, usize, usize)> {
    let text = request.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?, total.trim().parse().ok()?))
}
