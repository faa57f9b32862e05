//! Versions of items: `ETag` out, `If-Match` in (RFC 9110, sections 8.8.3 and 13.1.1).

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::problem::Problem;

/// The version that a change is meant for; none where any is.
pub(super) struct IfMatch(Option<String>);

impl IfMatch {
    pub(super) fn version(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = parts.headers.get_all(header::IF_MATCH).iter();
        let (Some(first), None) = (given.next(), given.next()) else {
            return if parts.headers.contains_key(header::IF_MATCH) {
                Err(unclear())
            } else {
                Ok(Self(None))
            };
        };
        match first.to_str().map_err(|_| unclear())?.trim() {
            "*" => Ok(Self(None)),
            tag => version(tag).map(|version| Self(Some(version.to_owned()))).ok_or_else(unclear),
        }
    }
}

/// The request names no version: this operation could not keep to it.
pub(super) struct Unversioned;

impl<S: Send + Sync> FromRequestParts<S> for Unversioned {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match IfMatch::from_request_parts(parts, state).await?.version() {
            None => Ok(Self),
            Some(_) => Err(Problem::invalid(
                "If-Match",
                "The provider cannot bind this operation to a version: leave `If-Match` out.",
            )),
        }
    }
}

fn unclear() -> Problem {
    Problem::invalid("If-Match", "`If-Match` must be one `version`, in quotes, or `*`.")
}

/// The version in a tag. It may come without quotes, as it stands in a body's `version`; a weak tag is
/// a version as a whole.
fn version(tag: &str) -> Option<&str> {
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let version = inner.unwrap_or(tag);
    let weak = version.strip_prefix("W/\"").and_then(|rest| rest.strip_suffix('"'));
    let plain = weak.unwrap_or(version);
    let plain = !plain.is_empty() && !plain.contains(['"', ',']);
    plain.then_some(version)
}

/// A version as a tag; none if it cannot be one.
fn tag(version: &str) -> Option<HeaderValue> {
    let tag = if version.contains('"') { version.to_owned() } else { format!("\"{version}\"") };
    HeaderValue::try_from(tag).ok()
}

/// An item as JSON, its version as `ETag`.
pub(super) fn versioned(version: Option<&str>, item: impl Serialize) -> Response {
    let mut headers = HeaderMap::new();
    if let Some(tag) = version.and_then(tag) {
        headers.insert(header::ETAG, tag);
    }
    (headers, Json(item)).into_response()
}

/// A new item as JSON, and where it is found.
pub(super) fn created(address: String, version: Option<&str>, item: impl Serialize) -> Response {
    let mut response = versioned(version, item);
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(address) = HeaderValue::try_from(address) {
        response.headers_mut().insert(header::LOCATION, address);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_was_given_out_names_its_version() {
        for given in ["CQAAABYAAAB+/=", "3", "W/\"CQAAABYAAAB+/=\""] {
            let tag = tag(given).unwrap();
            assert_eq!(version(tag.to_str().unwrap()), Some(given));
            assert_eq!(version(given), Some(given), "as it stands in a body");
        }
        for unclear in ["", "\"\"", "\"a\", \"b\"", "\"a", "W/\"\""] {
            assert_eq!(version(unclear), None, "{unclear}");
        }
    }
}
