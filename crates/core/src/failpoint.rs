//! Named points at which a process can be made to stop, for tests of what survives that.
//!
//! Without the feature `failpoints` a point is nothing at all. With it, a point that was armed says so
//! on stderr and never goes on; the test then kills the process, as a power cut would.

use std::future::Future;

/// A point at which whatever is not durable is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailPoint {
    /// A refresh is about to write its intent.
    BeforeIntent,
    /// The intent is durable, and nothing was sent.
    AfterIntent,
    /// The request is on its way, or its answer.
    AfterSend,
    /// The answer has arrived and is nowhere but in memory.
    AfterAnswer,
    /// The answer is durable in the database and was not interpreted.
    AfterStage,
    /// The answer is durable in the spool, since the database is away.
    AfterSpool,
    /// The new grant is committed, and nobody was told.
    AfterCommit,
    /// An answer from the spool is committed, and still in the spool.
    AfterAdoption,
    /// The integration is gone, and its grant is not revoked at the provider.
    DuringDisconnect,
    /// The grant is revoked at the provider, and the debt still stands.
    DuringRevocation,
    /// The code was redeemed, and the grant is not stored.
    DuringCodeExchange,
    /// Some secrets are sealed with the new key, and one was just opened.
    DuringKeyRotation,
}

impl FailPoint {
    /// Every point.
    pub const ALL: [Self; 12] = [
        Self::BeforeIntent,
        Self::AfterIntent,
        Self::AfterSend,
        Self::AfterAnswer,
        Self::AfterStage,
        Self::AfterSpool,
        Self::AfterCommit,
        Self::AfterAdoption,
        Self::DuringDisconnect,
        Self::DuringRevocation,
        Self::DuringCodeExchange,
        Self::DuringKeyRotation,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeforeIntent => "before_intent",
            Self::AfterIntent => "after_intent",
            Self::AfterSend => "after_send",
            Self::AfterAnswer => "after_answer",
            Self::AfterStage => "after_stage",
            Self::AfterSpool => "after_spool",
            Self::AfterCommit => "after_commit",
            Self::AfterAdoption => "after_adoption",
            Self::DuringDisconnect => "during_disconnect",
            Self::DuringRevocation => "during_revocation",
            Self::DuringCodeExchange => "during_code_exchange",
            Self::DuringKeyRotation => "during_key_rotation",
        }
    }

    /// Lets `work` go on, and never gives its result if this point is armed.
    #[inline]
    pub(crate) async fn during<T>(self, work: impl Future<Output = T>) -> T {
        #[cfg(feature = "failpoints")]
        if armed::is(self.name()) {
            tokio::select! {
                () = self.pass() => {}
                _ = work => {}
            }
            return std::future::pending().await;
        }
        work.await
    }

    /// Stops here for ever if this point is armed.
    #[inline]
    #[cfg_attr(
        not(feature = "failpoints"),
        expect(clippy::unused_async, reason = "it waits only where points can be armed")
    )]
    pub(crate) async fn pass(self) {
        #[cfg(feature = "failpoints")]
        if armed::is(self.name()) {
            tracing::error!(point = self.name(), "fail point reached");
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the database is to be taken for away once the provider has answered; the word `storage`
/// arms it.
pub(crate) fn storage_is_away() -> bool {
    #[cfg(feature = "failpoints")]
    return armed::is("storage");
    #[cfg(not(feature = "failpoints"))]
    false
}

#[cfg(feature = "failpoints")]
pub use armed::arm;

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;

    static ARMED: OnceLock<Vec<String>> = OnceLock::new();

    /// Arms points by their names, separated by commas; once per process.
    pub fn arm(names: &str) {
        let names = names.split(',').map(|name| name.trim().to_owned()).collect();
        // A second call finds the first one's points armed.
        let _ = ARMED.set(names);
    }

    pub(super) fn is(name: &str) -> bool {
        ARMED.get().is_some_and(|armed| armed.iter().any(|armed| armed == name))
    }
}
