//! What is subscribed to (contract, 8.1): whose, what of it, and which of that.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::calendar::{BASIC as CALENDAR_BASIC, EVENT, READ as CALENDAR_READ};
use super::super::call::{Caller, segments};
use super::super::ids::{Class, Id};
use super::super::mail::{MESSAGE, READ as MAIL_READ, READ_BASIC as MAIL_BASIC};
use super::super::odata::{Filter, Kind, Options, Query};
use super::super::reply::Denied;
use super::{forbidden, invalid};
use crate::microsoft::sandbox::MicrosoftAct;

/// What a resource's notifications cannot carry.
const TOO_LARGE: &[&str] = &["body", "uniqueBody"];
/// What can be expanded in them.
const EXTENDED: &[&str] = &["singleValueExtendedProperties", "multiValueExtendedProperties"];

/// A resource that was understood.
#[derive(Debug)]
pub(super) struct Watch {
    /// The object id of the mailbox.
    pub(super) oid: &'static str,
    pub(super) what: What,
    query: Query,
    /// Whether the token reads the basics only.
    basic: bool,
}

/// A part of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The messages of a folder, or of all.
    Messages(Option<u64>),
    /// The events of all calendars.
    Events,
}

impl What {
    /// What there is of it, in the spelling of notifications.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Messages(_) => "Messages",
            Self::Events => "Events",
        }
    }

    fn kind(self) -> &'static Kind {
        match self {
            Self::Messages(_) => &MESSAGE,
            Self::Events => &EVENT,
        }
    }

    /// The permissions that read it, one of which is needed, and those that read all of it.
    fn permissions(self) -> (Vec<&'static str>, &'static [&'static str]) {
        match self {
            Self::Messages(_) => (MAIL_BASIC.to_vec(), MAIL_READ),
            Self::Events => ([CALENDAR_READ, CALENDAR_BASIC].concat(), CALENDAR_READ),
        }
    }

    /// Whether one of these permissions reads it.
    pub(super) fn is_readable(self, held: impl Fn(&str) -> bool) -> bool {
        self.permissions().0.into_iter().any(held)
    }
}

/// An item of a mailbox, under the id that a subscriber knows it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    pub(super) serial: u64,
    /// The place it has been at when it had this id; none where ids survive a move.
    place: Option<u32>,
}

/// The items that a subscription is about, with the number of their last change.
pub(super) type Items = BTreeMap<Item, u64>;

/// The state of a resource.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// The number of the mailbox's last change.
    pub(super) change: u64,
    pub(super) items: Items,
}

/// How notifications name an item.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) etag: String,
}

impl MicrosoftAct {
    /// Reads a resource as `caller` may subscribe to it.
    pub(super) fn watch(&self, resource: &str, caller: &Caller) -> Result<Watch, Denied> {
        let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
        let path = segments(path);
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let (key, rest) = match path.as_slice() {
            ["me", ..] if caller.is_app => return Err(Denied::delegated_only()),
            ["me", rest @ ..] => (caller.oid.as_str(), rest),
            ["users", key, rest @ ..] => (*key, rest),
            _ => return Err(unknown(resource)),
        };
        let user = self.stage_world().user(key).cloned().ok_or_else(|| Denied::no_user(key))?;
        if !caller.is_app && user.oid != caller.oid {
            return Err(forbidden());
        }
        let what = match rest {
            ["events"] => What::Events,
            ["messages"] => What::Messages(None),
            ["mailfolders", folder, "messages"] => {
                let folder = self.folder_of(&user, folder)?;
                What::Messages(Some(folder))
            }
            _ => return Err(unknown(resource)),
        };
        if !what.is_readable(|permission| caller.has(&[permission])) {
            return Err(forbidden());
        }
        if !user.has_mailbox {
            return Err(Denied::no_mailbox());
        }
        let query = Options::read(query).query(what.kind())?;
        let is_extended = |name: &&str| EXTENDED.contains(name);
        if query.top.is_some()
            || query.skip > 0
            || !query.order.is_empty()
            || query.search.is_some()
            || !query.expand.iter().all(is_extended)
        {
            return Err(invalid("Only $filter and $select are supported in `resource`."));
        }
        let basic = !caller.has(what.permissions().1);
        Ok(Watch { oid: user.oid, what, query, basic })
    }

    fn folder_of(
        &self,
        user: &crate::microsoft::sandbox::world::User,
        id: &str,
    ) -> Result<u64, Denied> {
        let mut mailboxes = self.mailboxes();
        let mailbox = mailboxes.of(user);
        if let Some(serial) = mailbox.well_known(id) {
            return Ok(serial);
        }
        let id = Id::parse(id).filter(|id| id.class == Class::Folder);
        let id = id.ok_or_else(Denied::id_malformed)?;
        let folder = mailbox.folders.get(&id.serial).filter(|_| id.mailbox == mailbox.number);
        Ok(folder.ok_or_else(Denied::not_found)?.serial)
    }

    /// What a resource holds now. What has not changed since `before` is as it was then.
    pub(super) fn see(&self, watch: &Watch, immutable: bool, before: &Sight) -> Option<Sight> {
        let known = |item: Item, change: u64, entity: &dyn Fn() -> Value| {
            let is_meant = || match &watch.query.filter {
                Some(filter) if change > before.change => filter.matches(&entity()),
                Some(_) => before.items.contains_key(&item),
                None => true,
            };
            is_meant().then_some((item, change))
        };
        match watch.what {
            What::Messages(folder) => {
                let user = self.stage_world().user(watch.oid).cloned()?;
                let mut mailboxes = self.mailboxes();
                let mailbox = mailboxes.of(&user);
                if mailbox.change == before.change && before.change > 0 {
                    return None;
                }
                let purged = mailbox.place("recoverableitemsdeletions");
                let is_there = |at: u64| folder.map_or(at != purged, |folder| folder == at);
                let items = mailbox.messages.values().filter(|it| is_there(it.folder));
                let items = items.filter_map(|message| {
                    let place = (!immutable).then_some(message.place);
                    let item = Item { serial: message.serial, place };
                    known(item, message.changed, &|| message.content().clone())
                });
                Some(Sight { change: mailbox.change, items: items.collect() })
            }
            What::Events => {
                let now = self.backstage().now();
                let agenda = self.agenda();
                let mailbox = agenda.mailbox(watch.oid)?;
                if mailbox.change == before.change && before.change > 0 {
                    return None;
                }
                let items = mailbox.items.values().filter_map(|event| {
                    let item = Item { serial: event.number, place: None };
                    let entity = || mailbox.told(event.number, false, now).unwrap_or_default();
                    known(item, event.change, &entity)
                });
                Some(Sight { change: mailbox.change, items: items.collect() })
            }
        }
    }

    /// The id and the etag of an item as it was at `change`.
    pub(super) fn name(&self, watch: &Watch, item: Item, change: u64) -> Option<Named> {
        let quoted = |key: String| format!("W/\"{key}\"");
        Some(match watch.what {
            What::Messages(_) => {
                let user = self.stage_world().user(watch.oid).cloned()?;
                let mailbox = self.mailboxes().of(&user).number;
                let Item { serial, place } = item;
                let id = Id { class: Class::Message, mailbox, place, serial }.text();
                let key = super::super::ids::change_key(mailbox, serial, change);
                Named { id, etag: quoted(key) }
            }
            What::Events => {
                let agenda = self.agenda();
                let mailbox = agenda.mailbox(watch.oid)?;
                let etag = quoted(mailbox.change_key(change));
                Named { id: mailbox.id_of(item.serial), etag }
            }
        })
    }

    /// What a rich notification tells of an item.
    pub(super) fn tell(&self, watch: &Watch, item: Item) -> Option<Value> {
        let shown = match watch.what {
            What::Messages(_) => {
                let user = self.stage_world().user(watch.oid).cloned()?;
                let mut mailboxes = self.mailboxes();
                let message = mailboxes.of(&user).messages.get(&item.serial)?;
                message.show(crate::microsoft::sandbox::mailbox::View {
                    immutable_ids: item.place.is_none(),
                    text_body: false,
                    basic: watch.basic,
                })
            }
            What::Events => {
                let now = self.backstage().now();
                self.agenda().mailbox(watch.oid)?.told(item.serial, watch.basic, now)?
            }
        };
        Some(watch.query.shape(watch.what.kind(), shown))
    }
}

impl Watch {
    /// Refuses what notifications with the resource's data cannot be made for (contract, 8.5).
    pub(super) fn check_rich(&self) -> Result<(), Denied> {
        let Some(select) = &self.query.select else {
            return Err(invalid(
                "The $select clause is required in `resource` when includeResourceData is true.",
            ));
        };
        match select.iter().find(|name| TOO_LARGE.contains(name)) {
            Some(name) => Err(invalid(&format!(
                "The property '{name}' is not supported in a notification with resource data."
            ))),
            None => Ok(()),
        }
    }

    /// Whether only some items are meant.
    pub(super) fn filter(&self) -> Option<&Filter> {
        self.query.filter.as_ref()
    }
}

fn unknown(resource: &str) -> Denied {
    invalid(&format!("The resource '{resource}' does not support subscriptions."))
}
