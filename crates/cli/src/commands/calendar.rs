//! A connected account's calendar.

use evergrant::IntegrationId;
use evergrant::capability::{
    Answer, Body, BodyFormat, Event, EventQuery, Location, Moment, NewAttendee, NewEvent, Patch,
    Response, Zone, all,
};
use jiff::SignedDuration;
use serde_json::json;

use super::live::{Live, instant};
use crate::output::{Output, plain};
use crate::settings::Settings;

/// How many events are asked for at once.
const PAGE: u32 = 200;
/// How much is shown unless its end is given.
const SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The integration, int_…
    id: IntegrationId,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List what takes place; the next seven days unless told otherwise
    Events(Span),
    /// List the calendars
    Calendars,
    /// Show one event
    Show {
        /// Its id
        event: String,
    },
    /// Create an event, and invite whoever is to come
    Create(Box<Create>),
    /// Answer an invitation
    Respond {
        /// Its id
        event: String,
        /// The answer
        #[arg(value_parser = ["accepted", "tentative", "declined"])]
        response: String,
        /// Words for the organizer
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
    },
    /// Delete an event; those invited are told
    Delete {
        /// Its id
        event: String,
    },
}

#[derive(clap::Args, Default)]
struct Span {
    /// A time, or a day from its midnight; today unless given
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// A time, or a day to its end
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
    /// The calendar's id; the default one unless given
    #[arg(long, value_name = "ID")]
    calendar: Option<String>,
    /// The zone of days and times, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
}

#[derive(clap::Args)]
struct Create {
    /// The title
    subject: String,
    /// When it begins: 2026-03-27T09:00:00+01:00, or without an offset with --time-zone; a day for
    /// whole days
    #[arg(long, value_name = "TIME")]
    start: Moment,
    /// When it ends; for whole days the first day after it
    #[arg(long, value_name = "TIME")]
    end: Moment,
    /// The zone of times without an offset, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
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
    /// A name for this event: the same command again with the same name creates no second one
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let live = Live::open(settings, args.id).await?;
    let calendars = live.calendars()?;
    match args.action.unwrap_or_else(|| Action::Events(Span::default())) {
        Action::Events(span) => events(&live, output, span).await?,
        Action::Calendars => {
            let found = calendars.calendars(&live.api).await?;
            let row = |calendar: &evergrant::capability::Calendar| {
                let default = if calendar.is_default { "default" } else { "" };
                vec![plain(&calendar.name), default.to_owned(), calendar.id.clone()]
            };
            let rows: Vec<_> = found.iter().map(row).collect();
            let json = json!({ "results": found, "next": null });
            output.table(&json, &["NAME", "", "ID"], &rows, "there are no calendars")?;
        }
        Action::Show { event } => {
            let event = calendars.event(&live.api, &event).await?;
            output.value(&serde_json::to_value(&event)?, &shown(&event))?;
        }
        Action::Create(create) => {
            let once = live.once("create event", create.key.as_deref());
            let event = calendars.create_event(&live.api, once, &create.event()).await?;
            output.value(&serde_json::to_value(&event)?, &shown(&event))?;
        }
        Action::Respond { event, response, comment } => {
            let answer = Answer {
                response: Response::from(response.as_str()),
                comment,
                send: true,
                proposed_start_time: None,
                proposed_end_time: None,
                time_zone: None,
            };
            let once = live.once("respond to event", None);
            calendars.respond(&live.api, once, &event, &answer).await?;
            output.value(&json!({ "id": event, "response": response }), &response)?;
        }
        Action::Delete { event } => {
            calendars.delete_event(&live.api, &event, None).await?;
            output.value(&json!({ "id": event, "deleted": true }), "deleted")?;
        }
    }
    live.finish().await;
    Ok(())
}

async fn events(live: &Live, output: Output, span: Span) -> anyhow::Result<()> {
    let zone = span.time_zone.as_ref();
    let today = || Moment::Day(zone.cloned().unwrap_or_else(Zone::utc).at(live.api.now()).date());
    let from = span.from.unwrap_or_else(today);
    let from = instant("--from", from, Moment::first_instant, zone)?;
    let to = match span.to {
        Some(to) => instant("--to", to, Moment::end_instant, zone)?,
        None => from.saturating_add(SPAN)?,
    };
    let query = EventQuery {
        calendar: span.calendar,
        series: None,
        from,
        to,
        zone: span.time_zone,
        limit: PAGE,
    };
    let calendars = live.calendars()?;
    let found = all(async |cursor| calendars.events(&live.api, &query, cursor.as_ref()).await);
    let found = found.await?;
    let rows: Vec<_> = found.iter().map(row).collect();
    let json = json!({ "results": found, "next": null });
    output.table(
        &json,
        &["START", "END", "SUBJECT", "WHERE", "ID"],
        &rows,
        "nothing takes place in that time",
    )
}

impl Create {
    fn event(&self) -> NewEvent {
        let invite = |email: &String| NewAttendee { name: None, email: email.clone(), role: None };
        let place = self.place.clone().map(|name| Location { name, ..Location::default() });
        let body = |content: String| Body { format: BodyFormat::Text, content };
        NewEvent {
            subject: self.subject.clone(),
            body: self.body.clone().map(body),
            start_time: self.start,
            end_time: self.end,
            time_zone: self.time_zone.clone(),
            locations: place.into_iter().collect(),
            attendees: self.with.iter().map(invite).collect(),
            recurrence: None,
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
        }
    }
}

/// An event in a list.
fn row(event: &Event) -> Vec<String> {
    let subject = plain(event.subject.as_deref().unwrap_or_default());
    let subject = if event.is_cancelled { format!("(cancelled) {subject}") } else { subject };
    let places: Vec<_> = event.locations.iter().map(|place| plain(&place.name)).collect();
    vec![
        event.start_time.to_string(),
        event.end_time.to_string(),
        subject,
        places.join(", "),
        event.id.clone(),
    ]
}

/// One event.
fn shown(event: &Event) -> String {
    let mut text = plain(event.subject.as_deref().unwrap_or("(no subject)"));
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text = format!("{text}\n{name:<10}{value}");
        }
    };
    line("start", event.start_time.to_string());
    line("end", event.end_time.to_string());
    line("zone", event.time_zone.as_ref().map(ToString::to_string).unwrap_or_default());
    let places: Vec<_> = event.locations.iter().map(|place| plain(&place.name)).collect();
    line("where", places.join(", "));
    let join = event.online_meeting.as_ref().and_then(|online| online.join_url.clone());
    line("join", plain(&join.unwrap_or_default()));
    for attendee in &event.attendees {
        let email = plain(attendee.email.as_deref().unwrap_or_default());
        line("with", format!("{email} ({})", plain(attendee.response.as_str())));
    }
    line("id", event.id.clone());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_the_event() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let typed = [
            "calendar",
            "int_0198c5a6b7c8d9e0f1a2b3c4d5e6f708",
            "create",
            "Planning",
            "--start=2026-03-27T09:00:00",
            "--end=2026-03-27T10:00:00",
            "--time-zone=Europe/Berlin",
            "--with=alex@example.com,lee@example.com",
            "--where=Room 4",
            "--online",
        ];
        let line = <Line as clap::Parser>::try_parse_from(typed).unwrap();
        let Some(Action::Create(create)) = line.args.action else { panic!("not created") };
        let read: NewEvent = serde_json::from_value(json!({
            "subject": "Planning",
            "start_time": "2026-03-27T09:00:00",
            "end_time": "2026-03-27T10:00:00",
            "time_zone": "Europe/Berlin",
            "attendees": [{ "email": "alex@example.com" }, { "email": "lee@example.com" }],
            "locations": [{ "name": "Room 4" }],
            "online_meeting": true,
        }))
        .unwrap();
        assert_eq!(create.event(), read);
    }
}
