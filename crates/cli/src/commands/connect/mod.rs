//! Connecting from a terminal, in whichever way the provider takes.

mod browser;
mod device;
mod form;

use std::time::Duration;

use anyhow::Context;
use evergrant::integration::Integration;
use evergrant::provider::{Connect, FormField, Manifest, ProviderKey};
use evergrant::store::Way;
use evergrant::vault::{Begin, Next, Proof};
use evergrant::{ConnectError, IntegrationId};
use evergrant_store::User;
use url::Url;

use crate::commands::{integrations, users};
use crate::compose::Parts;
use crate::output::{Output, UsageError};
use crate::settings::Settings;
use form::Given;

/// The user of a command line that never named one.
const ONLY_USER: &str = "me";
/// Providers are not asked more often about a device code, whatever they say.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to connect, such as `microsoft_calendar` or `ig`
    provider: String,
    /// Whose account it becomes; needed only where there are several users
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Ask for these permissions alone; with --integration, for these besides those it has
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// Reconnect this integration
    #[arg(long, value_name = "ID", conflicts_with = "user")]
    integration: Option<IntegrationId>,
    /// Print the address instead of opening a browser
    #[arg(long)]
    no_browser: bool,
    /// Sign in on another device, by typing a code there
    #[arg(long, conflicts_with = "no_browser")]
    device: bool,
    /// A form's field: its value, or the file that has it; a secret comes from a file, or with all the
    /// others from stdin, as a JSON object. What the settings have of a form, such as `IG_IDENTIFIER` and
    /// `IG_PASSWORD`, is not asked for
    #[arg(long = "field", value_name = "NAME=VALUE|NAME=@FILE", value_parser = form::given)]
    fields: Vec<Given>,
    /// Keep name and password, encrypted, to sign in again when the provider ends the session
    #[arg(long)]
    keep_login: bool,
}

/// The form's field for whether the login is kept.
const KEEP_LOGIN: &str = "keep_login";

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    let provider = ProviderKey::from(args.provider.as_str());
    let manifest = manifest(&parts, &provider)?;
    let (user, new) = whose(&parts, args.user.as_deref(), args.integration).await?;
    let connected = match manifest.connect {
        Connect::Application if !args.device => {
            output.note(&format!(
                "{} lets in your registration itself, without any user: what it is granted may reach \
                 everybody in the organisation, whoever uses this integration.",
                manifest.label
            ));
            if new {
                users::store(&parts, &user).await?;
            }
            parts.vault.connect_application(user.id, &provider).await?
        }
        _ => by_user(&parts, output, &args, &user, new, manifest).await?,
    };
    tell(output, &user, &connected)?;
    parts.finish().await;
    Ok(())
}

/// Says what was connected: its id alone on stdout.
pub(crate) fn tell(output: Output, user: &User, connected: &Integration) -> anyhow::Result<()> {
    output.note(&format!("connected {} as {}", connected.provider, connected.label));
    output.value(&integrations::entry(&user.name, connected), &connected.id.to_string())
}

async fn by_user(
    parts: &Parts,
    output: Output,
    args: &Args,
    user: &User,
    new: bool,
    manifest: &Manifest,
) -> anyhow::Result<Integration> {
    // Bound to the loopback interface, open only while this command runs (RFC 8252, sections 7.3 and 8.3).
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let provider = &manifest.key;
    let ask = Begin {
        provider: provider.clone(),
        way: if args.device { Way::Device } else { Way::Direct },
        redirect_uri: Url::parse(&format!("http://{}:{port}/callback", manifest.loopback_host))?,
        scopes: args.scopes.clone(),
        integration: args.integration,
    };
    let begun = parts.vault.begin(user.id, ask).await?;
    if !args.fields.is_empty() && !matches!(begun.next, Next::Form(_)) {
        let why = format!("{} has no form: leave --field out", manifest.label);
        return Err(UsageError(why).into());
    }
    let keeps = |fields: &[FormField]| fields.iter().any(|field| field.name == KEEP_LOGIN);
    if args.keep_login && !matches!(&begun.next, Next::Form(fields) if keeps(fields)) {
        let why = format!("{} keeps no login: leave --keep-login out", manifest.label);
        return Err(UsageError(why).into());
    }
    if new {
        users::store(parts, user).await?;
    }
    let finish =
        async |proof| parts.vault.finish(Some(user.id), provider, &begun.state, proof).await;
    let proof = match &begun.next {
        Next::Authorize(page) => {
            browser::agree(parts, output, &begun, page, !args.no_browser, listener).await?
        }
        Next::Form(fields) => {
            let mut known = parts.settings.form(provider);
            if args.keep_login {
                known.insert(KEEP_LOGIN.to_owned(), "yes".into());
            }
            Proof::Form(form::fill(fields, &args.fields, known)?)
        }
        Next::Device { user_code, verification_uri, verification_uri_complete, interval } => {
            drop(listener);
            let complete = verification_uri_complete.as_ref();
            output.note(&device::words(user_code, verification_uri, complete));
            let interval = (*interval).max(SHORTEST_INTERVAL);
            let ask = async || finish(Proof::Device).await;
            return device::wait(&*parts.clock, interval, begun.expires_at, ask).await;
        }
    };
    Ok(finish(proof).await?)
}

/// What the provider of this key is.
pub(crate) fn manifest<'a>(
    parts: &'a Parts,
    provider: &ProviderKey,
) -> Result<&'a Manifest, ConnectError> {
    let found = parts.providers.find(provider).map(|found| found.manifest());
    found.ok_or_else(|| ConnectError::UnknownProvider {
        asked: provider.to_string(),
        known: parts.providers.iter().map(|known| known.manifest().key.to_string()).collect(),
    })
}

/// The user named, or the only one there is, or a first one, who is still to be stored.
pub(crate) async fn whose(
    parts: &Parts,
    named: Option<&str>,
    integration: Option<IntegrationId>,
) -> anyhow::Result<(User, bool)> {
    if let Some(id) = integration {
        let owner = parts.owner_of(id).await?;
        let user = parts.store.user(owner).await?;
        return Ok((user.context("the integration's user does not exist")?, false));
    }
    if let Some(name) = named {
        return Ok((users::find(parts, name).await?, false));
    }
    let mut all = parts.store.users().await?;
    match all.len() {
        0 => Ok((users::new(parts, ONLY_USER)?, true)),
        1 => Ok((all.remove(0), false)),
        _ => {
            let known: Vec<_> = all.iter().map(|user| user.name.as_str()).collect();
            Err(UsageError(format!(
                "say whose account it is: --user with one of {}",
                known.join(", ")
            ))
            .into())
        }
    }
}
