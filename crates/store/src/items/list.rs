//! Lists: a page is a walk along an index in the list's order.
//!
//! A search finds first and sorts then, as long as it finds little; what is found everywhere is found on
//! the walk as well, long before all of it would be sorted.

use evergrant::feed::FeedKind;
use evergrant::provider::ProviderKey;
use evergrant::store::Stored;
use evergrant::{IntegrationId, UserId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::cursor::ItemCursor;
use super::fill::Filling;
use super::words;
use crate::Store;
use crate::db::{Arg, args};
use crate::dialect::Wanted;
use crate::row::Row;

/// How many finds are sorted at most: about as many as take as long as a walk that finds a page of them among
/// some hundred thousand items.
const SORTED: i64 = 500;

/// What a list holds: all that is asked for has to be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemQuery {
    /// Events or messages.
    pub feed: FeedKind,
    /// Of one integration.
    pub integration: Option<IntegrationId>,
    /// Of one provider.
    pub provider: Option<ProviderKey>,
    /// Events that end after it; messages that came at it or later.
    pub from: Option<Timestamp>,
    /// Events that begin before it; messages that came before it.
    pub to: Option<Timestamp>,
    /// Messages that were read, or were not.
    pub is_read: Option<bool>,
    /// In this folder, by the provider's id.
    pub folder: Option<String>,
    /// Of this importance.
    pub importance: Option<String>,
    /// From, or invited by, this address, in whatever case.
    pub sender: Option<String>,
    /// From or to this address.
    pub person: Option<String>,
    /// All of these words, as beginnings of words, but for a single Latin letter or digit, which is a
    /// word. A text of blanks asks for nothing; one with neither a letter nor a digit finds nothing.
    pub search: Option<String>,
    /// Whether bodies come along.
    pub bodies: bool,
    /// Behind this one.
    pub after: Option<ItemCursor>,
    /// How many at most.
    pub limit: u32,
}

impl ItemQuery {
    /// Of how many words of a search account is taken.
    pub const WORDS: usize = words::MOST_WANTED;

    /// How many words a search has.
    pub fn words(search: &str) -> usize {
        words::words(search).count()
    }

    /// Everything of a feed, 50 at once, without bodies.
    pub fn new(feed: FeedKind) -> Self {
        Self {
            feed,
            integration: None,
            provider: None,
            from: None,
            to: None,
            is_read: None,
            folder: None,
            importance: None,
            sender: None,
            person: None,
            search: None,
            bodies: false,
            after: None,
            limit: 50,
        }
    }
}

/// An item as the copy holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredItem {
    /// Its integration.
    pub integration: IntegrationId,
    /// Its provider.
    pub provider: ProviderKey,
    /// The item as JSON, without its body.
    pub json: String,
    /// Its body as JSON, where it was asked for and is kept.
    pub body: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemPage {
    /// The items.
    pub items: Vec<StoredItem>,
    /// Where the list goes on; `None` at its end.
    pub next: Option<ItemCursor>,
}

impl Store {
    /// The owner's events in the order in which they begin, or messages, the newest first.
    ///
    /// Whoever follows `next` to the end sees each item that is there all the time once, and one that
    /// moves along the list once or twice.
    pub async fn items(&self, owner: UserId, query: &ItemQuery) -> Stored<ItemPage> {
        let Some(wanted) = wanted(owner, query) else {
            return Ok(ItemPage { items: Vec::new(), next: None });
        };
        let by_words = !wanted.is_empty() && self.is_rare(&wanted).await?;
        let (sql, args) = self.select(owner, query, &wanted, by_words);
        let mut page = Filling::new(query.limit);
        let take = |row: Row| {
            let item = item(&row)?;
            let bytes = item.json.len() + item.body.as_ref().map_or(0, String::len);
            Ok(page.take((cursor(&row)?, item), bytes))
        };
        self.db.each(AssertSqlSafe(sql), &args, take).await?;
        let (mut cursors, items): (Vec<_>, Vec<_>) = page.items.into_iter().unzip();
        Ok(ItemPage { items, next: cursors.pop().filter(|_| page.more) })
    }

    /// Whether few items have all of this.
    async fn is_rare(&self, wanted: &[Wanted]) -> Stored<bool> {
        let dialect = self.db.dialect();
        let args = args![dialect.wanted(wanted), SORTED + 1];
        let row = self.db.one(dialect.count(), args).await?;
        Ok(row.map_or(Ok(0), |row| row.number("items", "matches"))? <= SORTED)
    }

    /// The statement of a page and one item more.
    fn select(
        &self,
        owner: UserId,
        query: &ItemQuery,
        wanted: &[Wanted],
        by_words: bool,
    ) -> (String, Vec<Arg>) {
        let is_events = query.feed == FeedKind::Calendar;
        let mut and = And {
            args: args![owner, query.feed.name()].to_vec(),
            sql: vec!["gone IS NULL".to_owned()],
        };
        and.equals("provider", query.provider.as_ref().map(ProviderKey::as_str));
        and.equals("folder", query.folder.as_deref());
        and.equals("importance", query.importance.as_deref());
        // Spelled out: so the index of what is unread is used.
        if let Some(is_read) = query.is_read {
            and.sql.push(format!("is_read = {}", i64::from(is_read)));
        }
        let from = if is_events { "COALESCE(until, at) >" } else { "at >=" };
        and.compares(from, query.from);
        and.compares("at <", query.to);

        if !wanted.is_empty() {
            let dialect = self.db.dialect();
            let n = and.take(dialect.wanted(wanted).into());
            and.sql.push(dialect.matches(n, by_words));
        }
        if let Some(after) = &query.after {
            let at = and.take(after.at.into());
            let integration = and.take(after.integration.into());
            let id = and.take(after.id.as_str().into());
            let behind = if is_events { '>' } else { '<' };
            and.sql.push(format!("(at, integration, id) {behind} (${at}, ${integration}, ${id})"));
        }
        let limit = and.take((i64::from(query.limit.max(1)) + 1).into());
        let order = if is_events { "ASC" } else { "DESC" };
        let body = if query.bodies { "body" } else { "CAST(NULL AS TEXT) AS body" };
        // What has the words is walked, and no other index: they are the owner's own. Else the index
        // of the one integration is walked in the list's order, or one of the owner's, and each row is
        // asked whether its integration is connected: a value, where a condition would let PostgreSQL
        // begin with the integrations.
        let unless = |other| if other { " || ''" } else { "" };
        if let Some(integration) = query.integration {
            and.equals(&format!("integration{}", unless(by_words)), Some(integration));
        }
        let owner = format!("owner{}", unless(by_words || query.integration.is_some()));
        let sql = format!(
            "SELECT integration, id, provider, at, json, {body} FROM items \
             WHERE {owner} = $1 AND feed = $2 AND {} AND {IS_LIVE} \
             ORDER BY at {order}, integration {order}, id {order} LIMIT ${limit}",
            and.sql.join(" AND ")
        );
        (sql, and.args)
    }
}

/// What items must have that a query finds; `None` if nothing can be found.
fn wanted(owner: UserId, query: &ItemQuery) -> Option<Vec<Wanted>> {
    // No text in a database has it, and PostgreSQL takes none that does.
    if [&query.folder, &query.importance].into_iter().flatten().any(|text| text.contains('\0')) {
        return None;
    }
    let mut wanted = Vec::new();
    if let Some(search) = query.search.as_deref().filter(|search| !search.trim().is_empty()) {
        wanted = words::searched(owner, search);
        if wanted.is_empty() {
            return None;
        }
    }
    wanted.extend(query.sender.iter().map(|sender| words::from(owner, sender)));
    wanted.extend(query.person.iter().map(|person| words::with(owner, person)));
    Some(wanted)
}

/// Whether the item's integration is connected.
pub(super) const IS_LIVE: &str = "(SELECT live.disconnected_at IS NULL FROM integrations live WHERE live.id = items.integration)";

/// Further conditions of a statement, with their parameters.
struct And {
    args: Vec<Arg>,
    sql: Vec<String>,
}

impl And {
    /// Gives the parameter's number.
    fn take(&mut self, arg: Arg) -> usize {
        self.args.push(arg);
        self.args.len()
    }

    fn equals(&mut self, column: &str, value: Option<impl Into<Arg>>) {
        self.compares(&format!("{column} ="), value);
    }

    fn compares(&mut self, with: &str, value: Option<impl Into<Arg>>) {
        if let Some(value) = value {
            let n = self.take(value.into());
            self.sql.push(format!("{with} ${n}"));
        }
    }
}

fn item(row: &Row) -> Stored<StoredItem> {
    let fields = row.of("items", "id");
    Ok(StoredItem {
        integration: fields.id("integration")?,
        provider: fields.text("provider")?.as_str().into(),
        json: fields.text("json")?,
        body: fields.text_or_null("body")?,
    })
}

fn cursor(row: &Row) -> Stored<ItemCursor> {
    let fields = row.of("items", "id");
    Ok(ItemCursor {
        at: fields.time("at")?,
        integration: fields.id("integration")?,
        id: fields.text("id")?,
    })
}
