//! Sessions: how a user signs in, and how a session goes on (contract, section 2).

/// Selects an operation's version.
pub(super) const VERSION: &str = "version";
/// Names the account that a call acts in.
pub(super) const ACCOUNT: &str = "ig-account-id";
/// Says what method a POST stands for.
pub(super) const METHOD: &str = "_method";
/// The only form of bodies.
pub(super) const JSON: &str = "application/json; charset=UTF-8";
/// Stands among the permissions of a session with the older pair of tokens.
const V2: &str = "session:v2";

/// Whether what was granted is a session with the older pair of tokens.
pub(super) fn is_v2_grant(granted: &[String]) -> bool {
    granted.iter().any(|scope| scope == V2)
}

/// Whether a text can be the id of an account (contract, section 1).
pub(super) fn is_account_id(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=30).contains(&text.len()) && text.bytes().all(word)
}
