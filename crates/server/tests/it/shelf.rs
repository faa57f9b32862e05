//! What Acme's account holds, in memory: a few events, messages, meetings, positions and orders, under ids with every
//! character that needs care in an address.

use std::collections::{BTreeMap, VecDeque};

use evergrant::capability::{
    Attachment, AttachmentKind, Deal, DealOutcome, Event, EventKind, Flag, Importance, Meeting,
    Message, MessageKind, Moment, Order, Person, Position, Response, Sensitivity, ShowAs,
    Watchlist, Zone,
};
use evergrant::capability::{Cursor, Once, Page};
use evergrant::provider::{Actor, Failure};
use evergrant::{Api, CallError, Denial};
use jiff::Timestamp;

use crate::acme_markets::watchlist;
use crate::acme_trading::{order, position};
use crate::desk::Desk;

/// The id of the nth item of a kind.
pub(crate) fn id(kind: &str, number: usize) -> String {
    format!("{kind}/{number}+a=")
}

/// The same as a segment of a path.
pub(crate) fn segment(kind: &str, number: usize) -> String {
    format!("{kind}%2F{number}%2Ba%3D")
}

/// What the account holds, how it refuses the next calls, and what was done.
pub(crate) struct Shelf {
    pub(crate) events: BTreeMap<String, Event>,
    pub(crate) messages: BTreeMap<String, Message>,
    pub(crate) files: BTreeMap<String, (Attachment, axum::body::Bytes)>,
    pub(crate) meetings: BTreeMap<String, Meeting>,
    pub(crate) positions: BTreeMap<String, Position>,
    pub(crate) orders: BTreeMap<String, Order>,
    pub(crate) lists: BTreeMap<String, (Watchlist, Vec<String>)>,
    /// Whatever was dealt, by reference.
    pub(crate) deals: BTreeMap<String, Deal>,
    /// What comes of the next deals; all others are done.
    pub(crate) outcomes: VecDeque<DealOutcome>,
    pub(crate) denials: VecDeque<CallError>,
    pub(crate) done: Vec<String>,
    /// Where word of changes goes: the subscription's id, its address and its state.
    pub(crate) told: Vec<(String, String, String)>,
    next: usize,
}

impl Default for Shelf {
    fn default() -> Self {
        let numbers = || 1..=3;
        let events = numbers().map(|n| (id("evt", n), event(n))).collect();
        let messages = numbers().map(|n| (id("msg", n), message(n))).collect();
        let files = numbers().map(|n| (id("att", n), file(n))).collect();
        let meetings = numbers().map(|n| (id("mtg", n), meeting(n))).collect();
        Self {
            events,
            messages,
            files,
            meetings,
            positions: numbers().map(|n| (id("pos", n), position(n))).collect(),
            orders: numbers().map(|n| (id("ord", n), order(n))).collect(),
            lists: numbers().map(|n| (id("lst", n), watchlist(n))).collect(),
            deals: BTreeMap::new(),
            outcomes: VecDeque::new(),
            denials: VecDeque::new(),
            done: Vec::new(),
            told: Vec::new(),
            next: 4,
        }
    }
}

impl Shelf {
    /// A new number, and a note of what it is for.
    pub(crate) fn number(&mut self, what: &str, once: Option<Once>) -> usize {
        self.done.push(once.map_or_else(|| what.to_owned(), |once| format!("{what} {once}")));
        self.next += 1;
        self.next - 1
    }
}

impl Desk {
    /// Every call needs a good token first; then Acme may have its reasons.
    pub(crate) async fn enter(&self, api: &Api) -> Result<(), CallError> {
        api.get("/account").await?;
        self.acme.shelf(|shelf| shelf.denials.pop_front().map_or(Ok(()), Err))
    }

    /// Notes that a call says of itself that it was tried before.
    pub(crate) fn tried(&self, what: &str, once: Once) {
        if once.tried() {
            self.acme.shelf(|shelf| shelf.done.push(format!("again: {what}")));
        }
    }

    /// Changes one item.
    pub(crate) fn changed<T: Clone>(
        &self,
        of: impl FnOnce(&mut Shelf) -> &mut BTreeMap<String, T>,
        id: &str,
        change: impl FnOnce(&mut T),
    ) -> Result<T, CallError> {
        self.acme.shelf(|shelf| {
            let item = of(shelf).get_mut(id).ok_or_else(gone)?;
            change(item);
            Ok(item.clone())
        })
    }

    /// Takes one item away.
    pub(crate) fn removed<T>(
        &self,
        of: impl FnOnce(&mut Shelf) -> &mut BTreeMap<String, T>,
        id: &str,
    ) -> Result<(), CallError> {
        self.acme.shelf(|shelf| of(shelf).remove(id).map(drop).ok_or_else(gone))
    }
}

/// A refusal of this kind, as Acme puts it.
pub(crate) fn refusal(denial: Denial, code: &str, message: &str) -> CallError {
    let failure = Failure {
        provider_code: Some(format!("acme_{code}")),
        trace_id: Some("acme-request-1".to_owned()),
        ..Failure::new(code, Actor::User, message)
    };
    CallError::Denied { denial, failure: Box::new(failure) }
}

pub(crate) fn gone() -> CallError {
    refusal(Denial::ItemNotFound, "item_not_found", "Acme has no such item.")
}

/// The version named must be the item's own.
pub(crate) fn same(named: Option<&str>, version: Option<&str>) -> Result<(), CallError> {
    if named.is_none() || named == version {
        return Ok(());
    }
    Err(refusal(Denial::ItemChanged, "item_changed", "The item has changed."))
}

/// A part of a list: as many as asked for, from where the cursor says.
pub(crate) fn part<T>(all: Vec<T>, limit: u32, cursor: Option<&Cursor>) -> Page<T> {
    let from = cursor.map_or(0, |cursor| {
        cursor.0.strip_prefix("https://api.acme.test/next?skip=").unwrap().parse().unwrap()
    });
    let to = (from + limit as usize).min(all.len());
    let next = (to < all.len()).then(|| Cursor(format!("https://api.acme.test/next?skip={to}")));
    Page { results: all.into_iter().skip(from).take(to - from).collect(), next }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn adele() -> Person {
    Person { name: Some("Adele".to_owned()), email: Some("adele@acme.test".to_owned()) }
}

pub(crate) fn event(number: usize) -> Event {
    let zone: Zone = "Europe/Berlin".parse().unwrap();
    let start = at("2026-01-02T08:00:00Z");
    Event {
        id: id("evt", number),
        version: Some(format!("v{number}+=")),
        uid: None,
        kind: EventKind::Single,
        series_id: None,
        subject: Some(format!("Event {number}")),
        body: None,
        preview: None,
        start_time: Moment::within(start, &zone),
        end_time: Moment::within(at("2026-01-02T09:00:00Z"), &zone),
        time_zone: Some(zone),
        is_all_day: false,
        locations: Vec::new(),
        organizer: Some(adele()),
        is_organizer: true,
        attendees: Vec::new(),
        response: Response::Organizer,
        recurrence: None,
        original_start_time: None,
        online_meeting: None,
        show_as: ShowAs::Busy,
        sensitivity: Sensitivity::Normal,
        importance: Importance::Normal,
        categories: Vec::new(),
        reminder_minutes: None,
        is_cancelled: false,
        has_attachments: false,
        web_url: None,
        created_at: None,
        updated_at: Some(start),
        extra: serde_json::Map::new(),
    }
}

pub(crate) fn message(number: usize) -> Message {
    Message {
        id: id("msg", number),
        version: Some(format!("v{number}+=")),
        kind: MessageKind::Message,
        subject: Some(format!("Message {number}")),
        from: Some(adele()),
        sender: None,
        to: vec![adele()],
        cc: Vec::new(),
        bcc: Vec::new(),
        reply_to: Vec::new(),
        received_at: Some(at("2026-01-01T00:00:00Z")),
        sent_at: None,
        is_read: false,
        is_draft: number == 3,
        importance: Importance::Normal,
        preview: None,
        body: None,
        folder_id: Some("inbox".to_owned()),
        conversation_id: None,
        message_id: None,
        has_attachments: true,
        attachments: None,
        categories: Vec::new(),
        flag: Flag::None,
        classification: None,
        web_url: None,
        created_at: None,
        updated_at: None,
        extra: serde_json::Map::new(),
    }
}

fn file(number: usize) -> (Attachment, axum::body::Bytes) {
    let content = "naïve";
    let file = Attachment {
        id: id("att", number),
        kind: AttachmentKind::File,
        name: Some("naïve \"notes\".txt".to_owned()),
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        size: content.len() as u64,
        is_inline: false,
        content_id: None,
    };
    (file, axum::body::Bytes::from_static(content.as_bytes()))
}

pub(crate) fn meeting(number: usize) -> Meeting {
    Meeting {
        id: id("mtg", number),
        subject: Some(format!("Meeting {number}")),
        start_time: Some(Moment::utc(at("2026-01-02T08:00:00Z"))),
        end_time: Some(Moment::utc(at("2026-01-02T09:00:00Z"))),
        join_url: format!("https://meet.acme.test/j/{number}"),
        meeting_id: Some("123456789".to_owned()),
        passcode: None,
        dial_in: None,
        organizer: Some(adele()),
        participants: Vec::new(),
        lobby: None,
        presenters: None,
        event_id: None,
        chat_id: None,
        options_url: None,
        created_at: None,
        extra: serde_json::Map::new(),
    }
}
