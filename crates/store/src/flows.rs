//! Sign-ins under way.

use evergrant::UserId;
use evergrant::provider::ProviderKey;
use evergrant::seal::Sealed;
use evergrant::store::{Flow, Stored, Way};
use jiff::Timestamp;

use crate::db::{Db, args, json};
use crate::row::Row;

/// What [`flow`] reads.
macro_rules! columns {
    () => {
        "state_hash, owner, provider, redirect_uri, scopes, integration, key_id, token, \
         expires_at, way"
    };
}

/// The flow that may be taken out: of this state, this provider, this owner, and not timed out.
macro_rules! good {
    () => {
        "state_hash = $1 AND provider = $2 AND owner = COALESCE($3, owner) AND expires_at > $4"
    };
}

pub(crate) async fn put(db: &Db, flow: &Flow, now: Timestamp) -> Stored<()> {
    tidy(db, now).await?;
    // Two flows never share a state in earnest; a repeated call after a lost answer does.
    let sql = "INSERT INTO flows (state_hash, owner, provider, redirect_uri, scopes, integration, \
                                  key_id, token, expires_at, way) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (state_hash) DO NOTHING";
    let args = args![
        &flow.state_hash,
        flow.owner,
        flow.provider.as_str(),
        flow.redirect_uri.as_str(),
        json(&flow.scopes),
        flow.integration,
        flow.sealed.key.as_str(),
        flow.sealed.token.as_str(),
        flow.expires_at,
        flow.way.name(),
    ];
    db.run(sql, args).await.map(drop)
}

/// Forgets those that timed out.
pub(crate) async fn tidy(db: &Db, now: Timestamp) -> Stored<()> {
    db.run("DELETE FROM flows WHERE expires_at <= $1", args![now]).await.map(drop)
}

pub(crate) async fn take(
    db: &Db,
    state_hash: &[u8; 32],
    provider: &ProviderKey,
    owner: Option<UserId>,
    now: Timestamp,
) -> Stored<Option<Flow>> {
    // One statement: of two that come with the same state, one deletes the row and has it.
    let sql = concat!("DELETE FROM flows WHERE ", good!(), " RETURNING ", columns!());
    let args = args![state_hash, provider.as_str(), owner, now];
    db.one(sql, args).await?.map(|row| flow(&row)).transpose()
}

pub(crate) async fn find(
    db: &Db,
    state_hash: &[u8; 32],
    provider: &ProviderKey,
    owner: Option<UserId>,
    now: Timestamp,
) -> Stored<Option<Flow>> {
    let sql = concat!("SELECT ", columns!(), " FROM flows WHERE ", good!());
    let args = args![state_hash, provider.as_str(), owner, now];
    db.one(sql, args).await?.map(|row| flow(&row)).transpose()
}

fn flow(row: &Row) -> Stored<Flow> {
    let fields = row.of("flows", "owner");
    Ok(Flow {
        state_hash: fields.bytes32("state_hash")?,
        owner: fields.id("owner")?,
        provider: fields.text("provider")?.as_str().into(),
        redirect_uri: fields.text("redirect_uri")?,
        scopes: fields.json("scopes")?,
        integration: fields.id_or_null("integration")?,
        sealed: Sealed {
            key: fields.text("key_id")?.as_str().into(),
            token: fields.text("token")?,
        },
        expires_at: fields.time("expires_at")?,
        way: match fields.text("way")?.as_str() {
            "direct" => Way::Direct,
            "device" => Way::Device,
            other => return Err(fields.unreadable("way", format_args!("unknown way {other:?}"))),
        },
    })
}
