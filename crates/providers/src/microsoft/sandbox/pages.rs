//! What a person sees while signing in.

use std::fmt::Write as _;

use axum::http::StatusCode;
use evergrant_sandbox::{Page, escape};

use super::aadsts::{Trace, Trouble};
use super::scopes::Scopes;

/// Where forms may lead besides here: every registered redirect URI is on the loopback interface,
/// and what it redirects to most likely, too.
pub(super) const LOOPBACK: &str =
    "http://localhost:* https://localhost:* http://127.0.0.1:* https://127.0.0.1:*";

/// Asks for account and password.
pub(super) fn sign_in(action: &str, flow: &str, account: &str, wrong: Option<&str>) -> Page {
    let wrong =
        wrong.map(|text| format!("<p class=\"wrong\">{}</p>", escape(text))).unwrap_or_default();
    form(
        "Sign in",
        action,
        flow,
        &format!(
            "{wrong}<label>Account<input name=\"login\" value=\"{}\" autocomplete=\"username\" autofocus></label>\
             <label>Password<input name=\"passwd\" type=\"password\" autocomplete=\"current-password\"></label>\
             <button name=\"choice\" value=\"yes\">Sign in</button>\
             <button name=\"choice\" value=\"no\">Cancel</button>\
             <p class=\"small\">This is the sandbox: adele@contoso.example, password sandbox.</p>",
            escape(account),
        ),
    )
}

/// Asks for consent.
pub(super) fn consent(action: &str, flow: &str, app: &str, account: &str, scopes: &Scopes) -> Page {
    let mut list = String::new();
    for permission in &scopes.permissions {
        // Writing to a `String` cannot fail.
        let _ = write!(list, "<li>{}", escape(permission));
    }
    if scopes.offline_access {
        list.push_str("<li>Maintain access to data you have given it access to");
    }
    form(
        "Permissions requested",
        action,
        flow,
        &format!(
            "<p><b>{}</b> asks on behalf of {} for:</p><ul>{list}</ul>\
             <button name=\"choice\" value=\"yes\">Accept</button>\
             <button name=\"choice\" value=\"no\">Cancel</button>",
            escape(app),
            escape(account),
        ),
    )
}

/// Says that only an administrator can consent.
pub(super) fn admin_approval(action: &str, flow: &str, app: &str) -> Page {
    form(
        "Need admin approval",
        action,
        flow,
        &format!(
            "<p><b>{}</b> needs permission to access resources in your organization that only an admin can \
             grant. (AADSTS90094)</p>\
             <button name=\"choice\" value=\"no\">Return to the application without granting consent</button>",
            escape(app),
        ),
    )
}

/// An error that must not be redirected.
pub(super) fn trouble(trouble: &Trouble, trace: &Trace) -> Page {
    let text = escape(&trouble.description(trace, "\n")).replace('\n', "<br>");
    let mut page =
        Page::new("Sorry, but we’re having trouble signing you in.", format!("<p>{text}</p>"));
    page.status = StatusCode::BAD_REQUEST;
    page
}

/// The end of a session.
pub(super) fn signed_out() -> Page {
    Page::new(
        "You signed out of your account",
        "<p>It’s a good idea to close all browser windows.</p>",
    )
}

fn form(title: &str, action: &str, flow: &str, content: &str) -> Page {
    let body = format!(
        "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"flow\" value=\"{}\">{content}</form>",
        escape(action),
        escape(flow),
    );
    let mut page = Page::new(title, body);
    page.form_action = Some(LOOPBACK.to_owned());
    page
}
