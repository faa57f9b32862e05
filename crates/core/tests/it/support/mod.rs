//! The stage on which the vault is tested.

mod adapter;
mod ledger;
mod line;
mod process;
mod stage;
mod wire;
mod world;

pub(crate) use adapter::Adapter;
pub(crate) use ledger::{Fault, Next, Rotation};
pub(crate) use line::Cut;
pub(crate) use process::Process;
pub(crate) use stage::{Stage, begin};
