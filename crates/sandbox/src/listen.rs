//! The stage on its own ports, with and without TLS.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use axum::response::Response;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tower::{Service, service_fn};

use crate::authority::{Authority, AuthorityError};
use crate::stage::Broken;
use crate::{Scheme, Stage};

/// How long requests under way may take once the listeners shut down.
const GRACE: Duration = Duration::from_secs(2);

/// Where to listen; port 0 lets the system choose one.
#[derive(Debug, Clone, Default)]
pub struct Listen {
    /// The address for plain HTTP.
    pub http: Option<SocketAddr>,
    /// The address for HTTPS.
    pub https: Option<SocketAddr>,
    /// Where to write the certificate that clients must trust, as PEM.
    pub ca: Option<PathBuf>,
}

/// The listeners could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Neither address was given.
    #[error("there is no address to listen on")]
    Nowhere,
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificates could not be made.
    #[error("the sandbox's certificate authority could not be made")]
    Authority(#[from] AuthorityError),
    /// The certificate could not be written.
    #[error("cannot write the certificate to {}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Listeners that are bound, but answer only once they are [served](Self::serve).
#[derive(Debug)]
pub struct Listening {
    stage: Stage,
    authority: Authority,
    http: Option<(TcpListener, SocketAddr)>,
    https: Option<(TcpListener, SocketAddr)>,
}

impl Listening {
    /// Takes the addresses, and writes the certificate where it is wanted.
    pub fn bind(stage: Stage, listen: &Listen) -> Result<Self, ListenError> {
        if listen.http.is_none() && listen.https.is_none() {
            return Err(ListenError::Nowhere);
        }
        let authority = Authority::new(stage.base_now(), &stage.hosts())?;
        let http = listen.http.map(bind).transpose()?;
        let https = listen.https.map(bind).transpose()?;
        if let Some(path) = &listen.ca {
            write_public(path, &authority.certificate)
                .map_err(|source| ListenError::Certificate { path: path.clone(), source })?;
        }
        Ok(Self { stage, authority, http, https })
    }

    /// The bound address for plain HTTP.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(|(_, address)| *address)
    }

    /// The bound address for HTTPS.
    pub fn https(&self) -> Option<SocketAddr> {
        self.https.as_ref().map(|(_, address)| *address)
    }

    /// The certificate that clients must trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.authority.certificate
    }

    /// Answers until `shutdown` is done, then lets requests under way end.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let (plain, secure) = (Handle::new(), Handle::new());
        let visitors = |scheme| {
            let visitor = Visitor { router: self.stage.router(), scheme };
            service_fn(move |_: SocketAddr| ready(Ok::<_, Infallible>(visitor.clone())))
        };
        let http = async {
            let Some((listener, _)) = self.http else {
                return Ok(());
            };
            let server = axum_server::from_tcp(listener)?.handle(plain.clone());
            server.serve(visitors(Scheme::Http)).await
        };
        let https = async {
            let Some((listener, _)) = self.https else {
                return Ok(());
            };
            let tls = RustlsConfig::from_config(self.authority.server);
            let server = axum_server::from_tcp_rustls(listener, tls)?.handle(secure.clone());
            server.serve(visitors(Scheme::Https)).await
        };
        let mut serving = pin!(async { tokio::try_join!(http, https).map(|_| ()) });
        tokio::select! {
            ended = &mut serving => return ended,
            () = shutdown => {}
        }
        for handle in [&plain, &secure] {
            handle.graceful_shutdown(Some(GRACE));
        }
        serving.await
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    listen().map_err(|source| ListenError::Bind { address, source })
}

/// Writes a file that everybody may read, whatever the process's mask says.
fn write_public(path: &PathBuf, text: &str) -> io::Result<()> {
    std::fs::write(path, text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

/// The stage for one connection.
#[derive(Debug, Clone)]
struct Visitor {
    router: Router,
    scheme: Scheme,
}

impl<B> Service<Request<B>> for Visitor
where
    Router: Service<Request<B>, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    type Response = Response;
    type Error = HungUp;
    type Future = Pin<Box<dyn Future<Output = Result<Response, HungUp>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HungUp>> {
        self.router.poll_ready(cx).map_err(|never| match never {})
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.scheme);
        let answered = self.router.call(request);
        Box::pin(async {
            let Ok(response) = answered.await;
            // A service's error is the one way to make the server hang up without a word.
            match response.extensions().get::<Broken>() {
                Some(_) => Err(HungUp),
                None => Ok(response),
            }
        })
    }
}

/// The connection is to be broken.
#[derive(Debug, thiserror::Error)]
#[error("a scripted fault broke the connection")]
struct HungUp;
