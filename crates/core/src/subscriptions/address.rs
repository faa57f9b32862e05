//! The address of a subscription: who knows it may knock, nobody else.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use crate::provider::ProviderKey;
use crate::store::FeedId;
use crate::{Entropy, Secret};

/// How much of a feed's name its addresses begin with, in bytes.
const TAG: usize = 9;
/// How long an address's secret is as text: the feed's tag, and 256 random bits.
const LENGTH: usize = 12 + 43;

/// A secret that nobody can guess: 256 random bits.
pub(super) fn secret(entropy: &dyn Entropy) -> Secret {
    URL_SAFE_NO_PAD.encode(crate::entropy::random::<32>(entropy)).into()
}

/// SHA-256 of a secret, as it is stored.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
    hash
}

/// The hash of a text that may be the secret of an address.
pub(super) fn address_hash(secret: &str) -> Option<[u8; 32]> {
    (secret.len() == LENGTH).then(|| hash(secret))
}

/// A new address of a feed's subscription.
pub(super) struct NewAddress {
    /// The whole of it.
    pub(super) url: Url,
    /// What all addresses of this feed begin with.
    pub(super) ours: String,
    /// The hash of its secret.
    pub(super) hash: [u8; 32],
}

impl NewAddress {
    pub(super) fn new(
        base: &Url,
        provider: &ProviderKey,
        id: FeedId,
        entropy: &dyn Entropy,
    ) -> Result<Self, url::ParseError> {
        let secret = Secret::from(format!("{}{}", tag(id), self::secret(entropy).expose()));
        let below = below(base, provider)?;
        Ok(Self {
            url: below.join(&format!("./{}/", secret.expose()))?,
            ours: ours(base, provider, id)?,
            hash: hash(secret.expose()),
        })
    }
}

/// What all addresses of a feed begin with.
pub(super) fn ours(
    base: &Url,
    provider: &ProviderKey,
    id: FeedId,
) -> Result<String, url::ParseError> {
    Ok(format!("{}{}", below(base, provider)?, tag(id)))
}

fn below(base: &Url, provider: &ProviderKey) -> Result<Url, url::ParseError> {
    base.join(&format!("{provider}/"))
}

fn tag(id: FeedId) -> String {
    let name = format!("{} {}", id.integration, id.feed);
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, name.as_bytes()).as_ref()[..TAG])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::FeedKind;
    use crate::id::IntegrationId;
    use crate::testing::SeededEntropy;

    #[test]
    fn addresses_of_one_feed_begin_alike_and_no_others_do() {
        let base: Url = "https://grants.example/below/api/notifications/".parse().unwrap();
        let entropy = SeededEntropy::new(7);
        let new = |n, feed| {
            let id = FeedId { integration: IntegrationId::from_u128(n), feed };
            NewAddress::new(&base, &"acme_calendar".into(), id, &entropy).unwrap()
        };
        let (one, again) = (new(1, FeedKind::Email), new(1, FeedKind::Email));
        assert_eq!(one.ours, again.ours);
        assert_ne!(one.url, again.url);
        for address in [&one, &again] {
            let rest = address.url.as_str().strip_prefix(base.as_str()).unwrap();
            let secret = rest.strip_prefix("acme_calendar/").unwrap().strip_suffix('/').unwrap();
            assert_eq!(address_hash(secret), Some(address.hash));
            assert!(address.url.as_str().starts_with(&one.ours), "{}", address.url);
        }
        for other in [new(1, FeedKind::Calendar), new(2, FeedKind::Email)] {
            assert!(!other.url.as_str().starts_with(&one.ours));
        }
        assert_eq!(address_hash("short"), None);
    }
}
