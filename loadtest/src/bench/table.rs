//! The table of a benchmark: medians, spread, targets.
use std::fmt::Write as _;

use anyhow::Context;

use super::{Options, Run};
use crate::oracle::Faults;

struct Row {
    what: &'static str,
    key: &'static str,
    unit: &'static str,
    /// The figure of the same run beside it.
    reference: Option<(&'static str, &'static str)>,
    /// At most; of the key's own median.
    target: Option<f64>,
}

const fn row(what: &'static str, key: &'static str, unit: &'static str) -> Row {
    Row { what, key, unit, reference: None, target: None }
}

/// The first targets (the budgets proper are tighter).
const ROWS: [Row; 16] = [
    Row { reference: Some(("floor1", "write(2)")), ..row("CPU per delivered event, one at a time", "cpu1", "µs") },
    Row { target: Some(2.0), ..row("— times the floor", "ratio1", "×") },
    row("— until the last socket has it, p50", "last1", "ms"),
    row("— bytes received per event", "bytes1", "B"),
    row("— delivered (a newer state may replace an older one)", "share1", "%"),
    Row {
        reference: Some(("floor10", "write(2) of ten")),
        ..row("CPU per delivered event, ten per tick", "cpu10", "µs")
    },
    Row { target: Some(2.0), ..row("— times the floor", "ratio10", "×") },
    row("— frames received per event", "frames10", ""),
    row("— bytes received per event", "bytes10", "B"),
    row("— delivered (a newer state may replace an older one)", "share10", "%"),
    Row { target: Some(10.0), ..row("resident memory per idle connection", "idleKib", "KiB") },
    row("CPU of the server while all are idle", "idleCpu", "% of a core"),
    Row { reference: Some(("insert50", "one INSERT")), ..row("vote → durable ack, p50", "vote50", "ms") },
    Row {
        reference: Some(("insert99", "one INSERT")),
        target: Some(250.0),
        ..row("vote → durable ack, p99", "vote99", "ms")
    },
    row("acknowledged votes", "votesPerSecond", "/s"),
    row("commands per transaction", "perTransaction", ""),
];

/// What is printed and written down.
pub struct Table {
    text: String,
    good: bool,
}

/// The median, the least and the most of a figure over all runs.
fn spread(runs: &[Run], key: &str) -> Option<(f64, f64, f64)> {
    let mut values: Vec<f64> = runs.iter().filter_map(|run| run.get(key)).collect();
    values.sort_by(f64::total_cmp);
    Some((*values.get(values.len() / 2)?, *values.first()?, *values.last()?))
}

fn digits(value: f64) -> String {
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 1_000.0) };
    format!("{value:.decimals$}")
}

impl Table {
    /// Of all runs.
    pub fn of(options: &Options, runs: &[Run], faults: &Faults) -> Self {
        let mut text = String::from("| what | median | least – most | reference in the same run | first target | |\n");
        text.push_str("|---|---|---|---|---|---|\n");
        let mut good = faults.none();
        for row in &ROWS {
            let Some((median, least, most)) = spread(runs, row.key) else { continue };
            let reference = row.reference.and_then(|(key, name)| {
                let (median, least, most) = spread(runs, key)?;
                Some(format!("{name}: {} {} ({} – {})", digits(median), row.unit, digits(least), digits(most)))
            });
            let target = row.target.map(|most| format!("≤ {most} {}", row.unit));
            let verdict = row.target.map(|target| if median <= target { "pass" } else { "**fail**" });
            good &= row.target.is_none_or(|target| median <= target);
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "| {} | {} {} | {} – {} | {} | {} | {} |",
                row.what,
                digits(median),
                row.unit,
                digits(least),
                digits(most),
                reference.unwrap_or_default(),
                target.unwrap_or_default(),
                verdict.unwrap_or_default(),
            );
        }
        let Faults { gaps, duplicates, reorders, lost, invented, described } = faults;
        let _ = writeln!(
            text,
            "\n{} sockets, {} idle ones, {} runs. Oracle: gaps {gaps}, duplicates {duplicates}, reorders {reorders}, \
             lost {lost}, invented {invented}.",
            options.participants,
            options.idle,
            runs.len()
        );
        for words in described {
            let _ = writeln!(text, "- {words}");
        }
        Self { text, good }
    }
    /// As Markdown, which reads well in a terminal, too.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Nothing lost and all targets met?
    pub fn good(&self) -> bool {
        self.good
    }

    /// Into `{out}/{date}.md`.
    pub fn write(&self, options: &Options) -> anyhow::Result<()> {
        let date = options.date.clone().unwrap_or_else(today);
        let path = options.out.join(format!("{date}.md"));
        std::fs::create_dir_all(&options.out)?;
        let page = format!("# Benchmarks of {date}\n\n{}\n\n{}\n{NOTES}", machine(), self.text);
        std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        println!("written to {}", path.display());
        Ok(())
    }
}

const NOTES: &str = "\
## How it was measured

`make bench`. Absolute times on a shared machine mean little; compare each figure with its reference, which was \
measured in the same run. CPU time is that of the server's process, user and kernel, from `/proc/PID/stat`: all it does \
while sending, deciding and recording included; PostgreSQL's and the tester's are not. The floor is a process that \
writes a prepared 200-byte frame (or ten in one write) to as many sockets at the same rate, read by the same code. One \
event at a time: a text on the stage. Ten per tick: answers to ten different questions, sent at once, ten times a \
second. Memory: a server that was just started, the session loaded, then the connections. Votes: evenly spread over two \
seconds, from the intended time; single `INSERT`s are timed on the same PostgreSQL at the same time.
";

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{} · {cores} cores · Linux {} · load average at the end {load}",
        model.trim_start_matches([' ', '\t', ':']),
        kernel.trim()
    )
}

#[expect(clippy::disallowed_methods, reason = "the date of a report is today's")]
fn today() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    date_of(now.as_secs() / 86_400)
}

/// Days since 1970-01-01 as a date.
fn date_of(mut days: u64) -> String {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date_of(0), "1970-01-01");
        assert_eq!(date_of(11_016), "2000-02-29");
        assert_eq!(date_of(20_778), "2026-11-21");
    }

    #[test]
    fn the_median_and_the_spread() {
        let runs: Vec<Run> = [3.0, 1.0, 2.0]
            .into_iter()
            .map(|value| {
                let mut run = Run::default();
                run.set("cpu1", value);
                run
            })
            .collect();
        assert_eq!(spread(&runs, "cpu1"), Some((2.0, 1.0, 3.0)));
        assert_eq!(spread(&runs, "other"), None);
    }
}
