//! Opening and closing positions (contract, section 4.5).

use evergrant::capability::{
    ClosePosition, Deal, Direction, Markets, NewPosition, Once, Position, PositionOrder,
    TimeInForce, Trading,
};
use evergrant::{Api, CallError};
use http::Method;
use serde_json::{Map, Value};

use super::effect::{Effect, Sought};
use super::settle::{Trace, named};
use super::{besides, reference_of, unsent};
use crate::ig::Ig;
use crate::ig::wire::given::{self, invalid};
use crate::ig::wire::lacks;

/// Where positions are dealt in.
const DEALS: &str = "/positions/otc";
/// How long an order at once may stand.
const AT_ONCE: &[&str] = &["fill_or_kill", "execute_and_eliminate"];

impl Ig {
    pub(super) async fn open(
        &self,
        api: &Api,
        once: Once,
        position: &NewPosition,
    ) -> Result<Deal, CallError> {
        let mut body = opening(position)?;
        let trace = named(once);
        if once.tried() {
            return Ok(self.tried(api, &trace).await);
        }
        let market = Dealt::of(position.expiry.as_deref(), position.currency.as_deref());
        market.complete(self, &besides(api), &position.epic, &mut body).await.map_err(unsent)?;
        body.insert("dealReference".to_owned(), reference_of(once).into());
        let sent = self.send_once(api, Method::POST, 2, DEALS, Some(&body.into())).await;
        self.settle(api, sent, &trace).await
    }

    pub(super) async fn close(
        &self,
        api: &Api,
        once: Once,
        id: &str,
        close: &ClosePosition,
    ) -> Result<Deal, CallError> {
        let mut body = at_price(close.kind.as_ref(), close.level, close.quote_id.as_deref())?;
        in_force(&mut body, close.time_in_force.as_ref())?;
        close.size.map_or(Ok(()), |size| given::size("/size", size))?;
        if once.tried() {
            // How much there was before is not known any more.
            let left = close.size.is_none().then_some(0.0);
            let effect = Effect::Closed { id: id.to_owned(), left };
            return Ok(self.tried(api, &Trace::Effect(Sought::of(api, effect))).await);
        }
        let api = &besides(api);
        let position = self.position(api, id).await.map_err(unsent)?;
        let size = close.size.unwrap_or(position.size);
        if size > position.size {
            let problem = format!("is more than the position has, which is {}", position.size);
            return Err(invalid("/size", problem));
        }
        let left = Some(position.size - size);
        body.insert("dealId".to_owned(), position.id.as_str().into());
        body.insert("direction".to_owned(), opposite(&position)?.into());
        body.insert("size".to_owned(), size.into());
        let effect = Effect::Closed { id: position.id, left };
        let trace = Trace::Effect(Sought::of(api, effect));
        let sent = self.send_once(api, Method::DELETE, 1, DEALS, Some(&body.into())).await;
        self.settle(api, sent, &trace).await
    }

    /// A position by an id that is no caller's.
    pub(super) async fn position_of(&self, api: &Api, id: &str) -> Result<Position, CallError> {
        Trading::position(self, api, id).await
    }
}

/// What a deal says of its market and the caller may leave to us.
pub(super) struct Dealt<'a> {
    expiry: Option<&'a str>,
    currency: Option<&'a str>,
}

impl<'a> Dealt<'a> {
    pub(super) fn of(expiry: Option<&'a str>, currency: Option<&'a str>) -> Self {
        Self { expiry, currency }
    }

    pub(super) fn check(&self) -> Result<(), CallError> {
        self.expiry.map_or(Ok(()), |expiry| given::expiry("/expiry", expiry))?;
        self.currency.map_or(Ok(()), |code| given::currency("/currency", code))
    }

    /// Puts both into the request; asks the market for what was not given.
    pub(super) async fn complete(
        self,
        ig: &Ig,
        api: &Api,
        epic: &str,
        body: &mut Map<String, Value>,
    ) -> Result<(), CallError> {
        let (expiry, currency) = match (self.expiry, self.currency) {
            (Some(expiry), Some(currency)) => (expiry.to_owned(), currency.to_owned()),
            (expiry, currency) => {
                let details = ig.market(api, epic).await?;
                // A market that says none never ends.
                let ends = details.market.expiry.unwrap_or_else(|| "-".to_owned());
                let usual = || details.currencies.into_iter().next();
                let currency = currency.map(str::to_owned).or_else(usual);
                let currency = currency.ok_or_else(|| lacks("currency of the market"))?;
                (expiry.map_or(ends, str::to_owned), currency)
            }
        };
        body.insert("expiry".to_owned(), expiry.into());
        body.insert("currencyCode".to_owned(), currency.into());
        Ok(())
    }
}

/// Where a position's stop and limit are to be, as it is opened.
pub(super) struct Exits {
    pub(super) stop_level: Option<f64>,
    pub(super) stop_distance: Option<f64>,
    pub(super) limit_level: Option<f64>,
    pub(super) limit_distance: Option<f64>,
    pub(super) guaranteed: bool,
}

impl Exits {
    pub(super) fn check(&self) -> Result<(), CallError> {
        given::level("/stop_level", self.stop_level)?;
        given::level("/limit_level", self.limit_level)?;
        given::distance("/stop_distance", self.stop_distance)?;
        given::distance("/limit_distance", self.limit_distance)?;
        if self.stop_level.is_some() && self.stop_distance.is_some() {
            return Err(invalid("/stop_distance", "cannot be given beside stop_level"));
        }
        if self.limit_level.is_some() && self.limit_distance.is_some() {
            return Err(invalid("/limit_distance", "cannot be given beside limit_level"));
        }
        if self.guaranteed && self.stop_level.is_none() && self.stop_distance.is_none() {
            return Err(invalid("/guaranteed_stop", "takes stop_level or stop_distance"));
        }
        Ok(())
    }

    /// Whatever has a stop or a limit stands beside an opposite position.
    pub(super) fn put(&self, body: &mut Map<String, Value>, force_open: bool) {
        let exits = [
            ("stopLevel", self.stop_level),
            ("stopDistance", self.stop_distance),
            ("limitLevel", self.limit_level),
            ("limitDistance", self.limit_distance),
        ];
        let given = exits.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let given: Vec<_> = given.collect();
        body.insert("forceOpen".to_owned(), (force_open || !given.is_empty()).into());
        body.insert("guaranteedStop".to_owned(), self.guaranteed.into());
        body.extend(given.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    }
}

/// The request but for what the market says.
fn opening(position: &NewPosition) -> Result<Map<String, Value>, CallError> {
    let mut body = at_price(position.kind.as_ref(), position.level, position.quote_id.as_deref())?;
    in_force(&mut body, position.time_in_force.as_ref())?;
    body.insert("epic".to_owned(), given::epic("/epic", &position.epic)?.into());
    body.insert("direction".to_owned(), direction(&position.direction)?.into());
    given::size("/size", position.size)?;
    body.insert("size".to_owned(), position.size.into());
    Dealt::of(position.expiry.as_deref(), position.currency.as_deref()).check()?;
    let exits = Exits {
        stop_level: position.stop_level,
        stop_distance: position.stop_distance,
        limit_level: position.limit_level,
        limit_distance: position.limit_distance,
        guaranteed: position.guaranteed_stop,
    };
    exits.check()?;
    exits.put(&mut body, position.force_open);
    if let Some(step) = position.trailing_step {
        given::distance("/trailing_step", Some(step))?;
        if position.stop_distance.is_none() {
            return Err(invalid("/trailing_step", "takes stop_distance, and no stop_level"));
        }
        if position.guaranteed_stop {
            return Err(invalid("/trailing_step", "cannot be had with a guaranteed stop"));
        }
        body.insert("trailingStop".to_owned(), true.into());
        body.insert("trailingStopIncrement".to_owned(), step.into());
    }
    Ok(body)
}

/// At what price, with what that takes and nothing else.
fn at_price(
    kind: Option<&PositionOrder>,
    level: Option<f64>,
    quote: Option<&str>,
) -> Result<Map<String, Value>, CallError> {
    given::level("/level", level)?;
    let word = kind.map_or("market", PositionOrder::as_str);
    let theirs = given::word("/type", word, PositionOrder::WORDS)?;
    let takes_level = word != "market";
    match level {
        Some(_) if !takes_level => {
            return Err(invalid("/level", "cannot be given at the market's price; see type"));
        }
        None if takes_level => return Err(invalid("/level", format!("is missing for {word}"))),
        _ => {}
    }
    match quote {
        Some(_) if word != "quote" => return Err(invalid("/quote_id", "is for quote alone")),
        None if word == "quote" => return Err(invalid("/quote_id", "is missing for quote")),
        _ => {}
    }
    let given = [
        ("orderType", Some(theirs.into())),
        ("level", level.map(Value::from)),
        ("quoteId", quote.map(Value::from)),
    ];
    Ok(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

fn in_force(body: &mut Map<String, Value>, word: Option<&TimeInForce>) -> Result<(), CallError> {
    if let Some(word) = word {
        let theirs = given::word("/time_in_force", word.as_str(), AT_ONCE)?;
        body.insert("timeInForce".to_owned(), theirs.into());
    }
    Ok(())
}

/// Whether to buy or to sell, in IG's word.
pub(super) fn direction(direction: &Direction) -> Result<String, CallError> {
    given::word("/direction", direction.as_str(), Direction::WORDS)
}

/// The direction that closes a position.
fn opposite(position: &Position) -> Result<&'static str, CallError> {
    match position.direction {
        Direction::Buy => Ok("SELL"),
        Direction::Sell => Ok("BUY"),
        Direction::Other(_) => Err(lacks("direction that can be closed")),
    }
}
