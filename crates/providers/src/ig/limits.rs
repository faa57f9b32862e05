//! What IG allows: by API key, by account, for dealing, and for past prices (contract, section 3).
//!
//! The figures that IG publishes for a key are asked for when a call would have to wait, at most once
//! an hour; and after IG said stop although there was room, at most once in five minutes. Two less are
//! used than are published: users report that IG counts more than they send.
//!
//! 1. An allowance is named by environment, key, client and account: whoever names an account of
//!    somebody else in a call uses up nothing of theirs.
//! 2. A session's own requests count for its account wherever that is known.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use evergrant::clock::later;
use evergrant::quota::{Draw, Rule};
use evergrant::{Account, Api, CallError, Repeat, Request, Secret};
use http::{HeaderValue, Method};
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Deserialize;
use url::form_urlencoded;

use super::call::{self, Points};
use super::words::{ACCOUNT, APPLICATION, HISTORY, TRADING};
use super::{Environment, Ig, session};

/// The time over which calls are counted.
const MINUTE: Duration = Duration::from_mins(1);
/// How long figures count as known.
const KNOWN_FOR: Duration = Duration::from_hours(1);
/// How long nobody asks again after IG did not say, or said what is in doubt.
const FAILED_FOR: Duration = Duration::from_mins(5);
/// How much less is used than is published.
const LESS: u32 = 2;

/// What a key allows within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figures {
    application: u32,
    account: u32,
    trading: u32,
}

impl Figures {
    /// Those that are published for everybody; of demo those that were measured.
    fn usual(environment: Environment) -> Self {
        let account = match environment {
            Environment::Live => 30,
            Environment::Demo => 10,
        };
        Self { application: 60, account, trading: 100 }
    }
}

/// What is known of a key's figures.
#[derive(Default)]
pub(super) struct Allowances {
    learned: Mutex<Option<Learned>>,
    /// Held by whoever asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Learned {
    /// The key they are of.
    key: Secret,
    /// `None` if IG did not say.
    figures: Option<Figures>,
    /// Until when nobody asks again.
    until: Timestamp,
    /// The same where there is doubt about them.
    until_doubted: Timestamp,
}

/// Whose allowances a request draws on. An extension of the requests of a session, which are made before
/// anybody knows an [`Account`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whose {
    /// IG's id of who signed in.
    pub(super) client: String,
    /// The trading account.
    pub(super) account: String,
}

impl Whose {
    /// Those of an integration, in the account that was chosen for a call or in its own.
    fn of(integration: &Account, chosen: Option<&str>) -> Option<Self> {
        let client = integration.id.split(':').nth(1)?.to_owned();
        Some(Self { client, account: chosen.unwrap_or(&integration.name).to_owned() })
    }
}

impl Ig {
    /// The allowance for past prices of this account of the integration, for
    /// [`Api::left`](evergrant::Api::left).
    pub(super) fn history_of(&self, api: &Api, account: &str) -> String {
        Whose::of(api.account(), Some(account))
            .map_or_else(String::new, |whose| self.within(&whose))
    }

    /// What a request draws on.
    pub(super) fn drawn(&self, request: &Request, account: Option<&Account>) -> Vec<Draw> {
        let figures = self.figures();
        let window = |kind, of: &str, most: u32| Draw {
            kind,
            of: of.to_owned(),
            amount: 1,
            rule: Rule::Window { most: most.saturating_sub(LESS).max(1), length: MINUTE },
        };
        let named = request.headers().get(session::ACCOUNT).and_then(|id| id.to_str().ok());
        let whose = request.extensions().get().cloned();
        let whose = whose.or_else(|| Whose::of(account?, named));
        let of = whose.map(|whose| self.within(&whose));
        let path = self.path(request);
        let trading = of.as_deref().filter(|_| deals(request.method(), path));
        let trading = trading.map(|of| window(TRADING, of, figures.trading));
        // What closes or cancels is none of what IG says it counts as dealing; to be safe it draws on both.
        if let Some(trading) = &trading
            && !deletes(request)
        {
            return vec![trading.clone()];
        }
        let mut draws = vec![window(APPLICATION, &self.registered(), figures.application)];
        draws.extend(of.as_deref().map(|of| window(ACCOUNT, of, figures.account)));
        draws.extend(trading);
        if let (Some(of), Some(amount)) = (of, points(request, path)) {
            draws.push(Draw { kind: HISTORY, of, amount, rule: Rule::Left });
        }
        draws
    }

    /// Deals are sent once, whoever sends them.
    pub(super) fn repeated(&self, request: &Request) -> Option<Repeat> {
        deals(request.method(), self.path(request)).then_some(Repeat::Once)
    }

    /// The path below IG's own.
    fn path<'a>(&self, request: &'a Request) -> &'a str {
        let path = request.uri().path();
        let base = self.manifest.base_url.path().trim_end_matches('/');
        path.strip_prefix(base).unwrap_or(path)
    }

    /// Environment and key, without telling the key.
    fn registered(&self) -> String {
        format!("{}:{}", self.environment.as_str(), self.key.mark())
    }

    fn within(&self, Whose { client, account }: &Whose) -> String {
        format!("{}:{client}:{account}", self.registered())
    }

    /// Asks what IG allows this key, unless that is known beyond doubt or was asked lately.
    pub(super) async fn learned(&self, api: &Api, doubt: bool) {
        let Some(key) = self.key.get() else { return };
        // Whoever comes meanwhile waits for the answer, and finds it.
        let _asking = self.allowances.asking.lock().await;
        let until = |known: &Learned| if doubt { known.until_doubted } else { known.until };
        let fresh = |known: &Learned| known.key == key && api.now() < until(known);
        if self.allowances.known().as_ref().is_some_and(fresh) {
            return;
        }
        let figures = match self.ask(api, &key).await {
            Ok(figures) => figures,
            Err(error) => {
                tracing::warn!(%error, "IG does not say what it allows");
                None
            }
        };
        let until_doubted = later(api.now(), FAILED_FOR);
        let until = figures.map_or(until_doubted, |_| later(api.now(), KNOWN_FOR));
        self.allowances.know(Learned { key, figures, until, until_doubted });
    }

    /// The key's own figures (contract, section 4.4).
    async fn ask(&self, api: &Api, key: &Secret) -> Result<Option<Figures>, CallError> {
        let response = self.get(api, 1, "/operations/application").await?;
        let applications: OneOrMany = call::json(&response)?;
        let mut applications = match applications {
            OneOrMany::Many(many) => many,
            OneOrMany::One(one) => vec![one],
        };
        let usual = Figures::usual(self.environment);
        let own = applications.iter().position(|one| one.key.as_deref() == Some(key.expose()));
        // Keys may be masked; one alone is ours.
        let own = own.or_else(|| (applications.len() == 1).then_some(0));
        Ok(own.map(|own| {
            let said = applications.swap_remove(own);
            Figures {
                application: said.by_key.unwrap_or(usual.application),
                account: said.by_account.unwrap_or(usual.account),
                trading: said.by_dealing.unwrap_or(usual.trading),
            }
        }))
    }

    fn figures(&self) -> Figures {
        let known = self.allowances.known();
        let key = self.key.get();
        known
            .filter(|known| Some(&known.key) == key.as_ref())
            .and_then(|known| known.figures)
            .unwrap_or_else(|| Figures::usual(self.environment))
    }
}

impl Allowances {
    fn known(&self) -> Option<Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn know(&self, learned: Learned) {
        let mut known = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        // Old figures are better than none.
        let figures = known.take().filter(|old| old.key == learned.key).and_then(|old| old.figures);
        *known = Some(Learned { figures: learned.figures.or(figures), ..learned });
    }
}

/// An application of the client's; documented as a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Application>),
    One(Application),
}

#[derive(Deserialize)]
struct Application {
    #[serde(rename = "apiKey")]
    key: Option<String>,
    #[serde(rename = "allowanceApplicationOverall")]
    by_key: Option<u32>,
    #[serde(rename = "allowanceAccountOverall")]
    by_account: Option<u32>,
    #[serde(rename = "allowanceAccountTrading")]
    by_dealing: Option<u32>,
}

/// Whether a request deals: it opens, changes or closes a position or an order.
fn deals(method: &Method, path: &str) -> bool {
    let dealing = ["/positions/otc", "/workingorders/otc", "/working-orders/otc"];
    *method != Method::GET && dealing.iter().any(|start| path.starts_with(start))
}

/// Whether a request deletes, be it by a POST that says so (contract, section 1).
fn deletes(request: &Request) -> bool {
    let stands_for = request.headers().get(session::METHOD).map(HeaderValue::as_bytes);
    request.method() == Method::DELETE
        || stands_for.is_some_and(|method| method.eq_ignore_ascii_case(b"DELETE"))
}

/// How many past prices a request asks for (contract, section 4.3); `None` if it asks for none.
fn points(request: &Request, path: &str) -> Option<u32> {
    let rest = path.strip_prefix("/prices/")?;
    if let Some(Points(points)) = request.extensions().get() {
        return Some(*points);
    }
    // `{epic}/{resolution}/{points}` or `{epic}/{resolution}/{from}/{to}`, of the older versions.
    let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    if let [_, _, points] = parts[..] {
        return Some(points.parse().unwrap_or(USUAL));
    }
    let query = request.uri().query().unwrap_or_default();
    let find = |names: &[&str]| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| names.contains(&&**name)).map(|(_, value)| value.into_owned())
    };
    let range = match parts[..] {
        [_, resolution, from, to] => Some((resolution.to_owned(), decoded(from), decoded(to))),
        _ => find(&["from", "startdate"]).zip(find(&["to", "enddate"])).map(|(from, to)| {
            let resolution = parts.get(1).map(|&part| part.to_owned());
            let resolution = resolution.or_else(|| find(&["resolution"]));
            (resolution.unwrap_or_else(|| "MINUTE".to_owned()), from, to)
        }),
    };
    if let Some((resolution, from, to)) = range {
        return Some(between(&resolution, &from, &to).unwrap_or(USUAL));
    }
    Some(find(&["max"]).and_then(|max| max.parse().ok()).unwrap_or(USUAL))
}

/// How many IG gives unless it is told (contract, section 4.3).
const USUAL: u32 = 10;

fn decoded(part: &str) -> String {
    form_urlencoded::parse(format!("x={part}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// How many prices of a resolution lie between two times, both included.
fn between(resolution: &str, from: &str, to: &str) -> Option<u32> {
    let (unit, count) = resolution.split_once('_').unwrap_or((resolution, "1"));
    let unit = match unit {
        "SECOND" => 1,
        "MINUTE" => 60,
        "HOUR" => 3_600,
        "DAY" => 86_400,
        "WEEK" => 7 * 86_400,
        "MONTH" => 28 * 86_400,
        _ => return None,
    };
    let step = unit * count.parse::<i64>().ok().filter(|count| *count > 0)?;
    let at = |text: &str| text.replacen(' ', "T", 1).parse::<DateTime>().ok();
    let span = at(to)?.duration_since(at(from)?).as_secs();
    u32::try_from(span.max(0) / step + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str) -> Option<u32> {
        let url = format!("https://api.ig.com/gateway/deal{path}");
        let request = http::Request::get(url).body(bytes::Bytes::new()).unwrap();
        let path = request.uri().path().strip_prefix("/gateway/deal").unwrap().to_owned();
        points(&request, &path)
    }

    #[test]
    fn past_prices_draw_as_many_points_as_are_asked_for() {
        let range = "from=2026-11-20T00:00:00&to=2026-11-20T02:00:00";
        for (path, expected) in [
            ("/prices/IX.D.FTSE.CFD.IP", Some(10)),
            ("/prices/IX.D.FTSE.CFD.IP?max=500&resolution=DAY", Some(500)),
            (&format!("/prices/IX.D.FTSE.CFD.IP?{range}"), Some(121)),
            (&format!("/prices/IX.D.FTSE.CFD.IP?{range}&resolution=HOUR_2&max=7"), Some(2)),
            ("/prices/IX.D.FTSE.CFD.IP/DAY/25", Some(25)),
            ("/prices/IX.D.FTSE.CFD.IP/DAY/2026-11-01%2000:00:00/2026-11-10%2000:00:00", Some(10)),
            ("/prices/IX.D.FTSE.CFD.IP?from=soon&to=later", Some(10)),
            ("/markets/IX.D.FTSE.CFD.IP", None),
        ] {
            assert_eq!(asked(path), expected, "{path}");
        }
    }

    #[test]
    fn dealing_is_what_opens_changes_or_closes() {
        for (method, path, expected) in [
            (Method::POST, "/positions/otc", true),
            (Method::PUT, "/positions/otc/DIAAAA", true),
            (Method::DELETE, "/workingorders/otc/DIAAAA", true),
            (Method::GET, "/positions", false),
            (Method::POST, "/watchlists", false),
        ] {
            assert_eq!(deals(&method, path), expected, "{method} {path}");
        }
    }
}
