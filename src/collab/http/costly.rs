//! Requests that cost more than others: each person has a budget of them, and a server works on a few at a time.
use crate::{
    collab::{Collab, turns::Turn},
    http::Problem,
    identity::{Identity, Presented},
    kernel::Code,
};

/// One of these requests; the next one may begin when the turn is dropped.
pub(super) async fn turn<'a>(
    collab: &'a Collab,
    identity: &Identity,
    presented: &Presented,
) -> Result<Turn<'a>, Problem> {
    identity.limits.documents(presented.user)?;
    collab.turns().question().await.ok_or_else(busy)
}

/// Too many others are before.
pub(super) fn busy() -> Problem {
    Problem::new(Code::Unavailable).retry_after(2)
}

/// Does what takes long where nobody else has to wait for it.
pub(super) async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(Problem::internal)
}
