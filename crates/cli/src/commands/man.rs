//! Manual pages, from the definitions that also parse the arguments.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap_mangen::Man;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder for a page per command; without it, evergrant's own page goes to stdout
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: Args, command: clap::Command) -> anyhow::Result<()> {
    let Some(folder) = args.out else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        return Ok(std::io::stdout().lock().write_all(&page)?);
    };
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| clap_mangen::generate_to(command.disable_help_subcommand(true), &folder));
    written.with_context(|| format!("cannot write the manual to {}", folder.display()))
}
