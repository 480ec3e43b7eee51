//! What becomes of the log of a session that is over: it moves into the archive, which is read where the log has a gap.
use std::time::Duration;

use tokio::time::Instant;

use super::{
    Live,
    core::SessionId,
    room::writer::{Key, WriteError, Writer},
};

/// No session is begun after so long in one round: others wait for the sweep, too.
const ROUND: Duration = Duration::from_secs(20);
/// So many sessions that could not be archived are passed over.
const PASSED_OVER: usize = 1_000;

impl Live {
    /// Archives the logs of sessions that have been over for as long as the operator wants them to stay in the log; some
    /// of them, the oldest first. What cannot be archived is tried again when nothing else is left. Returns how many
    /// events have moved.
    pub async fn archive(&self) -> Result<i64, sqlx::Error> {
        let Some(after) = self.inner.limits.archive_after else { return Ok(0) };
        let before = self.inner.clock.now() - after;
        let mut failed: Vec<SessionId> = self.inner.unarchived.lock().clone();
        let keys = self.inner.store.archivable(before, &failed).await?;
        if keys.is_empty() || failed.len() >= PASSED_OVER {
            failed.clear();
        }
        let (mut moved, began) = (0, Instant::now());
        for key in keys {
            if began.elapsed() >= ROUND || self.inner.tasks.closing().is_cancelled() {
                break;
            }
            match self.archive_one(key).await {
                Ok(events) => moved += events,
                Err(error) => {
                    tracing::warn!(session = %key.session, error, "not archived; others first");
                    failed.push(key.session);
                }
            }
        }
        *self.inner.unarchived.lock() = failed;
        if moved > 0 {
            tracing::info!(events = moved, "logs of sessions that are over archived");
        }
        Ok(moved)
    }

    async fn archive_one(&self, key: Key) -> Result<i64, String> {
        self.keep_last_snapshot(key).await?;
        self.inner.store.archive(key).await.map_err(|error| error.to_string())
    }

    /// The log is moved up to the newest snapshot: it shall hold everything.
    async fn keep_last_snapshot(&self, key: Key) -> Result<(), String> {
        let store = &self.inner.store;
        let writer = Writer::load(store.clone(), self.inner.clock.clone(), key).await;
        let writer = writer.map_err(|error: WriteError| error.to_string())?;
        store.keep_snapshot(key, writer.seq(), writer.state()).await
    }
}
