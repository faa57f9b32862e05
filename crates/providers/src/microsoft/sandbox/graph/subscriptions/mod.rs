//! Subscriptions and what is sent to subscribers (contract, 8): the table of calls, and who may make them.
//!
//! A call is read and checked ([`terms`], [`resource`]); then its addresses are asked ([`handshake`]), while
//! nothing is locked; then it is carried out. After every request the resources are looked at ([`notice`]), and
//! what has changed is put on its way ([`parcel`], [`deliver`]).
//!
//! Who locks the subscriptions may lock mailboxes, calendars and the world while holding them, never the other
//! way round.

mod control;
mod deliver;
mod handshake;
mod notice;
mod parcel;
mod resource;
mod rich;
mod standing;
mod store;
mod terms;

use std::sync::{MutexGuard, PoisonError};

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(in super::super) use self::control::PATHS;
pub(super) use self::handshake::Reached;
use self::resource::{Sight, Watch};
use self::standing::Standing;
use self::store::Subscription;
pub(in super::super) use self::store::{Mailroom, Subscriptions};
use self::terms::{Changes, Terms, expiration};
use super::call::Call;
use super::reply::{Answer, Denied};
use crate::microsoft::sandbox::MicrosoftAct;

/// A subscription that may be made once its addresses have answered.
#[derive(Debug)]
struct Draft {
    application: String,
    creator: String,
    terms: Terms,
    watch: Watch,
    expires: Timestamp,
    standing: Standing,
}

impl MicrosoftAct {
    /// All subscriptions.
    pub(in super::super) fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        self.0.mailroom.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call to `subscriptions/…`.
    pub(super) fn subscriptions_call(&self, rest: &[&str], call: &Call) -> Result<Answer, Denied> {
        let now = self.backstage().now();
        self.subscriptions().expire(now);
        let answer = match (call.method.as_str(), rest) {
            ("POST", []) => self.subscribe(call),
            ("GET", []) => Ok(self.list_subscriptions(call)),
            ("GET", [id]) => self.own(id, call, |one| Answer::ok(framed(call, one.show()))),
            ("PATCH", [id]) => self.renew(id, call),
            ("DELETE", [id]) => {
                self.own(id, call, |_| ())?;
                self.subscriptions().remove(id);
                Ok(Answer::done())
            }
            ("POST", [id, "reauthorize"]) => self.reauthorize(id, call),
            (_, [] | [_] | [_, "reauthorize"]) => Err(Denied::method()),
            (_, [.., unknown]) => Err(Denied::segment(unknown)),
        }?;
        if call.prefer.applied.is_empty() {
            return Ok(answer);
        }
        Ok(answer.with("preference-applied", call.prefer.applied.join(", ")))
    }

    /// The addresses that a call wants notifications to be sent to, if it is otherwise in order.
    fn addresses(&self, call: &Call) -> Vec<String> {
        let segments: Vec<_> = call.segments.iter().map(String::as_str).collect();
        match (&call.method, segments.as_slice()) {
            (&Method::POST, ["subscriptions"]) => match self.draft(call) {
                Ok(Draft { terms, .. }) => [Some(terms.notification_url), terms.lifecycle_url]
                    .into_iter()
                    .flatten()
                    .collect(),
                Err(_) => Vec::new(),
            },
            (&Method::PATCH, ["subscriptions", id]) => {
                let changes = self.changes(id, call);
                changes.ok().and_then(|changes| changes.notification_url).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// What a creation asks for, if it may have it.
    fn draft(&self, call: &Call) -> Result<Draft, Denied> {
        let body = Value::Object(call.object()?);
        let rules = self.subscriptions().rules.clone();
        let terms = Terms::read(&body, call.prefer.immutable_ids, &rules)?;
        let wanted = expiration(&body)?;
        let watch = self.watch(&terms.resource, &call.caller)?;
        if terms.with_data == Some(true) {
            watch.check_rich()?;
        }
        let expires = terms.end(wanted, self.backstage().now())?;
        let subscriptions = self.subscriptions();
        let collides = |one: &Subscription| {
            one.application == call.caller.client_id
                && one.creator == call.caller.oid
                && one.terms.collides(&terms)
        };
        if subscriptions.all.iter().any(collides) {
            let message = "A subscription already exists for the requested combination.";
            return Err(Denied::new(StatusCode::CONFLICT, "Conflict", message));
        }
        let here = subscriptions.all.iter().filter(|one| one.watch.oid == watch.oid);
        if here.count() >= rules.per_mailbox {
            return Err(Denied::new(
                StatusCode::FORBIDDEN,
                "ExtensionError",
                "Operation: Create; Exception: [Status Code: Forbidden; Reason: The maximum number of \
                 subscriptions for the mailbox has been reached.]",
            ));
        }
        drop(subscriptions);
        Ok(Draft {
            application: call.caller.client_id.clone(),
            creator: call.caller.oid.clone(),
            terms,
            watch,
            expires,
            standing: self.standing(&call.caller),
        })
    }

    fn subscribe(&self, call: &Call) -> Result<Answer, Denied> {
        let draft = self.draft(call)?;
        call.reached.check(&draft.terms.notification_url)?;
        if let Some(url) = &draft.terms.lifecycle_url {
            call.reached.check(url)?;
        }
        let id = self.backstage().guid().to_string();
        let mut subscriptions = self.subscriptions();
        let sight = self.see(&draft.watch, draft.terms.immutable_ids, &Sight::default());
        let made = Subscription::new(id, draft, sight.unwrap_or_default());
        let body = framed(call, made.show());
        let location = call.address(&format!("subscriptions('{}')", made.id));
        subscriptions.all.push(made);
        Ok(Answer::created(body).with("location", location))
    }

    fn list_subscriptions(&self, call: &Call) -> Answer {
        let subscriptions = self.subscriptions();
        let own = subscriptions.all.iter().filter(|one| is_own(one, call)).map(Subscription::show);
        Answer::ok(json!({
            "@odata.context": call.context("subscriptions"),
            "value": own.collect::<Vec<_>>(),
        }))
    }

    /// What a renewal changes, if it may.
    fn changes(&self, id: &str, call: &Call) -> Result<Changes, Denied> {
        let body = Value::Object(call.object()?);
        let rules = self.subscriptions().rules.clone();
        let changes = Changes::read(&body, &rules)?;
        let now = self.backstage().now();
        let end = self.own(id, call, |one| {
            changes.expires.map(|wanted| one.terms.end(wanted, now)).transpose()
        })?;
        self.readable(id, call)?;
        Ok(Changes { expires: end?, ..changes })
    }

    fn renew(&self, id: &str, call: &Call) -> Result<Answer, Denied> {
        let changes = self.changes(id, call)?;
        if let Some(url) = &changes.notification_url {
            call.reached.check(url)?;
        }
        let (now, standing) = (self.backstage().now(), self.standing(&call.caller));
        let mut subscriptions = self.subscriptions();
        let one = subscriptions.get_mut(id).ok_or_else(gone)?;
        one.expires = changes.expires.unwrap_or(one.expires);
        if let Some(url) = changes.notification_url {
            one.terms.notification_url = url;
        }
        if let Some(certificate) = changes.certificate {
            one.terms.certificate = Some(certificate);
        }
        one.cover(standing, true, now);
        Ok(Answer::ok(framed(call, one.show())))
    }

    fn reauthorize(&self, id: &str, call: &Call) -> Result<Answer, Denied> {
        self.readable(id, call)?;
        let (now, standing) = (self.backstage().now(), self.standing(&call.caller));
        let mut subscriptions = self.subscriptions();
        let one = subscriptions.get_mut(id).ok_or_else(gone)?;
        one.cover(standing, false, now);
        Ok(Answer::done())
    }

    /// Refuses tokens that do not read what the subscription is about.
    fn readable(&self, id: &str, call: &Call) -> Result<(), Denied> {
        let may = |one: &Subscription| {
            one.watch.what.is_readable(|permission| call.caller.has(&[permission]))
        };
        if self.own(id, call, may)? { Ok(()) } else { Err(forbidden()) }
    }

    /// Looks at a subscription of the caller; that of others is as unknown as one that is gone.
    fn own<T>(
        &self,
        id: &str,
        call: &Call,
        look: impl FnOnce(&Subscription) -> T,
    ) -> Result<T, Denied> {
        let subscriptions = self.subscriptions();
        let one = subscriptions.get(id).filter(|one| is_own(one, call)).ok_or_else(gone)?;
        Ok(look(one))
    }
}

fn is_own(one: &Subscription, call: &Call) -> bool {
    one.application == call.caller.client_id && one.creator == call.caller.oid
}

fn framed(call: &Call, mut shown: Value) -> Value {
    shown["@odata.context"] = json!(call.context("subscriptions/$entity"));
    shown
}

/// There is no such subscription, or no longer.
fn gone() -> Denied {
    Denied::new(StatusCode::NOT_FOUND, "ResourceNotFound", "The object was not found.")
}

/// The token does not read the resource.
fn forbidden() -> Denied {
    let message = "Operation: Create; Exception: [Status Code: Forbidden; Reason: Access is denied. Check \
                   credentials and try again.]";
    Denied::new(StatusCode::FORBIDDEN, "ExtensionError", message)
}

/// Something about the subscription is not as it must be.
fn invalid(message: &str) -> Denied {
    Denied::bad("InvalidRequest", message)
}
