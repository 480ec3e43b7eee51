//! Batches into the database, and what is committed to everybody: connections here, other nodes, the snapshot.
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::{
    Batch, FROZEN, PACE, RETRY, Room,
    others::{ASK, LEASE},
    owners,
    peers::Said,
    versions::VERSION,
    writer::{self, Key, Work, WriteError, Written},
};
use crate::{
    bus::{MOST_BYTES, Packet},
    collab::{
        awareness::Announcement,
        document::{Document, Outcome},
        gate::Limits,
        history::{self, authorship::Owner},
        lib0::{Reader, Writer},
        store::{self, Stored},
    },
    db::Db,
    kernel::{Id, caller},
};

/// What a packet holds: committed updates, who is looking, that everybody shall come in again, or news for editors.
const UPDATES: u8 = 0;
const AWARENESS: u8 = 1;
pub(super) const RIGHTS: u8 = 2;
const NEWS: u8 = 3;
/// Merging a log takes no longer.
const COMPACTION: Duration = Duration::from_mins(1);
/// Our names in one packet, at most; more than are ever looking.
const MOST_UPDATES: usize = 4_096;

impl Room {
    pub(super) fn commit_due(&self) -> Option<Instant> {
        let work = !self.next.drafts.is_empty() || !self.next.dues.is_empty() || self.behind;
        if self.commit.is_some() || !work {
            return None;
        }
        let due = self.last_commit + PACE;
        Some(self.not_before.map_or(due, |until| until.max(due)))
    }

    pub(super) fn start_commit(&mut self) {
        if self.commit.is_none() && self.next.drafts.is_empty() && !self.behind {
            // Nothing is unsaved: who asks is told so at once.
            for due in std::mem::take(&mut self.next.dues) {
                self.settle(due);
            }
        }
        if self.commit_due().is_none_or(|due| Instant::now() < due) {
            return;
        }
        self.behind = false;
        self.not_before = None;
        self.under_way = std::mem::take(&mut self.next);
        self.commit_began = Instant::now();
        let drafts: Vec<_> = self.under_way.drafts.iter().map(|(draft, _)| draft.clone()).collect();
        let ask = self.owners.are_open(&drafts);
        let node = self.origin.to_string();
        self.commit = Some(
            writer::write(self.db.clone(), self.clock.clone(), self.key, self.seq, Work { drafts, ask }, node).boxed(),
        );
    }

    pub(super) fn finish_commit(&mut self, result: Result<Written, WriteError>) {
        metrics::histogram!("atelier_collab_commit_seconds").record(self.commit_began.elapsed().as_secs_f64());
        self.last_commit = Instant::now();
        let batch = std::mem::take(&mut self.under_way);
        match result {
            Ok(written) => self.committed(batch, &written),
            Err(error @ (WriteError::Frozen | WriteError::Gone | WriteError::Broken)) => {
                tracing::info!(document = %self.key.document, %error, "changes refused");
                let frozen = matches!(error, WriteError::Frozen);
                batch.dues.into_iter().for_each(|due| self.refuse(due, frozen));
                if frozen {
                    self.peers.tell_all(Said::Stateless(FROZEN), None);
                }
                // The document here holds what will never be: everybody begins anew from the database.
                self.give_up("changes refused");
            }
            // The next one who opens it knows more.
            Err(WriteError::Foreign) => self.give_up("pieces of another person's client"),
            // Not refused: whoever wrote them brings them again to a document that knows what the others wrote.
            Err(WriteError::Taken) => self.give_up("pieces of the same numbers were written elsewhere"),
            Err(error) => {
                tracing::warn!(document = %self.key.document, %error, "changes not written; trying again");
                metrics::counter!("atelier_collab_commit_failures_total").increment(1);
                self.not_before = Some(Instant::now() + RETRY);
                self.put_back(batch);
            }
        }
    }

    /// Nothing is dropped: it goes first the next time. Should the failed transaction have happened after all, its
    /// updates come a second time, which changes nothing.
    fn put_back(&mut self, batch: Batch) {
        let later = std::mem::replace(&mut self.next, batch);
        self.next.drafts.extend(later.drafts);
        self.next.dues.extend(later.dues);
        self.behind = true;
    }

    fn committed(&mut self, batch: Batch, written: &Written) {
        metrics::counter!("atelier_collab_updates_total").increment(batch.drafts.len() as u64);
        if !written.missed.is_empty() {
            metrics::counter!("atelier_collab_log_pulls_total").increment(1);
        }
        self.take_in(&written.missed);
        self.owners.learn(written.owners.iter().copied());
        batch.drafts.iter().for_each(|(draft, _)| self.owners.saved(draft));
        self.rights_changed(written.rights);
        for (draft, from) in &batch.drafts {
            self.unwritten = self.unwritten.saturating_sub(draft.payload.len());
            self.peers.tell_all(Said::Update(&draft.payload), *from);
        }
        self.seq = self.seq.max(written.to);
        self.resident.shows(self.seq);
        self.resident.weighs(self.document.size().memory());
        if let Some(since) = batch.since {
            metrics::histogram!("atelier_collab_ack_seconds").record(since.elapsed().as_secs_f64());
        }
        for due in batch.dues {
            self.settle(due);
        }
        if batch.drafts.iter().any(|(draft, _)| draft.before.is_some()) {
            self.tell_news(VERSION);
        }
        if !batch.drafts.is_empty() {
            self.written();
            let updates: Vec<&[u8]> = batch.drafts.iter().map(|(draft, _)| draft.payload.as_slice()).collect();
            let mut payload = encode_updates(&updates);
            self.owners.encode(batch.drafts.iter().map(|(draft, _)| draft), &mut payload);
            self.publish(written.after, written.to, payload.finish());
        }
        if written.compact && self.compacting.is_none() {
            self.compact();
        }
        self.try_held();
    }

    /// What others have committed: integrated here and told to the connections of this node.
    fn take_in(&mut self, missed: &[Stored]) {
        for stored in missed {
            self.take_in_one(&stored.payload);
            self.seq = self.seq.max(stored.seq);
        }
    }

    fn take_in_one(&mut self, update: &[u8]) {
        match self.document.integrate(update, &Limits::OWN) {
            Outcome::Integrated(delta) => {
                self.written();
                self.peers.tell_all(Said::Update(&delta.bytes), None);
            }
            Outcome::Known => {}
            // The log is complete in its order: what does not fit now never will.
            Outcome::Missing(_) | Outcome::Foreign(_) | Outcome::Bad(_) | Outcome::Full | Outcome::Broken(_) => {
                self.give_up("an update of the log does not fit");
            }
        }
    }

    pub(super) fn hear(&mut self, packet: Option<&Packet>) {
        let Some(packet) = packet else { return self.reunite() };
        if packet.origin == self.origin {
            return;
        }
        match packet.payload.split_first() {
            Some((&AWARENESS, json)) => {
                if let Ok(news) = serde_json::from_slice::<Vec<Announcement>>(json) {
                    let now = Instant::now();
                    self.hear_lease(packet.origin, now);
                    let told = self.awareness.told(packet.origin, &news, now);
                    self.tell_awareness(&told, None);
                }
            }
            Some((&ASK, asked)) => self.answer(asked),
            Some((&LEASE, _)) => self.hear_lease(packet.origin, Instant::now()),
            Some((&NEWS, json)) => {
                if let Ok(news) = std::str::from_utf8(json) {
                    self.hear_of_columns(news);
                    self.peers.tell_all(Said::Stateless(news), None);
                }
            }
            Some((&RIGHTS, rights)) => self.hear_rights(rights),
            _ if packet.to <= self.seq => {}
            Some((&UPDATES, rest)) if packet.after == self.seq && self.commit.is_none() => match decode_updates(rest) {
                Some((updates, owners)) => {
                    self.owners.learn(owners);
                    for update in updates {
                        self.take_in_one(update);
                    }
                    self.seq = self.seq.max(packet.to);
                    self.resident.shows(self.seq);
                    self.try_held();
                }
                None => self.behind = true,
            },
            _ => self.behind = true,
        }
    }

    pub(super) fn publish(&self, after: u64, to: u64, payload: Vec<u8>) {
        let payload = if payload.len() > MOST_BYTES { Vec::new() } else { payload };
        self.bus.publish(self.channel, Packet { origin: self.origin, after, to, payload: payload.into() });
    }

    pub(super) fn publish_awareness(&self, news: &[Announcement]) {
        if let (false, Ok(json)) = (news.is_empty(), serde_json::to_vec(news)) {
            let mut payload = vec![AWARENESS];
            payload.extend(json);
            self.publish(self.seq, self.seq, payload);
        }
    }

    pub(super) fn publish_news(&self, news: &str) {
        self.publish(self.seq, self.seq, [&[NEWS], news.as_bytes()].concat());
    }

    /// Beside the work. Only of what is committed: the document here holds also what may still be refused.
    fn compact(&mut self) {
        let (db, key) = (self.db.clone(), self.key);
        self.compacting = Some(
            async move {
                match tokio::time::timeout(COMPACTION, compacted(&db, key)).await {
                    Ok(Ok(true)) => metrics::counter!("atelier_collab_compactions_total").increment(1),
                    Ok(Ok(false)) => {
                        tracing::error!(document = %key.document, "the merged state is not the same document; kept as it is");
                    }
                    failed => tracing::warn!(document = %key.document, ?failed, "log not merged; tried again later"),
                }
            }
            .boxed(),
        );
    }

    pub(super) fn keep_in_quarantine(&mut self, update: Vec<u8>, why: String, author: Option<Id<caller::User>>) {
        let (db, key) = (self.db.clone(), self.key);
        let before = self.compacting.take();
        // The room ends when this is done; it waits for compaction anyway.
        self.compacting = Some(
            async move {
                if let Some(before) = before {
                    before.await;
                }
                let stored = async {
                    let mut tx = db.tenant_as(key.organization, None).await?;
                    store::quarantine(&mut tx, key.document, &update, &why, author).await?;
                    tx.commit().await
                };
                if let Err(error) = stored.await {
                    tracing::warn!(document = %key.document, %error, "an update was not kept in quarantine");
                }
            }
            .boxed(),
        );
    }
}

/// Merges the log into the snapshot, if the merged state is found to be the same document. False: it is not.
async fn compacted(db: &Db, key: Key) -> Result<bool, WriteError> {
    let mut tx = db.tenant_as(key.organization, None).await?;
    let Some((kind, upto, parts)) = store::parts(&mut tx, key.document).await? else { return Ok(true) };
    tx.commit().await?;
    let merging = tokio::task::spawn_blocking(move || {
        Document::load(kind.schema(), 0, parts.iter().map(Vec::as_slice)).ok()?.compacted().ok()
    });
    let Some(merged) = merging.await.ok().flatten().filter(|merged| !merged.differs) else { return Ok(false) };
    let mut tx = db.tenant_as(key.organization, None).await?;
    store::compact(&mut tx, key.document, upto, &merged.state).await?;
    history::authorship::bound(&mut tx, key.document).await?;
    tx.commit().await?;
    Ok(true)
}

fn encode_updates(updates: &[&[u8]]) -> Writer {
    let mut writer = Writer::new();
    writer.byte(UPDATES).uint(updates.len() as u64);
    for update in updates {
        writer.bytes(update);
    }
    writer
}

/// The updates in a packet, and whose the clients in them are.
type Told<'a> = (Vec<&'a [u8]>, Vec<(u64, Owner)>);

fn decode_updates(bytes: &[u8]) -> Option<Told<'_>> {
    let mut reader = Reader::new(bytes);
    let count = usize::try_from(reader.uint().ok()?).ok().filter(|count| *count <= MOST_UPDATES)?;
    let updates = (0..count).map(|_| reader.bytes().ok()).collect::<Option<_>>()?;
    // Nodes of an older version say nothing behind that, and hear nothing of it.
    Some((updates, owners::decode(&mut reader)))
}
