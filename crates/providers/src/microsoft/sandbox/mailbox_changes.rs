//! What others do to a mailbox: `POST /_sandbox/world/microsoft/users/{upn}/…`.

use evergrant_sandbox::Problem;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::MicrosoftAct;
use super::graph::{Call, Denied, Owner, Rules};
use super::mailbox::Mailbox;
use super::world::User;

/// What can be changed, for the page that lists it.
pub(super) const PATHS: &[&str] = &[
    "limits {\"concurrency\"?,\"retry_after\"?,\"requests\"?,\"upload_bytes\"?,\"messages_per_minute\"?,\
     \"recipients_per_message\"?,\"recipients_per_day\"?}",
    "users/{upn}/mailbox {\"enabled\":bool}",
    "users/{upn}/changes {\"since\":number}",
    "users/{upn}/messages {message}",
    "users/{upn}/messages/{id}/change {message}",
    "users/{upn}/messages/{id}/move {\"folder\":id}",
    "users/{upn}/messages/{id}/delete",
    "users/{upn}/messages/{id}/permanent-delete",
    "users/{upn}/messages/fill {\"count\":number,\"size\"?:number,\"folder\"?:id}",
    "users/{upn}/folders {\"name\":text,\"parent\"?:id}",
    "users/{upn}/folders/{id}/rename {\"name\":text}",
    "users/{upn}/folders/{id}/move {\"folder\":id}",
    "users/{upn}/folders/{id}/delete",
    "users/{upn}/folders/{id}/permanent-delete",
];
/// The most messages that are put at once.
const MOST: u32 = 500_000;
/// The longest body of such a message.
const LONGEST: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    since: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    folder: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fill {
    count: u32,
    #[serde(default)]
    size: usize,
    #[serde(default = "inbox")]
    folder: String,
}

fn inbox() -> String {
    "inbox".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFolder {
    name: String,
    parent: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    name: String,
}

impl MicrosoftAct {
    /// Gives all mailboxes other limits; those that are not named are the real service's.
    pub(super) fn change_limits(&self, body: &Value) -> Result<Value, Problem> {
        let rules: Rules = super::changes::read(body)?;
        self.0.limits.set_rules(rules);
        Ok(json!(self.0.limits.rules()))
    }

    /// Changes something in a mailbox as somebody else would do it.
    pub(super) fn change_mailbox(
        &self,
        upn: &str,
        change: &[&str],
        body: &Value,
    ) -> Result<Value, Problem> {
        let user = self.stage_world().user(upn).cloned();
        let user = user.ok_or_else(|| Problem::unknown(format!("there is no user `{upn}`")))?;
        let owner = Owner::of(&user);
        let ask = |method: &str, path: &str, body: &Value| {
            let call = Call::on_behalf(&user, method, path, body);
            let answer = self.outlook_call(&owner, &call).map_err(|denied| refused(&denied))?;
            Ok(answer.json().cloned().unwrap_or_else(|| json!({})))
        };
        match change {
            ["mailbox"] => {
                let Switch { enabled } = super::changes::read(body)?;
                let mut world = self.stage_world();
                if let Some(user) = world.user_mut(upn) {
                    user.has_mailbox = enabled;
                }
                Ok(json!({ "has_mailbox": enabled }))
            }
            ["changes"] => {
                let Since { since } = super::changes::read(body)?;
                Ok(self.mailboxes().of(&user).changes(since))
            }
            ["messages"] => {
                let message = body.as_object().cloned();
                let message = message.ok_or_else(|| Problem::unusable("a message is an object"))?;
                let call = Call::on_behalf(&user, "POST", "me/messages", body);
                self.receive(&owner, &call, message).map_err(|denied| refused(&denied))
            }
            ["messages", "fill"] => {
                let fill = super::changes::read(body)?;
                self.fill_folder(&user, &fill)
            }
            ["messages", id, "change"] => {
                let call = Call::on_behalf(&user, "PATCH", "me/messages", body);
                self.change_any_message(&owner, &call, id).map_err(|denied| refused(&denied))
            }
            [kind @ ("messages" | "folders"), id, "move"] => {
                let Target { folder } = super::changes::read(body)?;
                let body = json!({ "destinationId": folder });
                ask("POST", &format!("me/{}/{id}/move", collection(kind)), &body)
            }
            [kind @ ("messages" | "folders"), id, "delete"] => {
                ask("DELETE", &format!("me/{}/{id}", collection(kind)), &Value::Null)
            }
            [kind @ ("messages" | "folders"), id, "permanent-delete"] => {
                let path = format!("me/{}/{id}/permanentDelete", collection(kind));
                ask("POST", &path, &Value::Null)
            }
            ["folders"] => {
                let NewFolder { name, parent } = super::changes::read(body)?;
                let parent = parent.map(|parent| format!("/{parent}/childFolders"));
                let path = format!("me/mailFolders{}", parent.unwrap_or_default());
                ask("POST", &path, &json!({ "displayName": name }))
            }
            ["folders", id, "rename"] => {
                let Name { name } = super::changes::read(body)?;
                ask("PATCH", &format!("me/mailFolders/{id}"), &json!({ "displayName": name }))
            }
            _ => Err(Problem::unknown(format!("there are: {}", PATHS.join(", ")))),
        }
    }

    /// Many messages arrive at once.
    fn fill_folder(&self, user: &User, fill: &Fill) -> Result<Value, Problem> {
        if fill.count > MOST || fill.size > LONGEST {
            let detail = format!("`count` is at most {MOST}, `size` at most {LONGEST}");
            return Err(Problem::unusable(detail));
        }
        let folder = self.folder_named(user, &fill.folder);
        let folder = folder.map_err(|denied| refused(&denied))?;
        let (seed, now) = (self.backstage().seed(), self.backstage().now());
        let mut mailboxes = self.mailboxes();
        let mailbox = mailboxes.of(user);
        mailbox.fill(folder, fill.count, fill.size, seed, now);
        Ok(json!({ "put": fill.count, "last": mailbox.change }))
    }

    /// A message arrives. Its members are those of Graph; with `folder` it is put somewhere else.
    fn receive(
        &self,
        owner: &Owner,
        call: &Call,
        mut message: Map<String, Value>,
    ) -> Result<Value, Denied> {
        let folder = message.remove("folder");
        let folder = folder.as_ref().and_then(Value::as_str).unwrap_or("inbox").to_owned();
        let is_read = message.remove("isRead").unwrap_or(json!(false));
        self.put_message(owner, call, message, &folder, |mailbox: &Mailbox, content| {
            let other = json!({
                "emailAddress": { "name": "Samantha Booth", "address": "samanthab@fabrikam.example" },
            });
            let from = content.get("from").filter(|from| !from.is_null()).cloned();
            let from = from.unwrap_or(other);
            content.insert("sender".to_owned(), from.clone());
            content.insert("from".to_owned(), from);
            content.insert("isDraft".to_owned(), json!(false));
            content.insert("isRead".to_owned(), is_read);
            let to = content.get("toRecipients").and_then(Value::as_array);
            if to.is_none_or(Vec::is_empty) {
                content.insert("toRecipients".to_owned(), json!([mailbox.recipient()]));
            }
        })
    }
}

/// What Graph calls it.
fn collection(kind: &str) -> &'static str {
    if kind == "folders" { "mailFolders" } else { "messages" }
}

fn refused(denied: &Denied) -> Problem {
    Problem::unusable(format!("{}: {}", denied.code(), denied.message()))
}
