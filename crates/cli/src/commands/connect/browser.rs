use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::Query;
use axum::response::Html;
use axum::routing::get;
use evergrant::clock::until;
use evergrant::provider::ProviderKey;
use evergrant::store::Way;
use evergrant::vault::{Begin, Begun, Next, Proof};
use evergrant::{IntegrationId, Secret};
use evergrant_store::User;
use http::StatusCode;
use tokio::sync::oneshot;
use url::Url;

use crate::commands::{integrations, users};
use crate::compose::Parts;
use crate::output::{Output, UsageError};
use crate::settings::Settings;

/// The user of a command line that never named one.
const ONLY_USER: &str = "me";
/// How long the browser may take to fetch its last page.
const LAST_PAGE: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to connect, such as `microsoft_calendar`
    provider: String,
    /// Whose account it becomes; needed only where there are several users
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Ask for these permissions alone
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// Reconnect this integration
    #[arg(long, value_name = "ID", conflicts_with = "user")]
    integration: Option<IntegrationId>,
    /// Print the address instead of opening a browser
    #[arg(long)]
    no_browser: bool,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    let (user, new) = whose(&parts, &args).await?;
    let provider = ProviderKey::from(args.provider.as_str());
    // Bound to the loopback interface, open only while this command runs (RFC 8252, sections 7.3 and 8.3).
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let manifest = parts.providers.find(&provider).map(|found| found.manifest());
    let host = manifest.map_or("127.0.0.1", |manifest| manifest.loopback_host);
    let begun = parts
        .vault
        .begin(
            user.id,
            Begin {
                provider: provider.clone(),
                way: Way::Direct,
                redirect_uri: Url::parse(&format!("http://{host}:{port}/callback"))?,
                scopes: args.scopes.clone(),
                integration: args.integration,
            },
        )
        .await?;
    if new {
        users::store(&parts, &user).await?;
    }
    let proof = agree(&parts, output, &args, &begun, listener).await?;
    let connected = parts.vault.finish(Some(user.id), &provider, &begun.state, proof).await?;
    let body = integrations::entry(&user.name, &connected);
    output.note(&format!("connected {} as {}", connected.provider, connected.label));
    output.value(&body, &connected.id.to_string())?;
    parts.finish().await;
    Ok(())
}

/// The user named, or the only one there is, or a first one, who is still to be stored.
async fn whose(parts: &Parts, args: &Args) -> anyhow::Result<(User, bool)> {
    if let Some(id) = args.integration {
        let owner = parts.owner_of(id).await?;
        let user = parts.store.user(owner).await?;
        return Ok((user.context("the integration's user does not exist")?, false));
    }
    if let Some(name) = &args.user {
        return Ok((users::find(parts, name).await?, false));
    }
    let mut all = parts.store.users().await?;
    match all.len() {
        0 => Ok((users::new(parts, ONLY_USER)?, true)),
        1 => Ok((all.remove(0), false)),
        _ => {
            let names: Vec<_> = all.iter().map(|user| user.name.as_str()).collect();
            Err(UsageError(format!(
                "say whose account it is: --user with one of {}",
                names.join(", ")
            ))
            .into())
        }
    }
}

/// Has the user agree in the browser, and waits for the browser to come back.
async fn agree(
    parts: &Parts,
    output: Output,
    args: &Args,
    begun: &Begun,
    listener: tokio::net::TcpListener,
) -> anyhow::Result<Proof> {
    let Next::Authorize(url) = &begun.next else {
        anyhow::bail!("this provider is connected by a form, which this version cannot show");
    };
    let opened = !args.no_browser && webbrowser::open(url.as_str()).is_ok();
    output.note(if opened {
        "Sign in in the browser. If none opened, go to"
    } else {
        "Sign in at"
    });
    output.note(url.as_str());
    let (came_back, mut back) = oneshot::channel();
    let came_back = Arc::new(Mutex::new(Some(came_back)));
    let expected = begun.state.clone();
    let router = Router::new().route(
        "/callback",
        get(move |Query(query): Query<BTreeMap<String, String>>| async move {
            // Anything on this machine can call this address; only the browser knows the state.
            if query.get("state").map(String::as_str) != Some(expected.expose()) {
                let page = Html("<p>This is not the sign-in that was begun.</p>");
                return (StatusCode::BAD_REQUEST, page);
            }
            if let Some(came_back) = came_back.lock().unwrap_or_else(PoisonError::into_inner).take()
            {
                // The command may have given up already.
                let _ = came_back.send(query);
            }
            let page = "<p>Thank you. Go back to the terminal; you can close this page.</p>";
            (StatusCode::OK, Html(page))
        }),
    );
    let patience = until(parts.clock.now(), begun.expires_at);
    let query = tokio::select! {
        served = async { axum::serve(listener, router).await } => {
            served?;
            anyhow::bail!("the listener for the browser ended")
        }
        query = async {
            let query = (&mut back).await;
            parts.clock.sleep(LAST_PAGE).await;
            query
        } => query?,
        () = parts.clock.sleep(patience) => {
            return Err(UsageError("nobody signed in in time; run the command again".to_owned()).into());
        }
    };
    Ok(match (query.get("code"), query.get("error")) {
        (Some(code), _) => {
            Proof::Code { code: Secret::from(code.as_str()), iss: query.get("iss").cloned() }
        }
        (None, error) => Proof::Denied {
            error: error.cloned().unwrap_or_default(),
            description: query.get("error_description").cloned(),
            iss: query.get("iss").cloned(),
        },
    })
}
