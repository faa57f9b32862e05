//! Online meetings as they are kept, whether an event made them or a call of their own.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::calendar::Licence;
use crate::microsoft::sandbox::world::TENANT_ID;

/// All online meetings.
#[derive(Debug)]
pub(in super::super) struct Meetings {
    seed: u64,
    last: u64,
    pub(in super::super) all: Vec<Meeting>,
}

/// One online meeting.
#[derive(Debug, Clone)]
pub(in super::super) struct Meeting {
    pub(in super::super) id: String,
    /// The organizer's object id.
    pub(in super::super) owner: String,
    pub(in super::super) upn: String,
    pub(in super::super) created: Timestamp,
    pub(in super::super) start: Timestamp,
    pub(in super::super) end: Timestamp,
    pub(in super::super) subject: Option<String>,
    pub(in super::super) join_url: String,
    pub(in super::super) thread: String,
    /// Digits.
    pub(in super::super) join_id: String,
    pub(in super::super) passcode: Option<String>,
    pub(in super::super) dial_in: Option<DialIn>,
    pub(in super::super) external_id: Option<String>,
    pub(in super::super) attendees: Vec<Value>,
    /// The options that somebody has set, in the form of answers.
    pub(in super::super) options: Map<String, Value>,
}

/// How a meeting can be dialled.
#[derive(Debug, Clone)]
pub(in super::super) struct DialIn {
    pub(in super::super) conference: String,
    pub(in super::super) toll: String,
}

/// What a new meeting is to be.
#[derive(Debug)]
pub(in super::super) struct Wanted {
    pub(in super::super) start: Timestamp,
    pub(in super::super) end: Timestamp,
    pub(in super::super) subject: Option<String>,
    pub(in super::super) passcode: bool,
    pub(in super::super) external_id: Option<String>,
}

impl Meetings {
    /// None yet; ids will repeat with the seed.
    pub(in super::super) fn new(seed: u64) -> Self {
        Self { seed, last: 0, all: Vec::new() }
    }

    /// Makes a meeting.
    pub(in super::super) fn make(
        &mut self,
        oid: &str,
        upn: &str,
        licence: Licence,
        wanted: Wanted,
        now: Timestamp,
    ) -> Meeting {
        self.last += 1;
        let seal = digest(&SHA256, format!("{}/meeting/{oid}/{}", self.seed, self.last).as_bytes());
        let bytes = seal.as_ref();
        let name = URL_SAFE_NO_PAD.encode(bytes);
        let thread = format!("19:meeting_{name}@thread.v2");
        let digits = |from: usize, count: usize| {
            let digit = |byte: &u8| char::from(b'1' + byte % 9);
            bytes.iter().cycle().skip(from).take(count).map(digit).collect::<String>()
        };
        let conference = digits(12, 9);
        let meeting = Meeting {
            id: STANDARD.encode(format!("1*{oid}*0**{thread}")),
            owner: oid.to_owned(),
            upn: upn.to_owned(),
            created: now,
            start: wanted.start,
            end: wanted.end,
            subject: wanted.subject,
            join_url: join_url(&thread, oid),
            thread,
            join_id: digits(0, 12),
            passcode: wanted
                .passcode
                .then(|| name.chars().filter(char::is_ascii_alphanumeric).take(6).collect()),
            dial_in: licence
                .dial_in
                .then(|| DialIn { conference, toll: "+1 425 555 0123".to_owned() }),
            external_id: wanted.external_id,
            attendees: Vec::new(),
            options: Map::new(),
        };
        self.all.push(meeting.clone());
        meeting
    }
}

/// The address at which one joins, with the lower-case escapes of the real service.
fn join_url(thread: &str, oid: &str) -> String {
    let context = format!("{{\"Tid\":\"{TENANT_ID}\",\"Oid\":\"{oid}\"}}");
    let escape = |text: &str| {
        let mut escaped = String::new();
        for byte in text.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    escaped.push(char::from(byte));
                }
                // Writing to a `String` cannot fail.
                _ => drop(write!(escaped, "%{byte:02x}")),
            }
        }
        escaped
    };
    format!(
        "https://teams.microsoft.com/l/meetup-join/{}/0?context={}",
        escape(thread),
        escape(&context)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_url_looks_like_the_real_one() {
        let licence = Licence { teams: true, dial_in: false, passcodes: true };
        let wanted = Wanted {
            start: Timestamp::UNIX_EPOCH,
            end: Timestamp::UNIX_EPOCH,
            subject: None,
            passcode: true,
            external_id: None,
        };
        let meeting = Meetings::new(1).make("oid", "upn", licence, wanted, Timestamp::UNIX_EPOCH);
        let url = &meeting.join_url;
        assert!(
            url.starts_with("https://teams.microsoft.com/l/meetup-join/19%3ameeting_"),
            "{url}"
        );
        assert!(url.contains("%40thread.v2/0?context=%7b%22Tid%22%3a%22"), "{url}");
        assert!(url.ends_with("%22Oid%22%3a%22oid%22%7d"), "{url}");
        assert!(meeting.join_id.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(meeting.passcode.unwrap().len(), 6);
    }
}
