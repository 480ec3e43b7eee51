//! What a live session is and what may happen in it. Pure: no clock, no chance, no I/O. Time and ids come in.
//!
//! `decide` turns a command into events or a refusal; `apply` turns events into the next state and cannot fail;
//! `audience` says what of the state a viewer may know. An empty list of events means "already so".
mod actor;
pub mod audience;
mod command;
pub mod documents;
mod event;
pub mod lifecycle;
pub mod poll;
pub mod question;
pub mod roster;
pub mod stage;
mod timer;
mod wording;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::{Code, Id, Moment, caller};
use actor::Who;

pub use actor::Actor;
pub use command::{Command, SystemCommand};
pub use event::{Decision, Event};

pub use documents::{SessionBoard, SessionDocuments, SessionNotes};
pub use lifecycle::{Settings, Status};
pub use poll::{Ballot, Choice, Poll, PollDraft, PollOption};
pub use question::Question;
pub use roster::{Participant, Role};
pub use stage::Stage;
pub use timer::Timer;

/// Marker of a live session's id.
pub struct LiveSession;
/// Id of a live session.
pub type SessionId = Id<LiveSession>;
/// Id of a participant in one live session.
pub type ParticipantId = Id<Participant>;
/// Marker of the lease of a node.
pub struct Node;
/// Id of a node, for as long as it holds one lease without a gap.
pub type NodeId = Id<Node>;
/// Id of a poll; made by the client.
pub type PollId = Id<Poll>;
/// Id of an option of a poll; made by the client.
pub type OptionId = Id<PollOption>;
/// Id of a question; made by the client.
pub type QuestionId = Id<Question>;

/// The whole state of one live session: the fold of its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// Title, plan, limits, feature switches.
    pub settings: Settings,
    /// Where the session stands in its lifecycle.
    pub status: Status,
    /// When it first became active.
    pub started_at: Option<Moment>,
    /// When it ended or was cancelled.
    pub ended_at: Option<Moment>,
    /// Why it was cancelled.
    #[serde(default)]
    pub reason: Option<String>,
    /// Set while paused.
    pub paused_at: Option<Moment>,
    /// Whole seconds spent paused before now.
    pub paused_seconds: i64,
    /// Nobody new may join.
    pub locked: bool,
    /// Everybody who ever joined.
    pub people: BTreeMap<ParticipantId, Participant>,
    /// Which participant a user is.
    pub by_user: BTreeMap<Id<caller::User>, ParticipantId>,
    /// All polls, drafts and archived ones included.
    pub polls: BTreeMap<PollId, Poll>,
    /// All questions.
    pub questions: BTreeMap<QuestionId, Question>,
    /// What the big screen shows.
    pub stage: Stage,
    /// The one question that is highlighted, if any.
    pub highlighted: Option<QuestionId>,
    /// The nodes lost last: whoever reports one of them again is late.
    #[serde(default)]
    pub lost_nodes: Vec<NodeId>,
}

impl Session {
    /// A session as its `session.created` event leaves it: scheduled, empty, the lobby on the stage.
    pub fn new(id: SessionId, settings: Settings) -> Self {
        Self {
            id,
            settings,
            status: Status::Scheduled,
            started_at: None,
            ended_at: None,
            reason: None,
            paused_at: None,
            paused_seconds: 0,
            locked: false,
            people: BTreeMap::new(),
            by_user: BTreeMap::new(),
            polls: BTreeMap::new(),
            questions: BTreeMap::new(),
            stage: Stage::Lobby {},
            highlighted: None,
            lost_nodes: vec![],
        }
    }
    /// Which participant this user is, if the user ever joined.
    pub fn participant_of(&self, user: Id<caller::User>) -> Option<ParticipantId> {
        self.by_user.get(&user).copied()
    }
    /// How many people with the role participant are here: what the limit counts.
    pub fn participants_present(&self) -> usize {
        self.people.values().filter(|person| person.counts()).count()
    }
}

/// Turns a command into what happens, or says why not. An empty list means "already so": a command that was carried
/// out before is not refused for what has happened since, as long as that can be seen in the state.
///
/// One command adds instead of setting, and so counts again when sent again: `extendTimer`. `setTimer` counts from
/// `now`.
pub fn decide(state: &Session, actor: Actor, command: &Command, now: Moment) -> Decision {
    use Command as C;
    let who = &Who::find(state, actor)?;
    if state.status.is_final() && !outlives_the_session(command) {
        return Err(Code::SessionEnded.into());
    }
    match command {
        C::Start {} => lifecycle::start(state, who, now),
        C::Go {} => lifecycle::go(state, who),
        C::Pause {} => lifecycle::pause(state, who, now),
        C::Resume {} => lifecycle::resume(state, who),
        C::End {} => lifecycle::end(state, who),
        C::Cancel { reason } => lifecycle::cancel(state, who, reason),
        C::Lock { locked } => lifecycle::lock(state, who, *locked),
        C::Configure(change) => lifecycle::configure(state, who, change),
        C::Rename { participant, name } => roster::rename(state, who, *participant, name),
        C::Hand { participant, raised } => roster::hand(state, who, *participant, *raised),
        C::Kick { participant } => roster::kick(state, who, *participant),
        C::Ban { participant } => roster::ban(state, who, *participant),
        C::Unban { participant } => roster::unban(state, who, *participant),
        C::SetRole { participant, role } => roster::set_role(state, who, *participant, *role),
        C::TakeOver { unseen } => roster::take_over(state, who, unseen),
        C::Permit { participant, permission, granted } => {
            roster::permit(state, who, *participant, *permission, *granted)
        }
        C::CreatePoll { poll, draft } => poll::decide::create(state, who, *poll, draft),
        C::EditPoll { poll, draft } => poll::decide::edit(state, who, *poll, draft),
        C::MovePoll { poll, position } => poll::decide::move_to(state, who, *poll, *position),
        C::OpenPoll { poll, seconds } => poll::decide::open(state, who, *poll, *seconds, now),
        C::ClosePoll { poll } => poll::decide::close(state, who, *poll),
        C::Revote { poll, round } => poll::decide::revote(state, who, *poll, *round, now),
        C::ResetPoll { poll, round } => poll::decide::reset(state, who, *poll, *round),
        C::RevealPoll { poll, revealed } => poll::decide::reveal(state, who, *poll, *revealed),
        C::ArchivePoll { poll, archived } => poll::decide::archive(state, who, *poll, *archived),
        C::SetTimer { poll, seconds } => poll::decide::set_timer(state, who, *poll, *seconds, now),
        C::ExtendTimer { poll, seconds, seen } => poll::decide::extend_timer(state, who, *poll, (*seconds, *seen), now),
        C::HideAnswer { poll, text, hidden } => poll::decide::hide_answer(state, who, *poll, text, *hidden),
        C::Vote { poll, round, choice } => poll::vote::vote(state, who, *poll, *round, choice, now),
        C::Ask { question, body, anonymous } => question::ask(state, who, *question, body, *anonymous),
        C::Upvote { question, on } => question::upvote(state, who, *question, *on),
        C::Approve { question } => question::approve(state, who, *question),
        C::Dismiss { question } => question::dismiss(state, who, *question),
        C::Answer { question, text } => question::answer(state, who, *question, text.as_deref()),
        C::Archive { question } => question::archive(state, who, *question),
        C::Restore { question } => question::restore(state, who, *question),
        C::Star { question, on } => question::star(state, who, *question, *on),
        C::Highlight { question } => question::highlight(state, who, *question),
        C::Show { stage } => stage::show(state, who, stage),
    }
}

/// Commands that look for themselves whether they were carried out before the end.
fn outlives_the_session(command: &Command) -> bool {
    matches!(
        command,
        Command::End {} | Command::Cancel { .. } | Command::Vote { .. } | Command::Ask { .. } | Command::Upvote { .. }
    )
}

/// Turns what the server itself asks for into what happens.
pub fn decide_system(state: &Session, command: &SystemCommand, now: Moment) -> Decision {
    match command {
        SystemCommand::Join(join) => roster::join(state, join),
        SystemCommand::Leave(people) => Ok(roster::leave(state, people)),
        SystemCommand::NodeLost { node, people } => Ok(roster::node_lost(state, *node, people)),
        SystemCommand::CloseDue => Ok(poll::decide::close_due(state, now)),
        SystemCommand::Expire => Ok(lifecycle::expire(state, now)),
        SystemCommand::Reschedule(plan) => lifecycle::reschedule(state, plan),
        SystemCommand::Documents(documents) => Ok(documents::told(state, documents)),
    }
}

/// The next state. `at` is when the event was written. Takes every event, even one that makes no sense.
pub fn apply(state: &mut Session, event: &Event, at: Moment) {
    use Event as E;
    match event {
        E::Created { .. } | E::StatusChanged { .. } | E::Locked { .. } | E::Configured { .. } => {
            lifecycle::apply(state, event, at);
        }
        E::Joined { .. }
        | E::Left { .. }
        | E::Renamed { .. }
        | E::HandSet { .. }
        | E::Removed { .. }
        | E::Unbanned { .. }
        | E::RoleSet { .. }
        | E::Permitted { .. }
        | E::NodeLost { .. } => roster::apply(state, event, at),
        E::PollCreated { .. }
        | E::PollEdited { .. }
        | E::PollsOrdered { .. }
        | E::PollOpened { .. }
        | E::PollClosed { .. }
        | E::RoundBegun { .. }
        | E::PollRevealed { .. }
        | E::PollArchived { .. }
        | E::TimerSet { .. }
        | E::AnswerHidden { .. }
        | E::Voted { .. } => poll::apply::apply(state, event, at),
        E::Asked { .. }
        | E::Upvoted { .. }
        | E::QuestionMoved { .. }
        | E::AnswerGiven { .. }
        | E::QuestionArchived { .. }
        | E::Starred { .. } => question::apply(state, event, at),
        E::Highlighted { question } => state.highlighted = *question,
        E::StageChanged { stage } => state.stage = stage.clone(),
    }
}

/// When [`SystemCommand::CloseDue`] or [`SystemCommand::Expire`] has something to do, if nothing happens before.
pub fn next_deadline(state: &Session) -> Option<Moment> {
    let expiry = lifecycle::expiry(state).map(|(due, _)| due);
    poll::decide::next_due(state).into_iter().chain(expiry).min()
}
