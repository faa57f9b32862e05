//! Changing and deleting events (contract, 5.4 and 5.5).

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::super::reply::{Answer, Denied};
use super::agenda::{Agenda, invited};
use super::create::{check_span, series};
use super::item::{Form, Item, address, attendees};
use super::mailbox::Mailbox;
use super::parts::keep_answers;
use super::read::Draft;
use super::when::Span;
use super::{Desk, Place, find};

impl Desk<'_> {
    /// A change of an event, a series or one occurrence.
    pub(super) fn update(&self, place: &Place, id: &str) -> Result<Answer, Denied> {
        let body = Value::Object(self.call.object()?);
        let mut agenda = self.act.agenda();
        let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let (item, form) = find(mailbox, place, id)?;
        self.call.check_match(&etag(mailbox, &item, form))?;
        agenda.update(&place.oid, &item, form, &body, self.look.now)?;
        let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let item = mailbox.items.get(&item.number).ok_or_else(Denied::not_found)?;
        Ok(Answer::ok(self.entity(mailbox, item, form)?))
    }

    /// An event, a series or one occurrence goes. An organizer's attendees hear of it, an
    /// attendee's organizer does not.
    pub(super) fn delete(&self, place: &Place, id: &str) -> Result<Answer, Denied> {
        let mut agenda = self.act.agenda();
        let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let (item, form) = find(mailbox, place, id)?;
        self.call.check_match(&etag(mailbox, &item, form))?;
        agenda.delete(&place.oid, &item, form, self.look.now);
        Ok(Answer::done())
    }
}

/// The etag that an answer shows.
pub(super) fn etag(mailbox: &Mailbox, item: &Item, form: Form) -> String {
    let change = match form {
        Form::On(day) => item.exceptions.get(&day).map_or(item.change, |one| one.change),
        Form::Whole => item.change,
    };
    format!("W/\"{}\"", mailbox.change_key(change))
}

impl Agenda {
    pub(super) fn update(
        &mut self,
        oid: &str,
        before: &Item,
        form: Form,
        body: &Value,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let mut draft = Draft::read(body)?;
        let content = before.content(form).ok_or_else(Denied::not_found)?;
        if let Some(list) = draft.members.get_mut("attendees").and_then(Value::as_array_mut) {
            keep_answers(attendees(&content.members), list);
        }
        let mut span = Span {
            start: draft.start.clone().unwrap_or_else(|| content.span.start.clone()),
            end: draft.end.clone().unwrap_or_else(|| content.span.end.clone()),
            is_all_day: draft.is_all_day.unwrap_or(content.span.is_all_day),
        };
        check_span(&span)?;
        let mut item = before.clone();
        match form {
            Form::Whole => change_whole(&mut item, &draft, &mut span)?,
            Form::On(day) => check_occurrence(&item, day, &draft, &span)?,
        }
        item.change(form, now, |content| {
            content.span = span;
            content.members.append(&mut draft.members.clone());
        });
        let mailbox = self.mailbox_mut(oid).ok_or_else(Denied::no_mailbox)?;
        mailbox.put(item, now);
        self.go_online(oid, before.number, &draft, now);
        if before.is_organizer {
            self.spread(oid, before, &draft, now);
        }
        Ok(())
    }

    /// Tells the attendees of a change; if only the list of them changed, only those it concerns.
    fn spread(&mut self, oid: &str, before: &Item, draft: &Draft, now: Timestamp) {
        let item = self.mailbox(oid).and_then(|mailbox| mailbox.items.get(&before.number)).cloned();
        let Some(item) = item else { return };
        let (old, new) = (invited(before), invited(&item));
        let only_list = draft.start.is_none()
            && draft.end.is_none()
            && draft.is_all_day.is_none()
            && draft.recurrence.is_none()
            && draft.is_online.is_none()
            && draft.members.keys().all(|name| name == "attendees");
        let added: Vec<_> = new.iter().filter(|one| !old.contains(one)).cloned().collect();
        let gone: Vec<_> = old.into_iter().filter(|one| !new.contains(one)).collect();
        self.invite(&item, now, only_list.then_some(added.as_slice()));
        self.withdraw(&item, now, &gone);
    }

    pub(super) fn delete(&mut self, oid: &str, item: &Item, form: Form, now: Timestamp) {
        let Some(mailbox) = self.mailbox_mut(oid) else { return };
        match form {
            Form::Whole => {
                mailbox.remove(item.number);
                if item.is_organizer {
                    self.withdraw(item, now, &invited(item));
                }
            }
            Form::On(day) => {
                mailbox.remove_day(item.number, day, now);
                if item.is_organizer {
                    self.withdraw_day(item, day, now);
                }
            }
        }
    }

    /// Adds attendees to an event, as a forwarded invitation does.
    pub(super) fn add_attendees(
        &mut self,
        oid: &str,
        item: &Item,
        form: Form,
        who: &[Value],
        now: Timestamp,
    ) {
        let Some(content) = item.content(form) else { return };
        let mut all = attendees(&content.members).to_vec();
        for one in who {
            if !all.iter().any(|known| address(known).eq_ignore_ascii_case(address(one))) {
                all.push(one.clone());
            }
        }
        // The body has been read once already and cannot be refused now.
        let _ = self.update(oid, item, form, &json!({ "attendees": all }), now);
    }
}

/// What changes with the single event or the series as a whole.
fn change_whole(item: &mut Item, draft: &Draft, span: &mut Span) -> Result<(), Denied> {
    let moved = draft.start.is_some() || draft.end.is_some() || draft.is_all_day.is_some();
    match (&draft.recurrence, &item.recurrence) {
        (Some(value), _) if !value.is_null() => {
            let new = series(value, span)?;
            let same = item.recurrence.as_ref().is_some_and(|old| old.show() == new.show());
            item.recurrence = Some(new);
            if !same || moves(item, span) {
                drop_exceptions(item);
            }
        }
        (Some(_), Some(_)) => {
            item.recurrence = None;
            drop_exceptions(item);
        }
        (None, Some(recurrence)) if moved => {
            // A new zone needs the recurrence, too: it has a zone of its own.
            if !span.start.zone.is_same(&recurrence.zone) {
                return Err(Denied::property());
            }
            let first = recurrence.days().next().ok_or_else(Denied::property)?;
            *span = span.on(first);
            if moves(item, span) {
                drop_exceptions(item);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether a span is another one than the item's.
fn moves(item: &Item, span: &Span) -> bool {
    let old = &item.content.span;
    span.start.wall != old.start.wall
        || span.end.wall != old.end.wall
        || span.is_all_day != old.is_all_day
}

/// Another pattern or time: what differed from the old one is gone, and so are its ids.
fn drop_exceptions(item: &mut Item) {
    item.generation = item.generation.wrapping_add(1);
    item.exceptions.clear();
    item.cancelled.clear();
}

/// What cannot be changed of one occurrence: its recurrence, and its place among the others.
fn check_occurrence(item: &Item, day: Date, draft: &Draft, span: &Span) -> Result<(), Denied> {
    if draft.recurrence.as_ref().is_some_and(|value| !value.is_null()) {
        return Err(Denied::property());
    }
    let Some(zone) = item.recurrence.as_ref().map(|one| &one.zone) else { return Ok(()) };
    let begins = if span.is_all_day {
        span.start.wall.date()
    } else {
        super::when::Moment::at(span.start.instant(), zone).wall.date()
    };
    let (before, after) = item.neighbours(day);
    if before.is_some_and(|before| begins <= before) || after.is_some_and(|after| begins >= after) {
        let message =
            "Cannot modify the occurrence: it would cross or overlap an adjacent occurrence.";
        return Err(Denied::bad("ErrorOccurrenceCrossingBoundary", message));
    }
    Ok(())
}
