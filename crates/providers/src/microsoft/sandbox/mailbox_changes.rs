//! What others do to a mailbox: `POST /_sandbox/world/microsoft/users/{upn}/…`.

use evergrant_sandbox::Problem;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::MicrosoftAct;
use super::graph::{Call, Denied, Owner, Rules};
use super::mailbox::Mailbox;

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
];

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
            ["messages", id, "change"] => ask("PATCH", &format!("me/messages/{id}"), body),
            ["messages", id, "move"] => {
                let Target { folder } = super::changes::read(body)?;
                let body = json!({ "destinationId": folder });
                ask("POST", &format!("me/messages/{id}/move"), &body)
            }
            ["messages", id, "delete"] => ask("DELETE", &format!("me/messages/{id}"), &Value::Null),
            _ => Err(Problem::unknown(format!("there are: {}", PATHS.join(", ")))),
        }
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

fn refused(denied: &Denied) -> Problem {
    Problem::unusable(format!("{}: {}", denied.code(), denied.message()))
}
