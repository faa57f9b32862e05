//! Keys are exchanged while everything goes on, and whoever dies meanwhile loses nothing.

mod inside;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::seal::Ring;
use evergrant::{IntegrationId, MinLife, SystemEntropy, UserId};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::bench::Bench;
use inside::Inside;

const KEYS: &str = "EVERGRANT_ENCRYPTION_KEYS";
/// Grants that nobody refreshes.
const IDLE: usize = 10_000;
/// Grants that are refreshed all the time, and how often each is, in a second.
const BUSY: (usize, u32) = (10, 5);
const KILLS: u32 = 20;

/// Does `work` for each, a few at a time.
async fn each<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    work: impl Fn(usize) -> F,
) -> Vec<T> {
    let (mut under_way, mut done) = (JoinSet::new(), Vec::with_capacity(count));
    for number in 0..count {
        if under_way.len() == 4 {
            done.push(under_way.join_next().await.unwrap().unwrap());
        }
        under_way.spawn(work(number));
    }
    done.extend(under_way.join_all().await);
    done
}

/// Refreshes these as fast as was promised until told to stop; counts how often.
async fn refresh(
    inside: Arc<Inside>,
    busy: Vec<(UserId, IntegrationId)>,
    stop: Arc<AtomicBool>,
) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    let mut refreshers = JoinSet::new();
    for (owner, id) in busy {
        let (inside, stop, count) = (Arc::clone(&inside), Arc::clone(&stop), Arc::clone(&count));
        refreshers.spawn(async move {
            let mut turn = tokio::time::interval(Duration::from_secs(1) / BUSY.1);
            while !stop.load(Ordering::Relaxed) {
                turn.tick().await;
                inside.vault.refresh_now(owner, id).await.expect("a refresh during the rotation");
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    refreshers.join_all().await;
    count.load(Ordering::Relaxed)
}

/// The access token that the provider issued last, by grant.
fn last_issued(ledger: &Value) -> BTreeMap<String, String> {
    let events = ledger["tokens"].as_array().unwrap();
    let issued = events.iter().filter(|e| e["kind"] == "access" && e["event"] == "issued");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    issued.map(|event| (text(&event["grant"]), text(&event["token"]))).collect()
}

/// The id that the provider gave an access token.
fn id_of(token: &str) -> String {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["uti"].as_str().unwrap().to_owned()
}

async fn killed_again_and_again(mut bench: Bench) {
    let begun = Instant::now();
    let [old, new] =
        [(); 2].map(|()| Ring::generate(&SystemEntropy::default()).expose().to_owned());
    bench.set(KEYS, &old);
    let mut busy = Vec::new();
    for number in 0..BUSY.0 {
        let name = format!("user{number}");
        let owner: UserId = bench.ok(&["users", "add", &name]).await.parse().unwrap();
        busy.push((owner, bench.connect(&["--user", &name]).await.parse().unwrap()));
    }
    let before = Inside::with(&bench, &old).await;
    let idle = before.seed(&bench.database_url(), busy[0].0, IDLE).await;
    let seeded = begun.elapsed();

    bench.set(KEYS, &format!("{new},{old}"));
    // Half of them belong to a replica that encrypts with the old key still: what it stores must be
    // taken again and again, and is what a rotation could overwrite.
    let stop = Arc::new(AtomicBool::new(false));
    let mut refreshing = JoinSet::new();
    for (half, keys) in busy.chunks(BUSY.0 / 2).zip([[&old, &new], [&new, &old]]) {
        let keys = format!("{},{}", keys[0], keys[1]);
        let during = Inside::with(&bench, &keys).await;
        refreshing.spawn(refresh(during, half.to_vec(), Arc::clone(&stop)));
    }
    let rotating = Instant::now();
    let mut chance = 7_u64;
    let mut killed = 0;
    while killed < KILLS {
        let process = bench.start(&["encryption", "rotate", "--json"]);
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        tokio::time::sleep(Duration::from_millis(150 + (chance >> 33) % 500)).await;
        assert!(process.kill().await, "the rotation was done after {killed} kills");
        killed += 1;
    }
    let left: Value =
        serde_json::from_str(&bench.ok(&["encryption", "status", "--json"]).await).unwrap();
    let left = left[1]["values"].as_i64().unwrap();
    let last: Value =
        serde_json::from_str(&bench.ok(&["encryption", "rotate", "--json"]).await).unwrap();
    let took = rotating.elapsed();
    stop.store(true, Ordering::Relaxed);
    let refreshes: u64 = refreshing.join_all().await.into_iter().sum();
    // What the other replica has stored since.
    bench.ok(&["encryption", "rotate"]).await;
    let rate = u128::from(refreshes) * 1_000 / took.as_millis();
    println!(
        "{IDLE} rows seeded in {seeded:?}; {refreshes} refreshes in {took:?}, {rate} a second; \
         {killed} kills, {left} rows left then; the last run: {last}"
    );
    let total = i64::try_from(IDLE + BUSY.0).unwrap();
    assert!(left > 0 && left < total, "{left} were left after the kills");
    assert!(rate > 40, "{rate} refreshes a second");

    // The old key is gone.
    bench.set(KEYS, &new);
    let status: Value =
        serde_json::from_str(&bench.ok(&["encryption", "status", "--json"]).await).unwrap();
    assert_eq!(status.as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status[0]["values"], total);
    let after = Inside::with(&bench, &new).await;
    let opened = each(IDLE, |number| {
        let (after, id) = (Arc::clone(&after), idle[number]);
        async move { after.opens(id).await }
    })
    .await;
    assert_eq!(opened.iter().filter(|opened| **opened).count(), IDLE);
    // What is stored is what the provider issued last; it takes a refresh token once.
    let ledger = bench.sandbox.ledger().await;
    let last_issued: Vec<_> = last_issued(&ledger).into_values().collect();
    for (owner, id) in &busy {
        let token = after.vault.token(*owner, *id, MinLife::default()).await.unwrap();
        assert!(last_issued.contains(&id_of(token.secret().expose())), "{id} lost an update");
        after.vault.refresh_now(*owner, *id).await.unwrap();
    }
    let summary = &bench.sandbox.ledger().await["summary"];
    assert_eq!(summary["refreshes"], refreshes + u64::try_from(BUSY.0).unwrap());
    assert_eq!((&summary["refreshes_refused"], &summary["grants_revoked"]), (&json!(0), &json!(0)));
    println!("all of it took {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_killed_twenty_times_loses_nothing() {
    killed_again_and_again(Bench::strict().await).await;
}

#[tokio::test]
async fn a_value_of_a_missing_key_is_named_and_left_alone() {
    let mut bench = Bench::new().await;
    let id = bench.connect(&[]).await;
    let old = std::fs::read_to_string(bench.path("evergrant.key")).unwrap();
    let new = bench.ok(&["encryption", "generate"]).await;
    bench.set(KEYS, &new);
    let status = bench.run(&["encryption", "status"]).await;
    assert_eq!(status.code, 5, "{status:?}");
    assert!(status.out.contains("missing"), "{status:?}");
    let rotated = bench.run(&["encryption", "rotate"]).await;
    assert_eq!(rotated.code, 5, "{rotated:?}");
    assert!(rotated.err.contains(&id) && rotated.err.contains(KEYS), "{rotated:?}");
    bench.set(KEYS, &format!("{new},{}", old.trim()));
    bench.ok(&["encryption", "rotate"]).await;
    bench.set(KEYS, &new);
    bench.ok(&["doctor", &id]).await;
    assert_eq!(bench.run(&["encryption", "status"]).await.code, 0);
}

#[tokio::test]
async fn a_key_is_made_without_a_configuration() {
    let mut bench = Bench::new().await;
    bench.set("EVERGRANT_SERVER_LISTEN", "nowhere");
    let made = bench.run(&["encryption", "generate"]).await;
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    assert!(Ring::parse(&made.out.trim().into()).is_ok(), "{made:?}");
    assert!(!bench.path("evergrant.db").exists());
}
