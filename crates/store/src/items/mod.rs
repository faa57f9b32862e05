//! Items of the local copy: written by the syncer, read in lists and as changes.
//!
//! Not part of the syncer's port but for what it writes; the server reads them with methods of
//! [`Store`](crate::Store). Whoever reads names the owner, and sees nothing of an integration that was
//! disconnected, from that moment on.

mod apply;
mod changes;
mod cursor;
mod fill;
mod list;
mod tidy;
mod words;
mod write;

pub(crate) use apply::{MISSED_AT_ONCE, apply};
pub use changes::{ItemChange, ItemChangeKind, ItemChanges, ItemChangesQuery};
pub use cursor::{InvalidCursor, ItemChangesCursor, ItemCursor};
pub use list::{ItemPage, ItemQuery, StoredItem};
pub(crate) use tidy::tidy;
pub use write::LeftReason;
pub(crate) use write::leave;
