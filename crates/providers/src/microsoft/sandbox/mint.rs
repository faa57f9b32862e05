//! The tokens themselves: what they claim, and who signs them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant_sandbox::{Backstage, Origin, SigningKey, TokenRefusal};
use serde_json::{Map, Value, json};

use super::client::Client;
use super::registration::{Proof, Registration};
use super::scopes::Scopes;
use super::world::{TENANT_ID, User};

/// The application id of Graph.
pub(super) const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
/// The same as a URL, as tokens of applications name it.
pub(super) const GRAPH_RESOURCE: &str = "https://graph.microsoft.com";
/// The application in the tenant's directory.
const SERVICE_PRINCIPAL: &str = "bbbbbbbb-1111-2222-3333-cccccccccccc";
/// The lifetime of an `id_token`, in seconds.
const ID_TOKEN_SECS: i64 = 3600;

/// The signing keys, newest first: the newest signs, the others still verify.
#[derive(Debug)]
pub(super) struct Keys(Mutex<Vec<Arc<SigningKey>>>);

impl Keys {
    /// Begins with the one key of this process: making one takes long enough to be felt in tests.
    pub(super) fn new() -> Self {
        static FIRST: OnceLock<Arc<SigningKey>> = OnceLock::new();
        let first = FIRST.get_or_init(new_key);
        Self(Mutex::new(vec![Arc::clone(first)]))
    }

    /// Signs with a new key from now on, and returns its id.
    pub(super) fn rotate(&self) -> String {
        let key = new_key();
        let kid = key.kid().to_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(0, key);
        kid
    }

    /// All keys, newest first.
    pub(super) fn all(&self) -> Vec<Arc<SigningKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The claims of a token that one of the keys signed.
    pub(super) fn verify(&self, token: &str) -> Result<Value, TokenRefusal> {
        SigningKey::verify(token, self.all().iter().map(AsRef::as_ref))
    }

    /// Signs an access token; its header has a nonce.
    fn sign_access(&self, claims: &Value, backstage: &Backstage) -> String {
        let mut header = Map::new();
        header.insert("nonce".to_owned(), json!(short_id(backstage)));
        self.sign(header, claims, true)
    }

    /// Signs claims of whatever kind.
    pub(super) fn sign(
        &self,
        mut header: Map<String, Value>,
        claims: &Value,
        with_thumbprint: bool,
    ) -> String {
        let Some(key) = self.all().into_iter().next() else {
            return String::new();
        };
        if with_thumbprint {
            header.insert("x5t".to_owned(), json!(key.kid()));
        }
        key.sign(header, claims)
    }
}

fn new_key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate("accounts.sandbox.example"))
}

/// What every token of one answer is about.
pub(super) struct Subject<'a> {
    pub(super) user: &'a User,
    pub(super) registration: &'a Registration,
    pub(super) proof: Proof,
    pub(super) scopes: &'a Scopes,
    pub(super) consented: &'a BTreeSet<String>,
    pub(super) world: &'a str,
    /// Whether the client can handle a claims challenge.
    pub(super) capable: bool,
    /// The level of challenges that the token meets.
    pub(super) met: u64,
}

impl Subject<'_> {
    /// An access token for Graph and its id. The claims are those of the real thing; `aio` and
    /// `rh`, opaque there as here, tell whether it was revoked, which challenges it meets and which
    /// world it is of.
    pub(super) fn access_token(
        &self,
        keys: &Keys,
        backstage: &Backstage,
        ttl: Duration,
    ) -> (String, String) {
        let now = backstage.now().as_second();
        let uti = short_id(backstage);
        let user = self.user;
        let mut claims = json!({
            "aud": GRAPH_ID,
            "iss": format!("https://sts.windows.net/{TENANT_ID}/"),
            "iat": now,
            "nbf": now,
            "exp": now + seconds(ttl),
            "acct": 0,
            "acr": "1",
            "aio": format!("{}.{}", user.access_epoch, self.met),
            "amr": ["pwd"],
            "app_displayname": self.registration.name,
            "appid": self.registration.client_id,
            "appidacr": self.proof.digit(),
            "family_name": user.surname,
            "given_name": user.given_name,
            "idtyp": "user",
            "ipaddr": "203.0.113.10",
            "name": user.display_name,
            "oid": user.oid,
            "platf": "3",
            "puid": pairwise("puid", user.oid),
            "rh": format!("1.{}", self.world),
            "scp": self.scopes.claim(self.consented),
            "sub": pairwise(GRAPH_ID, user.oid),
            "tenant_region_scope": "WW",
            "tid": TENANT_ID,
            "unique_name": user.upn,
            "upn": user.upn,
            "uti": uti,
            "ver": "1.0",
            "wids": ["b79fbf4d-3ef9-4689-8143-76b194e85509"],
            "xms_tcdt": 1_500_000_000,
        });
        if self.capable {
            declare_capability(&mut claims);
        }
        (keys.sign_access(&claims, backstage), uti)
    }

    /// An `id_token` for the registration.
    pub(super) fn id_token(
        &self,
        keys: &Keys,
        backstage: &Backstage,
        origin: &Origin,
        nonce: Option<&str>,
    ) -> String {
        let now = backstage.now().as_second();
        let user = self.user;
        let mut claims = json!({
            "ver": "2.0",
            "iss": format!("{origin}/{TENANT_ID}/v2.0"),
            "sub": pairwise(self.registration.client_id, user.oid),
            "aud": self.registration.client_id,
            "exp": now + ID_TOKEN_SECS,
            "iat": now,
            "nbf": now,
            "tid": TENANT_ID,
            "aio": short_id(backstage),
            "rh": format!("1.{}", self.world),
            "uti": short_id(backstage),
            "sid": backstage.guid(),
            "login_hint": format!("O.{}", pairwise("login_hint", user.oid)),
        });
        if let Value::Object(claims) = &mut claims {
            if self.scopes.profile {
                claims.insert("name".to_owned(), json!(user.display_name));
                claims.insert("oid".to_owned(), json!(user.oid));
                claims.insert("preferred_username".to_owned(), json!(user.upn));
            }
            if self.scopes.email {
                claims.insert("email".to_owned(), json!(user.upn));
            }
            if let Some(nonce) = nonce {
                claims.insert("nonce".to_owned(), json!(nonce));
            }
        }
        keys.sign(Map::new(), &claims, false)
    }
}

/// An access token for Graph that an application has without a user, and its id.
pub(super) fn app_token(
    keys: &Keys,
    backstage: &Backstage,
    client: &Client,
    world: &str,
    ttl: Duration,
    capable: bool,
) -> (String, String) {
    let now = backstage.now().as_second();
    let uti = short_id(backstage);
    let issuer = format!("https://sts.windows.net/{TENANT_ID}/");
    let mut claims = json!({
        "aud": GRAPH_RESOURCE,
        "iss": issuer,
        "iat": now,
        "nbf": now,
        "exp": now + seconds(ttl),
        "app_displayname": client.registration.name,
        "appid": client.registration.client_id,
        "appidacr": client.proof.digit(),
        "idp": issuer,
        "idtyp": "app",
        "oid": SERVICE_PRINCIPAL,
        "rh": format!("1.{world}"),
        "roles": client.registration.roles(),
        "sub": SERVICE_PRINCIPAL,
        "tid": TENANT_ID,
        "uti": uti,
        "ver": "1.0",
    });
    if capable {
        declare_capability(&mut claims);
    }
    (keys.sign_access(&claims, backstage), uti)
}

fn declare_capability(claims: &mut Value) {
    if let Value::Object(claims) = claims {
        claims.insert("xms_cc".to_owned(), json!(["CP1"]));
    }
}

/// The `client_info` of an answer: who signed in, for the client's cache.
pub(super) fn client_info(user: &User) -> String {
    let info = json!({ "uid": user.oid, "utid": TENANT_ID });
    URL_SAFE_NO_PAD.encode(info.to_string())
}

/// A subject that is the same for one pair of application and user, and for no other.
pub(super) fn pairwise(application: &str, oid: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("{application} {oid}").as_bytes()))
}

fn short_id(backstage: &Backstage) -> String {
    URL_SAFE_NO_PAD.encode(backstage.guid().as_bytes())
}

fn seconds(ttl: Duration) -> i64 {
    i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX)
}
