//! A Teams meeting in three steps: a page to sign in at, tokens for the code that comes back, a meeting.
//! `teams_meeting USER_ID`, with the server's own environment variables.
use anyhow::Context;
use evergrant::capability::{Meeting, NewMeeting, Once};
use evergrant::provider::ProviderKey;
use evergrant::vault::{Begin, Next, Parts, Proof};
use evergrant::{Gateway, SystemClock, SystemEntropy, Vault, seal::Ring, store::Way};
use evergrant_providers::{Settings, all, microsoft};
use std::{io::stdin, path::Path, sync::Arc};
use url::Url;

#[expect(clippy::print_stdout, reason = "its output is what it is for")]
#[expect(clippy::disallowed_methods, reason = "a program's settings come from its environment")]
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let setting = |name| std::env::var(name).with_context(|| format!("{name} is not set"));
    let user = std::env::args().nth(1).unwrap_or_default().parse()?;
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
    let parts = Parts::begin(Arc::new(store), Path::new("evergrant.spool"), providers, ring);
    let vault = Vault::new(parts.await?);

    // 1. Where the user signs in. The PKCE verifier stays here, and waits for the state to come back.
    let teams = ProviderKey::from("microsoft_teams");
    let redirect_uri: Url = "http://localhost:5000/callback".parse()?;
    let (provider, way) = (teams.clone(), Way::Direct);
    let ask = Begin { provider, way, redirect_uri, scopes: None, integration: None };
    let Next::Authorize(page) = vault.begin(user, ask).await?.next else {
        anyhow::bail!("Microsoft is signed in to on a page");
    };
    println!("{page}");

    // 2. The address the browser was sent back to: its code buys the tokens, which are kept alive from now on.
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let back: Url = line.trim().parse()?;
    let part = |name| back.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    let state = part("state").context("the address has no state")?.into();
    let code = part("code").context("the address has no code")?.into();
    let proof = Proof::Code { code, iss: None };
    let integration = vault.finish(Some(user), &teams, &state, proof).await?;

    // 3. The meeting, and what an application shows of it. The fields are those of the REST API.
    let wanted: NewMeeting = serde_json::from_str(
        r#"{"subject": "My Meeting", "start_time": "2031-03-03T09:00:00", "end_time":
            "2031-03-03T10:00:00", "time_zone": "Europe/Berlin", "passcode_required": true}"#,
    )?;
    let api = Gateway::new(vault).open(user, integration.id).await?;
    let meetings = api.provider().meetings().context("no meetings are offered")?;
    let once = Once::random(&SystemEntropy::default());
    let meeting = meetings.create_meeting(&api, once, &wanted).await?;
    let Meeting { join_url, meeting_id, passcode, .. } = &meeting;
    let or_none = |text: &Option<String>| text.as_deref().unwrap_or("none").to_owned();
    println!("join: {join_url}\nid: {}\npasscode: {}", or_none(meeting_id), or_none(passcode));
    Ok(())
}
