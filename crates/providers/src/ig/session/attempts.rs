//! How often somebody may try to sign in with one name.
//!
//! IG locks a login after a few wrong passwords, whoever sent them. This process forgets them when it
//! ends, and knows nothing of what others sent: it keeps a loop away, and guards no login for sure.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use evergrant::Secret;
use evergrant::clock::{later, until};
use jiff::Timestamp;

/// How many sign-ins with one name may be refused.
const MOST: usize = 3;
/// Within how long.
const WITHIN: Duration = Duration::from_mins(15);

/// The sign-ins by form that were refused lately, or are under way.
#[derive(Debug, Default)]
pub(in crate::ig) struct Attempts(Mutex<HashMap<Name, Vec<Timestamp>>>);

/// The digest of a name: nobody's name stays in memory.
type Name = [u8; 32];

impl Attempts {
    /// Takes one, or says until when there is none.
    pub(super) fn begin(&self, identifier: &Secret, now: Timestamp) -> Result<(), Timestamp> {
        self.with(|attempts| {
            attempts.retain(|_, taken| {
                // Nor does one count that lies ahead of a clock that was set back.
                taken.retain(|at| until(*at, now) < WITHIN && until(now, *at) < WITHIN);
                !taken.is_empty()
            });
            let taken = attempts.entry(name(identifier)).or_default();
            match taken.iter().rev().nth(MOST - 1) {
                Some(first) => Err(later(*first, WITHIN)),
                None => {
                    taken.push(now);
                    Ok(())
                }
            }
        })
    }

    /// Gives back one that was not refused.
    pub(super) fn give_back(&self, identifier: &Secret, began: Timestamp) {
        self.with(|attempts| {
            let Some(taken) = attempts.get_mut(&name(identifier)) else { return };
            if let Some(one) = taken.iter().position(|at| *at == began) {
                taken.remove(one);
            }
        });
    }

    /// Forgets those of a name: the password was right.
    pub(super) fn forget(&self, identifier: &Secret) {
        self.with(|attempts| attempts.remove(&name(identifier)));
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<Name, Vec<Timestamp>>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn name(identifier: &Secret) -> Name {
    // IG may not tell them apart by their case.
    let folded = identifier.expose().to_ascii_lowercase();
    let mut name = [0; 32];
    name.copy_from_slice(digest::digest(&digest::SHA256, folded.as_bytes()).as_ref());
    name
}
