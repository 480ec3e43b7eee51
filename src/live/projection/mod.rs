//! From events to the relational tables of domain 5.7, in the transaction that appends them.
//!
//! Rows are copies of the state after the batch: whatever a batch touched is written once, as it is now, however many
//! events touched it. Votes and upvotes are written from their events, the last of each key.
mod people;
mod polls;
mod questions;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    core::{Event, ParticipantId, PollId, QuestionId, Session, Settings},
    log::{Logged, to_db},
};
use crate::db::TenantTx;

/// Where the session's head stands while its events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Before them.
    Behind,
    /// At the last of them.
    There,
}

/// What a batch touched.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of independent marks")]
struct Touched {
    session: bool,
    everybody: bool,
    people: BTreeSet<ParticipantId>,
    polls: BTreeSet<PollId>,
    options: BTreeSet<PollId>,
    questions: BTreeSet<QuestionId>,
    votes: bool,
    upvotes: bool,
}

impl Touched {
    fn by(events: &[Logged], state: &Session) -> Self {
        let mut touched = Self::default();
        for logged in events {
            touched.add(&logged.event, state);
        }
        touched
    }

    fn add(&mut self, event: &Event, state: &Session) {
        match event {
            Event::Created { .. } | Event::Configured { .. } | Event::Locked { .. } => self.session = true,
            Event::StatusChanged { status, .. } => {
                self.session = true;
                self.everybody |= status.is_final();
                self.polls.extend(state.polls.keys());
            }
            Event::Joined { participant, .. }
            | Event::Left { participant }
            | Event::Renamed { participant, .. }
            | Event::HandSet { participant, .. }
            | Event::Removed { participant, .. }
            | Event::Unbanned { participant }
            | Event::RoleSet { participant, .. }
            | Event::Permitted { participant, .. } => {
                self.session = true;
                self.people.insert(*participant);
            }
            Event::PollCreated { poll, .. } | Event::PollEdited { poll, .. } => {
                self.polls.insert(*poll);
                self.options.insert(*poll);
            }
            Event::PollsOrdered { .. } => self.polls.extend(state.polls.keys()),
            Event::PollOpened { poll, .. }
            | Event::PollClosed { poll }
            | Event::RoundBegun { poll, .. }
            | Event::PollRevealed { poll, .. }
            | Event::PollArchived { poll, .. }
            | Event::TimerSet { poll, .. } => {
                self.polls.insert(*poll);
            }
            Event::Voted { .. } => self.votes = true,
            Event::Asked { question, .. }
            | Event::QuestionMoved { question, .. }
            | Event::AnswerGiven { question, .. }
            | Event::QuestionArchived { question, .. }
            | Event::Starred { question, .. } => {
                self.questions.insert(*question);
            }
            Event::Upvoted { question, .. } => {
                self.questions.insert(*question);
                self.upvotes = true;
            }
            Event::Highlighted { .. } => self.questions.extend(state.questions.keys()),
            Event::AnswerHidden { .. } | Event::StageChanged { .. } | Event::NodeLost { .. } => {}
        }
    }
}

/// Writes what `events` changed, and moves the session's head to `seq` unless it stands there. `state` is the state
/// after them.
pub async fn project(
    tx: &mut TenantTx,
    state: &Session,
    events: &[Logged],
    seq: u64,
    head: Head,
) -> Result<(), sqlx::Error> {
    let touched = Touched::by(events, state);
    if touched.session {
        write_session(tx, state, seq).await?;
    } else if head == Head::Behind {
        sqlx::query!("UPDATE live_sessions SET event_seq = $2 WHERE id = $1", state.id.uuid(), to_db(seq))
            .execute(&mut **tx)
            .await?;
    }
    if touched.everybody {
        people::write(tx, state, state.people.keys().copied()).await?;
    } else if !touched.people.is_empty() {
        people::write(tx, state, touched.people.iter().copied()).await?;
    }
    polls::write(tx, state, &touched.polls).await?;
    polls::write_options(tx, state, &touched.options).await?;
    polls::write_rounds(tx, state, events).await?;
    if touched.votes {
        polls::write_votes(tx, state, events).await?;
    }
    polls::write_counts(tx, state, events).await?;
    questions::write(tx, state, &touched.questions, events).await?;
    if touched.upvotes {
        questions::write_upvotes(tx, state, events).await?;
    }
    Ok(())
}

async fn write_session(tx: &mut TenantTx, state: &Session, seq: u64) -> Result<(), sqlx::Error> {
    let settings = &state.settings;
    let here = state.people.values().filter(|p| p.removed_at.is_none() && !p.role.is_host()).count();
    sqlx::query!(
        "UPDATE live_sessions SET event_seq = $2, title = $3, description = $4, scheduled_start = $5,
             scheduled_end = $6, max_participants = $7, needs_name = $8, is_locked = $9, status = $10,
             actual_start = $11, actual_end = $12, paused_at = $13, paused_seconds = $14, features = $15,
             participant_count = $16
         WHERE id = $1",
        state.id.uuid(),
        to_db(seq),
        settings.title,
        settings.description,
        settings.scheduled_start,
        settings.scheduled_end,
        to_int(settings.max_participants),
        settings.needs_name,
        state.locked,
        state.status.key(),
        state.started_at,
        state.ended_at.filter(|_| state.started_at.is_some()),
        state.paused_at,
        i32::try_from(state.paused_seconds).unwrap_or(i32::MAX),
        features(settings),
        i32::try_from(here).unwrap_or(i32::MAX),
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// The settings as the `features` column holds them (domain 10).
pub fn features(settings: &Settings) -> Value {
    json!([
        { "type": "poll", "isEnabled": settings.polls.enabled, "config": { "maxOpen": settings.polls.max_open } },
        { "type": "qa", "isEnabled": settings.qa.enabled, "config": {
            "preModerated": settings.qa.pre_moderated,
            "anonymousAllowed": settings.qa.anonymous_allowed,
            "upvotes": settings.qa.upvotes,
        } },
    ])
}

fn to_int(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
