//! How far a copy is: bars on a terminal, a line for every thousand elsewhere, nothing for programs.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use evergrant::feed::FeedKind;
use evergrant::store::{FeedStatus, FeedStatusState};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output::Output;

/// How many items are worth a line where there is no terminal.
const STEP: u64 = 1_000;
/// Of a feed whose size is known, and of one whose is not.
const KNOWN: &str = "{prefix:8} {wide_bar} {human_pos}/{human_len} {msg}";
const UNKNOWN: &str = "{prefix:8} {spinner} {human_pos} {msg}";

/// Shows progress on stderr: stdout is the result's.
pub(super) enum Progress {
    Bars { all: MultiProgress, bars: BTreeMap<FeedKind, ProgressBar> },
    Lines { output: Output, told: BTreeMap<FeedKind, u64> },
    Silent,
}

impl Progress {
    pub(super) fn new(output: Output) -> Self {
        if output.json {
            Self::Silent
        } else if std::io::stderr().is_terminal() {
            Self::Bars { all: MultiProgress::new(), bars: BTreeMap::new() }
        } else {
            Self::Lines { output, told: BTreeMap::new() }
        }
    }

    pub(super) fn show(&mut self, feeds: &[FeedStatus]) {
        match self {
            Self::Silent => {}
            Self::Bars { all, bars } => {
                for feed in feeds {
                    let bar = bars.entry(feed.feed).or_insert_with(|| {
                        all.add(ProgressBar::no_length().with_prefix(feed.feed.name()))
                    });
                    draw(bar, feed);
                }
            }
            Self::Lines { output, told } => {
                for feed in feeds {
                    let told = told.entry(feed.feed).or_default();
                    if feed.seen / STEP > *told {
                        *told = feed.seen / STEP;
                        output.note(&words(feed));
                    }
                }
            }
        }
    }

    /// Leaves the terminal as it was: the result says it all.
    pub(super) fn end(&mut self) {
        if let Self::Bars { all, .. } = self {
            // A terminal that has gone needs no cleaning.
            let _ = all.clear();
        }
    }
}

fn draw(bar: &ProgressBar, feed: &FeedStatus) {
    let known = feed.expected.filter(|expected| *expected >= feed.seen);
    let template = if known.is_some() { KNOWN } else { UNKNOWN };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    match known {
        Some(expected) => bar.set_length(expected),
        None => bar.unset_length(),
    }
    bar.set_position(feed.seen);
    bar.set_message(state(feed.state));
    bar.tick();
}

fn words(feed: &FeedStatus) -> String {
    match feed.expected.filter(|expected| *expected >= feed.seen) {
        Some(expected) => format!("{}: {} of {expected} so far", feed.feed, feed.seen),
        None => format!("{}: {} so far", feed.feed, feed.seen),
    }
}

fn state(state: FeedStatusState) -> &'static str {
    match state {
        FeedStatusState::Idle => "done",
        FeedStatusState::Queued => "queued",
        FeedStatusState::Running => "running",
        FeedStatusState::Waiting => "waiting",
        FeedStatusState::Stopped => "stopped",
    }
}
