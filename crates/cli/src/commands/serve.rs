use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use evergrant::{Clock, Entropy, Renewer};
use evergrant_sandbox::{Listen, Listening, Stage};
use evergrant_server::{App, Config};
use url::Url;

use crate::commands::sandbox;
use crate::compose::{Ambient, Parts};
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run the sandbox as well, and connect accounts there
    #[arg(long)]
    sandbox: bool,
}

pub(crate) async fn run(mut settings: Settings, args: Args) -> anyhow::Result<()> {
    let ambient = Ambient::default();
    let stage = if args.sandbox {
        let (http, https) = (settings.sandbox.http, settings.sandbox.https);
        let (clock, entropy) = (Arc::clone(&ambient.clock), Arc::clone(&ambient.entropy));
        Some(Played::new(
            &mut settings,
            http,
            Some(https),
            clock,
            entropy,
        )?)
    } else {
        None
    };
    let parts = Parts::open(settings, ambient).await?;
    if let Some(played) = stage {
        played.start(&parts);
    }
    let address = start(&parts)?;
    tracing::info!(%address, public_url = %parts.settings.public_url()?, "serving");
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
        let stage = sandbox::plain(clock, entropy);
        let listen = Listen {
            http: Some(http),
            https,
            ca: None,
        };
        let listening = Listening::bind(stage.clone(), &listen)?;
        let address = listening.http().context("the sandbox has no address")?;
        let url = Url::parse(&format!("http://localhost:{}", address.port()))?;
        let microsoft = &mut settings.microsoft;
        microsoft.client_id = Some("sandbox-client".to_owned());
        microsoft.client_secret = Some("sandbox-secret".into());
        microsoft.login_url = Some(url.clone());
        microsoft.graph_url = Some(url);
        Ok(Self { stage, listening })
    }

    /// Answers until the process stops.
    pub(crate) fn start(self, parts: &Parts) -> Stage {
        let stopping = parts.tasks.clone();
        if let Some(http) = self.listening.http() {
            tracing::info!(url = %format!("http://localhost:{}", http.port()), "the sandbox plays the providers");
        }
        parts.tasks.spawn(async move {
            let stopped = stopping.clone();
            if let Err(error) = self
                .listening
                .serve(async move { stopped.stopped().await })
                .await
            {
                tracing::error!(%error, "the sandbox failed");
            }
        });
        self.stage
    }
}

/// Starts the loops and both listeners; gives the address of the API.
pub(crate) fn start(parts: &Parts) -> anyhow::Result<SocketAddr> {
    parts.tasks.spawn_loop(Arc::clone(&parts.news).run());
    parts
        .tasks
        .spawn_loop(Renewer::new(parts.vault.clone()).run());
    let app = App::new(evergrant_server::Parts {
        vault: parts.vault.clone(),
        store: parts.store.clone(),
        news: Arc::clone(&parts.news),
        clock: Arc::clone(&parts.clock),
        entropy: Arc::clone(&parts.entropy),
        config: Config {
            public_url: parts.settings.public_url()?,
            redirect_uris: parts.settings.server.redirect_uris.clone(),
        },
    });
    let listen = |router, address: SocketAddr, setting: &str| {
        evergrant_server::serve(router, address, &parts.tasks)
            .with_context(|| format!("cannot listen on {address}; {setting} names another address"))
    };
    let admin = evergrant_server::admin_router(app.clone());
    listen(admin, parts.settings.admin.listen, "EVERGRANT_ADMIN_LISTEN")?;
    let api = evergrant_server::router(app);
    Ok(listen(api, parts.settings.server.listen, "EVERGRANT_SERVER_LISTEN")?.address)
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
