//! What an integration can do, in words no vendor owns. A vendor implements the traits; the types
//! keep what they do not know.

mod profile;

pub use profile::{Profile, Profiles};
