//! Doubles of the ambient ports, for tests of this workspace and of its users.

mod clock;
mod entropy;
mod memory_store;
mod spool;

pub use clock::TestClock;
pub use entropy::SeededEntropy;
pub use memory_store::{HeldItem, MemoryStore, Told, ToldKind};
pub use spool::{MemoryDisk, MemorySpool};
