//! Does the bus carry? Whoever depends on it watches this, and is told when to compare numbers.
use std::{collections::BTreeMap, fmt, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::kernel::{Clock, Moment};

/// Does the bus carry what is published?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// As far as probes can tell.
    Carrying,
    /// No: what others commit is found by polling.
    Silent {
        /// Since when.
        since: Moment,
        /// What is wrong, for people; without secrets.
        why: Arc<str>,
    },
}

impl Health {
    /// Does it carry?
    pub fn carries(&self) -> bool {
        matches!(self, Self::Carrying)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Carrying => write!(f, "ok"),
            Self::Silent { since, why } => {
                write!(f, "degraded: {why}, since {}", since.format("%Y-%m-%dT%H:%M:%SZ"))
            }
        }
    }
}

/// What is told to those who watch.
#[derive(Debug, Clone)]
struct Told {
    health: Health,
    /// How many times something may have been missed.
    missed: u64,
}

/// Watches a bus.
#[derive(Debug, Clone)]
pub struct Watch(watch::Receiver<Told>);

impl Watch {
    /// Does the bus carry?
    pub fn health(&self) -> Health {
        self.0.borrow().health.clone()
    }
    /// Waits until the health has changed or something may have been missed: compare numbers now.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The bus is gone; nothing will change any more.
            std::future::pending::<()>().await;
        }
    }
    /// Waits until the bus carries.
    pub async fn carrying(&mut self) {
        if self.0.wait_for(|told| told.health.carries()).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
    /// Waits until the bus does not carry, and says why.
    pub async fn silent(&mut self) -> Health {
        match self.0.wait_for(|told| !told.health.carries()).await {
            Ok(told) => told.health.clone(),
            Err(_) => std::future::pending().await,
        }
    }
}

/// Where the parts of a bus say what is wrong with them; it carries when nothing is.
#[derive(Debug)]
pub(super) struct Board {
    clock: Clock,
    state: Mutex<State>,
    told: watch::Sender<Told>,
}

#[derive(Debug, Default)]
struct State {
    /// Which parts do not carry, and why.
    wrong: BTreeMap<String, Arc<str>>,
    /// What the log said last.
    logged: Option<bool>,
}

impl Default for Board {
    fn default() -> Self {
        Self::new(Clock::system())
    }
}

impl Board {
    /// Nothing is wrong.
    pub fn new(clock: Clock) -> Self {
        let told = Told { health: Health::Carrying, missed: 0 };
        Self { clock, state: Mutex::default(), told: watch::Sender::new(told) }
    }

    pub fn watch(&self) -> Watch {
        Watch(self.told.subscribe())
    }

    pub fn health(&self) -> Health {
        self.told.borrow().health.clone()
    }

    /// Something may have passed unheard.
    pub fn missed(&self) {
        self.told.send_modify(|told| told.missed += 1);
    }

    /// A part that is to carry is being connected. It does not carry yet, but that is no news for the log.
    pub fn pending(&self, part: &str) {
        let mut state = self.state.lock();
        state.wrong.insert(part.to_owned(), "not connected yet".into());
        self.publish(&state);
    }

    /// A part does not carry.
    pub fn wrong(&self, part: &str, why: &str) {
        let mut state = self.state.lock();
        if state.wrong.get(part).is_none_or(|known| &**known != why) {
            state.wrong.insert(part.to_owned(), why.into());
            self.tell(&mut state);
        }
    }

    /// A part carries again, or is not needed any more. True: that is news.
    pub fn right(&self, part: &str) -> bool {
        let mut state = self.state.lock();
        let news = state.wrong.remove(part).is_some();
        if news {
            self.tell(&mut state);
        }
        news
    }

    fn tell(&self, state: &mut State) {
        let first = state.wrong.first_key_value();
        // One line per change; another reason for the same silence is said to those who ask.
        if state.logged.replace(first.is_none()) != Some(first.is_none()) {
            match first {
                None => tracing::info!("the bus carries"),
                Some((part, why)) => {
                    tracing::warn!(part, why = &**why, "the bus does not carry; the database is polled instead");
                }
            }
        }
        self.publish(state);
    }

    fn publish(&self, state: &State) {
        let why = state.wrong.first_key_value().map(|(_, why)| why.clone());
        self.told.send_if_modified(|told| {
            let health = match (why, &told.health) {
                (None, _) => Health::Carrying,
                (Some(why), Health::Silent { since, .. }) => Health::Silent { since: *since, why },
                (Some(why), Health::Carrying) => Health::Silent { since: self.clock.now(), why },
            };
            let changed = told.health != health;
            told.health = health;
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_carries_when_all_parts_do() {
        let board = Board::new(Clock::system());
        let mut watch = board.watch();
        board.wrong("a", "gone");
        board.wrong("b", "slow");
        assert!(watch.silent().await.to_string().starts_with("degraded: gone, since 2"));
        board.right("a");
        assert!(board.health().to_string().contains(": slow,"));
        board.right("b");
        board.right("b");
        watch.carrying().await;
        assert_eq!(board.health().to_string(), "ok");
    }

    #[tokio::test]
    async fn a_silence_lasts_from_its_beginning_whatever_the_reason() {
        let clock = Clock::manual(Moment::UNIX_EPOCH);
        let board = Board::new(clock.clone());
        board.wrong("a", "refused");
        clock.advance(chrono::TimeDelta::seconds(5));
        board.wrong("a", "no answer");
        assert_eq!(board.health().to_string(), "degraded: no answer, since 1970-01-01T00:00:00Z");
    }

    #[tokio::test]
    async fn who_watches_hears_of_what_may_have_been_missed() {
        let board = Board::new(Clock::system());
        let mut watch = board.watch();
        board.missed();
        board.missed();
        watch.changed().await;
        assert!(tokio::time::timeout(std::time::Duration::ZERO, watch.changed()).await.is_err());
    }
}
