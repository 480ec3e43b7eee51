//! Work on documents that takes long: a server does a few pieces of it at a time, beside everything else.
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// So many costly questions at a time, whoever asks: what has changed, who wrote what, other forms.
const QUESTIONS: usize = 8;
/// So many changes without a socket: reading a long text and finding the smallest change takes a core each.
const CHANGES: usize = 2;
/// Nobody waits longer for a turn.
const WAIT: Duration = Duration::from_secs(10);

/// The turns of one server.
#[derive(Debug)]
pub struct Turns {
    questions: Semaphore,
    changes: Semaphore,
}

/// Whose turn it is, until this is dropped.
pub type Turn<'a> = SemaphorePermit<'a>;

impl Default for Turns {
    fn default() -> Self {
        Self { questions: Semaphore::new(QUESTIONS), changes: Semaphore::new(CHANGES) }
    }
}

impl Turns {
    /// To ask something costly. None: too many others are before.
    pub async fn question(&self) -> Option<Turn<'_>> {
        waited(&self.questions).await
    }
    /// To change a document. None: too many others are before.
    pub async fn change(&self) -> Option<Turn<'_>> {
        waited(&self.changes).await
    }
}

async fn waited(turns: &Semaphore) -> Option<Turn<'_>> {
    tokio::time::timeout(WAIT, turns.acquire()).await.ok()?.ok()
}
