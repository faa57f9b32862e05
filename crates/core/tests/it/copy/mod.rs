//! Random histories of an account that is copied while everything fails, judged by what is at the
//! provider in the end, and by what was told on the way.
//!
//! A failing seed is named; `EVERGRANT_SEED=<seed> cargo test -p evergrant copy` runs it alone.

mod items;
mod judge;
mod line;
mod play;
mod pull;
mod site;

use crate::simulation::Chance;
use play::Play;

/// How many histories there are.
const SEEDS: u64 = 20_000;
/// How many things happen in one.
const ACTIONS: usize = 50;

/// Names the seed that was running when a test panicked.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay it with EVERGRANT_SEED={}", self.0);
        }
    }
}

#[test]
fn any_history_ends_in_a_right_copy_and_nobody_is_told_wrong() {
    #[expect(clippy::disallowed_methods, reason = "replays one seed by hand")]
    let only = std::env::var("EVERGRANT_SEED").ok();
    let only = only.map(|seed| seed.parse().expect("a number"));
    let seeds = only.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().expect("a runtime");
    for seed in seeds {
        let _named = Named(seed);
        runtime.block_on(async {
            let mut play = Play::new(Chance::new(seed)).await;
            for _ in 0..ACTIONS {
                play.act().await;
            }
            play.end_well().await;
        });
    }
}
