//! Who can sign in.

use serde::Serialize;

/// The password of every user.
pub(super) const PASSWORD: &str = "sandbox";

/// An account at every one of the providers.
#[derive(Debug, Serialize)]
pub(super) struct User {
    /// What signs in; the address does, too.
    pub(super) login: &'static str,
    /// The account in the ledger.
    pub(super) email: &'static str,
    pub(super) name: &'static str,
    /// What the provider calls the account, for ever.
    pub(super) sub: &'static str,
}

/// All of them.
pub(super) const USERS: &[User] = &[
    User { login: "adele", email: "adele@acme.example", name: "Adele Vance", sub: "acme-1001" },
    User { login: "alex", email: "alex@acme.example", name: "Alex Wilber", sub: "acme-1002" },
];

/// The user with this login or address.
pub(super) fn user(login: &str) -> Option<&'static User> {
    USERS.iter().find(|user| {
        user.login.eq_ignore_ascii_case(login) || user.email.eq_ignore_ascii_case(login)
    })
}
