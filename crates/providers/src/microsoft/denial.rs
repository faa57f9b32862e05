//! Errors of the sign-in page in words (contract, sections 2.5 and 2.12).

use evergrant::provider::Failure;

use super::words;
use crate::dictionary;
use crate::oauth2::{number_in, told};

/// What an error that came back from the sign-in page means. On the page the number is all there is
/// to tell an administrator's turn from the user's; without one, the standard words do.
pub(super) fn explain(error: &str, description: Option<&str>) -> Option<Failure> {
    let description = description.unwrap_or_default();
    let number = number_in(description);
    let row = number.and_then(|n| words::NUMBERS.iter().find(|row| row.means(n)));
    let words = match row {
        Some(row) => &row.words,
        None => dictionary::standard_words(error)?,
    };
    let number = number.map(|number| format!(" {number}")).unwrap_or_default();
    let error: String = error.chars().filter(char::is_ascii_graphic).take(64).collect();
    Some(Failure {
        provider_code: Some(format!("{error}{number}")),
        trace_id: told(description, "Trace ID:"),
        correlation_id: told(description, "Correlation ID:"),
        ..words.failure()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use evergrant::provider::Actor;

    #[test]
    fn the_sign_in_pages_errors_name_who_acts() {
        let cases = [
            (
                "access_denied",
                "AADSTS90094: The grant requires admin permission.",
                "admin_consent_required",
                Actor::Administrator,
            ),
            (
                "access_denied",
                "AADSTS65004: The resource owner declined.",
                "consent_declined",
                Actor::User,
            ),
            (
                "access_denied",
                "the user cancelled; error_subcode=cancel",
                "consent_declined",
                Actor::User,
            ),
            ("access_denied", "", "consent_declined", Actor::User),
            ("access_denied", "AADSTS50105: not assigned", "not_assigned", Actor::Administrator),
            ("consent_required", "AADSTS65004: declined", "consent_declined", Actor::User),
            ("invalid_scope", "AADSTS70011: no such scope", "scope_refused", Actor::Operator),
            (
                "server_error",
                "AADSTS99999999999999999999: what",
                "provider_unavailable",
                Actor::Nobody,
            ),
        ];
        for (error, description, code, actor) in cases {
            let failure = explain(error, Some(description)).unwrap();
            assert_eq!((failure.code.as_str(), failure.actor), (code, actor), "{description}");
            assert!(!failure.remedy.is_empty(), "{description}");
        }
        assert_eq!(explain("something_new", None), None);
        let ids =
            "AADSTS90094: text. Trace ID: 1-a Correlation ID: 2-b Timestamp: 2026-10-01 09:30:00Z";
        let failure = explain("access_denied", Some(ids)).unwrap();
        assert_eq!(failure.provider_code.as_deref(), Some("access_denied 90094"));
        assert_eq!(
            (failure.trace_id.as_deref(), failure.correlation_id.as_deref()),
            (Some("1-a"), Some("2-b"))
        );
    }
}
