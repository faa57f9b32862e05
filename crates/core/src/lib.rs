//! stub
pub mod clock;
pub mod entropy;
pub mod transport;
pub use clock::{Clock, SystemClock};
pub use entropy::{Entropy, SystemEntropy};
pub use transport::{HttpLimits, HttpTransport, Request, Response, Transport, TransportError};
