//! Activities, in three versions.

use serde_json::{Value, json};

use super::super::desk::{Activity, Direction};
use super::super::market::symbol;
use super::super::{dice, hours, when};
use super::{Page, Reader, Span, date, fiql, number};
use crate::ig::sandbox::answer::{Answer, Refused};
use crate::ig::sandbox::call::Call;

impl Reader<'_> {
    /// Version 3: the newest first; `next` leads to what is older.
    pub(super) fn activity(&self, call: &Call) -> Refused<Answer> {
        let size = number(call, "pageSize", 50)?;
        if !(10..=500).contains(&size) {
            return Err(Answer::error("error.request.invalid.page-size"));
        }
        let to = date(call.query("to"), &[when::V3, when::DAY])?.unwrap_or(self.floor.now);
        // IG calls `from` required, and does not say how it refuses who leaves it out: a day it is.
        let from = date(call.query("from"), &[when::V3, when::DAY])?;
        let span = Span::new(from.unwrap_or(to - hours::DAY), to)?;
        let is_detailed = call.query("detailed") == Some("true");
        let mut all = Vec::new();
        for one in self.activities(span) {
            let meant = call.query("dealId").is_none_or(|deal| deal == one.deal_id);
            if meant && call.query("filter").map_or(Ok(true), |filter| passes(filter, one))? {
                all.push(one);
            }
        }
        // Of the activities of the second `to`, those that were on earlier pages.
        let skip = number(call, "skip", 0)?;
        let rest = all.get(skip..).unwrap_or_default();
        let page = rest.get(..size.min(rest.len())).unwrap_or_default();
        let next = page.last().filter(|_| rest.len() > page.len()).map(|last| {
            let of_second = page.iter().filter(|one| one.at == last.at).count();
            let seen = of_second + if last.at == to { skip } else { 0 };
            next(call, Span { from: span.from, to: last.at }, is_detailed, size, seen)
        });
        let shown: Vec<_> = page.iter().map(|one| shown(one, is_detailed)).collect();
        Ok(Answer::ok(json!({
            "activities": shown,
            "metadata": { "paging": { "next": next, "size": page.len() } },
        })))
    }

    /// Version 2: with numbered pages.
    pub(super) fn paged_activity(&self, call: &Call) -> Refused<Answer> {
        let all = self.activities(self.span(call)?);
        let page = Page::read(call)?;
        let shown: Vec<_> = page.of(&all).iter().map(|one| old(one)).collect();
        Ok(Answer::ok(json!({
            "activities": shown,
            "metadata": { "pageData": page.json(all.len()), "size": shown.len() },
        })))
    }

    /// Version 1: everything of a stretch.
    pub(super) fn old_activity(&self, range: &[&str]) -> Refused<Answer> {
        let all = self.activities(self.old_span(range)?);
        let shown: Vec<_> = all.into_iter().map(old).collect();
        Ok(Answer::ok(json!({ "activities": shown })))
    }

    /// The activities of a stretch, the newest first.
    fn activities(&self, span: Span) -> Vec<&Activity> {
        self.book.activities.iter().rev().filter(|one| span.holds(one.at)).collect()
    }
}

/// Where the page after this one is, with everything that was asked for.
fn next(call: &Call, span: Span, is_detailed: bool, size: usize, seen: usize) -> String {
    let (from, to) = (when::utc(span.from, when::V3), when::utc(span.to, when::V3));
    let mut kept = url::form_urlencoded::Serializer::new(String::new());
    for name in ["dealId", "filter"] {
        kept.extend_pairs(call.query(name).map(|value| (name, value)));
    }
    let kept = kept.append_pair("skip", &seen.to_string()).finish();
    format!(
        "/history/activity?version=3&from={from}&to={to}&detailed={is_detailed}&pageSize={size}&{kept}"
    )
}

fn status(activity: &Activity) -> &'static str {
    if activity.is_accepted { "ACCEPTED" } else { "REJECTED" }
}

fn passes(filter: &str, activity: &Activity) -> Refused<bool> {
    fiql::passes(filter, |name| {
        Some(match name {
            "channel" => activity.channel,
            "type" => activity.kind,
            "status" => status(activity),
            "epic" => &activity.epic,
            "period" => &activity.period,
            "dealId" => &activity.deal_id,
            "dealReference" | "details.dealReference" => &activity.reference,
            _ => return None,
        })
    })
}

fn shown(activity: &Activity, is_detailed: bool) -> Value {
    json!({
        "date": when::utc(activity.at, when::V3),
        "epic": activity.epic,
        "period": activity.period,
        "dealId": activity.deal_id,
        "channel": activity.channel,
        "type": activity.kind,
        "status": status(activity),
        "description": activity.description,
        "details": is_detailed.then(|| details(activity)),
    })
}

fn details(activity: &Activity) -> Value {
    let action =
        |(kind, deal): &(&str, String)| json!({ "actionType": kind, "affectedDealId": deal });
    let exits = &activity.exits;
    json!({
        "dealReference": activity.reference,
        "actions": activity.actions.iter().map(action).collect::<Vec<_>>(),
        "marketName": activity.market,
        "goodTillDate": activity.good_till.map(|end| when::utc(end, when::V3)),
        "currency": activity.currency,
        "size": activity.size,
        "direction": activity.direction.map(Direction::name),
        "level": activity.level,
        "stopLevel": exits.stop,
        "stopDistance": null,
        "guaranteedStop": exits.guaranteed,
        "trailingStopDistance": exits.trailing.map(|trailing| trailing.distance),
        "trailingStep": exits.trailing.map(|trailing| trailing.step),
        "limitLevel": exits.limit,
        "limitDistance": null,
    })
}

/// As versions 1 and 2 show it: all texts.
fn old(activity: &Activity) -> Value {
    let text = |number: Option<f64>| number.map_or("-".to_owned(), |number| number.to_string());
    let sign = if activity.direction == Some(Direction::Sell) { '-' } else { '+' };
    let size = activity.size.map_or("-".to_owned(), |size| format!("{sign}{size:.2}"));
    let number = dice::of_text(&format!("{}{}", activity.deal_id, activity.at)) % 10_000_000_000;
    json!({
        "epic": activity.epic,
        "dealId": activity.deal_id,
        "activityHistoryId": format!("{number:010}"),
        "date": when::local(activity.at, "%d/%m/%y"),
        "time": when::local(activity.at, "%H:%M"),
        "activity": if activity.kind == "EDIT_STOP_AND_LIMIT" { "S&L" } else { "Order" },
        "marketName": activity.market,
        "period": activity.period,
        "result": activity.description,
        "channel": match activity.channel {
            "SYSTEM" => "System",
            "PUBLIC_WEB_API" => "Public Web API",
            "MOBILE" => "Mobile",
            "DEALER" => "Dealer",
            _ => "Web",
        },
        "currency": symbol(&activity.currency),
        "size": size,
        "level": text(activity.level),
        "stop": text(activity.exits.stop),
        "stopType": match (activity.exits.stop, activity.exits.guaranteed) {
            (None, _) => "-",
            (Some(_), true) => "G",
            (Some(_), false) => "N",
        },
        "limit": text(activity.exits.limit),
        "actionStatus": if activity.is_accepted { "ACCEPT" } else { "REJECT" },
    })
}
