//! The way back to the application: a redirect, or a form that posts itself.

use std::fmt::Write as _;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use evergrant_sandbox::{Origin, Page, escape};
use url::Url;
use url::form_urlencoded::Serializer;

use super::aadsts::{Trace, Trouble};
use super::pages;

/// Where and how an application wants its answer.
#[derive(Debug, Clone)]
pub(super) struct ReturnTo {
    /// As the client wrote it, which it must repeat.
    pub(super) redirect_uri: String,
    /// The same, normalized: without a path it leads to the root of its host.
    pub(super) target: Url,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
}

/// How parameters travel back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseMode {
    /// In the query.
    Query,
    /// In the fragment.
    Fragment,
    /// In a form.
    FormPost,
}

impl ResponseMode {
    /// Reads the parameter; a code comes in the query if nothing else is asked for.
    pub(super) fn parse(value: Option<&str>) -> Option<Self> {
        match value {
            None | Some("query") => Some(Self::Query),
            Some("fragment") => Some(Self::Fragment),
            Some("form_post") => Some(Self::FormPost),
            Some(_) => None,
        }
    }
}

impl ReturnTo {
    /// Sends an error back.
    pub(super) fn refuse(&self, trouble: &Trouble, trace: &Trace, origin: &Origin) -> Response {
        let mut fields = vec![
            ("error", trouble.redirect_error().to_owned()),
            ("error_description", trouble.description(trace, "\r\n")),
            ("error_uri", trouble.uri(origin)),
        ];
        if let Some(state) = &self.state {
            fields.push(("state", state.clone()));
        }
        if trouble.code == 65_004 {
            fields.push(("error_subcode", "cancel".to_owned()));
        }
        self.send(&fields)
    }

    /// Sends a code back.
    pub(super) fn accept(
        &self,
        code: String,
        client_info: Option<String>,
        session: String,
    ) -> Response {
        let mut fields = vec![("code", code)];
        fields.extend(client_info.map(|info| ("client_info", info)));
        fields.extend(self.state.clone().map(|state| ("state", state)));
        fields.push(("session_state", session));
        self.send(&fields)
    }

    fn send(&self, fields: &[(&str, String)]) -> Response {
        let encoded = || {
            let pairs = fields.iter().map(|(name, value)| (*name, value.as_str()));
            Serializer::new(String::new()).extend_pairs(pairs).finish()
        };
        let target = &self.target;
        match self.mode {
            ResponseMode::Query => {
                let separator = if target.query().is_some() { '&' } else { '?' };
                redirect(&format!("{target}{separator}{}#", encoded()))
            }
            ResponseMode::Fragment => redirect(&format!("{target}#{}", encoded())),
            ResponseMode::FormPost => post_form(&self.redirect_uri, fields),
        }
    }
}

/// A redirect that nobody remembers.
pub(super) fn redirect(to: &str) -> Response {
    let headers = [(header::LOCATION, to), (header::CACHE_CONTROL, "no-store, no-cache")];
    (StatusCode::FOUND, headers).into_response()
}

fn post_form(to: &str, fields: &[(&str, String)]) -> Response {
    let mut inputs = String::new();
    for (name, value) in fields {
        let value = escape(value);
        // Writing to a `String` cannot fail.
        let _ = write!(inputs, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    let body = format!(
        "<form method=\"post\" action=\"{}\">{inputs}<noscript><button>Continue</button></noscript></form>",
        escape(to),
    );
    let mut page = Page::new("Working…", body);
    page.form_action = Some(pages::LOOPBACK.to_owned());
    page.script = Some("document.forms[0].submit()");
    page.into_response()
}
