//! Reading `$filter` (`OData` 4.01, part 2, 5.1.1).

use serde_json::Value;

use super::filter::{Relation, Term};
use super::tokens::{Token, tokens};
use super::{Kind, bad};
use crate::microsoft::sandbox::graph::reply::Denied;

/// How deep parentheses may nest.
const DEEPEST: usize = 32;

/// Reads a whole filter.
pub(super) fn parse(text: &str, kind: &'static Kind) -> Result<Term, Denied> {
    let tokens = tokens(text)?;
    let mut reader = Reader { tokens: &tokens, kind, variable: None, depth: 0 };
    let term = reader.alternatives()?;
    if reader.tokens.is_empty() { Ok(term) } else { Err(reader.unexpected()) }
}

struct Reader<'a> {
    tokens: &'a [Token],
    kind: &'static Kind,
    /// The name of the item within `any(…)`.
    variable: Option<String>,
    depth: usize,
}

impl Reader<'_> {
    fn alternatives(&mut self) -> Result<Term, Denied> {
        let mut term = self.conjunction()?;
        while self.take_word("or") {
            term = Term::Or(Box::new(term), Box::new(self.conjunction()?));
        }
        Ok(term)
    }

    fn conjunction(&mut self) -> Result<Term, Denied> {
        let mut term = self.factor()?;
        while self.take_word("and") {
            term = Term::And(Box::new(term), Box::new(self.factor()?));
        }
        Ok(term)
    }

    fn factor(&mut self) -> Result<Term, Denied> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(bad("Invalid filter clause: The recursion limit has been exceeded."));
        }
        let term = if self.take_word("not") {
            Term::Not(Box::new(self.factor()?))
        } else if self.take(&Token::Open) {
            let term = self.alternatives()?;
            self.expect(&Token::Close)?;
            term
        } else {
            self.relation()?
        };
        self.depth -= 1;
        Ok(term)
    }

    fn relation(&mut self) -> Result<Term, Denied> {
        let word = self.word()?;
        if let Some(path) = strip_suffix_lower(&word, "/any") {
            let path = self.path(path)?;
            self.expect(&Token::Open)?;
            return self.any(path);
        }
        let function = match word.to_ascii_lowercase().as_str() {
            "startswith" => Some(Relation::StartsWith),
            "endswith" => Some(Relation::EndsWith),
            "contains" => Some(Relation::Contains),
            _ => None,
        };
        if let Some(relation) = function {
            self.expect(&Token::Open)?;
            let path = self.operand()?;
            self.expect(&Token::Comma)?;
            let value = self.literal()?;
            self.expect(&Token::Close)?;
            let term = Term::Relation(path, relation, value);
            return self.truth(term);
        }
        let path = self.folded(&word)?;
        let relation = match self.peek_word().as_deref() {
            Some("eq") => Relation::Equal,
            Some("ne") => Relation::Unequal,
            Some("gt") => Relation::Greater,
            Some("ge") => Relation::GreaterOrEqual,
            Some("lt") => Relation::Less,
            Some("le") => Relation::LessOrEqual,
            // A property that is a yes or no stands for itself.
            Some("and" | "or") | None => {
                return Ok(Term::Relation(path, Relation::Equal, Value::Bool(true)));
            }
            Some(_) => return Err(self.unexpected()),
        };
        self.next();
        Ok(Term::Relation(path, relation, self.literal()?))
    }

    /// What may follow a function that is true or not.
    fn truth(&mut self, term: Term) -> Result<Term, Denied> {
        if !self.take_word("eq") {
            return Ok(term);
        }
        match self.literal()? {
            Value::Bool(true) => Ok(term),
            Value::Bool(false) => Ok(Term::Not(Box::new(term))),
            _ => Err(self.unexpected()),
        }
    }

    fn any(&mut self, path: String) -> Result<Term, Denied> {
        if self.take(&Token::Close) {
            return Ok(Term::Any(path, None));
        }
        let variable = self.word()?;
        self.expect(&Token::Colon)?;
        let outer = self.variable.replace(variable);
        let term = self.alternatives();
        self.variable = outer;
        let term = term?;
        self.expect(&Token::Close)?;
        Ok(Term::Any(path, Some(Box::new(term))))
    }

    fn operand(&mut self) -> Result<String, Denied> {
        let word = self.word()?;
        self.folded(&word)
    }

    /// A property, perhaps within `tolower(…)`: texts are compared without their case anyway.
    fn folded(&mut self, word: &str) -> Result<String, Denied> {
        if ["tolower", "toupper"].contains(&word.to_ascii_lowercase().as_str())
            && self.take(&Token::Open)
        {
            let word = self.word()?;
            let path = self.path(&word)?;
            self.expect(&Token::Close)?;
            return Ok(path);
        }
        self.path(word)
    }

    fn path(&self, word: &str) -> Result<String, Denied> {
        if let Some(variable) = &self.variable {
            if word == variable {
                // The item itself: a path of no steps.
                return Ok(String::new());
            }
            if let Some(path) = word.strip_prefix(variable).and_then(|w| w.strip_prefix('/')) {
                return Ok(path.to_owned());
            }
        }
        let path = word.replace('.', "/");
        let first = path.split('/').next().unwrap_or_default();
        self.kind.property(first).map_err(|_| {
            bad(format!("Could not find a property named '{first}' on type '{}'.", self.kind.name))
        })?;
        Ok(path)
    }

    fn literal(&mut self) -> Result<Value, Denied> {
        let (token, rest) = self.tokens.split_first().ok_or_else(|| self.unexpected())?;
        let value = match token {
            Token::Text(text) => Value::String(text.clone()),
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                // A number or a time; texts stand in quotes.
                _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                    serde_json::from_str(word).unwrap_or_else(|_| Value::String(moment(word)))
                }
                _ => return Err(self.unexpected()),
            },
            _ => return Err(self.unexpected()),
        };
        self.tokens = rest;
        Ok(value)
    }

    fn word(&mut self) -> Result<String, Denied> {
        match self.tokens.split_first() {
            Some((Token::Word(word), rest)) => {
                self.tokens = rest;
                Ok(word.clone())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn peek_word(&self) -> Option<String> {
        match self.tokens.first() {
            Some(Token::Word(word)) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = self.peek_word().as_deref() == Some(word);
        if is_it {
            self.next();
        }
        is_it
    }

    fn take(&mut self, token: &Token) -> bool {
        let is_it = self.tokens.first() == Some(token);
        if is_it {
            self.next();
        }
        is_it
    }

    fn expect(&mut self, token: &Token) -> Result<(), Denied> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn next(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn unexpected(&self) -> Denied {
        let left = self.tokens.len();
        bad(format!("Invalid filter clause: Syntax error, {left} tokens before the end."))
    }
}

/// A time as entities write it: a day alone begins at midnight.
fn moment(word: &str) -> String {
    if word.len() == 10 { format!("{word}T00:00:00Z") } else { word.to_owned() }
}

fn strip_suffix_lower<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    let (head, tail) = text.split_at_checked(at)?;
    tail.eq_ignore_ascii_case(suffix).then_some(head)
}
