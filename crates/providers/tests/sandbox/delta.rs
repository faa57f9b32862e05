//! What tests of mail and of calendars need to follow changes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::play::{BASE, Play};

/// What a client has that does what pages say, one item after the other.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    pub(crate) items: BTreeMap<String, Value>,
    /// Where it goes on.
    pub(crate) link: String,
    /// How many pages there were.
    pub(crate) pages: usize,
}

impl Mirror {
    /// Takes a page over; true at the end of the round.
    pub(crate) fn apply(&mut self, page: &Value) -> bool {
        for item in page["value"].as_array().unwrap_or_else(|| panic!("{page}")) {
            let id = item["id"].as_str().unwrap().to_owned();
            if item.get("@removed").is_some() {
                self.items.remove(&id);
            } else {
                self.items.insert(id, item.clone());
            }
        }
        let (next, end) = (&page["@odata.nextLink"], &page["@odata.deltaLink"]);
        assert!(next.is_string() != end.is_string(), "one of the two: {page}");
        let link = next.as_str().or(end.as_str()).unwrap();
        let kind = if end.is_string() { "?$deltatoken=" } else { "?$skiptoken=" };
        assert!(link.contains(kind) && !link.contains('&'), "only a token: {link}");
        link.clone_into(&mut self.link);
        self.pages += 1;
        end.is_string()
    }
}

/// The path and query of a link.
pub(crate) fn path_of(link: &str) -> &str {
    link.strip_prefix(BASE).unwrap_or(link)
}

/// No limit of requests: rounds of small pages need many.
pub(crate) async fn no_limits(play: &Play) {
    play.direct("microsoft/limits", json!({ "requests": null })).await;
}

/// Numbers that look random and follow from the first.
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}
