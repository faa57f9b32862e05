//! Who asks: access keys, their permissions, and the user they act for.

use aws_lc_rs::digest;
use axum::extract::FromRequestParts;
use evergrant::{Clock, Entropy, Secret, UserId};
use evergrant_store::{AccessKey, AccessKeyId, Holder};
use http::header;
use http::request::Parts;

use crate::App;
use crate::problem::{Code, Problem};

/// Begins every access key, so that scanners recognise a leaked one.
const PREFIX: &str = "evg_";
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
    /// Read calendars, and ask who is free when.
    CalendarRead,
    /// Create, change and cancel events, and answer invitations; an event that is written is shown.
    CalendarWrite,
    /// Read messages, attachments and a mailbox's settings.
    MailRead,
    /// Change, move and delete messages, write drafts, and change a mailbox's settings; what is written
    /// is shown.
    MailWrite,
    /// Send messages in the account's name.
    MailSend,
    /// Read online meetings.
    MeetingsRead,
    /// Create, change and cancel online meetings; with an event in a calendar this takes
    /// [`Permission::CalendarWrite`], too. A meeting that is written is shown.
    MeetingsWrite,
    /// Read markets and prices, and the accounts that trade: their money, positions, orders and history.
    MarketsRead,
    /// Make and change lists of markets.
    MarketsWrite,
    /// Deal: open, change and close positions, place, change and cancel orders. Dealing moves money.
    MarketsTrade,
    /// See the registrations at providers and what the operator is told.
    OperationsRead,
    /// Connect the operator's registration itself, which may reach a whole organisation.
    ApplicationsConnect,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 16] = [
        Self::IntegrationsRead,
        Self::IntegrationsWrite,
        Self::TokensRead,
        Self::ProfileRead,
        Self::CalendarRead,
        Self::CalendarWrite,
        Self::MailRead,
        Self::MailWrite,
        Self::MailSend,
        Self::MeetingsRead,
        Self::MeetingsWrite,
        Self::MarketsRead,
        Self::MarketsWrite,
        Self::MarketsTrade,
        Self::OperationsRead,
        Self::ApplicationsConnect,
    ];

    /// Those about users' own accounts: what a key has that asked for none, or for all. The others
    /// must be asked for by name: what reaches a whole organisation, and what moves money.
    pub const USUAL: [Self; 13] = [
        Self::IntegrationsRead,
        Self::IntegrationsWrite,
        Self::TokensRead,
        Self::ProfileRead,
        Self::CalendarRead,
        Self::CalendarWrite,
        Self::MailRead,
        Self::MailWrite,
        Self::MailSend,
        Self::MeetingsRead,
        Self::MeetingsWrite,
        Self::MarketsRead,
        Self::MarketsWrite,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::IntegrationsRead => "integrations:read",
            Self::IntegrationsWrite => "integrations:write",
            Self::TokensRead => "tokens:read",
            Self::ProfileRead => "profile:read",
            Self::CalendarRead => "calendar:read",
            Self::CalendarWrite => "calendar:write",
            Self::MailRead => "mail:read",
            Self::MailWrite => "mail:write",
            Self::MailSend => "mail:send",
            Self::MeetingsRead => "meetings:read",
            Self::MeetingsWrite => "meetings:write",
            Self::MarketsRead => "markets:read",
            Self::MarketsWrite => "markets:write",
            Self::MarketsTrade => "markets:trade",
            Self::OperationsRead => "operations:read",
            Self::ApplicationsConnect => "applications:connect",
        }
    }

    pub(crate) fn bit(self) -> u32 {
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
        secret_hash: sha256(text.expose()),
        permissions: permissions.iter().map(|p| p.name().to_owned()).collect(),
        created_at: clock.now(),
        expires_at: None,
        revoked_at: None,
    };
    (key, text)
}

/// The id in a key's text; `None` if it does not have a key's form.
pub(crate) fn id_of(text: &str) -> Option<AccessKeyId> {
    let (id, secret, check) = DIGITS;
    let rest = text.strip_prefix(PREFIX)?;
    if rest.len() != id + 1 + secret + check || !rest.is_ascii() || rest.as_bytes()[id] != b'_' {
        return None;
    }
    evergrant::id::from_digits(&rest[..id]).map(AccessKeyId::from_u128)
}

/// Whether the check at the end of a key's text is right: it tells a typing error or a random
/// string from a key without asking the database.
pub(crate) fn checks(text: &str) -> bool {
    let (body, given) = text.split_at(text.len() - DIGITS.2);
    u32::from_str_radix(given, 16).is_ok_and(|given| given == crc32(body.as_bytes()))
}

/// Who asks, and what for they may.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Principal {
    /// The user whose integrations are meant; nobody else's are ever found.
    user: UserId,
    permissions: u32,
}

impl Principal {
    pub(crate) fn new(user: UserId, permissions: u32) -> Self {
        Self { user, permissions }
    }

    /// The user, whatever the key may do.
    pub(crate) fn user(self) -> UserId {
        self.user
    }

    /// The user, if the key has this permission.
    pub(crate) fn may(self, permission: Permission) -> Result<UserId, Problem> {
        holds(self.permissions, permission).map(|()| self.user)
    }
}

/// Refuses a key without this permission.
fn holds(permissions: u32, permission: Permission) -> Result<(), Problem> {
    if permissions & permission.bit() == 0 {
        let detail = format!("The access key lacks the permission {}.", permission.name());
        return Err(Problem::new(Code::Forbidden, detail).with("permission", permission.name()));
    }
    Ok(())
}

impl FromRequestParts<App> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.0.keys.authenticate(&parts.headers).await
    }
}

/// Who asks about the deployment as a whole: no user is meant, so a service key need not name one.
pub(crate) struct Operator(u32);

impl Operator {
    /// Refuses a key without this permission.
    pub(crate) fn may(&self, permission: Permission) -> Result<(), Problem> {
        holds(self.0, permission)
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.0.keys.permissions(&parts.headers).await.map(Self)
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
        Principal::from_request_parts(parts, app).await.map(|principal| Self(Some(principal)))
    }
}

pub(crate) fn sha256(text: &str) -> [u8; 32] {
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
        let id = id_of(&text).unwrap();
        assert_eq!(id.to_string(), "key_0198c5a6b7c8d9e0f1a2b3c4d5e6f708");
        assert!(checks(&text));
        for at in 0..text.len() {
            assert!(id_of(&text[..at]).is_none());
            let mut other = text.clone().into_bytes();
            other[at] ^= 1;
            let other = String::from_utf8(other).unwrap();
            assert!(id_of(&other).is_none() || !checks(&other), "position {at}");
        }
        assert!(id_of(&format!("{text}0")).is_none());
    }
}
