//! One process's way to the provider: its token endpoint and its API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use evergrant::testing::TestClock;
use evergrant::{Clock, Request, Response, Transport, TransportError};
use serde_json::{Value, json};

use super::ledger::{Fault, Ledger, Next};
use super::world::{Turnstile, World};

/// Carries requests to the [`World`]; a dead process's wire never answers again.
#[derive(Clone)]
pub(crate) struct Wire {
    world: World,
    clock: TestClock,
    dead: Arc<AtomicBool>,
    turnstile: Turnstile,
}

impl Wire {
    pub(crate) fn new(
        world: &World,
        clock: &TestClock,
        dead: &Arc<AtomicBool>,
        turnstile: &Turnstile,
    ) -> Self {
        let (dead, turnstile) = (Arc::clone(dead), turnstile.clone());
        Self { world: world.clone(), clock: clock.clone(), dead, turnstile }
    }

    /// One step on the way: others run, and a dead process never goes on.
    async fn step(&self) {
        tokio::task::yield_now().await;
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    async fn exchange(&self, ask: &Value) -> Result<Response, TransportError> {
        self.step().await;
        self.turnstile.pass("exchange").await;
        self.world.requests.pass().await;
        let latency = self.world.with(|ledger| ledger.latency);
        self.clock.sleep(latency).await;
        self.step().await;
        let uptime = self.clock.uptime();
        let fault = self.world.with(Ledger::fault);
        let answer = self.world.with(|ledger| answer(ledger, ask, fault, uptime));
        self.world.answers.pass().await;
        self.step().await;
        if let (Ok(answer), Some(token)) = (&answer, ask["token"].as_str())
            && answer.status() == 200
        {
            self.world.with(|ledger| ledger.arrived(token));
        }
        answer
    }

    fn call(&self, request: &Request) -> Result<Response, TransportError> {
        let bearer = request.headers().get("authorization");
        let secret = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let uptime = self.clock.uptime();
        self.world.with(|ledger| {
            let alive = secret.is_some_and(|secret| ledger.alive(secret, uptime));
            let status = if alive && !ledger.api_refuses { 200 } else { 401 };
            ledger.calls.push(request.clone());
            ledger.arrivals.push((uptime, request.uri().path().to_owned()));
            let lost = || ("api.test".to_owned(), "scripted".to_owned());
            let path = ledger.api_paths.get(request.uri().path()).copied();
            match path.or_else(|| ledger.api_next.pop_front()) {
                None => Ok(respond(ledger.api_status.unwrap_or(status), &Value::Null)),
                Some(Next::Status(status, wait)) => {
                    let mut response = respond(status, &Value::Null);
                    if let Some(wait) = wait {
                        response.headers_mut().insert("retry-after", wait.into());
                    }
                    Ok(response)
                }
                Some(Next::Stop(kind, wait)) => {
                    let mut response = respond(429, &Value::Null);
                    response.headers_mut().insert("allowance", kind.parse().expect("a header"));
                    if let Some(wait) = wait {
                        response.headers_mut().insert("retry-after", wait.into());
                    }
                    Ok(response)
                }
                Some(Next::Unsent) => {
                    let (host, detail) = lost();
                    Err(TransportError::Unsent { host, detail })
                }
                Some(Next::Unanswered) => {
                    let (host, detail) = lost();
                    Err(TransportError::Unanswered { host, detail })
                }
            }
        })
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if request.uri().host() != Some("login.test") {
            self.step().await;
            let distance = self.world.with(|ledger| ledger.distance);
            if distance.is_zero() {
                return self.call(&request);
            }
            self.clock.sleep(distance).await;
            let answer = self.call(&request);
            self.clock.sleep(distance).await;
            return answer;
        }
        let ask = serde_json::from_slice(request.body()).expect("the adapter sends JSON");
        self.world.with(|ledger| {
            ledger.under_way += 1;
            ledger.most_under_way = ledger.most_under_way.max(ledger.under_way);
        });
        let answer = self.exchange(&ask).await;
        self.world.with(|ledger| ledger.under_way -= 1);
        answer
    }
}

/// What the token endpoint does and answers.
fn answer(
    ledger: &mut Ledger,
    ask: &Value,
    fault: Option<Fault>,
    uptime: std::time::Duration,
) -> Result<Response, TransportError> {
    let host = || "login.test".to_owned();
    let detail = || "scripted".to_owned();
    let unanswered = || TransportError::Unanswered { host: host(), detail: detail() };
    if fault == Some(Fault::Unsent) {
        return Err(TransportError::Unsent { host: host(), detail: detail() });
    }
    ledger.arrivals.push((uptime, "login".to_owned()));
    match ask["ask"].as_str() {
        Some("key") => return Ok(respond(200, &json!({"key": 1}))),
        Some("refresh") => ledger.refreshes += 1,
        Some("redeem") => ledger.exchanges += 1,
        _ => {}
    }
    match fault {
        Some(Fault::Reject) => return Ok(respond(400, &json!({"error": "invalid_grant"}))),
        Some(Fault::Misconfigure) => return Ok(respond(401, &json!({"error": "invalid_client"}))),
        Some(Fault::Down(seconds)) => return Ok(respond(503, &json!({"wait": seconds}))),
        Some(Fault::Panic) => return Ok(respond(599, &Value::Null)),
        Some(Fault::RequestLost) => return Err(unanswered()),
        _ => {}
    }
    let lost = fault == Some(Fault::AnswerLost);
    let body = match ask["ask"].as_str() {
        Some("refresh") => refresh(ledger, ask, uptime),
        Some("redeem") => redeem(ledger, ask, uptime),
        Some("form") => Some(begin(ledger, &ask["account"], uptime)),
        _ => revoke(ledger, ask),
    };
    if lost {
        return Err(unanswered());
    }
    Ok(match body {
        Some(body) => respond(200, &body),
        None => respond(400, &json!({"error": "invalid_grant"})),
    })
}

fn refresh(ledger: &mut Ledger, ask: &Value, uptime: std::time::Duration) -> Option<Value> {
    let token = ask["token"].as_str()?;
    let (access, refresh) = ledger.spend(token, uptime)?;
    let left = ledger.left(&access, uptime).as_millis();
    Some(json!({"access": access, "refresh": refresh, "lifetime": left}))
}

fn redeem(ledger: &mut Ledger, ask: &Value, uptime: std::time::Duration) -> Option<Value> {
    let (account, challenge) = ledger.codes.remove(ask["code"].as_str()?)?;
    let verifier = ask["verifier"].as_str()?;
    let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
    if URL_SAFE_NO_PAD.encode(hash) != challenge {
        return None;
    }
    Some(begin(ledger, &account.into(), uptime))
}

fn begin(ledger: &mut Ledger, account: &Value, uptime: std::time::Duration) -> Value {
    let family = ledger.begin_family();
    let access = ledger.issue_access(family, uptime);
    let refresh = ledger.offline.then(|| ledger.issue_refresh(family, 0));
    json!({
        "access": access, "refresh": refresh, "account": account,
        "lifetime": ledger.lifetime.as_millis(),
    })
}

fn revoke(ledger: &mut Ledger, ask: &Value) -> Option<Value> {
    let token = ask["token"].as_str()?;
    if let Some(family) = ledger.family_of(token) {
        ledger.families[family].ended = true;
    }
    ledger.revoked.push(token.to_owned());
    Some(Value::Null)
}

fn respond(status: u16, body: &Value) -> Response {
    http::Response::builder()
        .status(status)
        .body(Bytes::from(body.to_string()))
        .expect("a response")
}
