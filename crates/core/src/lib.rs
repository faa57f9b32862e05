//! stub
pub mod clock;
pub mod entropy;
pub mod fernet;
pub mod grant;
pub mod id;
pub mod integration;
pub mod provider;
pub mod seal;
mod secret;
pub mod store;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use grant::{AccessToken, Grant, MinLife};
pub use id::{AttemptId, IntegrationId, Lineage, UserId};
pub use secret::Secret;
pub use tasks::Tasks;
pub use transport::{HttpLimits, HttpTransport, Request, Response, Transport, TransportError};
