use std::io::{BufRead as _, IsTerminal as _, Write as _};

use evergrant::store::GrantStore as _;
use serde_json::json;

use crate::compose::{Ambient, open_store};
use crate::output::{Output, UsageError};
use crate::settings::Settings;

/// What whoever adopts must know before they do.
const MEANING: &str = "\
This database is a copy of another one. Adopting makes it the one that is used: from then on it
refreshes its grants at the providers. Whatever uses the original must be stopped before, and must not
be started again: what one of them refreshes the other loses, and its users must connect again.";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Do not ask: whatever uses the original has been stopped
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(settings: Settings, output: Output, args: Args) -> anyhow::Result<()> {
    let store = open_store(&settings, &Ambient::default().clock).await?;
    store.migrate().await?;
    if !store.is_copy().await? {
        let name = store.deployment().await?;
        store.close().await;
        let text = format!("this database is no copy; its name is {name}");
        return output.value(&json!({ "adopted": false, "name": name }), &text);
    }
    if !args.yes {
        confirmed(output)?;
    }
    let before = store.deployment().await?;
    store.adopt().await?;
    let name = store.deployment().await?;
    store.close().await;
    let text = format!("adopted; its name is {name}, and was {before}");
    output.value(&json!({ "adopted": true, "name": name, "before": before }), &text)
}

/// Asks on the terminal; without one nobody can be asked.
fn confirmed(output: Output) -> anyhow::Result<()> {
    output.note(MEANING);
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let why = "nobody can be asked here; if the original is out of use, add --yes";
        return Err(UsageError(why.to_owned()).into());
    }
    let mut terminal = std::io::stderr().lock();
    write!(terminal, "Is the original out of use? Type yes: ")?;
    terminal.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(UsageError("nothing was changed".to_owned()).into())
}
