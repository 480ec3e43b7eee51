//! Polls: kinds, rounds, ballots, visibility, timer (domain 10.1, 6.8).
pub(super) mod apply;
pub mod check;
pub(super) mod decide;
pub mod tally;
pub(super) mod vote;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{OptionId, ParticipantId, Timer};
use crate::kernel::{Code, Moment};

/// What kind of answer a poll takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "PollKind.ts")]
pub enum PollKind {
    /// Exactly one option.
    Single,
    /// Several options, within `minChoices` and `maxChoices`.
    Multiple,
    /// One step of a scale; the options are the steps, in order.
    Rating,
    /// One text of up to 500 characters.
    OpenText,
    /// Up to `maxChoices` words or short phrases of up to 40 characters.
    WordCloud,
}

/// Who may see the results when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Visibility.ts")]
pub enum Visibility {
    /// Everybody, at once.
    Always,
    /// Who has voted (in this round); everybody once closed.
    AfterVote,
    /// Everybody, once closed.
    AfterClose,
    /// Hosts only, unless revealed.
    Never,
}

/// Where a poll stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "PollStatus.ts")]
pub enum PollStatus {
    /// Prepared; only hosts see it.
    Draft,
    /// Takes votes.
    Open,
    /// Takes no votes.
    Closed,
    /// Put away; only hosts see it.
    Archived,
}

/// An answer option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "PollOption.ts")]
pub struct PollOption {
    /// Made by the client; unique within the poll.
    pub id: OptionId,
    /// 1 to 200 characters.
    pub label: String,
}

/// What a poll asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[ts(export_to = "PollDraft.ts", optional_fields)]
pub struct PollDraft {
    /// 1 to 500 characters.
    pub question: String,
    /// Kind of answer.
    pub kind: PollKind,
    /// 2 to 20 for single and multiple, 2 to 11 for rating, none for texts.
    #[serde(default)]
    #[ts(as = "Option<Vec<PollOption>>")]
    pub options: Vec<PollOption>,
    /// At least so many choices (multiple); absent: 1.
    pub min_choices: Option<u32>,
    /// At most so many choices (multiple: absent means all; wordCloud: 1 to 10, absent means 3).
    pub max_choices: Option<u32>,
    /// What the low end of a rating means, up to 60 characters.
    pub low_label: Option<String>,
    /// What the high end of a rating means, up to 60 characters.
    pub high_label: Option<String>,
    /// Who may see results when; absent: always.
    pub visibility: Option<Visibility>,
    /// May a vote be replaced while open; absent: yes.
    pub allow_change: Option<bool>,
    /// Close by itself after so many seconds, 5 to 86,400; absent: no timer.
    pub seconds: Option<u32>,
}

/// The answer in a ballot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[ts(export_to = "Choice.ts")]
pub enum Choice {
    /// For single, multiple and rating.
    Options(Vec<OptionId>),
    /// For openText.
    Text(String),
    /// For wordCloud.
    Words(Vec<String>),
}

/// One person's ballot in one round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// The answer.
    pub choice: Choice,
    /// When it was last set.
    pub at: Moment,
}

/// A round that is over, kept for comparison and export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// From 1.
    pub round: u32,
    /// Thrown away by a reset: exported, not compared with.
    pub discarded: bool,
    /// Its ballots.
    pub ballots: BTreeMap<ParticipantId, Ballot>,
}

/// A poll with its votes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Poll {
    /// What it asks.
    pub draft: PollDraft,
    /// Where it stands.
    pub status: PollStatus,
    /// Place in the run of show, from 0.
    pub position: u32,
    /// Shown to everybody whatever the visibility says.
    pub revealed: bool,
    /// The current round, from 1.
    pub round: u32,
    /// The current round's ballots: one per participant, by construction.
    pub ballots: BTreeMap<ParticipantId, Ballot>,
    /// Rounds before.
    pub past: Vec<Round>,
    /// Counts how often the tally changed; newest wins.
    pub version: u64,
    /// The tally of the current round, kept up to date with the ballots (counts per option, or per normalised word).
    pub counts: Counts,
    /// Normalised texts hidden by a host.
    pub hidden: BTreeSet<String>,
    /// First opened.
    pub opened_at: Option<Moment>,
    /// Last closed.
    pub closed_at: Option<Moment>,
    /// Running or frozen timer.
    pub timer: Option<Timer>,
}

/// The running count of a round. Always equal to the fold of its ballots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Votes per option.
    pub options: BTreeMap<OptionId, u32>,
    /// Per normalised text: how many, and how it was first written.
    pub texts: BTreeMap<String, (u32, String)>,
}

/// A result as sent to those who may see it. Holds no names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "Tally.ts")]
pub struct Tally {
    /// Which round.
    pub round: u32,
    /// Newest wins.
    pub version: u64,
    /// How many have voted.
    pub voters: u32,
    /// Votes per option, in the order of the options; empty for texts.
    pub counts: Vec<u32>,
    /// For openText and wordCloud: texts with their numbers, most first, then alphabetical; at most 200.
    pub texts: Vec<TextCount>,
}

/// A text answer or word with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[ts(export_to = "TextCount.ts")]
pub struct TextCount {
    /// As first written.
    pub text: String,
    /// How often.
    pub count: u32,
    /// Hidden by a host; only hosts receive hidden ones.
    pub hidden: bool,
}

impl PollDraft {
    /// How many choices a ballot holds at least and at most.
    pub fn bounds(&self) -> (u32, u32) {
        match self.kind {
            PollKind::Single | PollKind::Rating | PollKind::OpenText => (1, 1),
            PollKind::Multiple => {
                let all = u32::try_from(self.options.len()).unwrap_or(u32::MAX);
                (self.min_choices.unwrap_or(1), self.max_choices.unwrap_or(all))
            }
            PollKind::WordCloud => (1, self.max_choices.unwrap_or(3)),
        }
    }
    /// Who may see results when.
    pub fn visibility(&self) -> Visibility {
        self.visibility.unwrap_or(Visibility::Always)
    }
    /// May a vote be replaced while open?
    pub fn allow_change(&self) -> bool {
        self.allow_change.unwrap_or(true)
    }
}

impl PollKind {
    /// Answered in the voter's own words.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::OpenText | Self::WordCloud)
    }
}

impl Poll {
    /// Everybody may see it (not: its results).
    pub fn is_public(&self) -> bool {
        matches!(self.status, PollStatus::Open | PollStatus::Closed)
    }
    /// Somebody voted, in whatever round.
    pub fn has_votes(&self) -> bool {
        !self.ballots.is_empty() || self.past.iter().any(|round| !round.ballots.is_empty())
    }
    /// Open, but its timer has run out: takes no votes, and is closed by the next `CloseDue`.
    pub fn is_due(&self, now: Moment) -> bool {
        self.status == PollStatus::Open && self.timer.is_some_and(|timer| timer.is_over(now))
    }
    /// `poll_not_open` or `poll_closed` unless it takes votes now.
    pub(super) fn takes_votes(&self, now: Moment) -> Result<(), Code> {
        match self.status {
            PollStatus::Draft => Err(Code::PollNotOpen),
            PollStatus::Open if !self.is_due(now) => Ok(()),
            PollStatus::Open | PollStatus::Closed | PollStatus::Archived => Err(Code::PollClosed),
        }
    }
    /// The ballots of a round.
    pub(super) fn ballots_of(&self, round: u32) -> Option<&BTreeMap<ParticipantId, Ballot>> {
        if round == self.round {
            return Some(&self.ballots);
        }
        self.past.iter().find(|past| past.round == round).map(|past| &past.ballots)
    }
}
