//! Every error code there is, and the status it comes with (contract, section 3).

use axum::http::StatusCode;

/// A code, and its status; a `*` at the end stands for the field that is wrong.
type Row = (&'static str, StatusCode);

const BAD: StatusCode = StatusCode::BAD_REQUEST;
const WHO: StatusCode = StatusCode::UNAUTHORIZED;
const NO: StatusCode = StatusCode::FORBIDDEN;
const GONE: StatusCode = StatusCode::NOT_FOUND;
const OURS: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
const LATE: StatusCode = StatusCode::GATEWAY_TIMEOUT;

/// The one table of codes. Where the contract names two statuses, the first one.
pub(super) const CODES: &[Row] = &[
    ("error.security.oauth-token-invalid", WHO),
    ("error.security.client-token-invalid", WHO),
    ("error.security.account-token-invalid", WHO),
    ("error.security.client-token-missing", WHO),
    ("error.security.account-token-missing", WHO),
    ("error.security.invalid-details", WHO),
    ("error.security.too-many-failed-attempts", WHO),
    ("error.security.account-access-denied", WHO),
    ("error.security.account-suspended", WHO),
    ("error.security.account-not-yet-activated", WHO),
    ("error.security.account-migrated", WHO),
    ("error.security.all-accounts-pending", WHO),
    ("error.security.all-accounts-suspended", WHO),
    ("error.security.client-suspended", WHO),
    ("error.security.invalid-application", WHO),
    ("error.security.invalid-website", WHO),
    ("authentication.failure.not-a-client-account", WHO),
    ("error.public-api.failure.kyc.required", WHO),
    ("error.public-api.failure.pending.agreements.required", WHO),
    ("error.public-api.failure.missing.credentials", WHO),
    ("error.public-api.failure.preferred.account.disabled", WHO),
    ("error.public-api.failure.preferred.account.not.set", WHO),
    ("error.security.generic", WHO),
    ("error.security.api-key-missing", BAD),
    ("error.security.api-key-invalid", NO),
    ("error.security.api-key-disabled", NO),
    ("error.security.api-key-revoked", NO),
    ("error.security.api-key-restricted", NO),
    ("unauthorised.api-key.revoked", NO),
    ("unauthorised.clientId.api-key.mismatch", NO),
    ("endpoint.unavailable.for.api-key", NO),
    ("error.public-api.failure.stockbroking-not-supported", NO),
    ("error.public-api.failure.encryption.required", BAD),
    ("error.public-api.exceeded-api-key-allowance", NO),
    ("error.public-api.exceeded-account-allowance", NO),
    ("error.public-api.exceeded-account-trading-allowance", NO),
    ("error.public-api.exceeded-account-historical-data-allowance", NO),
    ("unauthorised.access.to.equity.exception", NO),
    ("invalid.input", BAD),
    ("invalid.input.too.many.markets", BAD),
    ("invalid.request.*", BAD),
    ("validation.*", BAD),
    ("error.request.invalid.date-range", BAD),
    ("error.request.invalid.page-size", BAD),
    ("error.invalid.daterange", BAD),
    ("error.malformed.date", BAD),
    ("error.unsupported.epic", BAD),
    ("error.public-api.too-many-epics", BAD),
    ("error.switch.accountId-must-be-different", BAD),
    ("error.switch.invalid-accountId", BAD),
    ("error.trading.otc.market-orders.not-supported", BAD),
    ("error.trading.otc.instrument-not-found", BAD),
    ("error.service.watchlists.add-instrument.invalid-epic", BAD),
    ("error.watchlists.management.cannot-delete-watchlist", BAD),
    ("error.watchlists.management.duplicate-name", BAD),
    ("error.watchlists.management.watchlist-not-found", BAD),
    ("invalid.url", GONE),
    ("error.confirms.deal-not-found", GONE),
    ("error.position.notfound", GONE),
    ("error.public-api.epic-not-found", GONE),
    ("error.invalid.watchlist", GONE),
    ("error.price-history.io-error", GONE),
    ("error.error.price-history.io-error", GONE),
    ("system.error", OURS),
    ("error.positions.generic", OURS),
    ("error.watchlists.management.error", OURS),
    ("error.switch.cannot-set-default-account", OURS),
    ("error.security.get.session.timeout", OURS),
    ("error.security.authentication.timeout", LATE),
];

/// The status of a code; none if there is no such code.
pub(super) fn status(code: &str) -> Option<StatusCode> {
    let is_it = |name: &str| match name.strip_suffix('*') {
        Some(beginning) => code.len() > beginning.len() && code.starts_with(beginning),
        None => code == name,
    };
    CODES.iter().find(|(name, _)| is_it(name)).map(|(_, status)| *status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_with_a_field_has_the_status_of_its_family() {
        assert_eq!(status("invalid.request.forceOpen"), Some(BAD));
        assert_eq!(status("validation.null-not-allowed.request"), Some(BAD));
        assert_eq!(status("invalid.request."), None);
        assert_eq!(status("error.security.oauth-token-invalid "), None);
    }
}
