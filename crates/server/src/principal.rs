//! Who asks: access keys, their permissions, and the user they act for.

use std::sync::Arc;

use aws_lc_rs::{constant_time, digest};
use axum::extract::FromRequestParts;
use evergrant::news::News;
use evergrant::store::Subject;
use evergrant::{Clock, Entropy, Secret, UserId};
use evergrant_store::{AccessKey, AccessKeyId, Holder, Store};
use http::request::Parts;
use http::{HeaderMap, header};
use jiff::Timestamp;

use crate::App;
use crate::problem::{Code, Problem};

/// Begins every access key, so that scanners recognise a leaked one.
const PREFIX: &str = "evg_";
/// Names the user a service key acts for.
const USER_HEADER: &str = "evergrant-user";
/// Hexadecimal digits of the id, the secret and the check in a key's text.
const DIGITS: (usize, usize, usize) = (32, 40, 8);

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// List and show integrations.
    IntegrationsRead,
    /// Connect, rename, pause and disconnect.
    IntegrationsWrite,
    /// Read access tokens.
    TokensRead,
    /// Read account profiles.
    ProfileRead,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 4] = [
        Self::IntegrationsRead,
        Self::IntegrationsWrite,
        Self::TokensRead,
        Self::ProfileRead,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::IntegrationsRead => "integrations:read",
            Self::IntegrationsWrite => "integrations:write",
            Self::TokensRead => "tokens:read",
            Self::ProfileRead => "profile:read",
        }
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A new access key: what is stored, and the text that is shown once.
pub fn new_key(
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    holder: Holder,
    permissions: &[Permission],
) -> (AccessKey, Secret) {
    let id = AccessKeyId::new(clock, entropy);
    let secret = hex(&evergrant::entropy::random::<20>(entropy));
    let body = format!("{PREFIX}{:032x}_{secret}", id.as_u128());
    let text = Secret::from(format!("{body}{:08x}", crc32(body.as_bytes())));
    let key = AccessKey {
        id,
        holder,
        secret_hash: sha256(&secret),
        permissions: permissions.iter().map(|p| p.name().to_owned()).collect(),
        created_at: clock.now(),
        expires_at: None,
        revoked_at: None,
    };
    (key, text)
}

/// A key's text taken apart; `None` if it is not one. The check tells a typing error or a random
/// string from a key without asking the database.
fn parse(text: &str) -> Option<(AccessKeyId, &str)> {
    let (id, secret, check) = DIGITS;
    let rest = text.strip_prefix(PREFIX)?;
    if rest.len() != id + 1 + secret + check || !rest.is_ascii() || rest.as_bytes()[id] != b'_' {
        return None;
    }
    let (body, given) = text.split_at(text.len() - check);
    if u32::from_str_radix(given, 16).ok()? != crc32(body.as_bytes()) {
        return None;
    }
    let number = u128::from_str_radix(&rest[..id], 16).ok()?;
    Some((
        AccessKeyId::from_u128(number),
        &rest[id + 1..id + 1 + secret],
    ))
}

/// The access keys in memory; as fresh as the [`News`] are, else read from the database.
pub(crate) struct Keys {
    store: Store,
    news: Arc<News>,
    clock: Arc<dyn Clock>,
    memory: Arc<papaya::HashMap<u128, Arc<Known>>>,
    /// Users by name; a name is never given to another user.
    users: papaya::HashMap<String, UserId>,
}

struct Known {
    holder: Holder,
    secret_hash: [u8; 32],
    permissions: u32,
    expires_at: Option<Timestamp>,
}

impl Keys {
    pub(crate) fn new(store: Store, news: Arc<News>, clock: Arc<dyn Clock>) -> Self {
        let memory: Arc<papaya::HashMap<u128, Arc<Known>>> = Arc::default();
        let forgetful = Arc::clone(&memory);
        news.subscribe(move |change| {
            if let Subject::Key(id) = change.subject {
                forgetful.pin().remove(&id);
            }
        });
        Self {
            store,
            news,
            clock,
            memory,
            users: papaya::HashMap::default(),
        }
    }

    async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Problem> {
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim());
        let (id, secret) = bearer.and_then(parse).ok_or_else(unauthenticated)?;
        let known = self.find(id).await?;
        // An unknown key costs the same comparison as a known one.
        let expected = known.as_ref().map_or([0; 32], |known| known.secret_hash);
        let same = constant_time::verify_slices_are_equal(&sha256(secret), &expected).is_ok();
        let known = known.filter(|known| {
            same && known
                .expires_at
                .is_none_or(|expires_at| expires_at > self.clock.now())
        });
        let known = known.ok_or_else(unauthenticated)?;
        let named = headers
            .get(USER_HEADER)
            .map(|value| value.to_str().unwrap_or_default());
        let user = match (&known.holder, named) {
            (Holder::User(user), None) => *user,
            (Holder::User(user), Some(named)) => {
                if self.user(named).await? != Some(*user) {
                    return Err(Problem::new(
                        Code::Forbidden,
                        "A user's key acts for that user alone.",
                    ));
                }
                *user
            }
            (Holder::Service(_), Some(named)) => self.user(named).await?.ok_or_else(|| {
                Problem::new(Code::UserRequired, "`Evergrant-User` names no user.")
            })?,
            (Holder::Service(_), None) => {
                return Err(Problem::new(
                    Code::UserRequired,
                    "The header `Evergrant-User` is missing.",
                ));
            }
        };
        Ok(Principal {
            user,
            permissions: known.permissions,
        })
    }

    async fn find(&self, id: AccessKeyId) -> Result<Option<Arc<Known>>, Problem> {
        let fresh = self.news.fresh();
        if fresh && let Some(known) = self.memory.pin().get(&id.as_u128()) {
            return Ok(Some(Arc::clone(known)));
        }
        let key = match self.store.key(id).await {
            Ok(key) => key,
            // While the database is away nothing can have been revoked there.
            Err(error) => {
                return self
                    .memory
                    .pin()
                    .get(&id.as_u128())
                    .cloned()
                    .map(Some)
                    .ok_or(error.into());
            }
        };
        let Some(key) = key.filter(|key| key.revoked_at.is_none()) else {
            self.memory.pin().remove(&id.as_u128());
            return Ok(None);
        };
        let known = Arc::new(Known {
            permissions: Permission::ALL
                .iter()
                .filter(|p| key.permissions.iter().any(|name| name == p.name()))
                .fold(0, |all, p| all | p.bit()),
            holder: key.holder,
            secret_hash: key.secret_hash,
            expires_at: key.expires_at,
        });
        self.memory.pin().insert(id.as_u128(), Arc::clone(&known));
        Ok(Some(known))
    }

    /// The user of this name or id.
    async fn user(&self, named: &str) -> Result<Option<UserId>, Problem> {
        if let Some(user) = self.users.pin().get(named) {
            return Ok(Some(*user));
        }
        let user = match named.parse() {
            Ok(id) => self.store.user(id).await?,
            Err(_) => self.store.user_named(named).await?,
        };
        Ok(user.map(|user| {
            self.users.pin().insert(named.to_owned(), user.id);
            user.id
        }))
    }
}

/// Who asks, and what for they may.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Principal {
    /// The user whose integrations are meant; nobody else's are ever found.
    pub(crate) user: UserId,
    permissions: u32,
}

impl Principal {
    /// The user, if the key has this permission.
    pub(crate) fn may(self, permission: Permission) -> Result<UserId, Problem> {
        if self.permissions & permission.bit() == 0 {
            let detail = format!("The access key lacks the permission {}.", permission.name());
            return Err(Problem::new(Code::Forbidden, detail).with("permission", permission.name()));
        }
        Ok(self.user)
    }
}

impl FromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.0.keys.authenticate(&parts.headers).await
    }
}

/// Who asks, where a request may also come from a browser without a key.
pub(crate) struct Visitor(pub(crate) Option<Principal>);

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        Principal::from_request_parts(parts, app)
            .await
            .map(|principal| Self(Some(principal)))
    }
}

fn unauthenticated() -> Problem {
    Problem::new(
        Code::Unauthenticated,
        "The request carries no valid access key.",
    )
}

fn sha256(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// CRC-32 as in IEEE 802.3; finds typing errors, proves nothing.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "evg_0198c5a6b7c8d9e0f1a2b3c4d5e6f708_00112233445566778899aabbccddeeff00112233";

    #[test]
    fn the_check_is_the_standard_crc() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_key_is_read_whole_or_not_at_all() {
        let text = format!("{KEY}{:08x}", crc32(KEY.as_bytes()));
        let (id, secret) = parse(&text).unwrap();
        assert_eq!(id.to_string(), "key_0198c5a6b7c8d9e0f1a2b3c4d5e6f708");
        assert_eq!(secret, "00112233445566778899aabbccddeeff00112233");
        for at in 0..text.len() {
            assert!(parse(&text[..at]).is_none());
            let mut other = text.clone().into_bytes();
            other[at] ^= 1;
            assert!(
                parse(&String::from_utf8(other).unwrap()).is_none(),
                "position {at}"
            );
        }
        assert!(parse(&format!("{text}0")).is_none());
    }
}
