//! What all of IG's JSON has in common (contract, sections 1 and 4): any member may be missing or null,
//! numbers come as numbers or as text, words may be new, and dates have five forms.
//!
//! Answers are therefore read member by member: what is understood is taken out, what remains is kept
//! for the caller under IG's own names.

pub(super) mod deal;
pub(super) mod given;
pub(super) mod history;
pub(super) mod market;
pub(super) mod place;
pub(super) mod position;
pub(super) mod price;
pub(super) mod time;

use evergrant::{CallError, Response};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The members of an object that nobody has read yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// The body of a success.
    pub(super) fn read(response: &Response) -> Result<Self, CallError> {
        super::call::json(response).map(Self)
    }

    /// What is no object has no members.
    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Object(members) => Self(members),
            _ => Self::default(),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, |value| match value {
            Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    }

    pub(super) fn number(&mut self, name: &str) -> Option<f64> {
        self.take(name, |value| match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => number(text),
            _ => None,
        })
    }

    /// A number that counts something.
    pub(super) fn count(&mut self, name: &str) -> Option<i64> {
        self.take(name, |value| match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name, |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        })
    }

    /// One of `words`, or IG's own where it is none of them.
    pub(super) fn word<T>(&mut self, name: &str, words: &[&str]) -> Option<T>
    where
        T: for<'a> From<&'a str>,
    {
        self.text(name).map(|theirs| T::from(&our_word(&theirs, words)))
    }

    /// A date in UTC, or milliseconds since 1970.
    pub(super) fn instant(&mut self, name: &str) -> Option<Timestamp> {
        self.take(name, |value| match value {
            Value::Number(number) => Timestamp::from_millisecond(number.as_i64()?).ok(),
            Value::String(text) => time::utc(text),
            _ => None,
        })
    }

    /// The members of a member.
    pub(super) fn inner(&mut self, name: &str) -> Self {
        self.take(name, |value| value.as_object().cloned()).map_or_else(Self::default, Self)
    }

    /// The members of each in a list.
    pub(super) fn list(&mut self, name: &str) -> Vec<Self> {
        let list = self.take(name, |value| value.as_array().cloned()).unwrap_or_default();
        list.into_iter().map(Self::of).collect()
    }

    /// What remains, but for what says nothing.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.0.into_iter().filter(|(_, value)| !value.is_null()).collect()
    }

    /// What cannot be read stays.
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let read = self.0.get(name).and_then(read);
        if read.is_some() {
            self.0.remove(name);
        }
        read
    }
}

/// The body of a success as one list, such as `markets`, each read in the same way.
pub(super) fn list_of<T>(
    response: &Response,
    name: &str,
    read: impl Fn(Members) -> T,
) -> Result<Vec<T>, CallError> {
    Ok(Members::read(response)?.list(name).into_iter().map(read).collect())
}

/// What an answer lacks without which it says nothing.
pub(super) fn lacks(what: &str) -> CallError {
    CallError::Unreadable(format!("it says no {what}"))
}

/// A number that was written as text, such as `+0.20`; `-` is none.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// An amount of money that was written as text, with or without a sign of its currency, such as
/// `E-63.80` (contract, section 4.6).
pub(super) fn money(text: &str) -> (Option<String>, Option<f64>) {
    let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != ',').collect();
    let (digits, sign): (String, String) =
        plain.chars().partition(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    // Were digits and signs of currency mixed, it would be another number than the one written.
    let whole = plain.ends_with(&digits) || plain.replacen(&sign, "", 1) == digits;
    let amount = number(&digits).filter(|_| whole);
    (Some(sign).filter(|sign| !sign.is_empty() && amount.is_some()), amount)
}

/// IG's word in our spelling, if it is one of `words`; else as it came.
fn our_word(theirs: &str, words: &[&str]) -> String {
    let ours = theirs.to_ascii_lowercase();
    if words.contains(&&*ours) { ours } else { theirs.to_owned() }
}

#[cfg(test)]
mod tests {
    use evergrant::capability::{Direction, MarketStatus};
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_flags_come_as_themselves_or_as_text() {
        let mut members = Members::of(json!({
            "a": 1, "b": "1.50", "c": "+0.20", "d": "-", "e": null, "f": "NaN", "g": "true",
            "h": false, "i": "10", "j": "", "k": 7,
        }));
        assert_eq!(members.number("a"), Some(1.0));
        assert_eq!(members.number("b"), Some(1.5));
        assert_eq!(members.number("c"), Some(0.2));
        for none in ["d", "e", "f", "g", "no"] {
            assert_eq!(members.number(none), None, "{none}");
        }
        assert_eq!((members.flag("g"), members.flag("h")), (Some(true), Some(false)));
        assert_eq!((members.count("i"), members.text("j")), (Some(10), None));
        assert_eq!(members.text("k").as_deref(), Some("7"));
        let rest = members.rest();
        assert_eq!(Value::Object(rest), json!({ "d": "-", "f": "NaN", "j": "" }));
    }

    #[test]
    fn a_new_word_stays_as_ig_wrote_it() {
        let mut members = Members::of(json!({ "a": "ON_AUCTION", "b": "HALF_OPEN", "c": "BUY" }));
        let words = MarketStatus::WORDS;
        assert_eq!(members.word("a", words), Some(MarketStatus::OnAuction));
        assert_eq!(members.word("b", words), Some(MarketStatus::Other("HALF_OPEN".to_owned())));
        assert_eq!(members.word("c", Direction::WORDS), Some(Direction::Buy));
        assert_eq!(members.word::<Direction>("d", Direction::WORDS), None);
    }

    #[test]
    fn an_amount_is_read_with_its_sign_of_currency_or_not_at_all() {
        let read = |text| {
            let (currency, amount) = money(text);
            (currency.unwrap_or_default(), amount)
        };
        assert_eq!(read("E-63.80"), ("E".to_owned(), Some(-63.8)));
        assert_eq!(read("-£1,063.80"), ("£".to_owned(), Some(-1063.8)));
        assert_eq!(read("A$5"), ("A$".to_owned(), Some(5.0)));
        assert_eq!(read("12.5 USD"), ("USD".to_owned(), Some(12.5)));
        assert_eq!(read("0.10"), (String::new(), Some(0.1)));
        for none in ["-", "", "E", "1E2F3"] {
            assert_eq!(read(none), (String::new(), None), "{none}");
        }
    }
}
