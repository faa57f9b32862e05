//! Who asks: users and access keys. Not part of the vault's port; the server and the command line
//! use these directly.

use evergrant::UserId;
use evergrant::store::Stored;
use jiff::Timestamp;

use crate::Store;
use crate::changes::next_revision;
use crate::db::{args, json};
use crate::row::Row;

evergrant::define_id!(
    /// An access key.
    AccessKeyId,
    "key_"
);

/// Somebody who owns integrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their name; no two users have the same.
    pub name: String,
    /// When they were added.
    pub created_at: Timestamp,
}

/// Whose access key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A user's: it reaches what is theirs.
    User(UserId),
    /// A program's, by its name.
    Service(String),
}

/// What a caller of the API proves itself with. The key itself is never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id.
    pub id: AccessKeyId,
    /// Whose it is.
    pub holder: Holder,
    /// SHA-256 of its secret part.
    pub secret_hash: [u8; 32],
    /// What it allows.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The users, read by [`user`].
macro_rules! users {
    ($rest:literal) => {
        concat!("SELECT id, name, created_at FROM users ", $rest)
    };
}

/// The access keys, read by [`key`].
macro_rules! keys {
    ($rest:literal) => {
        concat!(
            "SELECT id, holder_user, holder_service, secret_hash, permissions, created_at, \
                    expires_at, revoked_at \
             FROM access_keys ",
            $rest
        )
    };
}

impl Store {
    /// Adds a user. `false` if the name is taken.
    pub async fn add_user(&self, user: &User) -> Stored<bool> {
        let sql = "INSERT INTO users (id, name, created_at) VALUES ($1, $2, $3) \
                   ON CONFLICT DO NOTHING";
        let args = args![user.id, user.name.as_str(), user.created_at];
        Ok(self.db.run(sql, args).await? == 1)
    }

    /// The user with this id.
    pub async fn user(&self, id: UserId) -> Stored<Option<User>> {
        let row = self.db.one(users!("WHERE id = $1"), args![id]).await?;
        row.as_ref().map(user).transpose()
    }

    /// The user with this name.
    pub async fn user_named(&self, name: &str) -> Stored<Option<User>> {
        let row = self.db.one(users!("WHERE name = $1"), args![name]).await?;
        row.as_ref().map(user).transpose()
    }

    /// Every user, the oldest first.
    pub async fn users(&self) -> Stored<Vec<User>> {
        let rows = self.db.all(users!("ORDER BY id"), args![]).await?;
        rows.iter().map(user).collect()
    }

    /// Adds an access key; a user who holds one must have been added before.
    pub async fn add_key(&self, key: &AccessKey) -> Stored<()> {
        let mut tx = self.db.begin().await?;
        let revision = next_revision(&mut tx).await?;
        let (user, service) = match &key.holder {
            Holder::User(id) => (Some(*id), None),
            Holder::Service(name) => (None, Some(name.clone())),
        };
        let sql = "INSERT INTO access_keys (id, holder_user, holder_service, secret_hash, \
                                            permissions, created_at, expires_at, revoked_at, revision) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let args = args![
            key.id,
            user,
            service,
            &key.secret_hash,
            json(&key.permissions),
            key.created_at,
            key.expires_at,
            key.revoked_at,
            revision,
        ];
        tx.run(sql, args).await?;
        tx.commit().await
    }

    /// The access key with this id, whatever its state.
    pub async fn key(&self, id: AccessKeyId) -> Stored<Option<AccessKey>> {
        let row = self.db.one(keys!("WHERE id = $1"), args![id]).await?;
        row.as_ref().map(key).transpose()
    }

    /// Every access key, the oldest first.
    pub async fn keys(&self) -> Stored<Vec<AccessKey>> {
        let rows = self.db.all(keys!("ORDER BY id"), args![]).await?;
        rows.iter().map(key).collect()
    }

    /// Ends an access key for good. `false` if there is none or it was ended before.
    pub async fn revoke_key(&self, id: AccessKeyId, now: Timestamp) -> Stored<bool> {
        let mut tx = self.db.begin().await?;
        let revision = next_revision(&mut tx).await?;
        let sql = "UPDATE access_keys SET revoked_at = $2, revision = $3 \
                   WHERE id = $1 AND revoked_at IS NULL";
        if tx.run(sql, args![id, now, revision]).await? == 0 {
            tx.rollback().await?;
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}

fn user(row: &Row) -> Stored<User> {
    let fields = row.of("users", "id");
    Ok(User {
        id: fields.id("id")?,
        name: fields.text("name")?,
        created_at: fields.time("created_at")?,
    })
}

fn key(row: &Row) -> Stored<AccessKey> {
    let fields = row.of("access_keys", "id");
    let holder = match fields.text_or_null("holder_service")? {
        Some(name) => Holder::Service(name),
        None => Holder::User(fields.id("holder_user")?),
    };
    Ok(AccessKey {
        id: fields.id("id")?,
        holder,
        secret_hash: fields.bytes32("secret_hash")?,
        permissions: fields.json("permissions")?,
        created_at: fields.time("created_at")?,
        expires_at: fields.time_or_null("expires_at")?,
        revoked_at: fields.time_or_null("revoked_at")?,
    })
}
