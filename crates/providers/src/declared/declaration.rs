//! What a declaration says, and whether it is complete.

use std::collections::BTreeMap;
use std::time::Duration;

use evergrant::provider::{RefreshLife, Replay, Revocable};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::SettingsError;
use crate::oauth2::ClientAuth;

/// A plain OAuth 2.0 provider, as data. Every address may hold `{name}`s, which
/// [`Settings::variables`](super::Settings::variables) fill in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a server, as data")]
pub struct Declaration {
    /// Its name for people.
    pub label: String,
    /// The sign-in page; from `discovery_url`, unless it stands here.
    #[serde(default)]
    pub authorize_url: Option<String>,
    /// The token endpoint; from `discovery_url`, unless it stands here. Where both stand here a
    /// refresh makes one call and no other.
    #[serde(default)]
    pub token_url: Option<String>,
    /// Where the provider describes itself (OpenID Connect Discovery, RFC 8414). Every address that
    /// does not stand here is read there: fetched before the first sign-in or refresh, kept for a
    /// day, and for longer while it cannot be fetched again.
    #[serde(default)]
    pub discovery_url: Option<String>,
    /// The issuer of its answers and id tokens.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Whether an answer of the sign-in page without `iss` is refused (RFC 9207).
    #[serde(default)]
    pub iss_required: bool,
    /// Where it publishes its keys.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// Where sign-ins on another device begin (RFC 8628).
    #[serde(default)]
    pub device_url: Option<String>,
    /// Whether there are such sign-ins, where their address is read at `discovery_url`.
    #[serde(default)]
    pub device: bool,
    /// Where tokens are revoked (RFC 7009).
    #[serde(default)]
    pub revocation_url: Option<String>,
    /// What ends when a token is revoked there: the grant, unless it is said. If it is said and
    /// `revocation_url` is not, that address is read at `discovery_url`.
    #[serde(default)]
    pub revokes: Option<RevocationScope>,
    /// Whether the revocation endpoint takes access tokens only.
    #[serde(default)]
    pub revokes_access_only: bool,
    /// Where the paths of its API begin.
    pub base_url: String,
    /// The hosts its tokens may be sent to, besides that of `base_url`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The permissions asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Permissions that are asked for in any case.
    #[serde(default)]
    pub scopes_always: Vec<String>,
    /// What stands between two permissions.
    #[serde(default = "space")]
    pub scope_separator: char,
    /// The name of the sign-in page's parameter that holds them.
    #[serde(default = "scope")]
    pub scope_parameter: String,
    /// Whether the provider understands PKCE.
    #[serde(default = "yes")]
    pub pkce: bool,
    /// How the client proves who it is.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// Further parameters of the sign-in page.
    #[serde(default)]
    pub authorize_params: BTreeMap<String, String>,
    /// Further parameters of every token request.
    #[serde(default)]
    pub token_params: BTreeMap<String, String>,
    /// What happens when a refresh token is spent twice.
    pub replay: ReplayClass,
    /// For how long it is taken, if there is such a time.
    #[serde(default)]
    pub grace_seconds: Option<u64>,
    /// How long a refresh token lives.
    #[serde(default)]
    pub refresh_life: RefreshLifetime,
    /// How long that is, in seconds.
    #[serde(default)]
    pub refresh_life_seconds: Option<u64>,
    /// How long access tokens live where the provider does not say.
    #[serde(default)]
    pub access_life_seconds: Option<u64>,
    /// Where the user sees and removes what they granted.
    #[serde(default)]
    pub manage_url: Option<String>,
    /// Whether a refresh token that was obtained elsewhere can be taken over.
    #[serde(default = "yes")]
    pub import: bool,
    /// Whose account it is.
    pub identity: Identity,
    /// How its answers differ from the standards.
    #[serde(default)]
    pub answers: Answers,
    /// What the `{name}`s stand for unless the settings say otherwise.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// What happens when a refresh token is spent a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayClass {
    /// It works again.
    NonRevoking,
    /// It works again for `grace_seconds`.
    Grace,
    /// It is taken for theft.
    Strict,
    /// There is no refresh token.
    None,
}

/// How long a refresh token lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshLifetime {
    /// The provider does not say.
    #[default]
    Unknown,
    /// So long after it was obtained; every refresh begins anew.
    Idle,
    /// So long after the user signed in.
    Fixed,
}

/// What ends when a token is revoked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationScope {
    /// That grant.
    #[default]
    Grant,
    /// Everything the account granted to this registration.
    Account,
}

/// Where an account's id and names are found: JSON pointers into what `source` says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Who says it.
    pub source: IdentitySource,
    /// The address to ask, for `userinfo`.
    #[serde(default)]
    pub url: Option<String>,
    /// What stays the same for ever.
    pub id: String,
    /// A further part of the id, where it is unique only within something.
    #[serde(default)]
    pub within: Option<String>,
    /// The name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// The name the user signs in with.
    #[serde(default)]
    pub username: Option<String>,
}

/// Who says whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentitySource {
    /// The id token, verified.
    IdToken,
    /// A page of the API, asked with the new token.
    Userinfo,
    /// The token answer.
    TokenAnswer,
}

/// How answers differ from the standards.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// A JSON pointer to the object that holds the tokens.
    #[serde(default)]
    pub token_at: Option<String>,
    /// Its own names for errors, and the standard ones they stand for.
    #[serde(default)]
    pub errors: BTreeMap<String, String>,
}

fn space() -> char {
    ' '
}

fn scope() -> String {
    "scope".to_owned()
}

fn yes() -> bool {
    true
}

/// What a complete declaration comes to.
pub(super) struct Facts {
    pub(super) declared: Declaration,
    pub(super) authorize_url: Option<Url>,
    pub(super) token_url: Option<Url>,
    pub(super) discovery_url: Option<Url>,
    pub(super) jwks_url: Option<Url>,
    pub(super) device_url: Option<Url>,
    pub(super) revocation_url: Option<Url>,
    pub(super) identity_url: Option<Url>,
    pub(super) manage_url: Option<Url>,
    pub(super) base_url: Url,
    pub(super) issuer: Option<String>,
    pub(super) hosts: Vec<String>,
    pub(super) replay: Replay,
    pub(super) refresh_life: RefreshLife,
    pub(super) revocable: Revocable,
}

type Wrong = (String, String);

impl Declaration {
    /// Reads a declaration from TOML.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        toml::from_str(text)
            .map_err(|error| SettingsError::new("declaration", error.message().to_owned()))
    }

    /// Fills in the variables and checks that everything needed is there. An error names the field.
    pub(super) fn resolve(self, given: &BTreeMap<String, String>) -> Result<Facts, Wrong> {
        let variables = Variables::new(&self.variables, given)?;
        let url = |field: &str, text: &str| variables.url(field, text);
        let maybe = |field: &str, text: &Option<String>| {
            text.as_deref().map(|text| url(field, text)).transpose()
        };
        let wrong = |field: &str, problem: &str| Err((field.to_owned(), problem.to_owned()));
        let discovery_url = maybe("discovery_url", &self.discovery_url)?;
        let issuer = self.issuer.as_deref().map(|i| variables.fill("issuer", i)).transpose()?;
        if issuer.is_none() && (discovery_url.is_some() || self.iss_required) {
            return wrong(
                "issuer",
                "is missing; what the provider says of itself is compared with it",
            );
        }
        let (authorize_url, token_url) =
            (maybe("authorize_url", &self.authorize_url)?, maybe("token_url", &self.token_url)?);
        if discovery_url.is_none() {
            let known = [
                ("authorize_url", authorize_url.is_some()),
                ("token_url", token_url.is_some()),
                ("device_url", !self.device || self.device_url.is_some()),
            ];
            if let Some((field, _)) = known.iter().find(|(_, known)| !known) {
                return wrong(field, "is missing, and so is discovery_url, which would tell it");
            }
        }
        if self.label.trim().is_empty() {
            return wrong("label", "is empty");
        }
        let jwks_url = maybe("jwks_url", &self.jwks_url)?;
        let identity_url = maybe("identity.url", &self.identity.url)?;
        match self.identity.source {
            IdentitySource::IdToken
                if issuer.is_none() || (jwks_url.is_none() && discovery_url.is_none()) =>
            {
                return wrong("identity.source", "needs issuer, and jwks_url or discovery_url");
            }
            IdentitySource::Userinfo if identity_url.is_none() && discovery_url.is_none() => {
                return wrong("identity.url", "is missing");
            }
            _ => {}
        }
        self.check_answers()?;
        let replay = match (self.replay, self.grace_seconds) {
            (ReplayClass::NonRevoking, None) => Replay::NonRevoking,
            (ReplayClass::Strict, None) => Replay::Strict,
            (ReplayClass::None, None) => Replay::None,
            (ReplayClass::Grace, Some(seconds)) => Replay::Grace(Duration::from_secs(seconds)),
            (ReplayClass::Grace, None) => return wrong("grace_seconds", "is missing"),
            (_, Some(_)) => return wrong("grace_seconds", "goes with replay = \"grace\" alone"),
        };
        let refresh_life = match (self.refresh_life, self.refresh_life_seconds) {
            (RefreshLifetime::Unknown, None) => RefreshLife::Unknown,
            (RefreshLifetime::Idle, Some(s)) => RefreshLife::Idle(Duration::from_secs(s)),
            (RefreshLifetime::Fixed, Some(s)) => RefreshLife::Fixed(Duration::from_secs(s)),
            (RefreshLifetime::Unknown, Some(_)) => {
                return wrong("refresh_life", "must be idle or fixed where there are seconds");
            }
            (_, None) => return wrong("refresh_life_seconds", "is missing"),
        };
        let base_url = url("base_url", &self.base_url)?;
        let mut hosts = vec![authority(&base_url)];
        for host in &self.hosts {
            let host = variables.fill("hosts", host)?;
            if host.is_empty() || host.contains(['/', '*', '@', ' ']) {
                return wrong("hosts", "holds what is no host");
            }
            hosts.push(host);
        }
        let revocation_url = maybe("revocation_url", &self.revocation_url)?;
        let revocable = match self.revokes {
            _ if revocation_url.is_none() && discovery_url.is_none() => Revocable::No,
            None if revocation_url.is_none() => Revocable::No,
            None | Some(RevocationScope::Grant) => Revocable::Grant,
            Some(RevocationScope::Account) => Revocable::Account,
        };
        Ok(Facts {
            authorize_url,
            token_url,
            device_url: maybe("device_url", &self.device_url)?,
            manage_url: maybe("manage_url", &self.manage_url)?,
            discovery_url,
            jwks_url,
            revocation_url,
            identity_url,
            base_url,
            issuer,
            hosts,
            replay,
            refresh_life,
            revocable,
            declared: self,
        })
    }

    /// Whether what is looked for in answers can be found there.
    fn check_answers(&self) -> Result<(), Wrong> {
        let wrong = |field: &str, problem: &str| Err((field.to_owned(), problem.to_owned()));
        let identity = &self.identity;
        let pointers = [
            ("identity.id", Some(&identity.id)),
            ("identity.within", identity.within.as_ref()),
            ("identity.name", identity.name.as_ref()),
            ("identity.username", identity.username.as_ref()),
            ("answers.token_at", self.answers.token_at.as_ref()),
        ];
        for (field, pointer) in pointers {
            if pointer.is_some_and(|pointer| !pointer.starts_with('/')) {
                return wrong(field, "is no JSON pointer, such as /user/id");
            }
        }
        for (theirs, ours) in &self.answers.errors {
            if crate::dictionary::standard_words(ours).is_none() {
                return wrong(&format!("answers.errors.{theirs}"), "stands for no standard error");
            }
        }
        Ok(())
    }
}

/// What the `{name}`s of a declaration stand for.
struct Variables(BTreeMap<String, String>);

impl Variables {
    fn new(
        declared: &BTreeMap<String, String>,
        given: &BTreeMap<String, String>,
    ) -> Result<Self, Wrong> {
        let mut all = declared.clone();
        for (name, value) in given {
            if !all.contains_key(name) {
                return Err((
                    format!("variables.{name}"),
                    "is none of the declaration's".to_owned(),
                ));
            }
            all.insert(name.clone(), value.clone());
        }
        for (name, value) in &all {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
            if value.is_empty() || !value.chars().all(plain) {
                let problem = "must be set to a host or a word";
                return Err((format!("variables.{name}"), problem.to_owned()));
            }
        }
        Ok(Self(all))
    }

    fn fill(&self, field: &str, text: &str) -> Result<String, Wrong> {
        let mut filled = text.to_owned();
        for (name, value) in &self.0 {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        if filled.contains(['{', '}']) {
            return Err((field.to_owned(), "names a variable that is not declared".to_owned()));
        }
        Ok(filled)
    }

    /// Secrets go over TLS, or stay on this machine.
    fn url(&self, field: &str, text: &str) -> Result<Url, Wrong> {
        let wrong = |problem: &str| (field.to_owned(), problem.to_owned());
        let url = Url::parse(&self.fill(field, text)?).map_err(|_| wrong("is no address"))?;
        sound(&url).map_err(wrong)?;
        Ok(url)
    }
}

/// Whether an address may be called, wherever it was read.
pub(super) fn sound(url: &Url) -> Result<(), &'static str> {
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return Err("must begin with https://");
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must hold neither a login nor a fragment");
    }
    Ok(())
}

/// `host`, with the port if it is not the scheme's own.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
