//! What a client holds: the fold of the frames it got. Looks at every frame for a gap, a step back, a second answer.
use std::collections::{BTreeMap, HashMap};

use atelier::{
    kernel::{Code, Moment},
    live::{
        core::{
            PollId, PollOption, QuestionId, Role,
            audience::{Change, MyVote, PollView, QuestionView, SessionState, You},
            poll::{Tally, Visibility},
        },
        protocol::{Integrity, MyChange, ServerMessage, UpvoteCount},
    },
};

/// What became of a command.
#[derive(Debug, Clone, std::marker::Copy, PartialEq, Eq)]
pub enum Reply {
    Ack { seq: u64, at: Moment },
    Refused(Code),
    Retry { code: Code, after_ms: u32 },
}

/// How a connection ended.
#[derive(Debug, Clone, std::marker::Copy, PartialEq, Eq)]
pub enum End {
    With(u16),
    BrokenOff,
}

/// One client's copy of a session, kept over its connections.
#[derive(Debug, Default, Clone)]
pub struct Copy {
    pub seq: u64,
    /// The highest number heard of: held, welcomed with, or acknowledged.
    pub known: u64,
    pub state: Option<SessionState>,
    pub you: Option<You>,
    pub online: u32,
    pub integrity: Option<Integrity>,
    pub replies: HashMap<u64, Reply>,
    /// How the present connection ended.
    pub closed: Option<End>,
    pub greeted: bool,
    pub resumed: bool,
    pub snapshots: usize,
    /// What each frame of events of the present connection covered.
    pub covered: Vec<(u64, u64)>,
    /// Every frame as it came.
    pub raw: Vec<String>,
    /// What should never have happened.
    pub broken: Vec<String>,
}

impl Copy {
    /// A new connection begins; what is held stays.
    pub fn begin(&mut self) {
        self.closed = None;
        self.greeted = false;
        self.covered.clear();
    }

    /// The poll as held.
    pub fn poll(&self, id: PollId) -> Option<&PollView> {
        self.state.as_ref()?.polls.iter().find(|poll| poll.id == id)
    }

    /// The question as held.
    pub fn question(&self, id: QuestionId) -> Option<&QuestionView> {
        self.state.as_ref()?.questions.iter().find(|question| question.id == id)
    }

    /// One's own question, also while nobody else sees it.
    pub fn own_question(&self, id: QuestionId) -> Option<&QuestionView> {
        self.you.as_ref()?.questions.iter().find(|question| question.id == id)
    }

    /// One's own ballot.
    pub fn vote(&self, id: PollId) -> Option<&MyVote> {
        self.you.as_ref()?.votes.iter().find(|vote| vote.poll == id)
    }

    /// The counts of a poll by label, where they are seen.
    pub fn tally(&self, id: PollId) -> Option<BTreeMap<String, u32>> {
        let poll = self.poll(id)?;
        poll.tally.as_ref().map(|tally| named(&poll.options, tally))
    }

    /// Takes one frame.
    pub fn take(&mut self, text: &str) {
        self.raw.push(text.to_owned());
        match serde_json::from_str::<ServerMessage>(text) {
            Ok(message) => self.fold(message),
            Err(error) => self.broken.push(format!("a frame is not of the protocol ({error}): {text}")),
        }
    }

    fn claim(&mut self, holds: bool, what: impl FnOnce(&Self) -> String) {
        if !holds {
            let fault = what(self);
            self.broken.push(fault);
        }
    }

    /// Takes one message.
    pub fn fold(&mut self, message: ServerMessage) {
        if let ServerMessage::Welcome { seq, .. }
        | ServerMessage::Snapshot { seq, .. }
        | ServerMessage::Events { seq, .. }
        | ServerMessage::Ack { seq, .. } = &message
        {
            self.known = self.known.max(*seq);
        }
        match message {
            ServerMessage::Welcome { seq, you, resumed, .. } => {
                self.claim(!resumed || self.state.is_some(), |_| "resumed without anything held".to_owned());
                self.claim(seq >= self.seq, |held| format!("welcome at {seq}, but {} is held", held.seq));
                self.greeted = true;
                self.resumed = resumed;
                self.you = Some(you);
            }
            ServerMessage::Snapshot { seq, state } => self.replace(seq, state),
            ServerMessage::Events { after, seq, events } => {
                self.claim(after == self.seq, |held| {
                    format!("a gap, or told twice: ({after}, {seq}] after {}", held.seq)
                });
                self.claim(seq > after || !events.is_empty(), |_| format!("backwards: ({after}, {seq}]"));
                self.covered.push((after, seq));
                if seq > self.seq || (seq == self.seq && after == seq) {
                    for change in events {
                        self.change(change);
                    }
                    self.seq = self.seq.max(seq);
                }
            }
            ServerMessage::Ack { reference, seq, at } => self.reply(reference, Reply::Ack { seq, at }),
            ServerMessage::Refused { reference, code, .. } => self.reply(reference, Reply::Refused(code)),
            ServerMessage::Retry { reference, code, after_ms } => {
                self.reply(reference, Reply::Retry { code, after_ms });
            }
            ServerMessage::Mine { changes } => changes.into_iter().for_each(|change| self.mine(change)),
            ServerMessage::Tally { poll, tally } => self.count(poll, tally),
            ServerMessage::Upvotes { counts } => counts.iter().for_each(|count| self.upvotes(*count)),
            ServerMessage::Presence { online } => self.online = online,
            ServerMessage::Integrity(integrity) => self.integrity = Some(integrity),
            ServerMessage::Ping => {}
        }
    }

    fn reply(&mut self, reference: u64, reply: Reply) {
        let before = self.replies.insert(reference, reply);
        self.claim(before.is_none(), |_| format!("command {reference} was answered twice: {before:?}, {reply:?}"));
    }

    fn replace(&mut self, seq: u64, mut state: SessionState) {
        self.claim(seq >= self.seq, |held| format!("snapshot at {seq}, but {} is held", held.seq));
        self.snapshots += 1;
        for poll in &mut state.polls {
            self.keep_tally(poll);
        }
        self.seq = seq;
        self.state = Some(state);
    }

    /// A view never brings an older result back, and where results follow one's own vote, the view has none.
    fn keep_tally(&self, next: &mut PollView) {
        let Some(before) = self.poll(next.id).and_then(|held| held.tally.as_ref()) else { return };
        if before.round != next.round {
            return;
        }
        let observes = self.you.as_ref().is_some_and(|you| you.role == Role::Observer);
        let earned = next.visibility == Visibility::AfterVote
            && !observes
            && self.vote(next.id).is_some_and(|vote| vote.round == next.round);
        let older = next.tally.as_ref().is_some_and(|tally| tally.version < before.version);
        if older || (next.tally.is_none() && earned) {
            next.tally = Some(before.clone());
        }
    }

    fn change(&mut self, change: Change) {
        let change = match change {
            Change::Poll(mut poll) => {
                self.keep_tally(&mut poll);
                Change::Poll(poll)
            }
            other => other,
        };
        let Some(state) = self.state.as_mut() else {
            self.broken.push("a change before the snapshot".to_owned());
            return;
        };
        match change {
            Change::Session(session) => state.session = session,
            Change::Stage(now) => state.stage = now,
            Change::Person(person) => put(&mut state.people, person, |person| person.id),
            Change::Poll(poll) => put(&mut state.polls, poll, |poll| poll.id),
            Change::PollGone(id) => state.polls.retain(|poll| poll.id != id),
            Change::Question(question) => put(&mut state.questions, question, |question| question.id),
            Change::QuestionGone(id) => state.questions.retain(|question| question.id != id),
        }
    }

    fn mine(&mut self, change: MyChange) {
        let Some(you) = self.you.as_mut() else {
            self.broken.push("something of one's own before welcome".to_owned());
            return;
        };
        match change {
            MyChange::Vote(vote) => put(&mut you.votes, vote, |vote| vote.poll),
            MyChange::Upvote { question, on } => {
                you.upvoted.retain(|known| *known != question);
                you.upvoted.extend(on.then_some(question));
            }
            MyChange::Question(question) => put(&mut you.questions, question, |question| question.id),
            MyChange::You(now) => *you = *now,
        }
    }

    fn count(&mut self, id: PollId, tally: Tally) {
        let poll = self.state.as_mut().and_then(|state| state.polls.iter_mut().find(|poll| poll.id == id));
        let Some(poll) = poll.filter(|poll| poll.round == tally.round) else { return };
        if poll.tally.as_ref().is_none_or(|held| held.round < tally.round || held.version <= tally.version) {
            poll.tally = Some(tally);
        }
    }

    fn upvotes(&mut self, count: UpvoteCount) {
        let public = self.state.iter_mut().flat_map(|state| state.questions.iter_mut());
        let own = self.you.iter_mut().flat_map(|you| you.questions.iter_mut());
        for question in public.chain(own).filter(|question| question.id == count.question) {
            question.upvotes = count.upvotes;
        }
    }
}

/// Counts with the words they belong to; what nobody chose is left out.
pub fn named(options: &[PollOption], tally: &Tally) -> BTreeMap<String, u32> {
    let options = options.iter().map(|option| option.label.clone()).zip(tally.counts.iter().copied());
    let texts = tally.texts.iter().map(|text| (text.text.clone(), text.count));
    options.chain(texts).filter(|(_, count)| *count > 0).collect()
}

fn put<T, K: PartialEq>(list: &mut Vec<T>, item: T, key: impl Fn(&T) -> K) {
    let wanted = key(&item);
    match list.iter_mut().find(|held| key(held) == wanted) {
        Some(held) => *held = item,
        None => list.push(item),
    }
}
