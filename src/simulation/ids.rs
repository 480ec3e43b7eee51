//! Names of everything in a run: the same in every run, whatever the seed.
use uuid::Uuid;

use crate::{
    kernel::{Id, caller},
    live::{
        core::{OptionId, ParticipantId, PollId, QuestionId},
        room::writer::Key,
    },
};

fn id<T: ?Sized>(kind: u64, number: usize) -> Id<T> {
    Id::new(Uuid::from_u64_pair(kind, number as u64))
}

/// A session.
pub fn session(number: usize) -> Key {
    Key { organization: id(1, 0), session: id(2, number) }
}
/// Whose session it is.
pub fn user(person: usize) -> Id<caller::User> {
    id(3, person)
}
/// The part somebody plays.
pub fn participant(person: usize) -> ParticipantId {
    id(4, person)
}
/// Whose part it is.
pub fn person(participant: ParticipantId) -> usize {
    usize::try_from(participant.uuid().as_u64_pair().1).unwrap_or(0)
}
/// A poll of a session.
pub fn poll(session: usize, number: usize) -> PollId {
    id(5, session * 100 + number)
}
/// An option of the polls with a number.
pub fn option(poll: usize, at: usize) -> OptionId {
    id(6, poll * 100 + at)
}
/// A question of somebody.
pub fn question(person: usize, number: usize) -> QuestionId {
    id(7, person * 100 + number)
}
/// The clock of a node counts its ids under this number, another one after each restart.
pub fn clock(node: usize, life: u64) -> u64 {
    (node as u64 + 1) << 32 | life
}
