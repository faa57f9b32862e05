//! Mail folders (contract, 6.2).

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{FOLDER, Mail, READ_BASIC, WRITE, invalid};
use crate::microsoft::sandbox::graph::odata::list;
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};
use crate::microsoft::sandbox::mailbox::{Folder, Mailbox};

const ROOT: &str = "msgfolderroot";

impl Mail<'_> {
    /// Everything at `mailFolders/…`.
    pub(super) fn folders(&self, tail: &[&str]) -> Result<Answer, Denied> {
        match (self.call.method.as_str(), tail) {
            ("GET", []) => self.list_folders(None),
            ("POST", []) => self.create_folder(ROOT),
            ("GET", ["$count"]) => self.count_folders(ROOT),
            ("GET", ["delta"]) => self.folders_delta(),
            ("GET", [id]) => self.folder(id),
            ("PATCH", [id]) => self.rename_folder(id),
            ("DELETE", [id]) => self.delete_folder(id, false),
            ("POST", [id, "permanentdelete"]) => self.delete_folder(id, true),
            ("POST", [id, "move"]) => self.move_folder(id),
            ("POST", [id, "copy"]) => self.copy_folder(id),
            ("GET", [id, "childfolders"]) => self.list_folders(Some(id)),
            ("POST", [id, "childfolders"]) => self.create_folder(id),
            ("GET", [id, "childfolders", "$count"]) => self.count_folders(id),
            ("GET", [id, "messages"]) => self.list_messages(Some(id)),
            ("GET", [id, "messages", "delta"]) => self.messages_delta(id),
            ("POST", [id, "messages"]) => self.create_draft(id),
            ("GET", [id, "messages", "$count"]) => self.count_messages(Some(id)),
            (_, [] | [_] | [_, "childfolders" | "messages"] | [_, "messages", "delta"]) => {
                Err(Denied::method())
            }
            (_, [.., unknown]) => Err(Denied::segment(unknown)),
        }
    }

    /// The folders directly below the root, or below another folder.
    fn list_folders(&self, parent: Option<&str>) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        let hidden = self.call.options.get("includeHiddenFolders");
        let hidden = hidden.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        self.mailbox(|mailbox| {
            let folder = Self::find_folder(mailbox, parent.unwrap_or(ROOT))?;
            let children = mailbox.children(folder).into_iter().filter(|it| hidden || !it.hidden);
            let shown: Vec<_> = children.map(|child| mailbox.show_folder(child)).collect();
            let set = match parent {
                Some(_) => {
                    let id = mailbox.folder_id(folder);
                    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
                    self.owner.set(&format!("mailFolders('{id}')/childFolders"))
                }
                None => self.owner.set("mailFolders"),
            };
            list(self.call, &FOLDER, &set, &shown)
        })
    }

    fn count_folders(&self, parent: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        self.mailbox(|mailbox| {
            let folder = Self::find_folder(mailbox, parent)?;
            let count = mailbox.children(folder).iter().filter(|child| !child.hidden).count();
            Ok(Answer::raw("text/plain", count.to_string()))
        })
    }

    fn folder(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        let query = self.call.options.query(&FOLDER)?;
        self.mailbox(|mailbox| {
            let folder = get(mailbox, Self::find_folder(mailbox, id)?)?;
            let mut shown = query.shape(&FOLDER, mailbox.show_folder(folder));
            let set = self.owner.set(&format!("mailFolders{}/$entity", query.selection()));
            shown["@odata.context"] = json!(self.call.context(&set));
            Ok(Answer::ok(shown))
        })
    }

    fn create_folder(&self, parent: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        let body = self.call.object()?;
        let name = display_name(&body)?.to_owned();
        let hidden = body.get("isHidden").and_then(Value::as_bool).unwrap_or_default();
        self.mailbox(|mailbox| {
            let parent = Self::find_folder(mailbox, parent)?;
            check_name(mailbox, parent, &name)?;
            let serial = mailbox.add_folder(name, Some(parent), hidden);
            self.created_folder(mailbox, serial)
        })
    }

    fn rename_folder(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        let body = self.call.object()?;
        let name = display_name(&body)?.to_owned();
        self.mailbox(|mailbox| {
            let serial = Self::find_folder(mailbox, id)?;
            let folder = own(get(mailbox, serial)?)?;
            if !folder.name.eq_ignore_ascii_case(&name) {
                check_name(mailbox, folder.parent.unwrap_or_default(), &name)?;
            }
            if let Some(folder) = mailbox.folders.get_mut(&serial) {
                folder.name = name;
            }
            mailbox.touch_folder(Some(serial));
            Ok(())
        })?;
        self.folder(id)
    }

    /// To Deleted Items; from there for good.
    fn delete_folder(&self, id: &str, for_good: bool) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        self.mailbox(|mailbox| {
            let serial = Self::find_folder(mailbox, id)?;
            own(get(mailbox, serial)?)?;
            let bin = mailbox.place("deleteditems");
            if for_good || mailbox.is_within(serial, bin) {
                mailbox.remove_folder(serial);
            } else {
                mailbox.move_folder(serial, bin);
            }
            Ok(Answer::done())
        })
    }

    fn move_folder(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        self.mailbox(|mailbox| {
            let serial = Self::find_folder(mailbox, id)?;
            let target = self.destination(mailbox)?;
            let name = own(get(mailbox, serial)?)?.name.clone();
            if mailbox.is_within(target, serial) {
                return Err(invalid(
                    "Your request can't be completed. A folder cannot be in itself.",
                ));
            }
            check_name(mailbox, target, &name)?;
            mailbox.move_folder(serial, target);
            self.created_folder(mailbox, serial)
        })
    }

    fn copy_folder(&self, id: &str) -> Result<Answer, Denied> {
        self.call.require_access(WRITE)?;
        self.mailbox(|mailbox| {
            let serial = Self::find_folder(mailbox, id)?;
            let target = self.destination(mailbox)?;
            let name = get(mailbox, serial)?.name.clone();
            if mailbox.is_within(target, serial) {
                return Err(invalid(
                    "Your request can't be completed. A folder cannot be in itself.",
                ));
            }
            check_name(mailbox, target, &name)?;
            let copy = self.copy_branch(mailbox, serial, target)?;
            self.created_folder(mailbox, copy)
        })
    }

    fn copy_branch(&self, mailbox: &mut Mailbox, from: u64, to: u64) -> Result<u64, Denied> {
        let folder = get(mailbox, from)?;
        let (name, hidden) = (folder.name.clone(), folder.hidden);
        let children: Vec<_> = mailbox.children(from).iter().map(|child| child.serial).collect();
        let messages: Vec<_> = mailbox.in_folder(from).map(|message| message.serial).collect();
        let copy = mailbox.add_folder(name, Some(to), hidden);
        for message in messages {
            mailbox.copy_message(message, copy, self.now);
        }
        for child in children {
            self.copy_branch(mailbox, child, copy)?;
        }
        Ok(copy)
    }

    fn created_folder(&self, mailbox: &Mailbox, serial: u64) -> Result<Answer, Denied> {
        let mut shown = mailbox.show_folder(get(mailbox, serial)?);
        let set = self.owner.set("mailFolders/$entity");
        shown["@odata.context"] = json!(self.call.context(&set));
        Ok(self.created("mailFolders", shown, &mailbox.folder_id(serial)))
    }
}

fn get(mailbox: &Mailbox, serial: u64) -> Result<&Folder, Denied> {
    mailbox.folders.get(&serial).ok_or_else(Denied::not_found)
}

/// Refuses to change the folders that every mailbox has.
fn own(folder: &Folder) -> Result<&Folder, Denied> {
    match folder.well_known {
        None => Ok(folder),
        Some(_) => Err(invalid("Your request can't be completed. The folder is a default folder.")),
    }
}

fn display_name(body: &serde_json::Map<String, Value>) -> Result<&str, Denied> {
    let name = body.get("displayName").and_then(Value::as_str).map(str::trim);
    name.filter(|name| !name.is_empty()).ok_or_else(Denied::property)
}

fn check_name(mailbox: &Mailbox, parent: u64, name: &str) -> Result<(), Denied> {
    if mailbox.child_named(parent, name).is_none() {
        return Ok(());
    }
    let message = "A folder with the specified name already exists.";
    Err(Denied::new(StatusCode::CONFLICT, "ErrorFolderExists", message))
}
