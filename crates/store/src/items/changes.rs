//! Changes: what became of an owner's items since somebody looked last.

use evergrant::feed::FeedKind;
use evergrant::provider::ProviderKey;
use evergrant::store::Stored;
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::cursor::ItemChangesCursor;
use super::fill::Filling;
use super::list::IS_LIVE;
use super::write::LeftReason;
use crate::Store;
use crate::db::args;
use crate::feeds::kind;
use crate::row::{Fields, Row};

/// What changed after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemChanges {
    /// Some of it, or all.
    Page {
        /// In the order in which it happened, each item once and as it is now.
        changes: Vec<ItemChange>,
        /// Where it goes on; the same cursor where nothing happened since.
        next: ItemChangesCursor,
        /// Whether there is more by now.
        more: bool,
    },
    /// Something that happened after the cursor is forgotten, or the cursor is of a time to come: whoever
    /// asks has to begin anew.
    Forgotten,
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChange {
    /// What happened.
    pub kind: ItemChangeKind,
    /// Event or message.
    pub feed: FeedKind,
    /// Its integration.
    pub integration: IntegrationId,
    /// Its provider.
    pub provider: ProviderKey,
    /// Its id at the provider.
    pub id: String,
    /// When the copy was changed last.
    pub at: Timestamp,
    /// The item as JSON and its body, if that was asked for, unless it has left.
    pub item: Option<(String, Option<String>)>,
}

/// What happened to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemChangeKind {
    /// It came after the cursor.
    Added,
    /// It is different now.
    Updated,
    /// It has left the copy.
    Deleted(LeftReason),
}

/// Which changes somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChangesQuery {
    /// What happened after this.
    pub after: ItemChangesCursor,
    /// Of events or of messages alone.
    pub feed: Option<FeedKind>,
    /// Whether bodies come along.
    pub bodies: bool,
    /// How many at most.
    pub limit: u32,
}

impl ItemChangesQuery {
    /// Everything after this, 50 at once, without bodies.
    pub fn new(after: ItemChangesCursor) -> Self {
        Self { after, feed: None, bodies: false, limit: 50 }
    }
}

impl Store {
    /// What became of the owner's items after a cursor. Whoever begins with the first is told of
    /// everything there is.
    ///
    /// Whoever follows the cursor is told the last state of each item. What is told as updated was told
    /// as added before. What came and left after the cursor is not told of at all; where that happened
    /// in the middle of a walk it may be told as deleted, as nobody knows who was told of it meanwhile.
    pub async fn item_changes(
        &self,
        owner: UserId,
        query: &ItemChangesQuery,
    ) -> Stored<ItemChanges> {
        let (head, _) = self.head(owner).await?;
        let after = query.after.walking(head);
        let ItemChangesCursor { at, base, .. } = after;
        let body = if query.bodies { "body" } else { "CAST(NULL AS TEXT) AS body" };
        // Of what a disconnect takes away nothing is told until it has left.
        let sql = format!(
            "SELECT integration, feed, id, provider, revision, added_revision, changed_at, gone, json, \
                    {body} \
             FROM items \
             WHERE owner = $1 AND revision > $2 AND feed = COALESCE($5, feed) \
               AND CASE WHEN gone IS NULL THEN {IS_LIVE} \
                        ELSE added_revision <= $3 OR (first_revision <= $3 AND left_revision > $3) \
                          OR (added_revision <= $2 AND revision > $4) END \
             ORDER BY revision LIMIT $6"
        );
        let most = i64::from(query.limit.max(1)) + 1;
        let feed = query.feed.map(|feed| feed.name().to_owned());
        let args = args![owner, at, base, after.head, feed, most];
        let mut page = Filling::new(query.limit);
        let take = |row: Row| {
            let (revision, change) = change(&row, base)?;
            let bytes = change
                .item
                .as_ref()
                .map_or(0, |(json, body)| json.len() + body.as_ref().map_or(0, String::len));
            Ok(page.take((revision, change), bytes))
        };
        self.db.each(AssertSqlSafe(sql), args, take).await?;
        // Read after the rows: what was forgotten before they were read is noticed. And after a database
        // was restored from a backup its revisions are given anew: whoever saw the first ones would miss
        // the others.
        if after.knows_until() < self.head(owner).await?.1 || at > head {
            return Ok(ItemChanges::Forgotten);
        }
        let last = page.items.last().map_or(at, |(revision, _)| *revision);
        let next = if page.more {
            ItemChangesCursor { at: last, ..after }
        } else {
            // As far as the owner was before the rows were read: else whoever is told of nothing for a
            // month would be sent back for what did not concern them.
            ItemChangesCursor::since(last.max(head))
        };
        let changes = page.items.into_iter().map(|(_, change)| change).collect();
        Ok(ItemChanges::Page { changes, next, more: page.more })
    }

    /// The owner's newest revision.
    pub async fn item_revision(&self, owner: UserId) -> Stored<i64> {
        Ok(self.head(owner).await?.0)
    }

    /// The owner's last revision, and the last one of which something is forgotten.
    async fn head(&self, owner: UserId) -> Stored<(i64, i64)> {
        let sql = "SELECT owner, head, forgotten FROM item_heads WHERE owner = $1";
        let Some(row) = self.db.one(sql, args![owner]).await? else { return Ok((0, 0)) };
        let fields = row.of("item_heads", "owner");
        Ok((fields.int("head")?, fields.int("forgotten")?))
    }
}

/// What is told of a row to whoever knew everything as of `base` when their walk began, with its revision.
fn change(row: &Row, base: i64) -> Stored<(i64, ItemChange)> {
    let fields = row.of("items", "id");
    let left = left(&fields)?;
    let kind_of_change = match left {
        Some(why) => ItemChangeKind::Deleted(why),
        None if fields.int("added_revision")? > base => ItemChangeKind::Added,
        None => ItemChangeKind::Updated,
    };
    let item = match left {
        Some(_) => None,
        None => Some((fields.text("json")?, fields.text_or_null("body")?)),
    };
    let change = ItemChange {
        kind: kind_of_change,
        feed: kind(&fields)?,
        integration: fields.id("integration")?,
        provider: fields.text("provider")?.as_str().into(),
        id: fields.text("id")?,
        at: fields.time("changed_at")?,
        item,
    };
    Ok((fields.int("revision")?, change))
}

fn left(fields: &Fields<'_>) -> Stored<Option<LeftReason>> {
    let Some(name) = fields.text_or_null("gone")? else { return Ok(None) };
    let reason = LeftReason::ALL.into_iter().find(|reason| reason.name() == name);
    let unknown = || fields.unreadable("gone", format_args!("unknown reason {name:?}"));
    reason.ok_or_else(unknown).map(Some)
}
