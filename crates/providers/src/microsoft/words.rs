//! Microsoft's error numbers in words. `error` and `suberror` decide who must act; the numbers choose
//! the sentence, and decide only where the same `error` means two things (contract, section 2.12).

use std::time::Duration;

use evergrant::provider::{Actor, AuthError};

use crate::oauth2::OAuthError;

/// How long to leave Microsoft alone after it has seen the same request too often.
const LOOP_PAUSE: Duration = Duration::from_mins(5);

/// The failure a Microsoft error stands for; `None` where the standard error says enough.
pub(super) fn explain(error: &OAuthError, retry_after: Option<Duration>) -> Option<AuthError> {
    let number = *error.error_codes.first()?;
    let rejected = |code, actor, message| {
        (error.error == "invalid_grant" || error.error.ends_with("_required"))
            .then(|| AuthError::Rejected(error.failure(code, actor, message)))
    };
    let operator = |code, message| {
        Some(AuthError::Misconfigured(error.failure(code, Actor::Operator, message)))
    };
    match number {
        // Sent as `invalid_grant`, but the grant is good: we asked too often.
        50196 => Some(AuthError::Unavailable {
            failure: error.failure(
                "too_many_identical_requests",
                Actor::Nobody,
                "Microsoft has seen the same request too often and wants a pause. It will be asked again.",
            ),
            retry_after: Some(retry_after.unwrap_or(LOOP_PAUSE).max(LOOP_PAUSE)),
            sent: true,
        }),
        700_082 | 70008 => rejected(
            "grant_expired",
            Actor::User,
            "The connection was not used for too long and expired. Connect the account again.",
        ),
        50173 | 50132 | 50133 => rejected(
            "grant_revoked",
            Actor::User,
            "The account's sessions were revoked, often with a new password. Connect the account again.",
        ),
        65001 => rejected(
            "consent_missing",
            Actor::User,
            "The permissions were withdrawn or never granted. Connect the account again and grant them.",
        ),
        50076 | 50078 | 50079 | 50072 | 50074 => rejected(
            "mfa_required",
            Actor::User,
            "Microsoft now asks for a second factor. Connect the account again and complete it.",
        ),
        70043 | 70044 => rejected(
            "sign_in_frequency",
            Actor::User,
            "The organisation asks for a new sign-in from time to time. Connect the account again.",
        ),
        50034 | 500_341 => rejected(
            "account_gone",
            Actor::Administrator,
            "The account no longer exists in its organisation. Its administrator can restore it.",
        ),
        50057 => rejected(
            "account_disabled",
            Actor::Administrator,
            "The account is disabled. The organisation's administrator can enable it.",
        ),
        53003 | 53000 | 53001 | 530_032 | 530_034 | 530_035 => rejected(
            "blocked_by_policy",
            Actor::Administrator,
            "A policy of the organisation blocks this access. Its administrator can allow it.",
        ),
        7_000_222 => operator(
            "client_secret_expired",
            "The client secret has expired. The operator must create a new one and set MICROSOFT_CLIENT_SECRET; users stay connected.",
        ),
        7_000_215 => operator(
            "client_secret_wrong",
            "The client secret is wrong; often its id was copied instead of its value. The operator must set MICROSOFT_CLIENT_SECRET; users stay connected.",
        ),
        700_016 | 70001 => operator(
            "client_unknown",
            "Microsoft knows no application of this client id in this tenant. The operator must check MICROSOFT_CLIENT_ID and MICROSOFT_TENANT; users stay connected.",
        ),
        _ => None,
    }
}
