//! Many events at once, for whoever wants to see a full calendar.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::agenda::Agenda;
use crate::microsoft::sandbox::graph::reply::Denied;

const SUBJECTS: &[&str] =
    &["Budget round", "Interview", "Lunch", "Planning", "Review", "Site visit", "Workshop"];
const ROOMS: &[&str] = &["Conf room Hood", "Conf room Rainier", "Cafeteria"];
/// Between the beginnings of two events, in seconds.
const GAP: i64 = 45 * 60;

impl Agenda {
    /// Puts `count` single events into the default calendar, half an hour each and one after the other
    /// from the next full hour on.
    pub(super) fn fill_up(&mut self, user: &str, count: u32, now: Timestamp) -> Result<(), Denied> {
        let hour = now.as_second() - now.as_second().rem_euclid(3600) + 3600;
        for which in 0..i64::from(count) {
            let event = event(which, hour + which * GAP).ok_or_else(Denied::property)?;
            self.create(user, None, &event, now)?;
        }
        Ok(())
    }
}

fn event(which: i64, start: i64) -> Option<Value> {
    let start = Timestamp::from_second(start).ok()?;
    let end = start.checked_add(SignedDuration::from_mins(30)).ok()?;
    let pick = |from: &[&'static str]| {
        let count = i64::try_from(from.len()).ok()?;
        from.get(usize::try_from(which.rem_euclid(count)).ok()?).copied()
    };
    Some(json!({
        "subject": format!("{} {which}", pick(SUBJECTS)?),
        "body": { "contentType": "html", "content": format!("<p>No. {which} of many.</p>") },
        "location": { "displayName": pick(ROOMS)? },
        "start": { "dateTime": start.to_string(), "timeZone": "UTC" },
        "end": { "dateTime": end.to_string(), "timeZone": "UTC" },
    }))
}
