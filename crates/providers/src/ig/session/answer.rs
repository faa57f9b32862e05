//! Reading whatever answer makes a session: of a sign-in or of a refresh, of either version.

use std::time::Duration;

use evergrant::{Response, Secret};
use serde_json::Value;

use super::wire::{Auth, CST, Pair, XST};
use crate::ig::limits::Whose;
use crate::oauth2::{lifetime, parse, token};

/// A session, as an answer gives it.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) tokens: Tokens,
    /// IG's id of who signed in; a refresh of version 3 does not say.
    pub(super) client: Option<String>,
    /// The account that the session is in; a refresh of version 3 does not say.
    pub(super) account: Option<String>,
    /// All accounts; only a sign-in of version 2 says.
    pub(super) accounts: Option<Vec<String>>,
    /// Whether the login was used.
    pub(super) signed_in: bool,
}

impl Obtained {
    /// Whose allowances its requests draw on, as far as that is known.
    pub(super) fn whose(&self) -> Option<Whose> {
        Some(Whose { client: self.client.clone()?, account: self.account.clone()? })
    }
}

/// The tokens of a session.
#[derive(Debug)]
pub(super) enum Tokens {
    /// Version 3.
    Bearer { access: Secret, refresh: Option<Secret>, life: Option<Duration> },
    /// Version 2.
    Pair(Pair),
}

impl Tokens {
    /// What signs with them.
    pub(super) fn auth(&self) -> Auth {
        match self {
            Self::Bearer { access, .. } => Auth::Bearer(access.clone()),
            Self::Pair(pair) => Auth::Pair(pair.clone()),
        }
    }
}

/// The session that an answer makes; `None` if it makes none.
pub(super) fn read(response: &Response) -> Option<Obtained> {
    let body = parse(response.body()).unwrap_or_default();
    // A sign-in of version 3 has the tokens one level down, a refresh has them bare (contract,
    // sections 2.1 and 2.7).
    let nested = body.get("oauthToken").filter(|inner| inner.is_object());
    let bearer = |from: &Value| {
        let text = |name: &str| from.get(name).and_then(Value::as_str).and_then(token);
        Some(Tokens::Bearer {
            access: text("access_token")?,
            refresh: text("refresh_token"),
            life: from.get("expires_in").and_then(lifetime),
        })
    };
    let tokens = bearer(nested.unwrap_or(&body)).or_else(|| Some(Tokens::Pair(pair(response)?)))?;
    // Only a sign-in of version 2 speaks of the account that is current.
    let current = id(&body, "currentAccountId");
    Some(Obtained {
        signed_in: nested.is_some() || current.is_some(),
        client: id(&body, "clientId"),
        account: current.or_else(|| id(&body, "accountId")),
        accounts: body.get("accounts").map(listed),
        tokens,
    })
}

/// A session that goes on with the tokens it has, as an answer without any describes it.
pub(super) fn without_tokens(response: &Response, pair: Pair) -> Option<Obtained> {
    let body = parse(response.body())?;
    let (client, account) = (id(&body, "clientId"), Some(id(&body, "accountId")?));
    let tokens = Tokens::Pair(pair);
    Some(Obtained { tokens, client, account, accounts: None, signed_in: false })
}

/// The pair of tokens in the headers of an answer.
pub(super) fn pair(response: &Response) -> Option<Pair> {
    Some(Pair { cst: header(response, CST)?, xst: header(response, XST)? })
}

/// A token in a header.
pub(super) fn header(response: &Response, name: &str) -> Option<Secret> {
    token(response.headers().get(name)?.to_str().ok()?)
}

/// The ids in a list of accounts.
pub(super) fn listed(accounts: &Value) -> Vec<String> {
    let accounts = accounts.as_array().into_iter().flatten();
    accounts.filter_map(|account| id(account, "accountId")).collect()
}

/// An id, which may come as a number.
pub(super) fn id(of: &Value, name: &str) -> Option<String> {
    match of.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
