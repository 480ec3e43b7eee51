//! Load tester for Atelier: plays a host and thousands of participants over the public protocol, measures, and checks
//! that nothing is lost, doubled or out of order.
mod api;
mod balancer;
mod bench;
mod client;
mod connect;
mod crowd;
mod oracle;
mod process;
mod report;
mod scenario;
mod server;
mod stats;
mod wire;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::scenario::{
    Common, broadcast, contention,
    editors::{self, relay},
    idle, join_ramp,
    moving::{self, Farewell},
    storm, vote_burst,
};

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
    /// Everybody loses the line at the same moment.
    ReconnectStorm {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        load: storm::Load,
    },
    /// Nodes of our own behind a balancer; while everybody votes, one after the other is asked to stop.
    Rolling {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        load: moving::Load,
    },
    /// The same, but they are killed.
    NodeKill {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        load: moving::Load,
    },
    /// Commands on one session from several nodes at once, as fast as they are answered.
    Contention {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        load: contention::Load,
    },
    /// People type in shared documents on a server of our own; beside it the same over a bare relay.
    Editors(editors::Load),
    /// The fixed set with its own server, beside the floor of the same run.
    Bench(bench::Options),
    /// The floor's sender; started by `bench`.
    #[command(hide = true)]
    Floor(bench::floor::Options),
    /// The bare relay; started by `editors`.
    #[command(hide = true)]
    Relay,
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
        Scenario::ReconnectStorm { common, load } => (common.clone(), storm::run(&common, load).await?),
        Scenario::Rolling { common, load } => (common.clone(), moving::run(&common, &load, Farewell::Asked).await?),
        Scenario::NodeKill { common, load } => (common.clone(), moving::run(&common, &load, Farewell::Killed).await?),
        Scenario::Contention { common, load } => (common.clone(), contention::run(&common, load).await?),
        Scenario::Editors(load) => {
            let report = editors::run(&load).await?;
            report.print();
            if let Some(path) = &load.json {
                report.write_json(path)?;
            }
            return Ok(report.good());
        }
        Scenario::Relay => return relay::serve().await.map(|()| true),
        Scenario::Bench(options) => return bench::run(options).await,
        Scenario::Floor(options) => return bench::floor::send(&options).map(|()| true),
    };
    report.print();
    if let Some(path) = &common.json {
        report.write_json(path)?;
    }
    Ok(report.good())
}
