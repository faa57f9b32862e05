use anyhow::Context;
use evergrant::UserId;
use evergrant_store::User;
use serde_json::{Value, json};

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
    /// List them
    List,
    /// Add one and print its id
    Add {
        /// A name that no other user has
        name: String,
    },
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let parts = Parts::of(settings).await?;
    match args.action.unwrap_or(Action::List) {
        Action::List => {
            let users = parts.store.users().await?;
            let list =
                users.iter().map(|user| json!({ "id": user.id, "name": user.name })).collect();
            let rows: Vec<_> =
                users.iter().map(|user| vec![user.id.to_string(), user.name.clone()]).collect();
            let none = "there is no user yet; add one with `evergrant users add NAME`";
            output.table(&Value::Array(list), &["ID", "NAME"], &rows, none)?;
        }
        Action::Add { name } => {
            let user = add(&parts, &name).await?;
            output.value(&json!({ "id": user.id, "name": user.name }), &user.id.to_string())?;
        }
    }
    parts.finish().await;
    Ok(())
}

/// Adds a user.
pub(crate) async fn add(parts: &Parts, name: &str) -> anyhow::Result<User> {
    let user = new(parts, name)?;
    store(parts, &user).await?;
    Ok(user)
}

/// A user who is still to be stored.
pub(crate) fn new(parts: &Parts, name: &str) -> anyhow::Result<User> {
    let name = name.trim();
    if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
        return Err(UsageError("a user's name has 1 to 200 visible characters".to_owned()).into());
    }
    if name.starts_with(UserId::PREFIX) {
        return Err(
            UsageError(format!("a user's name does not begin with {}", UserId::PREFIX)).into()
        );
    }
    Ok(User {
        id: UserId::new(&*parts.clock, &*parts.entropy),
        name: name.to_owned(),
        created_at: parts.clock.now(),
    })
}

/// Stores a new user, unless another one has the name.
pub(crate) async fn store(parts: &Parts, user: &User) -> anyhow::Result<()> {
    if !parts.store.add_user(user).await? {
        return Err(UsageError(format!("there is a user {} already", user.name)).into());
    }
    Ok(())
}

/// The user of this name.
pub(crate) async fn find(parts: &Parts, name: &str) -> anyhow::Result<User> {
    let user = parts.store.user_named(name).await.context("cannot read the users")?;
    user.ok_or_else(|| {
        UsageError(format!("there is no user {name}; add one with `evergrant users add {name}`"))
            .into()
    })
}
