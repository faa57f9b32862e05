//! What a mailbox can take: the limits of the real service (contract, 4.3), enforced.
//!
//! They count per application and mailbox. A call counts from its arrival, before any scripted
//! delay, until its answer is ready.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use evergrant::Request;
use evergrant_sandbox::Pass;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::reply::{Denied, Reply};
use super::{call, is_outlook};
use crate::microsoft::sandbox::MicrosoftAct;

/// The window in which requests are counted.
const REQUESTS_WINDOW: Duration = Duration::from_mins(10);
/// The window in which uploaded bytes are counted.
const UPLOAD_WINDOW: Duration = Duration::from_mins(5);
/// The window in which sent messages are counted.
const SENDING_WINDOW: Duration = Duration::from_mins(1);
/// The window in which their recipients are counted.
const RECIPIENTS_WINDOW: Duration = Duration::from_hours(24);

/// How much a mailbox can take; a limit that is null is off.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Rules {
    /// Calls at a time.
    concurrency: Option<usize>,
    /// The `Retry-After` of a call that is one too many at a time, in seconds.
    retry_after: u64,
    /// Requests in ten minutes.
    requests: Option<usize>,
    /// Bytes of PATCH, POST and PUT in five minutes.
    upload_bytes: Option<usize>,
    /// Messages sent in a minute.
    messages_per_minute: Option<usize>,
    /// Recipients of one message.
    recipients_per_message: Option<usize>,
    /// Recipients of all messages sent in a day.
    recipients_per_day: Option<usize>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            concurrency: Some(4),
            retry_after: 10,
            requests: Some(10_000),
            upload_bytes: Some(150_000_000),
            messages_per_minute: Some(30),
            recipients_per_message: Some(500),
            recipients_per_day: Some(10_000),
        }
    }
}

impl Rules {
    /// The seconds until a message to so many may be sent after those of a day; none if at once.
    fn wait_to_send(
        &self,
        sent: &VecDeque<(Timestamp, usize)>,
        recipients: usize,
        now: Timestamp,
    ) -> Option<u64> {
        let is_recent =
            |(at, _): &&(Timestamp, usize)| now.duration_since(*at) < window_of(SENDING_WINDOW);
        let recent = sent.iter().rev().take_while(is_recent);
        let by_messages =
            (self.messages_per_minute.is_some_and(|most| recent.clone().count() >= most))
                .then(|| recent.last().map_or(0, |(at, _)| seconds_left(*at, now, SENDING_WINDOW)));
        let most = self.recipients_per_day.unwrap_or(usize::MAX);
        let mut together = sent.iter().map(|(_, count)| count).sum::<usize>() + recipients;
        let by_recipients = (together > most).then(|| {
            // When enough of them have left the window for this one.
            let leaves = sent.iter().find(|(_, count)| {
                together -= count;
                together <= most
            });
            leaves.map_or(RECIPIENTS_WINDOW.as_secs(), |(at, _)| {
                seconds_left(*at, now, RECIPIENTS_WINDOW)
            })
        });
        by_messages.max(by_recipients)
    }
}

/// The counts of all mailboxes.
#[derive(Debug, Default)]
pub(in super::super) struct Limits(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    rules: Rules,
    /// By application and mailbox.
    lanes: HashMap<Lane, Count>,
    /// When messages were sent and to how many, by mailbox: those limits know no applications.
    sent: HashMap<String, VecDeque<(Timestamp, usize)>>,
}

/// An application at a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    pub(super) client_id: String,
    pub(super) mailbox: String,
}

#[derive(Debug, Default)]
struct Count {
    under_way: usize,
    requests: VecDeque<Timestamp>,
    uploads: VecDeque<(Timestamp, usize)>,
}

/// One call under way; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct UnderWay {
    counts: Arc<Mutex<Counts>>,
    lane: Lane,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.lanes.get_mut(&self.lane) {
            // A reset may have come between.
            count.under_way = count.under_way.saturating_sub(1);
        }
    }
}

impl Limits {
    /// The rules of the real service, and nothing counted.
    pub(in super::super) fn reset(&self) {
        self.counts(|counts| *counts = Counts::default());
    }

    /// The rules as they are.
    pub(in super::super) fn rules(&self) -> Rules {
        self.counts(|counts| counts.rules.clone())
    }

    /// Changes the rules.
    pub(in super::super) fn set_rules(&self, rules: Rules) {
        self.counts(|counts| counts.rules = rules);
    }

    /// Counts a message that `mailbox` sends to so many, or refuses it. What is refused does not
    /// count; a message to too many can never be sent, the others can later.
    pub(super) fn send(
        &self,
        mailbox: &str,
        recipients: usize,
        now: Timestamp,
    ) -> Result<(), Denied> {
        self.counts(|counts| {
            let rules = &counts.rules;
            if rules.recipients_per_message.is_some_and(|most| recipients > most) {
                let message = "The message has too many recipients.";
                return Err(Denied::bad("ErrorInvalidRecipients", message));
            }
            let sent = counts.sent.entry(mailbox.to_owned()).or_default();
            forget(sent, now, RECIPIENTS_WINDOW, |(at, _)| *at);
            let wait = rules.wait_to_send(sent, recipients, now);
            if let Some(wait) = wait {
                let message =
                    "The account has exceeded the maximum number of messages that can be sent.";
                return Err(Denied::throttled("ErrorExceededMessageLimit", message, wait));
            }
            sent.push_back((now, recipients));
            Ok(())
        })
    }

    /// Lets a call of so many uploaded bytes in, or refuses it; beside it how many are under way.
    pub(super) fn enter(
        &self,
        lane: Lane,
        upload: usize,
        now: Timestamp,
    ) -> Result<(UnderWay, usize), Denied> {
        let under_way = self.counts(|counts| {
            let count = counts.lanes.entry(lane.clone()).or_default();
            count.enter(&counts.rules, upload, now)
        })?;
        Ok((UnderWay { counts: Arc::clone(&self.0), lane }, under_way))
    }

    fn counts<T>(&self, look: impl FnOnce(&mut Counts) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Count {
    fn enter(&mut self, rules: &Rules, upload: usize, now: Timestamp) -> Result<usize, Denied> {
        let throttled = |what: &str, wait: u64| {
            let message = format!("Application is over its {what} limit.");
            Err(Denied::throttled("ApplicationThrottled", message, wait))
        };
        forget(&mut self.requests, now, REQUESTS_WINDOW, |at| *at);
        forget(&mut self.uploads, now, UPLOAD_WINDOW, |(at, _)| *at);
        // A request that is refused counts, too: retrying at once makes it worse.
        self.requests.push_back(now);
        if let Some(most) = rules.requests
            && self.requests.len() > most
        {
            // When enough of them have left the window for one more.
            let last = self.requests.get(self.requests.len() - most.max(1));
            let wait = last.map_or(1, |at| seconds_left(*at, now, REQUESTS_WINDOW));
            return throttled("request", wait);
        }
        let uploaded: usize = self.uploads.iter().map(|(_, bytes)| bytes).sum();
        if upload > 0 && rules.upload_bytes.is_some_and(|most| uploaded + upload > most) {
            let first = self.uploads.front();
            let wait = first.map_or(1, |(at, _)| seconds_left(*at, now, UPLOAD_WINDOW));
            return throttled("upload", wait);
        }
        if rules.concurrency.is_some_and(|most| self.under_way >= most) {
            return throttled("MailboxConcurrency", rules.retry_after);
        }
        if upload > 0 {
            self.uploads.push_back((now, upload));
        }
        self.under_way += 1;
        Ok(self.under_way)
    }
}

impl MicrosoftAct {
    /// Lets a request to a mailbox in; requests to anything else are not counted, nor are those
    /// that the gate refuses.
    pub(in super::super) fn enter_mailbox(
        &self,
        request: &Request,
    ) -> Result<Pass, Box<axum::response::Response>> {
        match self.count(request) {
            None => Ok(Pass::default()),
            Some(Ok(under_way)) => Ok(Pass::holding(under_way)),
            Some(Err(denied)) => {
                Err(Box::new(Reply::new(self, request).deny(&denied).map(Body::from)))
            }
        }
    }

    /// Counts a request at its mailbox, if it is for one, and writes it down.
    pub(super) fn count(&self, request: &Request) -> Option<Result<UnderWay, Denied>> {
        let (lane, upn) = self.lane(request)?;
        let uploads = ["PATCH", "POST", "PUT"].contains(&request.method().as_str());
        let upload = if uploads { request.body().len() } else { 0 };
        let ledger = self.backstage().ledger();
        // The address of an upload is all the permission it needs (contract, 6.6), but there are
        // clients that send their token there, too (3.4).
        if is_upload(request) && request.headers().contains_key(header::AUTHORIZATION) {
            ledger.token_with_upload(upn);
        }
        Some(match self.0.limits.enter(lane, upload, self.backstage().now()) {
            Ok((pass, under_way)) => {
                ledger.let_in(upn, under_way as u64);
                Ok(pass)
            }
            Err(denied) => {
                ledger.turned_away(upn);
                Err(denied)
            }
        })
    }

    fn lane(&self, request: &Request) -> Option<(Lane, &'static str)> {
        if is_upload(request) {
            let (oid, client_id) = self.upload_of(request)?;
            let upn = self.stage_world().user(&oid)?.upn;
            return Some((Lane { client_id, mailbox: oid }, upn));
        }
        let (_, rest) = call::split(request.uri().path());
        let segments = call::segments(rest);
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let (key, rest) = match segments.as_slice() {
            ["me", rest @ ..] => (None, rest),
            ["users", key, rest @ ..] => (Some(*key), rest),
            _ => return None,
        };
        if !is_outlook(rest) {
            return None;
        }
        let caller = self.identify(request).ok()?;
        let key = key.filter(|key| *key != "me-token-to-replace").unwrap_or(&caller.oid);
        let world = self.stage_world();
        let user = world.user(key)?;
        Some((Lane { client_id: caller.client_id, mailbox: user.oid.to_owned() }, user.upn))
    }
}

/// Whether a request goes to the address of an upload.
fn is_upload(request: &Request) -> bool {
    request.uri().path().starts_with("/api/v2.0/")
}

/// Drops what has left the window: it is open at its old end.
fn forget<T>(
    entries: &mut VecDeque<T>,
    now: Timestamp,
    window: Duration,
    at: impl Fn(&T) -> Timestamp,
) {
    while entries.front().is_some_and(|entry| now.duration_since(at(entry)) >= window_of(window)) {
        entries.pop_front();
    }
}

/// The whole seconds until something that happened at `at` leaves the window.
fn seconds_left(at: Timestamp, now: Timestamp, window: Duration) -> u64 {
    let left = window_of(window) - now.duration_since(at);
    let whole = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    u64::try_from(whole).unwrap_or_default().max(1)
}

fn window_of(window: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(window).unwrap_or(jiff::SignedDuration::MAX)
}
