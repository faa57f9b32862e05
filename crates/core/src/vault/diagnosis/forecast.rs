//! When an integration will need a person, and whom.
//!
//! A forecast says the earliest thing that nobody can prevent but a person. What Evergrant prevents
//! by running, such as a refresh token that lapses unused, is said as such and is nobody's work.

use jiff::Timestamp;
use serde::Serialize;

use super::super::Registration;
use crate::clock::later;
use crate::integration::Status;
use crate::provider::{Actor, RefreshLife, Renewal};

/// When an integration will need a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Who will be needed.
    pub actor: Actor,
    /// When; a time that has passed means now. `None` where nobody is needed.
    pub at: Option<Timestamp>,
    /// Stable name of the cause, such as `credential_ends`, `kept_alive` or `login_kept`.
    pub cause: String,
    /// The same in one sentence.
    pub why: String,
    /// When the refresh token lapses if nothing refreshes it before; `None` where nothing depends on it.
    pub lapses_at: Option<Timestamp>,
}

/// What a forecast is made of.
pub(super) struct Prospect<'a> {
    pub(super) now: Timestamp,
    pub(super) copied: bool,
    pub(super) status: &'a Status,
    pub(super) unreadable: Option<&'a str>,
    pub(super) registration: Option<&'a Registration>,
    pub(super) connected_at: Timestamp,
    /// Whether the user has signed in again since; the row does not say when.
    pub(super) reconnected: bool,
    pub(super) obtained_at: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
    /// When new tokens are fetched; `None` where none can be had without the user.
    pub(super) renewal: Option<Renewal>,
    /// Whether what signs in again is kept: then no session's end needs the user.
    pub(super) login_kept: bool,
    pub(super) life: RefreshLife,
}

/// The earliest event that needs a person.
pub(super) fn of(prospect: &Prospect<'_>) -> Forecast {
    let lapses_at = lapses_at(prospect);
    let mut forecast = needed_now(prospect)
        .or_else(|| events(prospect, lapses_at).into_iter().min_by_key(|event| event.at))
        .unwrap_or_else(|| if prospect.login_kept { signs_in_again() } else { nobody(lapses_at) });
    forecast.lapses_at = lapses_at;
    forecast
}

/// What stands in the way already; the first is what must be done first.
fn needed_now(prospect: &Prospect<'_>) -> Option<Forecast> {
    let operator = |cause: &str, why: String| now(prospect.now, Actor::Operator, cause, why);
    if prospect.copied {
        let why = "The database is a copy: nobody is called until it is adopted.";
        return Some(operator("database_copied", why.to_owned()));
    }
    if let Status::NeedsReconnect { why, since } = prospect.status {
        return Some(now(*since, why.actor, &why.code, why.message.clone()));
    }
    if let Some(why) = prospect.unreadable {
        return Some(operator(
            "grant_unreadable",
            format!("The stored grant cannot be read: {why}."),
        ));
    }
    let Some(registration) = prospect.registration else {
        let why = "Its provider is not configured any more.";
        return Some(operator("provider_not_configured", why.to_owned()));
    };
    if let Some(failure) = &registration.incomplete {
        return Some(operator(&failure.code, failure.message.clone()));
    }
    let failure = registration.suspended.as_ref()?;
    let since = registration.suspended_since.unwrap_or(prospect.now);
    Some(now(since, failure.actor, &failure.code, failure.message.clone()))
}

/// What comes by itself.
fn events(prospect: &Prospect<'_>, lapses_at: Option<Timestamp>) -> Vec<Forecast> {
    let mut events = Vec::new();
    let mut event = |at, actor, cause: &str, why: String| events.push(now(at, actor, cause, why));
    if let Some(end) = prospect.registration.and_then(Registration::ends_at) {
        let why =
            format!("The last credential of the registration ends at {end}: add a new one before.");
        event(end, Actor::Operator, "credential_ends", why);
    }
    if prospect.renewal.is_none() {
        let end = prospect.expires_at;
        let why = format!("There is no refresh token, and the access token ends at {end}.");
        event(end, Actor::User, "no_refresh_token", why);
        return events;
    }
    if prospect.login_kept {
        return events;
    }
    if let Some((end, exact)) = sign_in_ends(prospect) {
        let when = if exact { "at" } else { "at the latest at" };
        let why = format!("The provider wants its users to sign in again, {when} {end}.");
        event(end, Actor::User, "sign_in_ends", why);
    }
    if let Some(end) = lapses_at
        && !is_kept_alive(prospect)
    {
        let why = if *prospect.status == Status::Paused {
            format!("It is paused: if nothing refreshes it before {end}, its user must reconnect.")
        } else {
            format!("If nothing refreshes it before {end}, its user must reconnect.")
        };
        event(end, Actor::User, "unused_too_long", why);
    }
    events
}

/// When the sign-in ends for good, and whether that is the exact time. After a reconnect only
/// bounds are known of when the user signed in: between the first connect and the last refresh.
fn sign_in_ends(prospect: &Prospect<'_>) -> Option<(Timestamp, bool)> {
    let RefreshLife::Fixed(life) = prospect.life else { return None };
    let earliest = later(prospect.connected_at, life);
    if !prospect.reconnected || earliest > prospect.now {
        return Some((earliest, !prospect.reconnected));
    }
    // It is over and the grant lives: the user has signed in later than that.
    Some((later(prospect.obtained_at?, life), false))
}

fn lapses_at(prospect: &Prospect<'_>) -> Option<Timestamp> {
    let RefreshLife::Idle(life) = prospect.life else { return None };
    let matters = prospect.renewal.is_some() && !prospect.login_kept;
    prospect.obtained_at.filter(|_| matters).map(|at| later(at, life))
}

fn is_kept_alive(prospect: &Prospect<'_>) -> bool {
    prospect.renewal == Some(Renewal::Ahead) && *prospect.status == Status::Active
}

fn now(at: Timestamp, actor: Actor, cause: &str, why: String) -> Forecast {
    Forecast { actor, at: Some(at), cause: cause.to_owned(), why, lapses_at: None }
}

fn nobody(lapses_at: Option<Timestamp>) -> Forecast {
    let unless =
        lapses_at.map_or_else(String::new, |end| format!(", and refreshes it before {end}"));
    Forecast {
        actor: Actor::Nobody,
        at: None,
        cause: "kept_alive".to_owned(),
        why: format!("Nobody is needed as long as Evergrant runs{unless}."),
        lapses_at,
    }
}

fn signs_in_again() -> Forecast {
    let why = "Nobody is needed as long as Evergrant runs: its login is kept, and signs in again.";
    let (cause, why) = ("login_kept".to_owned(), why.to_owned());
    Forecast { actor: Actor::Nobody, at: None, cause, why, lapses_at: None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::provider::{Credential, Failure};

    const DAY: Duration = Duration::from_hours(24);

    fn day(number: u32) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, DAY * number)
    }

    fn registration(ends: &[Option<u32>]) -> Registration {
        let credential = |end: &Option<u32>| Credential {
            name: "secret".to_owned(),
            expires_at: end.map(day),
            refused: None,
        };
        Registration {
            name: "acme".to_owned(),
            providers: vec!["acme".into()],
            incomplete: None,
            suspended: None,
            suspended_since: None,
            credentials: ends.iter().map(credential).collect(),
        }
    }

    /// Day 100: connected on day 10, refreshed on day 99, kept alive for good.
    fn prospect<'a>(status: &'a Status, registration: &'a Registration) -> Prospect<'a> {
        Prospect {
            now: day(100),
            copied: false,
            status,
            unreadable: None,
            registration: Some(registration),
            connected_at: day(10),
            reconnected: false,
            obtained_at: Some(day(99)),
            expires_at: day(101),
            renewal: Some(Renewal::Ahead),
            login_kept: false,
            life: RefreshLife::Unknown,
        }
    }

    /// Who, when and why by name.
    fn brief(prospect: &Prospect<'_>) -> (Actor, Option<Timestamp>, String) {
        let Forecast { actor, at, cause, .. } = of(prospect);
        (actor, at, cause)
    }

    #[test]
    fn nobody_is_needed_as_long_as_evergrant_runs() {
        let (active, sound) = (Status::Active, registration(&[]));
        let plain = of(&prospect(&active, &sound));
        assert_eq!((plain.actor, plain.at, plain.lapses_at), (Actor::Nobody, None, None));
        assert_eq!(plain.why, "Nobody is needed as long as Evergrant runs.");
        let idle = RefreshLife::Idle(DAY * 90);
        let lapsing = of(&Prospect { life: idle, ..prospect(&active, &sound) });
        assert_eq!((lapsing.actor, lapsing.at), (Actor::Nobody, None));
        assert_eq!(lapsing.lapses_at, Some(day(189)));
        assert!(lapsing.why.contains(&day(189).to_string()), "{lapsing:?}");
    }

    #[test]
    fn what_nothing_refreshes_lapses() {
        let (active, paused, sound) = (Status::Active, Status::Paused, registration(&[]));
        let life = RefreshLife::Idle(DAY * 90);
        let lazy = Prospect { life, renewal: Some(Renewal::OnDemand), ..prospect(&active, &sound) };
        let lapse = |prospect| {
            (Actor::User, Some(day(189)), "unused_too_long".to_owned()) == brief(prospect)
        };
        assert!(lapse(&lazy));
        assert!(lapse(&Prospect { life, ..prospect(&paused, &sound) }));
        let endless = brief(&prospect(&paused, &sound));
        assert_eq!(endless.0, Actor::Nobody);
    }

    #[test]
    fn where_the_login_is_kept_no_end_of_a_session_needs_the_user() {
        let (active, paused, sound) = (Status::Active, Status::Paused, registration(&[]));
        let (lazy, short) = (Some(Renewal::OnDemand), RefreshLife::Idle(DAY / 144));
        let session = Prospect { renewal: lazy, life: short, ..prospect(&active, &sound) };
        let without = (Actor::User, Some(later(day(99), DAY / 144)), "unused_too_long".to_owned());
        assert_eq!(brief(&session), without);
        for life in [short, RefreshLife::Fixed(DAY * 120), RefreshLife::Unknown] {
            for status in [&active, &paused] {
                let kept = Prospect { login_kept: true, status, life, ..session };
                assert_eq!(brief(&kept), (Actor::Nobody, None, "login_kept".to_owned()));
                assert_eq!(of(&kept).lapses_at, None);
            }
        }
        // The operator's work stays the operator's.
        let ending = registration(&[Some(150)]);
        let kept = Prospect { login_kept: true, registration: Some(&ending), ..session };
        assert_eq!(brief(&kept).2, "credential_ends");
    }

    #[test]
    fn a_sign_in_that_ends_is_told_by_the_earliest_time_known() {
        let (active, sound) = (Status::Active, registration(&[]));
        let fixed = |days, reconnected| Prospect {
            life: RefreshLife::Fixed(DAY * days),
            reconnected,
            ..prospect(&active, &sound)
        };
        let ends = |at| (Actor::User, Some(day(at)), "sign_in_ends".to_owned());
        assert_eq!(brief(&fixed(180, false)), ends(190));
        assert_eq!(brief(&fixed(180, true)), ends(190));
        // The first sign-in's end is over: there was a later one, by the last refresh at the latest.
        assert_eq!(brief(&fixed(30, true)), ends(129));
        assert!(of(&fixed(30, true)).why.contains("at the latest"));
        assert!(!of(&fixed(180, false)).why.contains("at the latest"));
    }

    #[test]
    fn without_a_refresh_token_the_user_is_needed_when_the_access_token_ends() {
        let (active, sound) = (Status::Active, registration(&[]));
        let life = RefreshLife::Idle(DAY);
        let bare = Prospect { renewal: None, life, ..prospect(&active, &sound) };
        let expected = (Actor::User, Some(day(101)), "no_refresh_token".to_owned());
        assert_eq!(brief(&bare), expected);
        assert_eq!(of(&bare).lapses_at, None);
    }

    #[test]
    fn the_last_credential_decides_and_the_earliest_event_comes_first() {
        let active = Status::Active;
        let (two, one) = (registration(&[Some(110), Some(150)]), registration(&[Some(110), None]));
        let ends = (Actor::Operator, Some(day(150)), "credential_ends".to_owned());
        assert_eq!(brief(&prospect(&active, &two)), ends);
        assert_eq!(brief(&prospect(&active, &one)).0, Actor::Nobody);
        let life = RefreshLife::Fixed(DAY * 120);
        let sooner = brief(&Prospect { life, ..prospect(&active, &two) });
        assert_eq!((sooner.0, sooner.1), (Actor::User, Some(day(130))));
    }

    #[test]
    fn what_stands_in_the_way_already_comes_before_what_will() {
        let failure = |actor| Failure::new("because", actor, "Because.");
        let lost = Status::NeedsReconnect { why: failure(Actor::Administrator), since: day(98) };
        let (active, sound) = (Status::Active, registration(&[Some(110)]));
        let mut bad = registration(&[]);
        bad.suspended = Some(failure(Actor::Operator));
        bad.suspended_since = Some(day(97));
        let mut incomplete = registration(&[]);
        incomplete.incomplete = Some(failure(Actor::Operator));
        let operator = |at, cause: &str| (Actor::Operator, Some(day(at)), cause.to_owned());
        for (expected, prospect) in [
            (operator(100, "database_copied"), Prospect { copied: true, ..prospect(&lost, &bad) }),
            ((Actor::Administrator, Some(day(98)), "because".to_owned()), prospect(&lost, &sound)),
            (
                operator(100, "grant_unreadable"),
                Prospect { unreadable: Some("a key is missing"), ..prospect(&active, &sound) },
            ),
            (
                operator(100, "provider_not_configured"),
                Prospect { registration: None, ..prospect(&active, &sound) },
            ),
            (operator(100, "because"), prospect(&active, &incomplete)),
            (operator(97, "because"), prospect(&active, &bad)),
        ] {
            assert_eq!(brief(&prospect), expected);
        }
    }
}
