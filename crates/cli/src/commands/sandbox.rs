use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use evergrant::{Clock, Entropy, SystemClock, SystemEntropy};
use evergrant_sandbox::{Courier, Listen, ListenError, Listening, Reach, Stage, StageConfig};

use crate::commands::serve;
use crate::output::Output;
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where to listen for HTTP
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Where to listen for HTTPS
    #[arg(long, value_name = "ADDR")]
    https: Option<SocketAddr>,
    /// Where to write the certificate that clients must trust
    #[arg(long, value_name = "FILE", default_value = "sandbox-ca.pem")]
    ca: PathBuf,
    /// Ids and lifetimes repeat with the seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A refresh token works once, and using it again ends the grant
    #[arg(long)]
    strict_rotation: bool,
    /// How long every access token lives, instead of the provider's own lifetimes
    #[arg(long, value_name = "SECONDS")]
    access_ttl: Option<u64>,
    /// Certificates to trust, besides the system's, where notifications are sent
    #[arg(long, value_name = "FILE")]
    notify_ca: Option<PathBuf>,
    /// Send notifications to other machines too; else whoever can reach the sandbox would call them through it
    #[arg(long)]
    notify_anywhere: bool,
}

/// How long a receiver of notifications may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries notifications over the network.
fn courier(extra_roots: Option<&Path>, anywhere: bool) -> anyhow::Result<Courier> {
    let read = |path: &Path| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let pem = extra_roots.map(read).transpose()?;
    let reach = if anywhere { Reach::Anywhere } else { Reach::ThisMachine };
    Ok(Courier::over_http(PATIENCE, pem.as_deref(), reach)?)
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let stage = stage(StageConfig {
        seed: args.seed,
        strict_rotation: args.strict_rotation,
        access_ttl: args.access_ttl.map(Duration::from_secs),
        clock: Arc::new(SystemClock::default()),
        entropy: Arc::new(SystemEntropy::default()),
        courier: courier(args.notify_ca.as_deref(), args.notify_anywhere)?,
    });
    let listen = Listen {
        http: Some(args.http.unwrap_or(settings.sandbox.http)),
        https: Some(args.https.unwrap_or(settings.sandbox.https)),
        ca: Some(args.ca.clone()),
    };
    let listening = bind(&stage, &listen)?;
    announce(output, &stage, &listening, &args.ca)?;
    listening.serve(serve::stop_signal()).await?;
    Ok(())
}

/// The stage on its addresses, or the setting that names another.
pub(crate) fn bind(stage: &Stage, listen: &Listen) -> anyhow::Result<Listening> {
    Listening::bind(stage.clone(), listen).map_err(|error| match error {
        ListenError::Bind { address, source } => {
            let setting = if listen.http == Some(address) {
                "EVERGRANT_SANDBOX_HTTP"
            } else {
                "EVERGRANT_SANDBOX_HTTPS"
            };
            serve::cannot_listen(source, address, setting)
        }
        error => error.into(),
    })
}

/// The providers, played.
pub(crate) fn stage(config: StageConfig) -> Stage {
    evergrant_providers::sandbox::stage(config)
}

/// A stage with everything at its default.
pub(crate) fn plain(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> anyhow::Result<Stage> {
    let courier = courier(None, false)?;
    let config =
        StageConfig { seed: 1, strict_rotation: false, access_ttl: None, clock, entropy, courier };
    Ok(stage(config))
}

fn announce(
    output: Output,
    stage: &Stage,
    listening: &Listening,
    ca: &std::path::Path,
) -> anyhow::Result<()> {
    let (http, https) = (listening.http(), listening.https());
    let credentials = stage.credentials();
    let body = serde_json::json!({
        "http": http.map(|address| format!("http://{address}")),
        "https": https.map(|address| format!("https://localhost:{}", address.port())),
        "ca": ca,
        "credentials": credentials.iter().map(|(act, credential)| {
            serde_json::json!({ "provider": act, "label": credential.label, "value": credential.value })
        }).collect::<Vec<_>>(),
    });
    let mut lines = Vec::new();
    if let Some(http) = http {
        lines.push(format!("sandbox on http://{http}"));
    }
    if let Some(https) = https {
        lines.push(format!(
            "sandbox on https://localhost:{}, certificate in {}",
            https.port(),
            ca.display()
        ));
    }
    for (act, credential) in credentials {
        lines.push(format!("  {act}: {} = {}", credential.label, credential.value));
    }
    lines.push("everything else: GET /_sandbox/world".to_owned());
    output.value(&body, &lines.join("\n"))
}
