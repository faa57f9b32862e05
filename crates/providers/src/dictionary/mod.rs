//! The failure dictionary: every refusal a provider meets, as data, with who acts and what they do.
//!
//! A table for what all providers share stands here, one for a vendor's own numbers in its folder.
//! Adapters look failures up, `docs/reference/failures.md` is written from the same rows.

mod common;

use evergrant::provider::{Actor, Failure};

pub(crate) use common::*;
use common::{CORE, SEEN, STANDARD};

use crate::{ig, microsoft};

/// Who must act on a failure, and what becomes of the integration meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The user connects the account again.
    Reconnect,
    /// The user mends something at the provider; there is nothing to configure.
    User,
    /// The administrator of the user's organisation allows it.
    Administrator,
    /// Whoever runs this Evergrant corrects the registration.
    Operator,
    /// The same, but sign-ins alone fail: who is connected stays so.
    Setup,
    /// Nobody has to: it passes.
    Wait,
    /// Part of a sign-in: the user begins anew.
    Flow,
    /// A request of ours is malformed: the operator reports it.
    Report,
}

impl Class {
    /// Who can mend it.
    pub fn actor(self) -> Actor {
        match self {
            Self::Reconnect | Self::User | Self::Flow => Actor::User,
            Self::Administrator => Actor::Administrator,
            Self::Operator | Self::Setup | Self::Report => Actor::Operator,
            Self::Wait => Actor::Nobody,
        }
    }

    /// What becomes of the integration.
    pub fn integration(self) -> &'static str {
        match self {
            Self::Reconnect | Self::User | Self::Administrator => "needs reconnect",
            Self::Operator | Self::Report => "stays connected; the registration pauses",
            Self::Setup => "nothing is connected; what was connected stays so",
            Self::Wait => "stays connected",
            Self::Flow => "the sign-in ends; what was connected stays so",
        }
    }

    /// Whether and when the request is sent again.
    pub fn retry(self) -> &'static str {
        match self {
            Self::Reconnect | Self::User | Self::Administrator => "after a reconnect",
            Self::Operator | Self::Report => "by itself, when the registration is corrected",
            Self::Setup => "by signing in anew, when the operator has corrected it",
            Self::Wait => "by itself, after the wait the provider asks for",
            Self::Flow => "by signing in anew",
        }
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Reconnect | Self::User | Self::Administrator => 3,
            Self::Wait => 4,
            Self::Operator | Self::Setup | Self::Report => 5,
            Self::Flow => 1,
        }
    }
}

/// One row of the dictionary, for documentation and tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureRow {
    /// Who says it: `OAuth 2.0`, `transport`, `Evergrant` or a vendor.
    pub source: &'static str,
    /// How they say it: an error code, a number or a range of numbers.
    pub said: String,
    /// Its stable name here: [`Failure::code`].
    pub code: &'static str,
    /// Who must act.
    pub class: Class,
    /// What happened, in one plain sentence.
    pub message: &'static str,
    /// What the actor does next.
    pub remedy: &'static str,
}

/// What a provider's API refuses a call with, for documentation: the connection stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenialRow {
    /// Who says it.
    pub source: &'static str,
    /// Its stable name here: [`Failure::code`].
    pub code: &'static str,
    /// How the provider says it: statuses and codes.
    pub said: String,
    /// Who must act.
    pub actor: Actor,
    /// What happened, in one plain sentence.
    pub message: &'static str,
    /// What the actor does next.
    pub remedy: &'static str,
}

/// The words for one failure.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) code: &'static str,
    pub(crate) class: Class,
    pub(crate) message: &'static str,
    pub(crate) remedy: &'static str,
}

impl Words {
    pub(crate) fn failure(&self) -> Failure {
        Failure::new(self.code, self.class.actor(), self.message).remedied_by(self.remedy)
    }
}

/// What an error code of the standards means.
#[derive(Debug)]
pub(crate) struct Standard {
    /// The values of `error` it stands for.
    pub(crate) errors: &'static [&'static str],
    pub(crate) words: Words,
}

/// What a vendor's numbers mean; each pair is a range with both ends.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) numbers: &'static [(u64, u64)],
    /// Whether the number alone decides, whatever `error` came with it.
    pub(crate) decides: bool,
    pub(crate) words: Words,
}

impl Numbered {
    pub(crate) fn means(&self, number: u64) -> bool {
        self.numbers.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }
}

/// The words for an error code of the standards.
pub(crate) fn standard_words(error: &str) -> Option<&'static Words> {
    STANDARD.iter().find(|row| row.errors.contains(&error)).map(|row| &row.words)
}

/// The whole dictionary, sorted by source and by what is said.
pub fn failures() -> Vec<FailureRow> {
    let row = |source, said: String, words: &Words| FailureRow {
        source,
        said,
        code: words.code,
        class: words.class,
        message: words.message,
        remedy: words.remedy,
    };
    let mut rows: Vec<FailureRow> = STANDARD
        .iter()
        .flat_map(|s| s.errors.iter().map(|error| row("OAuth 2.0", (*error).to_owned(), &s.words)))
        .chain(SEEN.iter().map(|(said, words)| row("transport", (*said).to_owned(), words)))
        .chain(CORE.iter().map(|(said, words)| row("Evergrant", (*said).to_owned(), words)))
        .chain(ig::codes().filter(|one| one.is_of_sessions()).flat_map(|one| {
            one.codes.iter().map(move |code| row("IG", (*code).to_owned(), &one.words))
        }))
        .collect();
    // Numbers sort as numbers.
    let mut numbered: Vec<(u64, FailureRow)> = microsoft::numbers()
        .iter()
        .flat_map(|n| {
            n.numbers.iter().map(|&(first, last)| {
                let said =
                    if first == last { first.to_string() } else { format!("{first}–{last}") };
                (first, row("Microsoft", format!("AADSTS{said}"), &n.words))
            })
        })
        .collect();
    rows.sort();
    numbered.sort();
    rows.splice(0..0, numbered.into_iter().map(|(_, row)| row));
    rows.sort_by_key(|row| row.source);
    rows
}

/// What the calls of the capabilities are refused with, by source and in the order in which it is looked
/// up.
pub fn denials() -> Vec<DenialRow> {
    let ig = ig::codes().filter(|row| row.is_of_calls()).map(|row| DenialRow {
        source: "IG",
        code: row.words.code,
        said: row.codes.join(", "),
        actor: row.words.class.actor(),
        message: row.words.message,
        remedy: row.words.remedy,
    });
    microsoft::refusals()
        .map(|row| {
            let statuses: Vec<String> = row.statuses.iter().map(u16::to_string).collect();
            let codes = row.codes.iter().filter(|code| !code.is_empty()).copied();
            let codes: Vec<&str> = codes.collect();
            let said = [statuses.join(" or "), codes.join(", ")];
            let said: Vec<&str> =
                said.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
            DenialRow {
                source: "Microsoft Graph",
                code: row.code,
                said: said.join(": "),
                actor: row.actor,
                message: row.message,
                remedy: row.remedy,
            }
        })
        .chain(ig)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_says_what_happened_and_what_to_do() {
        let rows = failures();
        assert!(rows.len() > 200, "{}", rows.len());
        for row in &rows {
            assert!(row.message.ends_with('.') && row.message.len() > 20, "{row:?}");
            assert!(row.remedy.ends_with('.') && row.remedy.len() > 10, "{row:?}");
            assert!(
                !row.code.is_empty()
                    && row.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{row:?}"
            );
            assert!(!row.message.contains("AADSTS"), "words, not numbers: {row:?}");
        }
    }

    #[test]
    fn a_denial_says_what_happened_and_what_to_do() {
        for row in denials() {
            assert!(row.message.ends_with('.') && row.remedy.ends_with('.'), "{row:?}");
            assert!(!row.said.is_empty(), "{row:?}");
            assert!(row.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{row:?}");
        }
    }

    #[test]
    fn nothing_is_said_twice_by_one_source_for_one_class() {
        let mut seen = std::collections::BTreeSet::new();
        for row in failures() {
            assert!(seen.insert((row.source, row.said.clone(), row.class)), "{row:?}");
        }
    }
}
