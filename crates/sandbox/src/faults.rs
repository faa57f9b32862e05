//! Scripted faults: what shall go wrong where, how often, and for whom.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use evergrant::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Act, Problem, Scene};

/// A scripted fault, as it is asked for and listed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its name in the ledger; given by the stage.
    #[serde(default, skip_deserializing)]
    pub id: String,
    /// The site it strikes at.
    #[serde(rename = "where")]
    pub site: String,
    /// The request fields that must be equal; `path` is a prefix, or an ending after a `*`. All
    /// requests, if empty.
    #[serde(rename = "match", default)]
    pub matching: BTreeMap<String, String>,
    /// How often it still strikes.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens.
    #[serde(rename = "do")]
    pub deed: Deed,
}

fn once() -> u32 {
    1
}

/// What a fault does: a delay, and at most one of a break and a failure; or an answer, real or
/// failed, whose body is cut.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Deed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    drop: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    drop_after_commit: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    truncate: Option<usize>,
    #[serde(flatten)]
    failure: Failure,
}

/// An answer that the vendor shall give instead of doing what was asked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Failure {
    /// The HTTP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The value of `Retry-After`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The body: a text as it is, anything else as JSON. The vendor's own, if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Further headers, which replace those of the same name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What only the vendor understands.
    #[serde(flatten)]
    pub vendor: Map<String, Value>,
}

/// Where a fault breaks the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// Before anything happened.
    Before,
    /// When everything has happened and only the answer is missing.
    AfterCommit,
}

impl Failure {
    /// The status to answer with, if one was asked for.
    pub fn status_code(&self) -> Option<StatusCode> {
        self.status.and_then(|status| StatusCode::from_u16(status).ok())
    }

    /// Puts the scripted headers on an answer.
    pub fn dress<B>(&self, response: &mut Response<B>) {
        for (name, value) in &self.headers {
            // Both were read before when the fault was scripted.
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
                response.headers_mut().insert(name, value);
            }
        }
    }

    fn has_bad_header(&self) -> bool {
        let is_bad = |(name, value): (&String, &String)| {
            name.parse::<HeaderName>().is_err() || value.parse::<HeaderValue>().is_err()
        };
        self.headers.iter().any(is_bad)
    }

    fn is_empty(&self) -> bool {
        self.status.is_none() && self.body.is_none() && self.vendor.is_empty()
    }
}

impl Deed {
    /// How long the request is held back, before it has any effect.
    pub(crate) fn delay(&self) -> Option<Duration> {
        self.delay_ms.map(Duration::from_millis)
    }

    /// How long the answer is held back, after everything has happened.
    pub(crate) fn hold(&self) -> Option<Duration> {
        self.hold_ms.map(Duration::from_millis)
    }

    /// Where the connection breaks, if it does.
    pub(crate) fn breaks(&self) -> Option<Break> {
        match (self.drop, self.drop_after_commit) {
            (true, _) => Some(Break::Before),
            (_, true) => Some(Break::AfterCommit),
            _ => None,
        }
    }

    /// After how many bytes the body ends, if it does before its time.
    pub(crate) fn truncate(&self) -> Option<usize> {
        self.truncate
    }

    /// The answer instead of the real one, if there is one.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        (!self.failure.is_empty()).then_some(&self.failure)
    }

    /// Whether it is an answer and nothing else.
    fn is_answer(&self) -> bool {
        let is_late = self.delay_ms.is_some() || self.hold_ms.is_some();
        self.failure().is_some() && !is_late && self.truncate.is_none()
    }

    fn check(&self) -> Result<(), Problem> {
        let ends = [self.drop, self.drop_after_commit, self.failure().is_some()];
        if ends.iter().filter(|end| **end).count() > 1 {
            return Err(Problem::unusable(
                "`drop`, `drop_after_commit` and an answer exclude each other",
            ));
        }
        if self.failure.retry_after.is_some() && self.failure().is_none() {
            return Err(Problem::unusable("`retry_after` needs an answer to stand in"));
        }
        if !self.failure.headers.is_empty() && self.failure().is_none() {
            return Err(Problem::unusable("`headers` need an answer to stand in"));
        }
        if self.failure.has_bad_header() {
            return Err(Problem::unusable("`headers` has a name or a value that HTTP forbids"));
        }
        if self.truncate.is_some() && self.breaks().is_some() {
            return Err(Problem::unusable("a broken connection has nothing to `truncate`"));
        }
        if self.delay_ms.is_none()
            && self.hold_ms.is_none()
            && self.truncate.is_none()
            && !ends.contains(&true)
        {
            return Err(Problem::unusable("`do` does nothing"));
        }
        let final_status = |status: &u16| (200..=599).contains(status);
        if self.failure.status.is_some_and(|status| !final_status(&status)) {
            return Err(Problem::unusable("`status` is not the status of an answer"));
        }
        Ok(())
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Script>);

#[derive(Debug, Default)]
struct Script {
    faults: Vec<Fault>,
    written: u64,
}

impl Faults {
    /// Adds a fault, if there is an act that can do it.
    pub(crate) fn add<'a>(
        &self,
        mut fault: Fault,
        acts: impl Iterator<Item = &'a dyn Act>,
    ) -> Result<Fault, Problem> {
        let places: Vec<_> =
            acts.flat_map(|act| act.sites().iter().map(move |site| (act, site))).collect();
        let Some((act, site)) = places.iter().find(|(_, site)| site.name == fault.site) else {
            let known: Vec<_> = places.iter().map(|(_, site)| site.name).collect();
            let detail = format!("no site `{}`; there are: {}", fault.site, known.join(", "));
            return Err(Problem::unusable(detail));
        };
        let matchable =
            |field: &str| ["method", "path"].contains(&field) || site.fields.contains(&field);
        if let Some(field) = fault.matching.keys().find(|field| !matchable(field)) {
            let detail = format!(
                "`{}` has no field `{field}`; there are: method, path, {}",
                site.name,
                site.fields.join(", "),
            );
            return Err(Problem::unusable(detail));
        }
        if fault.times == 0 {
            return Err(Problem::unusable("`times` must be at least 1"));
        }
        fault.deed.check()?;
        if let Some(failure) = fault.deed.failure() {
            act.accepts(site.name, failure).map_err(Problem::unusable)?;
        }
        self.script(|script| {
            script.written += 1;
            fault.id = format!("fault-{}", script.written);
            script.faults.push(fault.clone());
        });
        Ok(fault)
    }

    /// The first fault meant for this request, once less to come.
    pub(crate) fn strike(&self, scene: &Scene, request: &Request) -> Option<Fault> {
        self.first(|fault| fault.is_for(scene, request))
    }

    /// The same for a request within another one. It has no connection of its own that could be
    /// slow or break, so only answers strike it; and only faults that name a method or a path, as
    /// the others are for the whole.
    pub(crate) fn strike_part(&self, scene: &Scene, request: &Request) -> Option<Failure> {
        let names = |fault: &Fault| {
            ["method", "path"].iter().any(|field| fault.matching.contains_key(*field))
        };
        let fault = self.first(|fault| {
            names(fault) && fault.deed.is_answer() && fault.is_for(scene, request)
        })?;
        Some(fault.deed.failure)
    }

    /// The first fault that `is_it`, once less to come.
    fn first(&self, is_it: impl Fn(&Fault) -> bool) -> Option<Fault> {
        self.script(|script| {
            let index = script.faults.iter().position(is_it)?;
            let fault = script.faults.get_mut(index)?;
            fault.times -= 1;
            let struck = fault.clone();
            if fault.times == 0 {
                script.faults.remove(index);
            }
            Some(struck)
        })
    }

    pub(crate) fn list(&self) -> Vec<Fault> {
        self.script(|script| script.faults.clone())
    }

    pub(crate) fn clear(&self) {
        self.script(|script| script.faults.clear());
    }

    fn script<T>(&self, look: impl FnOnce(&mut Script) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Fault {
    fn is_for(&self, scene: &Scene, request: &Request) -> bool {
        self.site == scene.site
            && self.matching.iter().all(|(field, wanted)| match field.as_str() {
                "method" => request.method().as_str().eq_ignore_ascii_case(wanted),
                "path" => match wanted.strip_prefix('*') {
                    Some(ending) => request.uri().path().ends_with(ending),
                    None => request.uri().path().starts_with(wanted.as_str()),
                },
                field => scene.fields.get(field).is_some_and(|is| is.eq_ignore_ascii_case(wanted)),
            })
    }
}
