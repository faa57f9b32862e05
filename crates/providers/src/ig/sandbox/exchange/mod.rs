//! Markets, prices, dealing and history.
//!
//! Markets and their prices repeat with the seed: a price is a pure function of seed, epic and time
//! ([`quotes`]), so that what is quoted, dealt and remembered agrees. What waits for a price is looked
//! after at each call for the time since the last one ([`desk`]).

mod browse;
mod catalogue;
mod control;
mod desk;
mod details;
mod dice;
mod floor;
mod history;
mod hours;
mod market;
mod prices;
mod quotes;
mod tree;
mod watchlists;
mod when;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::catalogue::Catalogue;
pub(super) use self::control::PATHS;
use self::desk::{Book, Dealer, Delay, Desk};
use self::floor::Floor;
use self::history::Reader;
use self::prices::Asker;
use self::quotes::Tape;
use self::watchlists::Watchlists;
use super::allowances::Points;
use super::answer::Answer;
use super::call::Call;
use super::world::Who;

/// The cash of an account at first.
const CASH: f64 = 10_000.0;
/// The currency of accounts that nobody has described yet.
const CURRENCY: &str = "GBP";
/// For how long the same deal can be done again, in seconds.
const REPEAT: i64 = 30 * 60;

/// The exchange of one world.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Members that IG really answers with null are null, though it breaks clients (contract, 6.6).
    pub(super) faithful_nulls: bool,
    markets: Markets,
    /// By account.
    books: BTreeMap<String, Book>,
    /// By client.
    watchlists: BTreeMap<String, Watchlists>,
    delay: Delay,
    /// Until when everything happened that happens by itself.
    settled: i64,
}

/// All markets, made when somebody first looks.
#[derive(Debug)]
struct Markets {
    seed: u64,
    born: i64,
    catalogue: OnceLock<Catalogue>,
    tape: Tape,
    statuses: BTreeMap<String, String>,
}

impl Markets {
    fn floor(&self, faithful: bool, now: i64) -> Floor<'_> {
        Floor {
            catalogue: self.catalogue.get_or_init(|| Catalogue::new(self.seed, self.born)),
            tape: &self.tape,
            statuses: &self.statuses,
            faithful,
            now,
        }
    }
}

/// What an account is worth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Money {
    pub(super) balance: f64,
    pub(super) deposit: f64,
    pub(super) profit_loss: f64,
    pub(super) available: f64,
}

impl Money {
    /// The object that accounts show.
    pub(super) fn json(self) -> Value {
        json!({
            "balance": self.balance,
            "deposit": self.deposit,
            "profitLoss": self.profit_loss,
            "available": self.available,
        })
    }
}

impl Exchange {
    /// An exchange whose markets repeat with the seed.
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        let born = now.as_second();
        let markets = Markets {
            seed,
            born,
            catalogue: OnceLock::new(),
            tape: Tape::new(seed),
            statuses: BTreeMap::new(),
        };
        Self {
            faithful_nulls: false,
            markets,
            books: BTreeMap::new(),
            watchlists: BTreeMap::new(),
            delay: Delay::default(),
            settled: born,
        }
    }

    /// Answers a call about markets, prices, dealing or history; none if there is no such path.
    pub(super) fn handle(
        &mut self,
        call: &Call,
        who: &Who,
        points: &mut Points,
        now: Timestamp,
    ) -> Option<Answer> {
        self.settle(now);
        let second = now.as_second();
        let floor = self.markets.floor(self.faithful_nulls, second);
        let mut asker = Asker { account: &who.account_id, points, now };
        if let Some(answer) = browsed(&floor, call, &mut asker) {
            return Some(answer);
        }
        let seed = self.markets.seed;
        let lists = self.watchlists.entry(who.client_id.clone());
        let lists = lists.or_insert_with(|| Watchlists::new(seed));
        if let Some(answer) = lists.answer(call, &floor) {
            return Some(answer);
        }
        let book = self.books.entry(who.account_id.clone());
        let book = book.or_insert_with(|| Book::new(&who.account_id, who.currency, CASH, seed));
        book.remember(&floor.at(self.markets.born), who.account_type, seed);
        if let Some(answer) = (Reader { floor, book }).answer(call) {
            return Some(answer);
        }
        if let ("GET", ["repeat-dealing-window"], 1) =
            (call.method.as_str(), call.segments().as_slice(), call.version)
        {
            return Some(repeat_window(call, book, second));
        }
        let channel = "PUBLIC_WEB_API";
        let dealer = Dealer { floor, book, kind: who.account_type, now, channel };
        Desk { dealer, delay: self.delay }.answer(call)
    }

    /// What an account is worth now, as far as it is settled.
    pub(super) fn money(&self, account: &str, now: Timestamp) -> Money {
        let floor = self.markets.floor(self.faithful_nulls, now.as_second());
        let none = Money { balance: CASH, deposit: 0.0, profit_loss: 0.0, available: CASH };
        self.books.get(account).map_or(none, |book| book.money(&floor))
    }

    /// Gives an account this much cash.
    pub(super) fn set_balance(&mut self, account: &str, balance: f64) {
        self.book(account).cash = balance;
    }

    fn book(&mut self, account: &str) -> &mut Book {
        let seed = self.markets.seed;
        let new = || Book::new(account, CURRENCY, CASH, seed);
        self.books.entry(account.to_owned()).or_insert_with(new)
    }

    /// Lets everything happen that happens by itself until now.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let second = now.as_second();
        let floor = self.markets.floor(self.faithful_nulls, second);
        for book in self.books.values_mut() {
            book.settle(floor, self.settled);
        }
        self.settled = self.settled.max(second);
    }
}

/// Calls that are the same for everybody.
fn browsed(floor: &Floor<'_>, call: &Call, asker: &mut Asker<'_>) -> Option<Answer> {
    if call.method != "GET" {
        return None;
    }
    let answer = match (call.segments().as_slice(), call.version) {
        (["marketnavigation"], 1) => floor.navigate(None),
        (["marketnavigation", id], 1) => floor.navigate(Some(id)),
        (["categories"], 1) => browse::categories(),
        (["categories", code, "instruments"], 1) => floor.category(code, call).into(),
        (["markets"], 1 | 2) => floor.markets(call).into(),
        (["markets", epic], 1..=4) => floor.one(epic, call).into(),
        (["prices", epic], 3) => floor.prices(epic, call, asker).into(),
        (["prices", epic, resolution], 1) => {
            floor.old_prices((epic, resolution), &[], call, asker).into()
        }
        (["prices", epic, resolution, range @ ..], 1 | 2) if range.len() <= 2 => {
            floor.old_prices((epic, resolution), range, call, asker).into()
        }
        (["clientsentiment"], 1) => floor.sentiments(call.query("marketIds").unwrap_or_default()),
        (["clientsentiment", "related", id], 1) => floor.related(id),
        (["clientsentiment", id], 1) => floor.sentiment(id),
        _ => return None,
    };
    Some(answer)
}

/// Until when the same deal can be done again (contract 4.5; the shape is not verified).
fn repeat_window(call: &Call, book: &Book, now: i64) -> Answer {
    let window = |epic: &str| {
        json!({
            "epic": epic,
            "validFrom": when::utc(now, when::V3),
            "validTo": when::utc(now + REPEAT, when::V3),
        })
    };
    let windows: Vec<_> = match call.query("epic") {
        Some(epic) => vec![window(epic)],
        None => book.positions.iter().map(|position| window(&position.epic)).collect(),
    };
    Answer::ok(json!({ "repeatDealingWindows": windows }))
}
