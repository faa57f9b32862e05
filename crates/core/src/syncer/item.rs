//! Events and messages as the copy keeps them.

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::capability::{Body, BodyFormat, Event, Message, Moment, Person};
use crate::store::Item;

/// What a feed can hold.
pub(super) trait Copied: Sized {
    /// As the copy keeps it.
    fn into_item(self) -> Item;
}

impl Copied for Event {
    fn into_item(mut self) -> Item {
        let body = self.body.take();
        let sender = self.organizer.as_ref().and_then(address);
        let mut people: Vec<_> = sender.iter().cloned().collect();
        people.extend(self.attendees.iter().filter_map(|who| lower(who.email.as_deref())));
        let mut words = Words::default();
        words.add(self.subject.as_deref());
        words.add(self.preview.as_deref());
        self.locations.iter().for_each(|location| words.add(Some(&location.name)));
        self.organizer.iter().for_each(|who| words.person(who));
        for who in &self.attendees {
            words.add(who.name.as_deref());
            words.add(who.email.as_deref());
        }
        let draft = Draft {
            series: self.series_id.clone(),
            at: instant(&self.start_time),
            until: Some(instant(&self.end_time)),
            is_read: None,
            folder: None,
            importance: self.importance.as_str().to_owned(),
            sender,
            people,
            words,
        };
        draft.item(self.id.clone(), &self, body)
    }
}

impl Copied for Message {
    fn into_item(mut self) -> Item {
        let body = self.body.take();
        let sender = self.from.as_ref().or(self.sender.as_ref()).and_then(address);
        let everybody = || {
            let senders = self.from.iter().chain(&self.sender);
            senders.chain(&self.to).chain(&self.cc).chain(&self.bcc)
        };
        let mut words = Words::default();
        words.add(self.subject.as_deref());
        words.add(self.preview.as_deref());
        everybody().for_each(|who| words.person(who));
        let draft = Draft {
            series: None,
            // A draft was never received.
            at: self
                .received_at
                .or(self.sent_at)
                .or(self.created_at)
                .unwrap_or(Timestamp::UNIX_EPOCH),
            until: None,
            is_read: Some(self.is_read),
            folder: self.folder_id.clone(),
            importance: self.importance.as_str().to_owned(),
            sender,
            people: everybody().filter_map(address).collect(),
            words,
        };
        draft.item(self.id.clone(), &self, body)
    }
}

/// What an item is found by.
struct Draft {
    series: Option<String>,
    at: Timestamp,
    until: Option<Timestamp>,
    is_read: Option<bool>,
    folder: Option<String>,
    importance: String,
    sender: Option<String>,
    people: Vec<String>,
    words: Words,
}

impl Draft {
    fn item(mut self, id: String, whole: &impl Serialize, body: Option<Body>) -> Item {
        // The preview is its beginning; a text of HTML is searched with its tags taken out.
        if let Some(body) = &body {
            match body.format {
                BodyFormat::Text => self.words.add(Some(&body.content)),
                BodyFormat::Html => self.words.add(Some(&untagged(&body.content))),
            }
        }
        self.people.sort_unstable();
        self.people.dedup();
        let body = body.map(|body| json(&body));
        let json = json(whole);
        let mut digest = Context::new(&SHA256);
        digest.update(json.as_bytes());
        digest.update(&[0]);
        digest.update(body.as_deref().unwrap_or_default().as_bytes());
        let mut sum = [0; 32];
        sum.copy_from_slice(digest.finish().as_ref());
        Item {
            id,
            series: self.series,
            at: self.at,
            until: self.until,
            is_read: self.is_read,
            folder: self.folder,
            importance: Some(self.importance),
            sender: self.sender,
            people: self.people,
            words: self.words.0,
            json,
            body,
            digest: sum,
        }
    }
}

/// Text for a search, piece by piece.
#[derive(Default)]
struct Words(String);

impl Words {
    fn add(&mut self, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            if !self.0.is_empty() {
                self.0.push('\n');
            }
            self.0.push_str(text);
        }
    }

    fn person(&mut self, who: &Person) {
        self.add(who.name.as_deref());
        self.add(who.email.as_deref());
    }
}

/// Records of strings, numbers and times always serialise.
fn json(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap_or_else(|_| "{}".to_owned())
}

fn address(who: &Person) -> Option<String> {
    lower(who.email.as_deref())
}

fn lower(address: Option<&str>) -> Option<String> {
    address.filter(|address| !address.is_empty()).map(str::to_lowercase)
}

/// Whole days count in UTC.
fn instant(moment: &Moment) -> Timestamp {
    let zoned = match moment {
        Moment::At(at, _) => return *at,
        Moment::Wall(wall) => wall.to_zoned(TimeZone::UTC),
        Moment::Day(day) => day.to_zoned(TimeZone::UTC),
    };
    zoned.map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
}

/// HTML without what stands between `<` and `>`: good enough to search in.
fn untagged(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_no_words() {
        assert_eq!(untagged("<p class=\"x\">See <b>you</b> there</p>"), " See  you  there ");
        assert_eq!(untagged("1 > 0"), "1 > 0");
    }
}
