//! One call, read once: whatever clients spell differently is the same from here on.

use std::collections::HashMap;

use evergrant::Request;
use http::{HeaderMap, Method};
use serde_json::Value;
use url::form_urlencoded::parse;

use super::answer::{Answer, Refused};

/// The prefix of all paths.
pub(super) const PREFIX: &str = "/gateway/deal";

/// A call as its handler sees it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    /// The method that is meant: a `POST` may carry another one in the header `_method`.
    pub(super) method: Method,
    /// The segments below [`PREFIX`], decoded, in the one spelling.
    pub(super) path: Vec<String>,
    query: HashMap<String, String>,
    /// The version of the endpoint; 1 unless the header `Version` says otherwise.
    pub(super) version: u32,
    /// The body; null if there is none.
    pub(super) body: Value,
    /// The body is not JSON.
    pub(super) is_garbled: bool,
    headers: HeaderMap,
}

impl Call {
    /// Reads a request; `None` if it is for somebody else.
    pub(super) fn read(request: &Request) -> Option<Self> {
        let path = request.uri().path().strip_prefix(PREFIX)?;
        if !path.is_empty() && !path.starts_with('/') {
            return None;
        }
        let headers = request.headers().clone();
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        let tunnelled = text("_method").filter(|_| request.method() == Method::POST);
        let tunnelled = tunnelled.and_then(|name| name.to_ascii_uppercase().parse().ok());
        // IG drops the body of a real DELETE (contract, section 1).
        let body: &[u8] =
            if request.method() == Method::DELETE { b"" } else { request.body().as_ref() };
        let read = if body.trim_ascii().is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(body)
        };
        Some(Self {
            method: tunnelled.unwrap_or_else(|| request.method().clone()),
            path: segments(path),
            query: parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect(),
            version: text("version").map_or(1, |version| version.parse().unwrap_or(0)),
            is_garbled: read.is_err(),
            body: read.unwrap_or_default(),
            headers,
        })
    }

    /// The segments, to be matched.
    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// A header that says something.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name)?.to_str().ok()?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The API key.
    pub(super) fn api_key(&self) -> Option<&str> {
        self.header("x-ig-api-key")
    }

    /// The access token.
    pub(super) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    /// A parameter of the query that says something.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A member of the body; absent and null are the same.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.body.get(name).filter(|value| !value.is_null())
    }

    /// A member that is a text.
    pub(super) fn text(&self, name: &str) -> Refused<Option<&str>> {
        self.member(name).map(|value| value.as_str().ok_or_else(|| wrong(name))).transpose()
    }

    /// A member that is a number, or the text of one.
    pub(super) fn number(&self, name: &str) -> Refused<Option<f64>> {
        let read = |value: &Value| {
            let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
            number.filter(|number| number.is_finite()).ok_or_else(|| wrong(name))
        };
        self.member(name).map(read).transpose()
    }

    /// A member that is true or false, or the text of one: there are clients that send texts
    /// (contract, 4.5).
    pub(super) fn flag(&self, name: &str) -> Refused<Option<bool>> {
        let read = |value: &Value| match value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(wrong(name)),
        };
        self.member(name).map(read).transpose()
    }
}

/// The error of a member that is not what it must be.
fn wrong(name: &str) -> Answer {
    Answer::error(format!("invalid.request.{name}"))
}

/// The decoded segments without that of a trailing slash, spelled as most clients do.
fn segments(path: &str) -> Vec<String> {
    // The only place that knows of two spellings (contract, section 4).
    let first = |segment: String| match segment.as_str() {
        "working-orders" => "workingorders".to_owned(),
        "client-sentiment" => "clientsentiment".to_owned(),
        _ => segment,
    };
    let path = path.trim_start_matches('/');
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments: Vec<_> = path.split('/').map(decoded).collect();
    if let Some(segment) = segments.first_mut() {
        *segment = first(std::mem::take(segment));
    }
    segments
}

/// A segment without its percent signs. What has a meaning in a query has none here.
fn decoded(segment: &str) -> String {
    let plain = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    parse(plain.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    fn read(method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Call {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Call::read(&request.body(Bytes::from(body.to_string())).unwrap()).unwrap()
    }

    #[test]
    fn a_segment_is_read_as_it_was_meant() {
        let read =
            segments("/prices/CS.D.EURUSD.CFD.IP/DAY/2024-01-01%2000%3A00%3A00/a%2Bb+c%26d=/");
        let meant = ["prices", "CS.D.EURUSD.CFD.IP", "DAY", "2024-01-01 00:00:00", "a+b+c&d="];
        assert_eq!(read, meant);
        assert_eq!(segments("/working-orders/otc"), ["workingorders", "otc"]);
        assert_eq!(segments("/client-sentiment/FT100"), ["clientsentiment", "FT100"]);
        assert_eq!(segments("/client-sentiment"), segments("/clientsentiment/"));
    }

    #[test]
    fn only_a_post_carries_another_method_and_its_body() {
        let tunnel = [("_method", "delete")];
        let body = json!({ "dealId": "D1" });
        let call = read("POST", "/gateway/deal/positions/otc", &tunnel, &body);
        assert_eq!((call.method.as_str(), &call.body), ("DELETE", &body));
        let call = read("GET", "/gateway/deal/positions", &tunnel, &Value::Null);
        assert_eq!(call.method, "GET");
        // A real one has lost its body.
        let call = read("DELETE", "/gateway/deal/positions/otc", &[], &body);
        assert_eq!((call.method.as_str(), &call.body), ("DELETE", &Value::Null));
    }

    #[test]
    fn a_path_of_somebody_else_is_not_read() {
        let request = http::Request::get("/gateway/dealing").body(Bytes::new()).unwrap();
        assert!(Call::read(&request).is_none());
    }

    #[test]
    fn flags_and_numbers_may_be_texts_and_null_is_nothing() {
        let body = json!({
            "a": "true", "b": "False", "c": true, "d": null, "e": "yes",
            "f": "0.5", "g": 2, "h": "NaN", "i": "text",
        });
        let call = read("POST", "/gateway/deal/positions/otc", &[], &body);
        let flag = |name| call.flag(name).map_err(|refusal| refusal.body);
        let number = |name| call.number(name).map_err(|refusal| refusal.body);
        let wrong = |name| Some(json!({ "errorCode": format!("invalid.request.{name}") }));
        let flags = [("a", Some(true)), ("b", Some(false)), ("c", Some(true)), ("d", None)];
        for (name, expected) in flags {
            assert_eq!(flag(name), Ok(expected), "{name}");
        }
        assert_eq!(flag("e"), Err(wrong("e")));
        for (name, expected) in [("f", Some(0.5)), ("g", Some(2.0)), ("d", None), ("z", None)] {
            assert_eq!(number(name), Ok(expected), "{name}");
        }
        assert_eq!(number("h"), Err(wrong("h")));
        assert_eq!(number("i"), Err(wrong("i")));
        assert_eq!(call.text("i").unwrap(), Some("text"));
        assert_eq!(call.text("g").unwrap_err().body, wrong("g"));
    }
}
