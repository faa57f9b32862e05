//! Which registration asks at the token endpoint, and how it proves that.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant_sandbox::{Assertion, ClientKey};
use url::Url;

use super::aadsts::Trouble;
use super::authorize::unknown_client;
use super::registration::{Proof, Registration, SecretRefusal};
use super::world::Tenant;
use super::{MicrosoftAct, given};

/// The one type of assertion there is.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far a client's clock may be off, in seconds.
const SKEW: i64 = 300;
/// Where an assertion may be meant for besides this origin: some clients know one host only.
const LOGIN_HOSTS: &[&str] = &[
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.windows.net",
    "sts.windows.net",
];

/// A client that has proved who it is.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) registration: Registration,
    pub(super) proof: Proof,
}

impl MicrosoftAct {
    /// Finds out who asks: by a secret in the form or in the header, by an assertion, or, for a
    /// public client, by its word.
    pub(super) fn authenticate(
        &self,
        form: &HashMap<String, String>,
        headers: &HeaderMap,
        host: &str,
    ) -> Result<Client, Trouble> {
        let assertion = given(form, "client_assertion");
        let (client_id, secret) = if let Some((client_id, secret)) = basic(headers) {
            (client_id, Some(secret))
        } else {
            let in_assertion = || Assertion::read(assertion?)?.claim("sub").map(str::to_owned);
            let in_form = given(form, "client_id").map(str::to_owned);
            let client_id =
                in_form.or_else(in_assertion).ok_or_else(|| Trouble::missing("client_id"))?;
            (client_id, given(form, "client_secret").map(str::to_owned))
        };
        let registration = self.stage_world().registration(&client_id).cloned();
        let registration = registration.ok_or_else(|| unknown_client(&client_id))?;
        let proof = match (assertion, secret) {
            (None, None) if registration.is_public() => Proof::None,
            (_, _) if registration.is_public() => return Err(Trouble::new(700_025)),
            (Some(assertion), _) => {
                if given(form, "client_assertion_type").is_some_and(|kind| kind != JWT_BEARER) {
                    let text =
                        format!("The value of 'client_assertion_type' must be '{JWT_BEARER}'.");
                    return Err(Trouble::new(90_023).saying(text));
                }
                self.check_assertion(&registration, assertion, host)?;
                Proof::Certificate
            }
            (None, None) => return Err(Trouble::new(7_000_218)),
            (None, Some(secret)) => {
                let checked = registration.check_secret(&secret, self.backstage().now());
                checked.map_err(|refusal| secret_trouble(refusal, &client_id))?;
                Proof::Secret
            }
        };
        Ok(Client { registration, proof })
    }

    fn check_assertion(
        &self,
        registration: &Registration,
        token: &str,
        host: &str,
    ) -> Result<(), Trouble> {
        let unknown_key = || Trouble::new(700_027);
        let assertion = Assertion::read(token).ok_or_else(unknown_key)?;
        let named = |key: &&ClientKey| assertion.names(key);
        let key = registration.certificates().iter().find(named).ok_or_else(unknown_key)?;
        if !assertion.is_signed_by(key) {
            return Err(Trouble::new(700_027).saying(
                "The certificate with identifier used to sign the client assertion is registered on \
                 application. [Reason - The key was found, but use of the key to verify the signature failed.]",
            ));
        }
        let client_id = registration.client_id;
        if ["iss", "sub"].iter().any(|name| assertion.claim(name) != Some(client_id)) {
            return Err(Trouble::new(50_012).saying(format!(
                "The client assertion is not valid: its issuer and its subject must be '{client_id}'."
            )));
        }
        if !assertion.audiences().iter().any(|audience| is_token_url(audience, host)) {
            return Err(Trouble::new(700_023));
        }
        let now = self.backstage().now();
        let second = now.as_second();
        let begins = assertion.time("nbf").or_else(|| assertion.time("iat"));
        let ends = assertion.time("exp");
        let is_now = begins.is_none_or(|at| at <= second.saturating_add(SKEW))
            && ends.is_some_and(|at| at > second.saturating_sub(SKEW));
        if !is_now {
            let told = |at: Option<i64>| at.map_or_else(|| "none".to_owned(), |at| at.to_string());
            return Err(Trouble::new(700_024).saying(format!(
                "Client assertion is not within its valid time range. Current time: {second}, assertion valid from \
                 {}, expiry time of assertion {}.",
                told(begins),
                told(ends),
            )));
        }
        if !key.is_valid_at(now) {
            return Err(Trouble::new(1_000_502));
        }
        Ok(())
    }
}

/// Whether an audience is a form of a tenant's token endpoint, here or at a host whose part is
/// played here.
fn is_token_url(audience: &str, host: &str) -> bool {
    let Ok(url) = Url::parse(audience) else {
        return false;
    };
    let name = url.host_str().unwrap_or_default();
    let bare = |host: &str| host.rsplit_once(':').map_or(host, |(bare, _)| bare).to_owned();
    let here = name.eq_ignore_ascii_case(&bare(host)) || LOGIN_HOSTS.contains(&name);
    let path = url.path().trim_matches('/');
    let (tenant, rest) = path.split_once('/').unwrap_or((path, ""));
    let is_endpoint = matches!(rest, "oauth2/v2.0/token" | "oauth2/token" | "v2.0" | "");
    here && is_endpoint && Tenant::parse(tenant).is_some()
}

fn secret_trouble(refusal: SecretRefusal, client_id: &str) -> Trouble {
    match refusal {
        SecretRefusal::Wrong => Trouble::new(7_000_215).saying(format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client \
             secret value, not the client secret ID, for a secret added to app '{client_id}'."
        )),
        SecretRefusal::Expired => Trouble::new(7_000_222).saying(format!(
            "The provided client secret keys for app '{client_id}' are expired. Visit the Azure portal to create \
             new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials \
             for added security: https://aka.ms/certCreds."
        )),
    }
}

/// The client id and secret of a Basic header, each URL-encoded as RFC 6749 says.
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client_id, secret) = decoded.split_once(':')?;
    Some((decode(client_id), decode(secret)))
}

fn decode(text: &str) -> String {
    // A name with an empty value decodes like any part of a form.
    url::form_urlencoded::parse(text.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::is_token_url;

    #[test]
    fn every_form_of_a_token_url_is_an_audience() {
        for good in [
            "https://localhost:8443/common/oauth2/v2.0/token",
            "https://localhost:8443/contoso.example/oauth2/v2.0/token",
            "https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
            "https://localhost/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
            "http://localhost:8410/common/oauth2/token/",
        ] {
            assert!(is_token_url(good, "localhost:8443"), "{good}");
        }
        for bad in [
            "",
            "sandbox",
            "https://evil.example/common/oauth2/v2.0/token",
            "https://localhost/x/y",
        ] {
            assert!(!is_token_url(bad, "localhost:8443"), "{bad}");
        }
    }
}
