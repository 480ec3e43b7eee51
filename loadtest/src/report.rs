//! What was measured, for people and for programs.
use std::{
    io::{IsTerminal, Write},
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::Context;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::{
    oracle::Faults,
    stats::{Counts, Stats},
};

const PERCENTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// One line that is written over while a scenario runs, a few times a second. Nothing when nobody looks.
pub fn progress(words: impl FnOnce() -> String) {
    static LAST: Mutex<Option<Instant>> = Mutex::new(None);
    let Ok(mut last) = LAST.lock() else { return };
    let stderr = std::io::stderr();
    if stderr.is_terminal() && last.is_none_or(|at| at.elapsed() > Duration::from_millis(200)) {
        *last = Some(Instant::now());
        let _ = write!(stderr.lock(), "\r\x1b[K{}", words());
    }
}

/// Removes the progress line.
pub fn progress_done() {
    let stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr.lock(), "\r\x1b[K");
    }
}

/// The result of a scenario.
#[derive(Debug)]
pub struct Report {
    title: String,
    facts: Vec<(String, String)>,
    latencies: Vec<(String, Histogram<u64>)>,
    faults: Faults,
    problems: Vec<String>,
    json: Map<String, Value>,
}

/// Milliseconds with as many digits as are of use.
pub fn milliseconds(micros: u64) -> String {
    let ms = to_f64(micros) / 1_000.0;
    if ms < 10.0 { format!("{ms:.2}") } else { format!("{ms:.0}") }
}

/// A count as a float.
pub fn to_f64(count: u64) -> f64 {
    // Two halves, each exact.
    f64::from(u32::try_from(count >> 32).unwrap_or(0)) * 4_294_967_296.0
        + f64::from(u32::try_from(count & 0xffff_ffff).unwrap_or(0))
}

impl Report {
    /// Nothing measured yet.
    pub fn new(title: impl Into<String>) -> Self {
        let title = title.into();
        let json = Map::from_iter([("scenario".to_owned(), Value::String(title.clone()))]);
        Self { title, facts: Vec::new(), latencies: Vec::new(), faults: Faults::default(), problems: Vec::new(), json }
    }
    /// A line with a number: `key` for programs, words for people.
    pub fn fact(&mut self, key: &str, words: &str, value: impl Into<Value>, shown: impl Into<String>) {
        self.json.insert(key.to_owned(), value.into());
        self.facts.push((words.to_owned(), shown.into()));
    }
    /// A number to be shown with so many decimals and a unit.
    pub fn number(&mut self, key: &str, words: &str, value: f64, unit: &str) {
        let digits = usize::from(value < 1_000.0) * 2;
        self.fact(key, words, value, format!("{value:.digits$} {unit}"));
    }
    /// A line of percentiles.
    pub fn latency(&mut self, key: &str, words: &str, histogram: Histogram<u64>) {
        let mut json = Map::from_iter([("count".to_owned(), histogram.len().into())]);
        for (name, quantile) in PERCENTILES {
            json.insert(format!("{name}Micros"), histogram.value_at_quantile(quantile).into());
        }
        self.json.insert(key.to_owned(), json.into());
        self.latencies.push((words.to_owned(), histogram));
    }
    /// What the witnesses say.
    pub fn faults(&mut self, faults: Faults) {
        self.faults.merge(faults);
    }
    /// Something that makes the run fail.
    pub fn problem(&mut self, words: impl Into<String>) {
        self.problems.push(words.into());
    }
    /// The counts every scenario shows.
    pub fn counts(&mut self, counts: Counts, stats: &Stats, own_cpu: Duration, wall: Duration) {
        let shown = format!("{} in {:.1} MB", counts.frames, to_f64(counts.bytes) / 1e6);
        self.fact("frames", "frames received", counts.frames, shown);
        let shown = format!(
            "{} reconnects ({} resumed), {} retries, {} sent again, {} refused",
            counts.reconnected, counts.resumed, counts.retried, counts.resent, counts.refused
        );
        self.fact("reconnects", "connections, commands", counts.reconnected, shown);
        for (word, times) in stats.words() {
            self.facts.push((format!("  {times} ×"), word));
        }
        let cores = own_cpu.as_secs_f64() / wall.as_secs_f64().max(0.001);
        self.fact("testerCores", "CPU of the tester itself", cores, format!("{cores:.2} cores"));
    }
    /// Did everything hold?
    pub fn good(&self) -> bool {
        self.faults.none() && self.problems.is_empty()
    }

    /// The table.
    pub fn print(&self) {
        progress_done();
        println!("\n{}", self.title);
        for (words, shown) in &self.facts {
            println!("  {words:<34} {shown}");
        }
        if !self.latencies.is_empty() {
            let columns = |cells: [String; 6]| cells.map(|cell| format!("{cell:>9}")).concat();
            let heads = columns(PERCENTILES.map(|(name, _)| name.to_owned()));
            println!("  {:<34} {heads}  {:>9}", "milliseconds", "count");
            for (words, histogram) in &self.latencies {
                let values = PERCENTILES.map(|(_, quantile)| milliseconds(histogram.value_at_quantile(quantile)));
                println!("  {words:<34} {}  {:>9}", columns(values), histogram.len());
            }
        }
        let Faults { gaps, duplicates, reorders, lost, invented, described } = &self.faults;
        println!(
            "  oracle: gaps {gaps}, duplicates {duplicates}, reorders {reorders}, lost {lost}, invented {invented}"
        );
        for words in described.iter().chain(&self.problems) {
            println!("  ✗ {words}");
        }
        println!("  {}", if self.good() { "✓ nothing lost, doubled or out of order" } else { "✗ failed" });
    }

    /// The same for programs.
    pub fn write_json(&self, path: &Path) -> anyhow::Result<()> {
        let faults = &self.faults;
        let mut json = self.json.clone();
        json.insert(
            "oracle".to_owned(),
            json!({
                "gaps": faults.gaps, "duplicates": faults.duplicates, "reorders": faults.reorders, "lost": faults.lost,
                "invented": faults.invented, "described": faults.described,
            }),
        );
        json.insert("problems".to_owned(), json!(self.problems));
        json.insert("good".to_owned(), self.good().into());
        let text = serde_json::to_string_pretty(&json)?;
        std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}
