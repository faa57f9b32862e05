//! The stage on which the vault is tested.

mod adapter;
mod line;
mod stage;
mod wire;
mod world;

pub(crate) use line::Cut;
pub(crate) use stage::{Process, Stage, begin};
pub(crate) use world::{Fault, Ledger, Rotation};
