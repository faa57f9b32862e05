//! The provider's answer, durable before anybody interprets it.
//!
//! A refresh token that rotates is spent as soon as the provider has answered, and what took its
//! place is in that answer alone. So the transport that a provider's `refresh` is handed seals the
//! last answer of success and keeps it: beside the intent, or in the spool where the database is
//! away. Whoever finds it later runs the same `refresh` over a transport that gives that answer and
//! reaches nobody: what a token answer means is written down once.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Vault;
use super::refresh::SEND_WITHIN;
use crate::clock::until;
use crate::failpoint::{FailPoint, storage_is_away};
use crate::seal::Field;
use crate::store::{GrantRow, StoreError};
use crate::transport::Aside;
use crate::{AttemptId, IntegrationId, Lineage, Request, Response, Transport, TransportError};

/// How long the database may take to keep an answer before the spool does.
const STAGE_LIMIT: Duration = Duration::from_secs(2);

/// An answer with everything that is needed to make a grant of it.
#[derive(Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) id: IntegrationId,
    pub(super) epoch: i64,
    /// The lineage that was spent.
    pub(super) spent: Lineage,
    /// The lineage of the new grant, should its refresh token be another.
    pub(super) next: Lineage,
    /// When the exchange began, in microseconds since 1970.
    began: i64,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// When the exchange began.
    pub(super) fn began(&self) -> Timestamp {
        Timestamp::from_microsecond(self.began).unwrap_or_default()
    }

    /// Reads what was sealed; `None` for what this version cannot read.
    pub(super) fn from_plain(plain: &[u8]) -> Option<Self> {
        serde_json::from_slice(plain).ok()
    }

    fn to_plain(&self) -> Zeroizing<Vec<u8>> {
        #[expect(clippy::expect_used, reason = "texts and numbers always serialise")]
        Zeroizing::new(serde_json::to_vec(self).expect("an answer serialises"))
    }

    fn response(&self) -> Option<Response> {
        let mut response = http::Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(STANDARD.decode(&self.body).ok()?.into()).ok()
    }
}

/// Where an answer was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Kept {
    /// There was none, or it could be kept nowhere.
    #[default]
    Nowhere,
    Database,
    Spool,
}

/// The transport of one refresh.
pub(super) struct Exchange<'a> {
    vault: &'a Vault,
    http: &'a dyn Transport,
    row: &'a GrantRow,
    attempt: AttemptId,
    /// The lineage of what comes back.
    pub(super) next: Lineage,
    began: Timestamp,
    began_uptime: Duration,
    seen: Mutex<Seen>,
}

/// What an exchange has seen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) kept: Kept,
    /// How far the provider's clock was ahead, in milliseconds.
    pub(super) skew_ms: Option<i64>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        vault: &'a Vault,
        http: &'a dyn Transport,
        row: &'a GrantRow,
        attempt: AttemptId,
        began: Timestamp,
    ) -> Self {
        let parts = vault.parts();
        let next = Lineage::new(&*parts.clock, &*parts.entropy);
        let began_uptime = parts.clock.uptime();
        Self { vault, http, row, attempt, next, began, began_uptime, seen: Mutex::default() }
    }

    pub(super) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, f: impl FnOnce(&mut Seen)) {
        f(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Makes an answer durable: in the database, else in the spool.
    async fn keep(&self, response: &Response) -> Kept {
        let (vault, id) = (self.vault, self.row.id);
        let headers = response.headers().iter();
        let answer = Answer {
            id,
            epoch: self.row.version.epoch,
            spent: self.row.grant.lineage,
            next: self.next,
            began: self.began.as_microsecond(),
            status: response.status().as_u16(),
            headers: headers
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect(),
            body: STANDARD.encode(response.body()),
        };
        let parts = vault.parts();
        let subject = self.attempt.to_string();
        let place = vault.place(&subject, Field::Answer, 0);
        let sealed = parts.seal.seal(place, &answer.to_plain());
        let staged = if storage_is_away() {
            Err(StoreError::Unavailable("away for a test".into()))
        } else {
            let stage = async {
                let at = parts.store.now().await?;
                parts.store.answer(id, self.attempt, &sealed, at).await
            };
            // A database that hangs is as good as away: nobody but this process has the answer.
            tokio::select! {
                biased;
                staged = stage => staged,
                () = parts.clock.sleep(STAGE_LIMIT) => {
                    Err(StoreError::Unavailable("it does not answer in time".into()))
                }
            }
        };
        match staged {
            Ok(true) => {
                FailPoint::AfterStage.pass().await;
                return Kept::Database;
            }
            // The intent was taken over or ended meanwhile; the answer may hold the only live token.
            Ok(false) => {}
            Err(error) => tracing::warn!(%id, %error, "an answer is kept in the spool"),
        }
        match parts.spool.put(self.attempt, &sealed).await {
            Ok(()) => {
                FailPoint::AfterSpool.pass().await;
                Kept::Spool
            }
            Err(error) => {
                tracing::error!(%id, %error, "an answer can be kept neither in the database nor in the spool");
                Kept::Nowhere
            }
        }
    }
}

#[async_trait]
impl Transport for Exchange<'_> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let parts = self.vault.parts();
        FailPoint::AfterIntent.pass().await;
        let sent = parts.clock.now();
        let stood = parts.clock.uptime().saturating_sub(self.began_uptime);
        if until(self.began, sent).max(stood) > SEND_WITHIN {
            // This machine stood still, or another credential took its time: others may soon take us
            // for dead, and must not meet us at the provider.
            return Err(TransportError::Unsent {
                host: request.uri().host().unwrap_or_default().to_owned(),
                detail: "the refresh began too long ago to be sent still".to_owned(),
            });
        }
        let aside = request.extensions().get::<Aside>().is_some();
        let response = FailPoint::AfterSend.during(self.http.send(request)).await?;
        FailPoint::AfterAnswer.pass().await;
        let skew = skew_ms(&response, sent, parts.clock.now());
        self.see(|seen| seen.skew_ms = skew.or(seen.skew_ms));
        // A later answer takes the place of an earlier one: with some providers an error comes with
        // status 200, and the answer to the next credential is the one that counts.
        if response.status().is_success() && !aside {
            let kept = self.keep(&response).await;
            self.see(|seen| seen.kept = kept);
        }
        Ok(response)
    }
}

/// A transport that gives one answer, once, and reaches nobody.
pub(super) struct Replayed(Mutex<Option<Response>>);

impl Replayed {
    pub(super) fn new(answer: &Answer) -> Self {
        Self(Mutex::new(answer.response()))
    }
}

#[async_trait]
impl Transport for Replayed {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let meant = request.extensions().get::<Aside>().is_none();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = kept.take_if(|_| meant);
        answer.ok_or_else(|| TransportError::Unsent {
            host: request.uri().host().unwrap_or_default().to_owned(),
            detail: "an answer is recovered, and nothing is sent meanwhile".to_owned(),
        })
    }
}

/// How far the `Date` of an answer is ahead of the middle of the exchange. `None` without a date, or
/// where the answer took so long that the middle says nothing.
fn skew_ms(response: &Response, sent: Timestamp, got: Timestamp) -> Option<i64> {
    let took = until(sent, got);
    if took > Duration::from_secs(10) {
        return None;
    }
    let date = response.headers().get(http::header::DATE)?.to_str().ok()?;
    let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let middle = sent.as_millisecond() + i64::try_from(took.as_millis() / 2).ok()?;
    // The header has whole seconds: on average its time was half a second later.
    Some(date.as_millisecond() + 500 - middle)
}
