//! Commands on one session from several nodes at once: each voter votes again as soon as the last vote is answered.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clap::Args;
use futures_util::future::join_all;
use serde_json::json;

use super::{Common, HOST, Scene, vote_burst};
use crate::{
    client::Outcome,
    oracle::Ballots,
    report::{Report, progress, to_f64},
    wire::fresh_id,
};

/// How long.
#[derive(Debug, Clone, Copy, Args)]
pub struct Load {
    /// Seconds.
    #[arg(long, default_value_t = 10.0)]
    pub duration: f64,
}

/// Counters of the server with these words in their names are shown.
const TELLING: [&str; 6] = ["overtaken", "late", "optimistic", "locked", "failures", "retries"];

/// One voter until the time is over: how many votes were acknowledged, the last of them, and how many were not.
async fn vote_on(
    scene: &Scene,
    voter: usize,
    poll: &str,
    options: &[String],
    until: Instant,
) -> (u64, Option<usize>, u64) {
    let (mut acked, mut last, mut failed) = (0, None, 0);
    let mut turn = voter;
    while Instant::now() < until {
        let option = turn % options.len();
        let vote = json!({ "vote": { "poll": poll, "choice": { "options": [options[option]] } } });
        match scene.crowd.ask(voter, vote).await {
            Ok(Outcome::Acked(_)) => {
                acked += 1;
                last = Some(option);
            }
            Ok(Outcome::Refused(_)) | Err(_) => failed += 1,
        }
        turn += 1;
        progress(|| format!("{} acknowledged", scene.crowd.stats.counts().acked));
    }
    (acked, last, failed)
}

/// The scenario.
pub async fn run(common: &Common, load: Load) -> anyhow::Result<Report> {
    let mut scene = Scene::open(common, "Load test: contention").await?;
    let seats = scene.join(common).await?;
    scene.connect(&seats).await?;
    let (poll, options): (String, Vec<String>) = (fresh_id(), (0..vote_burst::OPTIONS).map(|_| fresh_id()).collect());
    vote_burst::open(&scene.crowd, &poll, &options).await?;
    scene.crowd.stats.take_ack();
    let before = scene.api.metrics().await?;
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(load.duration.max(0.0));
    let votes = join_all((1..=seats.len()).map(|voter| vote_on(&scene, voter, &poll, &options, until))).await;
    let took = begun.elapsed();
    let after = scene.api.metrics().await?;
    let mut ballots = Ballots { acked: vec![0; options.len()], unknown: 0 };
    votes.iter().filter_map(|(_, last, _)| *last).for_each(|option| ballots.acked[option] += 1);
    ballots.unknown = votes.iter().map(|(_, _, failed)| failed).sum();
    let acked: u64 = votes.iter().map(|(acked, _, _)| acked).sum();
    scene.crowd.must(HOST, json!({ "closePoll": { "poll": poll } })).await?;
    let (counted, by) = scene.api.tally(&scene.session.id, &poll).await?;

    let mut report = Report::new(format!("contention: {} voters on {} nodes", seats.len(), common.url.len()));
    report.fact("acked", "votes acknowledged", acked, format!("{acked} in {:.2} s", took.as_secs_f64()));
    report.number("ackedPerSecond", "that is", to_f64(acked) / took.as_secs_f64(), "votes/s");
    let grown = |name: &str| after.get(name).copied().unwrap_or(0.0) - before.get(name).copied().unwrap_or(0.0);
    let transactions = grown("atelier_live_batch_commands_count");
    report.number("transactions", "transactions (from /metrics)", transactions, "");
    let commands = grown("atelier_live_batch_commands_sum") / transactions.max(1.0);
    report.number("commandsPerTransaction", "commands per transaction", commands, "");
    for name in after.keys().filter(|name| name.starts_with("atelier_live_") && !name.contains("_bucket")) {
        if TELLING.iter().any(|word| name.contains(word)) {
            report.number(name, name.trim_start_matches("atelier_live_"), grown(name), "");
        }
    }
    report.latency("ack", "sent → durable ack", scene.crowd.stats.take_ack());
    scene.counts(&mut report);
    report.faults(ballots.check(&counted, by));
    if ballots.unknown > 0 {
        report.problem(format!("{} votes were refused or never answered", ballots.unknown));
    }
    let head = scene.crowd.head();
    let (faults, _) = scene.crowd.finish(head, &BTreeMap::new()).await?;
    report.faults(faults);
    Ok(report)
}
