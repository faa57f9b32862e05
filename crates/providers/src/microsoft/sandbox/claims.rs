//! The `claims` parameter: what a client can handle, and what it was told to bring.

use evergrant_sandbox::Backstage;
use serde_json::Value;

use super::aadsts::Trouble;
use super::world::User;

/// The bounds of an access token's lifetime in seconds, and where revocation reaches it anyway.
const SHORT: (u64, u64) = (3_600, 5_400);
const LONG: (u64, u64) = (72_000, 100_800);

/// What a `claims` parameter says.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Claims {
    /// Whether the client can handle a claims challenge.
    pub(super) capable: bool,
    /// Whether it presents the claims of a challenge.
    presented: bool,
    /// The time from which on a token must be new.
    not_before: Option<i64>,
}

impl Claims {
    /// Reads the parameter; members for other tokens are nothing to us.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Trouble> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        let claims: Value = serde_json::from_str(text).map_err(|_| {
            Trouble::new(90_013)
                .saying("Invalid input received from the user: 'claims' is not JSON.")
        })?;
        let Some(asked) = claims.get("access_token").and_then(Value::as_object) else {
            return Ok(Self::default());
        };
        let value_of = |name: &str| asked.get(name).and_then(|claim| claim.get("value"));
        let capabilities = asked.get("xms_cc");
        let listed = capabilities.and_then(|claim| claim.get("values")).and_then(Value::as_array);
        let capable = |value: &Value| value.as_str().is_some_and(|v| v.eq_ignore_ascii_case("cp1"));
        let seconds = |value: &Value| match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_i64(),
        };
        Ok(Self {
            capable: listed.is_some_and(|values| values.iter().any(capable)),
            presented: asked.keys().any(|name| name != "xms_cc"),
            not_before: value_of("nbf").and_then(seconds),
        })
    }

    /// The level of challenges that a refresh with these claims has met, after one that had met
    /// `before`; refused, if the user has to come along.
    pub(super) fn meet(&self, user: &User, before: u64) -> Result<u64, Trouble> {
        if let Some(demand) = user.demand.filter(|_| self.presented) {
            let trouble = Trouble::new(demand.aadsts).with_claims();
            return Err(match demand.error {
                Some(error) => trouble.with_error(error),
                None => trouble,
            });
        }
        let challenge = user.challenge;
        let met = self.not_before.is_some_and(|from| from >= challenge.not_before);
        Ok(if met { challenge.level } else { before })
    }
}

/// How long an access token lives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    pub(super) access: std::time::Duration,
    /// When a client had better refresh, if that is told.
    pub(super) refresh_in: Option<u64>,
}

impl Lifetime {
    /// The lifetime of the next token: long for clients that can be challenged.
    pub(super) fn draw(backstage: &Backstage, capable: bool) -> Self {
        let (least, most) = if capable { LONG } else { SHORT };
        let drawn = backstage.seconds_between(least, most);
        match backstage.access_ttl() {
            Some(access) => Self { access, refresh_in: None },
            None => Self { access: drawn, refresh_in: capable.then_some(drawn.as_secs() / 2) },
        }
    }
}
