//! What callers give, looked at before anything is sent.

use evergrant::CallError;

use super::calendar::words::Table;
use super::graph::wire::their_word;

/// Nothing was sent, since the part at `pointer` cannot be.
pub(super) fn invalid(pointer: &str, problem: impl Into<String>) -> CallError {
    CallError::Invalid { pointer: pointer.to_owned(), problem: problem.into() }
}

/// Graph's word for ours; any other is refused, naming those there are.
pub(super) fn word(table: Table, ours: &str, pointer: &str) -> Result<&'static str, CallError> {
    their_word(table, ours).ok_or_else(|| {
        let words: Vec<&str> = table.iter().map(|(_, ours)| *ours).collect();
        invalid(pointer, format!("is not one of {}", words.join(", ")))
    })
}

/// An address, as far as it can be told from something else: one `@` with something on both sides.
pub(super) fn address<'a>(email: &'a str, pointer: &str) -> Result<&'a str, CallError> {
    let sides = email.split_once('@');
    let plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    match sides {
        Some((local, domain))
            if plain && !local.is_empty() && !domain.is_empty() && !domain.contains('@') =>
        {
            Ok(email)
        }
        _ => Err(invalid(pointer, "is not an e-mail address")),
    }
}
