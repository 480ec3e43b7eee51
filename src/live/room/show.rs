//! The showing half of a room: what changed, seen by each audience, encoded once.
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use crate::live::{
    core::{
        Event, ParticipantId, PollId, QuestionId, Session,
        audience::{self, Audience, Change, Entity, You},
        poll::PollStatus,
    },
    fanout::{Condition, Cursor, Frame, Ring, SlotKey},
    log::Logged,
    protocol::{Integrity, ServerMessage, UpvoteCount},
};
use crate::{kernel::Moment, runtime::Limits};

/// For so many events back a reconnecting client gets the difference instead of a snapshot.
const HISTORY: usize = 8_192;
/// A cached snapshot is good for so many further frames: who gets it reads those from the ring.
const SNAPSHOT_REUSE: u64 = 32;
/// Seconds between pings.
pub const HEARTBEAT: u32 = 25;
/// The same for hosts, so that one whose machine has died without a word is missed within a quarter of a minute.
const HOSTS_HEARTBEAT: u32 = 5;

fn heartbeat(audience: Audience) -> u32 {
    if audience == Audience::Hosts { HOSTS_HEARTBEAT } else { HEARTBEAT }
}

/// All audiences, in the order of their places in [`Show`].
pub const AUDIENCES: [Audience; 3] = [Audience::Hosts, Audience::Participants, Audience::Observers];

fn place(audience: Audience) -> usize {
    match audience {
        Audience::Hosts => 0,
        Audience::Participants => 1,
        Audience::Observers => 2,
    }
}

/// One audience's stream.
#[derive(Debug)]
struct Stream {
    ring: Arc<Ring>,
    /// The last number that this audience's frames cover.
    told: u64,
    viewers: usize,
    snapshot: Option<(Frame, u64, Cursor)>,
}

impl Stream {
    fn push(&mut self, seq: u64, events: Vec<Change>) {
        self.ring.push(encode(&ServerMessage::Events { after: self.told, seq, events }));
        self.told = seq;
    }
}

/// The streams of all audiences, and what they do not know yet.
#[derive(Debug)]
pub struct Show {
    streams: [Stream; 3],
    history: VecDeque<(u64, Box<[Entity]>)>,
    /// The history is complete for clients that hold at least this number.
    history_from: u64,
    /// Who has changed to another audience at which number, as far back as the history goes.
    moved: VecDeque<(u64, ParticipantId)>,
    tallies: BTreeSet<PollId>,
    upvotes: BTreeSet<QuestionId>,
    /// How many are here, as last told; nothing was told yet by a room that has just been opened.
    online: Option<u32>,
    integrity: Option<Integrity>,
}

/// What a connection gets when it attaches.
#[derive(Debug)]
pub struct Opening {
    /// The ring to read on.
    pub ring: Arc<Ring>,
    /// From here.
    pub cursor: Cursor,
    /// Seconds between pings.
    pub heartbeat: u32,
    /// Sent first.
    pub frames: Vec<Frame>,
}

/// Encodes a message once.
pub fn encode(message: &ServerMessage) -> Frame {
    // The messages hold nothing that JSON cannot: no maps with odd keys, no non-finite numbers.
    Frame::json(message)
}

impl Show {
    /// Streams of a room that was loaded with this state at `seq`.
    pub fn new(limits: &Limits, state: &Session, seq: u64) -> Self {
        let stream = || Stream {
            ring: Arc::new(Ring::new(limits.ring_frames, limits.ring_bytes)),
            told: seq,
            viewers: 0,
            snapshot: None,
        };
        Self {
            streams: [stream(), stream(), stream()],
            history: VecDeque::new(),
            history_from: seq,
            moved: VecDeque::new(),
            // Who has voted before the room was loaded gets the result with the first tick.
            tallies: state
                .polls
                .iter()
                .filter(|(_, poll)| poll.status == PollStatus::Open)
                .map(|(id, _)| *id)
                .collect(),
            upvotes: BTreeSet::new(),
            online: None,
            integrity: None,
        }
    }

    /// Somebody joins an audience.
    pub fn enter(&mut self, audience: Audience, seq: u64) {
        let stream = &mut self.streams[place(audience)];
        if stream.viewers == 0 {
            // Nothing was pushed while nobody looked.
            stream.told = seq;
            stream.snapshot = stream.snapshot.take().filter(|_| planted!(SnapshotStale));
        }
        stream.viewers += 1;
    }

    /// Has this audience not been told yet what somebody who comes to it holds already?
    pub fn is_behind(&self, audience: Audience, after: u64) -> bool {
        let stream = &self.streams[place(audience)];
        stream.viewers > 0 && stream.told < after
    }

    /// Somebody leaves an audience.
    pub fn leave(&mut self, audience: Audience) {
        let stream = &mut self.streams[place(audience)];
        stream.viewers = stream.viewers.saturating_sub(1);
    }

    /// Everybody who looks.
    pub fn viewers(&self) -> usize {
        self.streams.iter().map(|stream| stream.viewers).sum()
    }

    /// The first frames for a viewer who holds everything up to `after`, or nothing.
    pub fn open(&mut self, audience: Audience, state: &Session, after: Option<u64>, you: You, now: Moment) -> Opening {
        let moved = |after| self.moved.iter().any(|(seq, person)| *seq > after && you.participant == Some(*person));
        let resumed = after.filter(|after| !moved(*after) || planted!(AudienceKeptAway));
        let missing = resumed.and_then(|after| self.missing(audience, state, after).map(|changes| (after, changes)));
        let stream = &mut self.streams[place(audience)];
        let heartbeat = heartbeat(audience);
        let welcome = |seq, resumed| encode(&ServerMessage::Welcome { seq, you, server_time: now, heartbeat, resumed });
        if let Some((after, events)) = missing {
            let seq = stream.told.max(after);
            let mut frames = vec![welcome(seq, true)];
            if seq > after || !events.is_empty() {
                frames.push(encode(&ServerMessage::Events { after, seq, events }));
            }
            return Opening { ring: stream.ring.clone(), cursor: stream.ring.end(), heartbeat, frames };
        }
        let end = stream.ring.end();
        let (frame, seq, cursor) = match stream.snapshot.take() {
            // Nobody steps back.
            Some(kept)
                if end.index - kept.2.index <= SNAPSHOT_REUSE
                    && stream.ring.holds(kept.2.index)
                    && (after.is_none_or(|after| after <= kept.1) || planted!(StepBack)) =>
            {
                kept
            }
            _ => {
                let state = audience::snapshot(state, audience);
                (encode(&ServerMessage::Snapshot { seq: stream.told, state }), stream.told, end)
            }
        };
        stream.snapshot = Some((frame.clone(), seq, cursor));
        Opening { ring: stream.ring.clone(), cursor, heartbeat, frames: vec![welcome(seq, false), frame] }
    }

    /// What changed after a number, if that is still known, and not a number that was never given: somebody who holds
    /// more than there is (the database was restored from a backup) begins anew.
    fn missing(&self, audience: Audience, state: &Session, after: u64) -> Option<Vec<Change>> {
        let newest = self.history.back().map_or(self.history_from, |(seq, _)| *seq);
        if (after < self.history_from && !planted!(HistoryBegins)) || after > newest {
            return None;
        }
        let entities: BTreeSet<Entity> = self
            .history
            .iter()
            .rev()
            .take_while(|(seq, _)| *seq > after + u64::from(planted!(BatchLostAtReconnect)))
            .flat_map(|(_, e)| e.iter().copied())
            .collect();
        Some(entities.into_iter().filter_map(|entity| audience::view(state, audience, entity)).collect())
    }

    /// Shows a committed batch. `state` is the one after it. Returns the audiences that have something to read.
    pub fn committed(&mut self, state: &Session, events: &[Logged]) -> Vec<Audience> {
        let mut entities = BTreeSet::new();
        for logged in events {
            let touched = audience::touched(&logged.event, state);
            entities.extend(touched.iter().copied());
            self.note(&logged.event);
            self.remember(logged, touched);
        }
        let Some(seq) = events.last().map(|logged| logged.seq) else { return Vec::new() };
        // A frame with changes covers the numbers of upvotes, too: what they came to has to stand before it, or somebody
        // who breaks off in between holds the number without the count.
        let mut pushed = Vec::new();
        if !entities.is_empty() && self.show_upvotes(state) {
            pushed.extend(AUDIENCES);
        }
        for (stream, audience) in self.streams.iter_mut().zip(AUDIENCES) {
            if stream.viewers == 0 {
                continue;
            }
            let changes: Vec<Change> =
                entities.iter().filter_map(|entity| audience::view(state, audience, *entity)).collect();
            if !changes.is_empty() {
                stream.push(seq, changes);
                pushed.push(audience);
            }
        }
        if events.iter().any(|logged| matches!(logged.event, Event::RoleSet { .. } | Event::Permitted { .. })) {
            pushed.extend(self.meet_at(seq));
        }
        pushed
    }

    /// Brings all audiences to the same number: whoever changes from one to another does not step back. Returns those
    /// that have something to read.
    fn meet_at(&mut self, seq: u64) -> Vec<Audience> {
        let mut pushed = Vec::new();
        for (stream, audience) in self.streams.iter_mut().zip(AUDIENCES).filter(|(stream, _)| stream.viewers > 0) {
            stream.snapshot = None;
            if stream.told < seq {
                stream.push(seq, Vec::new());
                pushed.extend((!planted!(NumberUnheard)).then_some(audience));
            }
        }
        pushed
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Voted { poll, .. } => {
                self.tallies.insert(*poll);
            }
            Event::Upvoted { question, .. } => {
                self.upvotes.insert(*question);
            }
            // The poll's own view says the result now.
            Event::PollClosed { poll } | Event::RoundBegun { poll, .. } | Event::PollArchived { poll, .. } => {
                self.tallies.remove(poll);
                for stream in &self.streams {
                    stream.ring.clear(SlotKey::Tally(*poll));
                }
            }
            // Who may see the result may have changed, or what of it.
            Event::PollOpened { poll, .. }
            | Event::PollEdited { poll, .. }
            | Event::PollRevealed { poll, .. }
            | Event::AnswerHidden { poll, .. } => {
                for stream in &self.streams {
                    stream.ring.clear(SlotKey::Tally(*poll));
                }
                self.tallies.insert(*poll);
            }
            _ => {}
        }
    }

    fn remember(&mut self, logged: &Logged, mut touched: Vec<Entity>) {
        // Running numbers are not repeated to those who come back, unless the entity says them.
        match &logged.event {
            Event::Upvoted { question, .. } => touched.push(Entity::Question(*question)),
            Event::Voted { poll, .. } => touched.push(Entity::Poll(*poll)),
            _ => {}
        }
        self.history.push_back((logged.seq, touched.into_boxed_slice()));
        if self.history.len() > HISTORY
            && let Some((seq, _)) = self.history.pop_front()
        {
            self.history_from = seq;
            self.moved.retain(|(at, _)| *at > seq);
        }
    }

    /// Somebody belongs to another audience from this number on: what was held before does not count there.
    pub fn moves(&mut self, person: ParticipantId, seq: u64) {
        self.moved.push_back((seq, person));
    }

    /// Sends what is sent on a tick: running results, supporters, presence, numbers without news. True: wake everybody.
    pub fn tick(&mut self, state: &Session, seq: u64, online: u32, integrity: impl FnOnce() -> Integrity) -> bool {
        if self.viewers() == 0 {
            return false;
        }
        let mut news = self.show_tallies(state);
        news |= self.show_upvotes(state);
        if self.online != Some(online) {
            self.online = Some(online);
            let frame = encode(&ServerMessage::Presence { online });
            for stream in &self.streams {
                stream.ring.set(SlotKey::Presence, Condition::Everyone, frame.clone());
            }
            news = true;
        }
        let hosts = &self.streams[place(Audience::Hosts)];
        if hosts.viewers > 0 {
            let now = integrity();
            if self.integrity.as_ref() != Some(&now) {
                let frame = encode(&ServerMessage::Integrity(now.clone()));
                hosts.ring.set(SlotKey::Integrity, Condition::Everyone, frame);
                self.integrity = Some(now);
                news = true;
            }
        }
        for stream in &mut self.streams {
            if stream.viewers > 0 && stream.told < seq {
                stream.push(seq, Vec::new());
                news = true;
            }
        }
        news
    }

    fn show_tallies(&mut self, state: &Session) -> bool {
        let polls = std::mem::take(&mut self.tallies);
        let mut news = false;
        for id in polls.into_iter().take(if planted!(TallyOff) { 1 } else { usize::MAX }) {
            let Some(poll) = state.polls.get(&id).filter(|poll| poll.status == PollStatus::Open) else { continue };
            let frame = |hosts| encode(&ServerMessage::Tally { poll: id, tally: audience::tally(poll, hosts) });
            let public = frame(false);
            for (stream, audience) in self.streams.iter().zip(AUDIENCES) {
                // Also where nobody looks now: who comes back with the number of the vote has not seen the count.
                if stream.viewers == 0 && audience != Audience::Participants && planted!(TallyForLookersOnly) {
                    continue;
                }
                let (condition, frame) = if audience == Audience::Hosts {
                    (Condition::Everyone, frame(true))
                } else if audience::sees_tally(poll, audience, false) {
                    (Condition::Everyone, public.clone())
                } else if audience::sees_tally(poll, audience, true) {
                    (Condition::Voted(id, poll.round), public.clone())
                } else {
                    continue;
                };
                stream.ring.set(SlotKey::Tally(id), condition, frame);
                news = true;
            }
        }
        news
    }

    fn show_upvotes(&mut self, state: &Session) -> bool {
        let questions = std::mem::take(&mut self.upvotes);
        if questions.is_empty() {
            return false;
        }
        let mut news = false;
        for (stream, audience) in self.streams.iter().zip(AUDIENCES) {
            let counts: Vec<UpvoteCount> = questions
                .iter()
                .filter_map(|id| match audience::view(state, audience, Entity::Question(*id)) {
                    Some(Change::Question(view)) => Some(UpvoteCount { question: *id, upvotes: view.upvotes }),
                    _ => None,
                })
                .collect();
            if stream.viewers > 0 && !counts.is_empty() {
                stream.ring.push(encode(&ServerMessage::Upvotes { counts }));
                news = true;
            }
        }
        news
    }
}
