//! The tables that all providers share: what the standards say, what is seen on the wire, and what the
//! core names itself.

use super::{Class, Standard, Words};

/// What never reached us, or cannot be read; not said by anybody but seen.
macro_rules! seen {
    ($($name:ident = $code:literal, $class:ident, $said:literal, $message:literal, $remedy:literal;)*) => {
        $(pub(crate) const $name: Words =
            Words { code: $code, class: Class::$class, message: $message, remedy: $remedy };)*
        pub(super) const SEEN: &[(&str, &Words)] = &[$(($said, &$name)),*];
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
    ID_TOKEN = "id_token_invalid", Flow, "an id token that proves nothing",
        "The provider's answer does not prove who signed in, so nothing was connected.",
        "Sign in again; if it lasts, the operator checks this machine's clock and the configured tenant or issuer.";
    NO_IDENTITY = "identity_missing", Setup, "an answer without an account",
        "The provider did not say whose account this is, so nothing was connected.",
        "The operator checks where the declaration looks for the account's id.";
    KEYS = "provider_keys_unavailable", Wait, "keys that cannot be read",
        "The provider's published keys or description cannot be read.",
        "It is tried again; a sign-in begins anew.";
    WRONG_EVIDENCE = "code_expected", Flow, "another way of connecting",
        "This provider is not connected in this way.",
        "Start again and choose one of the ways that are offered.";
}

/// Failures that the core names; listed so that the reference is complete.
pub(super) const CORE: &[(&str, Words)] = &[
    (
        "an answer lost on the way",
        Words {
            code: "lost_response",
            class: Class::Reconnect,
            message: "The provider's answer to a refresh was lost on its way here, and it does not give its refresh tokens twice.",
            remedy: "Connect the account again; nothing was wrong with it.",
        },
    ),
    (
        "an outcome that is not known",
        Words {
            code: "outcome_unknown",
            class: Class::Wait,
            message: "The answer to a refresh was lost, and this provider must not be asked again too soon.",
            remedy: "It is asked again when the token in hand has ended.",
        },
    ),
    (
        "another account",
        Words {
            code: "account_mismatch",
            class: Class::Flow,
            message: "Another account signed in than the one that was connected; the old connection stays.",
            remedy: "Sign in with the account the integration belongs to, or connect the other one as a new integration.",
        },
    ),
    (
        "many ends at once",
        Words {
            code: "mass_rejection",
            class: Class::Operator,
            message: "The provider refuses most grants of the registration at once.",
            remedy: "The operator checks the registration at the provider: its client id, its permissions, and whether it was deleted and made anew; users stay connected.",
        },
    ),
    (
        "a sign-in without a refresh token",
        Words {
            code: "refresh_token_missing",
            class: Class::Setup,
            message: "The provider issued no refresh token, so nothing was connected: it would have ended within the hour.",
            remedy: "The operator lets the registration have offline access; then the user signs in again.",
        },
    ),
    (
        "no such way",
        Words {
            code: "not_offered",
            class: Class::Flow,
            message: "The provider cannot be connected in this way.",
            remedy: "Choose another way to connect, or another provider.",
        },
    ),
    (
        "no such provider",
        Words {
            code: "provider_not_configured",
            class: Class::Operator,
            message: "The provider of this connection is no longer configured.",
            remedy: "The operator puts its section back into the configuration; users stay connected.",
        },
    ),
    (
        "a refresh that takes long",
        Words {
            code: "refresh_slow",
            class: Class::Wait,
            message: "The refresh takes longer than a caller can wait; it goes on in the background.",
            remedy: "Ask again in a moment.",
        },
    ),
    (
        "a refresh that was interrupted",
        Words {
            code: "refresh_interrupted",
            class: Class::Wait,
            message: "The refresh was interrupted; the next call starts another.",
            remedy: "Ask again in a moment.",
        },
    ),
    (
        "a sign-in that was declined",
        Words {
            code: "access_denied",
            class: Class::Flow,
            message: "The sign-in was cancelled or the permissions were declined.",
            remedy: "Start again and agree, if this was not meant.",
        },
    ),
    (
        "a sign-in that failed",
        Words {
            code: "sign_in_failed",
            class: Class::Flow,
            message: "The provider ended the sign-in with an error.",
            remedy: "Start again; if it lasts, the operator looks at the provider's own code.",
        },
    ),
];

/// The errors of RFC 6749, 6750, 7009, 8628 and OpenID Connect Core.
pub(super) const STANDARD: &[Standard] = &[
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
        "The user has not signed in on the other device yet.",
        "Enter the code on the page that is shown with it.",
    ),
    standard(
        &["slow_down"],
        "sign_in_pending",
        Class::Wait,
        "The user has not signed in on the other device yet.",
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
