use std::io::Write;
use std::process::ExitCode;

use bytes::Bytes;
use evergrant::{Gateway, IntegrationId};
use http::{Method, header};

use crate::compose::Parts;
use crate::output::Exit;
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The integration, int_…
    id: IntegrationId,
    /// GET, POST, PATCH, PUT or DELETE
    method: Method,
    /// A path of the provider's API, such as /me
    path: String,
    /// A JSON body
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
}

pub(crate) async fn run(settings: Settings, args: Args) -> anyhow::Result<ExitCode> {
    let parts = Parts::of(settings).await?;
    let owner = parts.owner_of(args.id).await?;
    let api = Gateway::new(parts.vault.clone()).open(owner, args.id).await?;
    let mut request =
        api.request(args.method, &args.path)?.header(header::ACCEPT, "application/json");
    if args.data.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    let response = api.send(request.body(Bytes::from(args.data.unwrap_or_default()))?).await?;
    let status = response.status();
    let mut out = std::io::stdout().lock();
    out.write_all(response.body())?;
    if !response.body().is_empty() && !response.body().ends_with(b"\n") {
        writeln!(out)?;
    }
    drop(out);
    parts.finish().await;
    if status.is_success() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(std::io::stderr().lock(), "the provider answered {status}")?;
    let later = status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS;
    Ok(if later { Exit::TryLater } else { Exit::Failed }.into())
}
