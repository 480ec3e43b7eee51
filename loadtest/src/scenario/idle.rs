//! Many sockets on which nothing happens: what one of them costs.
use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use tokio::time::sleep;

use super::{Common, Scene};
use crate::{
    process,
    report::{Report, to_f64},
    stats::micros,
};

/// How long.
#[derive(Debug, Clone, Copy, Args)]
pub struct Load {
    /// Seconds to stay connected.
    #[arg(long, default_value_t = 10.0)]
    pub duration: f64,
}

/// The scenario.
pub async fn run(common: &Common, load: Load) -> anyhow::Result<Report> {
    let mut scene = Scene::open(common, "Load test: idle").await?;
    let empty = common.server_pid.map(process::resident).transpose()?;
    let seats = scene.join(common).await?;
    let joined = common.server_pid.map(process::resident).transpose()?;
    scene.connect(&seats).await?;
    sleep(Duration::from_secs(2)).await;
    let cpu = common.server_pid.map(process::cpu).transpose()?;
    let span = Duration::from_secs_f64(load.duration.max(0.0));
    sleep(span).await;
    let mut report = Report::new(format!("idle: {} people", seats.len()));
    let people = to_f64(seats.len() as u64).max(1.0);
    if let (Some(pid), Some(empty), Some(joined), Some(cpu)) = (common.server_pid, empty, joined, cpu) {
        let now = process::resident(pid)?;
        let each = |from: u64| to_f64(now.saturating_sub(from)) / people / 1024.0;
        let mib = |bytes: u64| format!("{:.1} MiB", to_f64(bytes) / 1_048_576.0);
        report.fact("residentEmpty", "server, nobody has joined", empty, mib(empty));
        report.fact("residentJoined", "server, all have joined over HTTP", joined, mib(joined));
        report.fact("residentConnected", "server, all connected", now, mib(now));
        report.number("kibPerConnection", "per connection", each(joined), "KiB");
        report.number("kibPerParticipant", "per participant, the seat included", each(empty), "KiB");
        let busy = process::cpu(pid)?.saturating_sub(cpu);
        let share = to_f64(micros(busy)) / to_f64(micros(span)).max(1.0) * 100.0;
        report.number("idleCpuPercent", "CPU of the server meanwhile", share, "% of a core");
    } else {
        report.fact("server", "server", "not measured", "give --server-pid to measure its memory");
    }
    report.latency("seat", "connect → snapshot", scene.crowd.stats.take_seat());
    scene.counts(&mut report);
    let head = scene.crowd.head();
    let (faults, _) = scene.crowd.finish(head, &BTreeMap::new()).await?;
    report.faults(faults);
    Ok(report)
}
