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

use super::{ConnectError, Vault, can_be_renewed};
use crate::clock::later;
use crate::failpoint::FailPoint;
use crate::integration::{Integration, Status};
use crate::provider::{
    Actor, AuthorizeAsk, Connect, Evidence, Failure, FormField, Provider, ProviderKey, Redeemed,
    Revocable,
};
use crate::seal::Field;
use crate::store::{Flow, NewIntegration, StoreError, Way};
use crate::{IntegrationId, Lineage, Secret, UserId};

/// How long a sign-in may take.
const FLOW_LIFE: Duration = Duration::from_mins(10);
/// How often to try again when two connects of one account meet.
const CONNECT_TRIES: usize = 3;
/// How long a redeemed grant waits for the database, and how often it is tried meanwhile.
const STORE_PATIENCE: Duration = Duration::from_secs(45);
const STORE_RETRY: Duration = Duration::from_secs(1);

/// What to connect.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The provider.
    pub provider: ProviderKey,
    /// How the user agrees.
    pub way: Way,
    /// Where the browser comes back to; ignored where none does.
    pub redirect_uri: Url,
    /// Fewer permissions than the provider key has; `None` asks for all of them. Together with
    /// `integration` they come on top of what that one was granted already.
    pub scopes: Option<Vec<String>>,
    /// The integration to reconnect; the same account must come back, and it keeps its id.
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
    /// Open a page on any device and type a code there, while [`Vault::finish`] is asked with
    /// [`Proof::Device`] once in an `interval`.
    Device {
        /// What to type.
        user_code: String,
        /// Where.
        verification_uri: Url,
        /// The same page with the code filled in, where there is one.
        verification_uri_complete: Option<Url>,
        /// How long to wait between two questions.
        interval: Duration,
    },
}

/// What the user came back with.
#[derive(Debug)]
pub enum Proof {
    /// An authorization code.
    Code {
        /// The code.
        code: Secret,
        /// Who says to have issued it (RFC 9207).
        iss: Option<String>,
    },
    /// A filled-in form.
    Form(BTreeMap<String, Secret>),
    /// Nothing yet, perhaps: whether the user has signed in on the other device is asked now.
    Device,
    /// The provider's page sent the browser back with an error instead of a code.
    Denied {
        /// The OAuth error, such as `access_denied`.
        error: String,
        /// The provider's text.
        description: Option<String>,
        /// Who says so (RFC 9207).
        iss: Option<String>,
    },
}

/// A refresh token that was obtained elsewhere.
#[derive(Debug)]
pub struct Imported {
    /// Its provider.
    pub provider: ProviderKey,
    /// The token.
    pub refresh: Secret,
    /// The permissions that are wanted; `None` for all that the provider key has.
    pub scopes: Option<Vec<String>>,
}

/// Where a grant goes.
struct Target<'a> {
    owner: UserId,
    provider: &'a ProviderKey,
    integration: Option<IntegrationId>,
}

impl Vault {
    /// Begins a connect: a page to open, a form to fill in, or a code to type elsewhere.
    pub async fn begin(&self, owner: UserId, ask: Begin) -> Result<Begun, ConnectError> {
        let parts = self.parts();
        self.may_connect().await?;
        let provider = self.provider(&ask.provider)?;
        provider.ready().map_err(ConnectError::Misconfigured)?;
        let mut existing = None;
        if let Some(id) = ask.integration {
            let known = parts.store.integration(owner, id).await?;
            let known = known.filter(|i| i.provider == ask.provider);
            existing = Some(known.ok_or(ConnectError::NotFound)?);
        }
        let scopes = wanted_scopes(&**provider, ask.scopes, existing.as_ref())?;
        let (now, state) = (parts.clock.now(), self.random_text());
        provider.prepare(&*parts.http, now).await?;
        let state_hash = sha256(state.expose());
        let (next, secrets, life) = match (ask.way, &provider.manifest().connect) {
            (Way::Device, Connect::Redirect { .. }) if provider.manifest().ways.device_code => {
                let device = provider.ask_device(&*parts.http, now, &scopes).await?;
                let next = Next::Device {
                    user_code: device.user_code,
                    verification_uri: device.verification_uri,
                    verification_uri_complete: device.verification_uri_complete,
                    interval: device.interval,
                };
                (next, device.device_code, device.life)
            }
            (Way::Direct, Connect::Redirect { .. }) => {
                let (nonce, verifier) = (self.random_text(), self.random_text());
                let demanded = existing.as_ref().and_then(|i| match &i.status {
                    Status::NeedsReconnect { why, .. } => why.claims.as_deref(),
                    _ => None,
                });
                let page = provider.authorize_url(&AuthorizeAsk {
                    redirect_uri: &ask.redirect_uri,
                    state: &state,
                    nonce: &nonce,
                    challenge: &URL_SAFE_NO_PAD.encode(sha256(verifier.expose())),
                    scopes: &scopes,
                    login_hint: existing.as_ref().and_then(|i| i.account.username.as_deref()),
                    claims: demanded,
                });
                let page = page.ok_or_else(|| not_offered(&**provider, "a sign-in page"))?;
                // Neither contains a space.
                let secrets = format!("{} {}", verifier.expose(), nonce.expose());
                (Next::Authorize(page), secrets.into(), FLOW_LIFE)
            }
            (Way::Direct, Connect::Form { fields }) => {
                (Next::Form(fields.clone()), String::new().into(), FLOW_LIFE)
            }
            (Way::Direct, Connect::Application) => {
                return Err(not_offered(&**provider, "a user"));
            }
            (Way::Device, _) => return Err(not_offered(&**provider, "a device code")),
        };
        let subject = hex(&state_hash);
        let place = self.place(&subject, Field::Flow, 0);
        let expires_at = later(now, life);
        let flow = Flow {
            state_hash,
            owner,
            provider: ask.provider,
            way: ask.way,
            redirect_uri: ask.redirect_uri.into(),
            scopes,
            integration: ask.integration,
            sealed: parts.seal.seal(place, secrets.expose().as_bytes()),
            expires_at,
        };
        parts.store.put_flow(&flow, now).await?;
        Ok(Begun { state, expires_at, next })
    }

    /// Connects an account by a refresh token that was obtained elsewhere, once a refresh with it has
    /// succeeded. From then on the place it came from must not use it any more.
    pub async fn import(&self, owner: UserId, ask: Imported) -> Result<Integration, ConnectError> {
        let adapter = Arc::clone(self.provider(&ask.provider)?);
        if !adapter.manifest().ways.import {
            return Err(not_offered(&*adapter, "a refresh token"));
        }
        let scopes = wanted_scopes(&*adapter, ask.scopes, None)?;
        let evidence = Evidence::Import { refresh: ask.refresh, scopes };
        self.obtain_grant(owner, adapter, evidence).await
    }

    /// Connects the registration itself, without any user; for the operator alone.
    pub async fn connect_application(
        &self,
        owner: UserId,
        provider: &ProviderKey,
    ) -> Result<Integration, ConnectError> {
        let adapter = Arc::clone(self.provider(provider)?);
        if !matches!(adapter.manifest().connect, Connect::Application) {
            return Err(not_offered(&*adapter, "its registration alone"));
        }
        self.obtain_grant(owner, adapter, Evidence::Application).await
    }

    async fn obtain_grant(
        &self,
        owner: UserId,
        adapter: Arc<dyn Provider>,
        evidence: Evidence,
    ) -> Result<Integration, ConnectError> {
        self.may_connect().await?;
        adapter.ready().map_err(ConnectError::Misconfigured)?;
        let vault = self.clone();
        let finished = self.to_its_end(async move {
            let key = &adapter.manifest().key;
            let target = Target { owner, provider: key, integration: None };
            let parts = vault.parts();
            adapter.prepare(&*parts.http, parts.clock.now()).await?;
            vault.redeem(&*adapter, &target, evidence).await
        });
        finished.await.unwrap_or(Err(ConnectError::InvalidState))
    }

    async fn may_connect(&self) -> Result<(), ConnectError> {
        if self.is_copy().await? { Err(ConnectError::Copied) } else { Ok(()) }
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
        self.may_connect().await?;
        let (key, now) = (&provider.manifest().key, parts.clock.now());
        // Before the flow is used up: after an outage the same code can be brought again.
        provider.prepare(&*parts.http, now).await?;
        // A device's flow is asked about again and again; any other is used up by its first proof.
        let flow = match proof {
            Proof::Device => parts.store.find_flow(&state_hash, key, owner, now).await?,
            _ => parts.store.take_flow(&state_hash, key, owner, now).await?,
        };
        let flow = flow.ok_or(ConnectError::InvalidState)?;
        let subject = hex(&flow.state_hash);
        let secrets = parts.seal.open(self.place(&subject, Field::Flow, 0), &flow.sealed)?;
        let secrets = std::str::from_utf8(&secrets).map_err(|_| ConnectError::InvalidState)?;
        let form = matches!(provider.manifest().connect, Connect::Form { .. });
        let evidence = match (proof, flow.way) {
            (Proof::Denied { iss, .. } | Proof::Code { iss, .. }, _)
                if !provider.accepts_issuer(iss.as_deref()) =>
            {
                return Err(ConnectError::InvalidState);
            }
            (Proof::Denied { error, description, .. }, _) => {
                let known = provider.explain_denial(&error, description.as_deref());
                return Err(ConnectError::Rejected(
                    known.unwrap_or_else(|| denied(&error, description)),
                ));
            }
            (Proof::Form(fields), _) if form => {
                let previous = match flow.integration {
                    Some(id) => {
                        let known = parts.store.integration(flow.owner, id).await?;
                        Some(known.ok_or(ConnectError::NotFound)?.account)
                    }
                    None => None,
                };
                Evidence::Form { fields, previous }
            }
            (Proof::Device, Way::Device) => {
                Evidence::Device { code: secrets.into(), scopes: flow.scopes.clone() }
            }
            (Proof::Code { code, .. }, Way::Direct) if !form => {
                let (verifier, nonce) =
                    secrets.split_once(' ').ok_or(ConnectError::InvalidState)?;
                Evidence::Code {
                    code,
                    verifier: verifier.into(),
                    nonce: nonce.into(),
                    redirect_uri: Url::parse(&flow.redirect_uri)
                        .map_err(|_| ConnectError::InvalidState)?,
                    scopes: flow.scopes.clone(),
                }
            }
            (_, Way::Device) => {
                return Err(ConnectError::WrongProof(flow.provider, "the state alone"));
            }
            (_, Way::Direct) => {
                let expected = if form { "`fields`" } else { "a `code`" };
                return Err(ConnectError::WrongProof(flow.provider, expected));
            }
        };
        let target =
            Target { owner: flow.owner, provider: &flow.provider, integration: flow.integration };
        let redeemed = self.redeem(provider, &target, evidence).await;
        // An outage tells nothing of the user: RFC 8628, section 3.5 has the question asked again.
        let undecided = matches!(
            redeemed,
            Err(ConnectError::Pending { .. } | ConnectError::Unavailable { .. })
        );
        if flow.way == Way::Device && !undecided {
            // Whatever came of it: the code is used up. It lapses by itself where this fails.
            let _ = parts.store.take_flow(&state_hash, key, owner, now).await;
        }
        redeemed
    }

    /// From a proof to a stored integration.
    async fn redeem(
        &self,
        provider: &dyn Provider,
        target: &Target<'_>,
        evidence: Evidence,
    ) -> Result<Integration, ConnectError> {
        let parts = self.parts();
        let imported = matches!(evidence, Evidence::Import { .. });
        let metered = self.metered_sign_in(provider);
        let redeemed =
            metered.explain(provider.redeem(&metered, parts.clock.now(), evidence).await)?;
        // What a form gives is a session, and may have nothing that prolongs it.
        let session = matches!(provider.manifest().connect, Connect::Form { .. });
        if !session && !can_be_renewed(provider.manifest(), &redeemed.grant) {
            return Err(ConnectError::Misconfigured(no_refresh_token(provider)));
        }
        FailPoint::DuringCodeExchange.pass().await;
        let began = parts.clock.uptime();
        let kept = loop {
            match self.keep(target, &redeemed).await {
                // The code is spent: while the user waits, so does the grant.
                Err(ConnectError::Storage(error))
                    if matches!(*error, StoreError::Unavailable(_))
                        && parts.clock.uptime() < began + STORE_PATIENCE =>
                {
                    parts.clock.sleep(STORE_RETRY).await;
                }
                kept => break kept,
            }
        };
        // What nobody will use ends, unless that would end what somebody does use: where the database
        // did not say, the grant may be stored, and an imported one is in use where it came from.
        let unused = matches!(
            kept,
            Err(ConnectError::AccountMismatch { .. }
                | ConnectError::Conflict
                | ConnectError::NotFound)
        );
        if unused && !imported && provider.manifest().revocable == Revocable::Grant {
            let revoked = provider.revoke(&self.metered(provider), &redeemed.grant).await;
            if let Err(error) = revoked {
                tracing::warn!(provider = %target.provider, %error, "a grant was not revoked");
            }
        }
        kept
    }

    /// Stores a redeemed grant: in the integration to reconnect, in the one of the same account, or
    /// in a new one. The old grant stays untouched until the new one is known to be the right one.
    async fn keep(
        &self,
        target: &Target<'_>,
        redeemed: &Redeemed,
    ) -> Result<Integration, ConnectError> {
        let parts = self.parts();
        for _ in 0..CONNECT_TRIES {
            let existing = if let Some(id) = target.integration {
                let known = parts.store.integration(target.owner, id).await?;
                Some(known.ok_or(ConnectError::NotFound)?)
            } else {
                let account = &redeemed.account.id;
                parts.store.find_account(target.owner, target.provider, account).await?
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
                    owner: target.owner,
                    provider: target.provider.clone(),
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
            let grant = self.sealed(id, epoch, target.provider, lineage, &redeemed.grant);
            let new = NewIntegration { integration, grant };
            let stored = match existing {
                Some(_) => parts.store.reconnect(&new).await?,
                None => parts.store.connect(&new).await?,
            };
            if stored {
                self.changed_here(id).await;
                self.0.due.notify_one();
                tracing::info!(%id, provider = %target.provider, epoch, "account connected");
                return Ok(new.integration);
            }
        }
        Err(ConnectError::Conflict)
    }

    pub(super) fn provider(&self, key: &ProviderKey) -> Result<&Arc<dyn Provider>, ConnectError> {
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

/// The permissions to ask for, each spelt as the manifest spells it. Further ones for an integration
/// come on top of those it has: the provider's page asks for what is new, and nothing is lost.
fn wanted_scopes(
    provider: &dyn Provider,
    asked: Option<Vec<String>>,
    existing: Option<&Integration>,
) -> Result<Vec<String>, ConnectError> {
    let Connect::Redirect { scopes: known } = &provider.manifest().connect else {
        return Ok(Vec::new());
    };
    let Some(asked) = asked else {
        return Ok(known.clone());
    };
    let spelt = |scope: &str| known.iter().find(|known| known.eq_ignore_ascii_case(scope));
    let granted = existing.map(|existing| existing.scopes.as_slice()).unwrap_or_default();
    let mut wanted: Vec<_> = granted.iter().filter_map(|scope| spelt(scope)).cloned().collect();
    let mut unknown = Vec::new();
    for scope in asked {
        match spelt(&scope) {
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

fn not_offered(provider: &dyn Provider, way: &'static str) -> ConnectError {
    ConnectError::WayNotOffered { label: provider.manifest().label.clone(), way }
}

fn display_name(account: &crate::integration::Account) -> String {
    account.username.clone().unwrap_or_else(|| account.name.clone())
}

fn denied(error: &str, description: Option<String>) -> Failure {
    let (code, message, remedy) = match error {
        "access_denied" => (
            "access_denied",
            "The sign-in was cancelled or the permissions were declined.",
            "Start again and agree, if this was not meant.",
        ),
        _ => (
            "sign_in_failed",
            "The provider ended the sign-in with an error.",
            "Start again; if it lasts, the operator looks at the provider's own code.",
        ),
    };
    Failure {
        provider_code: Some(match description {
            Some(text) => format!("{error}: {}", text.lines().next().unwrap_or_default()),
            None => error.to_owned(),
        }),
        ..Failure::new(code, Actor::User, message).remedied_by(remedy)
    }
}

fn no_refresh_token(provider: &dyn Provider) -> Failure {
    Failure::new(
        "refresh_token_missing",
        Actor::Operator,
        format!(
            "{} issued no refresh token, so nothing was connected: it would have ended within the hour.",
            provider.manifest().label
        ),
    )
    .remedied_by("The operator lets the registration have offline access; then the user signs in again.")
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
