//! Paths below a provider's base URL, and nowhere else.

use url::Url;

use super::CallError;

/// `path` below `base`, or a refusal.
pub(super) fn below(base: &Url, path: &str) -> Result<Url, CallError> {
    let (only_path, query) = path.split_once('?').map_or((path, None), |(p, q)| (p, Some(q)));
    let lower = only_path.to_ascii_lowercase();
    if path.len() > 8 << 10 {
        return Err(CallError::InvalidPath("longer than 8 KiB"));
    }
    if !path.is_ascii() || path.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return Err(CallError::InvalidPath("percent-encode everything but ASCII"));
    }
    if path.contains(['\\', '#']) || only_path.contains("//") || only_path.contains("..") {
        return Err(CallError::InvalidPath("give a plain path below the API's base"));
    }
    if ["%2e%2e", "%2e.", ".%2e", "%2f", "%5c", "%00", "%0a", "%0d"]
        .iter()
        .any(|bad| lower.contains(bad))
    {
        return Err(CallError::InvalidPath("give a plain path below the API's base"));
    }
    let mut url = base.clone();
    let joined =
        format!("{}/{}", base.path().trim_end_matches('/'), only_path.trim_start_matches('/'));
    url.set_path(&joined);
    url.set_query(query);
    if url.origin() != base.origin() || url.path() != joined {
        return Err(CallError::InvalidPath("give a plain path below the API's base"));
    }
    Ok(url)
}
