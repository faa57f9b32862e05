//! The outbox: grants that must still be revoked at their provider.

use evergrant::id::DebtId;
use evergrant::seal::Sealed;
use evergrant::store::{Debt, Stored};
use jiff::Timestamp;

use crate::db::{Db, Tx, args};
use crate::row::Row;

/// The same debt may be taken note of again: its id decides.
macro_rules! insert {
    ($on:expr, $debt:expr) => {{
        let debt: &Debt = $debt;
        let sql = "INSERT INTO debts (id, integration, provider, epoch, key_id, token, tries, \
                                      since, due_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING";
        let args = args![
            debt.id,
            debt.integration,
            debt.provider.as_str(),
            debt.epoch,
            debt.sealed.key.as_str(),
            debt.sealed.token.as_str(),
            debt.tries,
            debt.since,
            debt.due_at,
        ];
        $on.run(sql, args).await.map(drop)
    }};
}

pub(crate) async fn owe(db: &Db, debt: &Debt) -> Stored<()> {
    insert!(db, debt)
}

/// Takes note of it if the transaction is committed.
pub(crate) async fn owe_in(tx: &mut Tx, debt: &Debt) -> Stored<()> {
    insert!(tx, debt)
}

pub(crate) async fn claim(
    db: &Db,
    now: Timestamp,
    again: Timestamp,
    limit: u32,
) -> Stored<Vec<Debt>> {
    // The condition stands twice, as in `grants::claim_due`: a replica that waited for another's
    // claim looks at the row anew, and only the outer one is asked again then.
    let sql = "UPDATE debts SET due_at = $2, tries = tries + 1 \
               WHERE due_at <= $1 AND id IN ( \
                   SELECT id FROM debts WHERE due_at <= $1 ORDER BY due_at, id LIMIT $3) \
               RETURNING id, integration, provider, epoch, key_id, token, tries, since, due_at";
    let rows = db.all(sql, args![now, again, i64::from(limit)]).await?;
    rows.iter().map(debt).collect()
}

pub(crate) async fn settle(db: &Db, debt: DebtId) -> Stored<()> {
    db.run("DELETE FROM debts WHERE id = $1", args![debt]).await.map(drop)
}

pub(crate) async fn count(db: &Db) -> Stored<i64> {
    let row = db.one("SELECT COUNT(*) AS debts FROM debts", args![]).await?;
    row.map_or(Ok(0), |row| row.number("debts", "debts"))
}

fn debt(row: &Row) -> Stored<Debt> {
    let fields = row.of("debts", "id");
    Ok(Debt {
        id: fields.id("id")?,
        integration: fields.id("integration")?,
        provider: fields.text("provider")?.as_str().into(),
        epoch: fields.int("epoch")?,
        sealed: Sealed {
            key: fields.text("key_id")?.as_str().into(),
            token: fields.text("token")?,
        },
        tries: fields.int("tries")?,
        since: fields.time("since")?,
        due_at: fields.time("due_at")?,
    })
}
