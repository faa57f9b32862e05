//! Folders: a tree with names that every mailbox knows (contract, 6.2).

use serde_json::{Value, json};

use super::Mailbox;
use crate::microsoft::sandbox::graph::ids::Class;

/// The names that can stand for an id: with what is displayed, the parent, and whether it is hidden.
pub(in super::super) const WELL_KNOWN: &[(&str, &str, &str, bool)] = &[
    ("msgfolderroot", "Top of Information Store", "", false),
    ("archive", "Archive", "msgfolderroot", false),
    ("conversationhistory", "Conversation History", "msgfolderroot", false),
    ("deleteditems", "Deleted Items", "msgfolderroot", false),
    ("drafts", "Drafts", "msgfolderroot", false),
    ("inbox", "Inbox", "msgfolderroot", false),
    ("junkemail", "Junk Email", "msgfolderroot", false),
    ("outbox", "Outbox", "msgfolderroot", false),
    ("sentitems", "Sent Items", "msgfolderroot", false),
    ("clutter", "Clutter", "msgfolderroot", true),
    ("syncissues", "Sync Issues", "msgfolderroot", true),
    ("conflicts", "Conflicts", "syncissues", true),
    ("localfailures", "Local Failures", "syncissues", true),
    ("serverfailures", "Server Failures", "syncissues", true),
    ("scheduled", "Scheduled", "msgfolderroot", true),
    ("searchfolders", "Finder", "", true),
    ("recoverableitemsdeletions", "Deletions", "", true),
];

/// A folder.
#[derive(Debug, Clone)]
pub(in super::super) struct Folder {
    pub(in super::super) serial: u64,
    pub(in super::super) name: String,
    /// None of the roots has one.
    pub(in super::super) parent: Option<u64>,
    /// The name it is known by in every mailbox; such a folder stays where it is.
    pub(in super::super) well_known: Option<&'static str>,
    pub(in super::super) hidden: bool,
    /// The number of its last change, and of its creation.
    pub(in super::super) changed: u64,
    pub(in super::super) born: u64,
}

/// Makes the folders that every mailbox has.
pub(super) fn furnish(mailbox: &mut Mailbox) {
    for (well_known, name, parent, hidden) in WELL_KNOWN {
        let parent = mailbox.well_known(parent);
        let serial = mailbox.add_folder((*name).to_owned(), parent, *hidden);
        if let Some(folder) = mailbox.folders.get_mut(&serial) {
            folder.well_known = Some(well_known);
        }
    }
}

impl Mailbox {
    /// The folder that every mailbox knows by this name, whatever its case.
    pub(in super::super) fn well_known(&self, name: &str) -> Option<u64> {
        let is_it = |folder: &&Folder| {
            folder.well_known.is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        self.folders.values().find(is_it).map(|folder| folder.serial)
    }

    /// The serial of a well-known folder, which always exists.
    pub(in super::super) fn place(&self, name: &str) -> u64 {
        self.well_known(name).unwrap_or_default()
    }

    /// Adds a folder.
    pub(in super::super) fn add_folder(
        &mut self,
        name: String,
        parent: Option<u64>,
        hidden: bool,
    ) -> u64 {
        let (serial, change) = (self.serial(), self.changed());
        let folder = Folder {
            serial,
            name,
            parent,
            well_known: None,
            hidden,
            changed: change,
            born: change,
        };
        self.folders.insert(serial, folder);
        self.touch_folder(parent);
        serial
    }

    /// Notes that what a folder says of itself has changed, such as its counts.
    pub(in super::super) fn touch_folder(&mut self, serial: Option<u64>) {
        if let Some(serial) = serial.filter(|serial| self.folders.contains_key(serial)) {
            let change = self.changed();
            if let Some(folder) = self.folders.get_mut(&serial) {
                folder.changed = change;
            }
        }
    }

    /// The folders directly within a folder, in the order of their names.
    pub(in super::super) fn children(&self, parent: u64) -> Vec<&Folder> {
        let mut children: Vec<_> =
            self.folders.values().filter(|folder| folder.parent == Some(parent)).collect();
        children.sort_by_key(|folder| (folder.hidden, folder.name.to_lowercase()));
        children
    }

    /// A folder and everything within it, parents first.
    pub(in super::super) fn branch(&self, serial: u64) -> Vec<u64> {
        let mut branch = vec![serial];
        let mut at = 0;
        while let Some(&parent) = branch.get(at) {
            branch.extend(self.children(parent).iter().map(|folder| folder.serial));
            at += 1;
        }
        branch
    }

    /// Whether a folder is `root` or lies within it.
    pub(in super::super) fn is_within(&self, serial: u64, root: u64) -> bool {
        let mut at = Some(serial);
        while let Some(folder) = at {
            if folder == root {
                return true;
            }
            at = self.folders.get(&folder).and_then(|folder| folder.parent);
        }
        false
    }

    /// The child of this name.
    pub(in super::super) fn child_named(&self, parent: u64, name: &str) -> Option<u64> {
        let lower = name.to_lowercase();
        let children = self.children(parent);
        children.iter().find(|folder| folder.name.to_lowercase() == lower).map(|f| f.serial)
    }

    /// Moves a folder.
    pub(in super::super) fn move_folder(&mut self, serial: u64, target: u64) {
        let Some(before) = self.folders.get(&serial).and_then(|folder| folder.parent) else {
            return;
        };
        self.bury(Class::Folder, serial, 0, before, true);
        let change = self.changed();
        if let Some(folder) = self.folders.get_mut(&serial) {
            folder.parent = Some(target);
            folder.changed = change;
        }
        self.touch_folder(Some(before));
        self.touch_folder(Some(target));
    }

    /// Removes a folder with everything in it.
    pub(in super::super) fn remove_folder(&mut self, serial: u64) {
        for folder in self.branch(serial).into_iter().rev() {
            let within: Vec<_> = self.in_folder(folder).map(|message| message.serial).collect();
            for message in within {
                self.remove_message(message);
            }
            let parent = self.folders.remove(&folder).and_then(|folder| folder.parent);
            self.bury(Class::Folder, folder, 0, parent.unwrap_or_default(), false);
            self.touch_folder(parent);
        }
    }

    /// A folder as clients see it.
    pub(in super::super) fn show_folder(&self, folder: &Folder) -> Value {
        let (total, unread) = self.counts(folder.serial);
        // The roots hang together as in the real service: their parent is the one above the mailbox.
        let parent = folder.parent.unwrap_or_default();
        json!({
            "id": self.folder_id(folder.serial),
            "displayName": folder.name,
            "parentFolderId": self.folder_id(parent),
            "childFolderCount": self.children(folder.serial).len(),
            "unreadItemCount": unread,
            "totalItemCount": total,
            "sizeInBytes": 0,
            "isHidden": folder.hidden,
        })
    }
}
