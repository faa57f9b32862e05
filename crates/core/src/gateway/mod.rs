//! Makes a provider call: turn, token, sign, send, judge; one replay with a new token, and repetitions
//! where they are safe.
//!
//! This is the only place that attaches a token to a request, and it refuses to do so for a host
//! that the provider's manifest does not list.

mod error;
mod path;
mod replay;

use std::sync::Arc;
use std::time::Duration;

pub use error::{CallError, Denial};
use http::{Method, StatusCode, header};
use jiff::Timestamp;
use path::below;
use replay::{Replay, not_sent_again};
use tracing::Instrument;

use crate::budget::{Ask, Budget, Class, TooLong, Turn};
use crate::integration::Account;
use crate::measure;
use crate::provider::{Actor, Failure, Manifest, Provider, Verdict};
use crate::quota::{self, Counted, Drawer, Left};
use crate::repeat::{Next, Sent, Tries, Wait, asked};
pub use crate::repeat::{Opens, Patience, Repeat, Repeated, retry_after};
use crate::vault::{TokenError, Vault};
use crate::{
    AccessToken, IntegrationId, MinLife, Request, Response, Transport, TransportError, UserId,
};

/// Opens integrations for calls.
#[derive(Debug, Clone)]
pub struct Gateway {
    vault: Vault,
    patience: Patience,
}

impl Gateway {
    /// A gateway that takes its tokens from this vault.
    pub fn new(vault: Vault) -> Self {
        Self { vault, patience: Patience::default() }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The API of the owner's integration.
    pub async fn open(&self, owner: UserId, id: IntegrationId) -> Result<Api, CallError> {
        let parts = self.vault.parts();
        let row = parts.store.integration(owner, id).await.map_err(TokenError::from)?;
        let integration = row.ok_or(TokenError::NotFound)?;
        let provider = parts.providers.find(&integration.provider).ok_or_else(|| {
            TokenError::Misconfigured(Failure::new(
                "provider_not_configured",
                Actor::Operator,
                format!("The provider {} is no longer configured.", integration.provider),
            ))
        })?;
        provider.serves(&integration.account).map_err(TokenError::Misconfigured)?;
        let registration = &provider.manifest().registration;
        Ok(Api {
            owner,
            id,
            budget: self.vault.budgets().of(registration, &integration.account.id),
            class: Class::Interactive,
            urgent: false,
            within: None,
            patience: self.patience.at_least(provider.manifest().patience),
            account: integration.account,
            granted: integration.scopes,
            provider: Arc::clone(provider),
            http: Arc::clone(&parts.http),
            vault: self.vault.clone(),
        })
    }
}

/// One integration's calls to its provider.
#[derive(Clone)]
pub struct Api {
    owner: UserId,
    id: IntegrationId,
    account: Account,
    granted: Vec<String>,
    provider: Arc<dyn Provider>,
    http: Arc<dyn Transport>,
    vault: Vault,
    budget: Arc<Budget>,
    class: Class,
    /// Whether its calls are counted, and wait for no allowance.
    urgent: bool,
    /// Which of the account's own accounts it acts in.
    within: Option<Arc<str>>,
    patience: Patience,
}

/// The right to send one call.
struct Leave {
    turn: Turn,
    counted: Counted,
    /// The uptime at which it was given.
    since: Duration,
}

impl Leave {
    fn sent(&mut self) {
        self.turn.sent();
        self.counted.sent();
    }

    fn end(self, came: &Result<StatusCode, TransportError>) {
        self.turn.end(came);
        self.counted.end(came.as_ref().copied());
    }

    /// Nothing is sent with it.
    fn waive(self) {
        self.turn.waive();
    }

    fn answered(self) {
        self.turn.answered();
        self.counted.answered();
    }
}

impl Api {
    /// The same for calls that nobody waits for: they go after those of everybody else in the same
    /// account, and have more patience.
    #[must_use]
    pub fn background(self) -> Self {
        Self { class: Class::Background, ..self }
    }

    /// The same for calls that wait for no allowance, such as those that ask what is allowed; they are
    /// counted.
    #[must_use]
    pub fn urgent(self) -> Self {
        Self { urgent: true, ..self }
    }

    /// The same within one of the accounts that the provider keeps for who signed in, by its id there,
    /// where it keeps several.
    #[must_use]
    pub fn within(self, account: &str) -> Self {
        Self { within: Some(account.into()), ..self }
    }

    /// The account within which it acts, if one was named.
    pub fn chosen(&self) -> Option<&str> {
        self.within.as_deref()
    }

    /// The provider's manifest.
    pub fn manifest(&self) -> &Manifest {
        self.provider.manifest()
    }

    /// The integration's provider.
    pub fn provider(&self) -> &Arc<dyn Provider> {
        &self.provider
    }

    /// The integration.
    pub fn integration(&self) -> IntegrationId {
        self.id
    }

    /// The account behind it.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The permissions that were granted at the last connect.
    pub fn granted(&self) -> &[String] {
        &self.granted
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.vault.parts().clock.now()
    }

    /// Waits, without holding anything up.
    pub async fn wait(&self, time: Duration) {
        let clock = &self.vault.parts().clock;
        clock.sleep_until(crate::clock::later(clock.now(), time)).await;
    }

    /// Takes note of what the provider said is left of an allowance, for all processes.
    pub async fn left(&self, kind: &'static str, of: &str, left: Left) {
        self.vault.quotas().left(self.drawer(), kind, of, left).await;
    }

    /// A request for a path below the provider's base URL, such as `/me?$select=id`.
    ///
    /// The path may not lead anywhere else: no scheme or host, no `..`, no backslash, no fragment.
    pub fn request(&self, method: Method, path: &str) -> Result<http::request::Builder, CallError> {
        let url = below(&self.manifest().base_url, path)?;
        Ok(http::Request::builder().method(method).uri(url.as_str()))
    }

    /// Reads a path below the provider's base URL as JSON, such as `/me?$select=id`.
    pub async fn get(&self, path: &str) -> Result<Response, CallError> {
        let request = self.request(Method::GET, path)?.header(header::ACCEPT, "application/json");
        let request = request.body(bytes::Bytes::new());
        self.send(
            request
                .map_err(|_| CallError::InvalidPath("give a plain path below the API's base"))?,
        )
        .await
    }

    /// Sends a request with a valid token, at its account's turn.
    ///
    /// An answer that refuses the token is replayed once with a new one, since a refused request had no
    /// effect. What was throttled or did not get through is repeated where that is safe ([`Repeat`]) and
    /// the caller's [`Patience`] lasts; then the provider's last answer is given as it is.
    pub async fn send(&self, mut request: Request) -> Result<Response, CallError> {
        self.check_host(&request)?;
        // It would lead past the check to whatever else is served at the provider's address.
        request.headers_mut().remove(header::HOST);
        let mut replay = self.replay();
        let mut tries = self.tries(&request);
        let mut token = self.token_by(tries.ask.deadline).await?;
        loop {
            let mut leave = match self.leave(&request, tries.ask).await {
                Ok(leave) => leave,
                Err(too_long) => return tries.give_up(too_long),
            };
            token = self.still_good(token, &leave.turn, tries.ask.deadline).await?;
            if self.has_lapsed(&leave, &request) {
                leave.waive();
                continue;
            }
            if let Err(error) = self.vault.admit_call(&*self.provider) {
                leave.waive();
                return Err(error.into());
            }
            leave.sent();
            let sent = self.attempt(&mut request, &token).await;
            leave.end(&sent.as_ref().map(|(response, _)| response.status()).map_err(Clone::clone));
            match self.after(&request, &mut tries, sent).await {
                None => {}
                Some(Ok((_, Verdict::TokenRejected { claims }))) => {
                    token = replay.next(&self.vault, &token, claims.as_deref()).await?;
                    if tries.once() {
                        return Err(not_sent_again());
                    }
                }
                Some(Ok((_, Verdict::Misconfigured(why)))) => {
                    return Err(self.vault.call_refused(&*self.provider, *why).await.into());
                }
                Some(done) => return done.map(|(response, _)| response),
            }
        }
    }

    /// Sends a request without a token, to an address that the provider made for it and that is
    /// itself the permission, such as an upload's; at its account's turn, and repeated as [`Api::send`]
    /// does.
    pub async fn send_unsigned(&self, request: Request) -> Result<Response, CallError> {
        let mut tries = self.tries(&request);
        loop {
            let mut leave = match self.leave(&request, tries.ask).await {
                Ok(leave) => leave,
                Err(too_long) => return tries.give_up(too_long),
            };
            if self.has_lapsed(&leave, &request) {
                leave.waive();
                continue;
            }
            leave.sent();
            let sent = self.http.send(request.clone()).await;
            leave.end(&sent.as_ref().map(Response::status).map_err(Clone::clone));
            let judged = sent.map(|response| {
                let verdict = self.provider.judge(&response);
                (response, verdict)
            });
            if let Some(done) = self.after(&request, &mut tries, judged).await {
                return done.map(|(response, _)| response);
            }
        }
    }

    /// Runs `op` with a valid token, and once more with a new one if it says that the token was
    /// refused ([`CallError::TokenRefused`]), at its account's turn. For callers with an HTTP client of
    /// their own; [`CallError::Throttled`] with a time pauses the account for everybody.
    ///
    /// Of allowances that all processes share it draws what one read of the provider's base URL takes:
    /// what `op` sends is not known here.
    pub async fn with_token<T>(
        &self,
        op: impl AsyncFn(&AccessToken) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut replay = self.replay();
        let ask = self.ask(0);
        let read = self.request(Method::GET, "")?.body(bytes::Bytes::new());
        let read = read.map_err(|_| CallError::InvalidPath("the base URL cannot be read"))?;
        let mut token = self.token_by(ask.deadline).await?;
        loop {
            let mut leave = self.leave(&read, ask).await?;
            token = self.still_good(token, &leave.turn, ask.deadline).await?;
            if self.has_lapsed(&leave, &read) {
                leave.waive();
                continue;
            }
            if let Err(error) = self.vault.admit_call(&*self.provider) {
                leave.waive();
                return Err(error.into());
            }
            leave.sent();
            let done = op(&token).await;
            leave.answered();
            match done {
                Err(CallError::TokenRefused) => {
                    self.called(Some(&Verdict::TokenRejected { claims: None }));
                    token = replay.next(&self.vault, &token, None).await?;
                }
                done => {
                    if let Err(CallError::Throttled { retry_after: Some(wait) }) = &done {
                        self.budget.pause(*wait);
                        measure::paused(&self.manifest().key);
                    }
                    if done.is_ok() {
                        self.called(Some(&Verdict::Accepted));
                        self.vault.call_accepted(&*self.provider);
                        token.accept();
                    }
                    return done;
                }
            }
        }
    }

    fn replay(&self) -> Replay {
        Replay::begin(self.vault.parts().clock.now())
    }

    async fn token(&self) -> Result<AccessToken, CallError> {
        Ok(self.vault.token(self.owner, self.id, MinLife::default()).await?)
    }

    /// The token, or another where its life may have ended while it waited for its turn.
    async fn still_good(
        &self,
        token: AccessToken,
        turn: &Turn,
        deadline: Duration,
    ) -> Result<AccessToken, CallError> {
        if turn.waited { self.token_by(deadline).await } else { Ok(token) }
    }

    /// A token; where none can be had because an allowance is shut, once it opens.
    async fn token_by(&self, deadline: Duration) -> Result<AccessToken, CallError> {
        loop {
            let wait = match self.token().await {
                Err(CallError::Token(TokenError::Unavailable { failure, retry_after }))
                    if failure.code == quota::USED_UP =>
                {
                    retry_after
                }
                obtained => return obtained,
            };
            let clock = &self.vault.parts().clock;
            if self.urgent || clock.uptime() + wait > deadline {
                return Err(CallError::Throttled { retry_after: Some(wait) });
            }
            clock.sleep(wait).await;
        }
    }

    /// The account's turn, and what the request draws on. Whoever waits for an allowance holds up nobody
    /// else of its account, and whoever waits for its account keeps no draw from others.
    async fn leave(&self, request: &Request, ask: Ask) -> Result<Leave, TooLong> {
        let (quotas, clock) = (self.vault.quotas(), &self.vault.parts().clock);
        let began = clock.uptime();
        let mut learn = Some(|doubt: bool| async move {
            let api = self.clone().urgent();
            self.provider.learn(&api, doubt).await;
        });
        let (mut turn, counted) = loop {
            let turn = self.budget.turn(ask).await?;
            if self.urgent {
                let counted = quotas.count(self.drawer(), request).await;
                break (turn, counted.map_err(|wait| TooLong { retry_after: Some(wait) })?);
            }
            if let Some(counted) = quotas.at_once(self.drawer(), request).await {
                break (turn, counted);
            }
            turn.waive();
            let counted = quotas.turn(self.drawer(), request, ask.deadline, &mut learn).await?;
            tokio::select! {
                biased;
                turn = self.budget.turn(ask) => break (turn?, counted),
                () = clock.sleep(quota::HELD) => {}
            }
        };
        turn.waited |= clock.uptime() > began;
        Ok(Leave { turn, counted, since: clock.uptime() })
    }

    /// Whether a leave is no good any more: the provider has said stop, or it is too long ago.
    fn has_lapsed(&self, leave: &Leave, request: &Request) -> bool {
        let since = self.vault.parts().clock.uptime().saturating_sub(leave.since);
        since > quota::HELD || self.vault.quotas().is_shut(self.drawer(), request)
    }

    fn drawer(&self) -> Drawer<'_> {
        Drawer { provider: &*self.provider, account: Some(&self.account) }
    }

    fn ask(&self, bytes: u64) -> Ask {
        let now = self.vault.parts().clock.uptime();
        let deadline = now + self.patience.of(self.class);
        Ask { place: self.budget.place(self.class), bytes, deadline }
    }

    fn tries(&self, request: &Request) -> Tries {
        let bytes = u64::try_from(request.body().len()).unwrap_or(u64::MAX);
        let said = request.extensions().get().copied();
        Tries::begin(request, said.or_else(|| self.provider.repeat(request)), self.ask(bytes))
    }

    /// What came of a sending; `None` once it is time to send again.
    async fn after(
        &self,
        request: &Request,
        tries: &mut Tries,
        mut sent: Sent,
    ) -> Option<Result<(Response, Verdict), CallError>> {
        let parts = self.vault.parts();
        let key = &self.manifest().key;
        if let Ok((response, verdict)) = &mut sent
            && let Verdict::Throttled { retry_after, allowance: Some(kind) } = *verdict
        {
            let wait = asked(response, verdict).unwrap_or(quota::STOP);
            let shut = self.vault.quotas().shut(self.drawer(), request, kind, wait).await;
            *verdict = if let Some(wait) = shut {
                response.extensions_mut().insert(Opens(wait));
                Verdict::Throttled { retry_after: Some(wait), allowance: Some(kind) }
            } else {
                // What is shut holds nothing of this request's back: its account's pause does.
                Verdict::Throttled { retry_after, allowance: None }
            };
        }
        match tries.next(sent, &self.budget, key, &*parts.clock, &*parts.entropy) {
            Next::Done(done) => Some(done),
            Next::Again(Wait::Pause) => None,
            Next::Again(Wait::Alone(wait)) => {
                parts.clock.sleep(wait).await;
                None
            }
        }
    }

    async fn attempt(&self, request: &mut Request, token: &AccessToken) -> Sent {
        self.provider.sign(request, token);
        // Neither path nor query: they name what is the user's.
        let span = tracing::debug_span!(
            target: measure::SPANS,
            "call",
            otel.kind = "client",
            provider = %self.manifest().key,
            integration = %self.id,
            http.request.method = %request.method(),
            server.address = request.uri().host(),
            http.response.status_code = tracing::field::Empty,
        );
        let sent = self.http.send(request.clone()).instrument(span.clone()).await;
        let response = sent.inspect_err(|_| self.called(None))?;
        span.record("http.response.status_code", response.status().as_u16());
        let verdict = self.provider.judge(&response);
        self.called(Some(&verdict));
        // An outage or a throttle says nothing about the token.
        if verdict == Verdict::Accepted {
            token.accept();
            self.vault.call_accepted(&*self.provider);
        }
        Ok((response, verdict))
    }

    fn called(&self, verdict: Option<&Verdict>) {
        measure::called(&self.manifest().key, verdict);
    }

    /// A token goes to the provider's own hosts and over TLS, or not at all.
    fn check_host(&self, request: &Request) -> Result<(), CallError> {
        let authority = request.uri().authority().map(http::uri::Authority::as_str);
        let host = authority.unwrap_or_default();
        let listed = self.manifest().hosts.iter().any(|h| h.eq_ignore_ascii_case(host));
        let scheme = self.manifest().base_url.scheme();
        if listed && request.uri().scheme_str() == Some(scheme) {
            Ok(())
        } else {
            Err(CallError::ForeignHost { host: host.to_owned() })
        }
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("id", &self.id).finish_non_exhaustive()
    }
}
