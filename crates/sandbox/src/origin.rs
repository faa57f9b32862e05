//! Under which address the client reached the stage; absolute URLs are built from it.

use std::fmt;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};

/// The scheme a mount is reached by; an extension of the request, `https` where it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// Scheme, host and port of a request, as the client wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    host: String,
}

impl Origin {
    /// The origin of a request.
    pub fn of<B>(request: &axum::http::Request<B>) -> Self {
        let scheme = request.extensions().get().copied();
        Self::new(scheme, request.uri(), request.headers())
    }

    /// The origin of a request whose body was taken away.
    pub fn of_parts(parts: &Parts) -> Self {
        Self::new(parts.extensions.get().copied(), &parts.uri, &parts.headers)
    }

    fn new(scheme: Option<Scheme>, uri: &Uri, headers: &HeaderMap) -> Self {
        // HTTP/2 carries the host in the URI, HTTP/1.1 in a header.
        let host = uri.authority().map(|authority| authority.as_str().to_owned());
        let header = || headers.get(header::HOST)?.to_str().ok().map(str::to_owned);
        Self {
            scheme: scheme.unwrap_or(Scheme::Https),
            host: host.or_else(header).unwrap_or_else(|| "localhost".to_owned()),
        }
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.host)
    }
}
