//! Everybody scans the code at once: from `POST /join` to the snapshot.
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clap::Args;
use tokio::{task::JoinSet, time::sleep_until};

use super::{Common, Scene};
use crate::{
    client::Pass,
    report::{Report, progress},
    stats::{micros, new_histogram},
};

/// How fast.
#[derive(Debug, Clone, Copy, Args)]
pub struct Load {
    /// Seconds in which all join, evenly spread.
    #[arg(long, default_value_t = 10.0)]
    pub within: f64,
}

/// The scenario.
pub async fn run(common: &Common, load: Load) -> anyhow::Result<Report> {
    let mut scene = Scene::open(common, "Load test: join ramp").await?;
    scene.crowd.stats.take_seat();
    let people = common.participants;
    let between = Duration::from_secs_f64(load.within.max(0.0)) / u32::try_from(people)?.max(1);
    let epoch = Instant::now() + Duration::from_millis(100);
    let mut joins = JoinSet::new();
    for number in 0..people {
        let (api, code) = (scene.api.clone(), scene.session.code.clone());
        let due = epoch + between * u32::try_from(number)?;
        joins.spawn(async move {
            sleep_until(due.into()).await;
            (due, api.join(&code).await, due.elapsed())
        });
    }
    let (mut http, mut failures) = (new_histogram(), BTreeMap::<String, u64>::new());
    while let Some(joined) = joins.join_next().await {
        let (due, seat, took) = joined?;
        match seat {
            Ok(seat) => {
                http.saturating_record(micros(took));
                scene.crowd.add(Pass::Seat(seat.token), due);
            }
            Err(error) => *failures.entry(format!("{error:#}")).or_default() += 1,
        }
        progress(|| format!("joined {} of {people}, connected {}", http.len(), scene.crowd.stats.counts().seated));
    }
    let connected = scene.crowd.seated().await;
    let took = epoch.elapsed();
    let mut report = Report::new(format!("join-ramp: {people} people, {} s", load.within));
    let seated = scene.crowd.stats.counts().seated.saturating_sub(1);
    report.fact("joined", "people seated", seated, format!("{seated} in {:.2} s", took.as_secs_f64()));
    report.latency("http", "intended → POST /join answered", http);
    report.latency("seat", "intended → snapshot", scene.crowd.stats.take_seat());
    scene.counts(&mut report);
    for (words, times) in failures {
        report.problem(format!("{times} × {words}"));
    }
    if let Err(error) = connected {
        report.problem(format!("{error:#}"));
    }
    let head = scene.crowd.head();
    let (faults, _) = scene.crowd.finish(head, &BTreeMap::new()).await?;
    report.faults(faults);
    Ok(report)
}
