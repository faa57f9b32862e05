//! One market: what is dealt in, in which size, and for how much.

use super::hours::Hours;

/// The classes of markets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Index,
    Currency,
    Commodity,
    Share,
    Crypto,
    Rate,
    Sector,
    Option,
    Test,
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::Index,
        Self::Currency,
        Self::Commodity,
        Self::Share,
        Self::Crypto,
        Self::Rate,
        Self::Sector,
        Self::Option,
        Self::Test,
    ];

    /// The code of its category.
    pub(super) fn category(self) -> &'static str {
        match self {
            Self::Index => "INDICES",
            Self::Currency => "CURRENCIES",
            Self::Commodity => "COMMODITIES",
            Self::Share => "SHARES",
            Self::Crypto => "CRYPTOCURRENCY",
            Self::Rate => "RATES",
            Self::Sector => "SECTORS",
            Self::Option => "OPTIONS",
            Self::Test => "TEST_MARKETS",
        }
    }

    /// The `instrumentType`.
    pub(super) fn instrument_type(self) -> &'static str {
        match self {
            Self::Crypto => "CURRENCIES",
            Self::Option => "OPT_CURRENCIES",
            Self::Test => "TEST_MARKET",
            other => other.category(),
        }
    }

    /// The kind of a category's code.
    pub(super) fn of_category(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.category() == code)
    }

    /// The share of a deal's value that is asked as deposit, in per cent.
    fn margin(self) -> f64 {
        match self {
            Self::Index => 5.0,
            Self::Currency => 3.33,
            Self::Commodity => 10.0,
            Self::Share | Self::Rate | Self::Sector | Self::Test => 20.0,
            Self::Crypto | Self::Option => 50.0,
        }
    }

    /// How much it moves, compared with an index.
    pub(super) fn unrest(self) -> f64 {
        match self {
            Self::Currency | Self::Rate => 0.4,
            Self::Crypto | Self::Option => 2.5,
            Self::Share => 1.4,
            _ => 1.0,
        }
    }
}

/// Which accounts may deal in it: a `DFB` is a bet, a `-` is a contract, what has a date is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sold {
    Contract,
    Bet,
    Both,
}

/// What does not change about a market.
#[derive(Debug, Clone)]
pub(super) struct Market {
    pub(super) epic: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// `-`, `DFB` or a month such as `DEC-26`.
    pub(super) expiry: String,
    /// The `marketId`, under which sentiment is known, such as `FT100`.
    pub(super) sentiment_id: String,
    pub(super) currency: String,
    pub(super) country: Option<String>,
    /// The level around which it moves.
    pub(super) base: f64,
    /// What lies between bid and offer.
    pub(super) spread: f64,
    pub(super) decimals: i32,
    /// Points in one unit of the level.
    pub(super) scaling: u32,
    /// What one unit of the level is worth for a deal of size 1.
    pub(super) contract: f64,
    pub(super) hours: Hours,
}

impl Market {
    /// Who may deal in it.
    pub(super) fn sold(&self) -> Sold {
        match self.expiry.as_str() {
            "-" => Sold::Contract,
            "DFB" => Sold::Bet,
            _ => Sold::Both,
        }
    }

    /// The deposit, in per cent of the value.
    pub(super) fn margin(&self) -> f64 {
        self.kind.margin()
    }

    /// The smallest size of a deal.
    pub(super) fn least_size(&self) -> f64 {
        match self.kind {
            Kind::Share | Kind::Option => 1.0,
            Kind::Commodity => 0.05,
            _ => 0.1,
        }
    }

    /// How near to the level a stop or limit may be, in points.
    pub(super) fn least_distance(&self) -> f64 {
        round(self.spread * f64::from(self.scaling) * 2.0, 1).max(0.1)
    }

    /// A distance in points as a difference of levels.
    pub(super) fn points(&self, points: f64) -> f64 {
        points / f64::from(self.scaling)
    }

    /// A level as it is quoted.
    pub(super) fn level(&self, level: f64) -> f64 {
        round(level, self.decimals)
    }

    /// The `unit` of a size.
    pub(super) fn unit(&self) -> &'static str {
        match (self.kind, self.sold()) {
            (Kind::Share, _) => "SHARES",
            (_, Sold::Bet) => "AMOUNT",
            _ => "CONTRACTS",
        }
    }
}

/// `number` with so many digits after the point.
pub(super) fn round(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    // A zero has no sign.
    (number * scale).round() / scale + 0.0
}

/// The symbol of a currency, as IG writes it.
pub(super) fn symbol(currency: &str) -> &str {
    match currency {
        "EUR" => "E",
        "GBP" => "£",
        "USD" => "$",
        "JPY" => "Y",
        "AUD" => "A$",
        other => other,
    }
}

/// What one unit of a currency is worth in pounds. These rates stand still: they are not what is
/// played here.
fn in_pounds(currency: &str) -> f64 {
    match currency {
        "USD" => 0.77,
        "EUR" => 0.85,
        "JPY" => 0.0052,
        "AUD" => 0.51,
        "CAD" => 0.57,
        "CHF" => 0.88,
        _ => 1.0,
    }
}

/// What an amount of one currency is in another.
pub(super) fn convert(amount: f64, from: &str, to: &str) -> f64 {
    if from == to { amount } else { amount * in_pounds(from) / in_pounds(to) }
}
