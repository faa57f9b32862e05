//! `/me`, `/users/{id}` and `/oidc/userinfo`.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::MicrosoftAct;
use super::super::mint::{GRAPH_ID, pairwise};
use super::super::world::{TENANT_DOMAIN, TENANT_ID, User};
use super::call::Call;
use super::reply::Denied;

/// What comes without `$select`, in this order.
const DEFAULT: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

impl MicrosoftAct {
    /// The user with this name or id, as far as the caller may see it.
    pub(super) fn show_user(&self, key: &str, call: &Call) -> Result<Value, Denied> {
        let key = if key == "me-token-to-replace" { &call.caller.oid } else { key };
        let user = self.stage_world().user(key).cloned().ok_or_else(|| {
            let message = format!(
                "Resource '{key}' does not exist or one of its queried reference-property objects are not present."
            );
            Denied::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
        })?;
        if call.caller.is_app {
            call.require(&["User.Read.All"])?;
        } else if user.oid == call.caller.oid {
            call.require(&["User.Read", "User.ReadWrite", "User.ReadBasic.All"])?;
        } else {
            call.require(&["User.ReadBasic.All"])?;
        }
        let all = properties(&user);
        let selected = call.options.get("select");
        let names: Vec<_> = match &selected {
            Some(selected) => selected.split(',').map(str::trim).collect(),
            None => DEFAULT.to_vec(),
        };
        let fields = selected.as_ref().map(|selected| format!("({selected})")).unwrap_or_default();
        let context = format!("{}/{}/$metadata#users{fields}/$entity", call.origin, call.version);
        let mut body = Map::new();
        body.insert("@odata.context".to_owned(), json!(context));
        for name in names {
            let found = all.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            let (known, value) = found.ok_or_else(|| {
                let message = format!(
                    "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type \
                     'microsoft.graph.user'."
                );
                Denied::new(StatusCode::BAD_REQUEST, "BadRequest", message)
            })?;
            body.insert((*known).to_owned(), value.clone());
        }
        Ok(Value::Object(body))
    }

    /// Ends all sessions of the caller. The contract names no permission for it; the one to read
    /// the own account is asked for.
    pub(super) fn revoke(&self, call: &Call) -> Result<Value, Denied> {
        call.require(&["User.Read", "User.ReadWrite"])?;
        self.revoke_sessions(&call.caller.oid);
        let context = format!("{}/{}/$metadata#Edm.Boolean", call.origin, call.version);
        Ok(json!({ "@odata.context": context, "value": true }))
    }

    /// What `OpenID` Connect says of the caller.
    pub(super) fn userinfo(&self, call: &Call) -> Result<Value, Denied> {
        call.require(&["openid"])?;
        let user = self.stage_world().user(&call.caller.oid).cloned();
        let user = user.ok_or_else(Denied::privileges)?;
        Ok(json!({
            "sub": pairwise(GRAPH_ID, user.oid),
            "name": user.display_name,
            "family_name": user.surname,
            "given_name": user.given_name,
            "picture": format!("{}/v1.0/me/photo/$value", call.origin),
            "email": user.upn,
        }))
    }
}

/// The one tenant, as a list.
pub(super) fn organizations(call: &Call) -> Result<Value, Denied> {
    let organization = organization(TENANT_ID, call)?;
    let context = format!("{}/{}/$metadata#organization", call.origin, call.version);
    Ok(json!({ "@odata.context": context, "value": [organization] }))
}

/// The tenant with this id.
pub(super) fn organization(id: &str, call: &Call) -> Result<Value, Denied> {
    call.require(&["Organization.Read.All", "User.Read"])?;
    if !id.eq_ignore_ascii_case(TENANT_ID) {
        let message = format!("Resource '{id}' does not exist.");
        return Err(Denied::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message));
    }
    Ok(json!({
        "id": TENANT_ID,
        "displayName": "Contoso",
        "verifiedDomains": [{ "name": TENANT_DOMAIN, "isDefault": true, "isInitial": true }],
    }))
}

fn properties(user: &User) -> [(&'static str, Value); 12] {
    [
        ("businessPhones", json!(["+1 425 555 0109"])),
        ("displayName", json!(user.display_name)),
        ("givenName", json!(user.given_name)),
        ("jobTitle", json!(user.job_title)),
        ("mail", json!(user.upn)),
        ("mobilePhone", Value::Null),
        ("officeLocation", json!("18/2111")),
        ("preferredLanguage", json!("en-US")),
        ("surname", json!(user.surname)),
        ("userPrincipalName", json!(user.upn)),
        ("id", json!(user.oid)),
        ("accountEnabled", json!(user.enabled)),
    ]
}
