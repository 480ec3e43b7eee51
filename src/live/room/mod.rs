//! A room: one live session, open on this node. A single task owns it; everything else talks to it by message.
//!
//! While one batch is being committed, the next one gathers, and whoever looks is served from the committed state.
//! Nothing is acknowledged or shown before its commit.
pub mod acts;
mod attendance;
mod handle;
mod members;
mod others;
mod parting;
#[cfg(test)]
mod planted;
mod present;
mod show;
pub mod writer;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::mpsc, time::Instant};
use uuid::Uuid;

use self::{
    handle::{AttachRequest, Message, Reply, Said},
    members::Members,
    parting::Parting,
    show::Show,
    writer::{Ask, Batch, Key, Verdict, WriteError, Writer},
};
use super::{
    core::{ParticipantId, Session, SystemCommand, audience::Audience},
    log::Logged,
    presence::Board,
    protocol::ServerMessage,
    store::Store,
};
use crate::{
    bus::{Bus, Channel, Subscription},
    kernel::{Clock, Code, Refusal},
    runtime::Limits,
};
pub use handle::{Answer, Attached, Closed, Handle, Rejection, Viewer};
pub use show::{HEARTBEAT, encode};

/// Messages that may wait for a room.
const INBOX: usize = 2_048;
/// Commands that may wait for the next batch.
const PENDING: usize = 8_192;
/// A room without connections and work ends after this.
const IDLE: Duration = Duration::from_mins(1);
/// Most messages taken between two looks at the clock.
const MOST_AT_ONCE: usize = 256;
/// Most commands in one transaction.
const MOST_PER_BATCH: usize = 1_024;
/// At most one transaction per session in this time, when there is more than one to make.
const PACE: Duration = Duration::from_millis(5);
/// A snapshot is written after so many events.
const SNAPSHOT_EVERY: u64 = 5_000;
/// What arrives this close together goes together.
const GATHER: Duration = Duration::from_millis(1);
/// Until then a client that is still there knows what it did elsewhere.
const LATE_RETRY_MS: u32 = 50;
/// After a failed transaction, commands are turned away with `retry` for this long before the next attempt.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);

/// How a batch that could not be written is tried again.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Together,
    /// To find the one ask that the database refuses.
    Singly,
}

type Commit = BoxFuture<'static, (Writer, Result<Batch, WriteError>)>;

#[expect(clippy::struct_excessive_bools, reason = "independent facts about a running task, not modes")]
struct Room {
    key: Key,
    store: Store,
    clock: Clock,
    bus: Bus,
    limits: Limits,
    origin: Uuid,
    state: Session,
    seq: u64,
    shown: Arc<AtomicU64>,
    said: Said,
    show: Show,
    members: Members,
    board: Arc<Board>,
    /// Instructors whom nobody has seen for a while.
    unseen: BTreeSet<ParticipantId>,
    next_row: Instant,
    writer: Option<Writer>,
    failed: bool,
    pending: VecDeque<(Ask, Reply)>,
    /// The asks and replies of the batch that is being committed.
    under_way: Vec<(Ask, Reply)>,
    commit: Option<Commit>,
    last_commit: Instant,
    paused_until: Option<Instant>,
    behind: bool,
    /// Heard while the writer was away.
    unlearned: Vec<Logged>,
    /// The log is shorter than what was shown.
    deceived: bool,
    idle_since: Option<Instant>,
    refused_duplicates: u32,
    draining: bool,
    parting: Parting,
    /// Newcomers who hold more than is told here yet.
    early: Vec<AttachRequest>,
    next_tick: Instant,
    to_wake: BTreeSet<Audience>,
    wake_at: Option<Instant>,
    first_pending: Instant,
    /// Something has changed that the next tick may have to tell.
    news: bool,
    snapshot: Option<BoxFuture<'static, ()>>,
    snapshot_seq: u64,
}

/// Loads a session and makes its room. The returned future is the room; it ends when idle or drained.
pub async fn open(
    store: Store,
    bus: Bus,
    clock: Clock,
    limits: Limits,
    board: Arc<Board>,
) -> Result<(Handle, BoxFuture<'static, ()>), WriteError> {
    let key = board.key;
    let channel = Channel::live(key.organization, key.session.uuid());
    // Listen first, then read: what is published in between is either read or heard.
    let subscription = bus.subscribe(channel);
    let writer = Writer::load(store.clone(), clock.clone(), key).await?;
    let (inbox, messages) = mpsc::channel(INBOX);
    let seq = writer.seq();
    let shown = Arc::new(AtomicU64::new(seq));
    let said = Said::default();
    let now = Instant::now();
    let state = writer.state();
    let room = Room {
        said: said.clone(),
        key,
        store,
        bus,
        origin: clock.id::<()>().uuid(),
        clock,
        show: Show::new(&limits, &state, seq),
        members: Members::expecting(&state, now),
        board: board.clone(),
        unseen: BTreeSet::new(),
        next_row: now,
        state,
        seq,
        shown: shown.clone(),
        writer: Some(writer),
        failed: false,
        pending: VecDeque::new(),
        under_way: Vec::new(),
        commit: None,
        last_commit: now,
        paused_until: None,
        behind: false,
        unlearned: Vec::new(),
        deceived: false,
        idle_since: None,
        refused_duplicates: 0,
        draining: false,
        parting: Parting::default(),
        early: Vec::new(),
        next_tick: now,
        to_wake: BTreeSet::new(),
        wake_at: None,
        first_pending: now,
        news: true,
        snapshot: None,
        snapshot_seq: seq,
        limits,
    };
    room.note_documents();
    Ok((Handle::new(inbox, shown, said, board), room.run(messages, subscription).boxed()))
}

impl Room {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>, mut subscription: Subscription) {
        metrics::gauge!("atelier_live_rooms").increment(1.0);
        loop {
            self.start_commit();
            let committing = self.commit.is_some();
            let listening = self.pending.len() < PENDING && !messages.is_closed();
            let due = [self.wake_at, self.commit_due(), self.parting.next()]
                .into_iter()
                .flatten()
                .fold(self.next_tick, Instant::min);
            let saving = self.snapshot.is_some();
            tokio::select! {
                biased;
                done = settled(&mut self.commit), if committing => self.finish_commit(done),
                () = tokio::time::sleep_until(due) => self.on_time(),
                message = messages.recv(), if listening => self.handle_all(message, &mut messages),
                packet = subscription.next() => self.hear(packet.as_ref()),
                () = settled(&mut self.snapshot), if saving => self.snapshot = None,
            }
            if self.may_end() {
                // Whoever is still in the inbox learns that the room is closed, and opens it anew.
                messages.close();
                break;
            }
        }
        if self.seq > self.snapshot_seq && !self.deceived {
            writer::snapshot(self.store, self.key, self.state, self.seq).await;
        }
        metrics::gauge!("atelier_live_rooms").decrement(1.0);
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self.wake_at.is_some_and(|at| at <= now) {
            self.wake();
        }
        if self.next_tick <= now {
            self.tick();
        }
        self.part_some(now);
    }

    fn may_end(&self) -> bool {
        let quiet = self.commit.is_none() && self.pending.is_empty();
        let idle = self.idle_since.is_some_and(|since| since.elapsed() >= IDLE) && !self.members.anybody_away();
        quiet && (idle || (self.draining && self.members.is_empty()))
    }

    /// Takes what waits, but not so much that the tick would come late.
    fn handle_all(&mut self, first: Option<Message>, messages: &mut mpsc::Receiver<Message>) {
        match first {
            Some(message) => self.handle(message),
            // Nobody holds a handle any more.
            None => self.draining = true,
        }
        for _ in 1..MOST_AT_ONCE {
            if self.pending.len() >= PENDING {
                break;
            }
            let Ok(message) = messages.try_recv() else { break };
            self.handle(message);
        }
    }

    fn handle(&mut self, message: Message) {
        // To be told that there is more to read is nobody's interest in the room.
        if !matches!(message, Message::CatchUp(_) | Message::Documents) {
            self.idle_since = None;
        }
        match message {
            Message::Ask(mut ask, reply) => {
                self.inform(&mut ask);
                self.enqueue(ask, reply);
            }
            Message::Attach(request) => self.attach(request),
            Message::Detach(connection) => {
                if let Some(member) = self.members.remove(connection, Instant::now()) {
                    self.news = true;
                    self.show.leave(member.audience);
                }
            }
            Message::Look(look) => look(self.seq, &self.state),
            Message::CatchUp(head) => self.behind |= head > self.seq,
            Message::Documents => self.look_at_documents(),
            Message::Drain(over) => self.drain(over),
        }
    }

    fn enqueue(&mut self, ask: Ask, reply: Reply) {
        if self.paused_until.is_some_and(|until| Instant::now() < until) {
            self.ask_again(&ask);
            return self.turn_away(reply, Code::Unavailable, 800);
        }
        if self.pending.is_empty() {
            self.first_pending = Instant::now();
        }
        self.pending.push_back((ask, reply));
    }

    /// What nobody waits for must not be forgotten when it could not be done: those who seemed gone are given a new
    /// grace, and asked for again.
    fn ask_again(&mut self, ask: &Ask) {
        if let Ask::System(SystemCommand::Leave(people)) = ask {
            for person in people {
                self.members.expect(*person, Instant::now());
            }
        }
    }

    fn turn_away(&self, reply: Reply, code: Code, after_ms: u32) {
        metrics::counter!("atelier_live_retries_total").increment(1);
        // Spread out, so that everybody does not come back at the same moment.
        let spread = u32::try_from(self.pending.len() % 400).unwrap_or(0);
        let rejection = Rejection::Retry { code, after_ms: after_ms + spread };
        Self::answer(reply, Err(rejection));
    }

    fn answer(reply: Reply, answer: Answer) {
        match reply {
            Reply::Line(line, reference) => line.answer(encode(&ServerMessage::answer(reference, answer))),
            Reply::Caller(reply) => {
                let _ = reply.send(answer);
            }
            Reply::Attach(request) => {
                if let Err(rejection) = answer {
                    let _ = request.reply.send(Err(rejection));
                }
            }
            Reply::Nobody => {}
        }
    }

    // --- writing

    /// When the next transaction begins: none while one is under way or nothing is to be written.
    fn commit_due(&self) -> Option<Instant> {
        if self.commit.is_some() || (self.pending.is_empty() && !self.behind) {
            return None;
        }
        let due = (self.last_commit + PACE).max(self.first_pending + GATHER);
        Some(self.paused_until.map_or(due, |until| until.max(due)))
    }

    fn start_commit(&mut self) {
        if self.commit_due().is_none_or(|due| Instant::now() < due) {
            return;
        }
        let Some(mut writer) = self.writer.take() else { return };
        writer.learn(&std::mem::take(&mut self.unlearned));
        if self.failed {
            writer.reset(&self.state, self.seq);
            self.failed = false;
        }
        self.behind = false;
        self.paused_until = None;
        let most = self.pending.len().min(MOST_PER_BATCH);
        self.under_way = self.pending.drain(..most).collect();
        self.under_way.iter_mut().for_each(|(ask, _)| self.members.spare(ask));
        #[cfg(test)]
        self.look_ahead();
        let asks: Vec<Ask> = self.under_way.iter().map(|(ask, _)| ask.clone()).collect();
        self.commit = Some(
            async move {
                let result = writer.commit(&asks).await;
                (writer, result)
            }
            .boxed(),
        );
    }

    fn finish_commit(&mut self, (writer, result): (Writer, Result<Batch, WriteError>)) {
        self.commit = None;
        metrics::histogram!("atelier_live_commit_seconds").record(self.last_commit.elapsed().as_secs_f64());
        self.last_commit = Instant::now();
        self.writer = Some(writer);
        match result {
            Ok(batch) => self.committed(batch),
            Err(WriteError::Overtaken) => {
                metrics::counter!("atelier_live_batches_overtaken_total").increment(1);
                self.commit_again(Manner::Together);
            }
            Err(error) if error.may_be_one_asks_fault() && self.under_way.len() > 1 => {
                tracing::error!(session = %self.key.session, %error, "a batch was refused; trying one by one");
                self.commit_again(Manner::Singly);
            }
            Err(error) => self.commit_failed(&error),
        }
    }

    /// The same batch once more, from what is known to be committed.
    fn commit_again(&mut self, manner: Manner) {
        let Some(mut writer) = self.writer.take() else { return };
        writer.learn(&std::mem::take(&mut self.unlearned));
        writer.reset(&self.state, self.seq);
        let asks: Vec<Ask> = self.under_way.iter().map(|(ask, _)| ask.clone()).collect();
        self.commit = Some(
            async move {
                let result = match manner {
                    Manner::Together => writer.commit(&asks).await,
                    Manner::Singly => writer.commit_singly(&asks).await,
                };
                (writer, result)
            }
            .boxed(),
        );
    }

    fn commit_failed(&mut self, error: &WriteError) {
        tracing::warn!(session = %self.key.session, %error, "batch not written; clients are told to retry");
        metrics::counter!("atelier_live_commit_failures_total").increment(1);
        self.failed = !planted!(DraftKept);
        self.behind = true;
        // Neither becomes better by trying again.
        if matches!(error, WriteError::Deceived | WriteError::Torn { .. }) {
            self.deceived |= matches!(error, WriteError::Deceived);
            self.send_away();
        }
        if !error.may_be_one_asks_fault() {
            self.paused_until = Some(Instant::now() + PAUSE_AFTER_FAILURE);
        }
        for (ask, reply) in std::mem::take(&mut self.under_way) {
            self.ask_again(&ask);
            match error {
                WriteError::Gone => Self::answer(reply, Err(Rejection::Refused(Refusal::new(Code::NotFound)))),
                error if error.may_be_one_asks_fault() => {
                    Self::answer(reply, Err(Rejection::Refused(Refusal::new(Code::Internal))));
                }
                _ => self.turn_away(reply, Code::Unavailable, 800),
            }
        }
    }

    fn committed(&mut self, batch: Batch) {
        metrics::counter!("atelier_live_commits_total").increment(1);
        metrics::histogram!("atelier_live_batch_commands").record(to_f64(batch.verdicts.len()));
        metrics::counter!("atelier_live_events_total").increment(batch.events.len() as u64);
        self.publish(&batch);
        self.publish_rights(&batch);
        self.advance(batch.events);
        self.keep_snapshot();
        self.behind |= batch.behind;
        if batch.behind {
            // Nothing was decided: what waits goes on waiting, in its order.
            let waiting = std::mem::take(&mut self.under_way);
            waiting.into_iter().rev().for_each(|ask| self.pending.push_front(ask));
        }
        for ((ask, reply), verdict) in std::mem::take(&mut self.under_way).into_iter().zip(batch.verdicts) {
            self.settle(ask, reply, verdict);
        }
        self.close_if_over();
    }

    /// Beside the work: a snapshot only shortens the next load.
    fn keep_snapshot(&mut self) {
        if self.snapshot.is_none() && self.seq >= self.snapshot_seq + SNAPSHOT_EVERY {
            self.snapshot_seq = self.seq;
            let kept = writer::snapshot(self.store.clone(), self.key, self.state.clone(), self.seq);
            self.snapshot = Some(kept.boxed());
        }
    }

    fn settle(&mut self, ask: Ask, reply: Reply, verdict: Verdict) {
        match verdict {
            Verdict::Done { seq, at } => match (ask, reply) {
                (Ask::System(SystemCommand::Join(join)), Reply::Attach(request)) => {
                    match self.state.participant_of(join.user) {
                        Some(participant) => self.admit(*request, Some(participant)),
                        None => Self::answer(Reply::Attach(request), Err(retry_soon())),
                    }
                }
                // The room has caught up with what this client had seen elsewhere.
                (_, Reply::Attach(request)) => self.seat(*request),
                (_, reply) => Self::answer(reply, Ok((seq, at))),
            },
            Verdict::Late => {
                metrics::counter!("atelier_live_late_commands_total").increment(1);
                tracing::debug!(session = %self.key.session, "a command came after what its sender did since");
                self.turn_away(reply, Code::Conflict, LATE_RETRY_MS);
            }
            Verdict::Refused(refusal) if refusal.code == Code::Removed && self.has_only_left(&ask) => {
                self.turn_away(reply, Code::Unavailable, LATE_RETRY_MS);
            }
            Verdict::Refused(refusal) => {
                if refusal.code == Code::AlreadyVoted {
                    self.refused_duplicates += 1;
                    self.news = true;
                }
                Self::answer(reply, Err(Rejection::Refused(refusal)));
            }
        }
    }
}

async fn settled<T>(under_way: &mut Option<BoxFuture<'static, T>>) -> T {
    match under_way {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

fn retry_soon() -> Rejection {
    Rejection::Retry { code: Code::Unavailable, after_ms: 200 }
}

fn to_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
