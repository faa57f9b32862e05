use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use evergrant::{Clock, Entropy, Renewer, Subscriptions, Upkeep};
use evergrant_providers::ig::Environment;
use evergrant_sandbox::{Listen, Listening, Stage};
use evergrant_server::{App, Config};
use serde_json::json;
use url::Url;

use crate::commands::sandbox;
use crate::compose::{Ambient, Parts};
use crate::credentials;
use crate::observe;
use crate::output::Output;
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run the sandbox as well, and connect accounts there
    #[arg(long)]
    sandbox: bool,
}

pub(crate) async fn run(mut settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let ambient = Ambient::default();
    let stage = if args.sandbox {
        let (http, https) = (settings.sandbox.http, settings.sandbox.https);
        let (clock, entropy) = (Arc::clone(&ambient.clock), Arc::clone(&ambient.entropy));
        Some(Played::new(&mut settings, http, Some(https), clock, entropy)?)
    } else {
        None
    };
    let parts = Parts::open(settings, ambient).await?;
    let sandbox = stage.as_ref().and_then(Played::url);
    if let Some(played) = stage {
        played.start(&parts);
    }
    if parts.vault.is_copy().await? {
        tracing::error!(
            "this database is a copy of another one: no provider is called and no token is handed out \
             until whatever uses the original is stopped and `evergrant adopt` is run"
        );
    }
    for (key, grants) in parts.missing_keys().await? {
        tracing::error!(
            key,
            grants,
            "stored grants need an encryption key that is not configured; add it to EVERGRANT_ENCRYPTION_KEYS"
        );
    }
    let Up { api, admin, public_url } = start(&parts)?;
    tracing::info!(%api, %admin, %public_url, "serving");
    if output.json {
        let body = json!({
            "api": format!("http://{api}"),
            "admin": format!("http://{admin}"),
            "public_url": public_url,
            "sandbox": sandbox,
        });
        output.value(&body, "")?;
    }
    stop_signal().await;
    tracing::info!("stopping: requests and refreshes under way may finish");
    parts.finish().await;
    Ok(())
}

/// The sandbox beside a server, with the settings that lead there.
pub(crate) struct Played {
    pub(crate) stage: Stage,
    listening: Listening,
}

impl Played {
    /// Binds the sandbox and points the settings to it. Plain HTTP on the loopback interface, so that
    /// a browser needs no certificate.
    pub(crate) fn new(
        settings: &mut Settings,
        http: SocketAddr,
        https: Option<SocketAddr>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> anyhow::Result<Self> {
        let stage = sandbox::plain(clock, entropy)?;
        let listen = Listen { http: Some(http), https, ca: None };
        let listening = sandbox::bind(&stage, &listen)?;
        let address = listening.http().context("the sandbox has no address")?;
        let url = Url::parse(&format!("http://localhost:{}", address.port()))?;
        let microsoft = &mut settings.microsoft;
        microsoft.client_id = Some("sandbox-client".to_owned());
        microsoft.client_secret = Some("sandbox-secret".into());
        microsoft.login_url = Some(url.clone());
        microsoft.graph_url = Some(url.clone());
        let ig = &mut settings.ig;
        ig.environment = Environment::default();
        ig.api_key = Some("sandbox-key".into());
        ig.url = Some(url.join("/gateway/deal")?);
        Ok(Self { stage, listening })
    }

    /// Where the sandbox is.
    fn url(&self) -> Option<String> {
        let http = self.listening.http()?;
        Some(format!("http://localhost:{}", http.port()))
    }

    /// Answers until the process stops.
    pub(crate) fn start(self, parts: &Parts) -> Stage {
        let stopping = parts.tasks.clone();
        if let Some(url) = self.url() {
            tracing::info!(url, "the sandbox plays the providers");
        }
        parts.tasks.spawn(async move {
            let stopped = stopping.clone();
            if let Err(error) = self.listening.serve(async move { stopped.stopped().await }).await {
                tracing::error!(%error, "the sandbox failed");
            }
        });
        self.stage
    }
}

/// Where a server answers.
pub(crate) struct Up {
    pub(crate) api: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) public_url: Url,
}

/// Starts both listeners and the loops.
pub(crate) fn start(parts: &Parts) -> anyhow::Result<Up> {
    let settings = &parts.settings;
    let api = listen(settings.server.listen, "EVERGRANT_SERVER_LISTEN")?;
    let admin = listen(settings.admin.listen, "EVERGRANT_ADMIN_LISTEN")?;
    // Only a bound listener knows its port.
    let public_url = settings.public_url(api.local_addr()?)?;
    let scrape = observe::begin(parts)?;
    parts.tasks.spawn_loop(Arc::clone(&parts.news).run());
    parts.tasks.spawn_loop(Renewer::new(parts.vault.clone()).run());
    parts.tasks.spawn_loop(Upkeep::new(parts.vault.clone()).run());
    parts.tasks.spawn_loop(credentials::watch(parts));
    let subscriptions = Subscriptions::new(
        parts.vault.clone(),
        Arc::new(parts.store.clone()),
        settings.notification_url(&public_url)?,
    );
    if settings.sync.enabled {
        parts.tasks.spawn_loop(parts.syncer.clone().run());
        parts.tasks.spawn_loop(subscriptions.clone().run());
    } else {
        parts.tasks.spawn_loop(parts.syncer.clone().tend());
    }
    let app = App::new(evergrant_server::Parts {
        vault: parts.vault.clone(),
        store: parts.store.clone(),
        syncer: parts.syncer.clone(),
        subscriptions,
        news: Arc::clone(&parts.news),
        clock: Arc::clone(&parts.clock),
        entropy: Arc::clone(&parts.entropy),
        config: Config {
            public_url: public_url.clone(),
            redirect_uris: settings.server.redirect_uris.clone(),
        },
    });
    let admin_router = evergrant_server::admin_router(app.clone(), scrape);
    let admin = evergrant_server::serve_on(admin_router, admin, &parts.tasks)?.address;
    let router = evergrant_server::router(app);
    let api = evergrant_server::serve_on(router, api, &parts.tasks)?.address;
    Ok(Up { api, admin, public_url })
}

fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| cannot_listen(error, address, setting))
}

/// Why not, and which setting names another address.
pub(crate) fn cannot_listen(
    error: std::io::Error,
    address: SocketAddr,
    setting: &str,
) -> anyhow::Error {
    anyhow::Error::from(error)
        .context(format!("cannot listen on {address}; set {setting} to another address"))
}

/// Returns when the process is asked to stop.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let asked = |kind| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            // Without a handler the signal ends the process itself.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = asked(SignalKind::terminate()) => {}
        () = asked(SignalKind::interrupt()) => {}
    }
}
