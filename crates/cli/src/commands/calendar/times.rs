//! When people have time.

use std::fmt::Display;

use evergrant::capability::{
    self, AvailabilityAsk, Moment, NewAttendee, SuggestedTime, SuggestionsAsk, Zone,
};
use serde_json::json;

use super::super::live::{Live, instant, time};
use crate::output::{Output, UsageError, plain};

#[derive(clap::Args)]
struct Asked {
    /// Who
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',', required = true)]
    with: Vec<String>,
    /// A time, or a day from its midnight
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Moment,
    /// A time, or a day to its end
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Moment,
    /// The zone of days and times, such as Europe/Berlin; UTC unless given
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
}

#[derive(clap::Args)]
pub(super) struct Availability {
    #[command(flatten)]
    asked: Asked,
    /// How long a slot of the answer is, which only --json shows
    #[arg(long, value_name = "N", default_value_t = 30)]
    minutes: u32,
}

#[derive(clap::Args)]
pub(super) struct Times {
    #[command(flatten)]
    asked: Asked,
    /// How long they meet
    #[arg(long, value_name = "N", default_value_t = 30)]
    minutes: u32,
    /// How many times at most
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Outside working hours, too
    #[arg(long)]
    any_hour: bool,
}

impl Asked {
    /// From when to when; days by their midnights.
    fn span(&self) -> Result<[Moment; 2], UsageError> {
        let zone = self.time_zone.as_ref();
        let from = instant("--from", self.from, Moment::first_instant, zone)?;
        let to = instant("--to", self.to, Moment::end_instant, zone)?;
        let shown = self.time_zone.clone().unwrap_or_else(Zone::utc);
        Ok([from, to].map(|at| Moment::within(at, &shown)))
    }
}

impl Availability {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let [start_time, end_time] = self.asked.span()?;
        let ask = AvailabilityAsk {
            emails: self.asked.with,
            start_time,
            end_time,
            time_zone: self.asked.time_zone,
            interval_minutes: self.minutes,
        };
        let found = live.calendars()?.availability(&live.api, &ask).await?;
        let rows: Vec<_> = found.iter().flat_map(rows).collect();
        let json = json!({ "results": found, "next": null });
        output.table(&json, &["WHO", "IS", "FROM", "TO", "SUBJECT"], &rows, "there is nobody")
    }
}

/// What takes somebody's time, or that nothing does.
fn rows(theirs: &capability::Availability) -> Vec<Vec<String>> {
    let who = || plain(&theirs.email);
    let none = String::new;
    if let Some(error) = &theirs.error {
        return vec![vec![who(), "unknown".to_owned(), none(), none(), plain(error)]];
    }
    if theirs.busy.is_empty() {
        return vec![vec![who(), "free".to_owned(), none(), none(), none()]];
    }
    let row = |busy: &capability::BusyTime| {
        let [from, to] = [busy.start_time, busy.end_time].map(|at| at.to_string());
        let subject = plain(busy.subject.as_deref().unwrap_or_default());
        vec![who(), plain(busy.show_as.as_str()), from, to, subject]
    };
    theirs.busy.iter().map(row).collect()
}

impl Times {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let [start_time, end_time] = self.asked.span()?;
        let invite = |email: String| NewAttendee { name: None, email, role: None };
        let ask = SuggestionsAsk {
            attendees: self.asked.with.into_iter().map(invite).collect(),
            duration_minutes: self.minutes,
            start_time,
            end_time,
            time_zone: self.asked.time_zone,
            limit: self.limit,
            is_organizer_optional: false,
            minimum_attendee_percentage: None,
            working_hours_only: !self.any_hour,
        };
        let found = live.calendars()?.suggest_times(&live.api, &ask).await?;
        let row = |at: &SuggestedTime| {
            let text = |part: &dyn Display| part.to_string();
            let reason = plain(at.reason.as_deref().unwrap_or_default());
            vec![text(&at.start_time), text(&at.end_time), format!("{} %", at.confidence), reason]
        };
        let rows: Vec<_> = found.results.iter().map(row).collect();
        let none = found.empty_reason.as_deref().map(plain);
        let none = none.map_or("there is no such time".to_owned(), |why| {
            format!("there is no such time: {why}")
        });
        let json = serde_json::to_value(&found)?;
        output.table(&json, &["START", "END", "LIKELY", "WHY"], &rows, &none)
    }
}
