//! How much is allowed: calls in a minute, and points of history in a week.
//!
//! Windows slide over 60 seconds of the stage's clock. What is refused takes no room in a window: a
//! key that was asked twice as often as it could stand had about half of its calls refused, not all
//! (clients.md, 2). What IG really does is unknown (contract, section 3).

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use evergrant::clock::{later, until};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{Answer, Refused};
use super::call::Call;

const WINDOW: Duration = Duration::from_mins(1);
const WEEK: Duration = Duration::from_hours(7 * 24);

/// What is allowed, published at `/operations/application` and enforced as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Figures {
    /// Calls of a key in a minute, but for those that trade.
    pub(super) application: usize,
    /// Calls of an account in a minute, but for those that trade.
    pub(super) account: usize,
    /// Positions and orders that an account opens or amends in a minute.
    pub(super) trading: usize,
    /// Points of historical prices for an account in a week.
    pub(super) historical: u64,
}

/// Some figures, to be set.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) application: Option<usize>,
    pub(super) account: Option<usize>,
    pub(super) trading: Option<usize>,
    pub(super) historical: Option<u64>,
}

/// The allowances of everybody, and what is left of them.
#[derive(Debug)]
pub(super) struct Allowances {
    pub(super) points: Points,
    application: usize,
    account: usize,
    trading: usize,
    sent: HashMap<Lane, VecDeque<Timestamp>>,
}

/// Something whose calls are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// A key.
    Application(String),
    /// An account.
    Account(String),
    /// An account that trades.
    Trading(String),
}

impl Lane {
    /// Its name in the ledger.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Application(name) | Self::Account(name) => name.clone(),
            Self::Trading(account) => format!("{account} trading"),
        }
    }

    /// The error of one too many.
    fn exceeded(&self) -> &'static str {
        match self {
            Self::Application(_) => "error.public-api.exceeded-api-key-allowance",
            Self::Account(_) => "error.public-api.exceeded-account-allowance",
            Self::Trading(_) => "error.public-api.exceeded-account-trading-allowance",
        }
    }
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            points: Points { total: 10_000, weeks: HashMap::new() },
            application: 10_000,
            account: 10_000,
            trading: 10_000,
            sent: HashMap::new(),
        }
    }
}

impl Allowances {
    /// What is allowed.
    pub(super) fn figures(&self) -> Figures {
        Figures {
            application: self.application,
            account: self.account,
            trading: self.trading,
            historical: self.points.total,
        }
    }

    /// Allows something else from now on; what was used before still counts.
    pub(super) fn set(&mut self, change: &Change) {
        self.application = change.application.unwrap_or(self.application);
        self.account = change.account.unwrap_or(self.account);
        self.trading = change.trading.unwrap_or(self.trading);
        self.points.total = change.historical.unwrap_or(self.points.total);
    }

    /// Lets a call in where there is room in all its lanes, else names the lane that is full.
    pub(super) fn enter(&mut self, lanes: &[Lane], now: Timestamp) -> Result<(), Lane> {
        for lane in lanes {
            let most = self.most(lane);
            let sent = self.sent.entry(lane.clone()).or_default();
            while sent.front().is_some_and(|at| later(*at, WINDOW) <= now) {
                sent.pop_front();
            }
            if sent.len() >= most {
                return Err(lane.clone());
            }
        }
        for lane in lanes {
            self.sent.entry(lane.clone()).or_default().push_back(now);
        }
        Ok(())
    }

    fn most(&self, lane: &Lane) -> usize {
        match lane {
            Lane::Application(_) => self.application,
            Lane::Account(_) => self.account,
            Lane::Trading(_) => self.trading,
        }
    }
}

impl From<Lane> for Answer {
    fn from(full: Lane) -> Self {
        Self::error(full.exceeded())
    }
}

/// The lanes of a call by a key and, as far as it is known, for an account.
pub(super) fn lanes(call: &Call, key: &str, account: Option<&str>) -> Vec<Lane> {
    let account = account.map(str::to_owned);
    if trades(call) {
        return account.map(Lane::Trading).into_iter().collect();
    }
    let key = Lane::Application(key.to_owned());
    std::iter::once(key).chain(account.map(Lane::Account)).collect()
}

/// Whether a call creates or amends a position or an order. To close one is neither.
fn trades(call: &Call) -> bool {
    let first = call.path.first().map(String::as_str);
    matches!(first, Some("positions" | "workingorders"))
        && ["POST", "PUT"].contains(&call.method.as_str())
}

/// Points of historical prices; a week begins with the first one.
#[derive(Debug)]
pub(super) struct Points {
    total: u64,
    weeks: HashMap<String, Week>,
}

#[derive(Debug)]
struct Week {
    began: Timestamp,
    spent: u64,
}

/// What is left, as the answers with prices say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    remaining: u64,
    total: u64,
    seconds: u64,
}

impl Points {
    /// Takes so many points from the account's week, or refuses; what is refused costs nothing.
    pub(super) fn charge(&mut self, account: &str, points: u64, now: Timestamp) -> Refused<Left> {
        let begin = || Week { began: now, spent: 0 };
        let week = self.weeks.entry(account.to_owned()).or_insert_with(begin);
        if later(week.began, WEEK) <= now {
            *week = begin();
        }
        let spent = week.spent.saturating_add(points);
        if spent > self.total {
            let code = "error.public-api.exceeded-account-historical-data-allowance";
            return Err(Answer::error(code));
        }
        week.spent = spent;
        Ok(Left {
            remaining: self.total - spent,
            total: self.total,
            seconds: until(now, later(week.began, WEEK)).as_secs(),
        })
    }
}

impl Left {
    /// The member `allowance`.
    pub(super) fn json(self) -> Value {
        json!({
            "remainingAllowance": self.remaining,
            "totalAllowance": self.total,
            "allowanceExpiry": self.seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    #[test]
    fn points_are_counted_by_account_from_the_first_one_on_for_a_week() {
        let mut points = Allowances::default().points;
        let left = |remaining, seconds| Ok(Left { remaining, total: 10_000, seconds });
        let mut charge = |account, wanted, at| {
            points.charge(account, wanted, after(at)).map_err(|refusal| refusal.body)
        };
        let week = 7 * 24 * 60 * 60;
        assert_eq!(charge("a", 9_999, 100), left(1, week));
        let code = "error.public-api.exceeded-account-historical-data-allowance";
        let refused = Err(Some(json!({ "errorCode": code })));
        assert_eq!(charge("a", 2, 101), refused);
        assert_eq!(charge("a", 1, 200), left(0, week - 100));
        assert_eq!(charge("b", 1, 200), left(9_999, week));
        assert_eq!(charge("a", 1, 99 + week), refused);
        assert_eq!(charge("a", 1, 100 + week), left(9_999, week));
    }

    #[test]
    fn what_the_answers_say_of_an_allowance() {
        let left = Left { remaining: 9_990, total: 10_000, seconds: 604_799 };
        let said = json!({
            "remainingAllowance": 9_990, "totalAllowance": 10_000, "allowanceExpiry": 604_799,
        });
        assert_eq!(left.json(), said);
    }
}
