//! What a person sees.

use evergrant_sandbox::{Page, escape};

/// Where forms may lead besides here: every redirect URI is on the loopback interface.
const LOOPBACK: &str =
    "http://localhost:* https://localhost:* http://127.0.0.1:* https://127.0.0.1:*";

/// Asks who is there; `fields` come along with the answer.
pub(super) fn sign_in(
    title: &str,
    action: &str,
    fields: &str,
    login: &str,
    wrong: Option<&str>,
) -> Page {
    let wrong =
        wrong.map(|text| format!("<p class=\"wrong\">{}</p>", escape(text))).unwrap_or_default();
    let body = format!(
        "<form method=\"post\" action=\"{}\">{wrong}{fields}\
         <label>Account<input name=\"login\" value=\"{}\" autocomplete=\"username\"></label>\
         <label>Password<input name=\"passwd\" type=\"password\" autocomplete=\"current-password\"></label>\
         <button name=\"choice\" value=\"yes\">Allow</button>\
         <button name=\"choice\" value=\"no\">Cancel</button>\
         <p class=\"small\">This is the sandbox: adele, password sandbox.</p></form>",
        escape(action),
        escape(login),
    );
    let mut page = Page::new(title, body);
    page.form_action = Some(LOOPBACK.to_owned());
    page
}

/// The field for the code that a device shows.
pub(super) fn code_field(code: &str) -> String {
    format!("<label>Code<input name=\"user_code\" value=\"{}\" autofocus></label>", escape(code))
}

/// A field that nobody sees.
pub(super) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))
}

/// A sentence and nothing to do.
pub(super) fn message(title: &str, text: &str) -> Page {
    Page::new(title, format!("<p>{}</p>", escape(text)))
}
