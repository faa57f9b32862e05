//! Where feeds stand.

use evergrant::store::{FeedStatus, FeedStatusState, Stored};
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;

use super::kind;
use crate::db::{Db, args};
use crate::row::Row;

pub(crate) async fn list(
    db: &Db,
    now: Timestamp,
    owner: UserId,
    integration: Option<IntegrationId>,
) -> Stored<Vec<FeedStatus>> {
    let sql = "SELECT f.integration, f.feed, f.provider, f.next_at, f.lease_until, f.run, f.done_run, \
                      f.began_at, f.attempts, f.failure, f.as_of, f.truncated, f.items, f.seen, \
                      f.expected, s.expires_at \
               FROM feeds f JOIN integrations i ON i.id = f.integration \
               LEFT JOIN subscriptions s ON s.integration = f.integration AND s.feed = f.feed \
                                        AND s.subscription IS NOT NULL \
               WHERE f.owner = $1 AND ($2 IS NULL OR f.integration = $2) \
                 AND i.disconnected_at IS NULL \
               ORDER BY f.integration, f.feed";
    let rows = db.all(sql, args![owner, integration]).await?;
    rows.iter().map(|row| status(row, now)).collect()
}

fn status(row: &Row, now: Timestamp) -> Stored<FeedStatus> {
    let fields = row.of("feeds", "integration");
    let next_at = fields.time_or_null("next_at")?;
    let failure = match fields.text_or_null("failure")? {
        Some(_) => Some(fields.json("failure")?),
        None => None,
    };
    let attempts = fields.int("attempts")?;
    let is_held = fields.time_or_null("lease_until")?.is_some_and(|until| until > now);
    let expected = match fields.int_or_null("expected")? {
        Some(_) => Some(fields.count("expected")?),
        None => None,
    };
    Ok(FeedStatus {
        integration_id: fields.id("integration")?,
        provider: fields.text("provider")?.as_str().into(),
        feed: kind(&fields)?,
        state: match next_at {
            _ if is_held => FeedStatusState::Running,
            None => FeedStatusState::Stopped,
            Some(at) if at <= now => FeedStatusState::Queued,
            Some(_) if failure.is_some() => FeedStatusState::Waiting,
            Some(_) => FeedStatusState::Idle,
        },
        run: fields.int("run")?,
        done_run: fields.int("done_run")?,
        as_of: fields.time_or_null("as_of")?,
        truncated: fields.flag("truncated")?,
        items: fields.count("items")?,
        seen: fields.count("seen")?,
        expected,
        began_at: fields.time_or_null("began_at")?,
        next_at,
        attempts: u32::try_from(attempts).map_err(|e| fields.unreadable("attempts", e))?,
        failure,
        notified_until: fields.time_or_null("expires_at")?.filter(|ends| *ends > now),
    })
}
