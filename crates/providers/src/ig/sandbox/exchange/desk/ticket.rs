//! What is asked for, read strictly: what breaks a rule of the contract (4.5) is refused with 400 and
//! never becomes a deal.

use super::super::when;
use super::book::{Direction, OrderKind, Trailing};
use crate::ig::sandbox::answer::{Answer, Refused};
use crate::ig::sandbox::call::Call;

/// How a deal finds its price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pricing {
    Market,
    Limit(f64),
    Quote(f64),
}

/// A stop or a limit: where it is, or how far in points from where the deal is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Away {
    Level(f64),
    Distance(f64),
}

/// A position to be opened.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) epic: String,
    pub(super) expiry: String,
    pub(super) direction: Direction,
    pub(super) size: f64,
    pub(super) currency: String,
    pub(super) force_open: bool,
    pub(super) guaranteed: bool,
    pub(super) pricing: Pricing,
    pub(super) stop: Option<Away>,
    pub(super) limit: Option<Away>,
    pub(super) trailing: Option<Trailing>,
    pub(super) reference: Option<String>,
}

/// A position to be closed.
#[derive(Debug, Clone)]
pub(super) struct Closing {
    pub(super) which: Which,
    pub(super) direction: Direction,
    pub(super) size: f64,
    pub(super) pricing: Pricing,
}

/// Which positions are meant.
#[derive(Debug, Clone)]
pub(super) enum Which {
    Deal(String),
    Market(String, String),
}

/// New stops and limits of a position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amendment {
    pub(super) stop: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) guaranteed: bool,
    pub(super) trailing: Option<Trailing>,
}

/// An order to wait.
#[derive(Debug, Clone)]
pub(super) struct OrderTicket {
    pub(super) kind: OrderKind,
    pub(super) level: f64,
    pub(super) good_till: Option<i64>,
    pub(super) guaranteed: bool,
    pub(super) stop: Option<Away>,
    pub(super) limit: Option<Away>,
}

/// What an order is for, which never changes.
#[derive(Debug, Clone)]
pub(super) struct OrderSubject {
    pub(super) epic: String,
    pub(super) expiry: String,
    pub(super) direction: Direction,
    pub(super) size: f64,
    pub(super) currency: String,
    pub(super) force_open: bool,
    pub(super) reference: Option<String>,
}

impl Ticket {
    pub(super) fn read(call: &Call) -> Refused<Self> {
        let subject = OrderSubject::read(call)?;
        let force_open = call.flag("forceOpen")?.ok_or_else(|| missing("forceOpen"))?;
        let guaranteed = call.flag("guaranteedStop")?.ok_or_else(|| missing("guaranteedStop"))?;
        let (stop, limit) = (away(call, "stop")?, away(call, "limit")?);
        let trailing = trailing(call, "stopDistance")?;
        time_in_force(call)?;
        // Stops and limits belong to a position of their own (contract 4.5).
        refuse((stop.is_some() || limit.is_some()) && !force_open, "forceOpen")?;
        refuse(guaranteed && stop.is_none(), "guaranteedStop")?;
        let bent = trailing.is_some() && (guaranteed || matches!(stop, Some(Away::Level(_))));
        refuse(bent, "trailingStop")?;
        Ok(Self {
            epic: subject.epic,
            expiry: subject.expiry,
            direction: subject.direction,
            size: subject.size,
            currency: subject.currency,
            force_open,
            guaranteed,
            pricing: Pricing::read(call)?,
            stop,
            limit,
            trailing,
            reference: subject.reference,
        })
    }
}

impl Closing {
    pub(super) fn read(call: &Call) -> Refused<Self> {
        not_empty(call)?;
        let (deal, epic) = (call.text("dealId")?, call.text("epic")?);
        let expiry = call.text("expiry")?;
        let which = match (deal, epic, expiry) {
            (Some(deal), None, None) => Which::Deal(deal.to_owned()),
            (None, Some(epic), Some(expiry)) => Which::Market(epic.to_owned(), expiry.to_owned()),
            (None, Some(_), None) => return Err(missing("expiry")),
            (None, None, _) => return Err(missing("dealId")),
            (Some(_), _, _) => return Err(wrong("dealId")),
        };
        time_in_force(call)?;
        Ok(Self {
            which,
            direction: direction(call)?,
            size: size(call)?,
            pricing: Pricing::read(call)?,
        })
    }
}

impl Amendment {
    pub(super) fn read(call: &Call) -> Refused<Self> {
        let guaranteed = call.flag("guaranteedStop")?.unwrap_or(false);
        let trailing = trailing(call, "trailingStopDistance")?;
        let stop = call.number("stopLevel")?;
        refuse(guaranteed && trailing.is_some(), "trailingStop")?;
        refuse(guaranteed && stop.is_none(), "guaranteedStop")?;
        Ok(Self { stop, limit: call.number("limitLevel")?, guaranteed, trailing })
    }
}

impl OrderTicket {
    /// The order; `known` is the kind that it has already.
    pub(super) fn read(call: &Call, known: Option<OrderKind>) -> Refused<Self> {
        not_empty(call)?;
        let kind = match call.text("type")? {
            Some(text) => OrderKind::read(text).ok_or_else(|| wrong("type"))?,
            None => known.ok_or_else(|| missing("type"))?,
        };
        let level = call.number("level")?.ok_or_else(|| missing("level"))?;
        let guaranteed = match known {
            Some(_) => call.flag("guaranteedStop")?.unwrap_or(false),
            None => call.flag("guaranteedStop")?.ok_or_else(|| missing("guaranteedStop"))?,
        };
        let (stop, limit) = (away(call, "stop")?, away(call, "limit")?);
        refuse(guaranteed && stop.is_none(), "guaranteedStop")?;
        Ok(Self { kind, level, good_till: good_till(call, known)?, guaranteed, stop, limit })
    }
}

impl OrderSubject {
    pub(super) fn read(call: &Call) -> Refused<Self> {
        not_empty(call)?;
        let reference = call.text("dealReference")?.map(str::to_owned);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let reference_fits =
            |text: &String| (1..=30).contains(&text.len()) && text.chars().all(fits);
        if reference.as_ref().is_some_and(|text| !reference_fits(text)) {
            return Err(bad_pattern("dealReference"));
        }
        let epic = text(call, "epic")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if !(6..=30).contains(&epic.len()) || !epic.chars().all(fits) {
            return Err(bad_pattern("epic"));
        }
        let expiry = text(call, "expiry")?;
        if !is_expiry(&expiry) {
            return Err(bad_pattern("expiry"));
        }
        let currency = text(call, "currencyCode")?;
        if currency.len() != 3 || !currency.chars().all(|c| c.is_ascii_uppercase()) {
            return Err(bad_pattern("currencyCode"));
        }
        Ok(Self {
            epic,
            expiry,
            direction: direction(call)?,
            size: size(call)?,
            currency,
            force_open: call.flag("forceOpen")?.unwrap_or(true),
            reference,
        })
    }
}

impl Pricing {
    fn read(call: &Call) -> Refused<Self> {
        let (level, quote) = (call.number("level")?, call.text("quoteId")?);
        let kind = text(call, "orderType")?;
        match (kind.as_str(), level, quote) {
            ("MARKET", None, None) => Ok(Self::Market),
            ("LIMIT", Some(level), None) => Ok(Self::Limit(level)),
            ("QUOTE", Some(level), Some(_)) => Ok(Self::Quote(level)),
            ("MARKET", Some(_), _) | ("LIMIT" | "QUOTE", None, _) => Err(wrong("level")),
            ("MARKET" | "LIMIT", ..) | ("QUOTE", _, None) => Err(wrong("quoteId")),
            _ => Err(wrong("orderType")),
        }
    }
}

/// `GOOD_TILL_DATE` has a date, `GOOD_TILL_CANCELLED` has none.
fn good_till(call: &Call, known: Option<OrderKind>) -> Refused<Option<i64>> {
    let date = call.text("goodTillDate")?;
    let forms = [when::V2, when::V1, when::V3];
    match (call.text("timeInForce")?, date) {
        (Some("GOOD_TILL_CANCELLED"), None) => Ok(None),
        (Some("GOOD_TILL_DATE"), Some(date)) => {
            when::read(date, &forms).map(Some).ok_or_else(|| wrong("goodTillDate"))
        }
        (Some("GOOD_TILL_CANCELLED" | "GOOD_TILL_DATE"), _) => Err(wrong("goodTillDate")),
        (None, None) if known.is_some() => Ok(None),
        (None, _) => Err(missing("timeInForce")),
        _ => Err(wrong("timeInForce")),
    }
}

fn time_in_force(call: &Call) -> Refused<()> {
    let text = call.text("timeInForce")?;
    let known = matches!(text, None | Some("FILL_OR_KILL" | "EXECUTE_AND_ELIMINATE"));
    refuse(!known, "timeInForce")
}

/// A stop or limit is given one way or not at all.
fn away(call: &Call, what: &str) -> Refused<Option<Away>> {
    let level = call.number(&format!("{what}Level"))?;
    let distance = call.number(&format!("{what}Distance"))?;
    match (level, distance) {
        (Some(_), Some(_)) => Err(wrong(&format!("{what}Level"))),
        (Some(level), None) => Ok(Some(Away::Level(level))),
        (None, distance) => Ok(distance.map(Away::Distance)),
    }
}

fn trailing(call: &Call, distance: &str) -> Refused<Option<Trailing>> {
    let step = call.number("trailingStopIncrement")?;
    if !call.flag("trailingStop")?.unwrap_or(false) {
        refuse(step.is_some_and(|step| step > 0.0), "trailingStopIncrement")?;
        return Ok(None);
    }
    let distance = call.number(distance)?.ok_or_else(|| wrong(distance))?;
    let step = step.filter(|step| *step > 0.0).ok_or_else(|| wrong("trailingStopIncrement"))?;
    Ok(Some(Trailing { distance, step }))
}

/// `(\d{2}-)?[A-Z]{3}-\d{2}|-|DFB`.
fn is_expiry(text: &str) -> bool {
    let digits = |part: &str| part.len() == 2 && part.chars().all(|c| c.is_ascii_digit());
    let month = |part: &str| part.len() == 3 && part.chars().all(|c| c.is_ascii_uppercase());
    match text.split('-').collect::<Vec<_>>().as_slice() {
        ["DFB"] | ["", ""] => true,
        [name, year] => month(name) && digits(year),
        [day, name, year] => digits(day) && month(name) && digits(year),
        _ => false,
    }
}

fn direction(call: &Call) -> Refused<Direction> {
    Direction::read(&text(call, "direction")?).ok_or_else(|| wrong("direction"))
}

fn size(call: &Call) -> Refused<f64> {
    let size = call.number("size")?.ok_or_else(|| missing("size"))?;
    if size > 0.0 { Ok(size) } else { Err(wrong("size")) }
}

fn text(call: &Call, name: &str) -> Refused<String> {
    call.text(name)?.map(str::to_owned).ok_or_else(|| missing(name))
}

fn not_empty(call: &Call) -> Refused<()> {
    match call.body.as_object() {
        Some(body) if !body.is_empty() => Ok(()),
        _ => Err(Answer::error("validation.null-not-allowed.request")),
    }
}

fn refuse(is_wrong: bool, name: &str) -> Refused<()> {
    if is_wrong { Err(wrong(name)) } else { Ok(()) }
}

fn wrong(name: &str) -> Answer {
    Answer::error(format!("invalid.request.{name}"))
}

fn missing(name: &str) -> Answer {
    Answer::error(format!("validation.null-not-allowed.request.{name}"))
}

fn bad_pattern(name: &str) -> Answer {
    Answer::error(format!("validation.pattern.invalid.request.{name}"))
}
