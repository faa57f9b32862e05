//! Reading events: lists, views of a time, the instances of a series (contract, 5.5).

use jiff::{SignedDuration, Timestamp};

use super::super::odata::{Kind, Options, list};
use super::super::reply::{Answer, Denied};
use super::item::{Form, Item};
use super::mailbox::Mailbox;
use super::when::instant;
use super::{Desk, Place, escaped, find, selects};

/// The longest window of a view, in days (contract, 5.5).
const LONGEST: i64 = 1825;
/// What comes with the events of a view, but cannot be selected there (contract, 4.5).
const UNSELECTABLE: &[&str] = &["createdDateTime", "lastModifiedDateTime"];

/// Events, as queries know them.
pub(in super::super) static EVENT: Kind = Kind {
    name: "microsoft.graph.event",
    usual: &[
        "createdDateTime",
        "lastModifiedDateTime",
        "changeKey",
        "categories",
        "transactionId",
        "originalStartTimeZone",
        "originalEndTimeZone",
        "iCalUId",
        "reminderMinutesBeforeStart",
        "isReminderOn",
        "hasAttachments",
        "subject",
        "bodyPreview",
        "importance",
        "sensitivity",
        "isAllDay",
        "isCancelled",
        "isOrganizer",
        "responseRequested",
        "seriesMasterId",
        "showAs",
        "type",
        "webLink",
        "onlineMeetingUrl",
        "isOnlineMeeting",
        "onlineMeetingProvider",
        "allowNewTimeProposals",
        "isDraft",
        "hideAttendees",
        "responseStatus",
        "body",
        "start",
        "end",
        "location",
        "locations",
        "recurrence",
        "attendees",
        "organizer",
        "onlineMeeting",
        "originalStart",
    ],
    on_request: &["cancelledOccurrences"],
    expandable: &[
        "attachments",
        "calendar",
        "extensions",
        "instances",
        "exceptionOccurrences",
        "singleValueExtendedProperties",
        "multiValueExtendedProperties",
    ],
    most: 1000,
    sorts_by_filter: false,
};

impl Desk<'_> {
    /// Series and single events, newest first: `/events` expands nothing (contract, 5.4).
    pub(super) fn list(&self, place: &Place) -> Result<Answer, Denied> {
        self.refuse_search()?;
        let agenda = self.act.agenda();
        let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let items = mailbox.items.values().rev().filter(|item| is_in(item, place));
        let shown: Vec<_> = items.map(|item| mailbox.show(item, Form::Whole, &self.look)).collect();
        list(self.call, &EVENT, &place.set, &shown)
    }

    /// What takes place in a window, occurrence by occurrence, by its begin.
    pub(super) fn view(&self, place: &Place) -> Result<Answer, Denied> {
        self.refuse_search()?;
        if let Some(name) = UNSELECTABLE.iter().find(|name| selects(self.call, name)) {
            let message = format!("The property '{name}' can't be selected on a calendar view.");
            return Err(Denied::bad("BadRequest", message));
        }
        let (from, to) = self.window()?;
        let agenda = self.act.agenda();
        let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let set = place.set.strip_suffix("events").unwrap_or(&place.set);
        let items = mailbox.items.values().filter(|item| is_in(item, place));
        self.expanded(mailbox, items, (from, to), &format!("{set}calendarView"))
    }

    /// The occurrences of one series in a window.
    pub(super) fn instances(&self, place: &Place, id: &str) -> Result<Answer, Denied> {
        let (from, to) = self.window()?;
        let agenda = self.act.agenda();
        let mailbox = agenda.mailbox(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let (item, form) = find(mailbox, place, id)?;
        if item.recurrence.is_none() || form != Form::Whole {
            let message =
                "Your request can't be completed. The event isn't the master of a series.";
            return Err(Denied::bad("ErrorInvalidRequest", message));
        }
        let set = self.owner.set(&format!("events('{}')/instances", escaped(id)));
        self.expanded(mailbox, std::iter::once(&item), (from, to), &set)
    }

    /// One event; a read of it brings a late link nearer.
    pub(super) fn show_one(&self, place: &Place, id: &str) -> Result<Answer, Denied> {
        let mut agenda = self.act.agenda();
        let mailbox = agenda.mailbox_mut(&place.oid).ok_or_else(Denied::no_mailbox)?;
        let (item, form) = find(mailbox, place, id)?;
        let answer = Answer::ok(self.entity(mailbox, &item, form)?);
        let late = mailbox.items.get_mut(&item.number).and_then(|item| item.online.as_mut());
        if let Some(online) = late {
            online.late.reads = online.late.reads.saturating_sub(1);
        }
        Ok(answer)
    }

    fn expanded<'a>(
        &self,
        mailbox: &Mailbox,
        items: impl Iterator<Item = &'a Item>,
        (from, to): (Timestamp, Timestamp),
        set: &str,
    ) -> Result<Answer, Denied> {
        let forms =
            |item: &'a Item| item.within(from, to).into_iter().map(move |form| (item, form));
        let mut found: Vec<_> = items
            .flat_map(forms)
            .filter_map(|(item, form)| Some((item.content(form)?.span.matched().0, item, form)))
            .collect();
        found.sort_by_key(|(start, item, _)| (*start, item.number));
        let show = |(_, item, form): &(_, &Item, Form)| {
            let mut shown = mailbox.show(item, *form, &self.look);
            // Selected alone it does not come back (contract, 4.5).
            if selects(self.call, "onlineMeeting") && !selects(self.call, "isOnlineMeeting") {
                shown.as_object_mut().map(|event| event.remove("onlineMeeting"));
            }
            shown
        };
        let shown: Vec<_> = found.iter().map(show).collect();
        list(self.call, &EVENT, set, &shown)
    }

    fn window(&self) -> Result<(Timestamp, Timestamp), Denied> {
        window(&self.call.options)
    }

    fn refuse_search(&self) -> Result<(), Denied> {
        if self.call.options.get("search").is_none() {
            return Ok(());
        }
        let message = "The parameter $search is not currently supported on the Events resource.";
        Err(Denied::bad("SearchEvents", message))
    }
}

fn is_in(item: &Item, place: &Place) -> bool {
    place.calendar.is_none_or(|calendar| calendar == item.calendar)
}

/// The window of the query. Offsets in it are honoured; without one it is UTC.
pub(super) fn window(options: &Options) -> Result<(Timestamp, Timestamp), Denied> {
    let needed = "This request requires a time window specified by the query string parameters StartDateTime \
                  and EndDateTime.";
    let bound = |name: &str| {
        let text = options.get(name).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| Denied::bad("ErrorInvalidParameter", needed))?;
        instant(text).ok_or_else(|| {
            Denied::bad(
                "ErrorInvalidParameter",
                format!("The value '{text}' of parameter '{name}' is invalid."),
            )
        })
    };
    let (from, to) = (bound("startDateTime")?, bound("endDateTime")?);
    if to < from {
        let message = "The EndDateTime must be later than the StartDateTime.";
        return Err(Denied::bad("ErrorInvalidParameter", message));
    }
    if to.duration_since(from) > SignedDuration::from_hours(LONGEST * 24) {
        let message = format!("The requested date range is too long: the most is {LONGEST} days.");
        return Err(Denied::bad("ErrorInvalidRequest", message));
    }
    Ok((from, to))
}
