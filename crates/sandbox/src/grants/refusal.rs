//! Why a grant is not honoured.

use jiff::Timestamp;

/// Why a code was not redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRefusal {
    /// Nobody issued it.
    Unknown,
    /// It was issued to another registration.
    OtherClient,
    /// It was sent to another address.
    OtherRedirect,
    /// It is too old.
    Expired,
    /// It was redeemed before.
    Spent,
    /// The verifier is missing or does not match.
    Verifier,
    /// The user's grants were revoked since.
    Revoked,
}

/// Why a refresh token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRefusal {
    /// Nobody issued it.
    Unknown,
    /// It was issued to another registration.
    OtherClient,
    /// It was not used for too long.
    Inactive {
        /// When it was issued.
        issued: Timestamp,
    },
    /// Its grant was revoked.
    Revoked {
        /// When it was issued.
        issued: Timestamp,
    },
    /// It was used before, under strict rotation; its grant is revoked now.
    Reused,
}
