//! Who may read and write which calendars: by the token (contract, 9) and by what is shared.

use super::super::reply::Denied;
use super::key::Key;
use super::{BASIC, Desk, Place, READ, READ_SHARED, WRITE, WRITE_SHARED, escaped, no_key};

impl Desk<'_> {
    /// Whether the token allows to read here (contract, 9).
    pub(super) fn admit(&self) -> Result<(), Denied> {
        let caller = &self.call.caller;
        if caller.is_app || caller.oid == self.owner.oid {
            return if caller.has(READ) || caller.has(BASIC) {
                Ok(())
            } else {
                Err(Denied::access())
            };
        }
        let agenda = self.act.agenda();
        let shares = agenda.mailbox(&caller.oid).is_some_and(|mailbox| {
            mailbox.shared.iter().any(|shared| shared.owner == self.owner.oid)
        });
        if shares && caller.has(READ_SHARED) { Ok(()) } else { Err(Denied::access()) }
    }

    /// Whether the token and the sharing allow to write there.
    pub(super) fn writable(&self, place: &Place) -> Result<(), Denied> {
        let is_own = self.call.caller.is_app || place.oid == self.call.caller.oid;
        let wanted = if is_own { WRITE } else { WRITE_SHARED };
        if self.call.caller.has(wanted) && place.can_edit { Ok(()) } else { Err(Denied::access()) }
    }

    /// All calendars of the mailbox.
    pub(super) fn whole(&self) -> Place {
        let set = self.owner.set("events");
        Place {
            oid: self.owner.oid.to_owned(),
            calendar: None,
            set,
            can_edit: self.edits(self.owner.oid),
        }
    }

    /// Whether the caller may edit the default calendar of that mailbox.
    pub(super) fn edits(&self, oid: &str) -> bool {
        if self.call.caller.is_app || oid == self.call.caller.oid {
            return true;
        }
        let agenda = self.act.agenda();
        agenda.mailbox(&self.call.caller.oid).is_some_and(|mailbox| {
            mailbox.shared.iter().any(|shared| shared.owner == oid && shared.can_edit)
        })
    }

    /// The calendar with this id, or the default one; a shared one is its owner's.
    pub(super) fn place(&self, id: Option<&str>) -> Result<Place, Denied> {
        let agenda = self.act.agenda();
        let mailbox = agenda.mailbox(self.owner.oid).ok_or_else(Denied::no_mailbox)?;
        let Some(id) = id else {
            let calendar = Some(mailbox.default_calendar());
            drop(agenda);
            let set = self.owner.set("calendar/events");
            return Ok(Place { calendar, set, ..self.whole() });
        };
        let set = self.owner.set(&format!("calendars('{}')/events", escaped(id)));
        match mailbox.key(id).map_err(no_key)? {
            Key::Calendar(number) if mailbox.calendars.iter().any(|one| one.number == number) => {
                drop(agenda);
                Ok(Place { calendar: Some(number), set, ..self.whole() })
            }
            Key::Shared(number) => {
                let shared = mailbox.shared.iter().find(|shared| shared.number == number);
                let shared = shared.ok_or_else(Denied::not_found)?;
                if !self.call.caller.has(READ_SHARED) {
                    return Err(Denied::access());
                }
                Ok(Place {
                    oid: shared.owner.clone(),
                    calendar: Some(shared.calendar),
                    set,
                    can_edit: shared.can_edit,
                })
            }
            _ => Err(Denied::not_found()),
        }
    }
}
