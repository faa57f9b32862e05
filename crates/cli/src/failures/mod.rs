//! Every row of the failure dictionary happens here once, to a real vault, and is held against
//! `docs/reference/failures.md`: the sentence, who acts, what becomes of the integration, and the exit
//! code of a command.
//!
//! The sandbox's faults make them. What no HTTP server can do is done to a real transport: a name
//! that does not exist, a closed port, a certificate nobody trusts, a server that is silent. What
//! only a defect of ours can do, a double does.

mod discovery;
mod play;
mod rows;

use std::collections::BTreeSet;

use evergrant::provider::{Actor, Failure};
use evergrant::testing::TestClock;
use evergrant::{ConnectError, TokenError};
use evergrant_providers::{Class, FailureRow, failures};
use evergrant_server::problem::Problem;

use crate::output::{CONSENT, RECONNECT, Verdict};
use play::Play;

/// Codes whose sentence names the provider or the account it is about.
const NAMES: [&str; 6] = [
    "account_mismatch",
    "mass_rejection",
    "not_offered",
    "provider_not_configured",
    "refresh_token_missing",
    "registration_incomplete",
];

/// What a command ends with.
pub(crate) enum Told {
    Token(TokenError),
    Connect(ConnectError),
}

/// A row, as it happened.
pub(crate) struct Happened {
    pub(crate) told: Told,
    /// What became of the integration: [`Class::integration`].
    pub(crate) integration: &'static str,
}

impl Told {
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Token(
                TokenError::ReconnectRequired { why: failure, .. }
                | TokenError::Misconfigured(failure)
                | TokenError::Unavailable { failure, .. },
            )
            | Self::Connect(
                ConnectError::Rejected(failure)
                | ConnectError::Misconfigured(failure)
                | ConnectError::Unavailable { failure, .. },
            ) => Some(failure),
            _ => None,
        }
    }
}

fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::User => "user",
        Actor::Administrator => "administrator",
        Actor::Operator => "operator",
        Actor::Nobody => "nobody",
    }
}

/// The row's line in the reference, made of what happened.
fn line(row: &FailureRow, happened: Happened) -> String {
    let failure = happened.told.failure().cloned();
    let (problem, error): (Problem, anyhow::Error) = match happened.told {
        Told::Token(error) => (error.clone().into(), error.into()),
        Told::Connect(error) => (error.clone().into(), error.into()),
    };
    let verdict = Verdict::on(&error);
    let code = failure.as_ref().map_or(problem.code().name(), |failure| &failure.code);
    // Where nobody was told who acts, the row's word stands.
    let acts = actor(failure.as_ref().map_or(row.class.actor(), |failure| failure.actor));
    let sentence = failure.as_ref().map_or(problem.detail(), |failure| &failure.message);
    let mut remedy = verdict.remedy.clone().unwrap_or_default();
    // How to do it at a terminal stands behind what to do, and not in the page.
    for here in [RECONNECT, CONSENT] {
        if let Some(plain) = remedy.strip_suffix(here) {
            remedy = plain.trim_end().to_owned();
        }
    }
    let mut sentence = sentence.to_owned();
    assert!(is_a_sentence(&sentence), "{sentence}");
    if NAMES.contains(&row.code) {
        sentence = row.message.to_owned();
        if ["not_offered", "registration_incomplete"].contains(&row.code) {
            remedy = row.remedy.to_owned();
        }
    }
    format!(
        "| {} | `{code}` | {acts} | {sentence} | {remedy} | {} | {} | {} |",
        row.said,
        happened.integration,
        row.class.retry(),
        verdict.exit as u8,
    )
}

/// One sentence for people: it begins and ends as one, and holds nothing that only machines read.
fn is_a_sentence(text: &str) -> bool {
    text.starts_with(char::is_uppercase)
        && text.ends_with('.')
        && !text.trim_end_matches('.').contains(". ")
        && !text.contains(['_', '{', '`'])
}

#[tokio::test]
async fn every_row_happens_as_it_is_written() {
    let page = include_str!("../../../../docs/reference/failures.md");
    let clock = TestClock::default();
    let stage = Play::stage(&clock);
    let (rows, mut wrong, mut tried) = (failures(), Vec::new(), 0);
    for row in &rows {
        let play = Play::new(&stage, &clock);
        let Some(happened) = rows::happen(&play, row).await else {
            wrong.push(format!("cannot be produced: {} {}", row.source, row.said));
            continue;
        };
        tried += 1;
        let line = line(row, happened);
        if !page.lines().any(|known| known == line) {
            let known = page.lines().find(|known| known.starts_with(&format!("| {} |", row.said)));
            wrong.push(format!("happened: {line}\nwritten:  {}", known.unwrap_or("nothing")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(tried, rows.len());
    let lines = page.lines().filter(|line| line.starts_with("| ") && line.contains(" | `")).count();
    assert_eq!(lines, rows.len(), "the page has a line for each row and no other");
}

#[test]
fn remedies_name_settings_that_exist() {
    let mut named = BTreeSet::new();
    for row in failures() {
        let words = row.remedy.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        named.extend(words.filter(|word| word.contains('_')).map(str::to_owned));
    }
    assert!(named.contains("MICROSOFT_TENANT"), "{named:?}");
    let read = |variables| {
        let settings = crate::settings::Settings::from_parts("", &variables).unwrap();
        format!("{settings:?}")
    };
    for name in named {
        let value = match &*name {
            "IG_ENVIRONMENT" => "live",
            name if name.ends_with("_URL") => "https://example.com",
            _ => "word",
        };
        let with = read([(name.clone(), value.to_owned())].into());
        assert_ne!(with, read([].into()), "{name} is not read");
    }
}

#[test]
fn every_class_is_told_apart_by_who_acts() {
    for row in failures() {
        let exit = row.class.exit_code();
        let expected = match (row.class, row.class.actor()) {
            (Class::Flow, Actor::User) => 1,
            (_, Actor::User | Actor::Administrator) => 3,
            (_, Actor::Nobody) => 4,
            (_, Actor::Operator) => 5,
        };
        assert_eq!(exit, expected, "{row:?}");
        assert!(is_a_sentence(row.message), "{row:?}");
    }
}
