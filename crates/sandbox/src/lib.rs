//! The stage on which providers are played.
//!
//! A provider's part is an [`Act`]: its routes, its world, its way of failing. The [`Stage`] puts
//! acts on one router and gives them what every strict double of a provider needs: a clock that
//! can be moved, ids that repeat with the seed, authorization codes and refresh tokens with the
//! rules of real servers ([`Grants`]), scripted faults, and a [`Ledger`] of what was asked for and
//! handed out. Tests judge a client by the ledger, not by what the client says of itself.
//!
//! The same router is mounted three ways: inside another server ([`Stage::router`]), inside a
//! process without any socket ([`InProcess`]) and on its own ports with its own certificate
//! authority ([`Listening`]). Everything under `/_sandbox/` is for the person or the test that
//! directs the play; everything else belongs to the acts.
//!
//! The stage knows no vendor. It hands out tokens to anybody who asks nicely: never expose it.

mod act;
mod authority;
mod backstage;
mod client_key;
mod control;
mod courier;
mod devices;
mod faults;
mod grants;
mod html;
mod inprocess;
mod jwt;
mod ledger;
mod listen;
mod origin;
mod problem;
mod recipient;
mod stage;

pub use act::{Act, Credential, Errand, Pass, Scene, Site};
pub use authority::AuthorityError;
pub use backstage::{Backstage, StageConfig};
pub use client_key::{Assertion, ClientKey, ClientKeyError};
pub use courier::{Courier, Reach};
pub use devices::{DeviceCodes, DeviceRefusal, Started};
pub use faults::{Deed, Failure, Fault};
pub use grants::{
    Asked, Challenge, ChallengeError, CodeRefusal, Grant, Grants, RefreshRefusal, Rotation,
    Successor,
};
pub use html::{Page, escape};
pub use inprocess::InProcess;
pub use jwt::{SigningKey, TokenRefusal};
pub use ledger::{Counts, Delivery, Event, Kind, Ledger, Seen, Summary, TokenEntry, Traffic, Used};
pub use listen::{Listen, ListenError, Listening};
pub use origin::{Origin, Scheme};
pub use problem::Problem;
pub use recipient::{Recipient, RecipientError};
pub use stage::Stage;
