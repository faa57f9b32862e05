//! The few pages a browser sees on its way back from a provider: no script, nothing from elsewhere.

use std::convert::Infallible;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem}h1{font-size:1.4rem}";

/// Allows this page's style and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    HeaderValue::try_from(format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ))
    .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
});

/// Who reads the answer of an address that browsers are sent to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A person: pages.
    Person,
    /// A program, which accepts JSON.
    Program,
}

impl Reader {
    /// What went wrong, in the reader's language.
    pub(crate) fn tell(self, problem: Problem) -> Response {
        if self == Self::Program {
            return problem.into_response();
        }
        let code = problem.code();
        let mut response = page(code.status(), &Words::from(&problem));
        response.extensions_mut().insert(code);
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let accept = parts.headers.get(header::ACCEPT);
        let json = accept
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("application/json"));
        Ok(if json { Self::Program } else { Self::Person })
    }
}

/// What a page says: a title and a few sentences.
#[derive(Serialize, Deserialize)]
pub(crate) struct Words {
    title: String,
    text: String,
}

impl Words {
    pub(crate) fn new(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { title: title.into(), text: text.into() }
    }
}

impl From<&Problem> for Words {
    fn from(problem: &Problem) -> Self {
        let next = problem.remedy().unwrap_or("Go back to where you began and try again.");
        let mut text = format!("{} {next}", problem.detail());
        if let Some(page) = problem.member(Problem::CONSENT_URL) {
            text += " The address for the administrator: ";
            text += page;
        }
        Self::new(problem.code().title(), text)
    }
}

/// A page that says this.
pub(crate) fn page(status: StatusCode, words: &Words) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{text}</p></html>",
        title = escape(&words.title),
        text = escape(&words.text),
    );
    let mut response = (status, Html(html)).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
