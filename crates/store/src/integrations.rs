//! Integrations: connected, found by their owner alone, edited, marked, ended.
//!
//! Whatever changes one begins with [`next_revision`], so these transactions run one after the
//! other. Within them rows are locked in one order, `integrations`, `grants`, `intents`, which is
//! also the order of a commit: no two wait for each other.

use evergrant::id::DebtId;
use evergrant::integration::{Integration, Status};
use evergrant::provider::{Failure, ProviderKey};
use evergrant::store::{Debt, Edit, GrantRow, NewIntegration, Stored};
use evergrant::{IntegrationId, Lineage, UserId};
use jiff::Timestamp;

use crate::changes::next_revision;
use crate::db::{Db, args, json};
use crate::row::{Fields, Row};
use crate::{attempts, debts, effects, grants, intents};

/// The live integrations, read by [`integration`].
macro_rules! live {
    ($where:literal) => {
        concat!(
            "SELECT id, owner, provider, label, account, scopes, status, why, since, created_at, \
                    updated_at, epoch \
             FROM integrations WHERE disconnected_at IS NULL AND ",
            $where
        )
    };
}

pub(crate) async fn find_account(
    db: &Db,
    owner: UserId,
    provider: &ProviderKey,
    account: &str,
) -> Stored<Option<Integration>> {
    let sql = live!("owner = $1 AND provider = $2 AND account_id = $3");
    let row = db.one(sql, args![owner, provider.as_str(), account]).await?;
    row.as_ref().map(integration).transpose()
}

pub(crate) async fn find(db: &Db, owner: UserId, id: IntegrationId) -> Stored<Option<Integration>> {
    let row = db.one(live!("owner = $1 AND id = $2"), args![owner, id]).await?;
    row.as_ref().map(integration).transpose()
}

pub(crate) async fn list(
    db: &Db,
    owner: UserId,
    after: Option<IntegrationId>,
    limit: u32,
) -> Stored<Vec<Integration>> {
    let sql = live!("owner = $1 AND id > $2 ORDER BY id LIMIT $3");
    // Every id has a prefix, so the empty text comes before them all.
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows = db.all(sql, args![owner, after, i64::from(limit)]).await?;
    rows.iter().map(integration).collect()
}

pub(crate) async fn owner_of(db: &Db, id: IntegrationId) -> Stored<Option<UserId>> {
    let sql = "SELECT id, owner FROM integrations WHERE id = $1 AND disconnected_at IS NULL";
    let row = db.one(sql, args![id]).await?;
    row.map(|row| row.of("integrations", "id").id("owner")).transpose()
}

pub(crate) async fn connect(db: &Db, new: &NewIntegration) -> Stored<bool> {
    let mut tx = db.begin().await?;
    let revision = next_revision(&mut tx).await?;
    let it = &new.integration;
    let (status, why, since) = status_columns(&it.status);
    let sql = "INSERT INTO integrations (id, owner, provider, label, account_id, account, scopes, \
                                         status, why, since, created_at, updated_at, epoch, revision) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
               ON CONFLICT DO NOTHING";
    let args = args![
        it.id,
        it.owner,
        it.provider.as_str(),
        it.label.as_str(),
        it.account.id.as_str(),
        json(&it.account),
        json(&it.scopes),
        status,
        why,
        since,
        it.created_at,
        it.updated_at,
        it.epoch,
        revision,
    ];
    if tx.run(sql, args).await? == 0 {
        tx.rollback().await?;
        return Ok(false);
    }
    grants::insert(&mut tx, it.id, it.epoch, &new.grant).await?;
    tx.commit().await?;
    Ok(true)
}

pub(crate) async fn reconnect(db: &Db, new: &NewIntegration) -> Stored<bool> {
    let mut tx = db.begin().await?;
    let revision = next_revision(&mut tx).await?;
    let it = &new.integration;
    let sql = "UPDATE integrations \
               SET account_id = $4, account = $5, scopes = $6, status = 'active', why = NULL, \
                   since = NULL, updated_at = $7, epoch = $8, revision = $9 \
               WHERE id = $1 AND owner = $2 AND provider = $3 AND disconnected_at IS NULL \
                 AND epoch = $8 - 1 AND NOT EXISTS ( \
                     SELECT 1 FROM integrations other \
                     WHERE other.owner = $2 AND other.provider = $3 AND other.account_id = $4 \
                       AND other.id <> $1 AND other.disconnected_at IS NULL)";
    let args = args![
        it.id,
        it.owner,
        it.provider.as_str(),
        it.account.id.as_str(),
        json(&it.account),
        json(&it.scopes),
        it.updated_at,
        it.epoch,
        revision,
    ];
    if tx.run(sql, args).await? == 0 {
        tx.rollback().await?;
        return Ok(false);
    }
    grants::replace(&mut tx, it.id, it.epoch, &new.grant).await?;
    intents::end_any(&mut tx, it.id).await?;
    tx.commit().await?;
    Ok(true)
}

pub(crate) async fn edit(
    db: &Db,
    owner: UserId,
    id: IntegrationId,
    edit: &Edit,
    now: Timestamp,
) -> Stored<Option<Integration>> {
    let mut tx = db.begin().await?;
    let revision = next_revision(&mut tx).await?;
    let row = tx.one(live!("owner = $1 AND id = $2"), args![owner, id]).await?;
    let before = row.as_ref().map(integration).transpose()?;
    let mut after = before.clone();
    if let Some(after) = &mut after {
        edit.apply(after);
    }
    if before == after {
        tx.rollback().await?;
        return Ok(before);
    }
    if let Some(after) = &mut after {
        after.updated_at = now;
        let (status, ..) = status_columns(&after.status);
        let sql = "UPDATE integrations SET label = $2, status = $3, updated_at = $4, revision = $5 \
                   WHERE id = $1";
        let args = args![id, after.label.as_str(), status, now, revision];
        tx.run(sql, args).await?;
    }
    tx.commit().await?;
    Ok(after)
}

pub(crate) async fn disconnect(
    db: &Db,
    owner: UserId,
    id: IntegrationId,
    now: Timestamp,
    debt: Option<DebtId>,
) -> Stored<Option<GrantRow>> {
    let mut tx = db.begin().await?;
    let revision = next_revision(&mut tx).await?;
    let sql = "SELECT id, owner, provider, status, why, since, revision FROM integrations \
               WHERE owner = $1 AND id = $2 AND disconnected_at IS NULL";
    let Some(row) = tx.one(sql, args![owner, id]).await? else {
        tx.rollback().await?;
        return Ok(None);
    };
    // What names the person goes with the grant; what others must learn stays.
    let sql = "UPDATE integrations \
               SET label = '', account_id = '', account = '', scopes = '', epoch = epoch + 1, \
                   updated_at = $2, disconnected_at = $2, revision = $3 \
               WHERE id = $1";
    tx.run(sql, args![id, now, revision]).await?;
    let ended = grants::delete(&mut tx, id).await?;
    intents::end_any(&mut tx, id).await?;
    attempts::forget(&mut tx, id).await?;
    effects::forget_all(&mut tx, id).await?;
    let ended = ended.map(|grant| grants::grant_row(&row, &grant)).transpose()?;
    if let (Some(debt), Some(ended)) = (debt, &ended) {
        let debt = Debt {
            id: debt,
            integration: id,
            provider: ended.provider.clone(),
            epoch: ended.version.epoch,
            sealed: ended.grant.sealed.clone(),
            tries: 0,
            since: now,
            due_at: now,
        };
        debts::owe_in(&mut tx, &debt).await?;
    }
    tx.commit().await?;
    Ok(ended)
}

pub(crate) async fn mark(
    db: &Db,
    id: IntegrationId,
    epoch: i64,
    lineage: Lineage,
    why: &Failure,
    since: Timestamp,
) -> Stored<bool> {
    let mut tx = db.begin().await?;
    let revision = next_revision(&mut tx).await?;
    let sql = "UPDATE integrations \
               SET status = 'needs_reconnect', why = $2, since = $3, updated_at = $3, revision = $4 \
               WHERE id = $1 AND status = 'active' AND disconnected_at IS NULL";
    let marked = tx.run(sql, args![id, json(why), since, revision]).await? == 1;
    // Holds the grant still until commit: a refresh that succeeds meanwhile either came first, and
    // then this is not the grant that was refused, or comes after the mark.
    if marked && grants::hold(&mut tx, id, epoch, lineage).await? {
        tx.commit().await?;
        return Ok(true);
    }
    tx.rollback().await?;
    Ok(false)
}

pub(crate) async fn census(db: &Db) -> Stored<Vec<(ProviderKey, String, i64)>> {
    let sql = "SELECT provider, status, COUNT(*) AS live FROM integrations \
               WHERE disconnected_at IS NULL GROUP BY provider, status ORDER BY provider, status";
    let rows = db.all(sql, args![]).await?;
    rows.iter()
        .map(|row| {
            let row = row.of("integrations", "provider");
            Ok((row.text("provider")?.as_str().into(), row.text("status")?, row.int("live")?))
        })
        .collect()
}

fn integration(row: &Row) -> Stored<Integration> {
    let fields = row.of("integrations", "id");
    Ok(Integration {
        id: fields.id("id")?,
        owner: fields.id("owner")?,
        provider: fields.text("provider")?.as_str().into(),
        label: fields.text("label")?,
        account: fields.json("account")?,
        status: status(&fields)?,
        scopes: fields.json("scopes")?,
        created_at: fields.time("created_at")?,
        updated_at: fields.time("updated_at")?,
        epoch: fields.int("epoch")?,
    })
}

/// The columns `status`, `why` and `since`.
fn status_columns(status: &Status) -> (&'static str, Option<String>, Option<Timestamp>) {
    match status {
        Status::Active => ("active", None, None),
        Status::Paused => ("paused", None, None),
        Status::NeedsReconnect { why, since } => ("needs_reconnect", Some(json(why)), Some(*since)),
    }
}

/// Reads them back.
pub(crate) fn status(fields: &Fields<'_>) -> Stored<Status> {
    match fields.text("status")?.as_str() {
        "active" => Ok(Status::Active),
        "paused" => Ok(Status::Paused),
        "needs_reconnect" => {
            Ok(Status::NeedsReconnect { why: fields.json("why")?, since: fields.time("since")? })
        }
        other => Err(fields.unreadable("status", format_args!("unknown status {other:?}"))),
    }
}
