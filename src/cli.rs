//! The command line: each command is an arm that calls a function.
mod contract;
mod doctor;
mod health;

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::{
    config::{Config, Database},
    db::{embedded::Embedded, migrate},
    seed, server,
    server::Opened,
    telemetry,
};

/// A server for live workshops.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Settings are ATELIER_* environment variables or keys of the file; see README.md."
)]
struct Cli {
    /// A configuration file (TOML). The environment wins over it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve,
    /// Bring the database up to date, and end.
    Migrate,
    /// Make a demo organization with a session in every state, and print how to sign in.
    Seed,
    /// Write OpenAPI, AsyncAPI and the TypeScript types into the source tree.
    Contract(ContractArgs),
    /// Look at the configuration, the database and the address, and say what to do.
    Doctor,
    /// Ask the server that runs here how it is; the exit status is the answer.
    Health {
        /// What to ask.
        #[arg(value_enum, default_value = "ready")]
        question: health::Question,
    },
}

#[derive(Debug, Args)]
struct ContractArgs {
    /// Write nothing; fail if a file differs.
    #[arg(long)]
    check: bool,
    /// The root of the source tree.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    root: PathBuf,
}

/// Runs what the command line says.
pub async fn run() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let config = || Config::load(cli.config.as_deref());
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => server::serve(config()?).await,
        Command::Migrate => migrate(config()?).await,
        Command::Seed => seed(config()?).await,
        Command::Contract(args) if args.check => contract::check(&args.root),
        Command::Contract(args) => contract::write(&args.root),
        Command::Doctor => doctor::examine(config()).await,
        Command::Health { question } => health::ask(&config()?, question),
    }
}

async fn migrate(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config)?;
    match &config.database {
        Database::External { owner, .. } => migrate::run((**owner).clone()).await?,
        Database::Embedded => {
            let embedded = Embedded::start(&config.data_dir, config.pg_bin.as_deref()).await?;
            let migrated = migrate::run(embedded.owner_options()).await;
            embedded.stop().await;
            migrated?;
        }
    }
    tracing::info!("the database is up to date");
    Ok(())
}

async fn seed(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs(&config)?;
    let opened = Opened::open(&config)
        .await
        .context("cannot seed; if the server is running here, stop it, seed, and start it again")?;
    let seeded = seed::seed(&opened.db).await;
    opened.close().await;
    let seeded = seeded?;
    println!("  {} sessions; the running one has the code {}", seeded.sessions, seeded.running);
    println!("  Sign in at       {}/studio/login", config.base_url());
    println!("  with             {}   {}", seeded.email, seeded.password);
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        let cli = Cli::parse_from(["atelier", "contract", "--check", "--config", "x.toml"]);
        assert!(
            matches!(cli.command, Some(Command::Contract(ContractArgs { check: true, .. }))) && cli.config.is_some()
        );
        assert!(Cli::parse_from(["atelier"]).command.is_none());
    }
}
