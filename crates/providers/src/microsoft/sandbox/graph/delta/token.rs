//! Tokens: what they stand for, and how that becomes a text that nobody can make or change.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The bytes of the seal before the content.
const SEAL: usize = 16;

/// What a token stands for: somewhere in a round over something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Point {
    /// The object id of the mailbox.
    pub(in super::super) mailbox: String,
    /// What is enumerated there.
    pub(in super::super) resource: String,
    /// The options of the first request, which every page of every round heeds.
    pub(in super::super) query: String,
    /// Tokens of the mailbox are dead when there is a later generation.
    pub(super) generation: u64,
    /// The last change that the client knew of when the round began. In the first round everything is
    /// told that is there, but only what went after this change is told to be gone.
    pub(in super::super) base: u64,
    pub(in super::super) at: At,
    /// Counts the pages of the round.
    pub(super) page: u32,
    /// Whether it ends a round, and so begins the next one.
    pub(super) ends: bool,
}

/// How far a round has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) enum At {
    /// Going back in time over what is there: everything newer was told, which was so many items.
    Newest(Option<(Timestamp, u64)>, usize),
    /// Going forth over changes: everything up to this one was told, and so many parts of the next.
    Since(u64, usize),
}

impl Point {
    /// The next page of the same round.
    pub(super) fn later(&self, at: At) -> Self {
        Self { at, page: self.page + 1, ends: false, ..self.clone() }
    }

    /// The end of the round: the next one begins after this change.
    pub(super) fn end(&self, change: u64) -> Self {
        Self { at: At::Since(change, 0), base: change, page: 0, ends: true, ..self.clone() }
    }
}

/// The key of one world: tokens of another one are unknown in it.
#[derive(Debug)]
pub(super) struct Sealer(hmac::Key);

impl Sealer {
    pub(super) fn new(secret: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// The token for a point.
    pub(super) fn seal(&self, point: &Point) -> String {
        let content = serde_json::to_vec(point).unwrap_or_default();
        let seal = hmac::sign(&self.0, &content);
        let seal = seal.as_ref().get(..SEAL).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([seal, content.as_slice()].concat())
    }

    /// The point of a token that [`seal`](Self::seal) has made.
    pub(super) fn open(&self, token: &str) -> Option<Point> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let point: Point = serde_json::from_slice(bytes.get(SEAL..)?).ok()?;
        (self.seal(&point) == token).then_some(point)
    }
}

#[cfg(test)]
mod tests {
    use super::{At, Point, Sealer};

    #[test]
    fn a_token_is_good_in_its_own_world_and_unchanged() {
        let point = Point {
            mailbox: "m".to_owned(),
            resource: "folders".to_owned(),
            query: "$select=subject".to_owned(),
            generation: 1,
            base: 7,
            at: At::Newest(Some((jiff::Timestamp::MAX, 3)), 9),
            page: 2,
            ends: false,
        };
        let (one, two) = (Sealer::new("one"), Sealer::new("two"));
        let token = one.seal(&point);
        assert_eq!(one.open(&token), Some(point));
        assert_eq!(two.open(&token), None);
        for changed in ["", "x", &token[1..], &format!("{token}A"), &token.to_lowercase()] {
            assert_eq!(one.open(changed), None, "{changed}");
        }
        let mut middle = token.clone().into_bytes();
        let last = middle.len() - 9;
        middle[last] ^= 1;
        assert_eq!(one.open(&String::from_utf8(middle).unwrap()), None);
    }
}
