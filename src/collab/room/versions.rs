//! Versions that are kept by themselves while people write, and news that editors are told without being asked.
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::{Room, peers::Said};
use crate::collab::history::{self, HistoryError};

/// A version is told to be there.
pub const VERSION: &str = r#"{"type":"version"}"#;
/// After a version could not be kept.
const AGAIN: Duration = Duration::from_mins(1);
/// It takes longer only when something is wrong.
const DEADLINE: Duration = Duration::from_secs(30);

/// What became of the attempt to keep a version.
pub(super) struct Attempt {
    kept: bool,
    /// When to look again.
    next: Option<Duration>,
}

impl Room {
    /// Something was written: from now on it takes a while to the next version, and a moment to the columns.
    pub(super) fn written(&mut self) {
        self.columns_are_behind();
        self.version_due.get_or_insert_with(|| Instant::now() + self.settings.versions_every);
    }

    /// Beside the work, as the log has it.
    pub(super) fn keep_version(&mut self, now: Instant) {
        if self.keeping.is_some() || self.version_due.is_none_or(|due| now < due) {
            return;
        }
        self.version_due = None;
        let (db, key, clock, every) = (self.db.clone(), self.key, self.clock.clone(), self.settings.versions_every);
        let work = async move {
            let mut tx = db.tenant_as(key.organization, None).await?;
            let kept = history::keep_scheduled(&mut tx, &clock, key.document, every).await?;
            let unkept = history::unkept_for(&mut tx, key.document).await?;
            tx.commit().await?;
            Ok::<_, HistoryError>(Attempt { kept, next: unkept.map(|age| every.saturating_sub(age)) })
        };
        let attempt = async move {
            match tokio::time::timeout(DEADLINE, work).await {
                Ok(Ok(attempt)) => attempt,
                failed => {
                    let error = failed.map(|made| made.map(drop));
                    tracing::warn!(document = %key.document, ?error, "no version kept; tried again later");
                    Attempt { kept: false, next: Some(AGAIN) }
                }
            }
        };
        self.keeping = Some(attempt.boxed());
    }

    pub(super) fn version_kept(&mut self, attempt: &Attempt) {
        self.keeping = None;
        if let Some(next) = attempt.next {
            // Never at once again, whatever the clocks say.
            self.version_due.get_or_insert_with(|| Instant::now() + next.max(Duration::from_secs(1)));
        }
        if attempt.kept {
            metrics::counter!("atelier_collab_versions_total").increment(1);
            self.tell_news(VERSION);
        }
    }

    /// Tells all editors, here and on other nodes.
    pub(super) fn tell_news(&self, news: &str) {
        self.peers.tell_all(Said::Stateless(news), None);
        self.publish_news(news);
    }
}
