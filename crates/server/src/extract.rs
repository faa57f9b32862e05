//! Reads requests; what cannot be read becomes a problem that says where.

use std::error::Error;

use axum::extract::rejection::JsonRejection;
use axum::extract::{
    DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, RawPathParams, Request,
};
use evergrant::IntegrationId;
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::problem::{Code, Problem};

/// The longest body a request may have, in bytes, unless its operation takes more.
const LONGEST_BODY: usize = 1 << 20;

/// A JSON body of at most `LIMIT` bytes.
pub(crate) struct ApiJson<T, const LIMIT: usize = LONGEST_BODY>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync, const LIMIT: usize> FromRequest<S> for ApiJson<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        DefaultBodyLimit::max(LIMIT).apply(&mut request);
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(unreadable(&rejection, LIMIT)),
        }
    }
}

/// The body is longer than its operation takes.
pub(crate) fn too_large(limit: usize) -> Problem {
    let limit = limit >> 20;
    Problem::new(Code::BodyTooLarge, format!("The body is longer than {limit} MiB."))
        .remedied_by(format!("Send at most {limit} MiB."))
}

/// Why a body of at most `limit` bytes could not be read.
pub(crate) fn unreadable(rejection: &JsonRejection, limit: usize) -> Problem {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => Problem::new(
            Code::UnsupportedMediaType,
            "The request has no `Content-Type: application/json`.",
        ),
        JsonRejection::BytesRejection(error)
            if error.status() == http::StatusCode::PAYLOAD_TOO_LARGE =>
        {
            too_large(limit)
        }
        error => unreadable_body(error),
    }
}

/// Says where in the body the mistake is, and never what stands there: it may be a password.
fn unreadable_body(rejection: &JsonRejection) -> Problem {
    let causes = std::iter::successors(rejection.source(), |cause| (**cause).source());
    let error = causes
        .filter_map(|cause| cause.downcast_ref::<serde_path_to_error::Error<serde_json::Error>>())
        .last();
    let Some(error) = error else {
        return Problem::invalid("", "The body could not be read to its end.");
    };
    let pointer: String = error
        .path()
        .iter()
        .map(|segment| match segment {
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Seq { index } => format!("/{index}"),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect();
    let text = error.inner().to_string();
    match text.split_once(", expected ") {
        Some((found, expected))
            if found.starts_with("invalid ") || found.starts_with("unknown variant ") =>
        {
            Problem::invalid(&pointer, format!("expected {expected}"))
        }
        _ => Problem::invalid(&pointer, text),
    }
}

/// The parameters after the `?`.
pub(crate) struct ApiQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let error = match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => return Ok(Self(query)),
            Err(error) => error,
        };
        // `parameter: why`, or why alone.
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        Err(match text.split_once(": ") {
            Some((parameter, why)) => Problem::invalid(parameter, format!("`{parameter}`: {why}")),
            None => Problem::invalid("query", text),
        })
    }
}

/// One part of the path. What is not text names nothing.
pub(crate) struct Part(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Part {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(_) => Err(Problem::nothing_here()),
        }
    }
}

/// The integration named in the path. What is not an id becomes one that names nothing, and so is
/// answered exactly as an unknown one, whoever asks.
pub(crate) struct Named(pub(crate) IntegrationId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        Ok(Self(id.unwrap_or(IntegrationId::from_u128(0))))
    }
}

/// The integration named in the path, and the provider's items below it, by its own ids. An id that is
/// not text makes the whole path name nothing, as [`Named`] has it.
pub(crate) struct Within<const N: usize>(pub(crate) IntegrationId, pub(crate) [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Within<N> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let nothing = || Self(IntegrationId::from_u128(0), [const { String::new() }; N]);
        let Ok(named) = RawPathParams::from_request_parts(parts, state).await else {
            return Ok(nothing());
        };
        let mut values = named.iter().map(|(_, value)| value.to_owned());
        let id = values.next().and_then(|id| id.parse().ok());
        let items = values.collect::<Vec<_>>().try_into().ok();
        Ok(id.zip(items).map_or_else(nothing, |(id, items)| Self(id, items)))
    }
}
