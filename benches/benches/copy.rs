//! The local copy: how fast pages are stored, and how fast lists and searches are with a million items.
//!
//! On SQLite, and on PostgreSQL where `TEST_PG_URL` names one: `scripts/with-postgres make bench …`.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::print_stderr, reason = "it takes minutes, and says what it is at")]

use std::sync::Arc;
use std::time::Duration;

use evergrant::capability::Cursor;
use evergrant::feed::{FeedKind, Next, Part};
use evergrant::id::{HolderId, LeaseId};
use evergrant::integration::{Account, Integration, Status};
use evergrant::seal::Sealed;
use evergrant::store::{
    Batch, Claim, FeedId, GrantStore as _, Item, Lease, NewIntegration, SealedGrant, SyncStore as _,
};
use evergrant::{Clock as _, IntegrationId, Lineage, SystemClock, SystemEntropy, UserId};
use evergrant_benches::{report, spread, started};
use evergrant_store::{ItemCursor, ItemQuery, Store};
use jiff::Timestamp;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Row as _, SqlitePool};

/// How many messages are stored, and how many of them on one page.
const MESSAGES: usize = 20_000;
const PAGE: usize = 100;
const RUNS: usize = 5;
/// How many small messages lists are read of: one owner has a fifth of them, nineteen have the rest.
const MILLION: usize = 1_000_000;
const OWNERS: usize = 20;
const PAGES: usize = 1_000;
/// How many words there are to write with.
const VOCABULARY: u64 = 5_000;

#[tokio::main]
async fn main() {
    let mut rows = Vec::new();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("copy.db").display());
    bench("SQLite", &url, &mut rows).await;
    #[expect(clippy::disallowed_methods, reason = "the only setting there is")]
    match std::env::var("TEST_PG_URL") {
        Ok(server) => {
            let mut connection = PgConnection::connect(&server).await.unwrap();
            for sql in ["DROP DATABASE IF EXISTS evg_bench", "CREATE DATABASE evg_bench"] {
                sqlx::query(sql).execute(&mut connection).await.unwrap();
            }
            let mut url: url::Url = server.parse().unwrap();
            url.set_path("evg_bench");
            bench("PostgreSQL", url.as_str(), &mut rows).await;
            let drop = "DROP DATABASE evg_bench WITH (FORCE)";
            sqlx::query(drop).execute(&mut connection).await.unwrap();
        }
        Err(_) => rows.push(("PostgreSQL".to_owned(), "not measured: no TEST_PG_URL".to_owned())),
    }
    let rows: Vec<_> = rows.iter().map(|(what, figure)| (what.as_str(), figure.clone())).collect();
    report("copy", "The local copy: 20,000 messages of 2 KB, then 1,000,000 small ones", &rows);
}

/// One database, by way of the store and without it.
struct Bench {
    store: Store,
    raw: Raw,
    clock: Arc<SystemClock>,
    random: u64,
}

enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// The same on either.
macro_rules! on {
    ($raw:expr, $pool:ident => $do:expr) => {
        match $raw {
            Raw::Sqlite($pool) => $do,
            Raw::Postgres($pool) => $do,
        }
    };
}

async fn bench(name: &str, url: &str, rows: &mut Vec<(String, String)>) {
    let clock = Arc::new(SystemClock::default());
    let store = Store::open(url, clock.clone()).await.unwrap();
    store.migrate().await.unwrap();
    let raw = match url.strip_prefix("sqlite:") {
        Some(path) => {
            let options = SqliteConnectOptions::new()
                .filename(path)
                .foreign_keys(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            Raw::Sqlite(SqlitePool::connect_with(options).await.unwrap())
        }
        None => Raw::Postgres(PgPool::connect(url).await.unwrap()),
    };
    let mut bench = Bench { store, raw, clock, random: 1 };
    let mut row = |what: &str, figure: String| {
        eprintln!("{name}: {what}: {figure}");
        rows.push((format!("{name}: {what}"), figure));
    };

    let (mut bare, mut apply, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let messages = bench.messages(MESSAGES, 40, 2_000);
        let one = bench.bare_writes(&messages).await;
        let other = bench.applied(&messages).await;
        bare.push(one);
        apply.push(other);
        ratio.push(other / one);
    }
    row("a bare multi-row upsert, a page of 100 in a transaction", spread(bare, "rows/s"));
    row("`apply` of the same pages", spread(apply, "rows/s"));
    row("ratio (goal: at least 0.7)", spread(ratio, "×"));

    let mut owner = None;
    for number in 0..OWNERS {
        let share = if number == 0 { MILLION / 5 } else { MILLION * 4 / 5 / (OWNERS - 1) };
        let messages = bench.messages(share, 8, 200);
        let (whose, feed) = bench.fill(&messages, 1_000).await;
        owner.get_or_insert((whose, feed));
    }
    if let Raw::Postgres(pool) = &bench.raw {
        sqlx::query("VACUUM ANALYZE items").execute(pool).await.unwrap();
    }
    let (owner, feed) = owner.unwrap();
    let tag = bench.tag(owner).await;
    let before = resident();
    for (what, goal, word) in [
        ("a page of 50 of 200,000", "2", None),
        ("a search that 0.14 % match", "3", Some("word1234")),
        ("a search that 16 % match", "3", Some("word12")),
    ] {
        let (mut bare, mut list, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let pages = if word.is_some() { PAGES / 10 } else { PAGES };
            let (one, other) = bench.pages(owner, feed, &tag, word, pages).await;
            bare.push(one);
            list.push(other);
            ratio.push(other / one);
        }
        row(&format!("{what}: bare"), spread(bare, "µs"));
        row(&format!("{what}: the store"), spread(list, "µs"));
        row(&format!("{what}: ratio (goal: at most {goal})"), spread(ratio, "×"));
    }
    let grown = (resident() - before) / 1e6;
    let pages = RUNS * (PAGES + 2 * PAGES / 10);
    row(
        "resident memory",
        format!("{:.0} MB before, {grown:.1} MB more after {pages} pages", before / 1e6),
    );
    bench.store.close().await;
    on!(&bench.raw, pool => pool.close().await);
}

impl Bench {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % end
    }

    /// Messages in the order of no time, with so many words and bytes.
    fn messages(&mut self, count: usize, words: usize, bytes: usize) -> Vec<Item> {
        let message = |number: usize| {
            let text: Vec<_> =
                (0..words).map(|_| format!("word{}", self.below(VOCABULARY))).collect();
            let text = text.join(" ");
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&self.random.to_le_bytes());
            digest[8..16].copy_from_slice(&number.to_le_bytes());
            let sender = format!("sender{}@example.com", self.below(200));
            let padding = "x".repeat(bytes.saturating_sub(text.len() + 40));
            Item {
                id: format!(
                    "AAMkAGVmMDEzMTM4LTZmYWUtNDdkNC1hMDZiLTU1OGY5OTZhYmY4OABGAAA{number:040}"
                ),
                series: None,
                at: Timestamp::from_second(
                    1_700_000_000 + i64::try_from(self.below(50_000_000)).unwrap(),
                )
                .unwrap(),
                until: None,
                is_read: Some(self.below(10) > 0),
                folder: Some("inbox".to_owned()),
                importance: Some("normal".to_owned()),
                people: vec![sender.clone(), "ada@example.com".to_owned()],
                sender: Some(sender),
                json: format!("{{\"id\":{number},\"preview\":{text:?},\"more\":\"{padding}\"}}"),
                words: text,
                body: None,
                digest,
            }
        };
        (0..count).map(message).collect()
    }

    /// A new account of a new owner.
    async fn connected(&self) -> (UserId, FeedId) {
        let (clock, entropy) = (&*self.clock, SystemEntropy::default());
        let owner = UserId::new(clock, &entropy);
        let id = IntegrationId::new(clock, &entropy);
        let now = clock.now();
        let integration = Integration {
            id,
            owner,
            provider: "bench".into(),
            label: String::new(),
            account: Account { id: id.to_string(), name: String::new(), username: None },
            status: Status::Active,
            scopes: Vec::new(),
            created_at: now,
            updated_at: now,
            epoch: 1,
        };
        let grant = SealedGrant {
            sealed: Sealed { key: "0123456789abcdef".into(), token: String::new() },
            lineage: Lineage::new(clock, &entropy),
            expires_at: now,
            due_at: None,
        };
        assert!(self.store.connect(&NewIntegration { integration, grant }).await.unwrap());
        (owner, FeedId { integration: id, feed: FeedKind::Email })
    }

    /// Rows a second by way of [`SyncStore::apply`](evergrant::store::SyncStore::apply).
    async fn applied(&self, messages: &[Item]) -> f64 {
        let start = started();
        self.fill(messages, PAGE).await;
        messages.len() as f64 / start.elapsed().as_secs_f64()
    }

    async fn fill(&self, messages: &[Item], page: usize) -> (UserId, FeedId) {
        let (owner, id) = self.connected().await;
        self.store.enrol(0, &[("bench".into(), FeedKind::Email)]).await.unwrap();
        let (clock, entropy) = (&*self.clock, SystemEntropy::default());
        let (lease, life) = (LeaseId::new(clock, &entropy), Duration::from_mins(10));
        let claim = Claim { lease, holder: HolderId::new(clock, &entropy), life };
        assert_eq!(self.store.claim_feeds(claim, 1, Some(id)).await.unwrap().len(), 1);
        let lease = Lease { id, lease, life };
        let part = Part { id: "inbox".to_owned(), expected: None };
        self.store.begin_pass(&lease, "all", &[part], false).await.unwrap().unwrap();
        let last = messages.len().div_ceil(page) - 1;
        for (number, items) in messages.chunks(page).enumerate() {
            let cursor = Cursor(format!("page {number}"));
            let batch = Batch {
                part: "inbox".to_owned(),
                items: items.to_vec(),
                gone: Vec::new(),
                series: Vec::new(),
                still: Vec::new(),
                next: if number == last { Next::Done(Some(cursor)) } else { Next::More(cursor) },
            };
            let applied = self.store.apply(&lease, &batch).await.unwrap().unwrap();
            assert_eq!(applied.added, items.len() as u64);
        }
        self.store.end_pass(&lease, false, None).await.unwrap().unwrap();
        self.store.end_run(&lease, Timestamp::MAX).await.unwrap().unwrap();
        (owner, id)
    }

    /// Rows a second of the same rows in the same table, and nothing else.
    async fn bare_writes(&self, messages: &[Item]) -> f64 {
        let (owner, id) = self.connected().await;
        let (owner, integration) = (owner.to_string(), id.integration.to_string());
        let tokens: Vec<_> = messages.iter().map(tokens).collect();
        let rows: Vec<_> = messages.iter().zip(&tokens).enumerate().collect();
        let start = started();
        for page in rows.chunks(PAGE) {
            let row = |row: usize| {
                let first = 13 * row;
                let n: Vec<_> = (1..=13).map(|column| format!("${}", first + column)).collect();
                let words = match &self.raw {
                    Raw::Sqlite(_) => n[10].clone(),
                    Raw::Postgres(_) => {
                        format!("array_to_tsvector(string_to_array({}, ' '))", n[10])
                    }
                };
                let n = (n[..10].join(", "), n[11..].join(", "));
                format!(
                    "({}, {words}, {}, 'email', 'bench', 'inbox', 1, 'inbox', 'normal')",
                    n.0, n.1
                )
            };
            let rows: Vec<_> = (0..page.len()).map(row).collect();
            let sql =
                format!("INSERT INTO items ({COLUMNS}) VALUES {} {CONFLICT}", rows.join(", "));
            on!(&self.raw, pool => {
                let mut tx = pool.begin().await.unwrap();
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for (number, (item, tokens)) in page {
                    let revision = i64::try_from(*number).unwrap() + 1;
                    query = query
                        .bind(&integration)
                        .bind(&item.id)
                        .bind(&owner)
                        .bind(revision)
                        .bind(revision)
                        .bind(revision)
                        .bind(item.at.as_microsecond())
                        .bind(&item.digest[..])
                        .bind(item.at.as_microsecond())
                        .bind(item.is_read.map(i64::from))
                        .bind(tokens.as_str())
                        .bind(&item.json)
                        .bind(&item.body);
                }
                query.execute(&mut *tx).await.unwrap();
                tx.commit().await.unwrap();
            });
        }
        messages.len() as f64 / start.elapsed().as_secs_f64()
    }

    /// What the owner's tokens begin with.
    async fn tag(&self, owner: UserId) -> String {
        let sql = match &self.raw {
            Raw::Sqlite(_) => "SELECT words FROM items WHERE owner = $1 LIMIT 1",
            Raw::Postgres(_) => {
                "SELECT (tsvector_to_array(words))[1] FROM items WHERE owner = $1 LIMIT 1"
            }
        };
        let owner = owner.to_string();
        let words: String = on!(&self.raw, pool => {
            sqlx::query_scalar(sql).bind(owner).fetch_one(pool).await.unwrap()
        });
        words.chars().take(5).collect()
    }

    /// Microseconds a page takes, bare and by way of the store, by turns; at any depth of the list.
    async fn pages(
        &mut self,
        owner: UserId,
        id: FeedId,
        tag: &str,
        word: Option<&str>,
        pages: usize,
    ) -> (f64, f64) {
        let (mut bare, mut list) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..pages {
            let second = 1_700_000_000 + i64::try_from(self.below(50_000_000)).unwrap();
            let at = Timestamp::from_second(second).unwrap();
            let after = ItemCursor { at, integration: id.integration, id: String::new() };
            let start = started();
            let one = self.bare_page(owner, tag, word, &after).await;
            bare += start.elapsed();
            let query = ItemQuery {
                after: Some(after),
                search: word.map(str::to_owned),
                ..ItemQuery::new(FeedKind::Email)
            };
            let start = started();
            let other = self.store.items(owner, &query).await.unwrap();
            list += start.elapsed();
            let other: Vec<_> = other.items.into_iter().map(|item| item.json).collect();
            assert_eq!(one, other, "both read the same");
        }
        let each = |all: Duration| all.as_secs_f64() * 1e6 / pages as f64;
        (each(bare), each(list))
    }

    async fn bare_page(
        &self,
        owner: UserId,
        tag: &str,
        word: Option<&str>,
        after: &ItemCursor,
    ) -> Vec<String> {
        let matching = match (&self.raw, word) {
            (_, None) => "$5 = ''",
            (Raw::Sqlite(_), _) => {
                "place IN (SELECT rowid FROM items_words WHERE items_words MATCH $5)"
            }
            (Raw::Postgres(_), _) => "words @@ CAST($5 AS tsquery)",
        };
        let sql = format!(
            "SELECT integration, id, provider, at, json FROM items \
             WHERE owner = $1 AND feed = 'email' AND gone IS NULL \
               AND (at, integration, id) < ($2, $3, $4) AND {matching} \
             ORDER BY at DESC, integration DESC, id DESC LIMIT 50"
        );
        let wanted = match (&self.raw, word) {
            (_, None) => String::new(),
            (Raw::Sqlite(_), Some(word)) => format!("\"{tag}{word}\"*"),
            (Raw::Postgres(_), Some(word)) => format!("'{tag}{word}':*"),
        };
        on!(&self.raw, pool => {
            let query = sqlx::query(AssertSqlSafe(sql))
                .bind(owner.to_string())
                .bind(after.at.as_microsecond())
                .bind(after.integration.to_string())
                .bind(&after.id)
                .bind(wanted);
            let rows = query.fetch_all(pool).await.unwrap();
            rows.iter().map(|row| row.get("json")).collect()
        })
    }
}

const COLUMNS: &str = "integration, id, owner, revision, added_revision, first_revision, changed_at, \
                       digest, at, is_read, words, json, body, feed, provider, part, seen, folder, \
                       importance";

const CONFLICT: &str = "ON CONFLICT (integration, feed, id) DO UPDATE \
     SET part = excluded.part, seen = excluded.seen, revision = excluded.revision, \
         added_revision = excluded.added_revision, first_revision = excluded.first_revision, \
         changed_at = excluded.changed_at, digest = excluded.digest, at = excluded.at, is_read = excluded.is_read, \
         folder = excluded.folder, importance = excluded.importance, words = excluded.words, \
         json = excluded.json, body = excluded.body";

/// As many tokens as the store makes, and as long.
fn tokens(item: &Item) -> String {
    let mut tokens: Vec<_> = item.words.split(' ').map(|word| format!("bench{word}")).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let people = item.sender.iter().map(|sender| ("s", sender));
    for (role, who) in people.chain(item.people.iter().map(|who| ("p", who))) {
        tokens.push(format!("bench~{role}{}", who.replace('@', "~40~").replace('.', "~2e~")));
    }
    tokens.join(" ")
}

/// Bytes of memory this process has.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}
