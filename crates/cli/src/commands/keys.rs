use evergrant_server::principal::{Permission, new_key};
use evergrant_store::{AccessKeyId, Holder};
use serde_json::{Value, json};

use crate::commands::users;
use crate::compose::Parts;
use crate::output::{Output, UsageError};
use crate::settings::Settings;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// List them; the keys themselves are not kept
    List,
    /// Make one and print it, alone on stdout; it is shown this once
    Create(Create),
    /// Make one useless
    Revoke {
        /// Its id, key_…
        id: AccessKeyId,
    },
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("holder").required(true))]
struct Create {
    /// A key of this user, for what is theirs
    #[arg(long, value_name = "NAME", group = "holder")]
    user: Option<String>,
    /// A key of a program that acts for users, which it names in `Evergrant-User`
    #[arg(long, value_name = "NAME", group = "holder", requires = "allow")]
    service: Option<String>,
    /// What it may do; a user's key may do `all` unless given; `markets:trade`,
    /// `applications:connect` and `operations:read` are not among all
    #[arg(long, value_name = "PERMISSION", num_args = 1.., value_delimiter = ',', value_parser = permission)]
    allow: Vec<Vec<Permission>>,
}

/// A permission by its name, or all the usual ones.
fn permission(name: &str) -> Result<Vec<Permission>, String> {
    if name == "all" {
        return Ok(Permission::USUAL.to_vec());
    }
    let found = Permission::ALL.into_iter().find(|permission| permission.name() == name);
    found.map(|permission| vec![permission]).ok_or_else(|| {
        let names: Vec<_> = Permission::ALL.iter().map(|permission| permission.name()).collect();
        format!("there are {}, and all, which is those but the last three", names.join(", "))
    })
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    match args.action.unwrap_or(Action::List) {
        Action::List => list(&parts, output).await?,
        Action::Create(create) => {
            let holder = match (&create.user, &create.service) {
                (Some(name), _) => Holder::User(users::find(&parts, name).await?.id),
                (None, Some(service)) => Holder::Service(service.clone()),
                (None, None) => {
                    return Err(UsageError("give --user or --service".to_owned()).into());
                }
            };
            let asked: Vec<_> = create.allow.into_iter().flatten().collect();
            let allowed = if asked.is_empty() { &Permission::USUAL[..] } else { &asked };
            let (key, text) = new_key(&*parts.clock, &*parts.entropy, holder, allowed);
            parts.store.add_key(&key).await?;
            let body =
                json!({ "id": key.id, "key": text.expose(), "permissions": key.permissions });
            output.value(&body, text.expose())?;
        }
        Action::Revoke { id } => {
            if !parts.store.revoke_key(id, parts.clock.now()).await? {
                anyhow::bail!("there is no key {id} in force");
            }
            output.value(&json!({ "id": id, "revoked": true }), &format!("revoked {id}"))?;
        }
    }
    parts.finish().await;
    Ok(())
}

/// Permissions in few words, as `--allow` takes them.
fn short(permissions: &[String]) -> String {
    let usual = Permission::USUAL.map(Permission::name);
    if !usual.iter().all(|name| permissions.iter().any(|has| has == name)) {
        return permissions.join(" ");
    }
    let more = permissions.iter().map(String::as_str).filter(|has| !usual.contains(has));
    std::iter::once("all").chain(more).collect::<Vec<_>>().join(" ")
}

async fn list(parts: &Parts, output: Output) -> anyhow::Result<()> {
    let users = parts.store.users().await?;
    let (mut rows, mut entries) = (Vec::new(), Vec::new());
    for key in parts.store.keys().await? {
        let (kind, holder) = match &key.holder {
            Holder::User(id) => {
                let name = users.iter().find(|user| user.id == *id).map(|user| user.name.clone());
                ("user", name.unwrap_or_else(|| id.to_string()))
            }
            Holder::Service(name) => ("service", name.clone()),
        };
        let state = if key.revoked_at.is_some() { "revoked" } else { "active" };
        entries.push(json!({
            "id": key.id, kind: holder, "permissions": key.permissions, "created_at": key.created_at,
            "expires_at": key.expires_at, "revoked_at": key.revoked_at,
        }));
        rows.push(vec![
            key.id.to_string(),
            format!("{kind} {holder}"),
            short(&key.permissions),
            state.to_owned(),
        ]);
    }
    output.table(
        &Value::Array(entries),
        &["ID", "HOLDER", "PERMISSIONS", "STATE"],
        &rows,
        "there is no key yet; make one with `evergrant keys create --user NAME`",
    )
}
