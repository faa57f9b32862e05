//! The deployment as a whole: registrations, keys, spool, debts, notices.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use evergrant::clock::until;
use evergrant::provider::Failure;
use evergrant::spool::DirSpool;
use evergrant::store::{GrantStore as _, Notice};
use evergrant::vault::Registration;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Report;
use crate::compose::Parts;

const DAY: Duration = Duration::from_hours(24);
/// From this many days before its end on a credential is warned of.
const ENDS_SOON: u64 = 60;
/// How old the notices are that are shown.
const SHOWN: Duration = Duration::from_hours(30 * 24);
/// How many notices are read at once.
const PAGE: u32 = 200;

pub(super) async fn look(parts: &Parts, report: &mut Report) -> anyhow::Result<()> {
    let now = parts.clock.now();
    // Whoever has set up one provider need not have another.
    let some = parts.providers.iter().any(|provider| provider.ready().is_ok());
    for provider in parts.providers.iter() {
        let key = &provider.manifest().key;
        let what = format!("the registration of {key} is complete");
        match provider.ready() {
            Ok(()) => report.ok(what),
            Err(_) if some && provider.credentials().is_empty() => {
                report.ok(format!("{key} is not set up, and nobody can connect it"));
            }
            Err(failure) => {
                let text = format!("{} {}", failure.message, failure.remedy);
                report.operator(what, text.trim_end().to_owned());
            }
        }
    }
    let notices = notices(parts, now).await?;
    let registrations = parts.vault.registrations();
    for registration in &registrations {
        suspension(registration, &notices, report);
        credentials(registration, now, report);
    }
    let waiting = spool(parts, report);
    let debts = parts.store.debts().await?;
    if debts == 0 {
        report.ok("no grant waits to be revoked");
    } else {
        let what = format!("{debts} grants of disconnected accounts wait to be revoked");
        report.warn(what, "a running server tries again by itself, for a week");
    }
    let keys = keys(parts).await?;
    let shown = registrations.iter().map(|r| registration_json(r, now));
    report.text = text(&keys, &notices);
    let notices = notices
        .iter()
        .map(|notice| json!({ "at": notice.at, "kind": notice.kind, "detail": notice.detail }));
    let body = json!({
        "database_copied": parts.vault.is_copy().await?,
        "registrations": shown.collect::<Vec<_>>(),
        "spool": { "folder": parts.settings.spool.dir, "answers_waiting": waiting },
        "debts_waiting": debts,
        "encryption_keys": keys,
        "notices": notices.collect::<Vec<_>>(),
    });
    report.more = Some(("deployment", body));
    Ok(())
}

/// The notices that are not too old to matter.
async fn notices(parts: &Parts, now: Timestamp) -> anyhow::Result<Vec<Notice>> {
    let (mut recent, mut after) = (Vec::new(), 0);
    loop {
        let page = parts.store.notices(after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(recent) };
        after = *last;
        let young = page.into_iter().map(|(_, notice)| notice);
        recent.extend(young.filter(|notice| until(notice.at, now) <= SHOWN));
    }
}

/// This process has just started and was refused by nobody: what others have met stands in the
/// notices.
fn suspension(registration: &Registration, notices: &[Notice], report: &mut Report) {
    let name = &registration.name;
    let what = format!("the provider takes the registration {name}");
    if let Some(why) = &registration.suspended {
        return report.operator(what, format!("{} {}", why.message, why.remedy));
    }
    let about = |notice: &&Notice| {
        let of = notice.detail["registration"] == name.as_str();
        of && notice.kind.starts_with("registration_")
    };
    match notices.iter().rfind(about) {
        Some(last) if last.kind == "registration_suspended" => {
            let why = last.detail["message"].as_str().unwrap_or_default();
            let why = format!(
                "refused at {}: {why} A server that runs tries again by itself; \
                 `evergrant doctor int_…` tries now",
                last.at
            );
            report.warn(what, why);
        }
        _ => report.ok(what),
    }
}

fn credentials(registration: &Registration, now: Timestamp, report: &mut Report) {
    for credential in &registration.credentials {
        let what = format!("the {} of {} stands", credential.name, registration.name);
        match credential.expires_at.map(|end| (end, until(now, end), days(now, end))) {
            None => report.ok(format!("{what}; when it ends is not known")),
            Some((end, left, _)) if left.is_zero() => {
                let why = format!("it ended at {end}: add a new one at the provider and set it");
                report.operator(what, why);
            }
            Some((end, _, days)) if days < ENDS_SOON => {
                let why = format!("it ends at {end}, {}: add a second one before", in_days(days));
                report.warn(what, why);
            }
            Some((.., days)) => report.ok(format!("{what}, for {days} days")),
        }
        if let Some(why) = &credential.refused {
            let what = format!("the provider takes the {}", credential.name);
            report.operator(what, format!("{} {}", why.message, why.remedy));
        }
    }
}

fn days(now: Timestamp, end: Timestamp) -> u64 {
    until(now, end).as_secs() / DAY.as_secs()
}

fn in_days(days: u64) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        days => format!("in {days} days"),
    }
}

fn registration_json(registration: &Registration, now: Timestamp) -> Value {
    let credentials = registration.credentials.iter().map(|credential| {
        json!({
            "name": credential.name,
            "expires_at": credential.expires_at,
            "days_left": credential.expires_at.map(|end| days(now, end)),
            "refused": credential.refused.as_ref().map(Failure::shown),
        })
    });
    json!({
        "name": registration.name,
        "providers": registration.providers,
        "incomplete": registration.incomplete.as_ref().map(Failure::shown),
        "suspended": registration.suspended.as_ref().map(Failure::shown),
        "suspended_since": registration.suspended_since,
        "credentials": credentials.collect::<Vec<_>>(),
    })
}

/// The folder was just written to, else there would be no vault. How many answers wait in it.
fn spool(parts: &Parts, report: &mut Report) -> Option<usize> {
    let folder = &parts.settings.spool.dir;
    report.ok(format!("the spool folder {} can be written", folder.display()));
    match DirSpool::waiting(folder) {
        Ok(0) => Some(0),
        Ok(waiting) => {
            let why =
                "a running server takes them over, once the database answers and no key is missing";
            report.warn(format!("{waiting} answers of providers wait in the spool folder"), why);
            Some(waiting)
        }
        Err(error) => {
            let why = format!("the folder cannot be read: {error}");
            report.operator("no answer waits in the spool folder", why);
            None
        }
    }
}

/// Every key that seals something or is in the ring.
async fn keys(parts: &Parts) -> anyhow::Result<Vec<Value>> {
    let mut uses: BTreeMap<String, i64> = BTreeMap::new();
    for (key, count) in parts.store.sealing_keys().await? {
        uses.insert(key.as_str().to_owned(), count);
    }
    let mut keys = Vec::new();
    for (at, key) in parts.vault.ring().ids().enumerate() {
        let values = uses.remove(key.as_str()).unwrap_or_default();
        let role = if at == 0 { "encrypts" } else { "decrypts" };
        keys.push(json!({ "key": key.as_str(), "values": values, "role": role }));
    }
    keys.extend(
        uses.into_iter().map(|(key, n)| json!({ "key": key, "values": n, "role": "missing" })),
    );
    Ok(keys)
}

fn text(keys: &[Value], notices: &[Notice]) -> String {
    let mut text = String::new();
    for key in keys {
        let (name, role) = (key["key"].as_str().unwrap_or_default(), key["role"].as_str());
        let role = role.unwrap_or_default();
        let _ = writeln!(text, "encryption key {name} {role}; sealed with it: {}", key["values"]);
    }
    if !notices.is_empty() {
        text.push_str("\nnotices of the last 30 days\n");
    }
    for notice in notices {
        let detail = notice.detail.as_object().into_iter().flatten();
        let detail = detail.filter(|(_, value)| !value.is_null());
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let detail: Vec<_> =
            detail.map(|(name, value)| format!("{name} {}", word(value))).collect();
        let _ = writeln!(text, "{}  {}  {}", notice.at, notice.kind, detail.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use evergrant::clock::later;
    use evergrant::provider::{Actor, Credential};

    use super::*;

    fn registration(credentials: Vec<Credential>) -> Registration {
        Registration {
            name: "acme".to_owned(),
            providers: vec!["acme_calendar".into()],
            incomplete: None,
            suspended: None,
            suspended_since: None,
            credentials,
        }
    }

    #[test]
    fn a_credential_is_warned_of_before_its_end_and_fails_after() {
        let now = later(Timestamp::UNIX_EPOCH, DAY * 1_000);
        let ends = [Some(1_061), Some(1_030), Some(1_001), None].map(|day| Credential {
            name: "client_secret".to_owned(),
            expires_at: day.map(|day| later(Timestamp::UNIX_EPOCH, DAY * day)),
            refused: None,
        });
        let mut report = Report::default();
        credentials(&registration(ends.to_vec()), now, &mut report);
        assert_eq!(
            report.text(),
            "ok    the client_secret of acme stands, for 61 days\n\
             warn  the client_secret of acme stands\n      \
             it ends at 1972-10-27T00:00:00Z, in 30 days: add a second one before\n\
             warn  the client_secret of acme stands\n      \
             it ends at 1972-09-28T00:00:00Z, tomorrow: add a second one before\n\
             ok    the client_secret of acme stands; when it ends is not known"
        );
        assert_eq!(report.json()["ok"], true);
        let late = later(now, DAY * 31);
        let mut report = Report::default();
        credentials(&registration(ends.to_vec()), late, &mut report);
        assert!(report.text().contains("FAIL  the client_secret of acme stands"));
        assert_eq!(report.json()["ok"], false);
        assert_eq!(report.exit(), ExitCode::from(5));
    }

    #[test]
    fn a_credential_that_the_provider_refused_fails_whenever_it_ends() {
        let now = later(Timestamp::UNIX_EPOCH, DAY * 1_000);
        let refused = Failure::new("client_secret_wrong", Actor::Operator, "The secret is wrong.");
        for end in [None, Some(later(now, DAY * 100))] {
            let credential = Credential {
                name: "client_secret".to_owned(),
                expires_at: end,
                refused: Some(refused.clone()),
            };
            let mut report = Report::default();
            credentials(&registration(vec![credential]), now, &mut report);
            assert!(report.text().contains("FAIL  the provider takes the client_secret"));
            assert_eq!(report.exit(), ExitCode::from(5));
        }
    }

    #[test]
    fn a_registration_that_others_were_refused_with_is_told_until_it_works_again() {
        let notice = |number: u32, kind: &str, of: &str| Notice {
            key: number.to_string(),
            kind: kind.to_owned(),
            at: later(Timestamp::UNIX_EPOCH, DAY * number),
            detail: json!({ "registration": of, "message": "The secret is wrong." }),
        };
        let told = |notices: &[Notice]| {
            let mut report = Report::default();
            suspension(&registration(vec![]), notices, &mut report);
            report.text()
        };
        let refused = notice(1, "registration_suspended", "acme");
        let resumed = notice(2, "registration_resumed", "acme");
        let others = notice(3, "registration_suspended", "other");
        let sound = "ok    the provider takes the registration acme";
        assert_eq!(told(&[]), sound);
        assert_eq!(told(&[refused.clone(), resumed, others]), sound);
        let ending = notice(4, "credential_expires", "acme");
        let text = told(&[refused, ending]);
        assert!(text.starts_with("warn") && text.contains("The secret is wrong."), "{text}");
    }
}
