//! What a person sees while signing in.

use std::collections::BTreeSet;
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
    form("Sign in", action, flow, &self::account(account, wrong, "Sign in"))
}

/// The fields for account and password, and two buttons.
fn account(login: &str, wrong: Option<&str>, agree: &str) -> String {
    let wrong =
        wrong.map(|text| format!("<p class=\"wrong\">{}</p>", escape(text))).unwrap_or_default();
    format!(
        "{wrong}<label>Account<input name=\"login\" value=\"{}\" autocomplete=\"username\" autofocus></label>\
         <label>Password<input name=\"passwd\" type=\"password\" autocomplete=\"current-password\"></label>\
         <button name=\"choice\" value=\"yes\">{agree}</button>\
         <button name=\"choice\" value=\"no\">Cancel</button>\
         <p class=\"small\">This is the sandbox: adele@contoso.example, password sandbox; \
         admin@contoso.example is the administrator.</p>",
        escape(login),
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

/// What the page for an administrator says, and carries to the answer.
pub(super) struct AdminConsent<'a> {
    pub(super) action: &'a str,
    pub(super) app: &'a str,
    pub(super) permissions: &'a BTreeSet<String>,
    pub(super) carried: [(&'a str, &'a str); 4],
    pub(super) login: &'a str,
    pub(super) wrong: Option<&'a str>,
}

/// Asks an administrator for consent on behalf of everybody.
pub(super) fn admin_consent(asked: &AdminConsent<'_>) -> Page {
    let mut list = String::new();
    for permission in asked.permissions {
        // Writing to a `String` cannot fail.
        let _ = write!(list, "<li>{}", escape(permission));
    }
    let mut hidden = String::new();
    for (name, value) in asked.carried {
        let value = escape(value);
        let _ = write!(hidden, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    let content = format!(
        "<p><b>{}</b> asks on behalf of your organization for:</p><ul>{list}</ul>{hidden}{}",
        escape(asked.app),
        account(asked.login, asked.wrong, "Accept"),
    );
    bare_form("Permissions requested. Review for your organization", asked.action, &content)
}

/// Asks for the code that a device shows, and who is there.
pub(super) fn device(code: &str, login: &str, wrong: Option<&str>) -> Page {
    let content = format!(
        "<label>Code<input name=\"otc\" value=\"{}\" autocomplete=\"off\" autofocus></label>{}",
        escape(code),
        account(login, wrong, "Sign in"),
    );
    bare_form("Enter code", "/devicelogin", &content)
}

/// The end of a device's sign-in.
pub(super) fn device_done(text: &str) -> Page {
    let body = format!("<p>{}</p><p>You may now close this window.</p>", escape(text));
    Page::new("Enter code", body)
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
    let flow = format!("<input type=\"hidden\" name=\"flow\" value=\"{}\">", escape(flow));
    bare_form(title, action, &format!("{flow}{content}"))
}

fn bare_form(title: &str, action: &str, content: &str) -> Page {
    let action = escape(action);
    let body = format!("<form method=\"post\" action=\"{action}\">{content}</form>");
    let mut page = Page::new(title, body);
    page.form_action = Some(LOOPBACK.to_owned());
    page
}
