//! Past prices (contract, section 4.3).

use std::time::Duration;

use evergrant::capability::{Price, PriceAllowance, Quote};
use jiff::Timestamp;

use super::Members;

/// The longest that an allowance takes to be renewed: more than a week is a mistake.
const WEEK: Duration = Duration::from_hours(7 * 24);

/// One answer with past prices.
pub(crate) struct Part {
    pub(crate) prices: Vec<Price>,
    pub(crate) allowance: Option<Allowance>,
    /// How many pages there are; 0 where it is not paged.
    pub(crate) pages: u32,
}

/// What is left of the account's allowance.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    pub(crate) remaining: u32,
    pub(crate) total: u32,
    pub(crate) renewed_in: Duration,
}

impl Allowance {
    pub(crate) fn at(self, now: Timestamp) -> PriceAllowance {
        PriceAllowance {
            remaining: self.remaining,
            total: self.total,
            renewed_at: evergrant::clock::later(now, self.renewed_in),
        }
    }
}

/// The allowance is in `metadata`, or in versions 1 and 2 beside the prices.
pub(crate) fn part(mut members: Members) -> Part {
    let mut metadata = members.inner("metadata");
    let pages = metadata.inner("pageData").count("totalPages");
    let known = allowance(metadata.inner("allowance"));
    Part {
        prices: members.list("prices").into_iter().map(price).collect(),
        allowance: known.or_else(|| allowance(members.inner("allowance"))),
        pages: pages.and_then(|pages| u32::try_from(pages).ok()).unwrap_or(0),
    }
}

fn allowance(mut members: Members) -> Option<Allowance> {
    let mut count = |name| members.count(name).map(|n| n.max(0));
    let remaining = u32::try_from(count("remainingAllowance")?).unwrap_or(u32::MAX);
    let total = count("totalAllowance").and_then(|n| u32::try_from(n).ok());
    let seconds = u64::try_from(count("allowanceExpiry")?).ok()?;
    let renewed_in = Duration::from_secs(seconds).min(WEEK);
    Some(Allowance { remaining, total: total.unwrap_or(remaining), renewed_in })
}

fn price(mut members: Members) -> Price {
    Price {
        time: members.instant("snapshotTimeUTC"),
        open: quote(members.inner("openPrice")),
        high: quote(members.inner("highPrice")),
        low: quote(members.inner("lowPrice")),
        close: quote(members.inner("closePrice")),
        volume: members.number("lastTradedVolume"),
    }
}

fn quote(mut members: Members) -> Quote {
    Quote {
        bid: members.number("bid"),
        ask: members.number("ask"),
        last_traded: members.number("lastTraded"),
    }
}
