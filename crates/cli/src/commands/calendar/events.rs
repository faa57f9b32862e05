//! What takes place.

use evergrant::capability::{EventQuery, Moment, Zone, all};
use jiff::SignedDuration;
use serde_json::json;

use super::super::live::{Live, instant, time};
use super::show;
use crate::output::Output;

/// How many events are asked for at once.
const PAGE: u32 = 200;
/// How much is shown unless its end is given.
const SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(clap::Args, Default)]
pub(super) struct Span {
    /// A time, or a day from its midnight; today unless given
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Moment>,
    /// A time, or a day to its end
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Moment>,
    /// The calendar's id; the default one unless given
    #[arg(long, value_name = "ID")]
    calendar: Option<String>,
    /// Only the occurrences of this series
    #[arg(long, value_name = "ID")]
    series: Option<String>,
    /// The zone of days and times, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
}

impl Span {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let zone = self.time_zone.as_ref();
        let today =
            || Moment::Day(zone.cloned().unwrap_or_else(Zone::utc).at(live.api.now()).date());
        let from = self.from.unwrap_or_else(today);
        let from = instant("--from", from, Moment::first_instant, zone)?;
        let to = match self.to {
            Some(to) => instant("--to", to, Moment::end_instant, zone)?,
            None => from.saturating_add(SPAN)?,
        };
        let query = EventQuery {
            calendar: self.calendar,
            series: self.series,
            from,
            to,
            zone: self.time_zone,
            limit: PAGE,
        };
        let calendars = live.calendars()?;
        let found = all(async |cursor| calendars.events(&live.api, &query, cursor.as_ref()).await);
        let found = found.await?;
        let rows: Vec<_> = found.iter().map(show::row).collect();
        let json = json!({ "results": found, "next": null });
        let head = ["START", "END", "SUBJECT", "WHERE", "ID"];
        output.table(&json, &head, &rows, "nothing takes place in that time")
    }
}
