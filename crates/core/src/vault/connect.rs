//! From a user's agreement to a stored grant.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use url::Url;
use zeroize::Zeroizing;

use super::{ConnectError, Vault};
use crate::clock::later;
use crate::integration::{Integration, Status};
use crate::provider::{
    Actor, AuthorizeAsk, Connect, Evidence, Failure, FormField, Provider, ProviderKey, Redeemed,
    Replay,
};
use crate::seal::Field;
use crate::store::{Flow, NewIntegration, Way};
use crate::{IntegrationId, Lineage, Secret, UserId};

/// How long a sign-in may take.
const FLOW_LIFE: Duration = Duration::from_mins(10);
/// How often to try again when two connects of one account meet.
const CONNECT_TRIES: usize = 3;

/// What to connect.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The provider.
    pub provider: ProviderKey,
    /// Where the browser comes back to; ignored by form providers.
    pub redirect_uri: Url,
    /// Fewer permissions than the provider key has; `None` asks for all of them.
    pub scopes: Option<Vec<String>>,
    /// The integration to reconnect; the same account must come back.
    pub integration: Option<IntegrationId>,
}

/// A connect under way.
#[derive(Debug)]
pub struct Begun {
    /// Hand it to [`Vault::finish`] with the proof. Works once.
    pub state: Secret,
    /// Until when.
    pub expires_at: Timestamp,
    /// What the user does next.
    pub next: Next,
}

/// What the user does to agree.
#[derive(Debug)]
pub enum Next {
    /// Open this page.
    Authorize(Url),
    /// Fill in this form.
    Form(Vec<FormField>),
}

/// What the user came back with.
#[derive(Debug)]
pub enum Proof {
    /// An authorization code.
    Code(Secret),
    /// A filled-in form.
    Form(BTreeMap<String, Secret>),
    /// The provider's page sent the browser back with an error instead of a code.
    Denied {
        /// The OAuth error, such as `access_denied`.
        error: String,
        /// The provider's text.
        description: Option<String>,
    },
}

impl Vault {
    /// Begins a connect: a page to open or a form to fill in.
    pub async fn begin(&self, owner: UserId, ask: Begin) -> Result<Begun, ConnectError> {
        let parts = self.parts();
        let provider = self.provider(&ask.provider)?;
        provider.ready().map_err(ConnectError::Misconfigured)?;
        let mut login_hint = None;
        if let Some(id) = ask.integration {
            let existing = parts.store.integration(owner, id).await?;
            let existing =
                existing.filter(|i| i.provider == ask.provider).ok_or(ConnectError::NotFound)?;
            login_hint = existing.account.username;
        }
        let (state, nonce, verifier) = (self.random_text(), self.random_text(), self.random_text());
        let scopes = wanted_scopes(&**provider, ask.scopes)?;
        let state_hash = sha256(state.expose());
        let next = match &provider.manifest().connect {
            Connect::Form { fields } => Next::Form(fields.clone()),
            Connect::Application => {
                return Err(ConnectError::WrongProof(ask.provider.clone(), "the operator"));
            }
            Connect::Redirect { .. } => {
                let challenge = URL_SAFE_NO_PAD.encode(sha256(verifier.expose()));
                let authorize = provider.authorize_url(&AuthorizeAsk {
                    redirect_uri: &ask.redirect_uri,
                    state: &state,
                    nonce: &nonce,
                    challenge: &challenge,
                    scopes: &scopes,
                    login_hint: login_hint.as_deref(),
                    claims: None,
                });
                Next::Authorize(
                    authorize.ok_or(ConnectError::WrongProof(ask.provider.clone(), "a form"))?,
                )
            }
        };
        // Neither contains a space.
        let plain = Zeroizing::new(format!("{} {}", verifier.expose(), nonce.expose()));
        let subject = hex(&state_hash);
        let sealed = parts.seal.seal(self.place(&subject, Field::Flow, 0), plain.as_bytes());
        let now = parts.clock.now();
        let expires_at = later(now, FLOW_LIFE);
        let flow = Flow {
            state_hash,
            owner,
            provider: ask.provider,
            way: Way::Direct,
            redirect_uri: ask.redirect_uri.into(),
            scopes,
            integration: ask.integration,
            sealed,
            expires_at,
        };
        parts.store.put_flow(&flow, now).await?;
        Ok(Begun { state, expires_at, next })
    }

    /// Completes a connect: the proof becomes a stored integration.
    ///
    /// `owner` is who presents the proof, where that is known; a state begun by somebody else is as
    /// unknown as one never issued. An account that the owner has connected before keeps its id.
    /// Runs to its end even if the caller goes away: a code works once.
    pub async fn finish(
        &self,
        owner: Option<UserId>,
        provider: &ProviderKey,
        state: &Secret,
        proof: Proof,
    ) -> Result<Integration, ConnectError> {
        let (vault, adapter) = (self.clone(), Arc::clone(self.provider(provider)?));
        let state_hash = sha256(state.expose());
        let finished = self
            .to_its_end(async move { vault.complete(owner, &*adapter, state_hash, proof).await });
        finished.await.unwrap_or(Err(ConnectError::InvalidState))
    }

    async fn complete(
        &self,
        owner: Option<UserId>,
        provider: &dyn Provider,
        state_hash: [u8; 32],
        proof: Proof,
    ) -> Result<Integration, ConnectError> {
        let parts = self.parts();
        let key = &provider.manifest().key;
        let flow = parts
            .store
            .take_flow(&state_hash, key, owner, parts.clock.now())
            .await?
            .ok_or(ConnectError::InvalidState)?;
        let form = matches!(provider.manifest().connect, Connect::Form { .. });
        let evidence = match proof {
            Proof::Denied { error, description } => {
                return Err(ConnectError::Rejected(denied(&error, description)));
            }
            Proof::Form(fields) if form => Evidence::Form(fields),
            Proof::Code(code) if !form => {
                let subject = hex(&flow.state_hash);
                let plain = parts.seal.open(self.place(&subject, Field::Flow, 0), &flow.sealed)?;
                let (verifier, nonce) = std::str::from_utf8(&plain)
                    .ok()
                    .and_then(|plain| plain.split_once(' '))
                    .ok_or(ConnectError::InvalidState)?;
                Evidence::Code {
                    code,
                    verifier: verifier.into(),
                    nonce: nonce.into(),
                    redirect_uri: Url::parse(&flow.redirect_uri)
                        .map_err(|_| ConnectError::InvalidState)?,
                    scopes: flow.scopes.clone(),
                }
            }
            Proof::Code(_) => return Err(ConnectError::WrongProof(flow.provider, "`fields`")),
            Proof::Form(_) => return Err(ConnectError::WrongProof(flow.provider, "a `code`")),
        };
        let redeemed = provider.redeem(&*parts.http, parts.clock.now(), evidence).await?;
        if redeemed.grant.refresh.is_none() && provider.manifest().replay != Replay::None {
            return Err(ConnectError::Rejected(no_refresh_token(provider)));
        }
        let kept = self.keep(&flow, &redeemed).await;
        if kept.is_err() {
            self.revoke(&flow.provider, &redeemed.grant).await;
        }
        kept
    }

    /// Stores a redeemed grant: in the integration to reconnect, in the one of the same account, or
    /// in a new one. The old grant stays untouched until the new one is known to be the right one.
    async fn keep(&self, flow: &Flow, redeemed: &Redeemed) -> Result<Integration, ConnectError> {
        let parts = self.parts();
        for _ in 0..CONNECT_TRIES {
            let existing = if let Some(id) = flow.integration {
                let known = parts.store.integration(flow.owner, id).await?;
                Some(known.ok_or(ConnectError::NotFound)?)
            } else {
                let account = &redeemed.account.id;
                parts.store.find_account(flow.owner, &flow.provider, account).await?
            };
            let now = parts.clock.now();
            let scopes = redeemed.grant.scopes.clone();
            let integration = match &existing {
                Some(old) if old.account.id != redeemed.account.id => {
                    return Err(ConnectError::AccountMismatch {
                        expected: display_name(&old.account),
                        actual: display_name(&redeemed.account),
                    });
                }
                Some(old) => Integration {
                    account: redeemed.account.clone(),
                    status: Status::Active,
                    scopes,
                    updated_at: now,
                    epoch: old.epoch + 1,
                    ..old.clone()
                },
                None => Integration {
                    id: IntegrationId::new(&*parts.clock, &*parts.entropy),
                    owner: flow.owner,
                    provider: flow.provider.clone(),
                    label: display_name(&redeemed.account),
                    account: redeemed.account.clone(),
                    status: Status::Active,
                    scopes,
                    created_at: now,
                    updated_at: now,
                    epoch: 1,
                },
            };
            let lineage = Lineage::new(&*parts.clock, &*parts.entropy);
            let (id, epoch) = (integration.id, integration.epoch);
            let grant = self.sealed(id, epoch, &flow.provider, lineage, &redeemed.grant);
            let new = NewIntegration { integration, grant };
            let stored = match existing {
                Some(_) => parts.store.reconnect(&new).await?,
                None => parts.store.connect(&new).await?,
            };
            if stored {
                self.changed_here(id).await;
                self.0.due.notify_one();
                tracing::info!(%id, provider = %flow.provider, epoch, "account connected");
                return Ok(new.integration);
            }
        }
        Err(ConnectError::Conflict)
    }

    fn provider(&self, key: &ProviderKey) -> Result<&Arc<dyn Provider>, ConnectError> {
        self.providers().find(key).ok_or_else(|| ConnectError::UnknownProvider {
            asked: key.to_string(),
            known: self.providers().iter().map(|p| p.manifest().key.to_string()).collect(),
        })
    }

    /// 256 random bits in 43 URL-safe characters: a state, a nonce, or a PKCE verifier (RFC 7636, 4.1).
    fn random_text(&self) -> Secret {
        let bytes = Zeroizing::new(crate::entropy::random::<32>(&*self.parts().entropy));
        URL_SAFE_NO_PAD.encode(bytes.as_slice()).into()
    }
}

/// The permissions to ask for, each spelt as the manifest spells it.
fn wanted_scopes(
    provider: &dyn Provider,
    asked: Option<Vec<String>>,
) -> Result<Vec<String>, ConnectError> {
    let Connect::Redirect { scopes: known } = &provider.manifest().connect else {
        return Ok(Vec::new());
    };
    let Some(asked) = asked else {
        return Ok(known.clone());
    };
    let (mut wanted, mut unknown) = (Vec::new(), Vec::new());
    for scope in asked {
        match known.iter().find(|k| k.eq_ignore_ascii_case(&scope)) {
            Some(known) if wanted.contains(known) => {}
            Some(known) => wanted.push(known.clone()),
            None => unknown.push(scope),
        }
    }
    if unknown.is_empty() {
        Ok(wanted)
    } else {
        Err(ConnectError::UnknownScopes { unknown, known: known.clone() })
    }
}

fn display_name(account: &crate::integration::Account) -> String {
    account.username.clone().unwrap_or_else(|| account.name.clone())
}

fn denied(error: &str, description: Option<String>) -> Failure {
    let (code, actor, message) = match error {
        "access_denied" => (
            "access_denied",
            Actor::User,
            "The sign-in was cancelled or the permissions were not granted. Nothing was connected; start again.",
        ),
        _ => (
            "sign_in_failed",
            Actor::User,
            "The provider ended the sign-in with an error. Nothing was connected; start again.",
        ),
    };
    Failure {
        provider_code: Some(match description {
            Some(text) => format!("{error}: {}", text.lines().next().unwrap_or_default()),
            None => error.to_owned(),
        }),
        ..Failure::new(code, actor, message)
    }
}

fn no_refresh_token(provider: &dyn Provider) -> Failure {
    Failure::new(
        "no_refresh_token",
        Actor::Operator,
        format!(
            "{} issued no refresh token, so the connection would die within the hour: nothing was connected. \
             Check that the registration allows offline access.",
            provider.manifest().label
        ),
    )
}

fn sha256(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    hash
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
