//! Everybody votes within a few seconds.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::json;
use tokio::{
    sync::oneshot,
    time::{sleep_until, timeout_at},
};

use super::{Common, HOST, Scene};
use crate::{
    api::{Api, Session},
    client::{Do, Order, Outcome},
    crowd::Crowd,
    oracle::{Ballots, Faults},
    report::{Report, progress, to_f64},
    stats::Counts,
    wire::fresh_id,
};

/// Options of a poll.
pub const OPTIONS: usize = 4;
const PATIENCE: Duration = Duration::from_mins(1);

/// How fast.
#[derive(Debug, Clone, Copy, Args)]
pub struct Load {
    /// Seconds in which all votes are sent, evenly spread.
    #[arg(long, default_value_t = 2.0)]
    pub within: f64,
    /// How often each votes, changing the vote.
    #[arg(long, default_value_t = 1)]
    pub votes: usize,
    /// One voter in so many loses the connection right after sending, and comes back; 0: nobody.
    #[arg(long, default_value_t = 0)]
    pub drop_every: usize,
}

/// What a burst came to.
#[derive(Debug)]
pub struct Outcomes {
    /// Intended time → durable ack.
    pub ack: Histogram<u64>,
    /// From the first intended time to the last ack.
    pub took: Duration,
    /// Counted in the meantime.
    pub counts: Counts,
    /// Votes against the tally.
    pub faults: Faults,
    /// Votes without an answer, or refused.
    pub failed: u64,
    /// Transactions, and commands in them, by the server's own count.
    pub batches: Option<(f64, f64)>,
}

/// One poll, one burst of votes of clients 1, 2, 3 …, one comparison with the server's tally.
pub async fn burst(api: &Api, session: &Session, crowd: &Crowd, voters: usize, load: Load) -> anyhow::Result<Outcomes> {
    let poll = fresh_id();
    let options: Vec<String> = (0..OPTIONS).map(|_| fresh_id()).collect();
    open(crowd, &poll, &options).await?;
    let before = (crowd.stats.counts(), batches(api).await);
    crowd.stats.take_ack();

    let total = voters * load.votes.max(1);
    let between = Duration::from_secs_f64(load.within.max(0.0)) / u32::try_from(total)?.max(1);
    let epoch = Instant::now() + Duration::from_millis(50);
    let mut answers = Vec::with_capacity(total);
    for vote in 0..total {
        let due = epoch + between * u32::try_from(vote)?;
        let (voter, option) = (1 + vote % voters, (vote * 7 + vote / voters) % OPTIONS);
        sleep_until(due.into()).await;
        let (answer, outcome) = oneshot::channel();
        let command = json!({ "vote": { "poll": poll, "choice": { "options": [options[option]] } } });
        let commands = vec![Do { command, due, answer: Some(answer) }];
        let drops = load.drop_every > 0 && voter % load.drop_every == 0;
        crowd.order(voter, if drops { Order::DoAndDrop(commands) } else { Order::Do(commands) }).await?;
        answers.push((voter, option, outcome));
        progress(|| {
            format!("sent {} of {total}, acknowledged {}", vote + 1, crowd.stats.counts().since(before.0).acked)
        });
    }
    let (ballots, failed, head) = gather(answers).await;
    let took = epoch.elapsed();
    crowd.quiet(head).await;
    let batches = batches(api).await.zip(before.1).map(|(after, before)| (after.0 - before.0, after.1 - before.1));
    let (counts, ack) = (crowd.stats.counts().since(before.0), crowd.stats.take_ack());
    crowd.must(HOST, json!({ "closePoll": { "poll": poll } })).await?;
    let (counted, by) = api.tally(&session.id, &poll).await.context("reading the tally")?;
    let faults = ballots.check(&counted, by);
    Ok(Outcomes { ack, took, counts, faults, failed, batches })
}

/// Makes a poll and opens it.
pub async fn open(crowd: &Crowd, poll: &str, options: &[String]) -> anyhow::Result<()> {
    let listed: Vec<_> = options.iter().map(|id| json!({ "id": id, "label": "An answer" })).collect();
    let draft = json!({ "question": "Which?", "kind": "single", "options": listed });
    crowd.must(HOST, json!({ "createPoll": { "poll": poll, "draft": draft } })).await?;
    crowd.must(HOST, json!({ "openPoll": { "poll": poll } })).await?;
    Ok(())
}

type Waiting = (usize, usize, oneshot::Receiver<Outcome>);

/// The last acknowledged vote of each voter, how many failed, the largest number acknowledged.
async fn gather(answers: Vec<Waiting>) -> (Ballots, u64, u64) {
    let deadline = Instant::now() + PATIENCE;
    let (mut last, mut unsure) = (BTreeMap::new(), 0);
    let (mut failed, mut head) = (0, 0);
    for (voter, option, outcome) in answers {
        match timeout_at(deadline.into(), outcome).await {
            Ok(Ok(Outcome::Acked(seq))) => {
                last.insert(voter, option);
                head = head.max(seq);
            }
            Ok(Ok(Outcome::Refused(_))) => failed += 1,
            Ok(Err(_)) | Err(_) => {
                failed += 1;
                unsure += 1;
            }
        }
        progress(|| format!("acknowledged: {} voters", last.len()));
    }
    let mut ballots = Ballots { acked: vec![0; OPTIONS], unknown: unsure };
    for option in last.into_values() {
        ballots.acked[option] += 1;
    }
    (ballots, failed, head)
}

/// Transactions and the commands in them, since the server started.
async fn batches(api: &Api) -> Option<(f64, f64)> {
    let metrics = api.metrics().await.ok()?;
    Some((*metrics.get("atelier_live_batch_commands_count")?, *metrics.get("atelier_live_batch_commands_sum")?))
}

/// The scenario.
pub async fn run(common: &Common, load: Load) -> anyhow::Result<Report> {
    let mut scene = Scene::open(common, "Load test: vote burst").await?;
    let seats = scene.join(common).await?;
    scene.connect(&seats).await?;
    let outcomes = burst(&scene.api, &scene.session, &scene.crowd, seats.len(), load).await?;
    let Outcomes { ack, took, faults, failed, batches, counts } = outcomes;
    let mut report = Report::new(format!("vote-burst: {} voters, {} s", seats.len(), load.within));
    let shown = format!("{} in {:.2} s", counts.acked, took.as_secs_f64());
    report.fact("acked", "votes acknowledged", counts.acked, shown);
    report.number("ackedPerSecond", "that is", to_f64(counts.acked) / took.as_secs_f64(), "votes/s");
    if let Some((transactions, commands)) = batches {
        report.number("transactions", "transactions (from /metrics)", transactions, "");
        report.number("commandsPerTransaction", "commands per transaction", commands / transactions.max(1.0), "");
    }
    report.latency("ack", "intended → durable ack", ack);
    scene.counts(&mut report);
    report.faults(faults);
    if failed > 0 {
        report.problem(format!("{failed} votes were refused or never answered"));
    }
    let head = scene.crowd.head();
    let (faults, _) = scene.crowd.finish(head, &BTreeMap::new()).await?;
    report.faults(faults);
    Ok(report)
}
