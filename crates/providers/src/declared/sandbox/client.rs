//! The clients of a provider, and how they prove who they are.

use std::collections::{BTreeMap, HashMap};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant_sandbox::{Assertion, ClientKey, Origin};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::given;
use super::provider::Provider;
use super::refusal::Refusal;

/// The ways to prove it, by the names of the registry of OAuth parameters.
pub(super) const METHODS: &[&str] =
    &["client_secret_post", "client_secret_basic", "private_key_jwt", "none"];
/// The one type of assertion there is (RFC 7523).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far a client's clock may be off, in seconds.
const SKEW: i64 = 60;

/// The registered clients by their ids.
#[derive(Debug)]
pub(super) struct Clients(BTreeMap<&'static str, Client>);

/// A registered client.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) secret: Option<String>,
    pub(super) keys: Vec<ClientKey>,
    /// The one way that is accepted. All that can be, if none is set.
    pub(super) method: Option<&'static str>,
}

impl Default for Clients {
    fn default() -> Self {
        let secret = Some("acme-secret".to_owned());
        let confidential = Client { secret, keys: Vec::new(), method: None };
        let public = Client { secret: None, keys: Vec::new(), method: Some("none") };
        Self(BTreeMap::from([("acme-client", confidential), ("acme-public", public)]))
    }
}

impl Clients {
    pub(super) fn get(&self, id: &str) -> Option<&Client> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Client> {
        self.0.get_mut(id)
    }

    /// All of them, for a person.
    pub(super) fn shown(&self) -> Value {
        let shown = self.0.iter().map(|(id, client)| {
            json!({
                "client_id": id,
                "client_secret": client.secret,
                "keys": client.keys.len(),
                "methods": METHODS.iter().filter(|method| client.accepts(method)).collect::<Vec<_>>(),
            })
        });
        shown.collect()
    }
}

impl Client {
    fn accepts(&self, method: &str) -> bool {
        match (self.method, method) {
            (Some(only), method) => only == method,
            (None, "client_secret_post" | "client_secret_basic") => self.secret.is_some(),
            (None, "private_key_jwt") => !self.keys.is_empty(),
            (None, _) => false,
        }
    }
}

/// What a request presents.
struct Presented {
    client_id: Option<String>,
    method: &'static str,
    value: String,
}

impl Provider {
    /// The id of the client that a request comes from.
    pub(super) fn authenticate(
        &self,
        form: &HashMap<String, String>,
        headers: &HeaderMap,
        origin: &Origin,
    ) -> Result<String, Refusal> {
        let presented = read(form, headers)?;
        let invalid = |description: &str| {
            let refusal = Refusal::new("invalid_client", description);
            if presented.method == "client_secret_basic" {
                refusal.challenging("Basic")
            } else {
                refusal
            }
        };
        let client_id = presented.client_id.ok_or_else(|| Refusal::missing("client_id"))?;
        let client = self.clients().get(&client_id).cloned();
        let client = client.ok_or_else(|| invalid("there is no such client"))?;
        if !client.accepts(presented.method) {
            let text = format!("the client is not registered for `{}`", presented.method);
            return Err(invalid(&text));
        }
        let value = &presented.value;
        match presented.method {
            "client_secret_post" | "client_secret_basic"
                if client.secret.as_ref() != Some(value) =>
            {
                Err(invalid("the client secret is wrong"))
            }
            "private_key_jwt" => {
                let audience = self.issuer(origin);
                check(value, &client_id, &client.keys, &audience, self.backstage.now())
                    .map_err(invalid)?;
                Ok(client_id)
            }
            _ => Ok(client_id),
        }
    }
}

/// What a request presents, in exactly one way.
fn read(form: &HashMap<String, String>, headers: &HeaderMap) -> Result<Presented, Refusal> {
    let in_form = given(form, "client_id").map(str::to_owned);
    let post = given(form, "client_secret");
    let assertion = given(form, "client_assertion");
    let basic = basic(headers);
    if [post.is_some(), assertion.is_some(), basic.is_some()].iter().filter(|is| **is).count() > 1 {
        return Err(Refusal::new(
            "invalid_request",
            "the client is to be authenticated in one way",
        ));
    }
    if let Some((client_id, secret)) = basic {
        let (client_id, value) = (Some(client_id), secret);
        return Ok(Presented { client_id, method: "client_secret_basic", value });
    }
    if let Some(token) = assertion {
        if given(form, "client_assertion_type") != Some(JWT_BEARER) {
            let text = format!("`client_assertion_type` must be `{JWT_BEARER}`");
            return Err(Refusal::new("invalid_request", &text));
        }
        let subject = || Assertion::read(token)?.claim("sub").map(str::to_owned);
        let client_id = in_form.or_else(subject);
        return Ok(Presented { client_id, method: "private_key_jwt", value: token.to_owned() });
    }
    let method = if post.is_some() { "client_secret_post" } else { "none" };
    Ok(Presented { client_id: in_form, method, value: post.unwrap_or_default().to_owned() })
}

/// Checks an assertion (RFC 7523, section 3); the error is what is wrong with it.
fn check(
    token: &str,
    client_id: &str,
    keys: &[ClientKey],
    issuer: &str,
    now: Timestamp,
) -> Result<(), &'static str> {
    let assertion = Assertion::read(token).ok_or("the assertion is not a signed token")?;
    if !keys.iter().any(|key| assertion.names(key) && assertion.is_signed_by(key)) {
        return Err("no registered key has signed the assertion");
    }
    if ["iss", "sub"].iter().any(|name| assertion.claim(name) != Some(client_id)) {
        return Err("issuer and subject of the assertion must be the client");
    }
    let endpoint = format!("{issuer}/token");
    if !assertion.audiences().iter().any(|audience| [issuer, endpoint.as_str()].contains(audience))
    {
        return Err("the audience of the assertion must be the issuer or its token endpoint");
    }
    let second = now.as_second();
    let has_begun = assertion.time("nbf").is_none_or(|at| at <= second.saturating_add(SKEW));
    let goes_on = assertion.time("exp").is_some_and(|at| at > second.saturating_sub(SKEW));
    if has_begun && goes_on { Ok(()) } else { Err("the assertion is not valid now") }
}

/// The client id and secret of a Basic header, each URL-encoded (RFC 6749, section 2.3.1).
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = decoded.split_once(':')?;
    let decode = |text: &str| {
        let mut pairs = url::form_urlencoded::parse(text.as_bytes());
        pairs.next().map(|(name, _)| name.into_owned()).unwrap_or_default()
    };
    Some((decode(client_id), decode(secret)))
}
