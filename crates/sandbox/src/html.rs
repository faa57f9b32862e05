//! Small pages without anything from elsewhere, under a policy that forbids the rest.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f3f2f1;color:#1b1a19}\
main{max-width:44rem;margin:6vh auto;padding:2rem 2.5rem;background:#fff;box-shadow:0 2px 8px #0002}\
label{display:block;margin:.75rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}\
button{font:inherit;padding:.4rem 1.4rem;margin:1rem .5rem 0 0}code{background:#f3f2f1;padding:.1rem .3rem}\
.wrong{color:#a80000}.small{font-size:.85rem;color:#605e5c}table{border-collapse:collapse}\
td{padding:.15rem 1.5rem .15rem 0;vertical-align:top}";

/// The text as it can stand in HTML, in content and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A page to be shown in a browser.
#[derive(Debug)]
pub struct Page {
    /// The status of the answer.
    pub status: StatusCode,
    /// The title and heading; escaped here.
    pub title: String,
    /// The content, as HTML.
    pub body: String,
    /// Another origin that a form may lead to, be it by a redirect.
    pub form_action: Option<String>,
    /// A script to run at the end, constant and without input.
    pub script: Option<&'static str>,
}

impl Page {
    /// A page with status 200 whose forms stay here.
    pub fn new(title: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            status: StatusCode::OK,
            title: title.into(),
            body: body.into(),
            form_action: None,
            script: None,
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
        let mut policy = format!(
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; \
             style-src 'sha256-{}'; form-action 'self'",
            hash(STYLE),
        );
        if let Some(origin) = &self.form_action {
            policy.push(' ');
            policy.push_str(origin);
        }
        let mut html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title}</title><style>{STYLE}</style><main><h1>{title}</h1>{body}</main>",
            title = escape(&self.title),
            body = self.body,
        );
        if let Some(script) = self.script {
            // Writing to a `String` cannot fail.
            let _ = write!(policy, "; script-src 'sha256-{}'", hash(script));
            let _ = write!(html, "<script>{script}</script>");
        }
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store, no-cache"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        ];
        (self.status, headers, html).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_leaves_an_attribute() {
        assert_eq!(escape("<a b='\"&'>"), "&lt;a b=&#39;&quot;&amp;&#39;&gt;");
    }
}
