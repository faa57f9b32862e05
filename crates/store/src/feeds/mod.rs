//! Feeds: who reads them, how far that has got, and where they stand.
//!
//! Invariant: whoever changes anything of a feed, its parts or its items holds the feed's row until
//! commit, and only while it has the lease. A lease is lost when another takes the feed, or it is
//! stopped; being late alone loses nothing.

mod enrol;
mod passes;
mod runs;
mod status;

use evergrant::UserId;
use evergrant::clock::later;
use evergrant::feed::FeedKind;
use evergrant::provider::ProviderKey;
use evergrant::store::{Lease, Stored};
use jiff::Timestamp;

use crate::db::{Tx, args};
use crate::row::Fields;

pub(crate) use enrol::{enrol, take_away};
pub(crate) use passes::{begin_pass, end_pass, open_pass, restart};
pub(crate) use runs::{ask, claim, end_run, gap, hold, leave_run, next, orphan};
pub(crate) use status::list;

/// A feed that is held.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) owner: UserId,
    pub(crate) provider: ProviderKey,
    /// The pass under way, or the last one.
    pub(crate) pass: i64,
    pub(crate) pass_began_at: Option<Timestamp>,
    pub(crate) mark: i64,
    pub(crate) scope: Option<String>,
    /// Whether the last pass that ended was cut.
    pub(crate) truncated: bool,
}

/// Extends the lease, and gives the feed, whose row is locked until the transaction ends; `None` if the
/// lease is lost.
pub(crate) async fn held(tx: &mut Tx, lease: &Lease, now: Timestamp) -> Stored<Option<Feed>> {
    let sql = "UPDATE feeds SET lease_until = $4 \
               WHERE integration = $1 AND feed = $2 AND lease = $3 \
               RETURNING integration, owner, provider, pass, pass_began_at, mark, scope, \
                         truncated";
    let (id, until) = (lease.id, later(now, lease.life));
    let row = tx.one(sql, args![id.integration, id.feed.name(), lease.lease, until]).await?;
    let feed = |row: crate::row::Row| {
        let fields = row.of("feeds", "integration");
        Ok(Feed {
            owner: fields.id("owner")?,
            provider: fields.text("provider")?.as_str().into(),
            pass: fields.int("pass")?,
            pass_began_at: fields.time_or_null("pass_began_at")?,
            mark: fields.int("mark")?,
            scope: fields.text_or_null("scope")?,
            truncated: fields.int("truncated")? != 0,
        })
    };
    row.map(feed).transpose()
}

/// The column `feed`.
pub(crate) fn kind(fields: &Fields<'_>) -> Stored<FeedKind> {
    let name = fields.text("feed")?;
    FeedKind::named(&name)
        .ok_or_else(|| fields.unreadable("feed", format_args!("unknown feed {name:?}")))
}
