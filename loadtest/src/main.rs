//! Load tester for Atelier: plays a host and thousands of participants over the public protocol, measures, and checks
//! that nothing is lost, doubled or out of order.
mod api;
mod bench;
mod client;
mod connect;
mod crowd;
mod oracle;
mod process;
mod report;
mod scenario;
mod stats;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::scenario::{Common, broadcast, idle, join_ramp, vote_burst};

#[derive(Debug, Parser)]
#[command(name = "loadtest", about, version)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// The host changes what everybody sees, on a schedule.
    Broadcast {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        load: broadcast::Load,
    },
    /// Everybody votes within a few seconds.
    VoteBurst {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        load: vote_burst::Load,
    },
    /// Everybody joins within a few seconds.
    JoinRamp {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        load: join_ramp::Load,
    },
    /// Many sockets on which nothing happens.
    Idle {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        load: idle::Load,
    },
    /// The fixed set with its own server, beside the floor of the same run.
    Bench(bench::Options),
    /// The floor's sender; started by `bench`.
    #[command(hide = true)]
    Floor(bench::floor::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.scenario).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::progress_done();
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(scenario: Scenario) -> anyhow::Result<bool> {
    let (common, report) = match scenario {
        Scenario::Broadcast { common, load } => (common.clone(), broadcast::run(&common, load).await?),
        Scenario::VoteBurst { common, load } => (common.clone(), vote_burst::run(&common, load).await?),
        Scenario::JoinRamp { common, load } => (common.clone(), join_ramp::run(&common, load).await?),
        Scenario::Idle { common, load } => (common.clone(), idle::run(&common, load).await?),
        Scenario::Bench(options) => return bench::run(options).await,
        Scenario::Floor(options) => return bench::floor::send(&options).map(|()| true),
    };
    report.print();
    if let Some(path) = &common.json {
        report.write_json(path)?;
    }
    Ok(report.good())
}
