//! Lists, page by page (contract, section 4.5).

use std::collections::BTreeSet;

use evergrant::capability::{Cursor, Page};
use evergrant::{Api, CallError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::Call;
use super::answer::read;

/// The most pages of one list; only a list that never ends is longer.
pub(super) const MOST_PAGES: usize = 10_000;

/// What the paths of lists are made of besides ids, in lower case.
const WORDS: [&str; 13] = [
    "me",
    "users",
    "calendar",
    "calendars",
    "calendarview",
    "events",
    "instances",
    "mailfolders",
    "childfolders",
    "messages",
    "attachments",
    "delta",
    "subscriptions",
];

/// One answer of a list.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Part<T> {
    #[serde(default = "Vec::new", deserialize_with = "super::wire::nullable")]
    value: Vec<T>,
    #[serde(default, rename = "@odata.nextLink")]
    next: Option<String>,
}

impl Call<'_> {
    /// One page: the first, or the one `cursor` leads to. The rest of the call must be the same, since
    /// its preferences go with every page.
    ///
    /// A cursor that leads elsewhere is the caller's mistake; a next page at another host, or that is
    /// this very page, is the provider's: [`CallError::Unreadable`].
    pub(crate) async fn page<T: DeserializeOwned>(
        self,
        cursor: Option<&Cursor>,
    ) -> Result<Page<T>, CallError> {
        let api = self.api;
        let response = match cursor {
            None => self.send().await?,
            Some(cursor) if leads_to(api, &cursor.0, &self.path) => self.send_to(&cursor.0).await?,
            Some(_) => {
                return Err(CallError::Invalid {
                    pointer: "/cursor".to_owned(),
                    problem: "does not lead to this list; take it from the page before".to_owned(),
                });
            }
        };
        let Part { value, next } = read(&response)?;
        if let Some(next) = &next {
            // A token goes there with the next page.
            if below(api, next).is_none() {
                return Err(elsewhere());
            }
            if cursor.is_some_and(|cursor| cursor.0 == *next) {
                return Err(circular());
            }
        }
        Ok(Page { results: value, next: next.map(Cursor) })
    }
}

/// The whole list; `call` makes the same call again for each page.
pub(crate) async fn all<'a, T: DeserializeOwned>(
    call: impl Fn() -> Call<'a>,
) -> Result<Vec<T>, CallError> {
    let mut results = Vec::new();
    let mut cursor: Option<Cursor> = None;
    let mut seen = BTreeSet::new();
    for _ in 0..MOST_PAGES {
        let call = call();
        if cursor.as_ref().is_some_and(|next| !leads_to(call.api, &next.0, &call.path)) {
            return Err(elsewhere());
        }
        let page = call.page(cursor.as_ref()).await?;
        results.extend(page.results);
        match page.next {
            Some(next) if seen.insert(next.0.clone()) => cursor = Some(next),
            Some(_) => return Err(circular()),
            None => return Ok(results),
        }
    }
    Err(CallError::Unreadable("a list without an end".to_owned()))
}

pub(super) fn elsewhere() -> CallError {
    CallError::Unreadable("a list that leads elsewhere".to_owned())
}

pub(super) fn circular() -> CallError {
    CallError::Unreadable("a list that leads back into itself".to_owned())
}

/// The path of `link` below the root, if it lies there.
fn below(api: &Api, link: &str) -> Option<String> {
    let (base, link) = (&api.manifest().base_url, Url::parse(link).ok()?);
    let rest = link.path().strip_prefix(base.path().trim_end_matches('/'))?;
    let there = link.origin() == base.origin() && rest.starts_with('/');
    let plain = link.username().is_empty() && link.password().is_none();
    (there && plain).then(|| rest.to_owned())
}

/// Whether `link` goes on with the list at `path`.
pub(super) fn leads_to(api: &Api, link: &str, path: &str) -> bool {
    let account = api.account();
    let mine = |segment: &str| {
        let id = format!(".{}", segment.to_ascii_lowercase());
        account.id.to_ascii_lowercase().ends_with(&id)
            || account.username.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(segment))
    };
    below(api, link).is_some_and(|link| segments(&link, mine) == segments(path, mine))
}

/// A path's segments in one form: the provider writes `messages('a')` for `messages/a`, `users/…` for
/// `me`, and a function with or without its parentheses and its namespace (contract, section 4.1). Words
/// come in any case; ids that differ in it alone are two.
fn segments(path: &str, mine: impl Fn(&str) -> bool) -> Vec<String> {
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = decoded(segment);
        match segment.strip_suffix("')").and_then(|segment| segment.split_once("('")) {
            Some((name, key)) => segments.extend([word(name), key.to_owned()]),
            None => segments.push(word(&segment)),
        }
    }
    if let Some(last) = segments.last_mut() {
        let plain = last.strip_suffix("()").unwrap_or(last);
        let name = plain
            .rsplit_once('.')
            .filter(|(space, _)| space.eq_ignore_ascii_case("microsoft.graph"));
        *last = word(name.map_or(plain, |(_, name)| name));
    }
    if segments.len() > 1 && segments[0] == "users" && mine(&segments[1]) {
        segments.splice(0..2, ["me".to_owned()]);
    }
    segments
}

/// A word of a path in lower case; what is none stays as it is.
fn word(segment: &str) -> String {
    let lower = segment.to_ascii_lowercase();
    if WORDS.contains(&lower.as_str()) { lower } else { segment.to_owned() }
}

/// Percent-decoded (RFC 3986, section 2.1); what cannot be stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'%').then(|| after.get(..2)).flatten();
        let hex = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(hex.unwrap_or(first));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_list_has_one_form_however_its_address_is_written() {
        let form = |path: &str| segments(path, |who| who.eq_ignore_ascii_case("o-1"));
        let list = form("/me/mailFolders/a%2Fb%3D/messages");
        assert_eq!(form("/me/mailfolders('a%2fb=')/messages"), list);
        assert_eq!(form("/users/o-1/mailFolders('a%2Fb%3D')/messages"), list);
        assert_eq!(form("/users('O-1')/mailFolders('a%2Fb%3D')/messages"), list);
        assert_ne!(form("/users/o-2/mailFolders('a%2Fb%3D')/messages"), list);
        assert_ne!(form("/me/mailFolders/a/b%3D/messages"), list);
        assert_ne!(form("/me/mailFolders('A%2Fb%3D')/messages"), list, "another id");
        assert_ne!(form("/me/mailFolders/A%2fb=/messages"), list, "another id");
        let delta = form("/me/calendarView/delta");
        assert_eq!(form("/users('o-1')/calendarview/delta()"), delta);
        assert_eq!(form("/me/calendarView/microsoft.graph.delta()"), delta);
        assert_ne!(form("/me/calendarView"), delta);
    }
}
