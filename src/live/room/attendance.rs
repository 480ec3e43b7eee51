//! Who is here: what a room tells its node about it, what it hears of other nodes, and what follows.
use tokio::time::Instant;

use super::{Room, handle::Reply, writer::Ask};
use crate::live::{
    core::{self, Actor, Command, Event, Participant, ParticipantId, Role, SystemCommand, roster},
    presence,
    protocol::close,
};

impl Room {
    /// What an event says about who is here.
    pub(super) fn attend(&mut self, event: &Event) {
        match event {
            Event::Joined { participant, .. } => self.members.expect(*participant, Instant::now()),
            // Who is connected here was only out of sight of whoever said so, and is let in again.
            Event::Left { participant } => self.members.left(*participant, Instant::now()),
            Event::Removed { participant, .. } => {
                self.members.removed(*participant);
                self.members.lines_of(*participant).for_each(|line| line.close(close::REMOVED));
            }
            Event::NodeLost { node, .. } if !planted!(LostStillCounted) => {
                self.board.forget(*node);
                self.hear_of_others(Instant::now());
            }
            Event::StatusChanged { status, .. } if status.is_final() => self.members.all_left(),
            _ => {}
        }
    }

    /// Once per tick.
    pub(super) fn look_around(&mut self, now: Instant) {
        // Asked before reading: what is read is at least as new.
        let certain = self.certain(now);
        self.hear_of_others(now);
        self.tell_others(now);
        let gone = certain.map(|by| self.members.gone(by)).unwrap_or_default();
        if !gone.is_empty() && !planted!(GraceForgotten) {
            self.enqueue(Ask::System(SystemCommand::Leave(gone)), Reply::Nobody);
        }
        for person in self.members.strays(now).into_iter().filter(|_| !planted!(StrayForgotten)) {
            self.let_in_again(person);
        }
        let unseen = certain.map(|by| self.members.unseen(&self.state, by)).unwrap_or_default();
        if self.unseen != unseen {
            self.unseen = unseen;
            self.news = true;
        }
    }

    /// Whoever was connected anywhere by then is known here.
    fn certain(&self, now: Instant) -> Option<Instant> {
        self.board.sees_until(now, self.show.viewers())
    }

    fn hear_of_others(&mut self, now: Instant) {
        let Some(others) = self.board.read() else { return };
        let alive = others.iter().filter(|(node, _)| !self.state.lost_nodes.contains(node));
        let elsewhere = alive.flat_map(|(_, people)| people.iter().copied()).collect();
        self.members.meet(elsewhere, &self.state, now);
        self.news = true;
    }

    /// Writes down who is here: at once after a quiet time, more slowly while many come and go.
    fn tell_others(&mut self, now: Instant) {
        if self.next_row > now {
            return;
        }
        let Some(here) = self.members.take_changed() else { return };
        self.next_row = now + presence::pace(here.len());
        // Somebody has to see to those who are present, even when none of them is connected here.
        let needed = !here.is_empty() || self.state.people.values().any(Participant::is_present);
        self.board.write(needed.then(|| here.into()));
    }

    /// Whose place has been taken in the meantime has to go.
    fn let_in_again(&mut self, person: ParticipantId) {
        let Some(known) = self.state.people.get(&person) else { return };
        let join = roster::Join { fresh: person, user: known.user, name: None, role: known.role };
        let join = SystemCommand::Join(join);
        if core::decide_system(&self.state, &join, self.clock.now()).is_err() {
            self.members.lines_of(person).for_each(|line| line.close(close::NOT_ADMITTED));
        } else {
            self.enqueue(Ask::System(join), Reply::Nobody);
        }
    }

    /// Was this asked by somebody whom nobody put out, who counted as gone while it was on its way? They are let in
    /// again, by this room or with the next attempt: no final word.
    pub(super) fn has_only_left(&self, ask: &Ask) -> bool {
        let (Ask::Command(Actor::Participant(id), _) | Ask::Knowing(id, ..)) = ask else { return false };
        self.state.people.get(id).is_some_and(|person| person.removed_at.is_none())
    }

    /// The core does not know who is connected: it is told with the command that asks.
    pub(super) fn inform(&self, ask: &mut Ask) {
        if let Ask::Command(_, Command::TakeOver { unseen }) | Ask::Knowing(_, Command::TakeOver { unseen }, _) = ask {
            unseen.clone_from(&self.unseen);
        }
    }

    /// Is an instructor missing: has each left, or not been seen for a while?
    pub(super) fn lacks_instructor(&self) -> bool {
        !self
            .state
            .people
            .iter()
            .any(|(id, person)| person.role == Role::Instructor && person.is_present() && !self.unseen.contains(id))
    }
}
