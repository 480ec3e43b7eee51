//! What a live session is and what may happen in it. Pure: no clock, no chance, no I/O. Time and ids come in.
//!
//! `decide` turns a command into events or a refusal; `apply` turns events into the next state and cannot fail;
//! `audience` says what of the state a viewer may know. An empty list of events means "already so".
pub mod audience;
pub mod lifecycle;
pub mod poll;
pub mod question;
pub mod roster;
pub mod stage;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::kernel::{Id, Moment, Refusal, caller};

pub use lifecycle::{Settings, Status};
pub use poll::{Ballot, Choice, Poll, PollDraft, PollOption};
pub use question::Question;
pub use roster::{Participant, Role};
pub use stage::Stage;

/// Marker of a live session's id.
pub struct LiveSession;
/// Id of a live session.
pub type SessionId = Id<LiveSession>;
/// Id of a participant in one live session.
pub type ParticipantId = Id<Participant>;
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
}

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

/// A timer that stops while the session is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Timer.ts")]
pub enum Timer {
    /// Runs out at this server time.
    EndsAt(Moment),
    /// Stands still with so many milliseconds left.
    Remaining(i64),
}

/// What a client may ask for. Every command may be retried: sent twice, it happens once.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[ts(export_to = "Command.ts")]
pub enum Command {
    // --- lifecycle (domain 6.6)
    /// scheduled → starting: the lobby opens.
    Start {},
    /// starting → active.
    Go {},
    /// active → paused: timers stand still.
    Pause {},
    /// paused → active.
    Resume {},
    /// active or paused → ended; final.
    End {},
    /// Not ended → cancelled; final.
    Cancel {
        /// Why, 1 to 500 characters; participants read it.
        reason: String,
    },
    /// Close or open the door for people who have not joined yet.
    Lock {
        /// True: nobody new may join.
        locked: bool,
    },
    /// Change settings while the session lives; absent fields stay.
    Configure(lifecycle::Configure),

    // --- people
    /// Change a display name: one's own, or as moderator anybody's.
    Rename {
        /// Whose name.
        participant: ParticipantId,
        /// 1 to 80 characters.
        name: String,
    },
    /// Raise or lower a hand: one's own, or as moderator lower anybody's.
    Hand {
        /// Whose hand.
        participant: ParticipantId,
        /// Up or down.
        raised: bool,
    },
    /// Put somebody out; may come back with the code.
    Kick {
        /// Whom.
        participant: ParticipantId,
    },
    /// Put somebody out for good.
    Ban {
        /// Whom.
        participant: ParticipantId,
    },
    /// Take a ban back.
    Unban {
        /// Whom.
        participant: ParticipantId,
    },
    /// Give another role; permissions become the role's defaults.
    SetRole {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        role: Role,
    },
    /// Grant or withdraw one permission.
    Permit {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        permission: roster::Right,
        /// Grant or withdraw.
        granted: bool,
    },

    // --- polls
    /// Prepare a poll. The id is the client's, so that a retry does not make a second one.
    CreatePoll {
        /// New id.
        poll: PollId,
        /// What it asks.
        draft: PollDraft,
    },
    /// Change a poll; kind and options only while no votes exist.
    EditPoll {
        /// Which.
        poll: PollId,
        /// What it shall ask.
        draft: PollDraft,
    },
    /// Move a poll in the run of show.
    MovePoll {
        /// Which.
        poll: PollId,
        /// Its new place, from 0; past the end means last.
        position: u32,
    },
    /// draft or closed → open, and onto the stage.
    OpenPoll {
        /// Which.
        poll: PollId,
        /// Close by itself after so many seconds, 5 to 86,400; absent: the draft's timer, or none.
        seconds: Option<u32>,
    },
    /// open → closed.
    ClosePoll {
        /// Which.
        poll: PollId,
    },
    /// Begin another round; the round before stays for comparison. Opens the poll.
    Revote {
        /// Which.
        poll: PollId,
    },
    /// Throw this round's votes away (they stay in the export) and begin anew, without opening.
    ResetPoll {
        /// Which.
        poll: PollId,
    },
    /// Show or hide the results to everybody, whatever the poll's visibility says.
    RevealPoll {
        /// Which.
        poll: PollId,
        /// Show or hide.
        revealed: bool,
    },
    /// Put a poll away, or bring it back.
    ArchivePoll {
        /// Which.
        poll: PollId,
        /// Away, or back.
        archived: bool,
    },
    /// Set the timer of an open poll to so many seconds from now, or take it off.
    SetTimer {
        /// Which.
        poll: PollId,
        /// 5 to 86,400; absent: no timer.
        seconds: Option<u32>,
    },
    /// Give an open poll's timer more time.
    ExtendTimer {
        /// Which.
        poll: PollId,
        /// 5 to 3,600.
        seconds: u32,
    },
    /// Hide a text answer or word from everybody but hosts, or show it again.
    HideAnswer {
        /// Which poll.
        poll: PollId,
        /// The text as shown in the tally.
        text: String,
        /// Hide or show.
        hidden: bool,
    },
    /// Vote. Sets the whole ballot, so a retry changes nothing.
    Vote {
        /// Which poll.
        poll: PollId,
        /// The round the voter saw; absent: the current one. A vote for a round that is over is refused.
        round: Option<u32>,
        /// The answer.
        choice: Choice,
    },

    // --- questions
    /// Ask a question. The id is the client's.
    Ask {
        /// New id.
        question: QuestionId,
        /// 1 to 1,000 characters.
        body: String,
        /// Hide the name from everybody.
        #[serde(default)]
        anonymous: bool,
    },
    /// Support a question, or take the support back.
    Upvote {
        /// Which.
        question: QuestionId,
        /// Support or not.
        on: bool,
    },
    /// pending → open.
    Approve {
        /// Which.
        question: QuestionId,
    },
    /// pending or open → dismissed; the author may withdraw his own.
    Dismiss {
        /// Which.
        question: QuestionId,
    },
    /// open → answered; without text: answered aloud. On an answered one: change the text.
    Answer {
        /// Which.
        question: QuestionId,
        /// 1 to 4,000 characters.
        text: Option<String>,
    },
    /// Put a question away.
    Archive {
        /// Which.
        question: QuestionId,
    },
    /// Undo archive, dismiss or answered: back to where it was before.
    Restore {
        /// Which.
        question: QuestionId,
    },
    /// Mark for the speaker, or unmark.
    Star {
        /// Which.
        question: QuestionId,
        /// Mark or unmark.
        on: bool,
    },
    /// Highlight exactly one question on the stage, or none.
    Highlight {
        /// Which; null: none.
        question: Option<QuestionId>,
    },

    // --- stage
    /// Choose what the big screen shows.
    Show {
        /// What.
        stage: Stage,
    },
}

/// What only the server itself asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum SystemCommand {
    /// Somebody comes in (first time, or again after leaving). Everything that can be checked without the state
    /// (token, organization, guest rule) has been checked.
    Join(roster::Join),
    /// These have been without a connection for longer than the grace.
    Leave(Vec<ParticipantId>),
    /// Close polls whose timer has run out.
    CloseDue,
    /// End (or cancel, if it never started) a session that nobody hosts any more (6.6, L6 and L7).
    Expire,
    /// Change title, description, plan before the start.
    Reschedule(lifecycle::Plan),
}

/// What happened. Stored in `live_session_events` (`type` and `payload`), never changed afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "each event's fields are those of the command that caused it")]
pub enum Event {
    #[serde(rename = "session.created")]
    Created { settings: Settings },
    #[serde(rename = "session.status")]
    StatusChanged { status: Status, reason: Option<String> },
    #[serde(rename = "session.locked")]
    Locked { locked: bool },
    #[serde(rename = "session.configured")]
    Configured { settings: Settings },

    #[serde(rename = "participant.joined")]
    Joined { participant: ParticipantId, user: Id<caller::User>, name: Option<String>, role: Role },
    #[serde(rename = "participant.left")]
    Left { participant: ParticipantId },
    #[serde(rename = "participant.renamed")]
    Renamed { participant: ParticipantId, name: String },
    #[serde(rename = "participant.hand")]
    HandSet { participant: ParticipantId, raised: bool },
    #[serde(rename = "participant.removed")]
    Removed { participant: ParticipantId, banned: bool },
    #[serde(rename = "participant.unbanned")]
    Unbanned { participant: ParticipantId },
    #[serde(rename = "participant.role")]
    RoleSet { participant: ParticipantId, role: Role },
    #[serde(rename = "participant.permission")]
    Permitted { participant: ParticipantId, permission: roster::Right, granted: bool },

    #[serde(rename = "poll.created")]
    PollCreated { poll: PollId, draft: PollDraft, by: Option<ParticipantId> },
    #[serde(rename = "poll.edited")]
    PollEdited { poll: PollId, draft: PollDraft },
    #[serde(rename = "poll.ordered")]
    PollsOrdered { order: Vec<PollId> },
    #[serde(rename = "poll.opened")]
    PollOpened { poll: PollId, closes_at: Option<Moment> },
    #[serde(rename = "poll.closed")]
    PollClosed { poll: PollId },
    #[serde(rename = "poll.round")]
    RoundBegun { poll: PollId, round: u32, discarded: bool },
    #[serde(rename = "poll.revealed")]
    PollRevealed { poll: PollId, revealed: bool },
    #[serde(rename = "poll.archived")]
    PollArchived { poll: PollId, archived: bool },
    #[serde(rename = "poll.timer")]
    TimerSet { poll: PollId, timer: Option<Timer> },
    #[serde(rename = "poll.answerHidden")]
    AnswerHidden { poll: PollId, text: String, hidden: bool },
    #[serde(rename = "poll.voted")]
    Voted { poll: PollId, round: u32, participant: ParticipantId, choice: Choice },

    #[serde(rename = "question.asked")]
    Asked { question: QuestionId, participant: ParticipantId, body: String, anonymous: bool, pending: bool },
    #[serde(rename = "question.upvoted")]
    Upvoted { question: QuestionId, participant: ParticipantId, on: bool },
    #[serde(rename = "question.status")]
    QuestionMoved { question: QuestionId, status: question::QuestionStatus, by: Option<ParticipantId> },
    #[serde(rename = "question.answer")]
    AnswerGiven { question: QuestionId, text: Option<String>, by: Option<ParticipantId> },
    #[serde(rename = "question.archived")]
    QuestionArchived { question: QuestionId, archived: bool },
    #[serde(rename = "question.starred")]
    Starred { question: QuestionId, on: bool },
    #[serde(rename = "question.highlighted")]
    Highlighted { question: Option<QuestionId> },

    #[serde(rename = "stage.changed")]
    StageChanged { stage: Stage },
}

/// What a command comes to.
pub type Decision = Result<Vec<Event>, Refusal>;
