//! What callers gave, checked before anything is sent, and in Graph's form.

use evergrant::CallError;
use evergrant::capability::{Body, BodyFormat, Importance, Person};
use serde_json::{Map, Value, json};

use super::wire::{IMPORTANCE, their_word};

/// The longest address there is (RFC 5321, section 4.5.3.1.3, less its brackets).
const LONGEST_ADDRESS: usize = 254;

/// Something in the input is wrong.
pub(crate) fn invalid(pointer: impl Into<String>, problem: impl Into<String>) -> CallError {
    CallError::Invalid { pointer: pointer.into(), problem: problem.into() }
}

/// The provider's word for one of ours; a word that is not ours is refused, naming those that are.
pub(crate) fn word(
    pointer: &str,
    table: &[(&'static str, &str)],
    ours: &str,
) -> Result<&'static str, CallError> {
    their_word(table, ours).ok_or_else(|| {
        let known: Vec<&str> = table.iter().map(|&(_, ours)| ours).collect();
        invalid(pointer, format!("is not one of {}", known.join(", ")))
    })
}

/// How important something is, in the provider's word.
pub(crate) fn importance(pointer: &str, ours: &Importance) -> Result<Value, CallError> {
    Ok(word(pointer, IMPORTANCE, ours.as_str())?.into())
}

/// An address that mail could go to; whether it does, only the provider knows.
pub(crate) fn address(pointer: &str, address: &str) -> Result<(), CallError> {
    let plain = !address.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts = address.split_once('@');
    let whole = parts
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if plain && whole && address.len() <= LONGEST_ADDRESS {
        Ok(())
    } else {
        Err(invalid(pointer, "is not an e-mail address such as alex@example.com"))
    }
}

/// Somebody, as `recipient` (contract, section 13).
pub(crate) fn recipient(pointer: &str, person: &Person) -> Result<Value, CallError> {
    let email = person.email.as_deref().unwrap_or_default();
    address(&format!("{pointer}/email"), email)?;
    let mut inner = Map::new();
    inner.insert("address".to_owned(), email.into());
    if let Some(name) = &person.name {
        inner.insert("name".to_owned(), name.as_str().into());
    }
    Ok(json!({ "emailAddress": inner }))
}

/// People, as a list of `recipient`.
pub(crate) fn recipients(pointer: &str, people: &[Person]) -> Result<Value, CallError> {
    let one = |(n, person)| recipient(&format!("{pointer}/{n}"), person);
    people.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>().map(Value::from)
}

/// A text, as `itemBody`.
pub(crate) fn body(body: &Body) -> Value {
    let format = match body.format {
        BodyFormat::Text => "text",
        BodyFormat::Html => "html",
    };
    json!({ "contentType": format, "content": body.content })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_at_and_no_space() {
        for good in ["alex@example.com", "a+b.c@münchen.example", "o'neil@x"] {
            assert!(address("/to/0/email", good).is_ok(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in ["", "alex", "@x", "a@", "a@b@c", "a b@c", "a@b\r\nBcc: c@d", "a\u{a0}@b", &long]
        {
            let Err(CallError::Invalid { pointer, .. }) = address("/to/0/email", bad) else {
                panic!("{bad:?}");
            };
            assert_eq!(pointer, "/to/0/email");
        }
    }

    #[test]
    fn a_word_of_nobodys_is_refused_with_those_there_are() {
        let refused = importance("/importance", &Importance::Other("urgent".to_owned()));
        let Err(CallError::Invalid { pointer, problem }) = refused else { panic!("{refused:?}") };
        assert_eq!((&*pointer, &*problem), ("/importance", "is not one of low, normal, high"));
    }
}
