//! Markets, prices, accounts, positions, orders and history in lists.

use clap::builder::PossibleValuesParser;
use evergrant::capability::{
    Activity, Cursor, HistoryQuery, Market, Moment, Order, Position, PriceQuery, Resolution,
    Sentiment, TradingAccount, Transaction,
};
use jiff::Timestamp;
use serde_json::json;

use super::show::{self, number, text, time, word};
use crate::commands::live::{Live, instant, time as moment};
use crate::output::{Output, UsageError};

pub(super) async fn navigate(
    live: &Live,
    output: Output,
    node: Option<&str>,
) -> anyhow::Result<()> {
    let found = live.markets()?.navigate(&live.api, node).await?;
    let nodes = found.nodes.iter().map(|node| vec![text(Some(&node.name)), node.id.clone()]);
    let markets =
        found.markets.iter().map(|market| vec![text(Some(&market.name)), market.epic.clone()]);
    let rows: Vec<_> = nodes.chain(markets).collect();
    output.table(&json!(found), &["NAME", "NODE OR EPIC"], &rows, "there is nothing below it")
}

pub(super) fn markets(output: Output, found: &[Market], none: &str) -> anyhow::Result<()> {
    let rows: Vec<_> = found.iter().map(show::market_row).collect();
    let json = json!({ "results": found, "next": null });
    output.table(&json, &["NAME", "EPIC", "STATUS", "BID", "OFFER", "CHANGE"], &rows, none)
}

/// A span of time as it is typed.
fn span(
    from: Option<Moment>,
    to: Option<Moment>,
) -> Result<(Option<Timestamp>, Option<Timestamp>), UsageError> {
    let from = from.map(|at| instant("--from", at, Moment::first_instant, None)).transpose()?;
    let to = to.map(|at| instant("--to", at, Moment::end_instant, None)).transpose()?;
    match (from, to) {
        (Some(from), Some(to)) if to <= from => {
            Err(UsageError("--to must be after --from".to_owned()))
        }
        span => Ok(span),
    }
}

#[derive(clap::Args)]
pub(super) struct Prices {
    /// The market
    epic: String,
    /// The time that one price stands for
    #[arg(long, value_name = "SPAN", default_value = "minute", value_parser = PossibleValuesParser::new(Resolution::WORDS))]
    resolution: String,
    /// From when on; a day from its midnight in UTC
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Moment>,
    /// Until when; a day to its end in UTC; now unless given
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "from")]
    to: Option<Moment>,
    /// How many of the last ones, where no time is given; 10 unless given
    #[arg(long, value_name = "N", conflicts_with = "from", value_parser = clap::value_parser!(u32).range(1..))]
    max: Option<u32>,
    /// How many at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Where the last list ended: its `next`, as --json shows it
    #[arg(long, value_name = "NEXT")]
    cursor: Option<String>,
}

impl Prices {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let (from, to) = span(self.from, self.to)?;
        let query = PriceQuery {
            resolution: Some(Resolution::from(&*self.resolution)),
            from,
            to,
            max: self.max,
            limit: Some(self.limit),
        };
        let cursor = self.cursor.map(Cursor);
        let page = live.markets()?.prices(&live.api, &self.epic, &query, cursor.as_ref()).await?;
        let rows: Vec<_> = page.results.iter().map(show::price_row).collect();
        let head = ["TIME", "OPEN", "HIGH", "LOW", "CLOSE", "ASK", "VOLUME"];
        output.table(&json!(page), &head, &rows, "there are no prices")?;
        if let Some(allowance) = page.allowance.as_ref().filter(|_| !output.json) {
            let (left, total) = (allowance.remaining, allowance.total);
            output.note(&format!(
                "{left} of {total} past prices are left until {:.0}",
                allowance.renewed_at
            ));
        }
        Ok(())
    }
}

pub(super) async fn sentiment(
    live: &Live,
    output: Output,
    asked: &[String],
    related: bool,
) -> anyhow::Result<()> {
    let markets = live.markets()?;
    let found = match asked {
        [market] if related => markets.related_sentiment(&live.api, market).await?,
        _ if related => return Err(UsageError("--related takes one market".to_owned()).into()),
        asked => markets.sentiment(&live.api, asked).await?,
    };
    let row = |each: &Sentiment| {
        let percent = |number: f64| format!("{number} %");
        vec![text(Some(&each.market_id)), percent(each.long_percent), percent(each.short_percent)]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let json = json!({ "results": found, "next": null });
    output.table(&json, &["MARKET", "LONG", "SHORT"], &rows, "nothing is known of them")
}

pub(super) async fn accounts(live: &Live, output: Output) -> anyhow::Result<()> {
    let found = live.trading()?.accounts(&live.api).await?;
    let row = |account: &TradingAccount| {
        vec![
            account.id.clone(),
            text(Some(account.alias.as_ref().unwrap_or(&account.name))),
            text(account.kind.as_ref()),
            text(account.currency.as_ref()),
            number(account.balance),
            number(account.profit_loss),
            number(account.available),
            if account.default { "default".to_owned() } else { String::new() },
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let head = ["ID", "NAME", "TYPE", "CURRENCY", "BALANCE", "PROFIT", "AVAILABLE", ""];
    let json = json!({ "results": found, "next": null });
    output.table(&json, &head, &rows, "there are no accounts")
}

pub(super) async fn positions(live: &Live, output: Output) -> anyhow::Result<()> {
    let found = live.trading()?.positions(&live.api).await?;
    let row = |position: &Position| {
        vec![
            text(Some(&position.market.name)),
            word(position.direction.as_str()),
            position.size.to_string(),
            number(position.level),
            number(position.market.bid),
            number(position.market.offer),
            number(position.stop_level),
            number(position.limit_level),
            text(Some(&position.id)),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let head = ["MARKET", "", "SIZE", "LEVEL", "BID", "OFFER", "STOP", "LIMIT", "ID"];
    let json = json!({ "results": found, "next": null });
    output.table(&json, &head, &rows, "there are no open positions")
}

pub(super) async fn orders(live: &Live, output: Output) -> anyhow::Result<()> {
    let found = live.trading()?.orders(&live.api).await?;
    let row = |order: &Order| {
        vec![
            text(Some(&order.market.name)),
            word(order.direction.as_str()),
            word(order.kind.as_str()),
            order.size.to_string(),
            number(order.level),
            time(order.good_till),
            text(Some(&order.id)),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let head = ["MARKET", "", "TYPE", "SIZE", "LEVEL", "UNTIL", "ID"];
    let json = json!({ "results": found, "next": null });
    output.table(&json, &head, &rows, "there are no orders")
}

#[derive(clap::Args)]
pub(super) struct History {
    #[command(flatten)]
    past: Past,
    /// Only what concerns this deal, by its id
    #[arg(long, value_name = "ID")]
    deal: Option<String>,
}

/// Which part of the past.
#[derive(clap::Args)]
struct Past {
    /// From when on; a day from its midnight in UTC; 7 days ago unless given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<Moment>,
    /// Until when; a day to its end in UTC; now unless given
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Moment>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Where the last list ended: its `next`, as --json shows it
    #[arg(long, value_name = "NEXT")]
    cursor: Option<String>,
}

impl Past {
    fn query(&self) -> Result<(HistoryQuery, Option<Cursor>), UsageError> {
        let (from, to) = span(self.from, self.to)?;
        let query = HistoryQuery { from, to, limit: Some(self.limit), ..HistoryQuery::default() };
        Ok((query, self.cursor.clone().map(Cursor)))
    }
}

impl History {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let (query, cursor) = self.past.query()?;
        let query = HistoryQuery { deal_id: self.deal, ..query };
        let page = live.trading()?.activity(&live.api, &query, cursor.as_ref()).await?;
        let row = |each: &Activity| {
            vec![
                time(each.at),
                text(each.kind.as_ref()),
                text(each.status.as_ref()),
                text(each.epic.as_ref()),
                text(each.description.as_ref()),
                text(each.deal_id.as_ref()),
            ]
        };
        let rows: Vec<_> = page.results.iter().map(row).collect();
        let json = json!({ "results": page.results, "next": page.next });
        let head = ["TIME", "TYPE", "STATUS", "EPIC", "WHAT", "DEAL"];
        output.table(&json, &head, &rows, "nothing happened")
    }
}

#[derive(clap::Args)]
pub(super) struct Transactions {
    #[command(flatten)]
    past: Past,
    /// Only this kind, in IG's word
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
}

impl Transactions {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let (query, cursor) = self.past.query()?;
        let query = HistoryQuery { kind: self.kind, ..query };
        let page = live.trading()?.transactions(&live.api, &query, cursor.as_ref()).await?;
        let row = |each: &Transaction| {
            vec![
                time(each.at),
                text(each.kind.as_ref()),
                text(each.name.as_ref()),
                text(each.amount_text.as_ref()),
                text(each.reference.as_ref()),
            ]
        };
        let rows: Vec<_> = page.results.iter().map(row).collect();
        let json = json!({ "results": page.results, "next": page.next });
        output.table(
            &json,
            &["TIME", "TYPE", "FOR", "AMOUNT", "REFERENCE"],
            &rows,
            "no money moved",
        )
    }
}
