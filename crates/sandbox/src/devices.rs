//! Device codes (RFC 8628): the client polls while a person types a short code elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::{Backstage, Event, Kind, TokenEntry};

/// The letters and digits of a user code: none that looks like another.
const ALPHABET: &str = "BCDFGHJKLMNPQRSTVWXZ23456789";
/// How long a user code is.
const LENGTH: usize = 9;

/// The device codes of one act; `T` is what the vendor remembers of the request.
#[derive(Debug)]
pub struct DeviceCodes<T> {
    backstage: Backstage,
    shelf: Mutex<HashMap<String, Held<T>>>,
}

/// What a device is told.
#[derive(Debug, Clone)]
pub struct Started {
    /// What it polls with.
    pub device_code: String,
    /// What the person types.
    pub user_code: String,
}

/// Why a device code does not become tokens, or not yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceRefusal {
    /// Nobody issued it.
    Unknown,
    /// It was issued to another registration.
    OtherClient,
    /// The person has not answered yet.
    Pending,
    /// The person said no.
    Declined,
    /// It is too old.
    Expired,
    /// It has become tokens before.
    Spent,
}

#[derive(Debug)]
struct Held<T> {
    id: String,
    client: String,
    user_code: String,
    issued: Timestamp,
    answer: Answer,
    memo: T,
}

#[derive(Debug, Clone)]
enum Answer {
    Pending,
    Approved(String),
    Declined,
    Spent(String),
}

impl<T: Clone> DeviceCodes<T> {
    /// How long a code lives.
    pub const LIFE: Duration = Duration::from_mins(15);
    /// How long a client waits between two polls.
    pub const INTERVAL: Duration = Duration::from_secs(5);

    /// No codes yet.
    pub fn new(backstage: Backstage) -> Self {
        Self { backstage, shelf: Mutex::default() }
    }

    /// Hands out a pair of codes.
    pub fn start(&self, client: &str, memo: T) -> Started {
        let device_code = self.backstage.secret();
        let user_code = self.user_code();
        self.shelf(|shelf| {
            let held = Held {
                id: format!("device-{}", shelf.len() + 1),
                client: client.to_owned(),
                user_code: user_code.clone(),
                issued: self.backstage.now(),
                answer: Answer::Pending,
                memo,
            };
            self.record(Event::Issued, &held, None);
            shelf.insert(device_code.clone(), held);
        });
        Started { device_code, user_code }
    }

    /// Who asks with this user code, and what was remembered; nobody, once it is answered or old.
    pub fn asked(&self, user_code: &str) -> Option<(String, T)> {
        self.pending(user_code, |held| (held.client.clone(), held.memo.clone()))
    }

    /// The person's answer: an account, or nothing to decline. False if nobody waits for one.
    pub fn answer(&self, user_code: &str, account: Option<&str>) -> bool {
        let answer = match account {
            Some(account) => Answer::Approved(account.to_owned()),
            None => Answer::Declined,
        };
        self.pending(user_code, |held| held.answer = answer).is_some()
    }

    /// What becomes of a poll: the account and the memo, once, after the person has agreed.
    pub fn poll(&self, device_code: &str, client: &str) -> Result<(String, T), DeviceRefusal> {
        let now = self.backstage.now();
        self.shelf(|shelf| {
            let Some(held) = shelf.get_mut(device_code) else {
                self.record_unknown(client);
                return Err(DeviceRefusal::Unknown);
            };
            let is_old = now.duration_since(held.issued).unsigned_abs() >= Self::LIFE;
            let refusal = match &held.answer {
                _ if held.client != client => DeviceRefusal::OtherClient,
                Answer::Spent(_) => DeviceRefusal::Spent,
                Answer::Declined => DeviceRefusal::Declined,
                _ if is_old => DeviceRefusal::Expired,
                Answer::Pending => return Err(DeviceRefusal::Pending),
                Answer::Approved(account) => {
                    let account = account.clone();
                    held.answer = Answer::Spent(account.clone());
                    self.record(Event::Spent, held, None);
                    return Ok((account, held.memo.clone()));
                }
            };
            self.record(Event::Refused, held, Some(refusal));
            Err(refusal)
        })
    }

    /// Whose device code this is, if somebody has approved it.
    pub fn account_of(&self, device_code: &str) -> Option<String> {
        self.shelf(|shelf| shelf.get(device_code)?.account())
    }

    /// Forgets everything.
    pub fn reset(&self) {
        self.shelf(HashMap::clear);
    }

    fn pending<R>(&self, user_code: &str, look: impl FnOnce(&mut Held<T>) -> R) -> Option<R> {
        let plain = |code: &str| {
            let letters = code.chars().filter(char::is_ascii_alphanumeric);
            letters.map(|letter| letter.to_ascii_uppercase()).collect::<String>()
        };
        let wanted = plain(user_code);
        let now = self.backstage.now();
        self.shelf(|shelf| {
            let is_it = |held: &&mut Held<T>| {
                plain(&held.user_code) == wanted
                    && matches!(held.answer, Answer::Pending)
                    && now.duration_since(held.issued).unsigned_abs() < Self::LIFE
            };
            shelf.values_mut().find(is_it).map(look)
        })
    }

    /// Nine letters and digits that nobody can guess.
    fn user_code(&self) -> String {
        let letters: Vec<_> = ALPHABET.chars().collect();
        let secret = self.backstage.secret();
        let pick = |byte: u8| letters.get(usize::from(byte) % letters.len()).copied();
        secret.bytes().rev().take(LENGTH).filter_map(pick).collect()
    }

    fn record(&self, event: Event, held: &Held<T>, why: Option<DeviceRefusal>) {
        self.backstage.ledger().record(TokenEntry {
            at: self.backstage.now(),
            event,
            kind: Kind::Device,
            token: Some(held.id.clone()),
            client: Some(held.client.clone()),
            account: held.account(),
            grant: None,
            generation: None,
            why: why.map(|why| format!("{why:?}").to_lowercase()),
        });
    }

    fn record_unknown(&self, client: &str) {
        self.backstage.ledger().record(TokenEntry {
            at: self.backstage.now(),
            event: Event::Refused,
            kind: Kind::Device,
            token: None,
            client: Some(client.to_owned()),
            account: None,
            grant: None,
            generation: None,
            why: Some("unknown".to_owned()),
        });
    }

    fn shelf<R>(&self, look: impl FnOnce(&mut HashMap<String, Held<T>>) -> R) -> R {
        look(&mut self.shelf.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Held<T> {
    fn account(&self) -> Option<String> {
        match &self.answer {
            Answer::Approved(account) | Answer::Spent(account) => Some(account.clone()),
            Answer::Pending | Answer::Declined => None,
        }
    }
}
