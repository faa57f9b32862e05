//! The failure dictionary: every refusal a provider meets, as data, with who acts and what they do.
//!
//! A table for what all providers share stands here, one for a vendor's own numbers in its folder.
//! Adapters look failures up, `docs/reference/failures.md` is written from the same rows.

use evergrant::provider::{Actor, Failure};

use crate::microsoft;

/// Who must act on a failure, and what becomes of the integration meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The user connects the account again.
    Reconnect,
    /// The user mends something at the provider; there is nothing to configure.
    User,
    /// The administrator of the user's organisation allows it.
    Administrator,
    /// Whoever runs this Evergrant corrects the registration.
    Operator,
    /// Nobody has to: it passes.
    Wait,
    /// Part of a sign-in: the user begins anew.
    Flow,
    /// A request of ours is malformed: the operator reports it.
    Report,
}

impl Class {
    /// Who can mend it.
    pub fn actor(self) -> Actor {
        match self {
            Self::Reconnect | Self::User | Self::Flow => Actor::User,
            Self::Administrator => Actor::Administrator,
            Self::Operator | Self::Report => Actor::Operator,
            Self::Wait => Actor::Nobody,
        }
    }

    /// What becomes of the integration.
    pub fn integration(self) -> &'static str {
        match self {
            Self::Reconnect | Self::User | Self::Administrator => "needs reconnect",
            Self::Operator | Self::Report => "stays connected; the registration pauses",
            Self::Wait => "stays connected",
            Self::Flow => "the sign-in ends; what was connected stays so",
        }
    }

    /// Whether and when the request is sent again.
    pub fn retry(self) -> &'static str {
        match self {
            Self::Reconnect | Self::User | Self::Administrator => "after a reconnect",
            Self::Operator | Self::Report => "by itself, when the registration is corrected",
            Self::Wait => "by itself, after the wait the provider asks for",
            Self::Flow => "by signing in anew",
        }
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Reconnect | Self::User | Self::Administrator => 3,
            Self::Wait => 4,
            Self::Operator | Self::Report => 5,
            Self::Flow => 1,
        }
    }
}

/// One row of the dictionary, for documentation and tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureRow {
    /// Who says it: `OAuth 2.0`, `transport`, `Evergrant` or a vendor.
    pub source: &'static str,
    /// How they say it: an error code, a number or a range of numbers.
    pub said: String,
    /// Its stable name here: [`Failure::code`].
    pub code: &'static str,
    /// Who must act.
    pub class: Class,
    /// What happened, in one plain sentence.
    pub message: &'static str,
    /// What the actor does next.
    pub remedy: &'static str,
}

/// The words for one failure.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) code: &'static str,
    pub(crate) class: Class,
    pub(crate) message: &'static str,
    pub(crate) remedy: &'static str,
}

impl Words {
    pub(crate) fn failure(&self) -> Failure {
        Failure::new(self.code, self.class.actor(), self.message).remedied_by(self.remedy)
    }
}

/// What an error code of the standards means.
#[derive(Debug)]
pub(crate) struct Standard {
    /// The values of `error` it stands for.
    pub(crate) errors: &'static [&'static str],
    pub(crate) words: Words,
}

/// What a vendor's numbers mean; each pair is a range with both ends.
#[derive(Debug)]
pub(crate) struct Numbered {
    pub(crate) numbers: &'static [(u64, u64)],
    /// Whether the number alone decides, whatever `error` came with it.
    pub(crate) decides: bool,
    pub(crate) words: Words,
}

impl Numbered {
    pub(crate) fn means(&self, number: u64) -> bool {
        self.numbers.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }
}

/// What never reached us, or cannot be read; not said by anybody but seen.
macro_rules! seen {
    ($($name:ident = $code:literal, $class:ident, $said:literal, $message:literal, $remedy:literal;)*) => {
        $(pub(crate) const $name: Words =
            Words { code: $code, class: Class::$class, message: $message, remedy: $remedy };)*
        const SEEN: &[(&str, &Words)] = &[$(($said, &$name)),*];
    };
}

seen! {
    UNRESOLVED = "provider_name_unresolved", Wait, "DNS",
        "The provider's host name cannot be resolved.",
        "It is tried again; if it lasts, the operator checks this machine's name resolution.";
    CONNECTION_REFUSED = "provider_connection_refused", Wait, "connection refused",
        "The provider's host refuses connections.",
        "It is tried again; if it lasts, the operator checks firewall and proxy.";
    TLS = "provider_tls_failed", Wait, "TLS",
        "No secure connection to the provider could be made.",
        "It is tried again; if it lasts, the operator checks the clock, the trusted roots and any proxy that opens TLS.";
    TIMEOUT = "provider_timeout", Wait, "timeout",
        "The provider did not answer in time.",
        "It is asked again.";
    LOST = "provider_connection_lost", Wait, "connection lost",
        "The connection to the provider broke before its answer was complete.",
        "It is asked again.";
    UNREACHABLE = "provider_unreachable", Wait, "no connection",
        "The provider cannot be reached.",
        "It is tried again; if it lasts, the operator checks this machine's network.";
    TOO_LARGE = "provider_answer_too_large", Wait, "an answer that is too long",
        "The provider's answer is longer than any answer should be.",
        "It is asked again; if it lasts, the operator checks what stands between this machine and the provider.";
    UNREADABLE = "provider_answer_unreadable", Wait, "an answer that is none",
        "The provider's answer cannot be understood.",
        "It is asked again; if it lasts, the operator checks what stands between this machine and the provider.";
    REDIRECTED = "provider_redirected", Wait, "a redirect",
        "The provider's token endpoint redirects elsewhere, which is never followed.",
        "It is asked again; if it lasts, the operator checks the endpoint's address and any proxy.";
    NO_REASON = "provider_unavailable", Wait, "an error without a reason",
        "The provider answered with an error and gave no reason.",
        "It is asked again.";
    THROTTLED = "provider_throttled", Wait, "429",
        "The provider has been asked too often and wants a pause.",
        "It is asked again after the pause.";
    TOKEN_TYPE = "token_type_unknown", Operator, "token_type",
        "The provider issued a token of a kind other than bearer.",
        "The operator checks the registration; only bearer tokens can be used.";
    ENDPOINT = "token_endpoint_invalid", Operator, "an address that cannot be called",
        "The configured address of the provider cannot be called.",
        "The operator corrects the address in the configuration.";
    INCOMPLETE = "registration_incomplete", Operator, "no credentials",
        "The registration at the provider is not complete.",
        "The operator sets the client id and a credential.";
    CLIENT_REFUSED = "client_credentials_refused", Operator, "every credential refused",
        "The provider refuses every credential of this registration.",
        "The operator creates a new credential at the provider and sets it; users stay connected.";
    NO_REFRESH = "no_refresh_token", Reconnect, "no refresh token",
        "This connection was made without a refresh token and cannot be renewed.",
        "Connect the account again.";
    ID_TOKEN = "id_token_invalid", Report, "an id token that proves nothing",
        "The provider's answer does not prove who signed in, so nothing was connected.",
        "Sign in again; if it lasts, the operator checks this machine's clock and the configured tenant or issuer.";
    NO_IDENTITY = "identity_missing", Report, "an answer without an account",
        "The provider did not say whose account this is, so nothing was connected.",
        "The operator checks where the declaration looks for the account's id.";
    KEYS = "provider_keys_unavailable", Wait, "keys that cannot be read",
        "The provider's published keys or description cannot be read.",
        "Start the sign-in again.";
    WRONG_EVIDENCE = "code_expected", Report, "another way of connecting",
        "This provider is not connected in this way.",
        "Start again and choose one of the ways that are offered.";
}

/// Failures that the core names; listed so that the reference is complete.
const CORE: &[(&str, Words)] = &[
    (
        "an answer lost on the way",
        Words {
            code: "lost_response",
            class: Class::Reconnect,
            message: "The provider's answer to the last refresh was lost, and it takes a second use of the token for theft.",
            remedy: "Connect the account again.",
        },
    ),
    (
        "another account",
        Words {
            code: "account_mismatch",
            class: Class::Flow,
            message: "Another account signed in than the one that was connected; the old connection stays.",
            remedy: "Sign in again with the account that is connected, or connect the other one anew.",
        },
    ),
    (
        "no such way",
        Words {
            code: "device_code_not_offered",
            class: Class::Flow,
            message: "This provider has no sign-in by device code.",
            remedy: "Sign in with a browser.",
        },
    ),
];

/// The errors of RFC 6749, 6750, 7009, 8628 and OpenID Connect Core.
pub(crate) const STANDARD: &[Standard] = &[
    standard(
        &["invalid_grant"],
        "grant_ended",
        Class::Reconnect,
        "The provider ended this connection.",
        "Connect the account again.",
    ),
    standard(
        &["interaction_required", "account_selection_required"],
        "interaction_required",
        Class::Reconnect,
        "The provider wants the user to take part in a sign-in again.",
        "Connect the account again and complete what the provider asks for.",
    ),
    standard(
        &["login_required"],
        "login_required",
        Class::Reconnect,
        "The provider wants the user to sign in again.",
        "Connect the account again.",
    ),
    standard(
        &["consent_required"],
        "consent_missing",
        Class::Reconnect,
        "The permissions were withdrawn or never granted.",
        "Connect the account again and grant the permissions.",
    ),
    standard(
        &["access_denied", "authorization_declined"],
        "consent_declined",
        Class::Flow,
        "The sign-in was cancelled or the permissions were declined.",
        "Start again and agree, if this was not meant.",
    ),
    standard(
        &["expired_token"],
        "device_code_expired",
        Class::Flow,
        "The code for signing in was not used in time.",
        "Start again to get a new code.",
    ),
    standard(
        &["bad_verification_code"],
        "device_code_wrong",
        Class::Flow,
        "The provider does not know this device code.",
        "Start again to get a new code.",
    ),
    standard(
        &["authorization_pending"],
        "sign_in_pending",
        Class::Wait,
        "The user has not signed in yet.",
        "Enter the code on the page that is shown with it.",
    ),
    standard(
        &["slow_down"],
        "sign_in_pending",
        Class::Wait,
        "The user has not signed in yet, and the provider was asked too fast.",
        "Enter the code on the page that is shown with it.",
    ),
    standard(
        &["invalid_client"],
        "client_refused",
        Class::Operator,
        "The provider refuses this application's client id or credential.",
        "The operator checks the client id and sets a valid credential; users stay connected.",
    ),
    standard(
        &["unauthorized_client"],
        "client_unauthorized",
        Class::Operator,
        "The provider does not let this application use this way of signing in.",
        "The operator corrects the application at the provider; users stay connected.",
    ),
    standard(
        &["unsupported_grant_type", "unsupported_response_type"],
        "grant_type_unsupported",
        Class::Operator,
        "The provider does not offer this way of signing in to the application.",
        "The operator enables it at the provider; users stay connected.",
    ),
    standard(
        &["invalid_request", "invalid_request_object", "invalid_request_uri"],
        "request_refused",
        Class::Report,
        "The provider refuses the request as malformed.",
        "The operator checks the settings of the registration and reports it if they are right; users stay connected.",
    ),
    standard(
        &["invalid_scope", "insufficient_scope"],
        "scope_refused",
        Class::Operator,
        "The provider does not offer one of the permissions to this application.",
        "The operator adds the permissions to the application at the provider; users stay connected.",
    ),
    standard(
        &["invalid_resource", "invalid_target"],
        "resource_refused",
        Class::Operator,
        "The provider does not know the service that access is asked to.",
        "The operator adds its permissions to the application at the provider; users stay connected.",
    ),
    standard(
        &["invalid_tenant", "invalid_instance"],
        "tenant_unknown",
        Class::Operator,
        "The provider does not know the configured organisation or host.",
        "The operator corrects the tenant or the address in the configuration; users stay connected.",
    ),
    standard(
        &["invalid_token"],
        "token_refused",
        Class::Wait,
        "The provider refuses the access token.",
        "A new one is fetched by itself.",
    ),
    standard(
        &["unsupported_token_type"],
        "revocation_unsupported",
        Class::Wait,
        "The provider cannot revoke a token of this kind.",
        "Remove the access on the provider's own page if it has to end at once.",
    ),
    standard(
        &["temporarily_unavailable", "server_error"],
        "provider_unavailable",
        Class::Wait,
        "The provider cannot answer at the moment.",
        "It is asked again.",
    ),
];

const fn standard(
    errors: &'static [&'static str],
    code: &'static str,
    class: Class,
    message: &'static str,
    remedy: &'static str,
) -> Standard {
    Standard { errors, words: Words { code, class, message, remedy } }
}

/// The words for an error code of the standards.
pub(crate) fn standard_words(error: &str) -> Option<&'static Words> {
    STANDARD.iter().find(|row| row.errors.contains(&error)).map(|row| &row.words)
}

/// The whole dictionary, sorted by source and by what is said.
pub fn failures() -> Vec<FailureRow> {
    let row = |source, said: String, words: &Words| FailureRow {
        source,
        said,
        code: words.code,
        class: words.class,
        message: words.message,
        remedy: words.remedy,
    };
    let mut rows: Vec<FailureRow> = STANDARD
        .iter()
        .flat_map(|s| s.errors.iter().map(|error| row("OAuth 2.0", (*error).to_owned(), &s.words)))
        .chain(SEEN.iter().map(|(said, words)| row("transport", (*said).to_owned(), words)))
        .chain(CORE.iter().map(|(said, words)| row("Evergrant", (*said).to_owned(), words)))
        .collect();
    // Numbers sort as numbers.
    let mut numbered: Vec<(u64, FailureRow)> = microsoft::numbers()
        .iter()
        .flat_map(|n| {
            n.numbers.iter().map(|&(first, last)| {
                let said =
                    if first == last { first.to_string() } else { format!("{first}–{last}") };
                (first, row("Microsoft", format!("AADSTS{said}"), &n.words))
            })
        })
        .collect();
    rows.sort();
    numbered.sort();
    rows.splice(0..0, numbered.into_iter().map(|(_, row)| row));
    rows.sort_by_key(|row| row.source);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_says_what_happened_and_what_to_do() {
        let rows = failures();
        assert!(rows.len() > 200, "{}", rows.len());
        for row in &rows {
            assert!(row.message.ends_with('.') && row.message.len() > 20, "{row:?}");
            assert!(row.remedy.ends_with('.') && row.remedy.len() > 10, "{row:?}");
            assert!(
                !row.code.is_empty()
                    && row.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{row:?}"
            );
            assert!(!row.message.contains("AADSTS"), "words, not numbers: {row:?}");
        }
    }

    #[test]
    fn nothing_is_said_twice_by_one_source_for_one_class() {
        let mut seen = std::collections::BTreeSet::new();
        for row in failures() {
            assert!(seen.insert((row.source, row.said.clone(), row.class)), "{row:?}");
        }
    }
}
