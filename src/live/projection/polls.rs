//! Polls, options, rounds and votes as rows.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uuid::Uuid;

use super::to_int;
use crate::{
    db::TenantTx,
    kernel::Moment,
    live::{
        core::{
            Choice, Event, ParticipantId, PollId, Session, Timer,
            poll::{PollKind, PollStatus, Visibility},
        },
        log::Logged,
    },
};

fn kind_key(kind: PollKind) -> &'static str {
    match kind {
        PollKind::Single => "single",
        PollKind::Multiple => "multiple",
        PollKind::Rating => "rating",
        PollKind::OpenText => "open_text",
        PollKind::WordCloud => "word_cloud",
    }
}

fn visibility_key(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Always => "always",
        Visibility::AfterVote => "after_vote",
        Visibility::AfterClose => "after_close",
        Visibility::Never => "never",
    }
}

fn status_key(status: PollStatus) -> &'static str {
    match status {
        PollStatus::Draft => "draft",
        PollStatus::Open => "open",
        PollStatus::Closed => "closed",
        PollStatus::Archived => "archived",
    }
}

/// Writes these polls as they are now.
pub async fn write(tx: &mut TenantTx, state: &Session, ids: &BTreeSet<PollId>) -> Result<(), sqlx::Error> {
    let rows: Vec<Value> = ids
        .iter()
        .filter_map(|id| state.polls.get(id).map(|poll| (id, poll)))
        .map(|(id, poll)| {
            let draft = &poll.draft;
            let closes_at = match poll.timer {
                Some(Timer::EndsAt(at)) => Some(at),
                _ => None,
            };
            let (least, most) = draft.bounds();
            json!({
                "id": id, "question": draft.question, "kind": kind_key(draft.kind), "min_choices": to_int(least),
                "max_choices": to_int(most), "low_label": draft.low_label, "high_label": draft.high_label,
                "results_visibility": visibility_key(draft.visibility()),
                "is_revealed": poll.revealed, "allow_change": draft.allow_change(),
                "timer_seconds": draft.seconds.map(to_int), "status": status_key(poll.status),
                "position": to_int(poll.position), "round": to_int(poll.round), "opened_at": poll.opened_at,
                "closes_at": closes_at, "closed_at": poll.closed_at,
            })
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO live_polls (organization_id, live_session_id, id, question, kind, min_choices, max_choices,
             low_label, high_label, results_visibility, is_revealed, allow_change, timer_seconds, status, position,
             round, opened_at, closes_at, closed_at)
         SELECT $1, $2, r.* FROM jsonb_to_recordset($3) AS r(id uuid, question text, kind text, min_choices int,
             max_choices int, low_label text, high_label text, results_visibility text, is_revealed boolean,
             allow_change boolean, timer_seconds int, status text, position int, round int, opened_at timestamptz,
             closes_at timestamptz, closed_at timestamptz)
         ON CONFLICT (live_session_id, id) DO UPDATE SET question = EXCLUDED.question, kind = EXCLUDED.kind,
             min_choices = EXCLUDED.min_choices, max_choices = EXCLUDED.max_choices, low_label = EXCLUDED.low_label,
             high_label = EXCLUDED.high_label, results_visibility = EXCLUDED.results_visibility,
             is_revealed = EXCLUDED.is_revealed, allow_change = EXCLUDED.allow_change,
             timer_seconds = EXCLUDED.timer_seconds, status = EXCLUDED.status, position = EXCLUDED.position,
             round = EXCLUDED.round, opened_at = EXCLUDED.opened_at, closes_at = EXCLUDED.closes_at,
             closed_at = EXCLUDED.closed_at",
        tx.organization(),
        state.id.uuid(),
        Value::Array(rows),
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Writes the options of these polls: what is not there any more goes.
pub async fn write_options(tx: &mut TenantTx, state: &Session, ids: &BTreeSet<PollId>) -> Result<(), sqlx::Error> {
    let (mut polls, mut options, mut positions, mut labels) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, poll) in ids.iter().filter_map(|id| state.polls.get(id).map(|poll| (id, poll))) {
        for (position, option) in (0_i32..).zip(&poll.draft.options) {
            polls.push(id.uuid());
            options.push(option.id.uuid());
            positions.push(position);
            labels.push(option.label.clone());
        }
    }
    let touched: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    if touched.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM live_poll_options WHERE live_session_id = $1 AND poll_id = ANY ($2) AND id <> ALL ($3)",
        state.id.uuid(),
        &touched,
        &options,
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!(
        "INSERT INTO live_poll_options (organization_id, live_session_id, poll_id, id, position, label)
         SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::text[])
         ON CONFLICT (live_session_id, poll_id, id) DO UPDATE
         SET position = EXCLUDED.position, label = EXCLUDED.label",
        tx.organization(),
        state.id.uuid(),
        &polls,
        &options,
        &positions,
        &labels,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Notes the rounds that ended in this batch.
pub async fn write_rounds(tx: &mut TenantTx, state: &Session, events: &[Logged]) -> Result<(), sqlx::Error> {
    for logged in events {
        let Event::RoundBegun { poll, round, discarded } = &logged.event else { continue };
        sqlx::query!(
            "INSERT INTO live_poll_rounds (organization_id, live_session_id, poll_id, round, is_discarded, ended_at)
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            tx.organization(),
            state.id.uuid(),
            poll.uuid(),
            to_int(round.saturating_sub(1).max(1)),
            discarded,
            logged.at,
        )
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

#[derive(Default)]
struct VoteRows {
    polls: Vec<Uuid>,
    rounds: Vec<i32>,
    people: Vec<Uuid>,
    slots: Vec<i16>,
    options: Vec<Option<Uuid>>,
    texts: Vec<Option<String>>,
    times: Vec<Moment>,
}

impl VoteRows {
    fn add(
        &mut self,
        key: (PollId, u32, ParticipantId),
        slot: i16,
        option: Option<Uuid>,
        text: Option<&String>,
        at: Moment,
    ) {
        self.polls.push(key.0.uuid());
        self.rounds.push(to_int(key.1));
        self.people.push(key.2.uuid());
        self.slots.push(slot);
        self.options.push(option);
        self.texts.push(text.cloned());
        self.times.push(at);
    }
}

/// Writes the ballots of this batch: the last one of each person and round stands.
pub async fn write_votes(tx: &mut TenantTx, state: &Session, events: &[Logged]) -> Result<(), sqlx::Error> {
    let mut last: BTreeMap<(PollId, u32, ParticipantId), (&Choice, Moment)> = BTreeMap::new();
    for logged in events {
        if let Event::Voted { poll, round, participant, choice } = &logged.event {
            last.insert((*poll, *round, *participant), (choice, logged.at));
        }
    }
    let mut rows = VoteRows::default();
    let mut several: (Vec<Uuid>, Vec<i32>, Vec<Uuid>) = Default::default();
    for (key, (choice, at)) in last {
        if !matches!(choice, Choice::Text(_)) && state.polls.get(&key.0).is_none_or(|poll| poll.draft.bounds().1 > 1) {
            several.0.push(key.0.uuid());
            several.1.push(to_int(key.1));
            several.2.push(key.2.uuid());
        }
        match choice {
            Choice::Options(ids) => {
                for (slot, id) in (0_i16..).zip(ids) {
                    rows.add(key, slot, Some(id.uuid()), None, at);
                }
            }
            Choice::Text(text) => rows.add(key, 0, None, Some(text), at),
            Choice::Words(words) => {
                for (slot, word) in (0_i16..).zip(words) {
                    rows.add(key, slot, None, Some(word), at);
                }
            }
        }
    }
    forget_votes(tx, state, &several).await?;
    sqlx::query!(
        "INSERT INTO live_poll_votes (organization_id, live_session_id, poll_id, round, participant_id, slot,
             option_id, text_answer, created_at)
         SELECT $1, $2, * FROM unnest($3::uuid[], $4::int[], $5::uuid[], $6::smallint[], $7::uuid[], $8::text[],
             $9::timestamptz[])
         ON CONFLICT (live_session_id, poll_id, round, participant_id, slot) DO UPDATE
         SET option_id = EXCLUDED.option_id, text_answer = EXCLUDED.text_answer, created_at = EXCLUDED.created_at",
        tx.organization(),
        state.id.uuid(),
        &rows.polls,
        &rows.rounds,
        &rows.people,
        &rows.slots,
        &rows.options as &[Option<Uuid>],
        &rows.texts as &[Option<String>],
        &rows.times,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Takes earlier ballots of several choices away: the new one may have fewer. A ballot of one choice is overwritten.
async fn forget_votes(
    tx: &mut TenantTx,
    state: &Session,
    (polls, rounds, people): &(Vec<Uuid>, Vec<i32>, Vec<Uuid>),
) -> Result<(), sqlx::Error> {
    if polls.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "DELETE FROM live_poll_votes v USING (
             SELECT DISTINCT * FROM unnest($2::uuid[], $3::int[], $4::uuid[])) AS k(poll, round, person)
         WHERE v.live_session_id = $1 AND v.poll_id = k.poll AND v.round = k.round AND v.participant_id = k.person",
        state.id.uuid(),
        polls,
        rounds,
        people,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}

/// Counts the votes of polls that closed in this batch again, from the rows.
pub async fn write_counts(tx: &mut TenantTx, state: &Session, events: &[Logged]) -> Result<(), sqlx::Error> {
    let closed: Vec<Uuid> = events
        .iter()
        .filter_map(|logged| match &logged.event {
            Event::PollClosed { poll } | Event::RoundBegun { poll, .. } => Some(poll.uuid()),
            _ => None,
        })
        .collect();
    if closed.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE live_poll_options o SET vote_count = (
             SELECT count(*) FROM live_poll_votes v JOIN live_polls p
                 ON p.live_session_id = v.live_session_id AND p.id = v.poll_id AND p.round = v.round
             WHERE v.live_session_id = o.live_session_id AND v.poll_id = o.poll_id AND v.option_id = o.id)
         WHERE o.live_session_id = $1 AND o.poll_id = ANY ($2)",
        state.id.uuid(),
        &closed,
    )
    .execute(&mut **tx)
    .await
    .map(drop)
}
