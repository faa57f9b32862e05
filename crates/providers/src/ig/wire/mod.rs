//! IG's JSON, as tolerantly as it is written.
