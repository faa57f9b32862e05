//! What operations on an account's own things have in common: the integration is opened, its provider
//! asked now, and what goes wrong told with the links that help.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::capability::{
    Calendars, Cursor, Mail, Markets, Meetings, Page, Profiles, Trading, Zone,
};
use evergrant::clock::later;
use evergrant::{Api, CallError, IntegrationId, UserId};
use jiff::Timestamp;
use serde::Serialize;
use url::form_urlencoded;
use utoipa::ToSchema;

use crate::App;
use crate::principal::{Permission, Principal};
use crate::problem::Problem;

/// How many a page of a provider's list has at most.
const LONGEST_PAGE: u32 = 200;

/// An integration opened for calls.
pub(super) struct Live {
    app: App,
    pub(super) owner: UserId,
    id: IntegrationId,
    pub(super) api: Api,
}

impl Live {
    /// Opens the asking user's integration, if the key has this permission.
    pub(super) async fn open(
        app: &App,
        principal: Principal,
        permission: Permission,
        id: IntegrationId,
    ) -> Result<Self, Problem> {
        let owner = principal.may(permission)?;
        let api = app.0.gateway.open(owner, id).await?;
        Ok(Self { app: app.clone(), owner, id, api })
    }

    /// The same within one of the accounts that the provider keeps for its user, if one is named.
    pub(super) async fn open_within(
        app: &App,
        principal: Principal,
        permission: Permission,
        id: IntegrationId,
        account: Option<&str>,
    ) -> Result<Self, Problem> {
        let live = Self::open(app, principal, permission, id).await?;
        match account {
            None => Ok(live),
            Some("") => Err(Problem::invalid("account", "`account` must not be empty.")),
            Some(account) => Ok(Self { api: live.api.within(account), ..live }),
        }
    }

    pub(super) fn profiles(&self) -> Result<&dyn Profiles, Problem> {
        self.offered(self.api.provider().profiles(), "profile")
    }

    pub(super) fn calendars(&self) -> Result<&dyn Calendars, Problem> {
        self.offered(self.api.provider().calendars(), "calendar")
    }

    pub(super) fn mail(&self) -> Result<&dyn Mail, Problem> {
        self.offered(self.api.provider().mail(), "mailbox")
    }

    pub(super) fn meetings(&self) -> Result<&dyn Meetings, Problem> {
        self.offered(self.api.provider().meetings(), "online meetings")
    }

    pub(super) fn markets(&self) -> Result<&dyn Markets, Problem> {
        self.offered(self.api.provider().markets(), "markets")
    }

    pub(super) fn trading(&self) -> Result<&dyn Trading, Problem> {
        self.offered(self.api.provider().trading(), "trading")
    }

    fn offered<T>(&self, found: Option<T>, capability: &'static str) -> Result<T, Problem> {
        let provider = || self.api.manifest().label.clone();
        Ok(found.ok_or_else(|| CallError::NotOffered { provider: provider(), capability })?)
    }

    /// What the provider gave, or what went wrong with the links that help.
    pub(super) async fn told<T>(&self, outcome: Result<T, CallError>) -> Result<T, Problem> {
        match outcome {
            Ok(given) => Ok(given),
            Err(error) => {
                let until = match &error {
                    CallError::Throttled { retry_after: Some(wait) } => {
                        Some(later(self.api.now(), *wait))
                    }
                    _ => None,
                };
                // Boxed: only what went wrong comes this way.
                let problem = Box::pin(self.app.with_links(error, self.owner, self.id)).await;
                Err(match until {
                    Some(until) => problem.with("until", format!("{until:.0}")),
                    None => problem,
                })
            }
        }
    }

    /// Where callers find something below this integration: literal names and the provider's ids by
    /// turns.
    pub(super) fn address(&self, parts: &[&str]) -> String {
        let id = self.id.to_string();
        let parts = parts.iter().map(|part| segment(part));
        let path: Vec<_> = std::iter::once(id).chain(parts).collect();
        self.app.url(&format!("/api/integrations/{}/", path.join("/")))
    }

    /// The same, in the account that was chosen.
    pub(super) fn address_within(&self, parts: &[&str]) -> String {
        let mut asked = form_urlencoded::Serializer::new(String::new());
        asked.extend_pairs(self.api.chosen().map(|account| ("account", account)));
        match &*asked.finish() {
            "" => self.address(parts),
            asked => format!("{}?{asked}", self.address(parts)),
        }
    }

    /// A page of the list at this place, whose next one is asked for with the same `query`.
    pub(super) fn page<T>(
        &self,
        list: &[&str],
        query: &[(&str, Option<String>)],
        page: Page<T>,
    ) -> Listed<T> {
        Listed { results: page.results, next: self.next(list, query, page.next) }
    }

    /// Where the list at this place goes on.
    pub(super) fn next(
        &self,
        list: &[&str],
        query: &[(&str, Option<String>)],
        next: Option<Cursor>,
    ) -> Option<String> {
        let cursor = next?;
        let mut asked = form_urlencoded::Serializer::new(String::new());
        asked.extend_pairs(self.api.chosen().map(|account| ("account", account)));
        for (name, value) in query {
            asked.extend_pairs(value.iter().map(|value| (name, value)));
        }
        asked.append_pair("cursor", &URL_SAFE_NO_PAD.encode(cursor.0));
        Some(format!("{}?{}", self.address(list), asked.finish()))
    }
}

/// A part of a list, or all of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    results: Vec<T>,
    /// The address of the next page; null at the list's end. A page may be shorter than asked for, or
    /// empty, and still not be the last. It begins with the server's public URL, whichever was asked.
    next: Option<String>,
}

impl<T> Listed<T> {
    /// A list that is complete.
    pub(super) fn whole(results: Vec<T>) -> Self {
        Self { results, next: None }
    }
}

/// How many a page is to have.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(50);
    at_most("limit", limit, LONGEST_PAGE)
}

/// A number that is at least 1.
pub(super) fn at_most(parameter: &str, asked: u32, most: u32) -> Result<u32, Problem> {
    if (1..=most).contains(&asked) {
        return Ok(asked);
    }
    Err(Problem::invalid(parameter, format!("`{parameter}` must be from 1 to {most}.")))
}

/// Where the last page ended.
pub(super) fn cursor(given: Option<&str>) -> Result<Option<Cursor>, Problem> {
    let Some(given) = given else {
        return Ok(None);
    };
    let text = URL_SAFE_NO_PAD.decode(given).ok().and_then(|text| String::from_utf8(text).ok());
    match text {
        Some(text) if !text.is_empty() => Ok(Some(Cursor(text))),
        _ => Err(Problem::invalid("cursor", "`cursor` must be one that `next` gave.")),
    }
}

/// One end of a span of time, which a parameter gives as an instant or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A day counts from its beginning.
    First,
    /// A day counts to its end.
    Last,
}

/// The instant that a parameter names. In an address a `+` stands for a space unless it is encoded,
/// which is easily forgotten; no time has a space.
pub(super) fn instant(
    parameter: &str,
    given: &str,
    end: End,
    zone: Option<&Zone>,
) -> Result<Timestamp, Problem> {
    let moment = given.replace(' ', "+").parse::<evergrant::capability::Moment>();
    let instant = moment.and_then(|moment| match end {
        End::First => moment.first_instant(zone),
        End::Last => moment.end_instant(zone),
    });
    instant.map_err(|error| Problem::invalid(parameter, format!("`{parameter}`: {error}")))
}

/// Text as one segment of a path (RFC 3986, section 3.3): everything but the unreserved characters is
/// encoded, so that ids with `/`, `+` or `=` stay whole.
pub(super) fn segment(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
