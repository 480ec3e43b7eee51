//! The host changes something that everybody sees, on a fixed schedule.
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::{
    sync::oneshot,
    time::{sleep_until, timeout},
};

use super::{Common, HOST, Scene};
use crate::{
    client::{Do, Order, Outcome},
    crowd::Crowd,
    oracle::Mark,
    process,
    report::{Report, progress, to_f64},
    stats::{Counts, Plan, micros},
    wire::fresh_id,
};

/// Bytes of an `events` frame around a shown text.
const AROUND_TEXT: usize = 122;

/// How much, how often.
#[derive(Debug, Clone, Copy, Args)]
pub struct Load {
    /// Steps per second.
    #[arg(long, default_value_t = 2.0)]
    pub rate: f64,
    /// Different things changed at each step, sent in one write. 1: the text on the stage; more: answers to as many
    /// questions. The server's limit per connection (20 commands a second) may have to be raised with
    /// ATELIER_LIMIT_COMMANDS_PER_SECOND and ATELIER_LIMIT_COMMANDS_BURST.
    #[arg(long, default_value_t = 1)]
    pub per_step: u32,
    /// Seconds.
    #[arg(long, default_value_t = 10.0)]
    pub duration: f64,
    /// Bytes of the frame that carries one change of the stage.
    #[arg(long, default_value_t = 200)]
    pub size: usize,
}

/// What is changed, and how far it has come.
#[derive(Debug, Default)]
pub struct Things {
    questions: Vec<String>,
    /// Newest step of each, as acknowledged.
    pub steps: BTreeMap<u32, u32>,
    next: u32,
}

/// What a broadcast came to.
#[derive(Debug)]
pub struct Outcomes {
    /// Intended time → a client has it.
    pub delivery: Histogram<u64>,
    /// Intended time → the last client has it.
    pub until_last: Histogram<u64>,
    /// Intended time → durable.
    pub ack: Histogram<u64>,
    /// Counted in the meantime.
    pub counts: Counts,
    /// Changes made.
    pub changes: u64,
    /// CPU time of the server, if its process is known.
    pub server: Option<Duration>,
}

impl Things {
    /// Questions that can be answered over and over; participants ask them.
    pub async fn prepare(crowd: &Crowd, count: u32) -> anyhow::Result<Self> {
        let mut things = Self { next: 1, ..Self::default() };
        for number in 0..if count > 1 { count as usize } else { 0 } {
            let id = fresh_id();
            let asker = 1 + number % crowd.len().saturating_sub(1).max(1);
            crowd.must(asker, json!({ "ask": { "question": id, "body": "Why?" } })).await?;
            // Where questions are held for review; elsewhere it is refused or already so.
            crowd.ask(HOST, json!({ "approve": { "question": id } })).await?;
            things.questions.push(id);
        }
        Ok(things)
    }

    fn command(&self, entity: u32, step: u32, size: usize) -> Value {
        let mark = Mark { entity, step }.text();
        if entity > 0 {
            let question = &self.questions[entity as usize - 1];
            return json!({ "answer": { "question": question, "text": mark } });
        }
        let padding = size.saturating_sub(AROUND_TEXT + mark.len());
        let title = format!("{mark}{}", "x".repeat(padding.min(180)));
        let body = (padding > 180).then(|| "y".repeat((padding - 180).min(1_000)));
        json!({ "show": { "stage": { "text": { "title": title, "body": body } } } })
    }

    /// Runs the schedule.
    pub async fn broadcast(&mut self, crowd: &Crowd, load: Load, pid: Option<u32>) -> anyhow::Result<Outcomes> {
        let interval = Duration::from_secs_f64(1.0 / load.rate.max(0.01));
        let steps = whole(load.duration * load.rate).max(1);
        let plan = Arc::new(Plan::new(Instant::now() + interval, interval, self.next, steps));
        crowd.stats.follow(&plan);
        let (before, cpu) = (crowd.stats.counts(), pid.map(process::cpu).transpose()?);
        crowd.stats.take_ack();
        crowd.stats.take_delivery();
        let mut answers = Vec::new();
        for step in self.next..self.next + steps {
            let due = plan.due(step);
            sleep_until(due.into()).await;
            let mut orders = Vec::new();
            let entities = if self.questions.is_empty() { 0..=0 } else { 1..=load.per_step };
            for entity in entities {
                let (answer, outcome) = oneshot::channel();
                answers.push((entity, step, outcome));
                orders.push(Do { command: self.command(entity, step, load.size), due, answer: Some(answer) });
            }
            crowd.order(HOST, Order::Do(orders)).await?;
            progress(|| format!("step {} of {steps}", step - self.next + 1));
        }
        self.next += steps;
        let changes = answers.len() as u64;
        let mut head = 0;
        for (entity, step, outcome) in answers {
            let outcome = timeout(Duration::from_mins(1), outcome).await.context("no answer")?;
            if let Outcome::Acked(seq) = outcome.context("the host's client gave up")? {
                head = head.max(seq);
                self.steps.insert(entity, step);
            }
        }
        crowd.quiet(head).await;
        let server = match (pid, cpu) {
            (Some(pid), Some(cpu)) => Some(process::cpu(pid)?.saturating_sub(cpu)),
            _ => None,
        };
        let counts = crowd.stats.counts().since(before);
        let (delivery, ack) = (crowd.stats.take_delivery(), crowd.stats.take_ack());
        Ok(Outcomes { delivery, until_last: plan.until_last(), ack, counts, changes, server })
    }
}

fn whole(number: f64) -> u32 {
    Duration::try_from_secs_f64(number).map_or(0, |time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
}

/// The scenario.
pub async fn run(common: &Common, load: Load) -> anyhow::Result<Report> {
    let mut scene = Scene::open(common, "Load test: broadcast").await?;
    let seats = scene.join(common).await?;
    scene.connect(&seats).await?;
    let mut things = Things::prepare(&scene.crowd, load.per_step).await?;
    let outcomes = things.broadcast(&scene.crowd, load, common.server_pid).await?;
    let clients = scene.crowd.len() as u64;
    let mut report = Report::new(format!("broadcast: {clients} clients"));
    let expected = outcomes.changes * clients;
    let Outcomes { delivery, until_last, ack, counts, changes, server } = outcomes;
    report.fact("changes", "changes made", changes, format!("{changes} in {} s", load.duration));
    let shown = format!("{} of {expected} (a newer state may replace an older one)", counts.delivered);
    report.fact("delivered", "changes delivered", counts.delivered, shown);
    let bytes = to_f64(counts.bytes) / to_f64(counts.delivered.max(1));
    report.number("bytesPerDelivery", "bytes received per delivery", bytes, "");
    if let Some(server) = server {
        let each = to_f64(micros(server)) / to_f64(counts.delivered.max(1));
        report.number("serverMicrosPerDelivery", "CPU of the server per delivery", each, "µs");
    }
    report.latency("delivery", "intended → a client has it", delivery);
    report.latency("untilLast", "intended → the last client has it", until_last);
    report.latency("ack", "intended → durable ack", ack);
    scene.counts(&mut report);
    let head = scene.crowd.head();
    let (faults, unanswered) = scene.crowd.finish(head, &things.steps).await?;
    report.faults(faults);
    if unanswered > 0 {
        report.problem(format!("{unanswered} commands were never answered"));
    }
    Ok(report)
}
