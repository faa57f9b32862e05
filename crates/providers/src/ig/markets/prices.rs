//! Past prices (contract, section 4.3).
//!
//! They count against an allowance by the week, which every answer tells anew and all processes share.

use evergrant::capability::{Cursor, PricePage, PriceQuery, Resolution};
use evergrant::quota::Left;
use evergrant::{Api, CallError};
use jiff::Timestamp;

use crate::ig::wire::Members;
use crate::ig::wire::given::{self, invalid, query as parameters};
use crate::ig::wire::place::Place;
use crate::ig::wire::price::part;
use crate::ig::wire::time;
use crate::ig::words::HISTORY;
use crate::ig::{Ig, call};

/// How many prices there are where nobody says.
const MAX: u32 = 10;
/// How many a page has where nobody says.
const LIMIT: u32 = 20;

impl Ig {
    pub(super) async fn past_prices(
        &self,
        api: &Api,
        epic: &str,
        query: &PriceQuery,
        cursor: Option<&Cursor>,
    ) -> Result<PricePage, CallError> {
        let epic = given::epic("/epic", epic)?;
        let account = call::account(api)?;
        let list = format!("prices\n{account}\n{epic}\n{query:?}");
        let mut place = Place::of(cursor, &list, api.now())?;
        let (path, points) = asked(epic, query, &place)?;
        let answer = self.get_points(api, 3, &path, points).await?;
        let part = part(Members::read(&answer)?);
        if let Some(left) = part.allowance {
            let left = Left { amount: left.remaining, renewed_in: left.renewed_in };
            api.left(HISTORY, &self.history_of(api, account), left).await;
        }
        // The last so many are others by the time of the next page: they go on as the span they are.
        if query.from.is_none() && place.page == 1 {
            place.from = part.prices.first().and_then(|price| price.time);
        }
        Ok(PricePage {
            next: (place.page < part.pages).then(|| place.next(&list)),
            allowance: part.allowance.map(|allowance| allowance.at(api.now())),
            results: part.prices,
        })
    }
}

/// The path, and how many points it asks for.
fn asked(epic: &str, query: &PriceQuery, place: &Place) -> Result<(String, u32), CallError> {
    let resolution = query.resolution.as_ref().map_or("minute", Resolution::as_str);
    let resolution = given::word("/resolution", resolution, Resolution::WORDS)?;
    let limit = at_least_one("/limit", query.limit, LIMIT)?;
    let max = at_least_one("/max", query.max, MAX)?;
    let range = range(query, place)?;
    // Where there is a range, IG does not look at how many are wanted.
    let max = range.is_none().then_some(max);
    let (from, to) = range.unzip();
    let path = parameters(&[
        ("resolution", Some(resolution)),
        ("from", from.map(time::v3)),
        ("to", to.map(time::v3)),
        ("max", max.map(|max| max.to_string())),
        ("pageSize", Some(limit.to_string())),
        ("pageNumber", Some(place.page.to_string())),
    ]);
    Ok((format!("/prices/{epic}?{path}"), max.map_or(limit, |max| max.min(limit))))
}

fn range(query: &PriceQuery, place: &Place) -> Result<Option<(Timestamp, Timestamp)>, CallError> {
    let Some(from) = query.from else {
        return match query.to {
            Some(_) => Err(invalid("/from", "is missing; a span of time needs its beginning")),
            None => Ok(place.from.map(|from| (from, place.until))),
        };
    };
    let to = query.to.unwrap_or(place.until);
    if to < from {
        return Err(invalid("/to", "is before the beginning"));
    }
    Ok(Some((from, to)))
}

fn at_least_one(pointer: &str, given: Option<u32>, otherwise: u32) -> Result<u32, CallError> {
    match given.unwrap_or(otherwise) {
        0 => Err(invalid(pointer, "is not more than 0")),
        number => Ok(number),
    }
}
