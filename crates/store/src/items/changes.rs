//! Changes: what became of an owner's items since somebody looked last.

use evergrant::feed::FeedKind;
use evergrant::provider::ProviderKey;
use evergrant::store::Stored;
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

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
        /// Where it goes on; the same cursor where nothing happened since. Only good for being handed in
        /// again: it is below 0 until the first walk over everything has come to its end.
        next: i64,
        /// Whether there is more by now.
        more: bool,
    },
    /// Something that happened after the cursor is forgotten: whoever asks has to begin anew.
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
    /// The item as JSON and its body, unless it has left.
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

impl Store {
    /// What became of the owner's items after this cursor, at most `limit` of them. Whoever begins with 0
    /// is told of everything there is.
    ///
    /// What came and left after the cursor is not told of at all.
    pub async fn item_changes(&self, owner: UserId, after: i64, limit: u32) -> Stored<ItemChanges> {
        let (head, forgotten) = self.head(owner).await?;
        let Place { at, begun } = Place::of(after, head);
        if begun < forgotten {
            return Ok(ItemChanges::Forgotten);
        }
        let limit = limit.max(1) as usize;
        // What had left before the walk began was never told of. What a disconnect takes away is told of
        // when it has left: until then nothing is.
        let sql = format!(
            "SELECT integration, feed, id, provider, revision, added_revision, changed_at, gone, json, \
                    body \
             FROM items \
             WHERE owner = $1 AND revision > $2 \
               AND (gone IS NULL OR (first_revision <= $2 AND revision > $3)) \
               AND (gone IS NOT NULL OR {IS_LIVE}) \
             ORDER BY revision LIMIT $4"
        );
        let most = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
        let mut rows = self.db.all(AssertSqlSafe(sql), args![owner, at, begun, most]).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        // With nothing more to tell it is as far as the owner was before the rows were read: else whoever
        // is told of nothing for a month would be sent back for what did not concern them.
        let mut to = if more { at } else { head.max(at) };
        if let Some(last) = rows.last() {
            to = to.max(last.of("items", "id").int("revision")?);
        }
        let next = Place { at: to, begun }.cursor();
        let changes =
            rows.iter().map(|row| change(row, Place { at, begun })).collect::<Stored<_>>()?;
        Ok(ItemChanges::Page { changes, next, more })
    }

    /// The owner's newest revision: a cursor that begins now.
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

/// How far somebody has read.
///
/// What had left before a walk over everything began was never told of on it, so it need not be told
/// that it has left, nor does it matter whether that is forgotten by now; and what it is told of is new
/// unless it has changed since. So where such a walk takes several pages, its cursor says when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    at: i64,
    begun: i64,
}

impl Place {
    const BITS: u32 = 31;

    fn of(cursor: i64, head: i64) -> Self {
        match cursor {
            0 => Self { at: 0, begun: head },
            1.. => Self { at: cursor, begun: cursor },
            ..0 => {
                let both = cursor.unsigned_abs();
                let at = i64::try_from(both & ((1 << Self::BITS) - 1)).unwrap_or(0);
                Self { at, begun: i64::try_from(both >> Self::BITS).unwrap_or(0) }
            }
        }
    }

    fn cursor(self) -> i64 {
        let fits = self.begun < 1 << Self::BITS;
        if self.at < self.begun && fits { -(self.begun << Self::BITS | self.at) } else { self.at }
    }
}

impl Place {
    /// Whether somebody who has read so far is told of an item for the first time.
    fn is_new(self, added: i64, revision: i64) -> bool {
        added > self.at || (revision > self.at && revision <= self.begun)
    }
}

fn change(row: &Row, place: Place) -> Stored<ItemChange> {
    let fields = row.of("items", "id");
    let left = left(&fields)?;
    let kind_of_change = match left {
        Some(why) => ItemChangeKind::Deleted(why),
        None if place.is_new(fields.int("added_revision")?, fields.int("revision")?) => {
            ItemChangeKind::Added
        }
        None => ItemChangeKind::Updated,
    };
    let item = match left {
        Some(_) => None,
        None => Some((fields.text("json")?, fields.text_or_null("body")?)),
    };
    Ok(ItemChange {
        kind: kind_of_change,
        feed: kind(&fields)?,
        integration: fields.id("integration")?,
        provider: fields.text("provider")?.as_str().into(),
        id: fields.text("id")?,
        at: fields.time("changed_at")?,
        item,
    })
}

fn left(fields: &Fields<'_>) -> Stored<Option<LeftReason>> {
    let Some(name) = fields.text_or_null("gone")? else { return Ok(None) };
    let reason = LeftReason::ALL.into_iter().find(|reason| reason.name() == name);
    let unknown = || fields.unreadable("gone", format_args!("unknown reason {name:?}"));
    reason.ok_or_else(unknown).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_cursor() {
        for (place, cursor) in [
            (Place { at: 7, begun: 7 }, 7),
            (Place { at: 9, begun: 7 }, 9),
            (Place { at: 7, begun: 9 }, -(9 << 31 | 7)),
            (Place { at: 7, begun: 1 << 40 }, 7),
        ] {
            assert_eq!(place.cursor(), cursor);
            if cursor < 0 {
                assert_eq!(Place::of(cursor, 20), place);
            }
        }
        assert_eq!(Place::of(0, 20), Place { at: 0, begun: 20 });
        assert_eq!(Place::of(5, 20), Place { at: 5, begun: 5 });
        // What nobody was given does no harm.
        assert_eq!(Place::of(-3, 20), Place { at: 3, begun: 0 });
        assert!(Place::of(i64::MIN, 20).at >= 0);
    }
}
