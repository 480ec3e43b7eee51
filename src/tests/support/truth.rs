//! What really happened: the log read from PostgreSQL, folded by the core, compared with the tables and with clients.
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atelier::{
    kernel::Moment,
    live::core::{self, Choice, Event, OptionId, ParticipantId, Session, SessionId, poll::Poll},
};
use serde_json::{Value, json};
use sqlx::{PgConnection, Row};

use super::{Client, TestDb, agreement, copy::Copy};

/// One event of the log.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seq: u64,
    pub actor: Option<ParticipantId>,
    pub event: Event,
    pub at: Moment,
}

/// A session as its log tells it.
#[derive(Debug, Clone)]
pub struct Truth {
    pub state: Session,
    pub seq: u64,
    pub log: Vec<Entry>,
}

impl Truth {
    /// Reads the log, folds it, and compares the tables with it.
    pub async fn read(database: &TestDb, session: SessionId) -> Self {
        Self::read_from(&mut database.superuser().await, session).await
    }

    /// As [`Self::read`], over a superuser's connection.
    pub async fn read_from(connection: &mut PgConnection, session: SessionId) -> Self {
        sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut *connection).await.unwrap();
        let truth = Self::fold(connection, session).await;
        truth.compare(connection).await;
        sqlx::query("COMMIT").execute(connection).await.unwrap();
        truth
    }

    async fn fold(connection: &mut PgConnection, session: SessionId) -> Self {
        let sql = "SELECT seq, actor_participant_id, payload, created_at FROM live_session_events
                   WHERE live_session_id = $1 ORDER BY seq";
        let rows = sqlx::query(sql).bind(session.uuid()).fetch_all(&mut *connection).await.unwrap();
        let mut log = Vec::new();
        for row in rows {
            let actor: Option<uuid::Uuid> = row.get(1);
            log.push(Entry {
                seq: u64::try_from(row.get::<i64, _>(0)).unwrap(),
                actor: actor.map(ParticipantId::new),
                event: serde_json::from_value(row.get(2)).unwrap(),
                at: row.get(3),
            });
        }
        let numbers: Vec<u64> = log.iter().map(|entry| entry.seq).collect();
        assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>(), "numbers are 1, 2, 3 …");
        let Some(Event::Created { settings }) = log.first().map(|entry| &entry.event) else { panic!("no beginning") };
        let mut state = Session::new(session, settings.clone());
        for entry in &log[1..] {
            core::apply(&mut state, &entry.event, entry.at);
        }
        Self { state, seq: log.len() as u64, log }
    }

    async fn compare(&self, connection: &mut PgConnection) {
        let state = &self.state;
        for (table, expected, sql) in [
            ("live_sessions", self.session(), SESSION),
            ("session_participants", self.people(), PEOPLE),
            ("live_polls", self.polls(), POLLS),
            ("live_poll_options", self.options(), OPTIONS),
            ("live_poll_rounds", self.rounds(), ROUNDS),
            ("live_poll_votes", self.votes(), VOTES),
            ("live_questions", self.questions(), QUESTIONS),
            ("live_question_upvotes", self.upvotes(), UPVOTES),
        ] {
            let rows: Vec<Value> =
                sqlx::query_scalar(sql).bind(state.id.uuid()).fetch_all(&mut *connection).await.unwrap();
            let count = rows.len();
            let found: BTreeSet<String> = rows.into_iter().map(|row| row.to_string()).collect();
            assert_eq!(found.len(), count, "{table}: rows that say the same");
            let expected: BTreeSet<String> = expected.into_iter().map(|row| row.to_string()).collect();
            let missing: Vec<_> = expected.difference(&found).collect();
            let more: Vec<_> = found.difference(&expected).collect();
            assert!(missing.is_empty() && more.is_empty(), "{table}: missing {missing:#?}, too many {more:#?}");
        }
    }

    fn session(&self) -> Vec<Value> {
        let state = &self.state;
        let settings = &state.settings;
        let here = state.people.values().filter(|p| p.removed_at.is_none() && !p.role.is_host()).count();
        vec![json!([
            self.seq,
            settings.title,
            settings.max_participants,
            settings.needs_name,
            state.locked,
            state.status.key(),
            micros(state.started_at),
            micros(state.ended_at.filter(|_| state.started_at.is_some())),
            micros(state.paused_at),
            state.paused_seconds,
            here,
        ])]
    }

    fn people(&self) -> Vec<Value> {
        let rows = self.state.people.iter().map(|(id, person)| {
            let rights: BTreeSet<&str> = person.rights.iter().map(|right| right.key()).collect();
            json!([
                id,
                person.user,
                person.name,
                person.number,
                person.role.key(),
                rights,
                micros(Some(person.joined_at)),
                micros(person.left_at),
                micros(person.hand_raised_at),
                micros(person.removed_at),
                person.banned,
            ])
        });
        rows.collect()
    }

    fn polls(&self) -> Vec<Value> {
        let word = |value: Value| value.as_str().unwrap_or_default().to_ascii_lowercase();
        let rows = self.state.polls.iter().map(|(id, poll)| {
            json!([
                id,
                poll.draft.question,
                word(json!(poll.draft.kind)),
                word(json!(poll.draft.visibility())),
                poll.revealed,
                poll.draft.allow_change(),
                word(json!(poll.status)),
                poll.position,
                poll.round,
                micros(poll.opened_at),
                micros(poll.closed_at),
            ])
        });
        rows.collect()
    }

    fn options(&self) -> Vec<Value> {
        let rows = self.state.polls.iter().flat_map(|(id, poll)| {
            poll.draft.options.iter().enumerate().map(move |(at, option)| json!([id, option.id, at, option.label]))
        });
        rows.collect()
    }

    fn rounds(&self) -> Vec<Value> {
        let polls = self.state.polls.iter();
        polls.flat_map(|(id, poll)| poll.past.iter().map(move |past| json!([id, past.round, past.discarded]))).collect()
    }

    fn votes(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        for (id, poll) in &self.state.polls {
            for (round, person, choice, at) in ballots(poll) {
                let mut row = |slot: usize, option: Value, text: Value| {
                    rows.push(json!([id, round, person, slot, option, text, micros(Some(at))]));
                };
                match choice {
                    Choice::Options(ids) => {
                        ids.iter().enumerate().for_each(|(slot, id)| row(slot, json!(id), Value::Null));
                    }
                    Choice::Text(text) => row(0, Value::Null, json!(text)),
                    Choice::Words(words) => {
                        words.iter().enumerate().for_each(|(slot, word)| row(slot, Value::Null, json!(word)));
                    }
                }
            }
        }
        rows
    }

    fn questions(&self) -> Vec<Value> {
        let rows = self.state.questions.iter().map(|(id, question)| {
            json!([
                id,
                question.author,
                question.body,
                question.anonymous,
                question.status.key(),
                self.state.highlighted == Some(*id),
                question.starred,
                question.archived,
                question.upvotes.len(),
                question.answer,
                micros(question.answered_at),
                micros(Some(question.asked_at)),
            ])
        });
        rows.collect()
    }

    fn upvotes(&self) -> Vec<Value> {
        let questions = self.state.questions.iter();
        questions.flat_map(|(id, question)| question.upvotes.iter().map(move |person| json!([id, person]))).collect()
    }
}

/// What a client was told: the number of each accepted vote of one option, and for what.
pub type Receipts = Vec<(u64, OptionId)>;

impl Truth {
    /// Each receipt is an event, in the order in which they were given, and what was acknowledged stood at that number.
    /// No vote stands that was not cast, or twice.
    pub fn accounts_for(&self, told: &BTreeMap<ParticipantId, Receipts>) {
        let mut cast: BTreeMap<ParticipantId, Receipts> = BTreeMap::new();
        for entry in &self.log {
            if let Event::Voted { participant, choice: Choice::Options(chosen), .. } = &entry.event {
                assert_eq!(entry.actor, Some(*participant));
                cast.entry(*participant).or_default().push((entry.seq, chosen[0]));
            }
        }
        assert_eq!(cast.len(), told.len(), "everybody has voted, and nobody else");
        for (person, receipts) in told {
            let events = &cast[person];
            let mut wanted: Vec<OptionId> = receipts.iter().map(|(_, option)| *option).collect();
            wanted.dedup();
            assert_eq!(events.iter().map(|(_, option)| *option).collect::<Vec<_>>(), wanted, "once each, in order");
            for (seq, option) in receipts {
                let before = events.iter().rev().find(|(at, _)| at <= seq).expect("the effect is in the log");
                assert_eq!(before.1, *option, "what was acknowledged stood at that number");
            }
        }
    }
}

/// Every ballot of every round.
pub fn ballots(poll: &Poll) -> impl Iterator<Item = (u32, ParticipantId, &Choice, Moment)> {
    let past = poll.past.iter().map(|round| (round.round, &round.ballots));
    let all = past.chain(std::iter::once((poll.round, &poll.ballots)));
    all.flat_map(|(round, ballots)| ballots.iter().map(move |(id, ballot)| (round, *id, &ballot.choice, ballot.at)))
}

fn micros(at: Option<Moment>) -> Option<i64> {
    at.map(|at| at.timestamp_micros())
}

const SESSION: &str = "SELECT jsonb_build_array(event_seq, title, max_participants, needs_name, is_locked, status,
    (extract(epoch FROM actual_start) * 1000000)::bigint, (extract(epoch FROM actual_end) * 1000000)::bigint,
    (extract(epoch FROM paused_at) * 1000000)::bigint, paused_seconds, participant_count)
    FROM live_sessions WHERE id = $1";
const PEOPLE: &str = "SELECT jsonb_build_array(id, user_id, display_name, number, role,
    (SELECT coalesce(jsonb_agg(p ORDER BY p COLLATE \"C\"), '[]') FROM unnest(permissions) AS p),
    (extract(epoch FROM joined_at) * 1000000)::bigint, (extract(epoch FROM left_at) * 1000000)::bigint,
    (extract(epoch FROM hand_raised_at) * 1000000)::bigint, (extract(epoch FROM removed_at) * 1000000)::bigint,
    is_banned) FROM session_participants WHERE live_session_id = $1";
const POLLS: &str =
    "SELECT jsonb_build_array(id, question, replace(kind, '_', ''), replace(results_visibility, '_', ''),
    is_revealed, allow_change, status, position, round, (extract(epoch FROM opened_at) * 1000000)::bigint,
    (extract(epoch FROM closed_at) * 1000000)::bigint) FROM live_polls WHERE live_session_id = $1";
const OPTIONS: &str = "SELECT jsonb_build_array(poll_id, id, position, label) FROM live_poll_options
    WHERE live_session_id = $1";
const ROUNDS: &str = "SELECT jsonb_build_array(poll_id, round, is_discarded) FROM live_poll_rounds
    WHERE live_session_id = $1";
const VOTES: &str = "SELECT jsonb_build_array(poll_id, round, participant_id, slot, option_id, text_answer,
    (extract(epoch FROM created_at) * 1000000)::bigint) FROM live_poll_votes WHERE live_session_id = $1";
const QUESTIONS: &str =
    "SELECT jsonb_build_array(id, participant_id, body, is_anonymous, status, is_pinned, is_starred,
    is_archived, upvote_count, answer, (extract(epoch FROM answered_at) * 1000000)::bigint,
    (extract(epoch FROM created_at) * 1000000)::bigint) FROM live_questions WHERE live_session_id = $1";
const UPVOTES: &str = "SELECT jsonb_build_array(question_id, participant_id) FROM live_question_upvotes
    WHERE live_session_id = $1";

impl Client {
    /// Waits until this client holds exactly what the truth says it may know; no event may happen meanwhile.
    pub async fn holds(&self, truth: &Truth) {
        let faults = self.differs_from(truth, super::client::DEADLINE).await;
        assert!(faults.is_empty(), "held, and true: {faults:#?}");
        self.look(|_| ());
    }

    /// What is different from the truth after so long at most; nothing: it holds exactly what it may know.
    pub async fn differs_from(&self, truth: &Truth, patience: Duration) -> Vec<String> {
        let so = |copy: &Copy| agreement::agrees(copy, &truth.state, truth.seq);
        let mut copy = self.copies();
        if tokio::time::timeout(patience, copy.wait_for(so)).await.is_ok_and(|found| found.is_ok()) {
            return Vec::new();
        }
        agreement::differences(&copy.borrow(), &truth.state, truth.seq)
    }
}
