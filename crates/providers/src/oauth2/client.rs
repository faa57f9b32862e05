//! A registration at one authorization server: who we are there, and how we prove it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use evergrant::provider::{AuthError, Credential, Failure};
use evergrant::{Request, Secret, Transport};
use http::{HeaderValue, Method, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::assertion::{KIND as ASSERTION_KIND, Signer};
use super::failure::Refusal;
use super::{DEVICE_GRANT, Form, Habits, TokenAnswer, answer, unanswered};
use crate::dictionary;
use crate::registrations::Replaceable;

/// How a client proves who it is (RFC 6749, section 2.3; OpenID Connect Core, section 9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Id and secret in the form.
    #[default]
    ClientSecretPost,
    /// Id and secret in the `Authorization` header.
    ClientSecretBasic,
    /// A signed assertion.
    PrivateKeyJwt,
    /// The id alone: a public client.
    None,
}

/// A secret, certificate or key of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCredential {
    /// Its name among the registration's own, such as `client_secret`.
    pub name: String,
    /// What it is.
    pub kind: CredentialKind,
    /// When it stops working, where the operator said so; a certificate says it itself.
    pub expires_at: Option<Timestamp>,
}

/// What a credential is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialKind {
    /// A secret that is shown.
    Secret(Secret),
    /// A certificate whose key signs; both in PEM.
    Certificate {
        /// The certificate.
        certificate: String,
        /// Its private key (PKCS#8).
        key: Secret,
    },
    /// A key that signs, in PEM.
    Key {
        /// The private key (PKCS#8).
        key: Secret,
        /// Its id at the provider, if there is one.
        kid: Option<String>,
        /// Whether an RSA key signs in the older way (RS256) instead of PS256.
        rs256: bool,
    },
}

/// Where a request goes, and what an assertion for it says it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Endpoint<'a> {
    pub(crate) url: &'a Url,
    pub(crate) audience: &'a str,
}

/// A registration at one authorization server.
pub(crate) struct Client {
    id: Option<String>,
    auth: ClientAuth,
    habits: Habits,
    ring: Mutex<Ring>,
}

/// The credentials in the operator's order, and the one that worked last.
#[derive(Default)]
struct Ring {
    held: Vec<Arc<Held>>,
    preferred: usize,
}

struct Held {
    given: ClientCredential,
    proof: Proof,
    expires_at: Option<Timestamp>,
    refused: Mutex<Option<Failure>>,
}

enum Proof {
    Secret(Secret),
    Signer(Signer),
}

impl Client {
    /// A client without credentials; [`Client::replace_credentials`] gives it some.
    pub(crate) fn new(id: Option<String>, auth: ClientAuth, habits: Habits) -> Self {
        Self { id: id.filter(|id| !id.is_empty()), auth, habits, ring: Mutex::default() }
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn habits(&self) -> &Habits {
        &self.habits
    }

    /// Whether there is something to prove who we are with, if that is needed at all.
    pub(crate) fn can_prove(&self) -> bool {
        self.auth == ClientAuth::None || !self.ring().held.is_empty()
    }

    /// Replaces the credentials, in the order in which they are tried. One that stays keeps what is
    /// known of it. On an error, which names the credential, the old ones stay.
    pub(crate) fn replace_credentials(
        &self,
        given: Vec<ClientCredential>,
    ) -> Result<(), (String, &'static str)> {
        let before = self.ring().held.clone();
        let mut held = Vec::new();
        for given in given {
            held.push(match before.iter().find(|held| held.given == given) {
                Some(same) => Arc::clone(same),
                None => Arc::new(Held::new(given)?),
            });
        }
        *self.ring() = Ring { held, preferred: 0 };
        Ok(())
    }

    /// What is known of the credentials.
    pub(crate) fn credentials(&self) -> Vec<Credential> {
        let held = self.ring().held.clone();
        let known = held.iter().map(|held| Credential {
            name: held.given.name.clone(),
            expires_at: held.expires_at,
            refused: held.refused().clone(),
        });
        known.collect()
    }

    /// Sends a form to the token endpoint and reads the answer. When the answer refuses us and not
    /// what we asked for, the next credential is tried in the same call: nothing was spent yet.
    pub(crate) async fn exchange(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        to: Endpoint<'_>,
        grant: &Form<'_>,
    ) -> Result<TokenAnswer, AuthError> {
        let read = |response: &_| answer::read(response, &self.habits);
        let done = self.with_credential(http, now, to, grant, read).await;
        match done {
            // Nobody types a code anywhere: the server is confused.
            Err(AuthError::Pending { .. }) if !grant.contains(&("grant_type", DEVICE_GRANT)) => {
                Err(AuthError::Unavailable {
                    failure: dictionary::UNREADABLE.failure(),
                    retry_after: None,
                    sent: true,
                })
            }
            done => done,
        }
    }

    /// Sends a form to another endpoint of the server and gives back what it says.
    pub(crate) async fn ask(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        to: Endpoint<'_>,
        form: &Form<'_>,
    ) -> Result<Value, AuthError> {
        let read = |response: &_| answer::whole(response, &self.habits);
        self.with_credential(http, now, to, form, read).await
    }

    /// Sends a form with each credential in turn, until one is not refused as such.
    pub(super) async fn with_credential<T>(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        to: Endpoint<'_>,
        form: &Form<'_>,
        read: impl Fn(&evergrant::Response) -> Result<T, Refusal> + Send,
    ) -> Result<T, AuthError> {
        if self.auth == ClientAuth::None {
            let request = self.request(now, to, form, None)?;
            let response = http.send(request).await.map_err(|error| unanswered(&error))?;
            return read(&response).map_err(|refusal| refusal.error);
        }
        let (mut first, mut refused) = (None, 0);
        for held in self.in_order(now) {
            let request = self.request(now, to, form, Some(&held.proof))?;
            let response = http.send(request).await.map_err(|error| unanswered(&error))?;
            match read(&response) {
                Err(Refusal { error: AuthError::Misconfigured(failure), client: true }) => {
                    tracing::warn!(
                        credential = held.given.name,
                        reason = failure.code,
                        "the provider refuses a credential"
                    );
                    *held.refused() = Some(failure.clone());
                    first.get_or_insert(failure);
                    refused += 1;
                }
                // An outage says nothing about the credential.
                Err(refusal @ Refusal { error: AuthError::Unavailable { .. }, .. }) => {
                    return Err(refusal.error);
                }
                done => {
                    self.prefer(&held);
                    return done.map_err(|refusal| refusal.error);
                }
            }
        }
        let mut failure = first.unwrap_or_else(|| dictionary::INCOMPLETE.failure());
        if refused > 1 {
            // What was said of one of them is not what is wrong.
            let all = dictionary::CLIENT_REFUSED.failure();
            failure =
                Failure { code: all.code, message: all.message, remedy: all.remedy, ..failure };
        }
        Err(AuthError::Misconfigured(failure))
    }

    /// The one that worked last, then those after it; those known to have expired come last.
    fn in_order(&self, now: Timestamp) -> Vec<Arc<Held>> {
        let ring = self.ring();
        let mut order = ring.held.clone();
        order.rotate_left(ring.preferred.min(ring.held.len().saturating_sub(1)));
        order.sort_by_key(|held| held.expires_at.is_some_and(|end| end <= now));
        order
    }

    fn prefer(&self, works: &Arc<Held>) {
        *works.refused() = None;
        let mut ring = self.ring();
        if let Some(found) = ring.held.iter().position(|held| Arc::ptr_eq(held, works)) {
            ring.preferred = found;
        }
    }

    fn request(
        &self,
        now: Timestamp,
        to: Endpoint<'_>,
        form: &Form<'_>,
        proof: Option<&Proof>,
    ) -> Result<Request, AuthError> {
        let id = self.id.as_deref().unwrap_or_default();
        let mut body = Serializer::new(String::new());
        body.extend_pairs(form);
        let mut basic = None;
        match proof {
            Some(Proof::Secret(secret)) if self.auth == ClientAuth::ClientSecretBasic => {
                basic = Some(authorization(id, secret));
            }
            Some(Proof::Secret(secret)) => {
                body.append_pair("client_id", id).append_pair("client_secret", secret.expose());
            }
            Some(Proof::Signer(signer)) => {
                // What is asked for makes the assertion unique.
                let request: String = form.iter().map(|(_, value)| *value).collect();
                let assertion = signer.sign(id, to.audience, now, &request).ok_or_else(|| {
                    AuthError::Misconfigured(dictionary::CLIENT_REFUSED.failure())
                })?;
                body.append_pair("client_id", id)
                    .append_pair("client_assertion_type", ASSERTION_KIND)
                    .append_pair("client_assertion", assertion.expose());
            }
            None => {
                body.append_pair("client_id", id);
            }
        }
        let mut request = http::Request::builder()
            .method(Method::POST)
            .uri(to.url.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(body.finish()))
            .map_err(|_| AuthError::Misconfigured(dictionary::ENDPOINT.failure()))?;
        if let Some(value) = basic.and_then(|text| HeaderValue::try_from(text).ok()) {
            let mut value = value;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// Nothing here panics while it holds the lock; the data is whole in any case.
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replaceable for Client {
    fn credentials(&self) -> Vec<Credential> {
        self.credentials()
    }

    fn replace(&self, credentials: Vec<ClientCredential>) -> Result<(), (String, &'static str)> {
        self.replace_credentials(credentials)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Held {
    fn new(given: ClientCredential) -> Result<Self, (String, &'static str)> {
        let named = |problem| (given.name.clone(), problem);
        let (proof, own_end) = match &given.kind {
            CredentialKind::Secret(secret) if secret.expose().is_empty() => {
                return Err(named("is empty"));
            }
            CredentialKind::Secret(secret) => (Proof::Secret(secret.clone()), None),
            CredentialKind::Certificate { certificate, key } => {
                let (signer, end) = Signer::certificate(certificate, key).map_err(named)?;
                (Proof::Signer(signer), end)
            }
            CredentialKind::Key { key, kid, rs256 } => {
                let signer = Signer::key(key, kid.as_deref(), *rs256).map_err(named)?;
                (Proof::Signer(signer), None)
            }
        };
        let expires_at = own_end.or(given.expires_at);
        Ok(Self { given, proof, expires_at, refused: Mutex::default() })
    }

    fn refused(&self) -> MutexGuard<'_, Option<Failure>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Id and secret are form-encoded before they are joined (RFC 6749, section 2.3.1).
fn authorization(id: &str, secret: &Secret) -> String {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret.expose()))))
}
