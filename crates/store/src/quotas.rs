//! What providers allow, counted for all processes.
//!
//! Invariant: the draws of an allowance that count at one time never exceed it, whoever draws; each
//! draw holds its allowance's row from the count until it is written.

use std::time::Duration;

use async_trait::async_trait;
use evergrant::clock::{later, until};
use evergrant::id::TurnId;
use evergrant::quota::{Came, Drawn, Left, NamedDraw, Rule, UNANSWERED, opens};
use evergrant::store::{GrantStore, QuotaStore, Stored};
use jiff::Timestamp;

use crate::Store;
use crate::db::{Db, Tx, args};

#[async_trait]
impl QuotaStore for Store {
    async fn draw(&self, turn: TurnId, draws: &[NamedDraw], always: bool) -> Stored<Drawn> {
        let now = self.now().await?;
        let mut tx = self.db.begin().await?;
        for draw in draws {
            if let Some(obstacle) = obstacle(&mut tx, draw, always, now).await? {
                tx.rollback().await?;
                return Ok(obstacle);
            }
        }
        for draw in draws {
            take(&mut tx, turn, draw, now).await?;
        }
        tx.commit().await?;
        Ok(Drawn::Taken)
    }

    async fn answered(&self, turn: TurnId, came: Came) -> Stored<()> {
        let now = self.now().await?;
        if came == Came::Answered {
            // What the provider counts is used up: nothing of it comes back.
            let sql = "UPDATE quota_turns \
                       SET until = $2 + length, amount = CASE length WHEN 0 THEN 0 ELSE amount END \
                       WHERE turn = $1";
            return self.db.run(sql, args![turn, now]).await.map(drop);
        }
        let sql = "SELECT name FROM quota_turns WHERE turn = $1 AND length = 0 ORDER BY name";
        let counted_there = self.db.all(sql, args![turn]).await?;
        let mut tx = self.db.begin().await?;
        for row in counted_there {
            let name = row.of("quota_turns", "name").text("name")?;
            held(&mut tx, &name).await?;
            let sql = "UPDATE quota_turns SET until = $3 WHERE name = $1 AND turn = $2";
            tx.run(sql, args![name.as_str(), turn, now]).await?;
            give_back(&mut tx, &name, now).await?;
        }
        if came == Came::Unsent {
            tx.run("DELETE FROM quota_turns WHERE turn = $1", args![turn]).await?;
        } else {
            let sql = "UPDATE quota_turns SET until = $2 + length WHERE turn = $1";
            tx.run(sql, args![turn, now]).await?;
        }
        tx.commit().await
    }

    async fn shut(&self, name: &str, wait: Duration) -> Stored<Duration> {
        let now = self.now().await?;
        let mut tx = self.db.begin().await?;
        let row = held(&mut tx, name).await?;
        let until_then = opens(later(now, wait), row.renewed_at).max(row.shut_until);
        let sql = "UPDATE quotas SET shut_until = $2 WHERE name = $1";
        tx.run(sql, args![name, until_then]).await?;
        tx.commit().await?;
        Ok(until(now, until_then))
    }

    async fn left(&self, name: &str, left: Left) -> Stored<()> {
        let renewed_at = later(self.now().await?, left.renewed_in);
        let sql = "INSERT INTO quotas (name, shut_until, amount_left, renewed_at) \
                   VALUES ($1, 0, $2, $3) \
                   ON CONFLICT (name) DO UPDATE \
                   SET amount_left = excluded.amount_left, renewed_at = excluded.renewed_at";
        let mut tx = self.db.begin().await?;
        tx.run(sql, args![name, i64::from(left.amount), renewed_at]).await?;
        // It knows of what was drawn before it spoke.
        tx.run("DELETE FROM quota_turns WHERE name = $1 AND length = 0", args![name]).await?;
        tx.commit().await
    }
}

/// An allowance as it lies in its row.
struct Quota {
    shut_until: Timestamp,
    left: Option<i64>,
    renewed_at: Option<Timestamp>,
}

/// The allowance's row, which nobody else changes until the transaction ends.
async fn held(tx: &mut Tx, name: &str) -> Stored<Quota> {
    // An update that changes nothing locks the row on PostgreSQL; SQLite has locked everything.
    let sql = "INSERT INTO quotas (name, shut_until) VALUES ($1, 0) \
               ON CONFLICT (name) DO UPDATE SET shut_until = quotas.shut_until \
               RETURNING name, shut_until, amount_left, renewed_at";
    let row = tx.one(sql, args![name]).await?;
    let row = row.ok_or_else(|| evergrant::store::StoreError::Inconsistent {
        // Not which: its name may hold an account's id.
        what: "quotas: a row is gone".to_owned(),
    })?;
    let fields = row.of("quotas", "name");
    Ok(Quota {
        shut_until: fields.time("shut_until")?,
        left: fields.int_or_null("amount_left")?,
        renewed_at: fields.time_or_null("renewed_at")?,
    })
}

/// What stands in the way of a draw, if anything does.
async fn obstacle(
    tx: &mut Tx,
    draw: &NamedDraw,
    always: bool,
    now: Timestamp,
) -> Stored<Option<Drawn>> {
    let mut quota = held(tx, &draw.name).await?;
    if draw.rule == Rule::Left {
        let lapsed = give_back(tx, &draw.name, now).await?;
        quota.left = quota.left.map(|left| left + lapsed);
    }
    let wait = |at: Timestamp, shut| {
        Some(Drawn::Wait { name: draw.name.clone(), wait: until(now, at), shut })
    };
    if quota.shut_until > now {
        return Ok(wait(quota.shut_until, true));
    }
    if always {
        return Ok(None);
    }
    match draw.rule {
        Rule::Left => {
            let renewed_at = quota.renewed_at.filter(|at| *at > now);
            let short = quota.left.is_some_and(|left| left < i64::from(draw.amount));
            Ok(renewed_at.filter(|_| short).and_then(|at| wait(at, false)))
        }
        Rule::Window { most, .. } => {
            // An answer may still come to what has none, and then a window passes.
            let sql = "SELECT $1 AS name, CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS used, \
                              CAST(MIN(CASE WHEN until > $2 + length THEN $2 + length \
                                            ELSE until END) AS BIGINT) AS relief \
                       FROM quota_turns WHERE name = $1 AND until > $2";
            let row = tx.one(sql, args![draw.name.as_str(), now]).await?;
            let Some(row) = row else { return Ok(None) };
            let fields = row.of("quota_turns", "name");
            let full = fields.int("used")? + i64::from(draw.amount) > i64::from(most);
            let relief = fields.time_or_null("relief")?;
            Ok(relief.filter(|_| full).and_then(|at| wait(at, false)))
        }
    }
}

async fn take(tx: &mut Tx, turn: TurnId, draw: &NamedDraw, now: Timestamp) -> Stored<()> {
    let (name, amount) = (draw.name.as_str(), i64::from(draw.amount));
    let length = match draw.rule {
        Rule::Window { length, .. } => length,
        Rule::Left => {
            let sql = "UPDATE quotas SET amount_left = amount_left - $2 WHERE name = $1";
            tx.run(sql, args![name, amount]).await?;
            Duration::ZERO
        }
    };
    tx.run("DELETE FROM quota_turns WHERE name = $1 AND until <= $2", args![name, now]).await?;
    let sql = "INSERT INTO quota_turns (name, turn, amount, until, length) \
               VALUES ($1, $2, $3, $4, $5)";
    let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX / 2);
    let until = later(now, length + UNANSWERED);
    tx.run(sql, args![name, turn, amount, until, micros]).await.map(drop)
}

/// Gives back what was drawn of an amount that the provider counts and lapsed without success, and how
/// much that is; the allowance's row is held.
async fn give_back(tx: &mut Tx, name: &str, now: Timestamp) -> Stored<i64> {
    let sql = "SELECT $1 AS name, CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS lapsed \
               FROM quota_turns WHERE name = $1 AND length = 0 AND until <= $2";
    let row = tx.one(sql, args![name, now]).await?;
    let lapsed = row.map_or(Ok(0), |row| row.of("quota_turns", "name").int("lapsed"))?;
    if lapsed != 0 {
        let sql = "UPDATE quotas SET amount_left = amount_left + $2 WHERE name = $1";
        tx.run(sql, args![name, lapsed]).await?;
    }
    let sql = "DELETE FROM quota_turns WHERE name = $1 AND length = 0 AND until <= $2";
    tx.run(sql, args![name, now]).await?;
    Ok(lapsed)
}

/// Forgets what no longer counts, and allowances of which nothing is known. What must be given back is
/// left for whoever draws next.
pub(crate) async fn tidy(db: &Db, now: Timestamp) -> Stored<()> {
    let sql = "DELETE FROM quota_turns WHERE until <= $1 AND (length > 0 OR amount = 0 OR name NOT IN \
                   (SELECT name FROM quotas WHERE renewed_at > $1))";
    db.run(sql, args![now]).await?;
    let sql = "DELETE FROM quotas \
               WHERE shut_until <= $1 AND (renewed_at IS NULL OR renewed_at <= $1)";
    db.run(sql, args![now]).await.map(drop)
}
