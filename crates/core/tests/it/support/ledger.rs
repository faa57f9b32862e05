//! What the provider has issued, what was spent of it, and how it answers next.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What a refresh does to the refresh token that was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// A new one comes; spending the old one again ends the family.
    Strict,
    /// A new one comes; the old one goes on working.
    NonRevoking,
    /// There is no new one.
    Fixed,
    /// A new one comes; the old one gives the same again for so many seconds, then ends the family.
    Grace(u64),
}

/// What happens to one exchange instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `invalid_grant`, whatever the ledger says.
    Reject,
    /// `invalid_client`.
    Misconfigure,
    /// 503 with a `Retry-After` in seconds.
    Down(u64),
    /// No connection: no effect.
    Unsent,
    /// The request is lost on its way: no effect, but nobody knows.
    RequestLost,
    /// The answer is lost on its way: it had its effect, but nobody knows.
    AnswerLost,
    /// The adapter panics over the answer.
    Panic,
}

/// What comes of one call to the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// This status, and a `Retry-After`.
    Status(u16, Option<u64>),
    /// No more of this kind of allowance for so many seconds, if it says how many.
    Stop(&'static str, Option<u64>),
    /// No connection.
    Unsent,
    /// The answer is lost on its way.
    Unanswered,
}

/// One refresh token that was issued.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) family: usize,
    pub(crate) generation: u32,
    /// How often it was spent.
    pub(crate) spent: u32,
    /// Whether an answer to it has ever arrived.
    answered: bool,
    /// When it was spent first, and what came of it.
    successor: Option<(Duration, String, String)>,
}

/// One access token that was issued.
#[derive(Debug)]
pub(crate) struct Access {
    family: usize,
    dies_at: Duration,
    pub(crate) ended: bool,
}

/// One grant with everything issued under it.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) ended: bool,
    /// It ended because a spent refresh token came again, and not because its user wanted that.
    pub(crate) reused: bool,
}

/// The ledger.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) rotation: Rotation,
    pub(crate) lifetime: Duration,
    /// How long the token endpoint takes.
    pub(crate) latency: Duration,
    /// Whether the next code exchange yields a refresh token.
    pub(crate) offline: bool,
    /// Faults of the next exchanges, one each.
    pub(crate) faults: VecDeque<Fault>,
    /// The fault of every exchange until it is cleared.
    pub(crate) standing: Option<Fault>,
    /// The API refuses every token.
    pub(crate) api_refuses: bool,
    /// The API answers with this instead.
    pub(crate) api_status: Option<u16>,
    /// What comes of the API's next calls instead.
    pub(crate) api_next: VecDeque<Next>,
    /// What comes of the API's calls to these paths instead, until it is cleared.
    pub(crate) api_paths: BTreeMap<&'static str, Next>,
    /// Codes that were not redeemed yet: the account and the PKCE challenge.
    pub(crate) codes: BTreeMap<String, (String, String)>,
    pub(crate) families: Vec<Family>,
    pub(crate) refresh_tokens: BTreeMap<String, Issued>,
    pub(crate) access_tokens: BTreeMap<String, Access>,
    /// Code exchanges that reached the provider.
    pub(crate) exchanges: usize,
    /// Refreshes that reached the provider.
    pub(crate) refreshes: usize,
    /// Refresh tokens that were spent once more after an answer had arrived.
    pub(crate) spent_in_vain: Vec<String>,
    /// Refresh tokens that were revoked by the client.
    pub(crate) revoked: Vec<String>,
    /// Requests that reached the API, or any other host.
    pub(crate) calls: Vec<evergrant::Request>,
    /// What arrived when, by the clock's uptime: paths of the API, and `login`.
    pub(crate) arrivals: Vec<(Duration, String)>,
    /// How long a call to the API is under way in each direction.
    pub(crate) distance: Duration,
    pub(crate) under_way: usize,
    pub(crate) most_under_way: usize,
    serial: u64,
}

impl Ledger {
    pub(crate) fn new(rotation: Rotation) -> Self {
        Self {
            rotation,
            lifetime: Duration::from_hours(1),
            latency: Duration::ZERO,
            offline: true,
            faults: VecDeque::new(),
            standing: None,
            api_refuses: false,
            api_status: None,
            api_next: VecDeque::new(),
            api_paths: BTreeMap::new(),
            codes: BTreeMap::new(),
            families: Vec::new(),
            refresh_tokens: BTreeMap::new(),
            access_tokens: BTreeMap::new(),
            exchanges: 0,
            refreshes: 0,
            spent_in_vain: Vec::new(),
            revoked: Vec::new(),
            calls: Vec::new(),
            arrivals: Vec::new(),
            distance: Duration::ZERO,
            under_way: 0,
            most_under_way: 0,
            serial: 0,
        }
    }

    pub(crate) fn fresh(&mut self, kind: &str) -> String {
        self.serial += 1;
        format!("{kind}-{}", self.serial)
    }

    pub(crate) fn fault(&mut self) -> Option<Fault> {
        self.faults.pop_front().or(self.standing)
    }

    pub(crate) fn alive(&self, access: &str, uptime: Duration) -> bool {
        self.access_tokens.get(access).is_some_and(|access| {
            !access.ended && uptime < access.dies_at && !self.families[access.family].ended
        })
    }

    /// How long an access token has until it expires.
    pub(crate) fn left(&self, access: &str, uptime: Duration) -> Duration {
        self.access_tokens[access].dies_at.saturating_sub(uptime)
    }

    /// Whoever heard the answer to a refresh has died.
    pub(crate) fn forgotten(&mut self, token: &str) {
        if let Some(issued) = self.refresh_tokens.get_mut(token) {
            issued.answered = false;
        }
    }

    pub(crate) fn begin_family(&mut self) -> usize {
        self.families.push(Family { ended: false, reused: false });
        self.families.len() - 1
    }

    /// The family of a refresh or access token.
    pub(crate) fn family_of(&self, token: &str) -> Option<usize> {
        let refresh = self.refresh_tokens.get(token).map(|issued| issued.family);
        refresh.or_else(|| self.access_tokens.get(token).map(|access| access.family))
    }

    pub(crate) fn issue_access(&mut self, family: usize, uptime: Duration) -> String {
        let token = self.fresh("access");
        let access = Access { family, dies_at: uptime + self.lifetime, ended: false };
        self.access_tokens.insert(token.clone(), access);
        token
    }

    pub(crate) fn issue_refresh(&mut self, family: usize, generation: u32) -> String {
        let token = self.fresh("refresh");
        let issued = Issued { family, generation, spent: 0, answered: false, successor: None };
        self.refresh_tokens.insert(token.clone(), issued);
        token
    }

    /// Spends a refresh token; the new access and refresh token, or `None` for `invalid_grant`.
    pub(crate) fn spend(&mut self, token: &str, uptime: Duration) -> Option<(String, String)> {
        let rotation = self.rotation;
        let issued = self.refresh_tokens.get_mut(token)?;
        let (family, generation) = (issued.family, issued.generation);
        let reused = issued.spent > 0;
        issued.spent += 1;
        if issued.answered && rotation != Rotation::Fixed {
            self.spent_in_vain.push(token.to_owned());
        }
        let successor = issued.successor.clone();
        let graced = match (rotation, &successor) {
            (Rotation::Grace(seconds), Some((at, ..))) => {
                uptime < *at + Duration::from_secs(seconds)
            }
            _ => false,
        };
        let strict = matches!(rotation, Rotation::Strict | Rotation::Grace(_)) && !graced;
        let family_of = &mut self.families[family];
        if reused && strict && !family_of.ended {
            (family_of.ended, family_of.reused) = (true, true);
        }
        if family_of.ended {
            return None;
        }
        if graced && let Some((_, access, refresh)) = successor {
            return Some((access, refresh));
        }
        let refresh = match rotation {
            Rotation::Fixed => token.to_owned(),
            _ => self.issue_refresh(family, generation + 1),
        };
        let access = self.issue_access(family, uptime);
        if let Some(issued) = self.refresh_tokens.get_mut(token) {
            issued.successor = Some((uptime, access.clone(), refresh.clone()));
        }
        Some((access, refresh))
    }

    /// Notes that the answer to a refresh has arrived.
    pub(crate) fn arrived(&mut self, token: &str) {
        if let Some(issued) = self.refresh_tokens.get_mut(token) {
            issued.answered = true;
        }
    }
}
