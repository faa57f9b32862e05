//! What scrapers read: the one recorder of a process, and its upkeep.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use evergrant::measure::{self, Kind, Metric, Seconds};
use evergrant_server::measure::Scrape;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::compose::Parts;

/// How often what was measured is folded together. Until then every measurement takes room of its
/// own, and nobody may ever scrape.
const UPKEEP: Duration = Duration::from_secs(5);

/// A process has one recorder, however many servers a test starts in it.
static RECORDER: Mutex<Option<PrometheusHandle>> = Mutex::new(None);

/// Begins to measure; gives what the operators' listener answers with.
pub(crate) fn begin(parts: &Parts) -> anyhow::Result<Scrape> {
    let recorder = recorder()?;
    measure::begin(parts.vault.providers());
    measure::describe(evergrant_server::measure::TABLE);
    let (folding, clock) = (recorder.clone(), Arc::clone(&parts.clock));
    parts.tasks.spawn_loop(async move {
        loop {
            clock.sleep(UPKEEP).await;
            folding.run_upkeep();
        }
    });
    Ok(Arc::new(move || recorder.render()))
}

fn recorder() -> anyhow::Result<PrometheusHandle> {
    let mut installed = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let mut builder = PrometheusBuilder::new();
    for Metric { name, kind, .. } in measure::TABLE.iter().chain(evergrant_server::measure::TABLE) {
        if let Kind::Histogram(bounds) = kind {
            let bounds: Vec<_> = bounds.iter().copied().map(Seconds::get).collect();
            builder = builder.set_buckets_for_metric(Matcher::Full((*name).to_owned()), &bounds)?;
        }
    }
    let handle = builder.install_recorder().context("cannot begin to measure")?;
    *installed = Some(handle.clone());
    Ok(handle)
}
