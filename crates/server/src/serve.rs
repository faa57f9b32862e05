//! Listens, and stops without dropping anybody.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use evergrant::Tasks;

/// How long a client may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// How long requests under way may take once the process is stopping.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// A listener that answers.
#[derive(Debug)]
pub struct Listening {
    /// The address it is bound to.
    pub address: SocketAddr,
}

/// Answers on `address` until `tasks` are stopping, then lets requests under way finish.
pub fn serve(router: Router, address: SocketAddr, tasks: &Tasks) -> io::Result<Listening> {
    serve_on(router, TcpListener::bind(address)?, tasks)
}

/// The same on a listener that is bound already, for who must know its port beforehand.
pub fn serve_on(router: Router, listener: TcpListener, tasks: &Tasks) -> io::Result<Listening> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener)?.handle(handle.clone());
    let timer = hyper_util::rt::TokioTimer::new();
    server.http_builder().http1().timer(timer).header_read_timeout(HEADERS_WITHIN);
    let stopping = tasks.clone();
    tasks.spawn(async move {
        stopping.stopped().await;
        handle.graceful_shutdown(Some(DRAIN_WITHIN));
    });
    tasks.spawn(async move {
        if let Err(error) = server.serve(router.into_make_service()).await {
            tracing::error!(%error, "the listener failed");
        }
    });
    Ok(Listening { address })
}
