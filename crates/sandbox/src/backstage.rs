//! What acts share: the stage's clock, its ids and secrets, and the ledger.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::clock::later;
use evergrant::entropy::random;
use evergrant::{Clock, Entropy, Request, Response, Tasks, TransportError};
use jiff::Timestamp;
use uuid::Uuid;

use crate::faults::Faults;
use crate::{Courier, Failure, Ledger, Scene};

/// How a stage is set up.
#[derive(Clone)]
pub struct StageConfig {
    /// Ids and lifetimes repeat with the seed.
    pub seed: u64,
    /// Refresh tokens are good once, and reuse revokes the whole grant.
    pub strict_rotation: bool,
    /// The lifetime of every access token, instead of the vendor's.
    pub access_ttl: Option<Duration>,
    /// The time that the stage's own time is an offset of.
    pub clock: Arc<dyn Clock>,
    /// Where codes and tokens come from. They are not seeded: a second sandbox must not accept
    /// what the first one issued.
    pub entropy: Arc<dyn Entropy>,
    /// What carries notifications to whoever subscribed.
    pub courier: Courier,
}

impl fmt::Debug for StageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StageConfig")
            .field("seed", &self.seed)
            .field("strict_rotation", &self.strict_rotation)
            .field("access_ttl", &self.access_ttl)
            .finish_non_exhaustive()
    }
}

/// The handle by which acts reach the stage's clock, ids and ledger.
#[derive(Debug, Clone)]
pub struct Backstage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: StageConfig,
    turn: Mutex<Turn>,
    ledger: Ledger,
    faults: Faults,
    tasks: Tasks,
}

/// What a reset makes new.
#[derive(Debug)]
struct Turn {
    seed: u64,
    dice: Dice,
    ahead: Duration,
    access_ttl: Option<Duration>,
}

impl Backstage {
    /// The backstage of a new stage.
    pub fn new(config: StageConfig) -> Self {
        let turn = Turn::new(config.seed, config.access_ttl);
        let turn = Mutex::new(turn);
        let (ledger, faults, tasks) = (Ledger::default(), Faults::default(), Tasks::default());
        Self(Arc::new(Inner { config, turn, ledger, faults, tasks }))
    }

    /// The time on the stage.
    pub fn now(&self) -> Timestamp {
        let ahead = self.turn(|turn| turn.ahead);
        later(self.0.config.clock.now(), ahead)
    }

    /// Moves the stage's time forward.
    pub fn advance(&self, by: Duration) {
        self.turn(|turn| turn.ahead = turn.ahead.saturating_add(by));
    }

    /// The seed of the present world.
    pub fn seed(&self) -> u64 {
        self.turn(|turn| turn.seed)
    }

    /// A new id that repeats with the seed.
    pub fn guid(&self) -> Uuid {
        self.turn(|turn| {
            let bits = (u128::from(turn.dice.roll()) << 64) | u128::from(turn.dice.roll());
            uuid::Builder::from_u128(bits).with_version(uuid::Version::Random).into_uuid()
        })
    }

    /// A number of seconds within the bounds that repeats with the seed.
    pub fn seconds_between(&self, least: u64, most: u64) -> Duration {
        let span = most.saturating_sub(least).saturating_add(1);
        self.turn(|turn| Duration::from_secs(least + turn.dice.roll() % span))
    }

    /// A text that nobody can guess, for codes and tokens.
    pub fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(random::<48>(self.0.config.entropy.as_ref()))
    }

    /// Bytes that nobody can guess, for keys.
    pub fn key<const N: usize>(&self) -> [u8; N] {
        random::<N>(self.0.config.entropy.as_ref())
    }

    /// Sends a request of the act's own by the stage's courier, and waits for the answer as long as `patience`
    /// on the base clock; `None` is that it did not come in time.
    pub async fn post(
        &self,
        request: Request,
        patience: Duration,
    ) -> Option<Result<Response, TransportError>> {
        tokio::select! {
            biased;
            answer = self.0.config.courier.send(request) => Some(answer),
            () = self.delay(patience) => None,
        }
    }

    /// Starts work that goes on when the request is answered.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn_loop(work);
    }

    /// What was asked for and handed out.
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The answer that is scripted for a request within another one, such as an item of a batch. The
    /// stage sees only whole requests: whoever takes one apart asks here for each part.
    pub fn strike_part(&self, scene: &Scene, part: &Request) -> Option<Failure> {
        let failure = self.0.faults.strike_part(scene, part)?;
        self.0.ledger.part_struck();
        Some(failure)
    }

    /// The faults that are still to come.
    pub(crate) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Whether refresh tokens are good only once.
    pub fn strict_rotation(&self) -> bool {
        self.0.config.strict_rotation
    }

    /// The lifetime that access tokens shall have instead of the vendor's.
    pub fn access_ttl(&self) -> Option<Duration> {
        self.turn(|turn| turn.access_ttl)
    }

    /// Gives access tokens another lifetime from now on; `None` is the vendor's.
    pub fn set_access_ttl(&self, ttl: Option<Duration>) {
        self.turn(|turn| turn.access_ttl = ttl);
    }

    /// Waits on the base clock: a delayed answer is late for the client, whatever the stage's time.
    pub async fn delay(&self, wait: Duration) {
        self.0.config.clock.sleep(wait).await;
    }

    pub(crate) fn base_now(&self) -> Timestamp {
        self.0.config.clock.now()
    }

    pub(crate) fn reset(&self, seed: u64) {
        self.turn(|turn| *turn = Turn::new(seed, self.0.config.access_ttl));
        self.0.ledger.clear();
        self.0.faults.clear();
    }

    fn turn<T>(&self, look: impl FnOnce(&mut Turn) -> T) -> T {
        look(&mut self.0.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Turn {
    fn new(seed: u64, access_ttl: Option<Duration>) -> Self {
        Self { seed, dice: Dice(seed), ahead: Duration::ZERO, access_ttl }
    }
}

/// `SplitMix64`: enough for ids and lifetimes, and the same on every machine.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }
}
