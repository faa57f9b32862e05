//! A whole mailbox into the copy: what a sync costs beside the writing alone.
//!
//! The sandbox plays the mailbox in this process. The bare side writes the very rows that the sync has made,
//! in pages as large, into the same table of an empty database. On SQLite, and on PostgreSQL where
//! `TEST_PG_URL` names one: `scripts/with-postgres make bench …`.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::print_stderr, reason = "it takes minutes, and says what it is at")]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use evergrant::capability::BodyFormat;
use evergrant::feed::FeedKind;
use evergrant::news::News;
use evergrant::seal::{Ring, Seal};
use evergrant::store::{GrantStore, Way};
use evergrant::testing::MemoryDisk;
use evergrant::transport::{Request, Response, TransportError};
use evergrant::vault::{Begin, Next, Parts, Proof};
use evergrant::{
    Clock, Entropy, IntegrationId, SyncSettings, Syncer, SystemClock, SystemEntropy, Tasks,
    Transport, UserId, Vault,
};
use evergrant_benches::{report, spread, started};
use evergrant_providers::{Settings, microsoft};
use evergrant_sandbox::{Courier, InProcess, Stage, StageConfig};
use evergrant_store::Store;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _, SqlitePool};
use tokio::task::JoinSet;
use url::Url;

const MESSAGES: usize = 20_000;
const BODY: usize = 2_048;
/// As many as the adapter asks for at once where bodies come along.
const PAGE: usize = 50;
const RUNS: usize = 3;
const BASE: &str = "http://localhost:8410";

#[tokio::main]
async fn main() {
    let stage = stage().await;
    let mut rows = Vec::new();
    // The sandbox writes a message when it is first looked at: that is not what is measured.
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    synced(&stage, &url("first.db")).await;

    let (mut bare, mut sync, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let (from, to) = (url(&format!("sync{run}.db")), url(&format!("bare{run}.db")));
        let one = synced(&stage, &from).await;
        let other = bare_sqlite(&from, &to).await;
        eprintln!("SQLite: {one:.0} rows/s synced, {other:.0} bare");
        sync.push(one);
        bare.push(other);
        ratio.push(one / other);
    }
    add(&mut rows, "SQLite", bare, sync, ratio);

    #[expect(clippy::disallowed_methods, reason = "the only setting there is")]
    match std::env::var("TEST_PG_URL") {
        Ok(server) => {
            let (mut bare, mut sync, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..RUNS {
                let from = database(&server, "evg_sync").await;
                let one = synced(&stage, &from).await;
                let to = database(&server, "evg_bare").await;
                let other = bare_postgres(&from, &to).await;
                eprintln!("PostgreSQL: {one:.0} rows/s synced, {other:.0} bare");
                sync.push(one);
                bare.push(other);
                ratio.push(one / other);
            }
            add(&mut rows, "PostgreSQL", bare, sync, ratio);
        }
        Err(_) => rows.push(("PostgreSQL".to_owned(), "not measured: no TEST_PG_URL".to_owned())),
    }
    let rows: Vec<_> = rows.iter().map(|(what, figure)| (what.as_str(), figure.clone())).collect();
    report("sync", "A whole mailbox: 20,000 messages of 2 KB with their bodies", &rows);
}

fn add(rows: &mut Vec<(String, String)>, name: &str, bare: Vec<f64>, sync: Vec<f64>, by: Vec<f64>) {
    rows.push((
        format!("{name}: a bare multi-row upsert, a page in a transaction"),
        spread(bare, "rows/s"),
    ));
    rows.push((format!("{name}: the sync, from the first call on"), spread(sync, "rows/s")));
    rows.push((format!("{name}: ratio (goal: at least 0.5)"), spread(by, "×")));
}

async fn stage() -> Stage {
    let stage = evergrant_providers::sandbox::stage(StageConfig {
        seed: 1,
        strict_rotation: false,
        access_ttl: None,
        clock: Arc::new(SystemClock::default()),
        entropy: Arc::new(SystemEntropy::default()),
        courier: Courier::default(),
    });
    let what = json!({ "count": MESSAGES, "size": BODY, "folder": "inbox" });
    let path = "/_sandbox/world/microsoft/users/adele@contoso.example/messages/fill";
    let request = http::Request::post(format!("{BASE}{path}")).body(Bytes::from(what.to_string()));
    let answer = InProcess::new(&stage).send(request.unwrap()).await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
    stage
}

/// Rows a second of a sync into an empty database.
async fn synced(stage: &Stage, database: &str) -> f64 {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let store = Store::open(database, Arc::clone(&clock)).await.unwrap();
    store.migrate().await.unwrap();
    let vault = vault(stage, &store, &clock, &entropy).await;
    let owner = UserId::new(&*clock, &*entropy);
    let id = connect(stage, &vault, owner).await;
    let settings =
        SyncSettings { messages: None, bodies: Some(BodyFormat::Html), ..SyncSettings::default() };
    let syncer = Syncer::new(vault.clone(), Arc::new(store.clone()), settings);
    let start = started();
    let done = syncer.work_on(owner, id, Some(FeedKind::Email), |_| {}).await.unwrap();
    let took = start.elapsed().as_secs_f64();
    assert!(done[0].failure.is_none() && done[0].items >= MESSAGES as u64, "{done:?}");
    store.close().await;
    done[0].items as f64 / took
}

/// The sandbox on a thread of its own, where a provider works too: it fills a page while another is stored.
#[derive(Debug, Clone)]
struct Elsewhere(InProcess);

#[async_trait]
impl Transport for Elsewhere {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let sandbox = self.0.clone();
        let mut thread = JoinSet::new();
        thread.spawn(async move { sandbox.send(request).await });
        thread.join_next().await.unwrap().unwrap()
    }
}

async fn vault(
    stage: &Stage,
    store: &Store,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Vault {
    let url = || Some(BASE.parse().unwrap());
    let microsoft = microsoft::Settings {
        client_id: Some("sandbox-client".to_owned()),
        client_secret: Some("sandbox-secret".into()),
        login_url: url(),
        graph_url: url(),
        ..microsoft::Settings::default()
    };
    let settings = Settings { microsoft, ..Settings::default() };
    let (providers, _) = evergrant_providers::all(&settings).unwrap();
    let ring = Ring::parse(&Ring::generate(&**entropy)).unwrap();
    let shared: Arc<dyn GrantStore> = Arc::new(store.clone());
    Vault::new(Parts {
        news: News::begin(Arc::clone(&shared), Arc::clone(clock)).await.unwrap(),
        store: shared,
        spool: Arc::new(MemoryDisk::default().spool(&**clock, &**entropy)),
        providers,
        seal: Seal::new(ring, Arc::clone(clock), Arc::clone(entropy)),
        http: Arc::new(Elsewhere(InProcess::new(stage))),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        tasks: Tasks::default(),
        tenant: "bench".to_owned(),
    })
}

/// Signs in without a browser.
async fn connect(stage: &Stage, vault: &Vault, owner: UserId) -> IntegrationId {
    let provider = "microsoft_outlook".into();
    let ask = Begin {
        provider: "microsoft_outlook".into(),
        way: Way::Direct,
        redirect_uri: Url::parse("http://localhost:8400/callback").unwrap(),
        scopes: None,
        integration: None,
    };
    let begun = vault.begin(owner, ask).await.unwrap();
    let Next::Authorize(page) = begun.next else { unreachable!("it is signed in to on a page") };
    let page = format!("{page}&prompt=none&login_hint=adele@contoso.example");
    let page = http::Request::get(page).body(Bytes::new()).unwrap();
    let answer = InProcess::new(stage).send(page).await.unwrap();
    let back = Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
    let given =
        |name: &str| back.query_pairs().find(|(key, _)| key == name).map(|(_, it)| it.into_owned());
    let proof = Proof::Code { code: given("code").unwrap().as_str().into(), iss: given("iss") };
    vault.finish(Some(owner), &provider, &begun.state, proof).await.unwrap().id
}

/// What a row has, those that may be null last.
const TEXTS: &str = "integration, feed, id, owner, provider, part, json";
const NUMBERS: &str = "seen, revision, added_revision, first_revision, changed_at, at";
const OTHERS: &str = "words, digest, is_read, folder, importance, body";
const COLUMNS: usize = 7 + 6 + 6;
const CONFLICT: &str = "ON CONFLICT (integration, feed, id) DO UPDATE \
     SET part = excluded.part, seen = excluded.seen, revision = excluded.revision, \
         changed_at = excluded.changed_at, digest = excluded.digest, at = excluded.at, \
         is_read = excluded.is_read, folder = excluded.folder, importance = excluded.importance, \
         words = excluded.words, json = excluded.json, body = excluded.body";

/// The statement for so many rows; `words` is what a parameter is made into.
fn upsert(rows: usize, words: impl Fn(usize) -> String) -> String {
    let row = |row: usize| {
        let value = |column: usize| {
            let n = COLUMNS * row + column + 1;
            if column == 13 { words(n) } else { format!("${n}") }
        };
        format!("({})", (0..COLUMNS).map(value).collect::<Vec<_>>().join(", "))
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO items ({TEXTS}, {NUMBERS}, {OTHERS}) VALUES {} {CONFLICT}",
        rows.join(", ")
    )
}

/// What of a row may be null, and what no array takes.
type Rest = (String, Vec<u8>, Option<i64>, Option<String>, Option<String>, Option<String>);

/// The rows of one database, written into another, as fast as that goes.
macro_rules! bare {
    ($name:ident, $pool:ty, $open:path, $words:literal, $value:expr) => {
        async fn $name(from: &str, to: &str) -> f64 {
            let empty = Store::open(to, Arc::new(SystemClock::default())).await.unwrap();
            empty.migrate().await.unwrap();
            empty.close().await;
            let from: $pool = $open(from).await;
            let others = OTHERS.replacen("words", $words, 1);
            let sql = format!("SELECT {TEXTS}, {NUMBERS}, {others} FROM items");
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&from).await.unwrap();
            from.close().await;
            let rows: Vec<([String; 7], [i64; 6], Rest)> = rows
                .iter()
                .map(|row| {
                    let text = |n: usize| row.get(n);
                    let texts = std::array::from_fn(text);
                    let numbers = std::array::from_fn(|n| row.get(7 + n));
                    let rest = (
                        row.get(13),
                        row.get(14),
                        row.get(15),
                        row.get(16),
                        row.get(17),
                        row.get(18),
                    );
                    (texts, numbers, rest)
                })
                .collect();
            let to: $pool = $open(to).await;
            let start = started();
            for page in rows.chunks(PAGE) {
                let mut tx = to.begin().await.unwrap();
                let sql = upsert(page.len(), $value);
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for (texts, numbers, rest) in page {
                    for text in texts {
                        query = query.bind(text);
                    }
                    for number in numbers {
                        query = query.bind(number);
                    }
                    query = query.bind(&rest.0).bind(&rest.1).bind(rest.2);
                    query = query.bind(&rest.3).bind(&rest.4).bind(&rest.5);
                }
                query.execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
            }
            let rate = rows.len() as f64 / start.elapsed().as_secs_f64();
            to.close().await;
            rate
        }
    };
}

bare!(bare_sqlite, SqlitePool, open_sqlite, "words", |n| format!("${n}"));
bare!(
    bare_postgres,
    PgPool,
    open_postgres,
    "array_to_string(tsvector_to_array(words), ' ')",
    |n| format!("array_to_tsvector(string_to_array(${n}, ' '))")
);

async fn open_sqlite(url: &str) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(url.trim_start_matches("sqlite:"))
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    SqlitePool::connect_with(options).await.unwrap()
}

async fn open_postgres(url: &str) -> PgPool {
    PgPool::connect(url).await.unwrap()
}

/// An empty database of this name.
async fn database(server: &str, name: &str) -> String {
    let mut connection = PgConnection::connect(server).await.unwrap();
    for sql in
        [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")]
    {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    }
    let mut url: Url = server.parse().unwrap();
    url.set_path(name);
    url.into()
}
