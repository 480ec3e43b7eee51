//! What happened, in order: always as a hash, and in words when somebody wants to read it.
use std::{
    collections::hash_map::DefaultHasher,
    fmt::Write,
    hash::{Hash, Hasher},
    time::Duration,
};

/// The trace of one run.
#[derive(Debug)]
pub struct Trace {
    hasher: DefaultHasher,
    words: Option<String>,
    /// How many things happened.
    pub count: u64,
}

impl Trace {
    /// Nothing has happened. `in_words`: keep it readable, too.
    pub fn new(in_words: bool) -> Self {
        // Not RandomState: its keys differ in each process.
        Self { hasher: DefaultHasher::new(), words: in_words.then(String::new), count: 0 }
    }
    /// Something happened.
    pub fn note(&mut self, at: Duration, what: &str, facts: &[u64], words: impl FnOnce() -> String) {
        self.count += 1;
        (at, what, facts).hash(&mut self.hasher);
        if let Some(all) = &mut self.words {
            let _ = writeln!(all, "{:>9.3} {what:<12} {}", at.as_secs_f64(), words());
        }
    }
    /// The same for the same course of things.
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }
    /// In words, if they were kept.
    pub fn take_words(&mut self) -> String {
        self.words.take().unwrap_or_default()
    }
}

/// A short name for some bytes.
pub fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
