//! The tokens of `$filter`.

use super::bad;
use crate::microsoft::sandbox::graph::reply::Denied;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Open,
    Close,
    Comma,
    Colon,
    Word(String),
    Text(String),
}

/// Cuts a filter into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Denied> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let simple = match first {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            // A colon also stands in times, which begin with a digit.
            ':' => Some(Token::Colon),
            _ => None,
        };
        if let Some(token) = simple {
            tokens.push(token);
            rest = &rest[1..];
        } else if let Some(quoted) = rest.strip_prefix('\'') {
            let (value, after) = quotation(quoted)?;
            tokens.push(Token::Text(value));
            rest = after;
        } else {
            let is_number = first.is_ascii_digit();
            let ends =
                |c: char| c.is_whitespace() || "(),'".contains(c) || (c == ':' && !is_number);
            let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A text up to its closing quote, where two quotes are one, and what follows.
fn quotation(text: &str) -> Result<(String, &str), Denied> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let unclosed = || bad("Invalid filter clause: There is an unterminated string literal.");
        let (part, after) = rest.split_once('\'').ok_or_else(unclosed)?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(after) => {
                value.push('\'');
                rest = after;
            }
            None => return Ok((value, after)),
        }
    }
}
