//! Randomness as a parameter.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// A source of random bytes that nobody can guess.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `buf` with random bytes.
    fn fill(&self, buf: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Default)]
pub struct SystemEntropy(SystemRandom);

impl Entropy for SystemEntropy {
    /// # Panics
    /// When the operating system has no random bytes: nothing safe can be done without them.
    fn fill(&self, buf: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "going on with guessable secrets would be worse")]
        self.0.fill(buf).expect("the system's random generator");
    }
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
