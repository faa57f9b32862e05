//! Messages and folders in lists.

use evergrant::capability::{Cursor, Folder, MessageQuery, Moment};
use serde_json::json;

use super::super::live::{Live, instant, time};
use super::show;
use crate::output::{Output, plain};

#[derive(clap::Args)]
pub(super) struct List {
    /// The folder, by id or well-known name: inbox, drafts, sentitems, deleteditems, archive, junkemail
    #[arg(long, default_value = "inbox")]
    folder: String,
    /// Only those that were not read
    #[arg(long)]
    unread: bool,
    /// Only those from this address
    #[arg(long, value_name = "EMAIL")]
    from: Option<String>,
    /// Only those that came at this time or later; a day from its midnight in UTC
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Moment>,
    /// Only those that came before this time; a day to its end in UTC
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Moment>,
    /// Only those with files
    #[arg(long)]
    attached: bool,
    /// Only those with these words in subject, sender or body
    #[arg(long, value_name = "WORDS")]
    search: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Where the last list ended: its `next`, as --json shows it
    #[arg(long, value_name = "NEXT")]
    cursor: Option<String>,
}

impl Default for List {
    fn default() -> Self {
        Self {
            folder: "inbox".to_owned(),
            unread: false,
            from: None,
            since: None,
            until: None,
            attached: false,
            search: None,
            limit: 25,
            cursor: None,
        }
    }
}

impl List {
    pub(super) async fn run(self, live: &Live, output: Output) -> anyhow::Result<()> {
        let since = self.since.map(|at| instant("--since", at, Moment::first_instant, None));
        let until = self.until.map(|at| instant("--until", at, Moment::end_instant, None));
        let query = MessageQuery {
            folder: Some(self.folder),
            is_read: self.unread.then_some(false),
            from: self.from,
            since: since.transpose()?,
            until: until.transpose()?,
            has_attachments: self.attached.then_some(true),
            search: self.search,
            limit: self.limit,
        };
        let cursor = self.cursor.map(Cursor);
        let page = live.mail()?.messages(&live.api, &query, cursor.as_ref()).await?;
        let rows: Vec<_> = page.results.iter().map(show::row).collect();
        let json = json!({ "results": page.results, "next": page.next });
        let head = ["", "RECEIVED", "FROM", "SUBJECT", "ID"];
        output.table(&json, &head, &rows, "there are no messages")
    }
}

pub(super) async fn folders(live: &Live, output: Output) -> anyhow::Result<()> {
    let found = live.mail()?.folders(&live.api).await?;
    let row = |folder: &Folder| {
        let [unread, total] = [folder.unread, folder.total].map(|count| count.to_string());
        vec![plain(&folder.name), unread, total, folder.id.clone()]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let json = json!({ "results": found, "next": null });
    output.table(&json, &["NAME", "UNREAD", "TOTAL", "ID"], &rows, "there are no folders")
}
