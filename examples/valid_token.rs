//! `get_valid_microsoft_token(user)` with every failure told apart, and the profile it reads.
//! `valid_token USER_ID INTEGRATION_ID`, with the server's own environment variables.
use evergrant::{Gateway, MinLife, SystemClock, TokenError, Vault, seal::Ring, vault::Parts};
use evergrant_providers::{Settings, all, microsoft};
use std::{path::Path, sync::Arc};

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
#[expect(clippy::disallowed_methods, reason = "a program's settings come from its environment")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let setting = |name| std::env::var(name).map_err(|_| anyhow::anyhow!("{name} is not set"));
    let mut arguments = std::env::args().skip(1);
    let user = arguments.next().unwrap_or_default().parse()?;
    let integration = arguments.next().unwrap_or_default().parse()?;
    let microsoft = microsoft::Settings {
        client_id: Some(setting("MICROSOFT_CLIENT_ID")?),
        client_secret: Some(setting("MICROSOFT_CLIENT_SECRET")?.into()),
        login_url: Some(setting("EVERGRANT_MICROSOFT_LOGIN_URL")?.parse()?),
        graph_url: Some(setting("EVERGRANT_MICROSOFT_GRAPH_URL")?.parse()?),
        ..Default::default()
    };
    let database = setting("EVERGRANT_DATABASE_URL")?;
    let store = evergrant_store::Store::open(&database, Arc::new(SystemClock::default())).await?;
    let ring = Ring::parse(&setting("EVERGRANT_ENCRYPTION_KEYS")?.into())?;
    let (providers, _) = all(&Settings { microsoft, ..Default::default() })?;
    let spool = Path::new("evergrant.spool");
    let parts = Parts::begin(Arc::new(store), spool, providers, ring).await?;
    let vault = Vault::new(parts);

    match vault.token(user, integration, MinLife::secs(60)).await {
        Ok(token) => println!("a token valid until {}", token.expires_at()),
        Err(TokenError::ReconnectRequired { why, .. }) => println!("ask the user: {}", why.message),
        Err(TokenError::Misconfigured(why)) => println!("ask the operator: {}", why.message),
        Err(TokenError::Unavailable { retry_after, .. }) => println!("wait {retry_after:?}"),
        Err(error) => return Err(error.into()),
    }
    let me = Gateway::new(vault).open(user, integration).await?.get("/me").await?;
    println!("{}", String::from_utf8_lossy(me.body()));
    Ok(())
}
