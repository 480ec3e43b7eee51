//! The people of a session: roles, permissions, limit, kick, ban, rename, hands (domain 6.7).
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

use super::{
    Decision, Event, NodeId, ParticipantId, Session, Status,
    actor::{Who, allowed},
    wording::optional_line,
};
use crate::kernel::{Code, Id, Moment, Refusal, caller, text};

/// So many lost nodes are remembered: more than can be lost between the first report of one and the last.
const LOST_NODES: usize = 16;

/// The part somebody plays in one session; not a role of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema, ToSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Role.ts")]
pub enum Role {
    /// Leads; may do everything.
    Instructor,
    /// Helps; may do everything but end roles of instructors.
    Assistant,
    /// Votes and asks. The only role that counts towards the limit.
    Participant,
    /// Only watches.
    Observer,
}

impl Role {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Instructor => "instructor",
            Self::Assistant => "assistant",
            Self::Participant => "participant",
            Self::Observer => "observer",
        }
    }
    /// Instructor or assistant.
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Instructor | Self::Assistant)
    }
}

/// The five permissions of domain 4.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[ts(export_to = "Right.ts")]
pub enum Right {
    /// May speak.
    CanSpeak,
    /// May share a screen.
    CanShareScreen,
    /// May draw.
    CanUseWhiteboard,
    /// May prepare, open and close polls.
    CanCreatePolls,
    /// May moderate people and questions, drive the stage, pause.
    CanModerate,
}

impl Right {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::CanSpeak => "can_speak",
            Self::CanShareScreen => "can_share_screen",
            Self::CanUseWhiteboard => "can_use_whiteboard",
            Self::CanCreatePolls => "can_create_polls",
            Self::CanModerate => "can_moderate",
        }
    }
}

/// One person in one session, however often the connection changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    /// Who this is outside the session.
    pub user: Id<caller::User>,
    /// What others see; absent: did not give a name.
    pub name: Option<String>,
    /// A number in order of arrival, from 1; shown for people without a name ("Guest 12").
    pub number: u32,
    /// The part played.
    pub role: Role,
    /// Permissions held.
    pub rights: BTreeSet<Right>,
    /// First join.
    pub joined_at: Moment,
    /// Set while away for longer than the grace.
    pub left_at: Option<Moment>,
    /// Set while the hand is up.
    pub hand_raised_at: Option<Moment>,
    /// Put out; with `banned` for good.
    pub removed_at: Option<Moment>,
    /// May not come back.
    pub banned: bool,
}

/// A join that has been checked outside the core.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// A fresh id, used when this user has no participant here yet.
    pub fresh: ParticipantId,
    /// Who.
    pub user: Id<caller::User>,
    /// The name given, already known to be wanted; cleaned by the core.
    pub name: Option<String>,
    /// The role for a first join. Coming back keeps the role held, except that a higher role asked for by somebody
    /// entitled to it (checked outside) is taken.
    pub role: Role,
}

impl Role {
    /// The permissions that come with the role (domain 4.6).
    pub fn rights(self) -> BTreeSet<Right> {
        match self {
            Self::Instructor | Self::Assistant => BTreeSet::from([
                Right::CanSpeak,
                Right::CanShareScreen,
                Right::CanUseWhiteboard,
                Right::CanCreatePolls,
                Right::CanModerate,
            ]),
            Self::Participant => BTreeSet::from([Right::CanSpeak]),
            Self::Observer => BTreeSet::new(),
        }
    }
    /// Which of two roles is the higher one.
    const fn rank(self) -> u8 {
        match self {
            Self::Observer => 0,
            Self::Participant => 1,
            Self::Assistant => 2,
            Self::Instructor => 3,
        }
    }
}

impl Participant {
    /// Here, or away for no longer than the grace.
    pub fn is_present(&self) -> bool {
        self.left_at.is_none() && self.removed_at.is_none()
    }
    /// Counts towards the limit.
    pub fn counts(&self) -> bool {
        self.role == Role::Participant && self.is_present()
    }
}

/// Lets somebody in. Who is here already, in a role at least as high, is simply here.
pub(super) fn join(state: &Session, join: &Join) -> Decision {
    if state.status.is_final() {
        return Err(Code::SessionEnded.into());
    }
    let known = state.participant_of(join.user).and_then(|id| Some((id, state.people.get(&id)?)));
    let held = known.map(|(_, person)| person);
    if held.is_some_and(|person| person.banned) {
        return Err(Code::Removed.into());
    }
    let role = match held {
        Some(person) if person.role.rank() >= join.role.rank() => person.role,
        _ => join.role,
    };
    if held.is_some_and(|person| person.is_present() && person.role == role) {
        return Ok(vec![]);
    }
    let name = optional_line(join.name.as_deref(), 80)?.or_else(|| held.and_then(|person| person.name.clone()));
    if !role.is_host() {
        if state.status == Status::Scheduled {
            return Err(Code::SessionNotStarted.into());
        }
        if held.is_none() && state.locked {
            return Err(Code::SessionLocked.into());
        }
    }
    if role == Role::Participant {
        if state.settings.needs_name && name.is_none() {
            return Err(Code::NameRequired.into());
        }
        room_for_one(state)?;
    }
    let participant = known.map_or(join.fresh, |(id, _)| id);
    Ok(vec![Event::Joined { participant, user: join.user, name, role }])
}

/// `session_full` unless one more participant may come in. Counts only when that can matter.
fn room_for_one(state: &Session) -> Result<(), Refusal> {
    let most = state.settings.max_participants;
    if state.people.len() < most as usize || state.participants_present() < most as usize {
        return Ok(());
    }
    Err(Refusal::with_limit(Code::SessionFull, most))
}

/// Marks people as left.
pub(super) fn leave(state: &Session, people: &[ParticipantId]) -> Vec<Event> {
    let people: BTreeSet<ParticipantId> = people.iter().copied().collect();
    let here = people.into_iter().filter(|id| state.people.get(id).is_some_and(Participant::is_present));
    here.map(|participant| Event::Left { participant }).collect()
}

/// A node is lost once.
pub(super) fn node_lost(state: &Session, node: NodeId, people: &[ParticipantId]) -> Vec<Event> {
    if state.status.is_final() || people.is_empty() || state.lost_nodes.contains(&node) {
        return vec![];
    }
    let people: BTreeSet<ParticipantId> = people.iter().copied().collect();
    let here = people.into_iter().filter(|id| state.people.get(id).is_some_and(Participant::is_present));
    vec![Event::NodeLost { node, people: here.collect() }]
}

/// Changes a name.
pub(super) fn rename(state: &Session, who: &Who<'_>, participant: ParticipantId, name: &str) -> Decision {
    allowed(who.is(participant) || who.moderates())?;
    let person = find(state, participant)?;
    let name = text::required(name, 80)?;
    Ok(if person.name.as_ref() == Some(&name) { vec![] } else { vec![Event::Renamed { participant, name }] })
}

/// Raises one's own hand, or lowers a hand. Observers have none.
pub(super) fn hand(state: &Session, who: &Who<'_>, participant: ParticipantId, raised: bool) -> Decision {
    if raised {
        allowed(who.voice()? == participant)?;
    } else {
        allowed(who.is(participant) || who.moderates())?;
    }
    let person = find(state, participant)?;
    Ok(if person.hand_raised_at.is_some() == raised { vec![] } else { vec![Event::HandSet { participant, raised }] })
}

/// Puts somebody out.
pub(super) fn kick(state: &Session, who: &Who<'_>, participant: ParticipantId) -> Decision {
    let person = removable(state, who, participant)?;
    Ok(if person.removed_at.is_some() { vec![] } else { vec![Event::Removed { participant, banned: false }] })
}

/// Puts somebody out for good.
pub(super) fn ban(state: &Session, who: &Who<'_>, participant: ParticipantId) -> Decision {
    let person = removable(state, who, participant)?;
    Ok(if person.banned { vec![] } else { vec![Event::Removed { participant, banned: true }] })
}

/// Takes a ban back; the person may join again.
pub(super) fn unban(state: &Session, who: &Who<'_>, participant: ParticipantId) -> Decision {
    who.needs(Right::CanModerate)?;
    let person = find(state, participant)?;
    Ok(if person.banned { vec![Event::Unbanned { participant }] } else { vec![] })
}

/// Moderators may put out everybody but instructors and themselves.
fn removable<'a>(state: &'a Session, who: &Who<'_>, participant: ParticipantId) -> Result<&'a Participant, Refusal> {
    who.needs(Right::CanModerate)?;
    let person = find(state, participant)?;
    allowed(person.role != Role::Instructor && !who.is(participant))?;
    Ok(person)
}

/// Gives another role. Instructors may; an assistant may take over while no instructor is here, but not touch one.
pub(super) fn set_role(state: &Session, who: &Who<'_>, participant: ParticipantId, role: Role) -> Decision {
    allowed(who.is_host() || who.is(participant))?;
    let person = find(state, participant)?;
    if person.role == role {
        return Ok(vec![]);
    }
    allowed(who.leads() && (person.role != Role::Instructor || who.is_instructor()))?;
    if person.removed_at.is_some() {
        return Err(Code::WrongState.into());
    }
    if person.role == Role::Instructor {
        let mut instructors = state.people.values().filter(|person| person.role == Role::Instructor);
        if instructors.nth(1).is_none() {
            return Err(Code::LastInstructor.into());
        }
    }
    if role == Role::Participant && person.is_present() {
        room_for_one(state)?;
    }
    Ok(vec![Event::RoleSet { participant, role }])
}

/// Makes an assistant an instructor, when every instructor has left or has been out of sight for a while.
pub(super) fn take_over(state: &Session, who: &Who<'_>, unseen: &BTreeSet<ParticipantId>) -> Decision {
    let (Some(participant), Some(role)) = (who.id(), who.role()) else { return Err(Code::Forbidden.into()) };
    if role == Role::Instructor {
        return Ok(vec![]);
    }
    allowed(role == Role::Assistant)?;
    let leads = |(id, person): (&ParticipantId, &Participant)| {
        person.role == Role::Instructor && person.is_present() && !unseen.contains(id)
    };
    if state.people.iter().any(leads) {
        return Err(Code::InstructorHere.into());
    }
    Ok(vec![Event::RoleSet { participant, role: Role::Instructor }])
}

/// Grants or withdraws one permission. Hosts may, and nobody but an instructor touches an instructor's.
pub(super) fn permit(
    state: &Session,
    who: &Who<'_>,
    participant: ParticipantId,
    permission: Right,
    granted: bool,
) -> Decision {
    allowed(who.is_host() || who.is(participant))?;
    let person = find(state, participant)?;
    if person.rights.contains(&permission) == granted {
        return Ok(vec![]);
    }
    allowed(who.is_instructor() || (who.is_host() && who.moderates() && person.role != Role::Instructor))?;
    Ok(vec![Event::Permitted { participant, permission, granted }])
}

fn find(state: &Session, participant: ParticipantId) -> Result<&Participant, Refusal> {
    Ok(state.people.get(&participant).ok_or(Code::UnknownParticipant)?)
}

/// Takes the next step of the state.
pub(super) fn apply(state: &mut Session, event: &Event, at: Moment) {
    if let Event::NodeLost { node, .. } = event {
        state.lost_nodes.push(*node);
        let surplus = state.lost_nodes.len().saturating_sub(LOST_NODES);
        state.lost_nodes.drain(..surplus);
        return;
    }
    let (Event::Joined { participant, .. }
    | Event::Left { participant }
    | Event::Renamed { participant, .. }
    | Event::HandSet { participant, .. }
    | Event::Removed { participant, .. }
    | Event::Unbanned { participant }
    | Event::RoleSet { participant, .. }
    | Event::Permitted { participant, .. }) = event
    else {
        return;
    };
    if let Event::Joined { user, name, role, .. } = event {
        return admit(state, *participant, *user, name.as_ref(), *role, at);
    }
    let Some(person) = state.people.get_mut(participant) else { return };
    match event {
        Event::Left { .. } => {
            person.left_at.get_or_insert(at);
            person.hand_raised_at = None;
        }
        Event::Renamed { name, .. } => person.name = Some(name.clone()),
        Event::HandSet { raised, .. } => person.hand_raised_at = raised.then_some(at),
        Event::Removed { banned, .. } => {
            person.left_at.get_or_insert(at);
            person.removed_at.get_or_insert(at);
            person.banned |= banned;
            person.hand_raised_at = None;
        }
        Event::Unbanned { .. } => person.banned = false,
        Event::RoleSet { role, .. } => {
            person.role = *role;
            person.rights = role.rights();
        }
        Event::Permitted { permission, granted: true, .. } => {
            person.rights.insert(*permission);
        }
        Event::Permitted { permission, granted: false, .. } => {
            person.rights.remove(permission);
        }
        _ => {}
    }
}

/// The same row for the same person: coming back clears what stood in the way and keeps the first join.
fn admit(
    state: &mut Session,
    participant: ParticipantId,
    user: Id<caller::User>,
    name: Option<&String>,
    role: Role,
    at: Moment,
) {
    let number = u32::try_from(state.people.len()).unwrap_or(u32::MAX).saturating_add(1);
    let person = state.people.entry(participant).or_insert_with(|| Participant {
        user,
        name: None,
        number,
        role,
        rights: role.rights(),
        joined_at: at,
        left_at: None,
        hand_raised_at: None,
        removed_at: None,
        banned: false,
    });
    person.left_at = None;
    person.removed_at = None;
    if name.is_some() {
        person.name = name.cloned();
    }
    if person.role != role {
        person.role = role;
        person.rights = role.rights();
    }
    state.by_user.entry(user).or_insert(participant);
}
