//! What a client still has to get done: kept in order, sent again until it is settled, as the SDK's outbox does.
use tokio::time::Instant;

use crate::{
    kernel::{Code, Moment},
    live::core::Command,
};

/// So many commands may be unanswered on the wire.
const WINDOW: usize = 16;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// Recorded.
    Acked {
        /// The number that includes its effect.
        seq: u64,
        /// When.
        at: Moment,
    },
    /// Final.
    Refused(Code),
}

/// One command.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What.
    pub command: Command,
    /// Under which number it went out on the present connection.
    pub sent: Option<u64>,
    /// The server asked to wait until then.
    pub not_before: Option<Instant>,
    /// How many times it went out.
    pub attempts: u32,
    /// What became of it.
    pub settled: Option<Settled>,
}

/// All commands of one client, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Settled ones included.
    pub entries: Vec<Entry>,
    last: u64,
}

impl Outbox {
    /// One more.
    pub fn add(&mut self, command: Command) {
        self.entries.push(Entry { command, sent: None, not_before: None, attempts: 0, settled: None });
    }

    /// What may go out now. Two commands about the same thing never travel at once, so none overtakes.
    pub fn due(&mut self, now: Instant) -> Vec<(u64, Command)> {
        let mut busy = Vec::new();
        let mut out = Vec::new();
        let mut flying = self.entries.iter().filter(|entry| entry.settled.is_none() && entry.sent.is_some()).count();
        for entry in self.entries.iter_mut().filter(|entry| entry.settled.is_none()) {
            let subject = about(&entry.command);
            let free = entry.sent.is_none()
                && !busy.contains(&subject)
                && entry.not_before.is_none_or(|at| at <= now)
                && flying < WINDOW;
            busy.push(subject);
            if free {
                self.last += 1;
                flying += 1;
                entry.sent = Some(self.last);
                entry.attempts += 1;
                out.push((self.last, entry.command.clone()));
            }
        }
        out
    }

    /// When something that had to wait is due.
    pub fn next_due(&self) -> Option<Instant> {
        let waiting = self.entries.iter().filter(|entry| entry.settled.is_none() && entry.sent.is_none());
        waiting.filter_map(|entry| entry.not_before).min()
    }

    /// The connection is gone: everything unanswered goes out again on the next one.
    pub fn reset(&mut self) {
        for entry in &mut self.entries {
            entry.sent = None;
        }
    }

    /// An answer has come.
    pub fn settle(&mut self, reference: u64, settled: Settled) {
        if let Some(entry) = self.flying(reference) {
            entry.settled = Some(settled);
        }
    }

    /// Send it again, then.
    pub fn retry(&mut self, reference: u64, at: Instant) {
        if let Some(entry) = self.flying(reference) {
            entry.sent = None;
            entry.not_before = Some(at);
        }
    }

    fn flying(&mut self, reference: u64) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.settled.is_none() && entry.sent == Some(reference))
    }

    /// Is everything settled?
    pub fn is_settled(&self) -> bool {
        self.entries.iter().all(|entry| entry.settled.is_some())
    }
}

/// Commands with the same subject keep their order.
fn about(command: &Command) -> String {
    match command {
        Command::Vote { poll, .. } => format!("vote {poll}"),
        Command::Upvote { question, .. } => format!("upvote {question}"),
        _ => String::new(),
    }
}
