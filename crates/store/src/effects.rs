//! Effects at providers that callers named with a key of theirs: who is at it, and what came of it.
//!
//! Not part of the vault's port; the server and the command line use this directly.
//!
//! Invariant: of all who claim one effect, one has it at a time; and once its answer is kept, nobody
//! does. A claim is a lease on the database's clock, so that a process that dies does not keep it.

use std::time::Duration;

use evergrant::IntegrationId;
use evergrant::clock::later;
use evergrant::seal::Sealed;
use evergrant::store::Stored;

use crate::Store;
use crate::db::{Db, Tx, args};

evergrant::define_id!(
    /// One claim of an effect.
    ClaimId,
    "clm_"
);

/// An effect as somebody wants to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Names it; a digest of whose it is and of its key.
    pub id: String,
    /// The integration it is had with.
    pub integration: IntegrationId,
    /// SHA-256 of the request.
    pub request: [u8; 32],
    /// Who claims it.
    pub claim: ClaimId,
}

/// What an effect was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body's type.
    pub content_type: Option<String>,
    /// The body, sealed for the effect's id.
    pub body: Sealed,
}

/// What comes of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It is the claimer's to have.
    Granted {
        /// Whether another claim of it ended without an answer: what it was for may have been had.
        tried: bool,
    },
    /// Another has claimed it and is at it.
    Busy,
    /// Its key was used for another request.
    Mismatch,
    /// It was had before.
    Answered(EffectAnswer),
}

impl Store {
    /// Claims an effect for as long as `lease`; it is known for as long as `kept`.
    pub async fn claim_effect(
        &self,
        effect: &Effect,
        lease: Duration,
        kept: Duration,
    ) -> Stored<Claimed> {
        let now = evergrant::store::GrantStore::now(self).await?;
        let (leased_until, expires_at) = (later(now, lease), later(now, kept));
        // One that was known for long enough is another one altogether by now.
        let sql = "INSERT INTO effects (id, integration, request, claim, leased_until, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (id) DO UPDATE \
                   SET request = excluded.request, claim = excluded.claim, \
                       leased_until = excluded.leased_until, expires_at = excluded.expires_at, \
                       status = NULL, content_type = NULL, key_id = NULL, token = NULL \
                   WHERE effects.expires_at <= $7";
        let args = args![
            effect.id.as_str(),
            effect.integration,
            &effect.request,
            effect.claim,
            leased_until,
            expires_at,
            now,
        ];
        if self.db.run(sql, args).await? == 1 {
            return Ok(Claimed::Granted { tried: false });
        }
        // Whoever had it has died, or has given it up without knowing what came of it.
        let sql = "UPDATE effects SET claim = $3, leased_until = $4, expires_at = $5 \
                   WHERE id = $1 AND request = $2 AND status IS NULL AND leased_until <= $6";
        let args = args![
            effect.id.as_str(),
            &effect.request,
            effect.claim,
            leased_until,
            expires_at,
            now,
        ];
        if self.db.run(sql, args).await? == 1 {
            return Ok(Claimed::Granted { tried: true });
        }
        found(&self.db, effect).await
    }

    /// Keeps a claim for as long as `lease` from now on. `false` if it is another's.
    pub async fn renew_effect(&self, effect: &Effect, lease: Duration) -> Stored<bool> {
        let now = evergrant::store::GrantStore::now(self).await?;
        let sql = "UPDATE effects SET leased_until = $3 \
                   WHERE id = $1 AND claim = $2 AND status IS NULL";
        let args = args![effect.id.as_str(), effect.claim, later(now, lease)];
        Ok(self.db.run(sql, args).await? == 1)
    }

    /// Keeps what came of an effect, for as long as `kept`. `false` if the claim is another's.
    pub async fn answer_effect(
        &self,
        effect: &Effect,
        answer: &EffectAnswer,
        kept: Duration,
    ) -> Stored<bool> {
        let now = evergrant::store::GrantStore::now(self).await?;
        let sql = "UPDATE effects SET status = $3, content_type = $4, key_id = $5, token = $6, \
                                      expires_at = $7 \
                   WHERE id = $1 AND claim = $2 AND status IS NULL";
        let args = args![
            effect.id.as_str(),
            effect.claim,
            i64::from(answer.status),
            answer.content_type.clone(),
            answer.body.key.as_str(),
            answer.body.token.as_str(),
            later(now, kept),
        ];
        Ok(self.db.run(sql, args).await? == 1)
    }

    /// Ends a claim whose effect may have been had or not: the same request may claim it again.
    pub async fn release_effect(&self, effect: &Effect) -> Stored<()> {
        let sql = "UPDATE effects SET leased_until = 0 \
                   WHERE id = $1 AND claim = $2 AND status IS NULL";
        self.db.run(sql, args![effect.id.as_str(), effect.claim]).await.map(drop)
    }

    /// Forgets an effect that nobody tried to have: its key is as good as new.
    pub async fn forget_effect(&self, effect: &Effect) -> Stored<()> {
        let sql = "DELETE FROM effects WHERE id = $1 AND claim = $2 AND status IS NULL";
        self.db.run(sql, args![effect.id.as_str(), effect.claim]).await.map(drop)
    }
}

/// Why an effect is not the claimer's.
async fn found(db: &Db, effect: &Effect) -> Stored<Claimed> {
    let sql = "SELECT id, request, status, content_type, key_id, token FROM effects WHERE id = $1";
    let Some(row) = db.one(sql, args![effect.id.as_str()]).await? else {
        // It was forgotten at this very moment: whoever asks again has it.
        return Ok(Claimed::Busy);
    };
    let fields = row.of("effects", "id");
    if fields.bytes32("request")? != effect.request {
        return Ok(Claimed::Mismatch);
    }
    let Some(status) = fields.int_or_null("status")? else { return Ok(Claimed::Busy) };
    Ok(Claimed::Answered(EffectAnswer {
        status: u16::try_from(status).map_err(|e| fields.unreadable("status", e))?,
        content_type: fields.text_or_null("content_type")?,
        body: Sealed { key: fields.text("key_id")?.as_str().into(), token: fields.text("token")? },
    }))
}

/// Forgets what was had with an integration that is no more.
pub(crate) async fn forget_all(tx: &mut Tx, integration: IntegrationId) -> Stored<()> {
    tx.run("DELETE FROM effects WHERE integration = $1", args![integration]).await.map(drop)
}

/// Forgets what was known for long enough.
pub(crate) async fn tidy(db: &Db, now: jiff::Timestamp) -> Stored<()> {
    db.run("DELETE FROM effects WHERE expires_at <= $1", args![now]).await.map(drop)
}
