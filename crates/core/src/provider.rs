//! The port to providers: two functions talk to the token endpoint, two pure ones serve every call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::capability::{Calendars, Event, Mail, Markets, Meetings, Message, Profiles, Trading};
use crate::feed::Feed;
use crate::integration::Account;
use crate::notification::Notifications;
use crate::quota::Draw;
use crate::{AccessToken, Api, Grant, Repeat, Request, Response, Secret, Transport};

/// Names what a user can connect, such as `acme_calendar`: lower-case letters, digits, `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ProviderKey(Arc<str>);

impl ProviderKey {
    /// The key as users write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ProviderKey {
    fn from(key: &str) -> Self {
        Self(key.into())
    }
}

impl fmt::Display for ProviderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a provider is and how it behaves, as data.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its key.
    pub key: ProviderKey,
    /// Its name for people.
    pub label: String,
    /// How a user connects it.
    pub connect: Connect,
    /// The hosts (`host` or `host:port`) its tokens may be sent to; no other ever sees one.
    pub hosts: Vec<String>,
    /// Where the paths of [`Api::request`](crate::Api::request) begin.
    pub base_url: Url,
    /// What happens when a refresh token is spent twice.
    pub replay: Replay,
    /// Whether tokens are refreshed ahead of need or only when asked for.
    pub renewal: Renewal,
    /// The operator's registration at the provider; several keys may share one, and its health.
    pub registration: String,
    /// The further ways to a grant, besides `connect`.
    pub ways: Ways,
    /// What ends at the provider when a grant is revoked there.
    pub revocable: Revocable,
    /// How long a refresh token lives.
    pub refresh_life: RefreshLife,
    /// Where the user sees and removes what they granted, at the provider.
    pub manage_url: Option<Url>,
    /// The host of loopback redirects for sign-in from a terminal: `localhost` or `127.0.0.1`.
    pub loopback_host: &'static str,
    /// What the provider allows one account to be called for.
    pub limits: Limits,
    /// How long a call waits at most where somebody waits for its answer, if that is longer than
    /// [`Patience`](crate::Patience) says: a provider's own pauses may take longer.
    pub patience: Duration,
}

/// What a provider allows one registration to do in one account. All keys that share a registration
/// share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls at the same time.
    pub concurrent: usize,
    /// Calls within [`Self::window`].
    pub calls: u32,
    /// The time over which calls are counted.
    pub window: Duration,
    /// Bytes of requests' bodies within [`Self::upload_window`].
    pub upload_bytes: u64,
    /// The time over which those are counted.
    pub upload_window: Duration,
}

impl Limits {
    /// None that is known.
    pub const NONE: Self = Self {
        concurrent: usize::MAX,
        calls: u32::MAX,
        window: Duration::from_mins(10),
        upload_bytes: u64::MAX,
        upload_window: Duration::from_mins(5),
    };
}

/// How a user connects a provider.
#[derive(Debug, Clone)]
pub enum Connect {
    /// By signing in at the provider in a browser.
    Redirect {
        /// The permissions asked for unless the connect asks for fewer.
        scopes: Vec<String>,
    },
    /// By filling in a form of ours.
    Form {
        /// Its fields in order.
        fields: Vec<FormField>,
    },
    /// By nobody: the registration itself is granted access (RFC 6749, section 4.4). For the operator
    /// alone, since such a grant may reach every user of an organisation.
    Application,
}

/// The further ways to a grant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ways {
    /// By typing a code on another device (RFC 8628).
    pub device_code: bool,
    /// By a refresh token that was obtained elsewhere.
    pub import: bool,
    /// An administrator can agree for everybody in their organisation.
    pub admin_consent: bool,
}

/// What ends at the provider when a grant is revoked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocable {
    /// Nothing: there is no way to end a single grant.
    No,
    /// That grant alone.
    Grant,
    /// Everything the account granted to this registration, other integrations included.
    Account,
}

/// How long a refresh token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshLife {
    /// The provider does not say.
    Unknown,
    /// This long after it was obtained; every refresh begins anew.
    Idle(Duration),
    /// This long after the user signed in, however often it is refreshed.
    Fixed(Duration),
}

/// One field of a connect form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FormField {
    /// Its name in the answer.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// Whether what is typed must not be shown.
    pub secret: bool,
    /// Whether it may be left empty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What may be answered, the usual first; empty where anything may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// What it is for, where the label does not say it all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
}

/// What a provider does when a refresh token is spent a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It answers again: spending a token does not end it.
    NonRevoking,
    /// It answers again within this time.
    Grace(Duration),
    /// It takes it for theft and may end the whole grant.
    Strict,
    /// There is no refresh token.
    None,
}

/// When tokens are refreshed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Ahead of need, by the renewer.
    Ahead,
    /// Only when somebody asks: where refreshes count against an allowance.
    OnDemand,
}

/// What a sign-in page is asked for.
#[derive(Debug, Clone)]
pub struct AuthorizeAsk<'a> {
    /// Where the browser comes back to.
    pub redirect_uri: &'a Url,
    /// Binds the answer to this flow.
    pub state: &'a Secret,
    /// Binds the id token to this flow.
    pub nonce: &'a Secret,
    /// PKCE: base64url of the SHA-256 of the verifier (RFC 7636, section 4.2).
    pub challenge: &'a str,
    /// The permissions to ask for.
    pub scopes: &'a [String],
    /// Who should sign in, if that is known.
    pub login_hint: Option<&'a str>,
    /// What the provider demanded of the next sign-in, as it was told to us (OpenID Connect Core,
    /// section 5.5).
    pub claims: Option<&'a str>,
}

/// What an administrator's consent page is asked for.
#[derive(Debug, Clone)]
pub struct ConsentAsk<'a> {
    /// Where the browser comes back to.
    pub redirect_uri: &'a Url,
    /// Comes back with it.
    pub state: &'a Secret,
    /// The permissions to consent to.
    pub scopes: &'a [String],
    /// The organisation, where it is known.
    pub tenant: Option<&'a str>,
}

/// What a user needs to sign in on another device (RFC 8628, section 3.2).
#[derive(Debug, Clone)]
pub struct DeviceAsk {
    /// What the provider is asked about while the user signs in.
    pub device_code: Secret,
    /// What the user types.
    pub user_code: String,
    /// Where.
    pub verification_uri: Url,
    /// The same page with the code filled in, where there is one.
    pub verification_uri_complete: Option<Url>,
    /// How long the code works.
    pub life: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
}

/// What is refreshed, and what the next token must carry.
#[derive(Debug, Clone, Copy)]
pub struct RefreshAsk<'a> {
    /// The grant whose refresh token is spent.
    pub grant: &'a Grant,
    /// The claims that the provider's API demanded when it refused the last token, if it did.
    pub claims: Option<&'a str>,
}

/// What proves that the user agreed.
#[derive(Debug, Clone)]
pub enum Evidence {
    /// An authorization code with everything that bound it.
    Code {
        /// The code.
        code: Secret,
        /// The PKCE verifier.
        verifier: Secret,
        /// The nonce the id token must carry.
        nonce: Secret,
        /// The redirect URI the code was issued to.
        redirect_uri: Url,
        /// The permissions that were asked for.
        scopes: Vec<String>,
    },
    /// The filled-in form.
    Form {
        /// What was filled in, by the fields' names.
        fields: BTreeMap<String, Secret>,
        /// The account of the integration that is connected again, so that what the form leaves empty
        /// stays as it is.
        previous: Option<Account>,
    },
    /// A device code whose user may have signed in meanwhile.
    Device {
        /// The code.
        code: Secret,
        /// The permissions that were asked for.
        scopes: Vec<String>,
    },
    /// A refresh token that was obtained elsewhere; it is verified by spending it.
    Import {
        /// The token.
        refresh: Secret,
        /// The permissions that are wanted.
        scopes: Vec<String>,
    },
    /// The registration's own credentials.
    Application,
}

/// What a connect yields.
#[derive(Debug, Clone)]
pub struct Redeemed {
    /// The secret part.
    pub grant: Grant,
    /// Who signed in.
    pub account: Account,
}

/// Who can mend a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The user, by connecting again.
    User,
    /// The administrator of the user's organisation.
    Administrator,
    /// Whoever runs this Evergrant.
    Operator,
    /// Nobody has to: it passes.
    Nobody,
}

/// A provider's refusal, put so that somebody can act on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable name of the cause, such as `grant_revoked`.
    pub code: String,
    /// Who can mend it.
    pub actor: Actor,
    /// What happened, in one plain sentence.
    pub message: String,
    /// What the actor does next; empty where the message says it all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
    /// The provider's own code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_code: Option<String>,
    /// The provider's id of the exchange, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Its id of the conversation the exchange belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// What the next sign-in must carry; goes back to the provider alone and is never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
}

impl Failure {
    /// A failure without a provider's own code.
    pub fn new(code: &str, actor: Actor, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            actor,
            message: message.into(),
            remedy: String::new(),
            provider_code: None,
            trace_id: None,
            correlation_id: None,
            claims: None,
        }
    }

    /// As it may be shown: without what goes back to the provider alone.
    #[must_use]
    pub fn shown(&self) -> Self {
        Self { claims: None, ..self.clone() }
    }

    /// With what the actor does next.
    #[must_use]
    pub fn remedied_by(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// A secret or certificate of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// Its name among the registration's own, such as `client_secret`.
    pub name: String,
    /// When it stops working, where that is known.
    pub expires_at: Option<Timestamp>,
    /// Why the provider refused it last, if it did.
    pub refused: Option<Failure>,
}

/// Why a provider issued no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// This user's grant or code is no longer good.
    #[error("{}", .0.message)]
    Rejected(Failure),
    /// The operator must fix the registration; no user is touched.
    #[error("{}", .0.message)]
    Misconfigured(Failure),
    /// The provider cannot answer now; waiting helps.
    #[error("{}", failure.message)]
    Unavailable {
        /// What happened.
        failure: Failure,
        /// How long the provider asked to wait.
        retry_after: Option<Duration>,
        /// Whether the request may have had its effect: then the outcome is unknown.
        sent: bool,
    },
    /// The user has not finished signing in on the other device; only for [`Evidence::Device`].
    #[error("the user has not signed in yet")]
    Pending {
        /// How much longer than before to wait between two questions.
        slower: Duration,
    },
}

/// What an answer to a call says about the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The token was accepted; the rest is between caller and provider.
    Accepted,
    /// The token was refused.
    TokenRejected {
        /// The claims a new token must carry, as the provider sent them.
        claims: Option<String>,
    },
    /// The registration itself was refused, whoever's token it was: nobody calls with it but a probe from
    /// time to time, until one is answered otherwise.
    Misconfigured(Box<Failure>),
    /// Too many calls.
    Throttled {
        /// How long to wait.
        retry_after: Option<Duration>,
        /// The kind of allowance that is used up ([`Draw::kind`]): what draws on others goes on. `None`
        /// stops all calls of the account.
        allowance: Option<&'static str>,
    },
    /// The provider is down.
    Unavailable,
}

/// What became of a grant at the provider when the user disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The provider ended it.
    Revoked,
    /// The provider has no way to end a single grant; it dies unused.
    NotOffered,
}

/// One thing a user can connect. Implemented once per vendor, served by the vault and the gateway.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// What it is and how it behaves.
    fn manifest(&self) -> &Manifest;

    /// Whether the operator's registration is complete; what is missing otherwise.
    fn ready(&self) -> Result<(), Failure>;

    /// The secrets and certificates of the registration and what is known of them.
    fn credentials(&self) -> Vec<Credential> {
        Vec::new()
    }

    /// How long this grant can be refreshed, where that differs from grant to grant.
    fn refresh_life(&self, _grant: &Grant) -> RefreshLife {
        self.manifest().refresh_life
    }

    /// Learns what has to be known before a sign-in or a refresh begins; called before anything is
    /// written or spent.
    async fn prepare(&self, _http: &dyn Transport, _now: Timestamp) -> Result<(), AuthError> {
        Ok(())
    }

    /// The page where the user agrees; `None` for a form provider.
    fn authorize_url(&self, ask: &AuthorizeAsk<'_>) -> Option<Url>;

    /// The page where an administrator agrees for their organisation, if there is one.
    fn consent_url(&self, _: &ConsentAsk<'_>) -> Option<Url> {
        None
    }

    /// Whether an answer of the sign-in page came from this provider, by the `iss` it carries
    /// (RFC 9207, section 2.4).
    fn accepts_issuer(&self, _: Option<&str>) -> bool {
        true
    }

    /// An error of the sign-in page in words; `None` where the standard ones do.
    fn explain_denial(&self, _error: &str, _description: Option<&str>) -> Option<Failure> {
        None
    }

    /// Begins a sign-in on another device.
    async fn ask_device(
        &self,
        _http: &dyn Transport,
        _now: Timestamp,
        _scopes: &[String],
    ) -> Result<DeviceAsk, AuthError> {
        Err(AuthError::Rejected(Failure::new(
            "not_offered",
            Actor::User,
            format!("{} has no sign-in by device code.", self.manifest().label),
        )))
    }

    /// Turns the user's agreement into a grant. `now` is when the exchange begins.
    async fn redeem(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        evidence: Evidence,
    ) -> Result<Redeemed, AuthError>;

    /// Spends the grant's refresh token, exactly once. `now` is when the exchange begins.
    ///
    /// The last answer of success that `http` gives is durable before it is returned, and after a
    /// crash this function is called again with an `http` that gives that very answer and reaches
    /// nobody. So whatever makes the new grant must be in that one answer.
    async fn refresh(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        ask: RefreshAsk<'_>,
    ) -> Result<Grant, AuthError>;

    /// Ends the grant at the provider, as far as it lets us.
    async fn revoke(&self, http: &dyn Transport, grant: &Grant) -> Result<Revocation, AuthError>;

    /// Puts the token on a request. Pure.
    fn sign(&self, request: &mut Request, token: &AccessToken);

    /// How a caller who calls the provider itself presents this grant's access token: `Bearer`, or a
    /// name of the provider's own for what belongs into other headers (RFC 6749, section 7.1).
    fn token_type(&self, _grant: &Grant) -> &'static str {
        "Bearer"
    }

    /// Reads what an answer says about the token. Pure.
    fn judge(&self, response: &Response) -> Verdict;

    /// Whether this provider, as it is configured, is the one that the account is at; why not otherwise,
    /// and then nobody calls it there. Pure.
    fn serves(&self, _account: &Account) -> Result<(), Failure> {
        Ok(())
    }

    /// Whether this request may be sent again, where whoever made it does not say; `None` leaves that to
    /// its method. Pure.
    fn repeat(&self, _request: &Request) -> Option<Repeat> {
        None
    }

    /// What a request draws on of the allowances that all processes share; `account` is whose it is,
    /// where that is known. Pure, but for what was learned.
    fn draws(&self, _request: &Request, _account: Option<&Account>) -> Vec<Draw> {
        Vec::new()
    }

    /// Learns what the provider allows this registration; asked when a call would have to wait. Calls
    /// nobody where that is known or was asked lately; its own calls are
    /// [`Api::urgent`](crate::Api::urgent). With `doubt` the provider said stop although room was counted:
    /// what is known may be wrong.
    async fn learn(&self, _api: &Api, _doubt: bool) {}

    /// Its account profiles, if it has them.
    fn profiles(&self) -> Option<&dyn Profiles> {
        None
    }

    /// Its calendars, if it has them.
    fn calendars(&self) -> Option<&dyn Calendars> {
        None
    }

    /// Its mailboxes, if it has them.
    fn mail(&self) -> Option<&dyn Mail> {
        None
    }

    /// Its calendar as it changes, if that can be followed.
    fn calendar_feed(&self) -> Option<&dyn Feed<Event>> {
        None
    }

    /// Its mailbox as it changes, if that can be followed.
    fn email_feed(&self) -> Option<&dyn Feed<Message>> {
        None
    }

    /// Whether it sends word of changes, and how.
    fn notifications(&self) -> Option<&dyn Notifications> {
        None
    }

    /// Its online meetings, if it has them.
    fn meetings(&self) -> Option<&dyn Meetings> {
        None
    }

    /// Its markets, if it has them.
    fn markets(&self) -> Option<&dyn Markets> {
        None
    }

    /// Its trading, if it has that.
    fn trading(&self) -> Option<&dyn Trading> {
        None
    }
}

/// Every provider of this deployment, by key.
#[derive(Clone, Default)]
pub struct Providers(Arc<BTreeMap<ProviderKey, Arc<dyn Provider>>>);

impl Providers {
    /// The one with this key.
    pub fn find(&self, key: &ProviderKey) -> Option<&Arc<dyn Provider>> {
        self.0.get(key)
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.values()
    }
}

impl FromIterator<Arc<dyn Provider>> for Providers {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Provider>>>(providers: I) -> Self {
        let keyed = providers.into_iter().map(|p| (p.manifest().key.clone(), p));
        Self(Arc::new(keyed.collect()))
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
