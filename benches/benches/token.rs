//! A cached token with a million integrations in memory: how long, and how much memory each.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::sync::Arc;
use std::time::Duration;

use evergrant::testing::MemoryStore;
use evergrant::{IntegrationId, MinLife, SystemClock, SystemEntropy, UserId, Vault};
use evergrant_benches::{TOKEN_LENGTH, Upstream, connect, report, spread, started, vault};

const INTEGRATIONS: usize = 1_000_000;
const CALLS: usize = 2_000_000;
const RUNS: usize = 5;

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() {
    let clock = Arc::new(SystemClock::default());
    let upstream = Upstream::new(Duration::ZERO);
    let (vault, _) = vault(Arc::new(MemoryStore::new(clock.clone())), &upstream).await;
    let user = UserId::new(&*clock, &SystemEntropy::default());
    let mut ids = Vec::with_capacity(INTEGRATIONS);
    for number in 0..INTEGRATIONS {
        ids.push(connect(&vault, user, &number.to_string()).await);
    }
    let before = resident();
    for id in &ids {
        vault.token(user, *id, MinLife::default()).await.unwrap();
    }
    let each = (resident() - before) / INTEGRATIONS as f64;
    let ids = Arc::new(ids);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        one.push(read(vault.clone(), user, Arc::clone(&ids), run).await);
        let (a, b) = tokio::join!(
            spawn(vault.clone(), user, Arc::clone(&ids), run + 100),
            spawn(vault.clone(), user, Arc::clone(&ids), run + 200)
        );
        two.push(f64::midpoint(a, b));
    }
    report(
        "token",
        "`token()` with 1,000,000 integrations in memory",
        &[
            ("one task (goal: below 1,000 ns)", spread(one, "ns")),
            ("each of two tasks at once", spread(two, "ns")),
            (
                "memory an integration with its token in use",
                format!("{each:.0} B, {TOKEN_LENGTH} of them the token itself"),
            ),
            ("memory an idle integration", "0 B: it lies in the database".to_owned()),
        ],
    );
}

async fn spawn(vault: Vault, user: UserId, ids: Arc<Vec<IntegrationId>>, seed: usize) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a benchmark's tasks end with it")]
    tokio::spawn(read(vault, user, ids, seed)).await.unwrap()
}

/// Nanoseconds a call, ids in random order.
async fn read(vault: Vault, user: UserId, ids: Arc<Vec<IntegrationId>>, seed: usize) -> f64 {
    let mut state = seed as u64 + 1;
    let start = started();
    for _ in 0..CALLS {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let id = ids[usize::try_from(state >> 33).unwrap() % ids.len()];
        std::hint::black_box(vault.token(user, id, MinLife::default()).await.unwrap());
    }
    start.elapsed().as_secs_f64() * 1e9 / CALLS as f64
}

/// Bytes of memory this process has.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * 4096.0
}
