//! `/{tenant}/v2.0/adminconsent` and its older form: an administrator consents for everybody.

use std::collections::{BTreeSet, HashMap};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use evergrant::Request;
use evergrant_sandbox::Origin;
use url::Url;
use url::form_urlencoded::Serializer;

use super::aadsts::{Trace, Trouble};
use super::pages::{self, AdminConsent};
use super::reply::redirect;
use super::scopes::Scopes;
use super::world::{PASSWORD, TENANT_ID, Tenant};
use super::{MicrosoftAct, given, parameters, tenant};

/// The scope of the older endpoint, which has no parameter for it.
const EVERYTHING: &str = "https://graph.microsoft.com/.default";

/// A valid request for an administrator's consent.
struct Ask {
    client_id: String,
    target: Url,
    state: Option<String>,
    /// As it was asked for; the older endpoint does not repeat it.
    scope: Option<String>,
    permissions: BTreeSet<String>,
}

/// The page is asked for. With `prompt=none` and an administrator as `login_hint` nobody is asked;
/// `choice=no` declines.
pub(super) async fn page(
    State(act): State<MicrosoftAct>,
    Path(segment): Path<String>,
    OriginalUri(uri): OriginalUri,
    Extension(origin): Extension<Origin>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = parameters(query.unwrap_or_default().as_bytes());
    let ask = match act.read_admin_ask(&segment, uri.path(), &origin, &asked) {
        Ok(ask) => ask,
        Err(trouble) => return act.page_trouble(&trouble),
    };
    if given(&asked, "prompt") != Some("none") {
        return act.ask_admin(uri.path(), &ask, &asked, None);
    }
    match given(&asked, "login_hint") {
        None => ask.refuse(&Trouble::new(50_058)),
        Some(login) => act.settle(&ask, login, given(&asked, "choice") != Some("no")),
    }
}

/// The page was answered; it carries the request it belongs to.
pub(super) async fn answered(
    State(act): State<MicrosoftAct>,
    Path(segment): Path<String>,
    OriginalUri(uri): OriginalUri,
    Extension(origin): Extension<Origin>,
    body: Bytes,
) -> Response {
    let answer = parameters(&body);
    let ask = match act.read_admin_ask(&segment, uri.path(), &origin, &answer) {
        Ok(ask) => ask,
        Err(trouble) => return act.page_trouble(&trouble),
    };
    if given(&answer, "choice") == Some("no") {
        return ask.refuse(&Trouble::new(65_004));
    }
    let login = given(&answer, "login").unwrap_or_default();
    if given(&answer, "passwd") != Some(PASSWORD) || act.stage_world().user(login).is_none() {
        let wrong = "Your account or password is incorrect. (AADSTS50126)";
        return act.ask_admin(uri.path(), &ask, &answer, Some(wrong));
    }
    act.settle(&ask, login, true)
}

/// The answer of a scripted fault, if the request says where to send it.
pub(super) fn scripted(act: &MicrosoftAct, request: &Request, trouble: &Trouble) -> Response {
    let asked = parameters(request.uri().query().unwrap_or_default().as_bytes());
    let path = request.uri().path();
    let segment = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match act.read_admin_ask(segment, path, &Origin::of(request), &asked) {
        Ok(ask) if !trouble.is_page_only() => ask.refuse(trouble),
        _ => act.page_trouble(trouble),
    }
}

impl MicrosoftAct {
    fn read_admin_ask(
        &self,
        segment: &str,
        path: &str,
        origin: &Origin,
        asked: &HashMap<String, String>,
    ) -> Result<Ask, Trouble> {
        let is_v2 = path.ends_with("/v2.0/adminconsent");
        match tenant(segment)? {
            Tenant::Contoso | Tenant::Organizations => {}
            // The older endpoint takes the tenant of whoever signs in.
            Tenant::Common if !is_v2 => {}
            Tenant::Common | Tenant::Consumers => return Err(Trouble::new(50_059)),
        }
        let return_to = self.read_return(asked)?;
        let scope = if is_v2 {
            Some(given(asked, "scope").ok_or_else(|| Trouble::missing("scope"))?.to_owned())
        } else {
            None
        };
        let scopes = Scopes::parse(scope.as_deref().unwrap_or(EVERYTHING), origin)?;
        Ok(Ask {
            client_id: given(asked, "client_id").unwrap_or_default().to_owned(),
            target: return_to.target,
            state: return_to.state,
            scope,
            permissions: scopes.permissions,
        })
    }

    /// What somebody who has signed in says.
    fn settle(&self, ask: &Ask, login: &str, agrees: bool) -> Response {
        let mut world = self.stage_world();
        let Some(user) = world.user(login) else {
            return ask.refuse(&Trouble::new(50_058));
        };
        if !user.enabled {
            return ask.refuse(&Trouble::new(50_057));
        }
        if !user.is_admin {
            return ask.refuse(&Trouble::new(90_093));
        }
        if !agrees {
            return ask.refuse(&Trouble::new(65_004));
        }
        if let Some(registration) = world.registration_mut(&ask.client_id) {
            registration.admin_consent.extend(ask.permissions.iter().cloned());
        }
        ask.accept()
    }

    fn ask_admin(
        &self,
        action: &str,
        ask: &Ask,
        asked: &HashMap<String, String>,
        wrong: Option<&str>,
    ) -> Response {
        let world = self.stage_world();
        let app = world.registration(&ask.client_id).map_or("", |registration| registration.name);
        let carried = ["client_id", "redirect_uri", "state", "scope"];
        let login = given(asked, "login").or(given(asked, "login_hint")).unwrap_or_default();
        pages::admin_consent(&AdminConsent {
            action,
            app,
            permissions: &ask.permissions,
            carried: carried.map(|name| (name, given(asked, name).unwrap_or_default())),
            login,
            wrong,
        })
        .into_response()
    }

    fn page_trouble(&self, trouble: &Trouble) -> Response {
        let trace = Trace::of(&Request::default(), self.backstage());
        pages::trouble(trouble, &trace).into_response()
    }
}

impl Ask {
    fn accept(&self) -> Response {
        let mut fields = vec![("admin_consent", "True"), ("tenant", TENANT_ID)];
        fields.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        self.send(&fields)
    }

    /// `admin_consent` is `True` here, too.
    fn refuse(&self, trouble: &Trouble) -> Response {
        let error = match (&self.scope, trouble.code) {
            (None, _) => "permission_denied",
            (Some(_), 65_004) => "consent_required",
            (Some(_), _) => trouble.redirect_error(),
        };
        let description = trouble.short_description();
        self.send(&[
            ("admin_consent", "True"),
            ("error", error),
            ("error_description", &description),
        ])
    }

    fn send(&self, fields: &[(&str, &str)]) -> Response {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(fields);
        query.extend_pairs(self.state.iter().map(|state| ("state", state)));
        let separator = if self.target.query().is_some() { '&' } else { '?' };
        redirect(&format!("{}{separator}{}", self.target, query.finish()))
    }
}
