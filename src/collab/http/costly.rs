//! Requests that cost more than others: each person has a budget of them, and a server works on a few at a time.
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    http::Problem,
    identity::{Identity, Presented},
    kernel::Code,
};

/// So many are worked on at a time, whoever asks.
const MOST_AT_ONCE: usize = 8;
/// Nobody waits longer for a turn.
const WAIT: Duration = Duration::from_secs(5);

static TURNS: Semaphore = Semaphore::const_new(MOST_AT_ONCE);

/// One of these requests; the next one may begin when the turn is dropped.
pub(super) async fn turn(identity: &Identity, presented: &Presented) -> Result<SemaphorePermit<'static>, Problem> {
    identity.limits.documents(presented.user)?;
    match tokio::time::timeout(WAIT, TURNS.acquire()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(Problem::new(Code::Unavailable).retry_after(2)),
    }
}

/// Does what takes long where nobody else has to wait for it.
pub(super) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
}
