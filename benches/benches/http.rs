//! `GET …/token/` against a bare handler that hashes a key, looks up a map and serialises.
//!
//! Both sides run in a process of their own, so that the processor time each spends can be read from
//! the system; requests per second on a busy machine tell less. The sides take turns.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::print_stdout, reason = "the child tells the parent where it listens")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::get;
use evergrant::{Subscriptions, SyncSettings, Syncer, SystemClock, UserId};
use evergrant_benches::{Upstream, connect, report, spread, started, vault};
use evergrant_server::principal::{Permission, new_key};
use evergrant_server::{App, Config};
use evergrant_store::{Holder, Store, User};
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 7;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("serve-bare") => child(bare()),
        Some("serve-evergrant") => child(evergrant()),
        _ => compare(),
    }
}

/// A server on one core, as a deployment's would be; it ends when the parent kills it.
fn child(serve: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(serve);
}

/// The least a server can do: hash the key, look up who it is, look up the token, serialise.
async fn bare() {
    type Tokens = Arc<(papaya::HashMap<[u8; 32], u64>, papaya::HashMap<String, Token>)>;

    #[derive(Clone, Serialize)]
    #[expect(clippy::struct_field_names, reason = "the fields of the answer")]
    struct Token {
        access_token: String,
        token_type: &'static str,
        expires_at: jiff::Timestamp,
        scopes: Vec<String>,
    }

    async fn token(
        State(tokens): State<Tokens>,
        Path(id): Path<String>,
        headers: HeaderMap,
    ) -> Result<impl IntoResponse, StatusCode> {
        let key = headers.get(header::AUTHORIZATION).ok_or(StatusCode::UNAUTHORIZED)?;
        let hash = hash(key.as_bytes());
        tokens.0.pin().get(&hash).copied().ok_or(StatusCode::UNAUTHORIZED)?;
        let tokens = tokens.1.pin();
        let token = tokens.get(&id).ok_or(StatusCode::NOT_FOUND)?;
        Ok(axum::Json(token).into_response())
    }

    let clock = SystemClock::default();
    let tokens: Tokens = Arc::default();
    // As long as the real ones, so that both servers parse and hash the same.
    let (key, id) = (format!("evg_{:0>81}", 1), format!("int_{:0>32}", 1));
    tokens.0.pin().insert(hash(format!("Bearer {key}").as_bytes()), 1);
    tokens.1.pin().insert(
        id.clone(),
        Token {
            access_token: Upstream::new(Duration::ZERO).issue().expose().to_owned(),
            token_type: "Bearer",
            expires_at: evergrant::Clock::now(&clock),
            scopes: vec!["api.example".to_owned()],
        },
    );
    let router =
        Router::new().route("/api/integrations/{id}/token/", get(token)).with_state(tokens);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    println!("{} {key} {id}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap()
}

/// The real server over a real database, logging as it does by default.
async fn evergrant() {
    tracing_subscriber::fmt().json().with_env_filter("info").with_writer(std::io::stderr).init();
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SystemClock::default());
    let url = format!("sqlite:{}", folder.path().join("bench.db").display());
    let store = Store::open(&url, clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let upstream = Upstream::new(Duration::ZERO);
    let (vault, parts) = vault(Arc::new(store.clone()), &upstream).await;
    let user = User {
        id: UserId::new(&*parts.clock, &*parts.entropy),
        name: "bench".to_owned(),
        created_at: parts.clock.now(),
    };
    store.add_user(&user).await.unwrap();
    let holder = Holder::User(user.id);
    let (row, key) = new_key(&*parts.clock, &*parts.entropy, holder, &Permission::ALL);
    store.add_key(&row).await.unwrap();
    let id = connect(&vault, user.id, "one").await;
    let copies = Arc::new(store.clone());
    let app = App::new(evergrant_server::Parts {
        syncer: Syncer::new(vault.clone(), copies.clone(), SyncSettings::default()),
        subscriptions: Subscriptions::new(vault.clone(), copies, None),
        vault,
        store,
        news: parts.news,
        clock: parts.clock,
        entropy: parts.entropy,
        config: Config { public_url: "http://localhost".parse().unwrap(), redirect_uris: vec![] },
    });
    let router = evergrant_server::router(app);
    let listening =
        evergrant_server::serve(router, ([127, 0, 0, 1], 0).into(), &parts.tasks).unwrap();
    println!("{} {} {id}", listening.address, key.expose());
    std::future::pending::<()>().await;
}

/// One side of the comparison.
struct Side {
    process: Child,
    address: SocketAddr,
    request: String,
}

impl Side {
    fn start(mode: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut process = Command::new(program).arg(mode).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut words = line.split_whitespace();
        let address = words.next().unwrap().parse().unwrap();
        let (key, id) = (words.next().unwrap(), words.next().unwrap());
        let request = format!(
            "GET /api/integrations/{id}/token/ HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n\r\n"
        );
        Self { process, address, request }
    }

    /// Requests per second, and processor time of the server a request in microseconds.
    async fn round(&self) -> (f64, f64) {
        let before = self.processor_time();
        let start = started();
        let clients = (0..CONNECTIONS).map(|_| self.client(start));
        let served: usize = futures_util::future::join_all(clients).await.into_iter().sum();
        let rate = served as f64 / start.elapsed().as_secs_f64();
        (rate, (self.processor_time() - before) * 1e6 / served as f64)
    }

    async fn client(&self, start: std::time::Instant) -> usize {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = vec![0; 16 << 10];
        let (mut served, mut length) = (0, 0);
        while start.elapsed() < ROUND {
            stream.write_all(self.request.as_bytes()).await.unwrap();
            let mut read = 0;
            loop {
                read += stream.read(&mut buffer[read..]).await.unwrap();
                if length == 0 {
                    length = whole(&buffer[..read]);
                }
                if length > 0 && read >= length {
                    break;
                }
            }
            assert!(
                buffer.starts_with(b"HTTP/1.1 200"),
                "{}",
                String::from_utf8_lossy(&buffer[..read])
            );
            // The request id may grow by a digit.
            length = 0;
            served += 1;
        }
        served
    }

    /// Seconds of processor time that the server has used.
    fn processor_time(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How long the whole answer is, once its head is there; 0 before.
fn whole(answer: &[u8]) -> usize {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return 0;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let body = head.split("content-length:").nth(1).unwrap().lines().next().unwrap().trim();
    end + 4 + body.parse::<usize>().unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn compare() {
    let (bare, ours) = (Side::start("serve-bare"), Side::start("serve-evergrant"));
    // The first round warms both up.
    bare.round().await;
    ours.round().await;
    let mut rates = (Vec::new(), Vec::new(), Vec::new());
    let mut times = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (theirs, ours) = (bare.round().await, ours.round().await);
        rates.0.push(theirs.0);
        rates.1.push(ours.0);
        rates.2.push(ours.0 / theirs.0);
        times.0.push(theirs.1);
        times.1.push(ours.1);
        times.2.push(theirs.1 / ours.1);
    }
    report(
        "http",
        "`GET …/token/` against a bare handler: key hash, map, serialise; 64 connections",
        &[
            (
                "bare handler",
                format!(
                    "{}, {}",
                    spread(rates.0, "req/s"),
                    spread(times.0, "µs of processor each")
                ),
            ),
            (
                "Evergrant",
                format!(
                    "{}, {}",
                    spread(rates.1, "req/s"),
                    spread(times.1, "µs of processor each")
                ),
            ),
            ("requests per second, ratio (goal: at least 0.9)", spread(rates.2, "×")),
            ("processor time, bare to Evergrant", spread(times.2, "×")),
        ],
    );
}
