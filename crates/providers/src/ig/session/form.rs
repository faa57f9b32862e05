//! The form that connects an account.

use std::collections::BTreeMap;

use evergrant::Secret;
use evergrant::provider::{Actor, Failure, FormField};

use super::login::Login;
use super::state::Version;

const IDENTIFIER: &str = "identifier";
const PASSWORD: &str = "password";
const ACCOUNT: &str = "account_id";
const VERSION: &str = "session_version";
const KEEP: &str = "keep_login";

/// The fields, in order.
pub(in crate::ig) fn fields() -> Vec<FormField> {
    let field = |name: &str, label: &str, help: &str| FormField {
        name: name.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        ..FormField::default()
    };
    let words = |words: [&str; 2]| words.map(str::to_owned).to_vec();
    vec![
        field(
            IDENTIFIER,
            "User name",
            "The name that IG's own pages take; not an e-mail address and not an account's number.",
        ),
        FormField { secret: true, ..field(PASSWORD, "Password", "") },
        FormField {
            optional: true,
            ..field(
                ACCOUNT,
                "Account",
                "The id of the account to act in, such as ABC123; the login's default account unless \
                 given.",
            )
        },
        FormField {
            optional: true,
            choices: words(["3", "2"]),
            ..field(
                VERSION,
                "Version of the session",
                "3 has a token that lives for a minute and can act in every account; 2 has one that \
                 lives for hours and is in one account.",
            )
        },
        FormField {
            optional: true,
            choices: words(["no", "yes"]),
            ..field(
                KEEP,
                "Keep the login",
                "If yes, name and password are kept, encrypted with the operator's key, and sign in again \
                 whenever IG ends the session: after ten minutes without a call, and at weekends. If no, \
                 both are forgotten at once, and you connect the account again each time.",
            )
        },
    ]
}

/// A filled-in form.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) login: Login,
    pub(super) account: Option<String>,
    pub(super) version: Version,
    pub(super) keep: bool,
}

/// Reads a form: every field is one of ours and has the form that IG wants (contract, section 1).
pub(super) fn read(filled: &BTreeMap<String, Secret>) -> Result<Form, Failure> {
    let known = fields();
    if let Some(unknown) = filled.keys().find(|name| known.iter().all(|f| f.name != **name)) {
        let names: Vec<&str> = known.iter().map(|field| field.name.as_str()).collect();
        let unknown: String = unknown.chars().filter(|c| !c.is_control()).take(40).collect();
        let problem = format!("There is no field {unknown}; there are {}.", names.join(", "));
        return Err(wrong(problem));
    }
    // An empty field is one that was not filled in.
    let given = |name: &str| filled.get(name).filter(|value| !value.expose().is_empty());
    let needed = |name: &str| given(name).ok_or_else(|| wrong(format!("{name} is missing.")));
    let identifier = needed(IDENTIFIER)?;
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if identifier.expose().len() > 30 || !identifier.expose().bytes().all(word) {
        return Err(wrong(format!(
            "{IDENTIFIER} is up to 30 letters, digits, - and _: the user name of IG's own pages, and \
             not an e-mail address."
        )));
    }
    let password = needed(PASSWORD)?;
    let text = password.expose();
    if text.chars().count() > 350 || text.contains(['\n', '\r', '\u{2028}', '\u{2029}', '\u{85}']) {
        return Err(wrong(format!("{PASSWORD} is up to 350 characters in one line.")));
    }
    let account = given(ACCOUNT).map(|account| account.expose().to_owned());
    if account.as_ref().is_some_and(|account| !is_account_id(account)) {
        return Err(wrong(format!("{ACCOUNT} is up to 30 letters, digits and -.")));
    }
    let version = match given(VERSION).map(Secret::expose) {
        None | Some("3") => Version::V3,
        Some("2") => Version::V2,
        Some(_) => return Err(wrong(format!("{VERSION} is 3 or 2."))),
    };
    let keep = match given(KEEP).map(Secret::expose) {
        None | Some("no") => false,
        Some("yes") => true,
        Some(_) => return Err(wrong(format!("{KEEP} is no or yes."))),
    };
    let login = Login { identifier: identifier.clone(), password: password.clone() };
    Ok(Form { login, account, version, keep })
}

fn wrong(problem: String) -> Failure {
    Failure::new("form_invalid", Actor::User, problem).remedied_by("Correct the form.")
}

/// Whether a text can be the id of an account (contract, section 1).
pub(in crate::ig) fn is_account_id(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=30).contains(&text.len()) && text.bytes().all(word)
}
