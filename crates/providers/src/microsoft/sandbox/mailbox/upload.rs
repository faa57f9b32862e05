//! Upload sessions: large attachments, piece by piece (contract, 6.6).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// An upload that has not ended.
#[derive(Debug)]
pub(in super::super) struct Upload {
    /// The user whose mailbox it is in.
    pub(in super::super) oid: String,
    /// The registration that began it.
    pub(in super::super) client_id: String,
    /// The message.
    pub(in super::super) message: u64,
    /// The members of the attachment.
    pub(in super::super) about: Map<String, Value>,
    pub(in super::super) size: usize,
    /// What has arrived; the rest follows in order.
    pub(in super::super) bytes: Vec<u8>,
    pub(in super::super) expires: Timestamp,
}

/// The uploads under way, by the token that stands in their addresses.
#[derive(Debug, Default)]
pub(in super::super) struct Uploads(BTreeMap<String, Upload>);

impl Uploads {
    /// Begins an upload.
    pub(in super::super) fn begin(&mut self, token: String, upload: Upload) {
        self.0.insert(token, upload);
    }

    /// The upload with this token, unless it has expired.
    pub(in super::super) fn get(&mut self, token: &str, now: Timestamp) -> Option<&mut Upload> {
        self.0.get_mut(token).filter(|upload| now < upload.expires)
    }

    /// Ends an upload.
    pub(in super::super) fn end(&mut self, token: &str) -> Option<Upload> {
        self.0.remove(token)
    }
}
