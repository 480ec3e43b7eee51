//! The columns of an open document, written a little after it was. Beside the work, from what is saved.
use std::time::{Duration, Instant};

use futures_util::{FutureExt, future::BoxFuture};
use serde::Deserialize;

use super::Room;
use crate::collab::{
    Settings,
    materialise::{self, Patience, Projected},
};

/// Between two attempts while another node is at it.
const ELSEWHERE: Duration = Duration::from_secs(2);
/// After it did not work.
const AGAIN: Duration = Duration::from_secs(10);
/// It takes longer only when something is wrong.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// The same when the document is about to be closed: a sweep does what is left.
const LAST_DEADLINE: Duration = Duration::from_secs(5);

/// Everything that was typed can only be read from now on.
pub const FROZEN: &str = r#"{"type":"frozen"}"#;
/// It can be written again.
pub const THAWED: &str = r#"{"type":"thawed"}"#;

/// How far the columns of a document are.
#[derive(Default)]
pub(super) struct Columns {
    due: Option<Instant>,
    latest: Option<Instant>,
    /// Up to which number editors have been told of them.
    told: u64,
    pub(super) under_way: Option<BoxFuture<'static, Attempt>>,
}

/// What became of the attempt to write them.
pub(super) enum Attempt {
    Done(Projected),
    /// Another node is at it.
    Elsewhere,
    Failed,
}

/// What editors are told, as far as it matters here.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    seq: u64,
}

impl Columns {
    /// Of a document that was changed after they were last written.
    pub(super) fn behind(now: Instant, settings: &Settings) -> Self {
        let (due, latest) = (now + settings.columns_after, now + settings.columns_latest);
        Self { due: Some(due.min(latest)), latest: Some(latest), ..Self::default() }
    }
    /// Is nothing to be done?
    pub(super) fn are_settled(&self) -> bool {
        self.due.is_none() && self.under_way.is_none()
    }
    /// When they are to be written, unless they are being written.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.under_way.is_none())
    }
}

impl Room {
    /// Something was saved: soon they will be written.
    pub(super) fn columns_are_behind(&mut self) {
        if !self.kind.has_columns() {
            return;
        }
        let now = Instant::now();
        let latest = *self.columns.latest.get_or_insert(now + self.settings.columns_latest);
        let soon = self.peers.is_empty() || self.ending;
        let after = if soon { Duration::ZERO } else { self.settings.columns_after };
        self.columns.due = Some((now + after).min(latest));
    }

    /// Nobody writes any more: no need to wait.
    pub(super) fn hurry_columns(&mut self) {
        if self.columns.due.is_some() {
            self.columns.due = Some(Instant::now());
        }
    }

    pub(super) fn write_columns(&mut self, now: Instant) {
        if self.columns.due().is_none_or(|due| now < due) {
            return;
        }
        (self.columns.due, self.columns.latest) = (None, None);
        let (db, clock, key) = (self.db.clone(), self.clock.clone(), self.key);
        let deadline = if self.ending { LAST_DEADLINE } else { DEADLINE };
        let attempt = async move {
            let work = materialise::project(&db, &clock, key, Patience::Leave);
            match tokio::time::timeout(deadline, work).await {
                Ok(Ok(Some(projected))) => Attempt::Done(projected),
                Ok(Ok(None)) => Attempt::Elsewhere,
                failed => {
                    let error = failed.map(|made| made.map(drop));
                    tracing::warn!(document = %key.document, ?error, "columns not written; tried again later");
                    metrics::counter!("atelier_collab_projections_total", "result" => "failed").increment(1);
                    Attempt::Failed
                }
            }
        };
        self.columns.under_way = Some(attempt.boxed());
    }

    pub(super) fn columns_written(&mut self, attempt: Attempt) {
        let again = match attempt {
            Attempt::Done(Projected { seq, error }) => {
                if seq > self.columns.told {
                    self.columns.told = seq;
                    let news = serde_json::json!({ "type": "materialised", "seq": seq, "error": error });
                    self.tell_news(&news.to_string());
                }
                return;
            }
            Attempt::Elsewhere => ELSEWHERE,
            Attempt::Failed => AGAIN,
        };
        if self.ending {
            // Nobody waits for it here: the sweep finds it.
            (self.columns.due, self.columns.latest) = (None, None);
            return;
        }
        self.columns.due.get_or_insert(Instant::now() + again);
    }

    /// Another node has told editors something: perhaps that there is nothing left to do here.
    pub(super) fn hear_of_columns(&mut self, news: &str) {
        let told = serde_json::from_str::<Told>(news).ok().filter(|told| told.kind == "materialised");
        let Some(Told { seq, .. }) = told else { return };
        self.columns.told = self.columns.told.max(seq);
        if seq >= self.seq {
            (self.columns.due, self.columns.latest) = (None, None);
        }
    }
}
