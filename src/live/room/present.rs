//! The presenting half of a room: events into state, state onto lines, connections in and out, time.
use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::Instant;

use super::{
    PENDING, Room,
    handle::{AttachRequest, Attached, Rejection, Reply, Viewer},
    members::{Member, Members},
    show::encode,
    writer::Ask,
};
use crate::{
    kernel::{Code, Refusal},
    live::{
        core::{
            self, Event, ParticipantId, Role, Session, SystemCommand,
            audience::{self, Audience},
            poll::PollStatus,
            roster,
        },
        log::Logged,
        protocol::{Integrity, MyChange, ServerMessage, close},
    },
};

/// Coalesced frames go out this often; more slowly to very large audiences, where each costs more.
fn tick_length(viewers: usize) -> Duration {
    Duration::from_millis(if (1..=2_000).contains(&viewers) { 100 } else { 250 })
}

/// From so many viewers on, waking everybody takes longer than [`GATHER`].
const LARGE: usize = 500;
/// How long a large room gathers before it wakes everybody.
const GATHER: Duration = Duration::from_millis(10);

impl Room {
    /// Takes committed events that are new here into the state, and shows them.
    pub(super) fn advance(&mut self, mut events: Vec<Logged>) {
        events.retain(|logged| logged.seq > self.seq);
        for logged in &events {
            let mover = audience::may_move(&logged.event).map(|id| (id, audience::audience_of(&self.state, id)));
            core::apply(&mut self.state, &logged.event, logged.at);
            self.seq = logged.seq;
            if let Some((person, before)) = mover
                && audience::audience_of(&self.state, person) != before
            {
                self.show.moves(person, self.seq);
            }
        }
        if events.is_empty() {
            return;
        }
        self.shown.store(self.seq, Ordering::Release);
        self.note_documents();
        self.news = true;
        let pushed = self.show.committed(&self.state, &events);
        if !pushed.is_empty() {
            self.wake_soon(pushed);
        }
        for logged in &events {
            self.attend(&logged.event);
            self.tell_persons(logged);
        }
    }

    /// Wakes these audiences: a small room at once; a large one after a moment, so that what is committed within it
    /// travels in one write per connection.
    fn wake_soon(&mut self, audiences: Vec<Audience>) {
        self.to_wake.extend(audiences);
        if self.show.viewers() < LARGE {
            self.wake();
        } else {
            self.wake_at.get_or_insert_with(|| Instant::now() + GATHER);
        }
    }

    pub(super) fn wake(&mut self) {
        self.wake_at = None;
        let audiences = std::mem::take(&mut self.to_wake);
        for member in self.members.all().filter(|member| audiences.contains(&member.audience)) {
            member.line.wake();
        }
    }

    /// What an event means for single people: their own data, their admission, the end.
    fn tell_persons(&mut self, logged: &Logged) {
        match &logged.event {
            Event::Voted { poll, round, participant, choice } => {
                let vote = audience::MyVote { poll: *poll, round: *round, choice: choice.clone(), at: logged.at };
                for line in self.members.lines_of(*participant) {
                    line.set_voted(*poll, *round);
                }
                self.tell(*participant, MyChange::Vote(vote));
            }
            Event::Upvoted { question, participant, on } => {
                self.tell(*participant, MyChange::Upvote { question: *question, on: *on });
            }
            Event::RoleSet { participant, .. } | Event::Permitted { participant, .. } => {
                let lines = self.members.lines_of(*participant).filter(|_| !planted!(AudienceKept));
                lines.for_each(|line| line.make_stale());
            }
            _ => {}
        }
        for person in audience::touched_people(&logged.event, &self.state) {
            if self.members.lines_of(person).next().is_some() {
                self.tell(person, MyChange::You(Box::new(audience::you(&self.state, person))));
            }
        }
        if let Some((author, question)) = audience::touched_own(&logged.event, &self.state)
            && let Some(view) = audience::my_question(&self.state, author, question)
        {
            self.tell(author, MyChange::Question(view));
        }
    }

    /// The end, behind everything that is still to be said: whoever ended it hears that it is done.
    pub(super) fn close_if_over(&self) {
        if self.state.status.is_final() {
            self.members.all().for_each(|member| member.line.close(close::SESSION_ENDED));
        }
    }

    fn tell(&self, person: ParticipantId, change: MyChange) {
        let mut lines = self.members.lines_of(person).peekable();
        if lines.peek().is_some() {
            let frame = encode(&ServerMessage::Mine { changes: vec![change] });
            lines.for_each(|line| line.send(frame.clone()));
        }
    }

    // --- connections

    pub(super) fn attach(&mut self, request: Box<AttachRequest>) {
        if self.draining {
            return self.turn_away(Reply::Attach(request), Code::Unavailable, 200);
        }
        if self.state.status.is_final() {
            let refusal = Refusal::new(Code::SessionEnded);
            return Self::answer(Reply::Attach(request), Err(Rejection::Refused(refusal)));
        }
        if request.after.is_some_and(|after| after > self.seq) {
            // Another node has shown more than is known here: catch up before showing less.
            return self.enqueue(Ask::System(SystemCommand::CloseDue), Reply::Attach(request));
        }
        self.seat(*request);
    }

    /// Admits who is present, and lets the others join first.
    pub(super) fn seat(&mut self, request: AttachRequest) {
        let Viewer::Person { user, fresh } = request.viewer else { return self.admit(request, None) };
        let known = self.state.participant_of(user).and_then(|id| self.state.people.get(&id).map(|p| (id, p)));
        match known {
            Some((id, person)) if person.left_at.is_none() && person.removed_at.is_none() => {
                self.admit(request, Some(id));
            }
            _ => {
                let role = known.map_or(Role::Participant, |(_, person)| person.role);
                let join = roster::Join { fresh, user, name: None, role };
                self.enqueue(Ask::System(SystemCommand::Join(join)), Reply::Attach(Box::new(request)));
            }
        }
    }

    /// Another node has shown more than this one. The next tick tells it here, results included; whoever came in before
    /// would be told it a second time, and be shown older results than they have seen.
    fn wait_for_tick(&mut self, request: AttachRequest) {
        self.news = true;
        if self.draining || self.early.len() >= PENDING {
            return self.turn_away(Reply::Attach(Box::new(request)), Code::Unavailable, 200);
        }
        self.early.push(request);
    }

    pub(super) fn admit(&mut self, request: AttachRequest, participant: Option<ParticipantId>) {
        let (audience, you) = match participant {
            Some(id) => (audience::audience_of(&self.state, id), audience::you(&self.state, id)),
            None => (Audience::Observers, audience::watcher()),
        };
        // What was never given is not waited for: whoever holds more than there is begins anew.
        let told_soon = |after| after <= self.seq && self.show.is_behind(audience, after);
        if request.after.is_some_and(told_soon) && !planted!(ResumeOverlaps) {
            return self.wait_for_tick(request);
        }
        for vote in you.votes.iter().filter(|_| !planted!(VoterForgotten)) {
            request.line.set_voted(vote.poll, vote.round);
        }
        self.news = true;
        self.show.enter(audience, self.seq);
        let opening = self.show.open(audience, &self.state, request.after, you, self.clock.now());
        let member = Member { line: request.line, audience, participant };
        let connection = self.members.add(member, self.limits.connections_per_participant);
        if self.draining {
            // Was joining when the draining began.
            self.parting.add(connection, Instant::now());
        }
        let attached = Attached {
            connection,
            participant,
            ring: opening.ring,
            cursor: opening.cursor,
            heartbeat: Duration::from_secs(u64::from(opening.heartbeat)),
            frames: opening.frames,
        };
        if request.reply.send(Ok(attached)).is_err()
            && let Some(member) = self.members.remove(connection, Instant::now())
        {
            self.show.leave(member.audience);
        }
    }

    // --- time

    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        let viewers = self.show.viewers();
        self.next_tick = now + tick_length(viewers);
        self.look_around(now);
        if self.commit.is_none()
            && self.pending.is_empty()
            && core::next_deadline(&self.state).is_some_and(|at| at <= self.clock.now())
        {
            self.enqueue(Ask::System(SystemCommand::CloseDue), Reply::Nobody);
            self.enqueue(Ask::System(SystemCommand::Expire), Reply::Nobody);
        }
        if std::mem::take(&mut self.news) {
            self.tell_news();
        }
        for request in std::mem::take(&mut self.early).into_iter().filter(|request| !request.reply.is_closed()) {
            self.seat(request);
        }
        if self.members.is_empty() && self.pending.is_empty() && self.commit.is_none() {
            self.idle_since.get_or_insert(now);
        } else {
            self.idle_since = None;
        }
    }

    fn tell_news(&mut self) {
        let online = self.members.online(&self.state);
        let (members, state, duplicates) = (&self.members, &self.state, self.refused_duplicates);
        let no_instructor = self.lacks_instructor();
        if self.show.tick(state, self.seq, online, || integrity(members, state, duplicates, no_instructor)) {
            members.all().for_each(|member| member.line.wake());
        }
    }
}

fn integrity(members: &Members, state: &Session, refused_duplicates: u32, no_instructor: bool) -> Integrity {
    let poll =
        state.polls.iter().filter(|(_, poll)| poll.status == PollStatus::Open).max_by_key(|(_, poll)| poll.opened_at);
    let connected = members.online(state);
    let answered = poll.map_or(0, |(_, poll)| members.count(state, |id| poll.ballots.contains_key(id)));
    let joined = state.people.values().filter(|p| p.role == Role::Participant && p.removed_at.is_none()).count();
    Integrity {
        joined: u32::try_from(joined).unwrap_or(u32::MAX),
        connected,
        poll: poll.map(|(id, _)| *id),
        answered,
        unanswered: if poll.is_some() { connected - answered } else { 0 },
        refused_duplicates,
        no_instructor,
    }
}
