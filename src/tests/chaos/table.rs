//! What was measured, as one table.
use std::{fmt, path::Path, time::Duration};

use super::{faults::Since, verdict::Verdict};

pub struct Row {
    pub fault: &'static str,
    pub since: Since,
    pub clients: usize,
    pub acked: usize,
    pub verdict: Verdict,
    /// Until everybody was served and told again; none: not within the patience of the test.
    pub recovered: Option<Duration>,
    /// The longest that anybody waited for an answer.
    pub longest: Duration,
}

#[derive(Default)]
pub struct Table(Vec<Row>);

const HEAD: &str = "\
| fault | clients | commands acked | lost | duplicated | reordered | seconds to recover | longest wait for an answer, s |
|---|---:|---:|---:|---:|---:|---:|---:|";

impl Row {
    pub fn is_good(&self) -> bool {
        self.verdict.is_good() && self.recovered.is_some()
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { lost, duplicated, reordered, notes } = &self.verdict;
        let mark = if self.since == Since::End { " *" } else { "" };
        let recovered = self.recovered.map_or("never".to_owned(), |took| format!("{:.1}{mark}", took.as_secs_f64()));
        write!(
            f,
            "| {} | {} | {} | {lost} | {duplicated} | {reordered} | {recovered} | {:.1} |",
            self.fault,
            self.clients,
            self.acked,
            self.longest.as_secs_f64()
        )?;
        notes.iter().try_for_each(|note| write!(f, "\n  ✗ {note}"))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HEAD}")?;
        self.0.iter().try_for_each(|row| write!(f, "\n{row}"))
    }
}

impl Table {
    pub fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    pub fn is_good(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(Row::is_good)
    }

    /// Puts it between the two marks of a document.
    pub fn write(&self, place: &Path) {
        let text = std::fs::read_to_string(place).unwrap();
        let (before, rest) = text.split_once(BEGIN).expect("where it begins");
        let (_, after) = rest.split_once(END).expect("where it ends");
        let told = |name| std::env::var(name).unwrap_or_else(|_| "unknown".to_owned());
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let (date, command) = (told("CHAOS_DATE"), told("CHAOS_COMMAND"));
        let measured = format!("Measured {date} with `{command}` on a machine with {cores} cores.");
        std::fs::write(place, format!("{before}{BEGIN}\n{measured}\n\n{self}\n{END}{after}")).unwrap();
    }
}

const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";
