//! The main job before your eyes: real server, real redirects, played provider.

mod copy;
mod tour;

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use evergrant::clock::{later, until};
use evergrant::{Clock, Entropy, SystemClock};
use jiff::Timestamp;

use crate::commands::serve::{Played, start, stop_signal};
use crate::compose::{Ambient, Parts};
use crate::output::{Exit, Output};
use crate::settings::{Database, Encryption, Settings, Sync};
use tour::Tour;

/// In seconds: longer than any demo, whose clock leaps by days.
const A_YEAR: u32 = 365 * 24 * 60 * 60;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// End after the tour; the exit code says whether it went well
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(
    mut settings: Settings,
    output: Output,
    args: Args,
) -> anyhow::Result<ExitCode> {
    let clock = Arc::new(DemoClock::default());
    let ambient = Ambient { clock: clock.clone(), ..Ambient::default() };
    let entropy = Arc::clone(&ambient.entropy);
    let folder = Scratch::new(&*entropy)?;
    settings.database =
        Database { url: format!("sqlite:{}", folder.0.join("demo.db").display()).into() };
    settings.encryption = Encryption { keys: None, key_file: folder.0.join("demo.key") };
    settings.spool.dir = folder.0.join("demo.spool");
    settings.server.public_url = None;
    // The tour says when something is copied; each account is copied once as it is connected.
    settings.sync = Sync { interval_seconds: A_YEAR, ..Sync::default() };
    for address in
        [&mut settings.server.listen, &mut settings.admin.listen, &mut settings.sandbox.http]
    {
        *address = free(*address);
    }
    let http = settings.sandbox.http;
    let played = Played::new(&mut settings, http, None, clock.clone(), entropy)?;
    let parts = Parts::open(settings, ambient).await?;
    let stage = played.start(&parts);
    let address = start(&parts)?.api;
    let tour = Tour::new(&parts, stage, clock, address, output).await?;
    let passed = tokio::select! {
        passed = tour.walk() => passed?,
        // Stopped by hand: there is something to clean up.
        () = stop_signal() => false,
    };
    if passed && !args.once {
        tour.stay(output);
        stop_signal().await;
    }
    drop(tour);
    parts.finish().await;
    Ok(if passed { ExitCode::SUCCESS } else { Exit::Failed.into() })
}

/// A folder that only this user can look into; nothing of a demo is worth keeping.
struct Scratch(PathBuf);

impl Scratch {
    fn new(entropy: &dyn Entropy) -> std::io::Result<Self> {
        let name = u64::from_be_bytes(evergrant::entropy::random(entropy));
        let path = std::env::temp_dir().join(format!("evergrant-demo-{name:016x}"));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is in the system's own place for it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The address itself, or a free port if another program has it.
fn free(address: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}

/// The machine's clock, which the demo turns forward.
#[derive(Debug, Default)]
struct DemoClock {
    real: SystemClock,
    ahead_secs: AtomicU64,
}

impl DemoClock {
    fn advance(&self, by: Duration) {
        self.ahead_secs.fetch_add(by.as_secs(), Ordering::SeqCst);
    }

    fn ahead(&self) -> Duration {
        Duration::from_secs(self.ahead_secs.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        later(self.real.now(), self.ahead())
    }

    fn uptime(&self) -> Duration {
        self.real.uptime() + self.ahead()
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.real.sleep(until(self.now(), at)).await;
    }
}
