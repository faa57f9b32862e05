//! What somebody else does to markets and accounts: `POST /_sandbox/world/ig/…`.

use evergrant_sandbox::Problem;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::desk::{Confirm, Dealer, Delay, Direction, Position};
use super::{CASH, Exchange};
use crate::ig::sandbox::changes::read;
use crate::ig::sandbox::world::Account;

/// The statuses that a market can have (contract 4).
const STATUSES: &[&str] = &[
    "TRADEABLE",
    "CLOSED",
    "EDITS_ONLY",
    "OFFLINE",
    "ON_AUCTION",
    "ON_AUCTION_NO_EDITS",
    "SUSPENDED",
];

/// What can be changed here, for the page that lists it.
pub(in super::super) const PATHS: &[&str] = &[
    "price {\"epic\":text,\"bid\":number|null,\"offer\":number|null}",
    "market {\"epic\":text|\"*\",\"status\":text|null}",
    "confirms {\"delay_ms\"?:number,\"asks\"?:number}",
    "position {\"account\":text,\"epic\":text,\"direction\":\"BUY\"|\"SELL\",\"size\":number,\"deal_id\"?:text,\"reference\"?:text}",
    "close {\"account\":text,\"deal_id\":text,\"size\"?:number}",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Price {
    epic: String,
    bid: Option<f64>,
    offer: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    epic: String,
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Late {
    #[serde(default)]
    delay_ms: i64,
    #[serde(default)]
    asks: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    account: String,
    epic: String,
    direction: String,
    size: f64,
    deal_id: Option<String>,
    reference: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    account: String,
    deal_id: String,
    size: Option<f64>,
}

impl Exchange {
    /// Carries out a change; none if it is not one of [`PATHS`]. `account` finds an account.
    pub(in super::super) fn change<'a>(
        &mut self,
        path: &str,
        body: &Value,
        account: impl Fn(&str) -> Option<&'a Account>,
        now: Timestamp,
    ) -> Option<Result<Value, Problem>> {
        // What waited for the old price has had its time.
        self.settle(now);
        let known = |id: &str| {
            account(id).ok_or_else(|| Problem::unknown(format!("there is no account `{id}`")))
        };
        let changed = match path {
            "price" => read(body).and_then(|price| self.set_price(&price, now)),
            "market" => read(body).and_then(|status| self.set_status(status)),
            "confirms" => read(body).map(|Late { delay_ms, asks }| {
                self.delay = Delay { time: SignedDuration::from_millis(delay_ms), asks };
            }),
            "position" => {
                let opened = read(body).and_then(|opened: Opened| {
                    let account = known(&opened.account)?;
                    self.open_elsewhere(opened, account, now)
                });
                return Some(opened);
            }
            "close" => read(body).and_then(|closed: Closed| {
                let account = known(&closed.account)?;
                self.close_elsewhere(&closed, account, now)
            }),
            _ => return None,
        };
        self.settle(now);
        Some(changed.map(|()| body.clone()))
    }

    fn known(&self, epic: &str, now: i64) -> Result<(), Problem> {
        let found = self.markets.floor(false, now).find(epic).is_some();
        if found { Ok(()) } else { Err(Problem::unknown(format!("there is no market `{epic}`"))) }
    }

    fn set_price(&mut self, price: &Price, now: Timestamp) -> Result<(), Problem> {
        let second = now.as_second();
        self.known(&price.epic, second)?;
        let pinned = match (price.bid, price.offer) {
            (Some(bid), Some(offer)) if bid < offer => Some((bid, offer)),
            (None, None) => None,
            _ => return Err(Problem::unusable("`bid` is less than `offer`, or both are null")),
        };
        self.markets.tape.set_pin(&price.epic, second, pinned);
        // What waits for this price shall see it at the next call, though no second has passed.
        self.settled = second - 1;
        Ok(())
    }

    fn set_status(&mut self, change: Status) -> Result<(), Problem> {
        if change.epic != "*" {
            self.known(&change.epic, 0)?;
        }
        match change.status {
            Some(status) if STATUSES.contains(&status.as_str()) => {
                self.markets.statuses.insert(change.epic, status);
            }
            Some(_) => return Err(Problem::unusable(format!("there are: {STATUSES:?}"))),
            None => {
                self.markets.statuses.remove(&change.epic);
            }
        }
        Ok(())
    }

    /// A position that was opened on the web site, whatever the market's status.
    fn open_elsewhere(
        &mut self,
        opened: Opened,
        account: &Account,
        now: Timestamp,
    ) -> Result<Value, Problem> {
        let direction = Direction::read(&opened.direction)
            .ok_or_else(|| Problem::unusable("`direction` is `BUY` or `SELL`"))?;
        if opened.size <= 0.0 {
            return Err(Problem::unusable("`size` is more than 0"));
        }
        self.known(&opened.epic, now.as_second())?;
        let (kind, delay) = (account.kind, self.delay);
        let mut dealer = self.dealer(account, kind, now);
        let Some(market) = dealer.floor.find(&opened.epic) else {
            return Err(Problem::unknown("there is no such market"));
        };
        let deal_id = opened.deal_id.unwrap_or_else(|| dealer.book.deal_id());
        let reference = dealer.book.reference(opened.reference.as_deref(), now.as_second()).0;
        let level = direction.price(dealer.floor.quote(market));
        let mut confirm = Confirm {
            deal_id: deal_id.clone(),
            epic: Some(market.epic.clone()),
            expiry: Some(market.expiry.clone()),
            direction: Some(direction),
            level: Some(level),
            size: Some(opened.size),
            ..dealer.blank(&reference)
        };
        let position = Position {
            deal_id: deal_id.clone(),
            reference: reference.clone(),
            epic: opened.epic,
            direction,
            size: opened.size,
            level,
            currency: market.currency.clone(),
            created: now.as_second(),
            exits: confirm.exits,
        };
        dealer.opened(market, position, &mut confirm);
        dealer.book.confirms.keep(&confirm, delay);
        Ok(json!({ "dealId": deal_id, "dealReference": reference, "level": level }))
    }

    /// A position that was closed on the web site, or a part of it.
    fn close_elsewhere(
        &mut self,
        closed: &Closed,
        account: &Account,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let mut dealer = self.dealer(account, account.kind, now);
        dealer
            .closed_elsewhere(&closed.deal_id, closed.size)
            .ok_or_else(|| Problem::unknown(format!("there is no position `{}`", closed.deal_id)))
    }

    fn dealer(&mut self, account: &Account, kind: &'static str, now: Timestamp) -> Dealer<'_> {
        let seed = self.markets.seed;
        let floor = self.markets.floor(self.faithful_nulls, now.as_second());
        let new = || super::Book::new(account.id, account.currency, CASH, seed);
        let book = self.books.entry(account.id.to_owned()).or_insert_with(new);
        Dealer { floor, book, kind, now, channel: "WEB" }
    }
}
