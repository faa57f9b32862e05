//! The contract's table of numbers: the one place that knows what each of them looks like.

use std::ops::RangeInclusive;

/// What an error looks like on the wire.
#[derive(Debug)]
pub(super) struct Row {
    /// The numbers that look alike.
    numbers: &'static [RangeInclusive<u32>],
    /// `error` at the token endpoint. Where the contract says that a number is only ever shown on
    /// a page, the nearest word stands.
    pub(super) error: &'static str,
    pub(super) text: &'static str,
    pub(super) suberror: Option<&'static str>,
    /// Whether the token endpoint adds `claims` to be satisfied by a new sign-in.
    pub(super) claims: bool,
    /// Whether the real service shows it on a page of its own, since it cannot trust the redirect
    /// URI or has no application to redirect to.
    pub(super) page_only: bool,
    /// The status, where it does not follow from `error`.
    pub(super) status: Option<u16>,
}

/// The row of a number, if the contract has it.
pub(super) fn row(number: u32) -> Option<&'static Row> {
    let has = |row: &&Row| row.numbers.iter().any(|range| range.contains(&number));
    TABLE.iter().find(has)
}

/// A row that is told to the application.
const fn told(
    numbers: &'static [RangeInclusive<u32>],
    error: &'static str,
    text: &'static str,
) -> Row {
    Row { numbers, error, text, suberror: None, claims: false, page_only: false, status: None }
}

/// A row that only the person sees.
const fn shown(
    numbers: &'static [RangeInclusive<u32>],
    error: &'static str,
    text: &'static str,
) -> Row {
    Row { page_only: true, ..told(numbers, error, text) }
}

impl Row {
    const fn suberror(self, suberror: &'static str) -> Self {
        Self { suberror: Some(suberror), ..self }
    }

    const fn with_claims(self) -> Self {
        Self { claims: true, ..self }
    }

    const fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    told(&[16_000..=16_000], "interaction_required", "Either multiple user identities are available for the current request or selected account is not supported for the scenario."),
    told(&[16_003..=16_003], "interaction_required", "The user account has not been added to the tenant."),
    told(&[17_003..=17_003, 135_010..=135_010], "invalid_grant", "The credential key was not found."),
    told(&[28_000..=28_000], "invalid_request", "Provided value for the input parameter scope is not valid because it contains more than one resource."),
    told(&[28_002..=28_002, 28_003..=28_003], "invalid_scope", "Provided value for the input parameter scope is not valid or empty."),
    told(&[50_001..=50_001, 500_011..=500_011], "invalid_resource", "The resource principal was not found in the tenant."),
    shown(&[50_011..=50_011], "invalid_request", "The redirect URI specified in the request does not match the redirect URIs configured for the application."),
    told(&[50_012..=50_012], "invalid_client", "The signature of the client assertion is not valid."),
    told(&[50_013..=50_013], "invalid_grant", "Assertion failed signature validation."),
    told(&[50_014..=50_014], "invalid_grant", "The user's redemption is in a pending state."),
    shown(&[50_020..=50_020], "interaction_required", "The user account from this identity provider does not exist in the tenant."),
    told(&[50_027..=50_027], "invalid_grant", "The JWT is not valid."),
    told(&[50_033..=50_033, 50_087..=50_087, 70_012..=70_012, 90_006..=90_006, 90_012..=90_012, 90_033..=90_033, 90_090..=90_090, 90_091..=90_091], "temporarily_unavailable", "A transient error has occurred. Please try again."),
    told(&[50_034..=50_034, 500_341..=500_341], "invalid_grant", "The user account {EUII Hidden} does not exist in the directory. To sign into this application, the account must be added to the directory."),
    told(&[50_049..=50_049], "invalid_instance", "Unknown or invalid instance."),
    told(&[50_053..=50_053], "invalid_grant", "The account is locked because the user tried to sign in too many times with an incorrect user ID or password."),
    told(&[50_055..=50_055, 50_144..=50_144], "invalid_grant", "The password is expired."),
    told(&[50_056..=50_056], "invalid_grant", "The password is invalid or missing in the directory."),
    told(&[50_057..=50_057], "invalid_grant", "The user account is disabled."),
    told(&[50_058..=50_058], "login_required", "A silent sign-in request was sent but no user is signed in."),
    told(&[50_059..=50_059, 50_128..=50_128], "invalid_request", "No tenant-identifying information found in either the request or implied by any provided credentials."),
    told(&[50_072..=50_072], "interaction_required", "The user must enroll for multi-factor authentication."),
    told(&[50_074..=50_074], "interaction_required", "Strong authentication is required."),
    told(&[50_076..=50_076], "invalid_grant", "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.").suberror("basic_action").with_claims(),
    told(&[50_078..=50_078], "invalid_grant", "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.").suberror("basic_action").with_claims(),
    told(&[50_079..=50_079], "invalid_grant", "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.").suberror("basic_action").with_claims(),
    told(&[50_085..=50_085], "invalid_grant", "The refresh token needs a sign-in at the social identity provider."),
    shown(&[50_089..=50_089], "invalid_request", "The sign-in flow token has expired."),
    told(&[50_097..=50_097], "interaction_required", "Device authentication is required."),
    told(&[50_105..=50_105], "access_denied", "The signed in user is not assigned to a role for the application."),
    told(&[50_126..=50_126], "invalid_grant", "Error validating credentials due to invalid username or password."),
    told(&[50_129..=50_129, 50_131..=50_131, 53_000..=53_000, 53_001..=53_001, 53_002..=53_002, 530_002..=530_002, 530_003..=530_003], "invalid_grant", "Your device is required to be managed to access this resource."),
    told(&[50_132..=50_132, 50_133..=50_133], "invalid_grant", "The session is not valid because the password has expired or was changed recently."),
    told(&[50_140..=50_140], "interaction_required", "This error occurred due to 'Keep me signed in' interrupt when the user was signing in."),
    told(&[50_146..=50_146], "invalid_request", "This application is required to be configured with an application-specific signing key."),
    told(&[50_147..=50_147, 501_491..=501_491], "invalid_request", "The size or format of the code_challenge parameter is not valid."),
    told(&[50_158..=50_158], "interaction_required", "External security challenge not satisfied."),
    told(&[50_169..=50_169, 50_192..=50_192], "invalid_request", "The request is not valid."),
    told(&[50_173..=50_173], "invalid_grant", "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.").suberror("bad_token"),
    told(&[50_177..=50_177, 50_178..=50_178], "interaction_required", "The external challenge or session control is not supported for passthrough users."),
    told(&[50_194..=50_194], "invalid_request", "The application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such applications."),
    told(&[50_196..=50_196], "invalid_grant", "The server terminated an operation because it encountered a client request loop. Please contact your app vendor."),
    told(&[50_199..=50_199], "interaction_required", "For security reasons, user confirmation is required for this request."),
    told(&[51_004..=51_004, 51_005..=51_005], "invalid_grant", "The user account does not exist in the directory."),
    told(&[52_004..=52_004], "access_denied", "The user has not provided consent for access to LinkedIn resources."),
    told(&[53_003..=53_003], "invalid_grant", "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.").suberror("message_only").with_claims(),
    told(&[53_004..=53_004, 53_011..=53_011], "interaction_required", "The user is blocked due to risk, or needs to complete multi-factor registration first."),
    told(&[54_000..=54_000], "access_denied", "The user is not permitted to access this application due to legal age group requirement."),
    told(&[54_005..=54_005], "invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."),
    told(&[65_001..=65_001], "invalid_grant", "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.").suberror("consent_required"),
    told(&[65_004..=65_004], "access_denied", "User declined to consent to access the app."),
    told(&[65_005..=65_005, 650_052..=650_052, 650_054..=650_054, 650_056..=650_056, 650_057..=650_057], "invalid_client", "The application is misconfigured: it requires access to a resource that is not listed or not available."),
    told(&[67_003..=67_003], "invalid_request", "The actor is not a valid service identity."),
    told(&[70_000..=70_000], "invalid_grant", "The provided value for the input parameter 'refresh_token' or 'assertion' is not valid.").suberror("bad_token"),
    told(&[70_001..=70_001, 700_011..=700_011], "unauthorized_client", "The application was not found in the directory."),
    told(&[70_002..=70_002], "invalid_client", "Error validating credentials."),
    told(&[70_003..=70_003], "unsupported_grant_type", "The app requested an unsupported grant type."),
    told(&[70_004..=70_004], "invalid_request", "The redirect URI is not valid."),
    told(&[70_005..=70_005, 700_051..=700_051, 700_054..=700_054], "unsupported_response_type", "The response type is not enabled for the application."),
    told(&[70_007..=70_007], "invalid_request", "The value of 'response_mode' is not supported when requesting a token."),
    told(&[70_008..=70_008], "invalid_grant", "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."),
    told(&[70_011..=70_011], "invalid_scope", "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid."),
    told(&[70_016..=70_016], "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    told(&[70_018..=70_018], "bad_verification_code", "The verification code is not valid."),
    told(&[70_019..=70_019, 70_020..=70_020], "expired_token", "The provided value for the input parameter 'device_code' is not valid. This device code has expired."),
    told(&[70_037..=70_037], "invalid_grant", "The challenge was answered incorrectly."),
    told(&[70_043..=70_043], "invalid_grant", "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.").suberror("token_expired"),
    told(&[70_044..=70_044, 70_046..=70_046], "interaction_required", "The session has expired due to sign-in frequency or a failed re-authentication check."),
    told(&[75_011..=75_011, 80_001..=80_014, 81_004..=81_012], "invalid_grant", "The sign-in at the federated or on-premises service failed."),
    shown(&[90_002..=90_002], "invalid_tenant", "The tenant was not found."),
    told(&[90_004..=90_004, 90_007..=90_010], "invalid_request", "The request is malformed or not supported."),
    told(&[90_013..=90_016, 90_019..=90_019, 90_023..=90_023, 90_051..=90_051, 90_056..=90_056, 90_100..=90_100], "invalid_request", "The input is not valid or a required field is missing."),
    told(&[90_024..=90_024], "temporarily_unavailable", "Request budget exceeded. A transient error has occurred. Please try again."),
    told(&[90_036..=90_036, 90_092..=90_092], "server_error", "An unexpected, non-retryable error occurred in the directory."),
    told(&[90_038..=90_038, 900_382..=900_382, 900_432..=900_432, 900_439..=900_439], "invalid_request", "The request is for another national cloud."),
    told(&[90_043..=90_043], "invalid_request", "The request must be sent to another national cloud."),
    told(&[90_055..=90_055], "temporarily_unavailable", "The server has terminated the request because there are too many requests.").status(429),
    told(&[90_072..=90_072], "interaction_required", "The account needs to be added as an external user in the tenant first."),
    told(&[90_093..=90_093], "access_denied", "The user is not authorized to grant this permission."),
    told(&[90_094..=90_094, 90_095..=90_095, 90_099..=90_099], "access_denied", "The grant requires administrator permission."),
    told(&[100_007..=100_007, 1_000_000..=1_000_000, 1_000_002..=1_000_002, 1_000_031..=1_000_031], "invalid_request", "The user or the application is not supported here."),
    told(&[120_000..=120_021, 130_004..=130_008, 140_000..=140_000, 140_001..=140_001], "invalid_grant", "The password change or the device credential failed."),
    shown(&[165_000..=165_000, 165_004..=165_004, 165_900..=165_900], "invalid_request", "Invalid Request: The user session context is missing."),
    shown(&[500_112..=500_112], "invalid_grant", "The reply address does not match the reply address provided when requesting the authorization code."),
    shown(&[500_113..=500_113], "invalid_request", "No reply address is registered for the application."),
    told(&[500_131..=500_131], "invalid_grant", "Assertion audience does not match the client app presenting the assertion."),
    told(&[500_133..=500_133], "invalid_grant", "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token."),
    told(&[501_481..=501_481], "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    told(&[530_032..=530_032, 530_034..=530_034, 530_035..=530_035], "invalid_grant", "Access has been blocked by the tenant's security policy."),
    told(&[700_003..=700_003], "invalid_grant", "The device object was not found in the tenant."),
    told(&[700_005..=700_005], "invalid_grant", "Provided Authorization Code is intended to be used against other tenant."),
    shown(&[700_016..=700_016], "unauthorized_client", "The application was not found in the directory."),
    told(&[700_022..=700_022], "invalid_request", "The scope of a client credentials request must name one resource."),
    told(&[700_023..=700_023], "invalid_client", "The audience of the client assertion is not valid."),
    told(&[700_024..=700_024], "invalid_client", "Client assertion is not within its valid time range."),
    told(&[700_025..=700_025], "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
    told(&[700_027..=700_027], "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]"),
    told(&[700_030..=700_030], "invalid_client", "The certificate is not valid for this use."),
    told(&[700_082..=700_082], "invalid_grant", "The refresh token has expired due to inactivity."),
    told(&[700_084..=700_084], "invalid_grant", "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page."),
    told(&[900_144..=900_144], "invalid_request", "The request body must contain a parameter that is missing."),
    told(&[900_561..=900_561], "invalid_request", "The endpoint only accepts POST requests. Received a GET request."),
    told(&[900_971..=900_971], "invalid_request", "No reply address provided."),
    told(&[1_000_502..=1_000_502], "invalid_client", "The provided certificate is not within its specified validity period."),
    told(&[1_002_012..=1_002_012], "invalid_scope", "The provided value for the input parameter 'scope' is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."),
    told(&[7_000_112..=7_000_112], "unauthorized_client", "The application is disabled."),
    told(&[7_000_215..=7_000_215], "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to the app."),
    told(&[7_000_218..=7_000_218], "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
    told(&[7_000_222..=7_000_222], "invalid_client", "The provided client secret keys for the app are expired."),
    told(&[9_001_023..=9_001_023], "invalid_request", "The grant type is not supported over the /common or /consumers endpoints. Please use the tenant-specific endpoint."),
    told(&[9_002_313..=9_002_313], "invalid_request", "Invalid request. Request is malformed or invalid."),
    told(&[9_002_326..=9_002_326, 9_002_327..=9_002_327], "invalid_request", "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests."),
    told(&[9_002_331..=9_002_331, 9_002_332..=9_002_332], "invalid_request", "The application is not configured for this kind of account."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_has_two_rows() {
        for row in TABLE {
            for number in row.numbers.iter().cloned().flatten() {
                let rows =
                    TABLE.iter().filter(|row| row.numbers.iter().any(|r| r.contains(&number)));
                assert_eq!(rows.count(), 1, "{number}");
            }
        }
    }
}
