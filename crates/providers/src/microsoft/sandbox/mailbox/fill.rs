//! Many messages at once, for whoever wants to see a big mailbox.

use jiff::{SignedDuration, Timestamp};

use super::Mailbox;
use super::seed::Seeded;

impl Mailbox {
    /// Puts `count` messages into a folder, with bodies of `size` bytes, received one second after
    /// the other until `now`. Like those of the seed they are written down when somebody looks.
    pub(in super::super) fn fill(
        &mut self,
        folder: u64,
        count: u32,
        size: usize,
        seed: u64,
        now: Timestamp,
    ) {
        let newest = Timestamp::from_second(now.as_second()).unwrap_or(now);
        for back in (0..count).rev() {
            let received = newest - SignedDuration::from_secs(i64::from(back));
            // No other message of the mailbox has this change.
            let (seeded, is_read) = Seeded::filler(self, seed, FIRST + self.change, size);
            self.add_seeded(folder, seeded, received, is_read, Vec::new());
        }
        self.touch_folder(Some(folder));
    }
}

/// Older than everything that the seed itself makes.
const FIRST: u64 = 1_000_000;
