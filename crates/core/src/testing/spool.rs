//! A spool in memory, which can be full.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::seal::Sealed;
use crate::spool::Spool;
use crate::{AttemptId, Clock, Entropy, HolderId};

/// The disk of one machine: what is on it survives the processes.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<HolderId, BTreeMap<AttemptId, Sealed>>>>,
    dead: Arc<Mutex<Vec<HolderId>>>,
    full: Arc<AtomicBool>,
}

/// One process's spool on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemorySpool {
    disk: MemoryDisk,
    holder: HolderId,
}

impl MemoryDisk {
    /// The spool of a process that starts now.
    pub fn spool(&self, clock: &dyn Clock, entropy: &dyn Entropy) -> MemorySpool {
        MemorySpool { disk: self.clone(), holder: HolderId::new(clock, entropy) }
    }

    /// Says that a process has died.
    pub fn died(&self, holder: HolderId) {
        self.dead.lock().unwrap_or_else(PoisonError::into_inner).push(holder);
    }

    /// From now on nothing can be written, or again.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// The answers of all processes.
    pub fn answers(&self) -> Vec<(AttemptId, Sealed)> {
        self.look(|files| files.values().flat_map(Clone::clone).collect())
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.look(|files| files.values().map(BTreeMap::len).sum())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn look<T>(
        &self,
        f: impl FnOnce(&mut BTreeMap<HolderId, BTreeMap<AttemptId, Sealed>>) -> T,
    ) -> T {
        f(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Spool for MemorySpool {
    fn holder(&self) -> HolderId {
        self.holder
    }

    async fn put(&self, attempt: AttemptId, answer: &Sealed) -> io::Result<()> {
        if self.disk.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.look(|files| {
            files.entry(self.holder).or_default().insert(attempt, answer.clone());
        });
        Ok(())
    }

    async fn answers(&self) -> io::Result<Vec<(AttemptId, Sealed)>> {
        let own = self.disk.look(|files| files.get(&self.holder).cloned().unwrap_or_default());
        Ok(own.into_iter().collect())
    }

    async fn remove(&self, attempt: AttemptId) -> io::Result<()> {
        self.disk.look(|files| {
            files.entry(self.holder).or_default().remove(&attempt);
        });
        Ok(())
    }

    async fn dead(&self) -> io::Result<Vec<HolderId>> {
        Ok(self.disk.dead.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn bury(&self, holder: HolderId) -> io::Result<()> {
        self.disk.look(|files| {
            let theirs = files.remove(&holder).unwrap_or_default();
            files.entry(self.holder).or_default().extend(theirs);
        });
        let mut dead = self.disk.dead.lock().unwrap_or_else(PoisonError::into_inner);
        dead.retain(|known| *known != holder);
        Ok(())
    }
}
