//! Where a provider's answer waits while the database is away: files that survive this process.
//!
//! A refresh token that rotates lives in exactly one place once the provider has answered: in that
//! answer. Where the database cannot keep it, the spool does, encrypted and synced to disk before
//! anybody interprets it.
//!
//! Every process has a folder of its own, named after its [`HolderId`] and locked for as long as it
//! lives. A folder whose lock can be taken is a dead process's: whoever finds it ends the force of its
//! intents, takes over its answers, and removes it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;

use async_trait::async_trait;

use crate::seal::Sealed;
use crate::{AttemptId, Clock, Entropy, HolderId};

/// Keeps sealed answers durable outside the database.
#[async_trait]
pub trait Spool: Send + Sync + 'static {
    /// Who this process is.
    fn holder(&self) -> HolderId;

    /// Keeps an answer; it is durable when this returns.
    async fn put(&self, attempt: AttemptId, answer: &Sealed) -> io::Result<()>;

    /// The answers that are here.
    async fn answers(&self) -> io::Result<Vec<(AttemptId, Sealed)>>;

    /// Forgets an answer.
    async fn remove(&self, attempt: AttemptId) -> io::Result<()>;

    /// The processes that died and were not [buried](Self::bury).
    async fn dead(&self) -> io::Result<Vec<HolderId>>;

    /// Takes over what a dead process left, once its intents have lost their force.
    async fn bury(&self, holder: HolderId) -> io::Result<()>;
}

/// A spool in a folder.
#[derive(Debug)]
pub struct DirSpool {
    root: PathBuf,
    holder: HolderId,
    /// Locked as long as this process lives.
    _lock: File,
    /// The folders of dead processes, held so that no other process takes them.
    dead: Mutex<Vec<(HolderId, File)>>,
}

const LOCK: &str = "lock";
const ANSWER: &str = "answer";

impl DirSpool {
    /// A spool in `root`, which is made for its owner alone if it is missing.
    pub fn open(root: &Path, clock: &dyn Clock, entropy: &dyn Entropy) -> io::Result<Self> {
        let holder = HolderId::new(clock, entropy);
        // Complete before it has its name: a folder without a locked lock is a dead process's.
        let draft = root.join(format!("new-{holder}"));
        make_private(&draft)?;
        let lock = File::create(draft.join(LOCK))?;
        lock.lock()?;
        fs::rename(&draft, root.join(holder.to_string()))?;
        let root = root.to_owned();
        Ok(Self { root, holder, _lock: lock, dead: Mutex::default() })
    }

    /// How many answers of all processes, the living and the dead, wait in `root`.
    pub fn waiting(root: &Path) -> io::Result<usize> {
        let mut waiting = 0;
        for folder in fs::read_dir(root)? {
            match fs::read_dir(folder?.path()) {
                Ok(entries) => {
                    let answer = |entry: &io::Result<fs::DirEntry>| {
                        entry.as_ref().is_ok_and(|entry| attempt_of(&entry.path()).is_some())
                    };
                    waiting += entries.filter(answer).count();
                }
                // Its process has just ended, or it is no folder.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(waiting)
    }

    fn own(&self) -> PathBuf {
        self.root.join(self.holder.to_string())
    }

    fn write(&self, attempt: AttemptId, answer: &Sealed) -> io::Result<()> {
        let folder = self.own();
        let (draft, done) = (folder.join(format!("{attempt}.new")), file_of(&folder, attempt));
        let mut file = File::create(&draft)?;
        file.write_all(answer.clone().into_text().expose().as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &done)?;
        // The names are durable only with their folders.
        File::open(&folder)?.sync_all()?;
        File::open(&self.root)?.sync_all()
    }

    fn read(&self) -> io::Result<Vec<(AttemptId, Sealed)>> {
        let mut answers = Vec::new();
        for entry in fs::read_dir(self.own())? {
            let path = entry?.path();
            let Some(attempt) = attempt_of(&path) else { continue };
            match Sealed::from_text(&fs::read_to_string(&path)?) {
                Some(sealed) => answers.push((attempt, sealed)),
                None => {
                    tracing::error!(path = %path.display(), "a spooled answer is torn: ignored");
                }
            }
        }
        Ok(answers)
    }

    fn find_dead(&self) -> io::Result<Vec<HolderId>> {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Ok(holder) = name.parse::<HolderId>() else { continue };
            if holder == self.holder || dead.iter().any(|(known, _)| *known == holder) {
                continue;
            }
            // Another process may remove it at this moment; then there is nothing to take over.
            let Ok(lock) = File::open(path.join(LOCK)) else { continue };
            if lock.try_lock().is_ok() {
                dead.push((holder, lock));
            }
        }
        Ok(dead.iter().map(|(holder, _)| *holder).collect())
    }

    fn take_over(&self, holder: HolderId) -> io::Result<()> {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = dead.iter().position(|(known, _)| *known == holder) else {
            return Ok(());
        };
        let (theirs, ours) = (self.root.join(holder.to_string()), self.own());
        for entry in fs::read_dir(&theirs)? {
            let path = entry?.path();
            if let Some(attempt) = attempt_of(&path) {
                fs::rename(&path, file_of(&ours, attempt))?;
            }
        }
        File::open(&ours)?.sync_all()?;
        fs::remove_dir_all(&theirs)?;
        dead.remove(at);
        Ok(())
    }
}

impl Drop for DirSpool {
    fn drop(&mut self) {
        // What is not empty stays for the next process.
        let folder = self.own();
        if self.read().is_ok_and(|answers| answers.is_empty()) {
            let _ = fs::remove_dir_all(folder);
            // Nor does a command leave an empty folder wherever it was run.
            let _ = fs::remove_dir(&self.root);
        }
    }
}

#[async_trait]
impl Spool for DirSpool {
    fn holder(&self) -> HolderId {
        self.holder
    }

    // Blocking on purpose, each of them: a few small files, and an answer in hand that must not
    // wait behind other work.
    async fn put(&self, attempt: AttemptId, answer: &Sealed) -> io::Result<()> {
        self.write(attempt, answer)
    }

    async fn answers(&self) -> io::Result<Vec<(AttemptId, Sealed)>> {
        self.read()
    }

    async fn remove(&self, attempt: AttemptId) -> io::Result<()> {
        match fs::remove_file(file_of(&self.own(), attempt)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    async fn dead(&self) -> io::Result<Vec<HolderId>> {
        self.find_dead()
    }

    async fn bury(&self, holder: HolderId) -> io::Result<()> {
        self.take_over(holder)
    }
}

fn file_of(folder: &Path, attempt: AttemptId) -> PathBuf {
    folder.join(format!("{attempt}.{ANSWER}"))
}

fn attempt_of(path: &Path) -> Option<AttemptId> {
    path.extension().filter(|extension| *extension == ANSWER)?;
    path.file_stem()?.to_str()?.parse().ok()
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
