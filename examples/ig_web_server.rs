//! A web server over IG: no token, no lock around a call, no helper to copy.
//! `ig_web_server USER_ID`, with the server's variables and `IG_API_KEY`, `IG_IDENTIFIER`, `IG_PASSWORD` …
use anyhow::Context;
use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use evergrant::capability::Navigation;
use evergrant::vault::{Begin, Parts, Proof};
use evergrant::{CallError, Gateway, IntegrationId, SystemClock, UserId, Vault};
use evergrant::{seal::Ring, store::Way};
use evergrant_providers::{Settings, all, ig};
use std::{collections::BTreeMap, io::stdout, path::Path, sync::Arc};

/// What answers a request: who calls IG, for whom, in which account.
type App = (Gateway, UserId, IntegrationId);

async fn navigation(State(app): State<App>) -> Result<Json<Navigation>, (StatusCode, String)> {
    let (gateway, user, integration) = app;
    let says = |error: CallError| (StatusCode::BAD_GATEWAY, error.to_string());
    let api = gateway.open(user, integration).await.map_err(says)?;
    let markets = api.provider().markets().ok_or((StatusCode::NOT_FOUND, String::new()))?;
    markets.navigate(&api, None).await.map(Json).map_err(says)
}

#[expect(clippy::disallowed_methods, reason = "a program's settings come from its environment")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(stdout).init();
    let setting = |name| std::env::var(name).with_context(|| format!("{name} is not set"));
    let user = std::env::args().nth(1).unwrap_or_default().parse()?;
    let live = setting("IG_ENVIRONMENT").is_ok_and(|name| name == "live");
    let ig = ig::Settings {
        api_key: Some(setting("IG_API_KEY")?.into()),
        environment: if live { ig::Environment::Live } else { ig::Environment::Demo },
        url: setting("EVERGRANT_IG_URL").ok().map(|url| url.parse()).transpose()?,
    };
    let (providers, _) = all(&Settings { ig, ..Default::default() })?;
    let database = setting("EVERGRANT_DATABASE_URL")?;
    let store = evergrant_store::Store::open(&database, Arc::new(SystemClock::default())).await?;
    let ring = Ring::parse(&setting("EVERGRANT_ENCRYPTION_KEYS")?.into())?;
    let parts = Parts::begin(Arc::new(store), Path::new("evergrant.spool"), providers, ring);
    let vault = Vault::new(parts.await?);

    // Whoever keeps the login never sees a session end: not after silence, and not at the weekend.
    let (provider, redirect_uri) = ("ig".into(), "http://localhost".parse()?);
    let ask = Begin { provider, way: Way::Direct, redirect_uri, scopes: None, integration: None };
    let begun = vault.begin(user, ask.clone()).await?;
    let mut fields = BTreeMap::from([("keep_login".to_owned(), "yes".into())]);
    fields.insert("identifier".to_owned(), setting("IG_IDENTIFIER")?.into());
    fields.insert("password".to_owned(), setting("IG_PASSWORD")?.into());
    fields.insert("account_id".to_owned(), setting("IG_ACCOUNT_ID").unwrap_or_default().into());
    let proof = Proof::Form(fields);
    let integration = vault.finish(Some(user), &ask.provider, &begun.state, proof).await?.id;
    let _kept = vault.keep_alive(user, integration);
    let app: App = (Gateway::new(vault), user, integration);
    let app = Router::new().route("/api/v1/navigation", get(navigation)).with_state(app);
    let address = setting("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    tracing::info!("listening at {}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
