//! The wire protocol `atelier.v1`: text frames with JSON, camelCase (docs: `/asyncapi.json`).
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{
    core::{
        Command, PollId, QuestionId,
        audience::{Change, MyVote, QuestionView, SessionState, You},
        poll::Tally,
    },
    room::{Answer, Rejection},
};
use crate::kernel::{Code, Moment};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "atelier.v1";

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, TS, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[ts(export_to = "ClientMessage.ts", optional_fields)]
pub enum ClientMessage {
    /// First frame, within 5 s.
    Hello {
        /// A participant's token, a ticket, or a read-only link's token.
        token: String,
        /// The last `seq` held; absent: nothing is held.
        after: Option<u64>,
        /// Name and version of the client, for the logs.
        client: Option<String>,
    },
    /// Do this. Answered by exactly one of `ack`, `refused`, `retry` with the same `ref`.
    Do {
        /// The client's number for this command.
        #[serde(rename = "ref")]
        reference: u64,
        /// The highest `seq` you know: held, told in `welcome`, or acknowledged. With it, what stays behind on a line that
        /// you left cannot come after what you do since: a command that does not know of something its own sender did
        /// is not done (`retry`). Commands over one connection need not wait for each other.
        after: Option<u64>,
        /// What to do.
        command: Command,
    },
    /// Answer to `ping`.
    Pong,
}

/// What the server sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[ts(export_to = "ServerMessage.ts")]
pub enum ServerMessage {
    /// First frame. `resumed`: `events` continue after the `after` of hello; else a `snapshot` follows.
    Welcome {
        /// The session's newest number.
        seq: u64,
        /// Who the server takes you for.
        you: You,
        /// To put timers right.
        server_time: Moment,
        /// Seconds between pings; nothing for two of them means the line is dead.
        heartbeat: u32,
        /// Did the gap fit into memory?
        resumed: bool,
    },
    /// Everything you may know, as of `seq`. Replaces what was held.
    Snapshot {
        /// As of.
        seq: u64,
        /// Everything.
        state: SessionState,
    },
    /// Covers every number in `(after, seq]`, even when some are hidden from you or changed nothing you see.
    Events {
        /// From, exclusive.
        after: u64,
        /// To, inclusive.
        seq: u64,
        /// What is different now.
        events: Vec<Change>,
    },
    /// Done, and durable.
    Ack {
        /// Which command.
        #[serde(rename = "ref")]
        reference: u64,
        /// The session's number that includes its effect.
        seq: u64,
        /// When it was recorded.
        at: Moment,
    },
    /// Final: nothing happened, and sending again will not help.
    Refused {
        /// Which command.
        #[serde(rename = "ref")]
        reference: u64,
        /// Why.
        code: Code,
        /// For people.
        message: String,
    },
    /// Not done; send again after a while.
    Retry {
        /// Which command.
        #[serde(rename = "ref")]
        reference: u64,
        /// Why.
        code: Code,
        /// Milliseconds to wait.
        after_ms: u32,
    },
    /// What changed about you. Sent to all your connections.
    Mine {
        /// The changes.
        changes: Vec<MyChange>,
    },
    /// A running result; newest `version` wins within the newest `round`.
    Tally {
        /// Which poll.
        poll: PollId,
        /// The result.
        #[serde(flatten)]
        tally: Tally,
    },
    /// Supporters of questions; newest wins.
    Upvotes {
        /// Only those that changed.
        counts: Vec<UpvoteCount>,
    },
    /// How many are here; newest wins.
    Presence {
        /// Participants (role participant) with a connection.
        online: u32,
    },
    /// How it is going, for hosts; newest wins.
    Integrity(Integrity),
    /// Are you there? Answer `pong`.
    Ping,
}

impl ServerMessage {
    /// What became of a command.
    pub fn answer(reference: u64, answer: Answer) -> Self {
        match answer {
            Ok((seq, at)) => Self::Ack { reference, seq, at },
            Err(Rejection::Refused(refusal)) => {
                Self::Refused { reference, code: refusal.code, message: refusal.message() }
            }
            Err(Rejection::Retry { code, after_ms }) => Self::Retry { reference, code, after_ms },
        }
    }
}

/// One thing that changed about the viewer himself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[ts(export_to = "MyChange.ts")]
pub enum MyChange {
    /// A ballot was recorded.
    Vote(MyVote),
    /// A support was recorded or taken back.
    Upvote {
        /// Which question.
        question: QuestionId,
        /// Support or not.
        on: bool,
    },
    /// One of one's own questions changed.
    Question(QuestionView),
    /// Name, role, rights or hand changed; everything at once.
    You(Box<You>),
}

/// Supporters of one question.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "UpvoteCount.ts")]
pub struct UpvoteCount {
    /// Which question.
    pub question: QuestionId,
    /// How many support it.
    pub upvotes: u32,
}

/// The integrity panel: does everybody get through?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Integrity.ts")]
pub struct Integrity {
    /// Participants who ever joined and were not removed.
    pub joined: u32,
    /// Participants connected now.
    pub connected: u32,
    /// The open poll (the one opened last), if any.
    pub poll: Option<PollId>,
    /// Of the connected, how many have a ballot in it.
    pub answered: u32,
    /// Of the connected, how many have none.
    pub unanswered: u32,
    /// Second votes refused since the room was loaded (where changing is not allowed).
    pub refused_duplicates: u32,
    /// No instructor is here: each has left, or has had no connection for some seconds. An assistant may take over.
    pub no_instructor: bool,
}

/// Close codes. 4000–4099: do not come back. 4100–4199: come back with full-jitter back-off. 4200–4299: come back at
/// once.
pub mod close {
    /// The token is unknown, expired or used.
    pub const UNAUTHENTICATED: u16 = 4001;
    /// Kicked or banned.
    pub const REMOVED: u16 = 4003;
    /// The session is over.
    pub const SESSION_ENDED: u16 = 4004;
    /// The client does not speak the protocol.
    pub const PROTOCOL: u16 = 4009;
    /// The same participant opened more connections than allowed; the oldest goes.
    pub const REPLACED: u16 = 4010;
    /// Session full or door locked.
    pub const NOT_ADMITTED: u16 = 4011;
    /// The server has too much to do, or its database does not answer.
    pub const OVERLOADED: u16 = 4100;
    /// The client reads too slowly or does not answer pings.
    pub const TOO_SLOW: u16 = 4108;
    /// The client sends too much.
    pub const RATE_LIMITED: u16 = 4129;
    /// This server is going down; another one (or the same, soon) takes over.
    pub const DRAINING: u16 = 4200;
}
