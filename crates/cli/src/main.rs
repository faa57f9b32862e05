//! The binary `evergrant`: server, sandbox and command line. The only place that sees every crate.

mod commands;
mod compose;
mod credentials;
#[cfg(test)]
mod failures;
mod observe;
mod output;
mod registrations;
mod settings;
mod terminal;
mod traces;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use output::{OperatorError, Output, Run, UsageError, exit_code};
use settings::Settings;
use traces::Traces;

/// A server allocates little and often; this allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Keeps the access that users grant to applications alive, and makes it useful.
#[derive(Parser)]
#[command(name = "evergrant", version, max_term_width = 100)]
struct Cli {
    /// The configuration file; evergrant.toml unless given.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what it does: sandbox, server, and the main job before your eyes
    Demo(commands::demo::Args),
    /// Run the server
    Serve(commands::serve::Args),
    /// Run the providers' sandbox alone
    Sandbox(commands::sandbox::Args),
    /// Connect an account from this terminal
    Connect(commands::connect::Args),
    /// Connect an account by a refresh token from elsewhere; reads the token from stdin
    Import(commands::import::Args),
    /// Print the page where an administrator agrees for their organisation, alone on stdout
    Consent(commands::consent::Args),
    /// List the connected accounts
    Integrations(commands::integrations::Args),
    /// Print a valid access token, alone on stdout
    Token(commands::token::Args),
    /// Make one call to the provider, with a valid token
    Call(commands::call::Args),
    /// Copy a connected account's calendar and mailbox now
    Sync(commands::sync::Args),
    /// Read and write a connected account's calendar
    Calendar(commands::calendar::Args),
    /// Read and write a connected account's mail
    Mail(commands::mail::Args),
    /// Create an online meeting; prints its link, id and passcode
    Meet(commands::meet::Args),
    /// Show, change or cancel an online meeting
    Meetings(commands::meetings::Args),
    /// Read markets and deal in a connected IG account
    Ig(commands::ig::Args),
    /// End a connection
    Disconnect(commands::disconnect::Args),
    /// List or add users
    Users(commands::users::Args),
    /// List, create or revoke access keys
    Keys(commands::keys::Args),
    /// Bring the database's schema up to date
    Migrate,
    /// Say what is wrong, and who can mend it
    Doctor(commands::doctor::Args),
    /// Print completions for a shell
    Completions(commands::completions::Args),
    /// Print the manual page, or write one per command
    Man(commands::man::Args),
    /// Make a copied database the one that is used
    Adopt(commands::adopt::Args),
    /// Show, exchange or make encryption keys
    Encryption(commands::encryption::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match Box::pin(run(cli, output)).await {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            exit_code(&error)
        }
    }
}

async fn run(cli: Cli, output: Output) -> anyhow::Result<ExitCode> {
    // These say what the program is, however it is configured.
    match cli.command {
        Command::Completions(args) => commands::completions::run(&args, Cli::command())?,
        Command::Man(args) => commands::man::run(args, Cli::command())?,
        Command::Encryption(args) if args.generates() => commands::encryption::generate(output)?,
        // Boxed: what the commands keep is large together.
        command => return Box::pin(configured(command, cli.config.as_deref(), output)).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn configured(
    command: Command,
    config: Option<&Path>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let settings = Settings::read(config).map_err(|error| {
        if error.is::<OperatorError>() { error } else { UsageError(format!("{error:#}")).into() }
    })?;
    let run = match command {
        Command::Serve(_) | Command::Sandbox(_) => Run::Long,
        Command::Demo(_) => Run::Show,
        _ => Run::Short,
    };
    let traces = match command {
        Command::Serve(_) => Traces::begin(&settings)?,
        _ => Traces::none(),
    };
    output::log_to_stderr(&settings.log, run, &traces);
    let done = perform(command, settings, output).await;
    traces.finish().await;
    done
}

async fn perform(command: Command, settings: Settings, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(args) => return commands::demo::run(settings, output, args).await,
        Command::Doctor(args) => return commands::doctor::run(settings, output, args).await,
        Command::Call(args) => return commands::call::run(settings, args).await,
        Command::Ig(args) => return commands::ig::run(settings, output, args).await,
        Command::Sync(args) => return commands::sync::run(settings, output, args).await,
        Command::Serve(args) => commands::serve::run(settings, output, args).await?,
        Command::Sandbox(args) => commands::sandbox::run(settings, output, args).await?,
        Command::Connect(args) => commands::connect::run(settings, output, args).await?,
        Command::Import(args) => commands::import::run(settings, output, args).await?,
        Command::Consent(args) => commands::consent::run(settings, output, args).await?,
        Command::Integrations(args) => commands::integrations::run(settings, output, args).await?,
        Command::Token(args) => commands::token::run(settings, output, args).await?,
        Command::Calendar(args) => commands::calendar::run(settings, output, args).await?,
        Command::Mail(args) => commands::mail::run(settings, output, args).await?,
        Command::Meet(args) => commands::meet::run(settings, output, args).await?,
        Command::Meetings(args) => commands::meetings::run(settings, output, args).await?,
        Command::Disconnect(args) => commands::disconnect::run(settings, output, args).await?,
        Command::Users(args) => commands::users::run(settings, output, args).await?,
        Command::Keys(args) => commands::keys::run(settings, output, args).await?,
        Command::Migrate => commands::migrate::run(settings, output).await?,
        Command::Completions(_) | Command::Man(_) => {}
        Command::Adopt(args) => commands::adopt::run(settings, output, args).await?,
        Command::Encryption(args) => {
            return commands::encryption::run(settings, output, &args).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}
