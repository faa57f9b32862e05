//! What the comparisons share: a provider without a network, a vault over it, and honest statistics.
//!
//! Every figure is a ratio within one run, its two sides interleaved, so that whatever else the machine
//! is doing weighs on both.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a benchmark stops at the first surprise"
)]
#![expect(missing_docs, reason = "each item is named after what it is")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::clock::later;
use evergrant::integration::Account;
use evergrant::news::News;
use evergrant::provider::{
    AuthError, AuthorizeAsk, Connect, Evidence, Failure, Limits, Manifest, Provider, Redeemed,
    RefreshAsk, RefreshLife, Renewal, Replay, Revocable, Revocation, Verdict, Ways,
};
use evergrant::seal::{Ring, Seal};
use evergrant::store::{GrantStore, Way};
use evergrant::testing::MemoryDisk;
use evergrant::vault::{Begin, Parts, Proof};
use evergrant::{
    AccessToken, Clock, Entropy, Grant, IntegrationId, Request, Response, Secret, SystemClock,
    SystemEntropy, Tasks, Transport, TransportError, UserId, Vault,
};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use url::Url;

/// The one that the binary uses.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the upstream takes to answer.
pub const UPSTREAM: Duration = Duration::from_millis(20);
/// As long as a real token of a work account.
pub const TOKEN_LENGTH: usize = 1200;

/// A provider and its API in one: tokens are numbered, and only those from `live` on are taken.
#[derive(Debug)]
pub struct Upstream {
    pub latency: Duration,
    pub issued: AtomicU64,
    pub live: AtomicU64,
    pub refreshes: AtomicU64,
    manifest: Manifest,
}

impl Upstream {
    pub fn new(latency: Duration) -> Arc<Self> {
        let base_url = Url::parse("https://api.example/v1").unwrap();
        Arc::new(Self {
            latency,
            issued: AtomicU64::new(0),
            live: AtomicU64::new(0),
            refreshes: AtomicU64::new(0),
            manifest: Manifest {
                key: "bench".into(),
                label: "Bench".to_owned(),
                connect: Connect::Redirect { scopes: vec!["read".to_owned()] },
                hosts: vec!["api.example".to_owned()],
                base_url,
                replay: Replay::NonRevoking,
                renewal: Renewal::Ahead,
                registration: "acme".to_owned(),
                ways: Ways::default(),
                revocable: Revocable::Grant,
                refresh_life: RefreshLife::Unknown,
                manage_url: None,
                loopback_host: "localhost",
                patience: Duration::ZERO,
                limits: Limits::NONE,
            },
        })
    }

    pub fn issue(&self) -> Secret {
        let number = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        format!("{number:0>TOKEN_LENGTH$}").into()
    }

    /// Ends every token issued so far.
    pub fn expire(&self) {
        self.live.store(self.issued.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    }

    pub fn takes(&self, token: &str) -> bool {
        token.parse::<u64>().unwrap_or(0) >= self.live.load(Ordering::SeqCst)
    }

    pub async fn wait(&self) {
        if !self.latency.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "a real upstream takes real time")]
            tokio::time::sleep(self.latency).await;
        }
    }

    pub async fn refresh_token(&self) -> Secret {
        self.wait().await;
        self.refreshes.fetch_add(1, Ordering::SeqCst);
        self.issue()
    }

    fn grant(&self, now: Timestamp, access: Secret) -> Grant {
        Grant {
            access,
            refresh: Some("refresh".into()),
            login: None,
            scopes: self.manifest.hosts.clone(),
            obtained_at: now,
            expires_at: later(now, Duration::from_hours(1)),
        }
    }
}

/// The upstream as the port to providers sees it.
#[derive(Debug)]
pub struct BenchProvider(pub Arc<Upstream>);

#[async_trait]
impl Provider for BenchProvider {
    fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    fn ready(&self) -> Result<(), Failure> {
        Ok(())
    }

    fn authorize_url(&self, _: &AuthorizeAsk<'_>) -> Option<Url> {
        Url::parse("https://login.example/").ok()
    }

    async fn redeem(
        &self,
        _: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError> {
        let Evidence::Code { code, .. } = evidence else { unreachable!("a code was given") };
        let id = code.expose().to_owned();
        let account = Account { name: id.clone(), username: None, id };
        Ok(Redeemed { grant: self.0.grant(now, self.0.issue()), account })
    }

    async fn refresh(
        &self,
        _: &dyn Transport,
        now: Timestamp,
        _: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError> {
        Ok(self.0.grant(now, self.0.refresh_token().await))
    }

    async fn revoke(&self, _: &dyn Transport, _: &Grant) -> Result<Revocation, AuthError> {
        Ok(Revocation::NotOffered)
    }

    fn sign(&self, request: &mut Request, token: &AccessToken) {
        let value = HeaderValue::from_str(token.secret().expose()).unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }

    fn judge(&self, response: &Response) -> Verdict {
        if response.status() == StatusCode::UNAUTHORIZED {
            Verdict::TokenRejected { claims: None }
        } else {
            Verdict::Accepted
        }
    }
}

/// The upstream's API as the gateway reaches it.
#[derive(Debug)]
pub struct BenchTransport(pub Arc<Upstream>);

#[async_trait]
impl Transport for BenchTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.wait().await;
        let token = request.headers()[header::AUTHORIZATION].to_str().unwrap_or_default();
        let mut response = Response::new(Bytes::from_static(b"{}"));
        if !self.0.takes(token) {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Ok(response)
    }
}

/// A vault over `store` whose provider is `upstream`, with its news loop running.
pub async fn vault(store: Arc<dyn GrantStore>, upstream: &Arc<Upstream>) -> (Vault, Parts) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let ring = Ring::parse(&Ring::generate(&*entropy)).unwrap();
    let provider: Arc<dyn Provider> = Arc::new(BenchProvider(Arc::clone(upstream)));
    let parts = Parts {
        news: News::begin(Arc::clone(&store), Arc::clone(&clock)).await.unwrap(),
        store,
        spool: Arc::new(MemoryDisk::default().spool(&*clock, &*entropy)),
        providers: [provider].into_iter().collect(),
        seal: Seal::new(ring, Arc::clone(&clock), Arc::clone(&entropy)),
        http: Arc::new(BenchTransport(Arc::clone(upstream))),
        clock,
        entropy,
        tasks: Tasks::default(),
        tenant: "bench".to_owned(),
    };
    parts.tasks.spawn_loop(Arc::clone(&parts.news).run());
    (Vault::new(parts.clone()), parts)
}

/// Connects an account named `account`.
pub async fn connect(vault: &Vault, user: UserId, account: &str) -> IntegrationId {
    let ask = Begin {
        provider: "bench".into(),
        way: Way::Direct,
        redirect_uri: Url::parse("http://localhost/").unwrap(),
        scopes: None,
        integration: None,
    };
    let begun = vault.begin(user, ask).await.unwrap();
    let proof = Proof::Code { code: account.into(), iss: None };
    vault.finish(Some(user), &"bench".into(), &begun.state, proof).await.unwrap().id
}

/// A stopwatch.
pub fn started() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    Instant::now()
}

/// The middle of several runs, with the lowest and the highest.
pub fn median(mut runs: Vec<f64>) -> (f64, f64, f64) {
    runs.sort_by(f64::total_cmp);
    (runs[runs.len() / 2], runs[0], runs[runs.len() - 1])
}

/// `median (lowest to highest)`, with a unit.
pub fn spread(runs: Vec<f64>, unit: &str) -> String {
    let (middle, low, high) = median(runs);
    let digits = usize::from(high < 100.0) + usize::from(high < 10.0);
    format!("{middle:.digits$} {unit} ({low:.digits$} to {high:.digits$})")
}

/// Prints a table and leaves it where `make bench` collects it.
pub fn report(bench: &str, title: &str, rows: &[(&str, String)]) {
    let mut text = format!(
        "## {title}\n\n`make bench ARGS=\"--bench {bench}\"`\n\n| what | figure |\n| --- | --- |\n"
    );
    for (what, figure) in rows {
        text = format!("{text}| {what} | {figure} |\n");
    }
    println!("{text}");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench-report");
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(format!("{folder}/{bench}.md"), text).unwrap();
}
