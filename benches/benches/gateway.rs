//! Many callers, one account, one expiry: a mutex held across the call against the gateway.
//!
//! The recipe is the one often found in guides: lock the session, call, and on a refusal lock again,
//! refresh without a second look, lock again, call again.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use evergrant::testing::MemoryStore;
use evergrant::{Gateway, Secret, SystemClock, SystemEntropy, UserId};
use evergrant_benches::{UPSTREAM, Upstream, connect, report, spread, started, vault};
use futures_util::future::join_all;
use tokio::sync::Mutex;

const CALLERS: usize = 256;
const CALLS: usize = 4;
const RUNS: usize = 3;

/// Calls per second, and how many refreshes there were.
struct Run {
    rate: f64,
    refreshes: u64,
}

async fn recipe_call(session: &Mutex<Secret>, upstream: &Upstream) -> bool {
    let call = async |token: &Secret| {
        upstream.wait().await;
        upstream.takes(token.expose())
    };
    let token = session.lock().await;
    if call(&token).await {
        return true;
    }
    drop(token);
    let mut token = session.lock().await;
    *token = upstream.refresh_token().await;
    drop(token);
    let token = session.lock().await;
    call(&token).await
}

async fn recipe() -> Run {
    let upstream = Upstream::new(UPSTREAM);
    let session = Arc::new(Mutex::new(upstream.issue()));
    let callers = (0..CALLERS).map(|_| async {
        for call in 0..CALLS {
            if call == CALLS / 2 {
                expire_once(&upstream);
            }
            assert!(recipe_call(&session, &upstream).await);
        }
    });
    measure(&upstream, async {
        join_all(callers).await;
    })
    .await
}

async fn gateway() -> Run {
    let upstream = Upstream::new(UPSTREAM);
    let clock = Arc::new(SystemClock::default());
    let (vault, _) = vault(Arc::new(MemoryStore::new(clock.clone())), &upstream).await;
    let user = UserId::new(&*clock, &SystemEntropy::default());
    let id = connect(&vault, user, "one").await;
    let api = Gateway::new(vault).open(user, id).await.unwrap();
    let callers = (0..CALLERS).map(|_| async {
        for call in 0..CALLS {
            if call == CALLS / 2 {
                expire_once(&upstream);
            }
            assert!(api.get("/thing").await.unwrap().status().is_success());
        }
    });
    measure(&upstream, async {
        join_all(callers).await;
    })
    .await
}

/// The first caller to get here ends the token that all of them use.
fn expire_once(upstream: &Upstream) {
    let _ = upstream.live.compare_exchange(0, 2, Ordering::SeqCst, Ordering::SeqCst);
}

async fn measure(upstream: &Upstream, work: impl Future<Output = ()>) -> Run {
    let start = started();
    work.await;
    let rate = (CALLERS * CALLS) as f64 / start.elapsed().as_secs_f64();
    Run { rate, refreshes: upstream.refreshes.load(Ordering::SeqCst) }
}

#[tokio::main]
async fn main() {
    let (mut recipes, mut gateways, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut refreshes = (0, 0);
    for _ in 0..RUNS {
        let (ours, theirs) = (gateway().await, recipe().await);
        refreshes = (theirs.refreshes, ours.refreshes);
        assert_eq!(ours.refreshes, 1);
        ratios.push(ours.rate / theirs.rate);
        recipes.push(theirs.rate);
        gateways.push(ours.rate);
    }
    let ideal = CALLERS as f64 / UPSTREAM.as_secs_f64();
    report(
        "gateway",
        "One expiry under 256 callers, 20 ms upstream, 4 calls each",
        &[
            ("a mutex held across the call", spread(recipes, "calls/s")),
            ("the gateway", spread(gateways, "calls/s")),
            ("ratio (goal: at least 200)", spread(ratios, "×")),
            ("no expiry and no cost at all", format!("{ideal:.0} calls/s")),
            ("refreshes: recipe, gateway", format!("{}, {}", refreshes.0, refreshes.1)),
        ],
    );
}
