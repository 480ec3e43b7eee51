//! What becomes of the log of a session that is over: it moves into the archive, which is read where the log has a gap.
use super::{
    Live,
    room::writer::{Key, WriteError, Writer},
};

impl Live {
    /// Archives the logs of sessions that have been over for as long as the operator wants them to stay in the log; some
    /// of them, the oldest first. Returns how many events have moved.
    pub async fn archive(&self) -> Result<i64, sqlx::Error> {
        let Some(after) = self.inner.limits.archive_after else { return Ok(0) };
        let before = self.inner.clock.now() - after;
        let mut moved = 0;
        for key in self.inner.store.archivable(before).await? {
            if let Err(error) = self.keep_last_snapshot(key).await {
                tracing::warn!(session = %key.session, error, "not archived: no snapshot could be kept");
                continue;
            }
            moved += self.inner.store.archive(key).await?;
        }
        if moved > 0 {
            tracing::info!(events = moved, "logs of sessions that are over archived");
        }
        Ok(moved)
    }

    /// The log is moved up to the newest snapshot: it shall hold everything.
    async fn keep_last_snapshot(&self, key: Key) -> Result<(), String> {
        let store = &self.inner.store;
        let writer = Writer::load(store.clone(), self.inner.clock.clone(), key).await;
        let writer = writer.map_err(|error: WriteError| error.to_string())?;
        store.keep_snapshot(key, writer.seq(), writer.state()).await
    }
}
