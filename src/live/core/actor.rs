//! Who gives a command, and what the part played lets them do (domain 4.6).
use super::{
    ParticipantId, Session,
    roster::{Participant, Right, Role},
};
use crate::kernel::{Code, Refusal};

/// Who gives a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A participant, by the token of the connection; never taken from a message.
    Participant(ParticipantId),
    /// An administrator of the organization who did not join.
    Admin,
    /// The server itself: timers, joins that were checked, a session that was forgotten.
    System,
}

/// An actor found in the state, entitled to be heard at all.
pub(super) struct Who<'a> {
    state: &'a Session,
    actor: Actor,
    person: Option<&'a Participant>,
}

impl<'a> Who<'a> {
    /// Finds the actor. People who were removed or have left are refused; once the session is over everybody has left,
    /// and a command that was already carried out may still be answered.
    pub fn find(state: &'a Session, actor: Actor) -> Result<Self, Refusal> {
        let Actor::Participant(id) = actor else {
            return Ok(Self { state, actor, person: None });
        };
        let person = state.people.get(&id).ok_or(Code::UnknownParticipant)?;
        if person.removed_at.is_some() || (person.left_at.is_some() && !state.status.is_final()) {
            return Err(Code::Removed.into());
        }
        Ok(Self { state, actor, person: Some(person) })
    }
    /// The participant who acts, if it is one.
    pub fn id(&self) -> Option<ParticipantId> {
        match self.actor {
            Actor::Participant(id) => Some(id),
            Actor::Admin | Actor::System => None,
        }
    }
    /// Is it this participant who acts?
    pub fn is(&self, participant: ParticipantId) -> bool {
        self.id() == Some(participant)
    }
    /// Holds this right. An administrator holds only that to moderate.
    pub fn may(&self, right: Right) -> bool {
        match self.actor {
            Actor::Participant(_) => self.person.is_some_and(|person| person.rights.contains(&right)),
            Actor::Admin => right == Right::CanModerate,
            Actor::System => true,
        }
    }
    /// May moderate.
    pub fn moderates(&self) -> bool {
        self.may(Right::CanModerate)
    }
    /// Instructor or assistant, or above them.
    pub fn is_host(&self) -> bool {
        self.person.is_none_or(|person| person.role.is_host())
    }
    /// Instructor or above; an assistant stands in while no instructor is here.
    pub fn leads(&self) -> bool {
        match self.person.map(|person| person.role) {
            None | Some(Role::Instructor) => true,
            Some(Role::Assistant) => {
                !self.state.people.values().any(|person| person.role == Role::Instructor && person.is_present())
            }
            Some(Role::Participant | Role::Observer) => false,
        }
    }
    /// Instructor by role, or above.
    pub fn is_instructor(&self) -> bool {
        self.person.is_none_or(|person| person.role == Role::Instructor)
    }
    /// The part played; administrators who did not join play none.
    pub fn role(&self) -> Option<Role> {
        self.person.map(|person| person.role)
    }
    /// The participant who votes or asks: everybody but observers.
    pub fn voice(&self) -> Result<ParticipantId, Refusal> {
        match (self.actor, self.person) {
            (Actor::Participant(id), Some(person)) if person.role != Role::Observer => Ok(id),
            _ => Err(Code::Forbidden.into()),
        }
    }
    /// Refuses unless this right is held.
    pub fn needs(&self, right: Right) -> Result<(), Refusal> {
        allowed(self.may(right))
    }
}

/// `forbidden` unless it holds.
pub(super) fn allowed(holds: bool) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Code::Forbidden.into()) }
}
