//! How each row is made to happen.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use evergrant::integration::Status;
use evergrant::store::Way;
use evergrant::vault::Proof;
use evergrant::{
    HttpLimits, HttpTransport, IntegrationId, MinLife, Request, Response, Transport,
    TransportError, Vault,
};
use evergrant_providers::{Class, FailureRow, Settings};
use evergrant_sandbox::{Listen, Listening};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::play::{ACME, OUTLOOK, Play, acme, begin, discovered, secret, settings};
use super::{Happened, Told};

const MICROSOFT_TOKEN: &str = "microsoft.token";
const TOKEN: &str = "oauth.token";

/// Makes a row happen; `None` if nobody knows how.
pub(super) async fn happen(play: &Play, row: &FailureRow) -> Option<Happened> {
    match row.source {
        "Microsoft" => microsoft(play, row).await,
        "IG" => Some(ig(play, row).await),
        "OAuth 2.0" => Some(standard(play, row).await),
        "transport" => seen(play, row).await,
        "Evergrant" => ours(play, row).await,
        _ => None,
    }
}

/// What is known of an integration once something has happened to it.
async fn after(
    play: &Play,
    vault: &Vault,
    id: IntegrationId,
    told: Told,
    class: Class,
) -> Happened {
    let key = vault.integration(play.owner, id).await;
    let provider = key.map(|integration| integration.provider);
    let registrations = vault.registrations();
    let registration = provider
        .ok()
        .and_then(|key| registrations.into_iter().find(|known| known.providers.contains(&key)));
    let pauses =
        registration.is_none_or(|known| known.suspended.is_some() || known.incomplete.is_some());
    let integration = match (play.status(id).await, pauses) {
        (Status::NeedsReconnect { .. }, false) => Class::Reconnect.integration(),
        (Status::Active, true) => Class::Operator.integration(),
        // Nothing has changed; in a sign-in that is what the row says with more words.
        (Status::Active, false) => match class {
            Class::Flow | Class::Setup => class.integration(),
            _ => Class::Wait.integration(),
        },
        (status, _) => panic!("{status:?}"),
    };
    Happened { told, integration }
}

/// A refresh of a connected account fails after `deed`.
async fn refreshed(
    play: &Play,
    provider: &str,
    place: &str,
    deed: Value,
    row: &FailureRow,
) -> Happened {
    let vault = play.vault(&settings(&acme("strict", "strict"))).await;
    let id = play.connect(&vault, provider).await;
    play.fault(place, deed);
    let error = play.refresh(&vault, id).await;
    after(play, &vault, id, Told::Token(error), row.class).await
}

/// A refresh fails in a process with other settings, or another line.
async fn refreshed_by(
    play: &Play,
    settings_then: &Settings,
    http: Option<Arc<dyn Transport>>,
    row: &FailureRow,
) -> Happened {
    let vault = play.vault(&settings(&acme("strict", "strict"))).await;
    let id = play.connect(&vault, ACME).await;
    let vault = match http {
        Some(http) => play.vault_over(settings_then, http).await,
        None => play.vault(settings_then).await,
    };
    let error = play.refresh(&vault, id).await;
    after(play, &vault, id, Told::Token(error), row.class).await
}

async fn microsoft(play: &Play, row: &FailureRow) -> Option<Happened> {
    let range = row.said.strip_prefix("AADSTS")?;
    let (first, last) = range.split_once('–').unwrap_or((range, range));
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    // The sandbox has every number of the range.
    for number in first..=last {
        play.fault(MICROSOFT_TOKEN, json!({ "aadsts": number }));
    }
    play.stage.forget_faults();
    let deed = json!({ "aadsts": first });
    match (first, row.class) {
        // The same number means this one as `invalid_grant` alone.
        (9_002_313, Class::Reconnect) => {
            let body = json!({ "error": "invalid_grant", "error_codes": [first] });
            let deed = json!({ "status": 400, "body": body });
            Some(refreshed(play, OUTLOOK, MICROSOFT_TOKEN, deed, row).await)
        }
        (70_016..=70_020, _) => {
            let vault = play.vault(&settings(&acme("strict", "strict"))).await;
            let id = play.connect(&vault, OUTLOOK).await;
            let error = play.ask_device(&vault, OUTLOOK, id, MICROSOFT_TOKEN, deed).await;
            Some(after(play, &vault, id, Told::Connect(error), row.class).await)
        }
        (_, Class::Flow | Class::Setup) => {
            let vault = play.vault(&settings(&acme("strict", "strict"))).await;
            let id = play.connect(&vault, OUTLOOK).await;
            // The first belong to the code, and some pages keep the browser.
            let at_token = [54_005, 501_481].contains(&first);
            if !at_token {
                play.fault("microsoft.authorize", deed.clone());
            }
            let (state, proof) = play.agree(&vault, OUTLOOK, Some(id), "adele").await.ok()?;
            let (state, proof) = if let Some(proof) = proof {
                (state, proof)
            } else {
                let again = play.agree(&vault, OUTLOOK, Some(id), "adele").await.ok()?;
                (again.0, again.1?)
            };
            if matches!(proof, Proof::Code { .. }) {
                play.fault(MICROSOFT_TOKEN, deed);
            }
            let done = vault.finish(Some(play.owner), &OUTLOOK.into(), &state, proof).await;
            let error = done.err()?;
            Some(after(play, &vault, id, Told::Connect(error), row.class).await)
        }
        _ => Some(refreshed(play, OUTLOOK, MICROSOFT_TOKEN, deed, row).await),
    }
}

async fn ig(play: &Play, row: &FailureRow) -> Happened {
    let vault = play.vault(&settings(&acme("strict", "strict"))).await;
    // What is wrong with a login shows when it is used, and that is when the session has ended.
    let keep = row.class == Class::User;
    let id = play.connect_ig(&vault, keep).await;
    let code = json!({ "ig_error": row.said });
    if keep {
        play.fault("ig.refresh", json!({ "ig_error": "error.security.oauth-token-invalid" }));
        // Twice: one without a reason is asked again.
        play.fault("ig.session", code.clone());
        play.fault("ig.session", code);
    } else {
        play.fault("ig.refresh", code);
    }
    play.pass(120);
    let error = play.refresh(&vault, id).await;
    play.stage.forget_faults();
    after(play, &vault, id, Told::Token(error), row.class).await
}

async fn standard(play: &Play, row: &FailureRow) -> Happened {
    let deed = json!({ "oauth_error": row.said });
    if row.class == Class::Flow || row.code == "sign_in_pending" {
        let vault = play.vault(&settings(&acme("strict", "strict"))).await;
        let id = play.connect(&vault, ACME).await;
        let error = play.ask_device(&vault, ACME, id, TOKEN, deed).await;
        return after(play, &vault, id, Told::Connect(error), row.class).await;
    }
    refreshed(play, ACME, TOKEN, deed, row).await
}

async fn seen(play: &Play, row: &FailureRow) -> Option<Happened> {
    let at = |url: &str| {
        let declaration = acme("strict", "strict");
        settings(&declaration.replace("https://sandbox.test/oauth/strict/token", url))
    };
    let deed = match row.said.as_str() {
        "429" => json!({ "status": 429 }),
        "a redirect" => json!({ "status": 302 }),
        "an answer that is none" => json!({ "status": 200, "body": "<html>" }),
        "an answer that is too long" => json!({ "status": 200, "body": "x".repeat(300 << 10) }),
        "an error without a reason" => json!({ "status": 500 }),
        "connection lost" => json!({ "drop_after_commit": true }),
        "no connection" => json!({ "drop": true }),
        "token_type" => {
            json!({ "status": 200, "body": { "access_token": "a", "token_type": "mac" } })
        }
        "keys that cannot be read" | "an address that cannot be called" => {
            let deed = match row.said.as_str() {
                "keys that cannot be read" => json!({ "status": 503 }),
                _ => json!({ "status": 200, "body": { "issuer": "https://other.test" } }),
            };
            play.fault("oauth.discovery", deed);
            // Keys were read before that, when the account was connected.
            let vault = play.vault(&settings(&keyless("strict"))).await;
            let id = play.connect(&vault, ACME).await;
            let vault = play.vault(&settings(&discovered("strict"))).await;
            let error = play.refresh(&vault, id).await;
            return Some(after(play, &vault, id, Told::Token(error), row.class).await);
        }
        "DNS" | "connection refused" | "TLS" | "timeout" => {
            let limits = HttpLimits { total: Duration::from_millis(500), ..HttpLimits::default() };
            let (address, _held) = far_end(play, &row.said).await?;
            let limits = if row.said == "timeout" { limits } else { HttpLimits::default() };
            let http = Arc::new(HttpTransport::new(limits, None).ok()?);
            return Some(refreshed_by(play, &at(&address), Some(http), row).await);
        }
        "no refresh token" => {
            let vault = play.vault(&settings(&acme("lasting", "none"))).await;
            let id = play.connect(&vault, ACME).await;
            let error = play.refresh(&vault, id).await;
            return Some(after(play, &vault, id, Told::Token(error), row.class).await);
        }
        "no credentials" | "every credential refused" => {
            let mut then = settings(&acme("strict", "strict"));
            let acme = then.declared.get_mut(ACME)?;
            acme.credentials.clear();
            if row.said == "every credential refused" {
                acme.credentials =
                    vec![secret("client_secret", "x"), secret("client_secret_2", "y")];
            }
            return Some(refreshed_by(play, &then, None, row).await);
        }
        "an id token that proves nothing" => {
            let vault = play.vault(&settings(&acme("strict", "strict"))).await;
            let id = play.connect(&vault, OUTLOOK).await;
            let (state, proof) = play.agree(&vault, OUTLOOK, Some(id), "adele").await.ok()?;
            let body = json!({ "access_token": "a", "refresh_token": "r", "token_type": "Bearer" });
            play.fault(MICROSOFT_TOKEN, json!({ "status": 200, "body": body }));
            let done = vault.finish(Some(play.owner), &OUTLOOK.into(), &state, proof?).await;
            return Some(after(play, &vault, id, Told::Connect(done.err()?), row.class).await);
        }
        "an answer without an account" => {
            let vault = play.vault(&settings(&acme("strict", "strict"))).await;
            let id = play.connect(&vault, ACME).await;
            let wrong = acme("strict", "strict").replace("\"/sub\"", "\"/nobody\"");
            let vault = play.vault(&settings(&wrong)).await;
            let error = play.sign_in(&vault, ACME, Some(id), "adele").await.err()?;
            return Some(after(play, &vault, id, Told::Connect(error), row.class).await);
        }
        "another way of connecting" => {
            let vault = play.vault(&settings(&acme("strict", "strict"))).await;
            let id = play.connect(&vault, ACME).await;
            let error = play.form_for_a_code(&vault).await;
            return Some(after(play, &vault, id, Told::Connect(error), row.class).await);
        }
        _ => return None,
    };
    Some(refreshed(play, ACME, TOKEN, deed, row).await)
}

/// A declaration that needs neither a description nor keys.
fn keyless(name: &str) -> String {
    let url = format!("url = \"https://sandbox.test/oauth/{name}/userinfo\"\n");
    acme(name, "strict")
        .replace("source = \"id_token\"\n", &format!("source = \"userinfo\"\n{url}"))
}

/// A token endpoint that cannot be talked to, and what keeps it so.
async fn far_end(play: &Play, how: &str) -> Option<(String, Option<TcpListener>)> {
    let here = "127.0.0.1:0";
    Some(match how {
        "DNS" => ("https://nobody.invalid/token".to_owned(), None),
        "connection refused" => {
            let port = TcpListener::bind(here).await.ok()?.local_addr().ok()?.port();
            (format!("http://127.0.0.1:{port}/token"), None)
        }
        "timeout" => {
            let silent = TcpListener::bind(here).await.ok()?;
            (format!("http://{}/token", silent.local_addr().ok()?), Some(silent))
        }
        "TLS" => {
            let listen = Listen { https: here.parse().ok(), ..Listen::default() };
            let listening = Listening::bind(play.stage.clone(), &listen).ok()?;
            let port = listening.https()?.port();
            let served = async { listening.serve(std::future::pending()).await.unwrap() };
            evergrant::Tasks::default().spawn(served);
            (format!("https://localhost:{port}/oauth/strict/token"), None)
        }
        _ => return None,
    })
}

async fn ours(play: &Play, row: &FailureRow) -> Option<Happened> {
    let vault = play.vault(&settings(&acme("strict", "strict"))).await;
    let id = play.connect(&vault, ACME).await;
    let strict = settings(&acme("strict", "strict"));
    let told = match row.code {
        "lost_response" | "outcome_unknown" => {
            play.fault(TOKEN, json!({ "drop_after_commit": true }));
            play.refresh(&vault, id).await;
            // Others may take us for dead; and the old token is at its end, or not.
            play.pass(if row.code == "lost_response" { 7_200 } else { 60 });
            Told::Token(play.refresh(&vault, id).await)
        }
        "refresh_slow" => {
            play.pass(7_200);
            play.fault(TOKEN, json!({ "delay_ms": 600_000 }));
            let asked = vault.token(play.owner, id, MinLife::default());
            Told::Token(play.run(asked).await.err()?)
        }
        "refresh_interrupted" => {
            let vault = play.vault_over(&strict, Arc::new(Defect)).await;
            Told::Token(play.refresh(&vault, id).await)
        }
        "provider_not_configured" => {
            let mut without = strict;
            without.declared.clear();
            let vault = play.vault(&without).await;
            let error = Told::Token(play.refresh(&vault, id).await);
            return Some(after(play, &vault, id, error, row.class).await);
        }
        "mass_rejection" => {
            let mut last = None;
            for _ in 0..5 {
                let one = play.stranger();
                let id = one.connect(&vault, ACME).await;
                one.fault(TOKEN, json!({ "oauth_error": "invalid_grant" }));
                let error = Told::Token(one.refresh(&vault, id).await);
                last = Some(after(&one, &vault, id, error, row.class).await);
            }
            return last;
        }
        "refresh_token_missing" => {
            let vault = play.vault(&settings(&acme("lasting", "strict"))).await;
            let done = play.sign_in(&vault, ACME, Some(id), "adele").await;
            Told::Connect(done.err()?)
        }
        "account_mismatch" => {
            Told::Connect(play.sign_in(&vault, ACME, Some(id), "alex").await.err()?)
        }
        "not_offered" => {
            let no_device: String = acme("strict", "strict")
                .lines()
                .filter(|line| !line.starts_with("device_url"))
                .fold(String::new(), |text, line| text + line + "\n");
            let vault = play.vault(&settings(&no_device)).await;
            let ask = begin(ACME, Way::Device, Some(id));
            Told::Connect(vault.begin(play.owner, ask).await.err()?)
        }
        "access_denied" | "sign_in_failed" => {
            let error = if row.code == "access_denied" { row.code } else { "something_new" };
            play.fault("oauth.authorize", json!({ "oauth_error": error }));
            Told::Connect(play.sign_in(&vault, ACME, Some(id), "adele").await.err()?)
        }
        _ => return None,
    };
    Some(after(play, &vault, id, told, row.class).await)
}

/// A line that breaks in a way that is a defect.
struct Defect;

#[async_trait]
impl Transport for Defect {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        panic!("the test asks for this panic")
    }
}
