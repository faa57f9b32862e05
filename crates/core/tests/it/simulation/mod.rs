//! Random schedules over processes, database and provider, judged by the provider's ledger.
//!
//! A failing seed is named; `EVERGRANT_SEED=<seed> cargo test -p evergrant simulation` runs it alone.

mod judge;
mod play;

use crate::support::Rotation;
use play::Play;

/// How many seeds are run for each kind of provider.
const SEEDS: u64 = 700;
/// How many things happen under one seed.
const ACTIONS: usize = 60;

/// The bits that decide everything: a generator of the kind of `SeededEntropy`.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 16).expect("64 bits") % limit
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Names the seed that was running when a test panicked.
struct Named(Rotation, u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(rotation, seed) = self;
            eprintln!("{rotation:?} failed; replay it with EVERGRANT_SEED={seed}");
        }
    }
}

fn simulate(rotation: Rotation) {
    #[expect(clippy::disallowed_methods, reason = "replays one seed by hand")]
    let only = std::env::var("EVERGRANT_SEED").ok();
    let only = only.map(|seed| seed.parse().expect("a number"));
    let seeds = only.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let _named = Named(rotation, seed);
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().expect("a runtime");
        runtime.block_on(async {
            let mut play = Play::new(rotation, seed).await;
            for _ in 0..ACTIONS {
                play.act().await;
            }
            play.end_well().await;
        });
    }
}

#[test]
fn any_schedule_keeps_the_grants_of_a_strict_provider() {
    simulate(Rotation::Strict);
}

#[test]
fn any_schedule_keeps_the_grants_of_a_provider_that_revokes_nothing() {
    simulate(Rotation::NonRevoking);
}

#[test]
fn any_schedule_keeps_the_grants_of_a_provider_with_a_time_of_grace() {
    simulate(Rotation::Grace(30));
}

#[test]
fn any_schedule_keeps_the_grants_of_a_provider_that_never_rotates() {
    simulate(Rotation::Fixed);
}
