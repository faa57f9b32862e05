//! Making events (contract, 5.5).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::reply::{Answer, Denied};
use super::agenda::Agenda;
use super::item::{Content, Form, Item, Online, Transaction};
use super::read::{Draft, defaults};
use super::recurrence::Recurrence;
use super::when::{Moment, Span};
use super::{Desk, Place, escaped};
use crate::microsoft::sandbox::graph::meetings::Wanted;

impl Desk<'_> {
    /// A new event. Invitations go out at once.
    pub(super) fn create(&self, place: &Place) -> Result<Answer, Denied> {
        let body = Value::Object(self.call.object()?);
        let mut agenda = self.act.agenda();
        let now = self.look.now;
        let number = agenda.create(&place.oid, place.calendar, &body, now)?;
        let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let item = mailbox.items.get(&number).ok_or_else(Denied::not_found)?;
        let id = mailbox.id(item, Form::Whole);
        let location = format!("users('{}')/events('{}')", place.oid, escaped(&id));
        let answer = Answer::created(self.entity(mailbox, item, Form::Whole)?);
        Ok(answer.with("location", self.call.address(&location)))
    }
}

impl Agenda {
    /// Makes an event in the mailbox `oid`, or finds the one that the same transaction made; the
    /// answer is its number.
    pub(super) fn create(
        &mut self,
        oid: &str,
        calendar: Option<u64>,
        body: &Value,
        now: Timestamp,
    ) -> Result<u64, Denied> {
        let mailbox = self.mailbox_mut(oid).ok_or_else(Denied::no_mailbox)?;
        let mut draft = Draft::read(body)?;
        let said = said(body);
        if let Some(id) = &draft.transaction {
            let same = |item: &&Item| item.transaction.as_ref().is_some_and(|one| one.id == *id);
            if let Some(known) = mailbox.items.values().find(same) {
                let is_same = known.transaction.as_ref().is_some_and(|one| one.body == said);
                let existing = mailbox.id(known, Form::Whole);
                return if is_same { Ok(known.number) } else { Err(duplicate(existing)) };
            }
        }
        let start = draft.start.take().ok_or_else(Denied::property)?;
        let end = draft.end.take().ok_or_else(Denied::property)?;
        let original_zones = [start.zone.name.clone(), end.zone.name.clone()];
        let mut span = Span { start, end, is_all_day: draft.is_all_day.unwrap_or_default() };
        check_span(&span)?;
        let recurrence = match draft.recurrence.take().filter(|value| !value.is_null()) {
            Some(value) => Some(series(&value, &mut span)?),
            None => None,
        };
        let mut members = defaults();
        members.append(&mut draft.members);
        let calendar = calendar.unwrap_or_else(|| mailbox.default_calendar());
        let number = mailbox.next();
        let item = Item {
            number,
            calendar,
            created: now,
            modified: now,
            change: 0,
            uid: mailbox.new_uid(number),
            transaction: draft.transaction.take().map(|id| Transaction { id, body: said }),
            content: Content { span, members },
            recurrence,
            generation: 0,
            exceptions: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            organizer: mailbox.owner(),
            is_organizer: true,
            is_cancelled: false,
            online: None,
            original_zones,
        };
        mailbox.put(item, now);
        self.go_online(oid, number, &draft, now);
        self.publish(oid, number, now);
        Ok(number)
    }

    /// Gives an event its online meeting, if one is wanted, there is none yet, and the organizer may
    /// have one there: without a licence, or in a calendar that does not allow it, the wish is passed
    /// over (contract, 5.6).
    pub(super) fn go_online(&mut self, oid: &str, number: u64, draft: &Draft, now: Timestamp) {
        let provider = draft.provider.as_deref().unwrap_or("teamsForBusiness");
        let Some(mailbox) = self.boxes.values_mut().find(|mailbox| mailbox.is(oid)) else { return };
        let calendar = mailbox.items.get(&number).map(|item| item.calendar);
        let meets = calendar.is_some_and(|calendar| mailbox.meets(calendar));
        let Some(item) = mailbox.items.get_mut(&number) else { return };
        let may = meets && provider == "teamsForBusiness" && item.is_organizer;
        if draft.is_online != Some(true) || item.online.is_some() || !may {
            return;
        }
        let (start, end) = (item.content.span.start.instant(), item.content.span.end.instant());
        let subject = item.content.members.get("subject").and_then(Value::as_str);
        let wanted = Wanted {
            start,
            end,
            subject: subject.map(str::to_owned),
            passcode: mailbox.licence.passcodes,
            external_id: None,
        };
        let meeting =
            self.meetings.make(&mailbox.oid, &mailbox.address, mailbox.licence, wanted, now);
        item.online = Some(Online {
            join_url: meeting.join_url.clone(),
            dial_in: meeting.dial_in.clone().map(|dial_in| (dial_in.conference, dial_in.toll)),
            late: mailbox.late.from(now),
        });
    }

    /// Brings the event to everybody who is invited.
    pub(super) fn publish(&mut self, oid: &str, number: u64, now: Timestamp) {
        let item = self.mailbox(oid).and_then(|mailbox| mailbox.items.get(&number)).cloned();
        if let Some(item) = item.filter(|item| item.is_organizer) {
            self.invite(&item, now, None);
        }
    }
}

/// Reads a recurrence and moves the span to the first occurrence.
pub(super) fn series(value: &Value, span: &mut Span) -> Result<Recurrence, Denied> {
    let recurrence = Recurrence::read(value, &span.start.zone).ok_or_else(Denied::property)?;
    let first = recurrence.days().next().ok_or_else(Denied::property)?;
    *span = span.on(first);
    Ok(recurrence)
}

/// Whether the times fit: not backwards, and whole days where it is said (contract, 5.3).
pub(super) fn check_span(span: &Span) -> Result<(), Denied> {
    let midnight = |moment: &Moment| moment.wall.time() == jiff::civil::Time::midnight();
    let whole = midnight(&span.start)
        && midnight(&span.end)
        && span.start.zone.is_same(&span.end.zone)
        && span.start.wall < span.end.wall;
    let good = if span.is_all_day { whole } else { span.start.instant() <= span.end.instant() };
    if good { Ok(()) } else { Err(Denied::property()) }
}

/// What a body says: without annotations and members that say nothing.
fn said(body: &Value) -> Value {
    let members = body.as_object().into_iter().flatten();
    let said = members.filter(|(name, value)| !name.contains("@odata.") && !value.is_null());
    Value::Object(said.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

/// The refusal of a transaction's second, different event.
fn duplicate(existing: String) -> Denied {
    let message = "Your request can't be completed. The TransactionId specified in the request has already been \
                   used to create a different event.";
    Denied::bad("ErrorDuplicateTransactionId", message).with("@event.existingEventId", existing)
}
