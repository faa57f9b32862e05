//! Ending a grant at the provider (RFC 7009).

use evergrant::provider::{AuthError, Revocation};
use evergrant::{Grant, Transport};
use http::StatusCode;
use jiff::Timestamp;

use super::failure::Refusal;
use super::{Client, Endpoint, answer, unreadable};

impl Client {
    /// Revokes the refresh token, which ends the grant, then the access token, which may live on
    /// otherwise. `access_only` for servers that take nothing else.
    pub(crate) async fn revoke(
        &self,
        http: &dyn Transport,
        now: Timestamp,
        to: Endpoint<'_>,
        grant: &Grant,
        access_only: bool,
    ) -> Result<Revocation, AuthError> {
        let refresh = grant.refresh.as_ref().filter(|_| !access_only);
        let tokens = refresh
            .map(|token| (token, "refresh_token"))
            .into_iter()
            .chain([(&grant.access, "access_token")]);
        let mut revoked = Revocation::NotOffered;
        for (token, hint) in tokens {
            let form = [("token", token.expose()), ("token_type_hint", hint)];
            let done = self.with_credential(http, now, to, &form, |r| self.done(r)).await;
            match done {
                Ok(true) => revoked = Revocation::Revoked,
                Ok(false) => {}
                // The grant has ended; an access token that lives on dies by itself.
                Err(_) if revoked == Revocation::Revoked => {}
                Err(error) => return Err(error),
            }
        }
        Ok(revoked)
    }

    /// Whether an answer says that the token has ended; `false` if it cannot be ended here.
    fn done(&self, response: &evergrant::Response) -> Result<bool, Refusal> {
        let said = answer::parse(response.body());
        let theirs = said.as_ref().and_then(|said| said.get("error")?.as_str());
        let standard = |theirs| self.habits().errors.get(theirs).map_or(theirs, String::as_str);
        let error = theirs.map(standard);
        match error {
            Some("unsupported_token_type") => return Ok(false),
            // To revoke what has ended already is no error (section 2.2), though some say so.
            Some("invalid_token" | "invalid_grant") => return Ok(true),
            _ => {}
        }
        match response.status() {
            StatusCode::OK if error.is_some() => {}
            status if status.is_success() => return Ok(true),
            _ => {}
        }
        match answer::whole(response, self.habits()) {
            Err(refusal) => Err(refusal),
            Ok(_) => Err(unreadable(response.status(), None).into()),
        }
    }
}
