//! What items are found by, as tokens that both databases treat alike.
//!
//! Every token begins with a few letters of its owner's: so a search walks what its owner's items have
//! and nothing of others', however common the word is. Those letters select; that an item is the
//! owner's is asked of its row all the same. Whom an item is from and to has tokens too, with a `~`,
//! which no word has.

use std::collections::HashSet;

use evergrant::UserId;
use evergrant::store::Item;

use crate::dialect::Wanted;

/// No token is longer, in bytes; of what is, its beginning counts. PostgreSQL takes 2,046.
const LONGEST: usize = 400;
/// All tokens of an item together, in bytes; what is beyond is not found. PostgreSQL takes 1,048,575.
const MOST: usize = 256 * 1_024;
/// Of how many words of a search account is taken.
pub(super) const MOST_WANTED: usize = 8;

/// The tokens of an item.
pub(super) fn tokens(owner: UserId, item: &Item) -> String {
    let tag = tag(owner);
    let mut text = String::with_capacity(item.words.len() * 2);
    let mut add = |token: &[&str]| {
        let length: usize = token.iter().map(|piece| piece.len()).sum();
        if text.len() + length < MOST {
            if !text.is_empty() {
                text.push(' ');
            }
            text.extend(token.iter().copied());
        }
    };
    if let Some(sender) = &item.sender {
        add(&[&tag, SENDER, &address(sender)]);
    }
    for person in &item.people {
        add(&[&tag, PERSON, &address(person)]);
    }
    if let Some(sender) = item.sender.as_ref().filter(|sender| !item.people.contains(sender)) {
        add(&[&tag, PERSON, &address(sender)]);
    }
    let lower = item.words.to_lowercase();
    let mut said = HashSet::new();
    for word in words(&lower).filter(|word| said.insert(*word)) {
        add(&[&tag, word]);
    }
    text
}

const SENDER: &str = "~s";
const PERSON: &str = "~p";

/// What an item must have that a search finds: all of its words, as beginnings of words, or as words
/// where they are a single letter or digit. A text without a letter or a digit has no words.
pub(super) fn searched(owner: UserId, search: &str) -> Vec<Wanted> {
    let tag = tag(owner);
    // Half a mailbox has a word that begins with one letter or digit. A sign of another script may be a word.
    let wanted =
        |word: &str| Wanted { token: format!("{tag}{word}"), is_beginning: word.len() > 1 };
    words(&search.to_lowercase()).take(MOST_WANTED).map(wanted).collect()
}

/// What an item has that is from this address.
pub(super) fn from(owner: UserId, sender: &str) -> Wanted {
    person(owner, SENDER, sender)
}

/// What an item has that is from or to this address.
pub(super) fn with(owner: UserId, somebody: &str) -> Wanted {
    person(owner, PERSON, somebody)
}

fn person(owner: UserId, role: &str, who: &str) -> Wanted {
    let token = format!("{}{role}{}", tag(owner), address(&who.to_lowercase()));
    Wanted { token, is_beginning: false }
}

/// Five letters and digits: no two owners of one database have the same, but by chance.
fn tag(owner: UserId) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let number = owner.as_u128();
    let digit = |n: u32| usize::try_from((number >> (5 * n)) & 31_u128).unwrap_or_default();
    (0..5).map(|n| char::from(DIGITS[digit(n)])).collect()
}

/// The runs of letters and digits; an accent that stands alone belongs to its letter.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_in_word = |c: char| c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c);
    let words = text.split(move |c| !is_in_word(c)).filter(|word| !word.is_empty());
    words.map(beginning)
}

/// An address in letters, digits and `~`: two that differ stay different.
fn address(address: &str) -> String {
    let mut token = String::with_capacity(address.len() + 8);
    for c in address.chars() {
        match c {
            c if c.is_alphanumeric() => token.push(c),
            c => token.extend(["~", &u32::from(c).to_string(), "~"]),
        }
    }
    beginning(&token).to_owned()
}

fn beginning(token: &str) -> &str {
    &token[..token.floor_char_boundary(LONGEST)]
}
