//! What was asked for and what was handed out, as the provider saw it.
//!
//! Entries are kept up to a limit, the oldest go first; counts are never lost. Nothing secret is
//! written down: no query, no body, and of a token only its id.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

/// How many entries of each kind are kept.
const KEPT: usize = 10_000;

/// The book of the sandbox.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    requests: VecDeque<Seen>,
    tokens: VecDeque<TokenEntry>,
    deliveries: VecDeque<Delivery>,
    summary: Summary,
}

/// One request to an act.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Counts from 1 in the order of arrival.
    pub number: u64,
    /// When it arrived, on the stage's clock.
    pub at: Timestamp,
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// The site it called, if faults can strike there.
    #[serde(rename = "where")]
    pub site: Option<&'static str>,
    /// The id the client gave it.
    pub client_request_id: Option<String>,
    /// The answer's status; none while it is under way, and for ever if the connection broke.
    pub status: Option<u16>,
    /// The scripted fault that struck it.
    pub fault: Option<String>,
}

/// What happened to a code or a token.
#[derive(Debug, Clone, Serialize)]
pub struct TokenEntry {
    /// When, on the stage's clock.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// To what kind of thing.
    pub kind: Kind,
    /// Its id, if the sandbox knows it; never the thing itself.
    pub token: Option<String>,
    /// The registration that asked.
    pub client: Option<String>,
    /// The account it belongs to.
    pub account: Option<String>,
    /// The grant: everything that came out of one sign-in.
    pub grant: Option<String>,
    /// The generation of a refresh token within its grant, from 1.
    pub generation: Option<u64>,
    /// Why it was refused or revoked.
    pub why: Option<String>,
}

/// What an act has sent to somebody, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// When, on the stage's clock.
    pub at: Timestamp,
    /// What was sent, in the vendor's words.
    pub kind: &'static str,
    /// Where to, without the query.
    pub to: String,
    /// The subscriptions it was about; none if there was none yet.
    pub subscriptions: Vec<String>,
    /// How many things it told.
    pub items: usize,
    /// Which attempt it was, from 1; 0 if there was none.
    pub tries: u32,
    /// The status of the answer; none if there was no answer in time.
    pub status: Option<u16>,
    /// What becomes of it.
    pub outcome: &'static str,
}

/// What can happen to a code or a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It was handed out.
    Issued,
    /// It was accepted and had its effect.
    Spent,
    /// It was presented and not accepted.
    Refused,
    /// It was spent before and is presented again, under strict rotation: its grant ends here.
    Reused,
    /// It was made invalid before its time.
    Revoked,
}

/// What the ledger follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An authorization code.
    Code,
    /// An access token.
    Access,
    /// A refresh token; revoked with its whole grant.
    Refresh,
    /// A device code.
    Device,
}

/// The counts of everything since the last reset.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// Requests to the acts.
    pub requests: u64,
    /// Scripted faults that struck.
    pub faults: u64,
    /// What was sent to others, or got lost on purpose.
    pub deliveries: u64,
    /// Codes and tokens of all accounts, and those of nobody known.
    #[serde(flatten)]
    pub total: Counts,
    /// Codes and tokens by account.
    pub accounts: BTreeMap<String, Counts>,
    /// Calls by mailbox, where the vendor limits them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mailboxes: BTreeMap<String, Traffic>,
    /// Calls by whatever else the vendor limits, such as a key or an account.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub allowances: BTreeMap<String, Used>,
}

/// How much was asked of an allowance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Calls that were sent, those that were refused among them.
    pub calls: u64,
    /// Calls that were one too many.
    pub refused: u64,
}

/// What went on at a place whose vendor limits how much may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Calls that were let in.
    pub calls: u64,
    /// The most of them at a time.
    pub peak: u64,
    /// Calls that were turned away since there were too many.
    pub refused: u64,
    /// Requests to the address of an upload, which is permission enough, that brought a token.
    pub uploads_with_token: u64,
}

/// How often what happened to codes and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Authorization codes handed out.
    pub codes_issued: u64,
    /// Authorization codes redeemed.
    pub code_redemptions: u64,
    /// Authorization codes refused.
    pub codes_refused: u64,
    /// Access tokens handed out.
    pub access_tokens_issued: u64,
    /// Device codes handed out.
    pub device_codes_issued: u64,
    /// Device codes redeemed.
    pub device_redemptions: u64,
    /// Device codes refused; one that waits for its user is not.
    pub device_codes_refused: u64,
    /// Access tokens refused.
    pub access_tokens_refused: u64,
    /// Access tokens revoked one by one or with their grant, where the vendor does so.
    pub access_tokens_revoked: u64,
    /// Refresh tokens handed out.
    pub refresh_tokens_issued: u64,
    /// Refreshes that succeeded.
    pub refreshes: u64,
    /// Refreshes that were refused.
    pub refreshes_refused: u64,
    /// Grants revoked, for whatever reason.
    pub grants_revoked: u64,
    /// Those of them that were revoked with all tokens of their family, since a spent refresh
    /// token was presented again.
    pub families_revoked: u64,
}

impl Ledger {
    /// The requests that are still kept, oldest first.
    pub fn requests(&self) -> Vec<Seen> {
        self.book(|book| book.requests.iter().cloned().collect())
    }

    /// The events of codes and tokens that are still kept, oldest first.
    pub fn tokens(&self) -> Vec<TokenEntry> {
        self.book(|book| book.tokens.iter().cloned().collect())
    }

    /// What was sent that is still kept, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.book(|book| book.deliveries.iter().cloned().collect())
    }

    /// Writes down what was sent.
    pub fn delivered(&self, delivery: Delivery) {
        self.book(|book| {
            book.summary.deliveries += 1;
            keep(&mut book.deliveries, delivery);
        });
    }

    /// All counts since the last reset.
    pub fn summary(&self) -> Summary {
        self.book(|book| book.summary.clone())
    }

    /// The counts of one account.
    pub fn account(&self, account: &str) -> Counts {
        self.book(|book| book.summary.accounts.get(account).copied().unwrap_or_default())
    }

    /// The calls of one mailbox.
    pub fn traffic(&self, mailbox: &str) -> Traffic {
        self.book(|book| book.summary.mailboxes.get(mailbox).copied().unwrap_or_default())
    }

    /// Writes down a call that was let in, as one of `under_way` at this time.
    pub fn let_in(&self, mailbox: &str, under_way: u64) {
        self.book(|book| {
            let traffic = book.summary.mailboxes.entry(mailbox.to_owned()).or_default();
            traffic.calls += 1;
            traffic.peak = traffic.peak.max(under_way);
        });
    }

    /// Writes down a call that was turned away since there were too many.
    pub fn turned_away(&self, mailbox: &str) {
        self.book(|book| {
            book.summary.mailboxes.entry(mailbox.to_owned()).or_default().refused += 1;
        });
    }

    /// What was asked of an allowance.
    pub fn used(&self, allowance: &str) -> Used {
        self.book(|book| book.summary.allowances.get(allowance).copied().unwrap_or_default())
    }

    /// Writes down a call that asked for a part of an allowance, and whether it was one too many.
    pub fn counted(&self, allowance: &str, is_refused: bool) {
        self.book(|book| {
            let used = book.summary.allowances.entry(allowance.to_owned()).or_default();
            used.calls += 1;
            used.refused += u64::from(is_refused);
        });
    }

    /// Writes down that a token came to the address of an upload, which is permission enough.
    pub fn token_with_upload(&self, mailbox: &str) {
        self.book(|book| {
            book.summary.mailboxes.entry(mailbox.to_owned()).or_default().uploads_with_token += 1;
        });
    }

    /// Writes down a scripted fault that struck a part of a request.
    pub(crate) fn part_struck(&self) {
        self.book(|book| book.summary.faults += 1);
    }

    /// Writes down what happened to a code or a token.
    pub fn record(&self, entry: TokenEntry) {
        self.book(|book| {
            book.summary.total.count(&entry);
            if let Some(account) = &entry.account {
                book.summary.accounts.entry(account.clone()).or_default().count(&entry);
            }
            keep(&mut book.tokens, entry);
        });
    }

    /// Writes down a request that has just arrived; `seen.number` is given here.
    pub(crate) fn arrived(&self, mut seen: Seen) -> u64 {
        self.book(|book| {
            book.summary.requests += 1;
            book.summary.faults += u64::from(seen.fault.is_some());
            seen.number = book.summary.requests;
            keep(&mut book.requests, seen);
            book.summary.requests
        })
    }

    /// Adds the status to a request, unless a reset or newer requests have pushed it out.
    pub(crate) fn answered(&self, number: u64, status: u16) {
        self.book(|book| {
            if let Some(seen) = book.requests.iter_mut().rev().find(|seen| seen.number == number) {
                seen.status = Some(status);
            }
        });
    }

    pub(crate) fn clear(&self) {
        self.book(|book| *book = Book::default());
    }

    fn book<T>(&self, look: impl FnOnce(&mut Book) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Counts {
    fn count(&mut self, entry: &TokenEntry) {
        let counter = match (entry.kind, entry.event) {
            (Kind::Code, Event::Issued) => &mut self.codes_issued,
            (Kind::Code, Event::Spent) => &mut self.code_redemptions,
            (Kind::Code, Event::Refused) => &mut self.codes_refused,
            (Kind::Access, Event::Issued) => &mut self.access_tokens_issued,
            (Kind::Access, Event::Refused) => &mut self.access_tokens_refused,
            (Kind::Refresh, Event::Issued) => &mut self.refresh_tokens_issued,
            (Kind::Refresh, Event::Spent) => &mut self.refreshes,
            (Kind::Refresh, Event::Refused) => &mut self.refreshes_refused,
            (Kind::Refresh, Event::Revoked) => &mut self.grants_revoked,
            (Kind::Refresh, Event::Reused) => &mut self.families_revoked,
            (Kind::Access, Event::Revoked) => &mut self.access_tokens_revoked,
            (Kind::Device, Event::Issued) => &mut self.device_codes_issued,
            (Kind::Device, Event::Spent) => &mut self.device_redemptions,
            (Kind::Device, Event::Refused) => &mut self.device_codes_refused,
            (Kind::Access, Event::Spent)
            | (Kind::Code | Kind::Device, Event::Revoked)
            | (Kind::Access | Kind::Code | Kind::Device, Event::Reused) => return,
        };
        *counter += 1;
    }
}

fn keep<T>(entries: &mut VecDeque<T>, entry: T) {
    if entries.len() == KEPT {
        entries.pop_front();
    }
    entries.push_back(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_outlive_the_entries() {
        let ledger = Ledger::default();
        let entry = TokenEntry {
            at: Timestamp::UNIX_EPOCH,
            event: Event::Spent,
            kind: Kind::Refresh,
            token: None,
            client: None,
            account: Some("a".to_owned()),
            grant: None,
            generation: None,
            why: None,
        };
        for _ in 0..=KEPT {
            ledger.record(entry.clone());
        }
        assert_eq!(ledger.tokens().len(), KEPT);
        assert_eq!(ledger.account("a").refreshes, KEPT as u64 + 1);
        assert_eq!(ledger.summary().total, ledger.account("a"));
    }

    #[test]
    fn a_call_that_was_one_too_many_was_sent_all_the_same() {
        let ledger = Ledger::default();
        for is_refused in [false, true, true] {
            ledger.counted("a", is_refused);
        }
        assert_eq!(ledger.used("a"), Used { calls: 3, refused: 2 });
        assert_eq!(ledger.used("b"), Used::default());
        ledger.clear();
        assert_eq!(ledger.used("a"), Used::default());
    }
}
