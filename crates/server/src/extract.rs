//! Reads requests; what cannot be read becomes a problem that says where.

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use evergrant::IntegrationId;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// A JSON body.
pub(crate) struct ApiJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Self(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Problem::new(
                Code::UnsupportedMediaType,
                "The request has no `Content-Type: application/json`.",
            )),
            Err(JsonRejection::BytesRejection(error))
                if error.status() == http::StatusCode::PAYLOAD_TOO_LARGE =>
            {
                Err(Problem::new(
                    Code::BodyTooLarge,
                    "The body is longer than 1 MiB.",
                ))
            }
            Err(error) => Err(Problem::invalid("", error.body_text())),
        }
    }
}

/// The parameters after the `?`.
pub(crate) struct ApiQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::invalid("query", error.body_text())),
        }
    }
}

/// The integration named in the path. What is not an id is as unknown as an id that names nothing.
pub(crate) struct Named(pub(crate) IntegrationId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unknown = || Problem::from(evergrant::TokenError::NotFound);
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| unknown())?;
        id.parse().map(Self).map_err(|_| unknown())
    }
}
