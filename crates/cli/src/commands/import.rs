use std::path::PathBuf;

use evergrant::provider::ProviderKey;
use evergrant::vault::Imported;

use crate::commands::{connect, users};
use crate::compose::Parts;
use crate::output::{Output, UsageError};
use crate::settings::Settings;
use crate::terminal;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The provider that issued the token, such as `microsoft_calendar`
    provider: String,
    /// Whose account it becomes; needed only where there are several users
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Ask for these permissions alone
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// Read the token from this file instead of stdin
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    let provider = ProviderKey::from(args.provider.as_str());
    connect::manifest(&parts, &provider)?;
    let (user, new) = connect::whose(&parts, args.user.as_deref(), None).await?;
    let refresh = match &args.token_file {
        Some(path) => terminal::secret_file(path)?,
        None => terminal::secret("Refresh token")?,
    };
    if refresh.expose().trim().is_empty() {
        let why = "there is no refresh token: send it to stdin, or name a file with --token-file";
        return Err(UsageError(why.to_owned()).into());
    }
    if new {
        users::store(&parts, &user).await?;
    }
    let ask = Imported { provider, refresh, scopes: args.scopes };
    let connected = parts.vault.import(user.id, ask).await?;
    connect::tell(output, &user, &connected)?;
    parts.finish().await;
    Ok(())
}
