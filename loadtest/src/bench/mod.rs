//! The fixed set: each figure beside the floor of the same run, medians of five, the spread, and the first targets.
pub mod floor;
mod postgres;
mod table;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use tokio::time::sleep;

use self::{postgres::Postgres, table::Table};
use crate::{
    api::{Api, Session},
    connect::Target,
    crowd::{self, Crowd},
    oracle::Faults,
    process,
    report::{progress, progress_done, to_f64},
    scenario::{
        HOST,
        broadcast::{self, Things},
        connect, host, vote_burst,
    },
    server::{Folder, Server, data},
    stats::micros,
};

/// How much of it.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The server's release binary.
    #[arg(long, default_value = "target/release/atelier")]
    pub server: PathBuf,
    /// Sockets that receive, and voters.
    #[arg(long, default_value_t = 2_000)]
    pub participants: usize,
    /// Idle sockets.
    #[arg(long, default_value_t = 5_000)]
    pub idle: usize,
    /// Runs; the medians count.
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Seconds of sending per figure and run.
    #[arg(long, default_value_t = 5)]
    pub seconds: u32,
    /// The date in the report's name; absent: today (UTC).
    #[arg(long)]
    pub date: Option<String>,
    /// Where the report goes.
    #[arg(long, default_value = "docs/benchmarks")]
    pub out: PathBuf,
}

/// Steps per second while sending.
const RATE: u32 = 10;
const AT_ONCE: usize = 32;

/// The figures of one run.
#[derive(Debug, Default, Clone)]
pub struct Run {
    figures: BTreeMap<&'static str, f64>,
}

impl Run {
    fn set(&mut self, key: &'static str, value: f64) {
        self.figures.insert(key, value);
    }
    /// A figure by its name.
    pub fn get(&self, key: &str) -> Option<f64> {
        self.figures.get(key).copied()
    }
}

/// Runs the set, prints it and writes it down. True: nothing lost, all targets met.
pub async fn run(options: Options) -> anyhow::Result<bool> {
    process::need_files(options.participants.max(options.idle) as u64 + 300)?;
    let folder = Folder::fresh()?;
    let mut runs = vec![Run::default(); options.runs.max(1)];
    let mut faults = sending(&options, &folder.0, &mut runs).await?;
    faults.merge(idling(&options, &folder.0, &mut runs).await?);
    progress_done();
    let table = Table::of(&options, &runs, &faults);
    print!("{}", table.text());
    table.write(&options)?;
    Ok(table.good())
}

async fn session(api: &Api, people: usize) -> anyhow::Result<Session> {
    api.create("Benchmark", people + 10).await
}

async fn hosted(api: &Api, session: &Session, people: usize) -> anyhow::Result<Crowd> {
    host(api, session, Target::new(api.addresses().await?, people, 0, AT_ONCE)?).await
}

/// CPU per delivery and vote latency, on one server.
async fn sending(options: &Options, folder: &Path, runs: &mut [Run]) -> anyhow::Result<Faults> {
    let server = Server::start(&options.server, folder).await?;
    process::check_files_of(server.pid, options.participants.max(options.idle) as u64 + 300)?;
    let api = Api::sign_in(std::slice::from_ref(&server.url), None).await?;
    let session = session(&api, options.participants).await?;
    let mut crowd = hosted(&api, &session, options.participants).await?;
    crowd.must(HOST, json!({ "start": {} })).await?;
    crowd.must(HOST, json!({ "go": {} })).await?;
    let seats = crowd::join(&api, &session, options.participants, AT_ONCE).await?;
    connect(&mut crowd, &seats).await?;
    let mut stage = Things::prepare(&crowd, 1).await?;
    let mut questions = Things::prepare(&crowd, 10).await?;
    let warm = broadcast::Load { rate: f64::from(RATE), per_step: 1, duration: 1.0, size: 200 };
    stage.broadcast(&crowd, warm, None).await?;
    questions.broadcast(&crowd, broadcast::Load { per_step: 10, ..warm }, None).await?;
    let mut postgres = Postgres::connect(&data(folder)).await?;
    let mut faults = Faults::default();
    for (number, run) in runs.iter_mut().enumerate() {
        let load = broadcast::Load { duration: f64::from(options.seconds), ..warm };
        for (things, per_step) in [(&mut stage, 1), (&mut questions, 10)] {
            progress(|| format!("run {}: {per_step} at once", number + 1));
            let floor = floor::Options {
                sockets: options.participants,
                steps: options.seconds * RATE,
                per_step: per_step as usize,
                interval_ms: u64::from(1_000 / RATE),
            };
            let floor = floor::measure(floor).await?;
            sleep(Duration::from_millis(500)).await;
            let load = broadcast::Load { per_step, ..load };
            let sent = things.broadcast(&crowd, load, Some(server.pid)).await?;
            record_broadcast(run, crowd.len(), per_step, floor, &sent);
        }
        let load = vote_burst::Load { within: 2.0, votes: 1, drop_every: 0 };
        let votes = vote_burst::burst(&api, &session, &crowd, options.participants, load);
        // At the same time, so that both meet the same disk and the same neighbours.
        let (votes, reference) = tokio::join!(votes, postgres.inserts(200, Duration::from_millis(10)));
        let (votes, reference) = (votes?, reference?);
        run.set("insert50", to_f64(reference.value_at_quantile(0.5)) / 1e3);
        run.set("insert99", to_f64(reference.value_at_quantile(0.99)) / 1e3);
        record_votes(run, &votes);
        faults.merge(votes.faults);
        if votes.failed > 0 {
            faults.lose(votes.failed, || format!("{} votes refused or unanswered", votes.failed));
        }
    }
    let mut steps = stage.steps;
    steps.extend(questions.steps);
    let head = crowd.head();
    let (seen, unanswered) = crowd.finish(head, &steps).await?;
    faults.merge(seen);
    if unanswered > 0 {
        faults.lose(unanswered, || format!("{unanswered} commands without an answer"));
    }
    server.stop().await?;
    Ok(faults)
}

fn record_broadcast(run: &mut Run, clients: usize, per_step: u32, floor: f64, sent: &broadcast::Outcomes) {
    let delivered = to_f64(sent.counts.delivered).max(1.0);
    let share = delivered / to_f64(sent.changes * clients as u64).max(1.0) * 100.0;
    let each = to_f64(micros(sent.server.unwrap_or_default())) / delivered;
    let last = to_f64(sent.until_last.value_at_quantile(0.5)) / 1e3;
    let frames = to_f64(sent.counts.frames) / delivered;
    let bytes = to_f64(sent.counts.bytes) / delivered;
    let keys = if per_step == 1 {
        ["floor1", "cpu1", "ratio1", "last1", "frames1", "bytes1", "share1"]
    } else {
        ["floor10", "cpu10", "ratio10", "last10", "frames10", "bytes10", "share10"]
    };
    for (key, value) in keys.into_iter().zip([floor, each, each / floor, last, frames, bytes, share]) {
        run.set(key, value);
    }
}

fn record_votes(run: &mut Run, votes: &vote_burst::Outcomes) {
    run.set("vote50", to_f64(votes.ack.value_at_quantile(0.5)) / 1e3);
    run.set("vote99", to_f64(votes.ack.value_at_quantile(0.99)) / 1e3);
    run.set("votesPerSecond", to_f64(votes.ack.len()) / votes.took.as_secs_f64());
    if let Some((transactions, commands)) = votes.batches {
        run.set("perTransaction", commands / transactions.max(1.0));
    }
}

/// Memory per idle connection. Each run has a server that was just started: memory that an earlier crowd gave back to
/// the allocator would make the next one look free. The session is loaded before the first figure is taken, so that the
/// figure is that of the connections.
async fn idling(options: &Options, folder: &Path, runs: &mut [Run]) -> anyhow::Result<Faults> {
    let server = Server::start(&options.server, folder).await?;
    let first = Api::sign_in(std::slice::from_ref(&server.url), None).await?;
    let session = session(&first, options.idle).await?;
    let crowd = hosted(&first, &session, options.idle).await?;
    crowd.must(HOST, json!({ "start": {} })).await?;
    crowd.must(HOST, json!({ "go": {} })).await?;
    let seats = crowd::join(&first, &session, options.idle, AT_ONCE).await?;
    crowd.finish(0, &BTreeMap::new()).await?;
    server.stop().await?;
    let mut faults = Faults::default();
    for (number, run) in runs.iter_mut().enumerate() {
        progress(|| format!("run {}: idle", number + 1));
        let server = Server::start(&options.server, folder).await?;
        let api = first.at(&server.url);
        let mut crowd = hosted(&api, &session, options.idle).await?;
        sleep(Duration::from_secs(1)).await;
        let before = process::resident(server.pid)?;
        connect(&mut crowd, &seats).await?;
        sleep(Duration::from_secs(3)).await;
        let after = process::resident(server.pid)?;
        let cpu = process::cpu(server.pid)?;
        sleep(Duration::from_secs(2)).await;
        let busy = process::cpu(server.pid)?.saturating_sub(cpu);
        run.set("idleKib", to_f64(after.saturating_sub(before)) / to_f64(options.idle as u64).max(1.0) / 1024.0);
        run.set("idleCpu", busy.as_secs_f64() / 2.0 * 100.0);
        let head = crowd.head();
        faults.merge(crowd.finish(head, &BTreeMap::new()).await?.0);
        server.stop().await?;
    }
    Ok(faults)
}
