//! What an answer that is no success means (contract, section 3).

use evergrant::{CallError, Response};
use serde::Deserialize;

/// Whether an answer is a success, and the error it means otherwise.
pub(super) fn meaning(response: &Response) -> Result<(), CallError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let code = code(response).unwrap_or_default();
    let request_id = request_id(response);
    Err(CallError::Refused { status, code, message: String::new(), request_id })
}

/// IG's code of an error; `None` where the answer is none of its own, such as a page of HTML.
pub(super) fn code(response: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct ErrorBody {
        #[serde(rename = "errorCode")]
        code: String,
    }
    let said: ErrorBody = serde_json::from_slice(response.body()).ok()?;
    let plain: String = said.code.chars().filter(char::is_ascii_graphic).take(200).collect();
    (!plain.is_empty()).then_some(plain)
}

/// IG's id of the exchange, for its support.
pub(super) fn request_id(response: &Response) -> Option<String> {
    let id = response.headers().get("x-request-id")?.to_str().ok()?;
    Some(id.chars().filter(char::is_ascii_graphic).take(64).collect())
}
