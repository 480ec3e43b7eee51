//! What a writer reads, and what it refuses to write, over a database in memory.
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::time::timeout;
use uuid::Uuid;

use super::*;
use crate::{
    live::{
        core::{
            Role, Settings,
            documents::SessionDocuments,
            lifecycle::{PollSettings, QaSettings},
            roster::Join,
        },
        store::memory::{CHUNK, Fate, Memory, Step},
    },
    runtime::Tasks,
};

fn key() -> Key {
    Key { organization: Id::new(Uuid::from_u128(1)), session: Id::new(Uuid::from_u128(2)) }
}

fn database() -> Memory {
    let at = Moment::UNIX_EPOCH;
    let settings = Settings {
        title: "Intro".to_owned(),
        description: None,
        scheduled_start: at,
        scheduled_end: at,
        max_participants: 5,
        needs_name: false,
        polls: PollSettings { enabled: true, max_open: 1 },
        qa: QaSettings { enabled: true, pre_moderated: false, anonymous_allowed: true, upvotes: true },
        documents: SessionDocuments::default(),
    };
    let memory = Memory::new(Tasks::new());
    let created = Event::Created { settings: settings.clone() };
    let first = Logged { seq: 1, at, actor: None, event: created };
    memory.create(key(), Session::new(key().session, settings), vec![first]);
    memory
}

async fn writer(memory: &Memory) -> Writer {
    Writer::load(Store::Memory(memory.clone()), Clock::manual(Moment::UNIX_EPOCH), key()).await.unwrap()
}

/// Locked and unlocked in turn: each is an event.
fn turns(count: usize) -> Vec<Ask> {
    let turn = |n: usize| Ask::Command(Actor::Admin, Command::Lock { locked: n.is_multiple_of(2) });
    (0..count).map(turn).collect()
}

fn seqs(batch: &Batch) -> Vec<u64> {
    batch.events.iter().map(|logged| logged.seq).collect()
}

#[tokio::test]
async fn who_is_far_behind_reads_in_chunks_and_decides_nothing_before_the_end() {
    let memory = database();
    let (mut one, mut other) = (writer(&memory).await, writer(&memory).await);
    let far = 3 * CHUNK + 4;
    let written = one.commit(&turns(far)).await.unwrap();
    assert_eq!((written.events.len(), written.others, written.behind), (far, 0, false));
    let mut heard = Vec::new();
    for asks in [&[][..], &turns(1)] {
        let batch = other.commit(asks).await.unwrap();
        assert_eq!((batch.events.len(), batch.others, batch.verdicts.len()), (CHUNK, CHUNK, 0));
        assert!(batch.behind);
        heard.extend(seqs(&batch));
    }
    other.commit(&[]).await.map(|batch| heard.extend(seqs(&batch))).unwrap();
    let last = other.commit(&turns(1)).await.unwrap();
    assert_eq!((last.others, last.verdicts.len(), last.behind), (4, 1, false));
    heard.extend(seqs(&last));
    assert!(heard.into_iter().eq(2..=far as u64 + 2));
    assert_eq!(other.draft, memory.tables(key()).unwrap());
}

#[tokio::test]
async fn a_log_with_a_gap_is_an_error_and_not_a_shorter_log() {
    let memory = database();
    let (mut one, mut other) = (writer(&memory).await, writer(&memory).await);
    let far = 2 * CHUNK;
    one.commit(&turns(far)).await.unwrap();
    memory.lose(key(), CHUNK as u64 + 4);
    // The chunk before the gap is whole.
    assert!(other.commit(&[]).await.unwrap().behind);
    for asks in [&[][..], &turns(1)] {
        let error = other.commit(asks).await.unwrap_err();
        assert!(matches!(error, WriteError::Torn { after, head } if (after, head) == (9, far as u64 + 1)), "{error}");
    }
    let loaded = Writer::load(Store::Memory(memory), Clock::manual(Moment::UNIX_EPOCH), key()).await;
    assert!(matches!(loaded, Err(WriteError::Torn { .. })), "{loaded:?}");
}

#[tokio::test]
async fn one_by_one_nothing_is_read_twice_or_left_out() {
    let memory = database();
    let (mut one, mut other) = (writer(&memory).await, writer(&memory).await);
    one.commit(&turns(100)).await.unwrap();
    let batch = other.commit_singly(&turns(3)).await.unwrap();
    assert_eq!(batch.verdicts.len(), 3);
    assert!(seqs(&batch).into_iter().eq(2..=104));
}

#[tokio::test]
async fn reading_on_waits_for_no_lock() {
    let memory = database();
    let (mut one, mut other) = (writer(&memory).await, writer(&memory).await);
    one.commit(&turns(3)).await.unwrap();
    let mut somebody = Store::Memory(memory).begin(key()).await.unwrap();
    somebody.lock_head().await.unwrap();
    let read = timeout(Duration::from_secs(5), other.commit(&[])).await.expect("nobody waits").unwrap();
    assert_eq!(seqs(&read), [2, 3, 4]);
}

#[tokio::test]
async fn what_was_heard_is_not_read_again() {
    let memory = database();
    let reads = Arc::new(AtomicU32::new(0));
    let count = reads.clone();
    let counting = memory.in_weather(Arc::new(move |_, step| {
        if step == Step::Read {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Fate::FINE
    }));
    let (mut one, mut other) = (writer(&memory).await, writer(&counting).await);
    let written = one.commit(&turns(2)).await.unwrap();
    other.learn(&written.events[1..]);
    assert_eq!(other.seq(), 1, "there is one missing before");
    other.learn(&written.events);
    assert_eq!(other.seq(), 3);
    reads.store(0, Ordering::Relaxed);
    let batch = other.commit(&turns(1)).await.unwrap();
    assert_eq!((seqs(&batch), batch.others), (vec![4], 0));
    assert_eq!(reads.load(Ordering::Relaxed), 1, "the head, and no event");
}

#[tokio::test]
async fn nothing_is_written_after_what_was_never_committed() {
    let memory = database();
    for alone in [0, ALONE] {
        let mut deceived = writer(&memory).await;
        let (state, seq) = (deceived.state(), deceived.seq());
        let lie = Logged { seq: seq + 1, at: Moment::UNIX_EPOCH, actor: None, event: Event::Locked { locked: true } };
        deceived.learn(&[lie]);
        let believed = deceived.state();
        assert_ne!(state, believed);
        deceived.alone = alone;
        if alone > 0 {
            assert!(matches!(deceived.commit(&turns(1)).await, Err(WriteError::Overtaken)));
            deceived.reset(&believed, seq + 1);
        }
        assert!(matches!(deceived.commit(&turns(1)).await, Err(WriteError::Deceived)));
        assert!(matches!(deceived.commit(&[]).await, Err(WriteError::Deceived)));
    }
    assert_eq!(memory.head_of(key()), 1);
}

#[tokio::test]
async fn a_snapshot_from_beyond_the_log_is_not_believed() {
    let memory = database();
    let mut one = writer(&memory).await;
    let before = one.state();
    one.commit(&turns(1)).await.unwrap();
    Store::Memory(memory.clone()).keep_snapshot(key(), 9, one.state()).await.unwrap();
    assert_eq!(writer(&memory).await.seq(), 2);
    assert_ne!(writer(&memory).await.state(), before);
}

/// Two people, and a second writer that knows them.
async fn two_people(memory: &Memory) -> (Writer, Writer, [ParticipantId; 2]) {
    let mut one = writer(memory).await;
    let people = [3, 4].map(|n| Id::new(Uuid::from_u128(n)));
    one.commit(&[Command::Start {}, Command::Go {}].map(|command| Ask::Command(Actor::Admin, command))).await.unwrap();
    for (n, fresh) in (30..).zip(people) {
        let name = Some(format!("P{n}"));
        let join = Join { fresh, user: Id::new(Uuid::from_u128(n)), name, role: Role::Participant };
        one.commit(&[Ask::System(SystemCommand::Join(join))]).await.unwrap();
    }
    (one, writer(memory).await, people)
}

fn hand(participant: ParticipantId, raised: bool, seq: u64) -> Ask {
    Ask::Knowing(participant, Command::Hand { participant, raised }, Knowledge { seq, connection: Some(1) })
}

#[tokio::test]
async fn what_somebody_did_elsewhere_is_known_whatever_became_of_the_draft() {
    for learns in [true, false] {
        let memory = database();
        let (mut one, mut other, [p, q]) = two_people(&memory).await;
        let old = one.seq();
        let done = other.commit(&[hand(p, true, old)]).await.unwrap();
        // As a room does after a failed commit: it has shown more than its writer had read.
        if learns {
            one.learn(&done.events);
        }
        one.reset(&other.state(), other.seq());
        let late = one.commit(&[hand(p, false, old), hand(q, true, old)]).await.unwrap();
        assert_eq!(late.verdicts[0], Verdict::Late);
        // Nobody else has to ask again, unless it cannot be told.
        assert_eq!(matches!(late.verdicts[1], Verdict::Done { .. }), learns, "{:?}", late.verdicts);
        let known = one.seq();
        let fine = one.commit(&[hand(p, false, known), hand(p, true, known), hand(p, false, known)]).await.unwrap();
        assert!(fine.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Done { .. })), "{:?}", fine.verdicts);
    }
}

#[tokio::test]
async fn what_somebody_did_elsewhere_is_known_right_after_a_batch_of_ours() {
    for hears_own in [true, false] {
        let memory = database();
        let (mut one, mut other, [p, q]) = two_people(&memory).await;
        let old = one.seq();
        let own = one.commit(&[hand(p, true, old)]).await.unwrap();
        let elsewhere = Knowledge { seq: one.seq(), connection: Some(2) };
        let lower = Ask::Knowing(p, Command::Hand { participant: p, raised: false }, elsewhere);
        let theirs = other.commit(&[lower]).await.unwrap();
        // What is published repeats what the other node had to read, or not.
        let heard: Vec<_> = own.events.iter().filter(|_| hears_own).chain(&theirs.events).cloned().collect();
        one.learn(&heard);
        let late = one.commit(&[hand(p, true, old + 1), hand(q, true, old)]).await.unwrap();
        assert_eq!(late.verdicts[0], Verdict::Late);
        assert!(matches!(late.verdicts[1], Verdict::Done { .. }), "nobody else has to ask again: {:?}", late.verdicts);
    }
}

#[tokio::test]
async fn what_was_not_committed_was_not_done() {
    let memory = database();
    let (mut one, _, [p, _]) = two_people(&memory).await;
    let (before, old) = (one.state(), one.seq());
    let mut batch = Batch::default();
    one.decide(&[hand(p, true, old)], None, &mut batch);
    one.reset(&before, old);
    let elsewhere = Knowledge { seq: old, connection: Some(2) };
    let other = Ask::Knowing(p, Command::Hand { participant: p, raised: true }, elsewhere);
    let done = one.commit(&[other]).await.unwrap();
    assert!(matches!(done.verdicts[..], [Verdict::Done { .. }]), "{:?}", done.verdicts);
    assert_eq!(one.commit(&[hand(p, false, old)]).await.unwrap().verdicts, [Verdict::Late]);
}
