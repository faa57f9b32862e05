//! Events that are written here.

use evergrant::capability::{
    Answer, Body, BodyFormat, EventChanges, Location, Moment, NewAttendee, NewEvent, Patch,
    Response, Zone,
};
use serde::Serialize;
use serde_json::json;

use super::super::live::{Exact, Live, time};
use super::repeat::Repeats;
use super::show;
use crate::output::{Output, UsageError};

#[derive(clap::Args, Serialize)]
pub(super) struct Create {
    /// The title
    subject: String,
    /// When it begins: 2026-03-27T09:00:00+01:00, or without an offset with --time-zone; a day for
    /// whole days
    #[arg(long, value_name = "TIME", value_parser = time)]
    start: Moment,
    /// When it ends; for whole days the first day after it
    #[arg(long, value_name = "TIME", value_parser = time, required_unless_present = "all_day")]
    end: Option<Moment>,
    /// It lasts whole days: the one on which it starts, unless --end says otherwise
    #[arg(long)]
    all_day: bool,
    /// The zone of times without an offset, such as Europe/Berlin; a series needs one
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
    #[command(flatten)]
    repeats: Repeats,
    /// Whom to invite
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    with: Vec<String>,
    /// Where it takes place
    #[arg(long = "where", value_name = "PLACE")]
    place: Option<String>,
    /// The description
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// Make it an online meeting
    #[arg(long)]
    online: bool,
    /// The calendar's id; the default one unless given
    #[arg(long, value_name = "ID")]
    calendar: Option<String>,
    /// A name for this event: the same command with the same name and arguments creates it once; with
    /// other arguments it is another event, and created
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

impl Create {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let event = self.event()?;
        let once = live.once("create event", self.key.as_deref(), Exact::of(&self)?);
        show::print(output, &live.calendars()?.create_event(&live.api, once, &event).await?)
    }

    /// From when to when.
    fn span(&self) -> Result<(Moment, Moment), UsageError> {
        let day = |option: &str, at: Moment| match at {
            Moment::Day(day) => Ok(day),
            _ => Err(UsageError(format!(
                "{option} is a time; with --all-day it is a day such as 2026-03-27"
            ))),
        };
        match (self.all_day, self.end) {
            (false, Some(end)) => Ok((self.start, end)),
            (_, Some(end)) => {
                Ok((Moment::Day(day("--start", self.start)?), Moment::Day(day("--end", end)?)))
            }
            (_, None) => {
                let first = day("--start", self.start)?;
                let after =
                    first.tomorrow().map_err(|error| UsageError(format!("--start: {error}")))?;
                Ok((self.start, Moment::Day(after)))
            }
        }
    }

    fn event(&self) -> Result<NewEvent, UsageError> {
        let (start_time, end_time) = self.span()?;
        Ok(NewEvent {
            subject: self.subject.clone(),
            body: self.body.clone().map(text),
            start_time,
            end_time,
            time_zone: self.time_zone.clone(),
            locations: self.place.clone().map(place).into_iter().collect(),
            attendees: invited(&self.with),
            recurrence: self.repeats.recurrence(),
            online_meeting: self.online,
            show_as: None,
            sensitivity: None,
            importance: None,
            categories: Vec::new(),
            reminder_minutes: Patch::Keep,
            response_requested: None,
            allow_new_time_proposals: None,
            hide_attendees: None,
            calendar: self.calendar.clone(),
        })
    }
}

#[derive(clap::Args)]
pub(super) struct Update {
    /// Its id
    event: String,
    /// The title
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// When it begins: 2026-03-27T09:00:00+01:00, or without an offset with --time-zone; a day for
    /// whole days
    #[arg(long, value_name = "TIME", value_parser = time)]
    start: Option<Moment>,
    /// When it ends; for whole days the first day after it
    #[arg(long, value_name = "TIME", value_parser = time)]
    end: Option<Moment>,
    /// The zone of times without an offset, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
    #[command(flatten)]
    repeats: Repeats,
    /// Leave a single event of a series
    #[arg(long, conflicts_with = "repeat")]
    no_repeat: bool,
    /// Everybody who is invited; '' for nobody
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    with: Option<Vec<String>>,
    /// Where it takes place
    #[arg(long = "where", value_name = "PLACE")]
    place: Option<String>,
    /// The description
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// Make it an online meeting
    #[arg(long)]
    online: bool,
    /// Only if it is still this version of it, as --json shows it
    #[arg(long, value_name = "VERSION")]
    if_version: Option<String>,
}

impl Update {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let changes = self.changes();
        if changes == EventChanges::default() {
            return Err(
                UsageError("name what changes, such as --subject or --start".to_owned()).into()
            );
        }
        let calendars = live.calendars()?;
        let version = self.if_version.as_deref();
        show::print(
            output,
            &calendars.update_event(&live.api, &self.event, &changes, version).await?,
        )
    }

    fn changes(&self) -> EventChanges {
        let single = if self.no_repeat { Patch::Clear } else { Patch::Keep };
        EventChanges {
            subject: self.subject.clone(),
            body: self.body.clone().map_or(Patch::Keep, |content| Patch::Set(text(content))),
            start_time: self.start,
            end_time: self.end,
            time_zone: self.time_zone.clone(),
            locations: self.place.clone().map(|name| vec![place(name)]),
            attendees: self.with.as_deref().map(invited),
            recurrence: self.repeats.recurrence().map_or(single, Patch::Set),
            online_meeting: self.online.then_some(true),
            ..EventChanges::default()
        }
    }
}

fn text(content: String) -> Body {
    Body { format: BodyFormat::Text, content }
}

fn place(name: String) -> Location {
    Location { name, ..Location::default() }
}

fn invited(emails: &[String]) -> Vec<NewAttendee> {
    let emails = emails.iter().filter(|email| !email.is_empty());
    emails.map(|email| NewAttendee { name: None, email: email.clone(), role: None }).collect()
}

#[derive(clap::Args)]
pub(super) struct Respond {
    /// Its id
    event: String,
    /// The answer
    #[arg(value_parser = ["accepted", "tentative", "declined"])]
    response: String,
    /// Words for the organizer
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Do not tell the organizer
    #[arg(long)]
    silent: bool,
    /// Another beginning that would suit better; not when accepting
    #[arg(long, value_name = "TIME", value_parser = time)]
    propose_start: Option<Moment>,
    /// The end that goes with it
    #[arg(long, value_name = "TIME", value_parser = time)]
    propose_end: Option<Moment>,
    /// The zone of times without an offset, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
}

impl Respond {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let answer = Answer {
            response: Response::from(self.response.as_str()),
            comment: self.comment,
            send: !self.silent,
            proposed_start_time: self.propose_start,
            proposed_end_time: self.propose_end,
            time_zone: self.time_zone,
        };
        live.calendars()?.respond(&live.api, live.anew(), &self.event, &answer).await?;
        output.value(&json!({ "id": self.event, "response": self.response }), &self.response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn create(typed: &[&str]) -> Create {
        let typed = ["create", "Planning"].iter().chain(typed);
        <Line as clap::Parser>::try_parse_from(typed).unwrap().create
    }

    #[test]
    fn what_is_typed_becomes_the_event() {
        let create = create(&[
            "--start=2026-03-27T09:00:00",
            "--end=2026-03-27T10:00:00",
            "--time-zone=Europe/Berlin",
            "--repeat=weekly:fri",
            "--count=3",
            "--with=alex@example.com,lee@example.com",
            "--where=Room 4",
            "--online",
        ]);
        let read: NewEvent = serde_json::from_value(json!({
            "subject": "Planning",
            "start_time": "2026-03-27T09:00:00",
            "end_time": "2026-03-27T10:00:00",
            "time_zone": "Europe/Berlin",
            "recurrence": {
                "pattern": { "type": "weekly", "days": ["friday"] },
                "range": { "type": "numbered", "count": 3 },
            },
            "attendees": [{ "email": "alex@example.com" }, { "email": "lee@example.com" }],
            "locations": [{ "name": "Room 4" }],
            "online_meeting": true,
        }))
        .unwrap();
        assert_eq!(create.event().unwrap(), read);
    }

    #[test]
    fn a_whole_day_ends_on_the_next_unless_told() {
        let ends = |typed: &[&str]| {
            let event = create(&[&["--all-day"], typed].concat()).event();
            event.map(|event| event.end_time.to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(ends(&["--start=2026-03-27"]).unwrap(), "2026-03-28");
        assert_eq!(ends(&["--start=2026-03-27", "--end=2026-03-30"]).unwrap(), "2026-03-30");
        let refused = ends(&["--start=2026-03-27T09:00:00Z"]).unwrap_err();
        assert!(refused.starts_with("--start is a time"), "{refused}");
    }
}
