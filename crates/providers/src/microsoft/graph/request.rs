//! One call to Graph: a path below the root, what it needs, and what comes back.

use std::fmt::Write as _;

use bytes::Bytes;
use evergrant::capability::BodyFormat;
use evergrant::{Allowance, Api, CallError, Repeat, Repeated, Request, Response};
use http::{HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{self, read, unreadable};
use super::refusal::{self, Asked, Row};
use super::theirs::is_theirs;

/// A request being put together. Sent, it gives an answer of success, or why there is none.
///
/// Every call asks for ids that survive moves (contract, section 4.7): were one to leave that out,
/// it would give out ids that no other call knows.
#[derive(Clone)]
pub(crate) struct Call<'a> {
    pub(super) api: &'a Api,
    /// Any one of these permissions is enough (contract, section 9).
    needs: &'static [&'static str],
    /// What this call's own codes mean, before those that all share.
    rows: &'static [Row],
    method: Method,
    pub(super) path: String,
    query: Vec<(&'static str, String)>,
    prefer: Vec<String>,
    body: Option<Result<Bytes, CallError>>,
    if_match: Option<String>,
    removes: bool,
    repeat: Option<Repeat>,
    allowance: Option<Allowance>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        api: &'a Api,
        method: Method,
        needs: &'static [&'static str],
        path: impl Into<String>,
    ) -> Self {
        Self {
            api,
            needs,
            rows: &[],
            method,
            path: path.into(),
            query: Vec::new(),
            prefer: vec!["IdType=\"ImmutableId\"".to_owned()],
            body: None,
            if_match: None,
            removes: false,
            repeat: None,
            allowance: None,
        }
    }

    /// Reads.
    pub(crate) fn get(
        api: &'a Api,
        needs: &'static [&'static str],
        path: impl Into<String>,
    ) -> Self {
        Self::new(api, Method::GET, needs, path)
    }

    /// Creates or acts.
    pub(crate) fn post(
        api: &'a Api,
        needs: &'static [&'static str],
        path: impl Into<String>,
    ) -> Self {
        Self::new(api, Method::POST, needs, path)
    }

    /// Sets.
    pub(crate) fn patch(
        api: &'a Api,
        needs: &'static [&'static str],
        path: impl Into<String>,
    ) -> Self {
        Self::new(api, Method::PATCH, needs, path)
    }

    /// Removes.
    pub(crate) fn delete(
        api: &'a Api,
        needs: &'static [&'static str],
        path: impl Into<String>,
    ) -> Self {
        Self::new(api, Method::DELETE, needs, path).removing()
    }

    /// With a parameter, such as `$select`.
    #[must_use]
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With a preference (RFC 7240), such as `outlook.body-content-type="text"`.
    #[must_use]
    pub(crate) fn prefer(mut self, preference: impl Into<String>) -> Self {
        self.prefer.push(preference.into());
        self
    }

    /// With a JSON body.
    #[must_use]
    pub(crate) fn json(mut self, body: &Value) -> Self {
        let body = serde_json::to_vec(body).map(Bytes::from);
        self.body = Some(body.map_err(|error| unreadable(&error)));
        self
    }

    /// Only if the item is still in this version, where one is named.
    #[must_use]
    pub(crate) fn if_match(mut self, version: Option<&str>) -> Self {
        self.if_match = version.map(str::to_owned);
        self
    }

    /// Says that it has its effect once, however often it arrives.
    #[must_use]
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeat = Some(Repeat::Safe);
        self
    }

    /// Says that it removes what its path names: where it was sent more than once, finding nothing is
    /// a success, since an earlier sending may have removed it.
    #[must_use]
    pub(crate) fn removing(mut self) -> Self {
        self.removes = true;
        self
    }

    /// Says that its answer may be larger, or take longer, than is usual.
    #[must_use]
    pub(crate) fn allowing(mut self, allowance: Allowance) -> Self {
        self.allowance = Some(allowance);
        self
    }

    /// Says what its own codes mean.
    #[must_use]
    pub(crate) fn explained_by(mut self, rows: &'static [Row]) -> Self {
        self.rows = rows;
        self
    }

    /// Sends it.
    pub(crate) async fn send(self) -> Result<Response, CallError> {
        let url = self.url();
        self.send_to(&url).await
    }

    /// Sends it and reads what comes back.
    pub(crate) async fn read<T: DeserializeOwned>(self) -> Result<T, CallError> {
        read(&self.send().await?)
    }

    /// Sends it and reads the one item that comes back; `None` if it is there and cannot be read.
    pub(crate) async fn item<T: DeserializeOwned>(self) -> Result<Option<T>, CallError> {
        let response = self.send().await?;
        Ok(answer::item(&String::from_utf8_lossy(response.body())).ok())
    }

    pub(super) fn url(&self) -> String {
        let base = self.api.manifest().base_url.as_str().trim_end_matches('/');
        let mut url = format!("{base}{}", self.path);
        for (n, (name, value)) in self.query.iter().enumerate() {
            url.push(if n == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&encoded(value));
        }
        url
    }

    /// Sends it, for those who read more in a refusal than what it means: the answer as it came, and
    /// the refusal, if it is one.
    pub(crate) async fn answer(self) -> Result<(Response, Result<(), CallError>), CallError> {
        let url = self.url();
        self.answer_from(&url).await
    }

    /// Sends it to an address below the root that the provider gave itself.
    pub(super) async fn send_to(self, url: &str) -> Result<Response, CallError> {
        let (response, meaning) = self.answer_from(url).await?;
        meaning.map(|()| response)
    }

    /// The same, from an address below the root that the provider gave itself.
    pub(super) async fn answer_from(
        self,
        url: &str,
    ) -> Result<(Response, Result<(), CallError>), CallError> {
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(url)
            .header(header::ACCEPT, "application/json")
            .header("prefer", self.prefer.join(", "));
        if let Some(version) = &self.if_match {
            let version = HeaderValue::from_str(version).map_err(|_| CallError::Invalid {
                pointer: "/version".to_owned(),
                problem: "is not a version of an item".to_owned(),
            })?;
            request = request.header(header::IF_MATCH, version);
        }
        let body = match self.body {
            None => {
                if self.method == Method::POST {
                    request = request.header(header::CONTENT_LENGTH, "0");
                }
                Bytes::new()
            }
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                body?
            }
        };
        let request = request.body(body);
        let mut request: Request = request
            .map_err(|_| CallError::InvalidPath("it does not make an address of the API"))?;
        if let Some(repeat) = self.repeat {
            request.extensions_mut().insert(repeat);
        }
        if let Some(allowance) = self.allowance {
            request.extensions_mut().insert(allowance);
        }
        let response = self.api.send(request).await?;
        let gone = response.status() == StatusCode::NOT_FOUND
            && response.extensions().get::<Repeated>().is_some();
        if gone && self.removes {
            return Ok((response, Ok(())));
        }
        let asked = Asked {
            granted: self.api.granted(),
            needs: self.needs,
            rows: self.rows,
            conditional: self.if_match.is_some(),
        };
        let meaning = refusal::meaning(&response, &asked);
        Ok((response, meaning))
    }
}

/// The preference for bodies in this format.
pub(crate) fn body_as(format: BodyFormat) -> &'static str {
    match format {
        BodyFormat::Text => "outlook.body-content-type=\"text\"",
        BodyFormat::Html => "outlook.body-content-type=\"html\"",
    }
}

/// Sends a request to an address that is itself the permission, such as an upload's; without a token.
///
/// The address comes from the provider and must be one of its own: nothing leaves in the clear, or for
/// anybody else.
pub(crate) async fn send_unsigned(api: &Api, request: Request) -> Result<Response, CallError> {
    let manifest = api.manifest();
    if !is_theirs(request.uri(), manifest.base_url.scheme(), &manifest.hosts) {
        return Err(CallError::Unreadable("an address that is not the provider's own".to_owned()));
    }
    let response = api.send_unsigned(request).await?;
    let asked = Asked { granted: &[], needs: &[], rows: &[], conditional: false };
    refusal::meaning(&response, &asked)?;
    Ok(response)
}

/// An id as one segment of a path: ids contain `/`, `+` and `=` (contract, section 4.1).
///
/// What would not be one segment is refused: nothing at all, and `.` and `..`, which no encoding
/// keeps an HTTP client from resolving (RFC 3986, section 6.2.2.2).
pub(crate) fn id(id: &str) -> Result<String, CallError> {
    if matches!(id, "" | "." | "..") || id.len() > 2048 {
        return Err(CallError::Invalid {
            pointer: "/id".to_owned(),
            problem: "is not an id of this provider".to_owned(),
        });
    }
    Ok(encoded(id))
}

/// Everything but unreserved characters percent-encoded (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_or_nothing() {
        assert_eq!(id("AAMk/a+b=").unwrap(), "AAMk%2Fa%2Bb%3D");
        assert_eq!(id("../x").unwrap(), "..%2Fx");
        assert_eq!(id("a?b#c\\ü\r").unwrap(), "a%3Fb%23c%5C%C3%BC%0D");
        for none in ["", ".", "..", &"a".repeat(3000)] {
            assert!(matches!(id(none), Err(CallError::Invalid { .. })), "{none}");
        }
    }
}
