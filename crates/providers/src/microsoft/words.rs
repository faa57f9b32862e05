//! Microsoft's error numbers in words (contract, section 2.12): data, and nothing but data.
//!
//! `error` and `suberror` decide who must act; the numbers choose the sentence, and decide only where
//! the same `error` means two things. A number that stands in two rows means one or the other, by
//! the class that its `error` has.

use crate::dictionary::Class::{
    self, Administrator, Flow, Operator, Reconnect, Report, User, Wait,
};
use crate::dictionary::{Numbered, Words};

const AGAIN: &str = "Connect the account again.";
const ANEW: &str = "Start the sign-in again.";
const REPORT: &str =
    "The operator reports it to the developers with the provider's ids; users stay connected.";

/// A number that decides even against `error`.
const fn decides(row: Numbered) -> Numbered {
    Numbered { decides: true, ..row }
}

const fn row(
    numbers: &'static [(u64, u64)],
    code: &'static str,
    class: Class,
    message: &'static str,
    remedy: &'static str,
) -> Numbered {
    Numbered { numbers, decides: false, words: Words { code, class, message, remedy } }
}

/// Every number of the contract.
pub(super) const NUMBERS: &[Numbered] = &[
    // Sign-in.
    row(&[(16000, 16000)], "account_not_usable", Reconnect, "The chosen account or session cannot be used for this application or organisation.", "Connect again and choose another account."),
    row(&[(16003, 16003), (50020, 50020), (90072, 90072)], "account_not_in_tenant", Reconnect, "The account does not belong to the organisation that was asked for.", "Connect an account of the organisation, or have its administrator invite this one as a guest."),
    row(&[(17003, 17003), (135_010, 135_010)], "credential_key_missing", Reconnect, "The key of the device or of Windows Hello was not found.", "Connect the account again; if it lasts, the organisation's administrator checks the device."),
    row(&[(50014, 50014)], "invitation_pending", Reconnect, "The invitation to the organisation has not been accepted yet.", "Accept the invitation, then connect the account again."),
    row(&[(50034, 50034), (500_341, 500_341), (51004, 51004), (51005, 51005)], "account_gone", Reconnect, "The account no longer exists in its organisation.", "Connect another account, or ask the organisation's administrator to restore this one."),
    row(&[(50053, 50053)], "account_locked", User, "The account is locked after too many attempts, or the sign-in came from a suspicious address.", "Wait or reset the password, then connect the account again."),
    row(&[(50055, 50055), (50144, 50144)], "password_expired", Reconnect, "The account's password has expired.", "Change the password at Microsoft, then connect the account again."),
    row(&[(50056, 50056)], "password_missing", Reconnect, "The account has no password in its organisation.", "Reset the password at Microsoft, then connect the account again."),
    row(&[(50057, 50057)], "account_disabled", Administrator, "The account is disabled.", "The organisation's administrator can enable it; then connect the account again."),
    row(&[(50058, 50058)], "session_missing", Flow, "Nobody was signed in at Microsoft.", "Start the sign-in again and sign in."),
    row(&[(50085, 50085)], "social_sign_in_needed", Reconnect, "The account's own identity provider wants a sign-in.", AGAIN),
    row(&[(50089, 50089)], "sign_in_expired", Flow, "The sign-in took too long.", ANEW),
    row(&[(50105, 50105)], "not_assigned", Administrator, "The user is not assigned to this application.", "The organisation's administrator assigns the user to the application; then connect again."),
    row(&[(50126, 50126)], "password_wrong", User, "The user name or the password is wrong.", "Connect again and enter the right one."),
    row(&[(50132, 50132), (50133, 50133)], "session_ended", Reconnect, "The session ended because the password was changed or expired.", AGAIN),
    row(&[(50140, 50140), (50199, 50199)], "sign_in_interrupted", Flow, "The sign-in was interrupted by a question to the user.", "Start the sign-in again and answer it."),
    row(&[(50173, 50173)], "grant_revoked", Reconnect, "The account's sessions were revoked, often with a new password.", AGAIN),
    row(&[(52004, 52004)], "linkedin_consent_missing", User, "The user has not agreed to share data with LinkedIn.", "Agree on Microsoft's page, then connect again."),
    row(&[(54000, 54000)], "age_rule", User, "An age rule keeps this account from using the application.", "Connect another account."),
    row(&[(54005, 54005)], "code_spent", Flow, "The sign-in's code was already used.", "Start the sign-in again, unless the account is already connected."),
    row(&[(65001, 65001)], "consent_missing", Reconnect, "The permissions were withdrawn or never granted.", "Connect the account again and grant them."),
    row(&[(65004, 65004)], "consent_declined", Flow, "The permissions were declined.", "Start again and agree, if this was not meant."),
    row(&[(70000, 70000)], "grant_invalid", Reconnect, "Microsoft no longer takes this connection's token.", AGAIN),
    row(&[(70008, 70008), (700_082, 700_082)], "grant_expired", Reconnect, "The connection was not used for too long and expired.", AGAIN),
    row(&[(700_084, 700_084)], "grant_expired_spa", Reconnect, "The connection was made as a single-page application and ended after 24 hours.", "Connect the account again; the operator registers the redirect URI as Web to make it last."),
    row(&[(70016, 70016)], "sign_in_pending", Wait, "The user has not signed in yet.", "Enter the code on the page that is shown with it."),
    row(&[(70018, 70018)], "device_code_wrong", Flow, "Microsoft does not know this device code.", "Start again to get a new code."),
    row(&[(70019, 70019), (70020, 70020)], "device_code_expired", Flow, "The code for signing in was not used in time.", "Start again to get a new code."),
    row(&[(70037, 70037), (50158, 50158)], "challenge_failed", Reconnect, "A further check of the identity was not passed.", "Connect the account again and pass it."),
    row(&[(70043, 70043), (70044, 70044), (70046, 70046)], "sign_in_frequency", Reconnect, "The organisation asks for a new sign-in from time to time.", AGAIN),
    row(&[(165_000, 165_000), (165_004, 165_004), (165_900, 165_900)], "sign_in_page_stale", Flow, "The sign-in page was too old or its cookies were lost.", "Start the sign-in again in a fresh window."),
    row(&[(81010, 81010)], "desktop_sign_in_invalid", Reconnect, "The desktop's single sign-on was not accepted.", AGAIN),
    row(&[(120_000, 120_021), (130_004, 130_008), (140_000, 140_001)], "password_or_hello_problem", Reconnect, "Changing the password or using Windows Hello failed.", "Sort it out on Microsoft's own page, then connect the account again."),
    // Second factors, devices, policies.
    row(&[(50072, 50072), (50079, 50079)], "mfa_enrolment_required", Reconnect, "Microsoft wants the account to be set up for a second factor.", "Connect the account again and complete the set-up."),
    row(&[(50074, 50074), (50076, 50076), (50078, 50078)], "mfa_required", Reconnect, "Microsoft now asks for a second factor.", "Connect the account again and complete it."),
    row(&[(50097, 50097)], "device_required", Reconnect, "The organisation asks for a sign-in from a registered device.", "Connect the account again from such a device."),
    row(&[(50129, 50129), (50131, 50131), (53000, 53000), (53001, 53001), (53002, 53002), (530_002, 530_002), (530_003, 530_003)], "device_not_compliant", Administrator, "The organisation allows this access from managed devices only.", "Connect from a managed device, or ask the organisation's administrator for an exception."),
    row(&[(50177, 50177), (50178, 50178)], "external_control_unsupported", Administrator, "The organisation's sign-in control does not work with this application.", "Ask the organisation's administrator for an exception."),
    row(&[(53003, 53003)], "blocked_by_policy", Administrator, "A policy of the organisation blocks this access.", "Its administrator can allow it; connecting again does not help before."),
    row(&[(53004, 53004), (53011, 53011)], "blocked_as_risky", Administrator, "The organisation blocks the account because its sign-ins look risky.", "Its administrator can clear the risk; then connect the account again."),
    row(&[(530_032, 530_032), (530_034, 530_034), (530_035, 530_035)], "blocked_by_security_defaults", Administrator, "The security settings of the organisation block this access.", "Its administrator can allow it; then connect the account again."),
    row(&[(700_003, 700_003)], "device_gone", Reconnect, "The device the account was used on is no longer registered.", "Register the device again or use another one, then connect the account again."),
    row(&[(75011, 75011), (80001, 80014), (81004, 81009), (81011, 81012)], "federation_problem", Administrator, "The organisation's own sign-in service has a problem.", "Ask the organisation's administrator; then connect the account again."),
    row(&[(90093, 90093)], "admin_scope", Administrator, "One of the permissions can be granted by an administrator only.", "Send the organisation's administrator the link for admin consent."),
    row(&[(90094, 90094), (90095, 90095), (90099, 90099)], "admin_consent_required", Administrator, "An administrator of the organisation must approve this application first.", "Send the administrator the link for admin consent, then connect again."),
    // The operator's registration.
    row(&[(50001, 50001), (500_011, 500_011)], "resource_unknown", Operator, "The service that access is asked to is unknown in the organisation.", "The operator corrects the permissions, or the organisation's administrator consents to the application."),
    row(&[(50011, 50011), (500_112, 500_112), (500_113, 500_113), (70004, 70004), (900_971, 900_971)], "redirect_uri_unknown", Operator, "The redirect URI is not registered for the application.", "The operator registers it at Microsoft, exactly as Evergrant shows it."),
    row(&[(50012, 50012), (700_027, 700_027)], "certificate_refused", Operator, "Microsoft does not accept the signature of the application's certificate.", "The operator uploads the certificate that is configured; users stay connected."),
    row(&[(700_023, 700_023)], "assertion_audience_wrong", Operator, "The application's signed proof names another endpoint.", "The operator corrects tenant and cloud; users stay connected."),
    row(&[(700_024, 700_024)], "assertion_time_wrong", Operator, "The application's signed proof is not valid at this time.", "The operator corrects this machine's clock; users stay connected."),
    row(&[(700_030, 700_030)], "certificate_unusable", Operator, "The application's certificate cannot be used for signing in.", "The operator creates another certificate and uploads it; users stay connected."),
    row(&[(1_000_502, 1_000_502)], "certificate_expired", Operator, "The application's certificate has expired or is not valid yet.", "The operator creates a new one, uploads it and configures it; users stay connected."),
    row(&[(7_000_215, 7_000_215)], "client_secret_wrong", Operator, "The client secret is wrong; often its id was copied instead of its value.", "The operator sets MICROSOFT_CLIENT_SECRET to the secret's value; users stay connected."),
    row(&[(7_000_218, 7_000_218)], "client_secret_missing", Operator, "The application is registered with a credential and none was sent.", "The operator sets MICROSOFT_CLIENT_SECRET or a certificate; users stay connected."),
    row(&[(7_000_222, 7_000_222)], "client_secret_expired", Operator, "The client secret has expired.", "The operator creates a new one and sets MICROSOFT_CLIENT_SECRET; users stay connected."),
    row(&[(70002, 70002)], "client_credentials_wrong", Operator, "The application's credential is not accepted.", "The operator checks MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET; users stay connected."),
    row(&[(700_016, 700_016), (70001, 70001), (700_011, 700_011)], "client_unknown", Operator, "Microsoft knows no application of this client id in this organisation.", "The operator checks MICROSOFT_CLIENT_ID and MICROSOFT_TENANT; users stay connected."),
    row(&[(7_000_112, 7_000_112)], "client_disabled", Operator, "The application is disabled.", "The operator or the organisation's administrator enables it; users stay connected."),
    row(&[(700_025, 700_025)], "client_is_public", Operator, "The application is registered as public and must not send a credential.", "The operator registers the redirect URI as Web, or removes the credential."),
    row(&[(9_002_326, 9_002_326), (9_002_327, 9_002_327)], "redirect_uri_is_spa", Operator, "The redirect URI is registered for a single-page application.", "The operator registers it as Web instead."),
    row(&[(9_002_331, 9_002_331), (9_002_332, 9_002_332)], "audience_wrong", Operator, "The application is registered for the other kind of accounts, personal or work.", "The operator sets MICROSOFT_TENANT to match, or changes the supported account types."),
    row(&[(50194, 50194)], "tenant_needed", Operator, "The application belongs to one organisation but signs in on the common endpoint.", "The operator sets MICROSOFT_TENANT to the organisation's id, or makes the application multi-tenant."),
    row(&[(9_001_023, 9_001_023)], "tenant_not_concrete", Operator, "This way of signing in needs one particular organisation.", "The operator sets MICROSOFT_TENANT to its id."),
    row(&[(90002, 90002)], "tenant_unknown", Operator, "Microsoft does not know the organisation.", "The operator corrects MICROSOFT_TENANT or the cloud; users stay connected."),
    row(&[(50049, 50049)], "login_host_unknown", Operator, "The address of the identity platform is unknown to Microsoft.", "The operator corrects EVERGRANT_MICROSOFT_LOGIN_URL or the cloud."),
    row(&[(90038, 90038), (90043, 90043), (900_382, 900_382), (900_432, 900_432), (900_439, 900_439)], "cloud_wrong", Operator, "The account or application belongs to another national cloud.", "The operator sets the cloud of the registration."),
    row(&[(50146, 50146)], "signing_key_needed", Operator, "The application needs a signing key of its own.", "The operator configures one at Microsoft."),
    row(&[(65005, 65005), (650_052, 650_052), (650_054, 650_054), (650_056, 650_056), (650_057, 650_057)], "permissions_misconfigured", Operator, "The application asks for a service that it does not list or that the organisation does not have.", "The operator lists its permissions at Microsoft; then the organisation's administrator consents."),
    row(&[(70005, 70005), (700_051, 700_051), (700_054, 700_054)], "response_type_disabled", Operator, "The application may not use this kind of answer.", "The operator enables it at Microsoft."),
    row(&[(1_000_000, 1_000_000), (1_000_002, 1_000_002), (1_000_031, 1_000_031), (100_007, 100_007)], "client_unsupported", Operator, "The application cannot be used for this at the moment.", "The operator checks it at Microsoft; users stay connected."),
    // Requests that are wrong.
    row(&[(28000, 28000), (700_022, 700_022)], "scope_of_two_services", Report, "The request asks for permissions of more than one service.", REPORT),
    row(&[(28002, 28002), (28003, 28003), (70011, 70011)], "scope_refused", Report, "Microsoft does not know one of the permissions.", "The operator corrects the configured permissions; users stay connected."),
    row(&[(50013, 50013), (500_131, 500_131), (500_133, 500_133), (50027, 50027)], "assertion_invalid", Report, "A token that was handed on is not accepted.", REPORT),
    row(&[(50059, 50059), (50128, 50128)], "tenant_not_named", Report, "The request does not say which organisation is meant.", "The operator sets MICROSOFT_TENANT; users stay connected."),
    row(&[(50147, 50147), (501_491, 501_491)], "challenge_malformed", Report, "The sign-in's proof key has the wrong form.", REPORT),
    row(&[(501_481, 501_481)], "verifier_wrong", Report, "The sign-in's proof key does not match.", "Start the sign-in again; if it lasts, the operator reports it."),
    row(&[(50169, 50169), (50192, 50192)], "request_refused", Report, "Microsoft refuses the request as invalid.", REPORT),
    row(&[(67003, 67003)], "actor_invalid", Report, "The service that asks is not a valid one.", REPORT),
    row(&[(70003, 70003)], "grant_type_unsupported", Report, "Microsoft does not offer this way of getting a token.", REPORT),
    row(&[(700_005, 700_005)], "code_of_another_tenant", Report, "The sign-in's code belongs to another organisation.", "The operator checks MICROSOFT_TENANT; then the user signs in again."),
    row(&[(70007, 70007)], "response_mode_refused", Report, "Microsoft refuses the way the answer is asked for.", REPORT),
    row(&[(90004, 90004), (90007, 90010), (90013, 90016), (90019, 90019), (90023, 90023), (90051, 90051), (90056, 90056), (90100, 90100)], "request_malformed", Report, "Microsoft refuses the request as malformed.", REPORT),
    row(&[(900_144, 900_144)], "parameter_missing", Report, "A parameter is missing from the request.", REPORT),
    row(&[(900_561, 900_561)], "method_refused", Report, "The endpoint was called in the wrong way.", REPORT),
    row(&[(9_002_313, 9_002_313)], "request_unreadable", Report, "Microsoft cannot read the request.", "The operator checks the settings of the registration; users stay connected."),
    row(&[(9_002_313, 9_002_313)], "token_unreadable", Reconnect, "Microsoft cannot read this connection's token.", AGAIN),
    // What passes.
    row(&[(50033, 50033), (50087, 50087), (70012, 70012), (90006, 90006), (90012, 90012), (90090, 90090)], "provider_unavailable", Wait, "Microsoft cannot answer at the moment.", "It is asked again."),
    row(&[(90024, 90024)], "provider_overloaded", Wait, "Microsoft took too long over the request.", "It is asked again."),
    row(&[(90033, 90033), (90091, 90091)], "directory_unavailable", Wait, "Microsoft's directory cannot be reached at the moment.", "It is asked again."),
    row(&[(90036, 90036), (90092, 90092)], "directory_error", Wait, "Microsoft's directory has a problem that may last.", "It is asked again; if it lasts, the operator asks Microsoft's support with the trace id."),
    row(&[(90055, 90055)], "provider_throttled", Wait, "The organisation's requests are throttled.", "It is asked again after the pause."),
    // Sent as `invalid_grant`, but the grant is good: we asked too often.
    decides(row(&[(50196, 50196)], "too_many_identical_requests", Wait, "Microsoft has seen the same request too often and wants a pause.", "It is asked again after five minutes.")),
];
