//! The `Prefer` header: what a client would like to have (contract, 4.1).

use axum::http::HeaderMap;

/// The preferences of a request that change an answer here.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefer {
    /// `outlook.timezone`: the zone of the answer's times.
    pub(super) time_zone: Option<String>,
    /// `outlook.body-content-type="text"`: bodies as plain text.
    pub(super) text_body: bool,
    /// `IdType="ImmutableId"`: ids that survive a move.
    pub(super) immutable_ids: bool,
    /// `odata.maxpagesize`: the most items of a page.
    pub(super) page_size: Option<usize>,
    /// What `Preference-Applied` says.
    pub(super) applied: Vec<String>,
}

impl Prefer {
    /// Reads all preferences: one header may name several, and there may be several headers.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(split) {
            prefer.add(preference);
        }
        prefer
    }

    fn add(&mut self, preference: &str) {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "outlook.timezone" => self.time_zone = Some(value.to_owned()),
            "outlook.body-content-type" => self.text_body = value.eq_ignore_ascii_case("text"),
            "idtype" if value.eq_ignore_ascii_case("immutableid") => self.immutable_ids = true,
            "odata.maxpagesize" => match value.parse() {
                Ok(size) if size > 0 => self.page_size = Some(size),
                _ => return,
            },
            // Known and without effect, or unknown: a preference is never an error (RFC 7240, 2).
            _ => return,
        }
        self.applied.push(preference.to_owned());
    }
}

/// The preferences of one header: commas separate them, but not within quotes.
fn split(header: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = header.split(move |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::Prefer;

    #[test]
    fn preferences_come_in_one_header_or_in_several() {
        let mut headers = HeaderMap::new();
        for value in [
            "outlook.timezone=\"Pacific, Standard Time\", IdType=\"ImmutableId\"",
            "odata.maxpagesize=7",
            "return=minimal,outlook.body-content-type=\"text\"",
        ] {
            headers.append("prefer", HeaderValue::from_static(value));
        }
        let prefer = Prefer::read(&headers);
        assert_eq!(prefer.time_zone.as_deref(), Some("Pacific, Standard Time"));
        assert!(prefer.text_body && prefer.immutable_ids);
        assert_eq!(prefer.page_size, Some(7));
        assert_eq!(prefer.applied.len(), 4);
        assert_eq!(prefer.applied.last().unwrap(), "outlook.body-content-type=\"text\"");
    }
}
