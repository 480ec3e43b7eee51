//! Nodes behind a balancer, and everybody votes; one node after the other goes away, asked to or killed, and comes back.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use hdrhistogram::Histogram;
use tokio::time::sleep;

use super::{Common, Scene, vote_burst};
use crate::{
    api::Api,
    balancer::Balancer,
    report::{Report, milliseconds, progress, to_f64},
    server::{Cluster, Nodes},
    stats::{Return, micros, new_histogram},
};

/// How a node goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// `SIGTERM`.
    Asked,
    /// `SIGKILL`.
    Killed,
}

/// With what.
#[derive(Debug, Clone, Args)]
pub struct Load {
    #[command(flatten)]
    nodes: Nodes,
    /// Seconds over which everybody votes once while a node goes away; it goes a quarter into them.
    #[arg(long, default_value_t = 8.0)]
    within: f64,
}

/// 99 of 100 must be back after so long, counted from the signal.
const BACK: Duration = Duration::from_secs(5);
/// Nothing takes longer than this.
const PATIENCE: Duration = Duration::from_secs(30);
/// The width in which arrivals are counted.
const SLICE: Duration = Duration::from_millis(100);
/// Arrivals in one slice, at most so many times the even rate.
const UNEVEN: u64 = 3;
/// So few in one slice are no herd, whatever the even rate is.
const FEW: u64 = 50;

/// What one node's end came to.
struct Moved {
    /// Connections it had.
    had: u64,
    back: Vec<Return>,
    signal: Instant,
    /// Until the process was gone.
    gone: Duration,
}

/// The scenario.
pub async fn run(common: &Common, load: &Load, how: Farewell) -> anyhow::Result<Report> {
    let mut cluster = Cluster::start(&load.nodes).await?;
    let balancer = Balancer::before(cluster.addresses()).await?;
    let people = common.participants;
    // Who comes back waits for nobody: what the clients do not spread by themselves is to be seen.
    let common = Common {
        url: vec![format!("http://{}", balancer.address)],
        at_once: people.max(common.at_once),
        ..common.clone()
    };
    let mut scene = Scene::open(&common, "Load test: nodes that go away").await?;
    let joining = Common { at_once: 64, ..common.clone() };
    let seats = scene.join(&joining).await?;
    scene.connect(&seats).await?;
    let name = if how == Farewell::Asked { "rolling" } else { "node-kill" };
    let mut report = Report::new(format!("{name}: {people} people on {} nodes", cluster.addresses().len()));
    let burst = vote_burst::Load { within: load.within, votes: 1, drop_every: 0 };
    for node in 0..cluster.addresses().len() {
        scene.crowd.stats.take_returns();
        let (votes, moved) = tokio::join!(
            vote_burst::burst(&scene.api, &scene.session, &scene.crowd, seats.len(), burst),
            end(&scene, &mut cluster, node, how, Duration::from_secs_f64(load.within.max(0.0) / 4.0)),
        );
        let (votes, moved) = (votes?, moved?);
        tell(&mut report, node, &moved, (how == Farewell::Asked).then_some(load.nodes.spread));
        report.latency(&format!("ack{}", node + 1), &format!("node {}: vote → durable ack", node + 1), votes.ack);
        report.faults(votes.faults);
        if votes.failed > 0 {
            report.problem(format!("{} votes were refused or never answered", votes.failed));
        }
        cluster.start_node(node).await?;
    }
    scene.counts(&mut report);
    let head = scene.crowd.head();
    let (faults, unanswered) = scene.crowd.finish(head, &BTreeMap::new()).await?;
    report.faults(faults);
    if unanswered > 0 {
        report.problem(format!("{unanswered} commands were never answered"));
    }
    Ok(report)
}

/// After a while, ends a node and waits until everybody who was there is back.
async fn end(
    scene: &Scene,
    cluster: &mut Cluster,
    node: usize,
    how: Farewell,
    after: Duration,
) -> anyhow::Result<Moved> {
    let metrics = Api::stranger(&format!("http://{}", cluster.addresses()[node]))?;
    sleep(after).await;
    let had =
        metrics.metrics().await?.get("atelier_gateway_connections").copied().context("no count of connections")?;
    let had = format!("{had:.0}").parse().unwrap_or(0);
    let server = cluster.take(node)?;
    let signal = Instant::now();
    match how {
        Farewell::Asked => server.stop().await?,
        Farewell::Killed => server.kill().await?,
    }
    let gone = signal.elapsed();
    let mut back = Vec::new();
    while (back.len() as u64) < had && signal.elapsed() < PATIENCE {
        back.extend(scene.crowd.stats.take_returns());
        progress(|| format!("node {}: {} of {had} are back", node + 1, back.len()));
        sleep(Duration::from_millis(10)).await;
    }
    back.extend(scene.crowd.stats.take_returns());
    Ok(Moved { had, back, signal, gone })
}

fn tell(report: &mut Report, node: usize, moved: &Moved, spread: Option<u32>) {
    let number = node + 1;
    let Moved { had, back, signal, gone } = moved;
    let (mut since_signal, mut since_loss) = (new_histogram(), new_histogram());
    let mut slices = BTreeMap::<u128, u64>::new();
    for there in back {
        since_signal.saturating_record(micros(there.back.saturating_duration_since(*signal)).max(1));
        since_loss.saturating_record(micros(there.back.saturating_duration_since(there.lost)).max(1));
        let slice = there.tried.saturating_duration_since(*signal).as_millis() / SLICE.as_millis();
        *slices.entry(slice).or_default() += 1;
    }
    let most = slices.values().copied().max().unwrap_or(0);
    let shown = format!("{} of {had}, the process was gone after {:.2} s", back.len(), gone.as_secs_f64());
    report.fact(&format!("moved{number}"), &format!("node {number}: moved"), back.len(), shown);
    report.fact(
        &format!("most{number}"),
        "  most arrivals in 100 ms",
        most,
        format!("{most} in {} slices", slices.len()),
    );
    let all_back = since_signal.value_at_quantile(0.99);
    report.fact(
        &format!("back{number}"),
        "  99 % back, from the signal",
        all_back,
        format!("{} ms", milliseconds(all_back)),
    );
    judge(report, number, *had, &since_signal, spread.map(|seconds| (seconds, most)));
    report.latency(&format!("loss{number}"), &format!("node {number}: lost → back"), since_loss);
}

fn judge(report: &mut Report, number: usize, had: u64, back: &Histogram<u64>, arrivals: Option<(u32, u64)>) {
    if back.len() < had {
        report.problem(format!("node {number}: {} of {had} did not come back", had - back.len()));
    }
    let late = back.value_at_quantile(0.99);
    if late > micros(BACK) {
        report.problem(format!("node {number}: 99 % back after {} ms", milliseconds(late)));
    }
    if let Some((spread, most)) = arrivals {
        let slices = u64::from(spread) * 1_000 / to_u64(SLICE.as_millis());
        let bound = (had * UNEVEN / slices.max(1)).max(FEW);
        if most > bound {
            report.problem(format!("node {number}: {most} arrived within 100 ms, at most {bound} should"));
        }
    }
    if back.is_empty() {
        report.problem(format!("node {number}: nobody was there"));
    }
    report.number(&format!("had{number}"), "  connections before", to_f64(had), "");
}

fn to_u64(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
