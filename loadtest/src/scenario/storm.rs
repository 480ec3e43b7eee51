//! Everybody loses the line at the same moment, as when the hall's network goes away, and comes back.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::json;
use tokio::time::sleep;

use super::{Common, HOST, Scene};
use crate::{
    client::Order,
    report::{Report, progress},
    stats::{micros, new_histogram},
};

/// How often.
#[derive(Debug, Clone, Copy, Args)]
pub struct Load {
    /// How often everybody loses the line.
    #[arg(long, default_value_t = 3)]
    pub times: u32,
}

const PATIENCE: Duration = Duration::from_mins(1);

/// The scenario.
pub async fn run(common: &Common, load: Load) -> anyhow::Result<Report> {
    let mut scene = Scene::open(common, "Load test: reconnect storm").await?;
    let seats = scene.join(common).await?;
    scene.connect(&seats).await?;
    let mut report = Report::new(format!("reconnect-storm: {} people, {} times", seats.len(), load.times));
    let (mut lost_to_back, mut missing) = (new_histogram(), 0);
    for time in 1..=load.times {
        scene.crowd.stats.take_returns();
        for client in 1..=seats.len() {
            scene.crowd.order(client, Order::DoAndDrop(Vec::new())).await?;
        }
        // Something they miss.
        let stage = json!({ "show": { "stage": { "text": { "title": format!("Time {time}") } } } });
        scene.crowd.must(HOST, stage).await?;
        let (begun, mut back) = (Instant::now(), 0);
        while back < seats.len() && begun.elapsed() < PATIENCE {
            for there in scene.crowd.stats.take_returns() {
                lost_to_back.saturating_record(micros(there.back.saturating_duration_since(there.lost)).max(1));
                back += 1;
            }
            progress(|| format!("time {time}: {back} of {} are back", seats.len()));
            sleep(Duration::from_millis(10)).await;
        }
        missing += seats.len().saturating_sub(back);
    }
    report.latency("back", "lost → back, with what was missed", lost_to_back);
    scene.counts(&mut report);
    if missing > 0 {
        report.problem(format!("{missing} times somebody did not come back within a minute"));
    }
    let head = scene.crowd.head();
    let (faults, _) = scene.crowd.finish(head, &BTreeMap::new()).await?;
    report.faults(faults);
    Ok(report)
}
