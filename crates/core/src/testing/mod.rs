//! Doubles of the ambient ports, for tests of this workspace and of its users.

mod clock;
mod entropy;

pub use clock::TestClock;
pub use entropy::SeededEntropy;
