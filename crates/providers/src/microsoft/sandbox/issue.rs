//! What the token endpoint answers with, once everything about the grant has been checked.

use evergrant_sandbox::{Event, Grant, Kind, TokenEntry};
use serde_json::{Map, Value, json};

use super::aadsts::Trouble;
use super::claims::Lifetime;
use super::mint::{self, Subject};
use super::scopes::Scopes;
use super::token::Call;
use super::world::Tenant;
use super::{Memo, MicrosoftAct, given};

impl MicrosoftAct {
    /// The answer for a user.
    pub(super) fn tokens(
        &self,
        call: &Call<'_>,
        grant: &Grant<Memo>,
        capable: bool,
        refresh_token: Option<String>,
        nonce: Option<&str>,
    ) -> Result<Value, Trouble> {
        let (user, consented, world) = {
            let world = self.stage_world();
            let consented = world.consented(&grant.client, &grant.account);
            (world.user(&grant.account).cloned(), consented, world.id.clone())
        };
        let user = user.ok_or_else(|| Trouble::new(50_034))?;
        let scopes = &grant.memo.scopes;
        let subject = Subject {
            user: &user,
            registration: &call.client.registration,
            proof: call.client.proof,
            scopes,
            consented: &consented,
            world: &world,
            capable,
            met: grant.memo.met,
        };
        let lifetime = Lifetime::draw(self.backstage(), capable);
        let (access_token, id) =
            subject.access_token(self.keys(), self.backstage(), lifetime.access);
        self.record_access(id, call, Some(grant));
        let mut body = Map::new();
        body.insert("token_type".to_owned(), json!("Bearer"));
        body.insert("scope".to_owned(), json!(scopes.granted(&consented)));
        put_lifetime(&mut body, lifetime);
        body.insert("access_token".to_owned(), json!(access_token));
        if let Some(refresh_token) = refresh_token {
            body.insert("refresh_token".to_owned(), json!(refresh_token));
        }
        if scopes.openid {
            let id_token = subject.id_token(self.keys(), self.backstage(), call.origin, nonce);
            body.insert("id_token".to_owned(), json!(id_token));
        }
        if given(call.form, "client_info") == Some("1") {
            body.insert("client_info".to_owned(), json!(mint::client_info(&user)));
        }
        if let Some(seconds) = lifetime.refresh_in {
            body.insert("refresh_in".to_owned(), json!(seconds));
        }
        Ok(Value::Object(body))
    }

    /// The answer for an application without a user: nothing but an access token, in one tenant
    /// and for everything the application was granted at one resource.
    pub(super) fn app_token(&self, call: &Call<'_>) -> Result<Value, Trouble> {
        if call.client.registration.is_public() {
            return Err(Trouble::new(7_000_218));
        }
        if call.tenant != Tenant::Contoso {
            return Err(Trouble::new(9_001_023));
        }
        let text = given(call.form, "scope").ok_or_else(|| Trouble::missing("scope"))?;
        Scopes::parse(text, call.origin)?.for_an_application(text)?;
        let world = self.stage_world().id.clone();
        let capable = call.claims.capable;
        let lifetime = Lifetime::draw(self.backstage(), capable);
        let (access_token, id) = mint::app_token(
            self.keys(),
            self.backstage(),
            &call.client,
            &world,
            lifetime.access,
            capable,
        );
        self.record_access(id, call, None);
        let mut body = Map::new();
        body.insert("token_type".to_owned(), json!("Bearer"));
        put_lifetime(&mut body, lifetime);
        body.insert("access_token".to_owned(), json!(access_token));
        if let Some(seconds) = lifetime.refresh_in {
            body.insert("refresh_in".to_owned(), json!(seconds));
        }
        Ok(Value::Object(body))
    }

    /// Refuses scopes that the user has not consented to, or not any more. To whom anything was
    /// granted, `.default` stands for just that.
    pub(super) fn consented(
        &self,
        account: &str,
        call: &Call<'_>,
        scopes: Option<&Scopes>,
    ) -> Result<(), Trouble> {
        let (client_id, name) = (call.client_id(), call.client.registration.name);
        let consented = self.stage_world().consented(client_id, account);
        let granted = |scopes: &Scopes| {
            scopes.permissions.is_subset(&consented) || (scopes.default && !consented.is_empty())
        };
        if scopes.is_none_or(granted) {
            return Ok(());
        }
        Err(Trouble::new(65_001).saying(format!(
            "The user or administrator has not consented to use the application with ID '{client_id}' named \
             '{name}'. Send an interactive authorization request for this user and resource."
        )))
    }

    fn record_access(&self, id: String, call: &Call<'_>, grant: Option<&Grant<Memo>>) {
        self.backstage().ledger().record(TokenEntry {
            at: self.backstage().now(),
            event: Event::Issued,
            kind: Kind::Access,
            token: Some(id),
            client: Some(call.client_id().to_owned()),
            account: grant.map(|grant| grant.account.clone()),
            grant: grant.map(|grant| grant.id.clone()),
            generation: None,
            why: None,
        });
    }
}

fn put_lifetime(body: &mut Map<String, Value>, lifetime: Lifetime) {
    for name in ["expires_in", "ext_expires_in"] {
        body.insert(name.to_owned(), json!(lifetime.access.as_secs()));
    }
}
