//! Changes of messages, folder by folder, and of folders (contract, 4.6).
//!
//! The first round over a folder goes back in time over its messages, then over what changed while it
//! did; later rounds go over changes alone.

mod round;
mod wish;

use axum::http::StatusCode;
use serde_json::json;

use self::round::Round;
use self::wish::Wish;
use super::{FOLDER, MESSAGE, Mail, READ_BASIC};
use crate::microsoft::sandbox::graph::call::Call;
use crate::microsoft::sandbox::graph::delta::{
    At, Next, Page, Point, Row, Scope, has_token, page_size,
};
use crate::microsoft::sandbox::graph::ids::Class;
use crate::microsoft::sandbox::graph::odata::{Options, Query};
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};
use crate::microsoft::sandbox::mailbox::Mailbox;

/// How much of what was given before is given again, by who repeats itself.
const REPLAYED: usize = 3;

impl Mail<'_> {
    /// `GET /me/mailFolders/{id}/messages/delta`.
    pub(super) fn messages_delta(&self, folder: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        self.mailbox(|mailbox| {
            let folder = Self::find_folder(mailbox, folder).map_err(|denied| {
                let is_known = has_token(&self.call.options);
                if is_known && denied.status == StatusCode::NOT_FOUND { gone() } else { denied }
            })?;
            let scope = Scope {
                mailbox: self.owner.oid,
                resource: format!("messages/{folder}"),
                name: "Messages",
                options: &["select", "top", "expand", "filter", "orderby", "changetype"],
                start: At::Newest(None, 0),
                change: mailbox.change,
            };
            let point = self.act.delta_point(self.call, &scope)?;
            let wish = Wish::read(&point.query)?;
            self.act.delta_answer(self.call, &point, "message", |repeats| {
                Ok(Round { mail: self, mailbox, folder, wish: &wish, point: &point }.page(repeats))
            })
        })
    }

    /// `GET /me/mailFolders/delta`: all folders that are not hidden, wherever they are.
    pub(super) fn folders_delta(&self) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        self.mailbox(|mailbox| {
            let scope = Scope {
                mailbox: self.owner.oid,
                resource: "folders".to_owned(),
                name: "MailFolders",
                options: &["select"],
                start: At::Since(0, 0),
                change: mailbox.change,
            };
            let point = self.act.delta_point(self.call, &scope)?;
            let query = Options::read(&point.query).query(&FOLDER)?;
            self.act.delta_answer(self.call, &point, "mailFolder", |repeats| {
                Ok(folders_page(self.call, mailbox, &query, &point, repeats))
            })
        })
    }
}

/// The folder of a round is no longer there (contract, 4.2).
fn gone() -> Denied {
    let message = "The folder to be synchronized could not be found.";
    Denied::new(StatusCode::NOT_FOUND, "ErrorSyncFolderNotFound", message)
}

/// Folders are few: the page is found among all of them.
fn folders_page(
    call: &Call,
    mailbox: &Mailbox,
    query: &Query,
    point: &Point,
    repeats: bool,
) -> Page {
    let since = match point.at {
        At::Since(since, _) => since,
        At::Newest(..) => 0,
    };
    let root = mailbox.place("msgfolderroot");
    let shown = mailbox.folders.values().filter(|it| !it.hidden && it.serial != root);
    let row = |folder| {
        let mut shown = mailbox.show_folder(folder);
        shown["@odata.type"] = json!("#microsoft.graph.mailFolder");
        let shown = query.shape(&FOLDER, shown);
        Row::new(&mailbox.folder_id(folder.serial), &shown)
    };
    let changed = shown.clone().filter(|folder| folder.changed > since);
    let mut found: Vec<_> = changed.map(|folder| (folder.changed, row(folder))).collect();
    // A folder that moved is told where it is now.
    let gone = mailbox.gone_since(since.max(point.base));
    let gone = gone.filter(|gone| gone.class == Class::Folder && !gone.moved);
    found.extend(gone.map(|gone| {
        let id = mailbox.folder_id(gone.serial);
        (gone.change, Row::removed("mailFolder", id, false))
    }));
    found.sort_by_key(|(change, _)| *change);
    let size = page_size(call, None);
    let next = match found.get(..size).and_then(|page| page.last()) {
        Some((last, _)) if found.len() > size => Next::More(At::Since(*last, 0)),
        _ => Next::Done(mailbox.change),
    };
    let told = shown.filter(|folder| repeats && folder.changed <= since);
    let replay = told.take(REPLAYED).map(row).collect();
    let rows = found.into_iter().take(size).map(|(_, row)| row).collect();
    Page { rows, replay, next }
}
