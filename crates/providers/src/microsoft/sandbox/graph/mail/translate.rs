//! `POST /me/translateExchangeIds`: the same item in another kind of id (contract, 4.7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};

use super::{Mail, READ_BASIC};
use crate::microsoft::sandbox::graph::ids::{Class, Id};
use crate::microsoft::sandbox::graph::reply::{Answer, Denied};
use crate::microsoft::sandbox::json::one_of;
use crate::microsoft::sandbox::mailbox::Mailbox;

/// The most ids of a request.
const MOST: usize = 1000;
const KINDS: &[&str] = &["entryId", "ewsId", "immutableEntryId", "restId", "restImmutableEntryId"];

impl Mail<'_> {
    pub(super) fn translate_ids(&self) -> Result<Answer, Denied> {
        self.call.require_access(READ_BASIC)?;
        let parameters = self.call.parameters()?;
        let kind = |name: &str| {
            let given = parameters.text(name).and_then(|kind| one_of(KINDS, kind));
            given.ok_or_else(|| Denied::bad("ErrorInvalidParameter", format!("{name} is missing.")))
        };
        let (source, target) = (kind("sourceIdType")?, kind("targetIdType")?);
        let ids = parameters.get("inputIds").and_then(Value::as_array);
        let ids = ids.ok_or_else(Denied::malformed)?;
        if ids.len() > MOST {
            let message = format!("At most {MOST} ids can be translated at a time.");
            return Err(Denied::bad("ErrorInvalidParameter", message));
        }
        self.mailbox(|mailbox| {
            let translated = ids.iter().map(|given| {
                let id = given.as_str().and_then(|text| read(text, source));
                let id = id.and_then(|id| current(mailbox, id, target));
                let mut result = json!({ "sourceId": given });
                if let Some(id) = id {
                    result["targetId"] = json!(write(id, target));
                } else {
                    let denied = Denied::not_found();
                    result["errorDetails"] =
                        json!({ "code": denied.code, "message": denied.message });
                }
                result
            });
            let context = self.call.context("Collection(microsoft.graph.convertIdResult)");
            let all: Vec<_> = translated.collect();
            Ok(Answer::ok(json!({ "@odata.context": context, "value": all })))
        })
    }
}

fn is_immutable(kind: &str) -> bool {
    matches!(kind, "immutableEntryId" | "restImmutableEntryId")
}

/// The id that a message has now in this kind; of folders all kinds are one.
fn current(mailbox: &Mailbox, id: Id, target: &str) -> Option<Id> {
    if id.mailbox != mailbox.number {
        return None;
    }
    if id.class != Class::Message {
        return Some(id);
    }
    let message = mailbox.messages.get(&id.serial)?;
    let is_here = id.place.is_none_or(|place| place == message.place);
    let place = (!is_immutable(target)).then_some(message.place);
    is_here.then_some(Id { place, ..id })
}

/// Entry ids are binary in the real service; here they are the others, wrapped once more.
fn write(id: Id, kind: &str) -> String {
    match kind {
        "entryId" | "immutableEntryId" => URL_SAFE.encode(id.text()),
        "ewsId" => id.text().replace('-', "/").replace('_', "+"),
        _ => id.text(),
    }
}

fn read(text: &str, kind: &str) -> Option<Id> {
    let id = match kind {
        "entryId" | "immutableEntryId" => {
            Id::parse(&String::from_utf8(URL_SAFE.decode(text).ok()?).ok()?)?
        }
        "ewsId" => Id::parse(&text.replace('/', "-").replace('+', "_"))?,
        _ => Id::parse(text)?,
    };
    let fits = id.class != Class::Message || id.place.is_none() == is_immutable(kind);
    fits.then_some(id)
}
