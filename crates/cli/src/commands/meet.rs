//! One online meeting: its link to join, id and passcode.

use evergrant::IntegrationId;
use evergrant::capability::{Lobby, Meeting, Moment, NewMeeting, NewParticipant, Presenters, Zone};

use super::live::{Exact, Live, named, time};
use crate::output::{Output, UsageError, plain};
use crate::settings::Settings;

#[derive(clap::Args, serde::Serialize)]
pub(crate) struct Args {
    /// The integration, int_…
    #[serde(skip)]
    id: IntegrationId,
    /// The title
    subject: String,
    /// When it begins: 2026-03-27T09:00:00+01:00, or without an offset with --time-zone
    #[arg(long, value_name = "TIME", value_parser = time)]
    start: Moment,
    /// When it ends
    #[arg(long, value_name = "TIME", value_parser = time)]
    end: Moment,
    /// The zone of times without an offset, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<Zone>,
    /// Who takes part
    #[arg(long, value_name = "EMAIL,…", value_delimiter = ',')]
    with: Vec<String>,
    /// Joining by id takes a passcode, which the provider makes up
    #[arg(long)]
    passcode: bool,
    /// Put it into the account's calendar, and invite whoever takes part
    #[arg(long)]
    event: bool,
    /// Who gets in without being let in; the organisation's own rule unless given
    #[arg(long, value_name = "WHO", value_parser = clap::builder::PossibleValuesParser::new(Lobby::WORDS))]
    lobby: Option<String>,
    /// Who may present; the organisation's own rule unless given
    #[arg(long, value_name = "WHO", value_parser = clap::builder::PossibleValuesParser::new(Presenters::WORDS))]
    presenters: Option<String>,
    /// A name for this meeting: the same command with the same name and arguments creates it once;
    /// with other arguments it is another meeting, and created. Not with --passcode alone
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    #[serde(skip)]
    key: Option<String>,
}

/// What parts of a meeting are typed as.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("/start_time", "--start"),
    ("/end_time", "--end"),
    ("/time_zone", "--time-zone"),
    ("/participants", "--with"),
    ("/lobby", "--lobby"),
    ("/presenters", "--presenters"),
];

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    if args.key.is_some() && args.passcode && !args.event {
        return Err(UsageError(
            "--key cannot be kept with --passcode alone: the provider does not recognise such a \
             meeting, so the same command would make a second one; add --event, or leave --key away"
                .to_owned(),
        )
        .into());
    }
    let live = Live::open(settings, args.id).await?;
    let once = live.once("create meeting", args.key.as_deref(), Exact::of(&args)?);
    let meeting = live.meetings()?.create_meeting(&live.api, once, &args.meeting()).await;
    print(output, &meeting.map_err(|error| named(error.into(), OPTIONS))?)?;
    live.finish().await;
    Ok(())
}

/// Prints one meeting.
pub(super) fn print(output: Output, meeting: &Meeting) -> anyhow::Result<()> {
    output.value(&serde_json::to_value(meeting)?, &shown(meeting))
}

/// Who takes part.
pub(super) fn participants(emails: &[String]) -> Vec<NewParticipant> {
    let emails = emails.iter().filter(|email| !email.is_empty());
    emails.map(|email| NewParticipant { email: email.clone(), name: None, role: None }).collect()
}

impl Args {
    fn meeting(&self) -> NewMeeting {
        NewMeeting {
            subject: self.subject.clone(),
            start_time: self.start,
            end_time: self.end,
            time_zone: self.time_zone.clone(),
            participants: participants(&self.with),
            lobby: self.lobby.as_deref().map(Lobby::from),
            presenters: self.presenters.as_deref().map(Presenters::from),
            passcode_required: self.passcode,
            record_automatically: None,
            calendar_event: self.event,
            body: None,
        }
    }
}

/// What people need to join, and what it takes to change it later.
fn shown(meeting: &Meeting) -> String {
    let mut text = format!("{:<10}{}", "join", plain(&meeting.join_url));
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            text = format!("{text}\n{name:<10}{}", plain(value));
        }
    };
    line("id", meeting.meeting_id.as_deref());
    line("passcode", meeting.passcode.as_deref());
    let dial_in = meeting.dial_in.as_ref();
    line("dial in", dial_in.and_then(|by| by.toll_numbers.first()).map(String::as_str));
    line("code", dial_in.and_then(|by| by.conference_id.as_deref()));
    line("event", meeting.event_id.as_deref());
    line("meeting", Some(&meeting.id));
    text
}

#[cfg(test)]
mod tests {
    use evergrant::capability::DialIn;

    use super::*;

    #[test]
    fn what_people_need_to_join_comes_first() {
        let meeting = Meeting {
            id: "m1".to_owned(),
            subject: Some("My Meeting".to_owned()),
            start_time: None,
            end_time: None,
            join_url: "https://meet.example.com/j/1".to_owned(),
            meeting_id: Some("123 456 789".to_owned()),
            passcode: Some("k3y9Zq".to_owned()),
            dial_in: Some(DialIn {
                conference_id: Some("987654".to_owned()),
                toll_numbers: vec!["+49 30 1".to_owned(), "+49 40 1".to_owned()],
                toll_free_numbers: Vec::new(),
                url: None,
            }),
            organizer: None,
            participants: Vec::new(),
            lobby: None,
            presenters: None,
            event_id: Some("e1".to_owned()),
            chat_id: None,
            options_url: None,
            created_at: None,
            extra: serde_json::Map::new(),
        };
        let expected = "\
join      https://meet.example.com/j/1
id        123 456 789
passcode  k3y9Zq
dial in   +49 30 1
code      987654
event     e1
meeting   m1";
        assert_eq!(shown(&meeting), expected);
    }
}
