//! `$batch`: up to twenty calls in one (contract, 4.4).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use evergrant::{Request, Response};
use evergrant_sandbox::Scheme;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::reply::{Answer, Denied, Reply};
use super::subscriptions::Reached;
use crate::microsoft::sandbox::{MicrosoftAct, faults};

/// The most items of a batch.
const MOST: usize = 20;
/// How many items run at a time.
const AT_A_TIME: usize = 4;
/// The headers of an item's answer, as they are spelled there.
const HEADERS: &[&str] = &[
    "Cache-Control",
    "Content-Type",
    "Location",
    "OData-Version",
    "Preference-Applied",
    "Retry-After",
];

/// One call of a batch.
struct Item {
    id: String,
    after: BTreeSet<String>,
    /// What it asks for, or why that cannot be read.
    request: Result<Request, Denied>,
}

impl MicrosoftAct {
    /// Carries out all items, those that depend on others after them.
    pub(super) fn batch(&self, request: &Request, call: &Call) -> Result<Answer, Denied> {
        let body = call.object()?;
        let items = body.get("requests").and_then(Value::as_array).ok_or_else(payload)?;
        if items.is_empty() || items.len() > MOST {
            return Err(payload());
        }
        let mut waiting = items
            .iter()
            .map(|item| read(item, request, call))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(payload)?;
        let ids: BTreeSet<_> = waiting.iter().map(|item| item.id.to_lowercase()).collect();
        let known = |item: &Item| item.after.iter().all(|id| ids.contains(id));
        if ids.len() < waiting.len() || !waiting.iter().all(known) {
            return Err(payload());
        }
        let mut done: BTreeMap<String, bool> = BTreeMap::new();
        let mut answers = Vec::new();
        while !waiting.is_empty() {
            let ready = |item: &Item| item.after.iter().all(|id| done.contains_key(id));
            let (mut now, mut later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
            if now.is_empty() {
                // They wait for each other.
                return Err(payload());
            }
            later.splice(0..0, now.split_off(now.len().min(AT_A_TIME)));
            waiting = later;
            for (id, response) in self.run(request, now, &done) {
                done.insert(id.to_lowercase(), response.status().is_success());
                answers.push(show(&id, &response));
            }
        }
        // The order says nothing; here it is never the one of the request.
        answers.reverse();
        Ok(Answer::ok(json!({ "responses": answers })))
    }

    /// Runs items at the same time: each counts at its mailbox until all of them have an answer. A
    /// fault that names the method or the path of one strikes it alone.
    fn run(
        &self,
        outer: &Request,
        items: Vec<Item>,
        done: &BTreeMap<String, bool>,
    ) -> Vec<(String, Response)> {
        let entered: Vec<_> = items
            .into_iter()
            .map(|item| {
                let failed = item.after.iter().any(|id| done.get(id) == Some(&false));
                let request = match item.request {
                    _ if failed => Err(Denied::usual(StatusCode::FAILED_DEPENDENCY)),
                    request => request,
                };
                let entered = request.and_then(|request| {
                    let pass = self.count(&request).transpose()?;
                    Ok((request, pass))
                });
                (item.id, entered)
            })
            .collect();
        let answer = |(id, entered): &(String, Result<(Request, _), Denied>)| {
            let response = match entered {
                Ok((request, _)) => {
                    faults::strike(self, request).unwrap_or_else(|| self.call_graph(request))
                }
                Err(denied) => Reply::new(self, outer).deny(denied),
            };
            (id.clone(), response)
        };
        entered.iter().map(answer).collect()
    }
}

/// The calls of a batch as far as they can be read, for whoever must know of them beforehand.
pub(super) fn parts(outer: &Request, call: &Call) -> Vec<Request> {
    let body = call.object().unwrap_or_default();
    let items = body.get("requests").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| read(item, outer, call)?.request.ok()).collect()
}

fn payload() -> Denied {
    Denied::bad("BadRequest", "Invalid batch payload format.")
}

/// Reads an item; none if it lacks what every item must have.
fn read(item: &Value, outer: &Request, call: &Call) -> Option<Item> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let id = text("id").filter(|id| !id.is_empty())?;
    let (method, url) = (text("method")?, text("url")?);
    let after = item.get("dependsOn").or_else(|| item.get("depends_on"));
    let after = after.and_then(Value::as_array).into_iter().flatten();
    let after = after.filter_map(Value::as_str).map(str::to_lowercase).collect();
    let path = match url.split_once("://") {
        Some((_, rest)) => format!("/{}", rest.split_once('/').map_or("", |(_, path)| path)),
        None => format!("/{}/{}", call.version, url.trim_start_matches('/')),
    };
    let request = request(item, method, &path, outer, call);
    Some(Item { id: id.to_owned(), after, request })
}

fn request(
    item: &Value,
    method: &str,
    path: &str,
    outer: &Request,
    call: &Call,
) -> Result<Request, Denied> {
    // The items' addresses are texts in JSON, where nobody has to escape a space.
    let path = path.replace(' ', "%20").replace('"', "%22");
    if path.to_ascii_lowercase().contains("$batch") {
        return Err(payload());
    }
    let method = method.to_ascii_uppercase();
    let mut builder =
        http::Request::builder().method(method.as_str()).uri(format!("{}{path}", call.origin));
    for (name, value) in item.get("headers").and_then(Value::as_object).into_iter().flatten() {
        builder = builder.header(name, value.as_str().unwrap_or_default());
    }
    let body = body(item, builder.headers_ref())?;
    let mut request = builder.body(body).map_err(|_| payload())?;
    for name in [header::AUTHORIZATION, header::HeaderName::from_static("client-request-id")] {
        if let Some(value) =
            outer.headers().get(&name).filter(|_| !request.headers().contains_key(&name))
        {
            request.headers_mut().insert(name, value.clone());
        }
    }
    if let Some(scheme) = outer.extensions().get::<Scheme>() {
        request.extensions_mut().insert(*scheme);
    }
    if let Some(reached) = outer.extensions().get::<Reached>() {
        request.extensions_mut().insert(reached.clone());
    }
    Ok(request)
}

/// The body of an item: JSON as it is, anything else in base64.
fn body(item: &Value, headers: Option<&HeaderMap>) -> Result<Bytes, Denied> {
    let Some(body) = item.get("body").filter(|body| !body.is_null()) else {
        return Ok(Bytes::new());
    };
    let kind = headers.and_then(|headers| headers.get(header::CONTENT_TYPE)?.to_str().ok());
    let kind = kind.ok_or_else(|| {
        Denied::bad("BadRequest", "The Content-Type header is required for a request with a body.")
    })?;
    match body {
        Value::String(text) if !kind.to_ascii_lowercase().contains("json") => {
            STANDARD.decode(text).map(Bytes::from).map_err(|_| payload())
        }
        body => Ok(Bytes::from(body.to_string())),
    }
}

fn show(id: &str, response: &Response) -> Value {
    let mut shown = json!({ "id": id, "status": response.status().as_u16() });
    let header = |name: &&str| {
        let value = response.headers().get(*name)?.to_str().ok()?;
        Some(((*name).to_owned(), json!(value)))
    };
    shown["headers"] = Value::Object(HEADERS.iter().filter_map(header).collect::<Map<_, _>>());
    if !response.body().is_empty() {
        shown["body"] = serde_json::from_slice(response.body())
            .unwrap_or_else(|_| json!(STANDARD.encode(response.body())));
    }
    shown
}
