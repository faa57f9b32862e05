//! What comes to a subscription's address: a handshake (contract, section 8.2) or notifications
//! (sections 8.3 to 8.5). Whoever sent it; so each element is read on its own, and nothing of it is
//! taken for more than what it says.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use evergrant::notification::{IsKnown, NotWord, Note, NoteEvent};
use evergrant::{Secret, Transport};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Notifier;
use super::certificate::Encrypted;
use super::senders::Senders;

/// The longest handshake that is answered, in bytes.
const LONGEST_TOKEN: usize = 4 << 10;
/// The longest body that is read, in bytes.
const LONGEST_BODY: usize = 1 << 20;
/// The most notifications in one body.
const MOST_NOTES: usize = 1_000;
/// What cannot be told from its repetition by what it says counts as one for so long, in seconds.
const SAME_FOR: i64 = 600;

/// What a handshake wants to be answered, if it is one: its token, decoded once.
pub(super) fn handshake(query: Option<&str>) -> Result<Option<String>, NotWord> {
    let query = query.unwrap_or_default().as_bytes();
    let token = url::form_urlencoded::parse(query).find(|(name, _)| name == "validationToken");
    let Some((_, token)) = token else { return Ok(None) };
    if token.len() > LONGEST_TOKEN {
        return Err(NotWord("the token of the handshake is too long"));
    }
    // What is no text was replaced by this sign, and would not go back as it came.
    if token.is_empty() || token.contains(|c: char| c.is_control() || c == '\u{fffd}') {
        return Err(NotWord("the token of the handshake is no plain text"));
    }
    Ok(Some(token.into_owned()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    value: Vec<Value>,
    #[serde(default)]
    validation_tokens: Value,
}

/// One notification.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    subscription_id: String,
    client_state: Option<String>,
    tenant_id: Option<String>,
    lifecycle_event: Option<String>,
    change_type: Option<String>,
    resource: Option<String>,
    resource_data: Option<ResourceData>,
    encrypted_content: Option<Encrypted>,
    id: Option<String>,
    subscription_expiration_date_time: Option<String>,
}

#[derive(Deserialize)]
struct ResourceData {
    id: Option<String>,
    #[serde(rename = "@odata.etag")]
    etag: Option<String>,
}

impl Notifier {
    /// The notifications in a body.
    pub(super) async fn notes(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        body: &Bytes,
        is_known: &IsKnown<'_>,
    ) -> Result<Vec<Note>, NotWord> {
        if body.len() > LONGEST_BODY {
            return Err(NotWord("the body is too long"));
        }
        let Delivery { value, validation_tokens } =
            serde_json::from_slice(body).map_err(|_| NotWord("the body has no notifications"))?;
        if value.len() > MOST_NOTES {
            return Err(NotWord("the body has too many notifications"));
        }
        let said: Vec<_> = value.into_iter().map(serde_json::from_value::<Said>).collect();
        let knows = |said: &Said| {
            let state = said.client_state.as_deref().map(Secret::from);
            is_known(&said.subscription_id, state.as_ref())
        };
        // Whoever made it up makes nobody ask for keys, or open what is sealed.
        let senders = if said.iter().flatten().any(knows) {
            Senders::of(&self.identity, http, now, &validation_tokens).await
        } else {
            Senders::default()
        };
        let doubt = |said: &Said| if knows(said) { self.doubt(&senders, said) } else { None };
        Ok(said.into_iter().map(|said| Self::note(now, said.ok(), doubt)).collect())
    }

    fn note(
        now: Timestamp,
        said: Option<Said>,
        doubt: impl Fn(&Said) -> Option<&'static str>,
    ) -> Note {
        let Some(said) = said else {
            return Note {
                subscription: String::new(),
                state: None,
                event: NoteEvent::Unknown,
                tenant: None,
                digest: [0; 32],
                doubt: Some("it cannot be read"),
            };
        };
        Note {
            event: said.event(),
            digest: said.digest(now),
            doubt: doubt(&said),
            tenant: said.tenant_id.filter(|tenant| !tenant.is_empty()),
            state: said.client_state.map(Into::into),
            subscription: said.subscription_id,
        }
    }

    /// Why a notification must not be believed, where somebody vouches for it or has to.
    fn doubt(&self, senders: &Senders, said: &Said) -> Option<&'static str> {
        let rich = said.encrypted_content.as_ref();
        // Where one has to be proven, who came with it has to be, too.
        if (rich.is_some() || senders.is_claimed()) && !senders.vouch_for(said.tenant_id.as_deref())
        {
            return Some("its sender is not proven");
        }
        let (content, Some(certificate)) = (rich?, &self.certificate) else {
            return Some("what it carries cannot be opened: there is no certificate for it");
        };
        let id = said.resource_data.as_ref().and_then(|data| data.id.as_deref());
        match certificate.open(content) {
            Err(doubt) => Some(doubt),
            Ok(opened) => {
                let opened: Value = serde_json::from_slice(&opened).unwrap_or_default();
                // The id does not come along in every sample of the contract.
                let is_it = opened.is_object()
                    && opened.get("id").is_none_or(|carried| carried.as_str() == id);
                (!is_it).then_some("it carries another item than the one it names")
            }
        }
    }
}

impl Said {
    fn event(&self) -> NoteEvent {
        match (self.lifecycle_event.as_deref(), self.change_type.as_deref()) {
            (Some("reauthorizationRequired"), _) => NoteEvent::Expiring,
            (Some("subscriptionRemoved"), _) => NoteEvent::Removed,
            (Some("missed"), _) => NoteEvent::Missed,
            (None, Some("created" | "updated" | "deleted")) => NoteEvent::Changed,
            _ => NoteEvent::Unknown,
        }
    }

    /// What tells it from others, each with its length: no two read the same.
    fn digest(&self, now: Timestamp) -> [u8; 32] {
        let data = self.resource_data.as_ref();
        let etag = data.and_then(|data| data.etag.as_deref());
        // Nothing in what happens to a subscription says when: of two notifications of lost ones the
        // second is not to be taken for the first.
        let when = match etag {
            Some(_) => String::new(),
            None => now.as_second().div_euclid(SAME_FOR).to_string(),
        };
        let parts = [
            Some(self.subscription_id.as_str()),
            self.id.as_deref(),
            self.lifecycle_event.as_deref(),
            self.change_type.as_deref(),
            self.resource.as_deref(),
            data.and_then(|data| data.id.as_deref()),
            etag,
            self.subscription_expiration_date_time.as_deref(),
            Some(&when),
        ];
        let mut digest = Context::new(&SHA256);
        for part in parts {
            let part = part.unwrap_or_default().as_bytes();
            digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let mut sum = [0; 32];
        sum.copy_from_slice(digest.finish().as_ref());
        sum
    }
}
