//! What may be asked of a session: by clients, and by the server itself.
use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    Choice, NodeId, ParticipantId, PollDraft, PollId, QuestionId, Role, SessionDocuments, Stage, Timer, lifecycle,
    roster,
};

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
    /// Lead the session from now on: for an assistant, when no instructor is here. Instructors who come back still are.
    TakeOver {
        /// Instructors of whom nobody has seen anything for a while, by the room's own knowledge; never from a client.
        #[serde(skip)]
        #[ts(skip)]
        unseen: BTreeSet<ParticipantId>,
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
        /// The round the sender saw; when a later one has begun already, nothing happens. Makes a retry safe.
        #[ts(optional)]
        round: Option<u32>,
    },
    /// Throw this round's votes away (they stay in the export) and begin anew, without opening.
    ResetPoll {
        /// Which.
        poll: PollId,
        /// The round the sender saw; when a later one has begun already, nothing happens. Makes a retry safe.
        #[ts(optional)]
        round: Option<u32>,
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
        /// The timer the sender saw; when it has changed since, nothing happens. Makes a retry safe.
        #[ts(optional)]
        seen: Option<Timer>,
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
    /// A node was lost, and these were connected to it.
    NodeLost {
        /// Which. Lost once, it never comes back under this id.
        node: NodeId,
        /// By what it last said.
        people: Vec<ParticipantId>,
    },
    /// Close polls whose timer has run out.
    CloseDue,
    /// End (or cancel, if it never started) a session that nobody hosts any more (6.6, L6 and L7).
    Expire,
    /// Change title, description, plan before the start.
    Reschedule(lifecycle::Plan),
    /// What the tables say about the notes and the whiteboard, read while the head is locked.
    Documents(SessionDocuments),
}
