//! Logs of sessions that are over move into the archive; nothing is lost by it, and a room is read as fast as ever.
use atelier::{
    bus::Bus,
    kernel::{Clock, Code, Id},
    live::{
        core::{Command, Session},
        room::{Rejection, writer::Key},
    },
};
use chrono::TimeDelta;
use sqlx::PgConnection;

use crate::support::{Account, Atelier, Meeting, Setup, sheet::single};

fn key(ada: &Account, session: &Meeting) -> Key {
    let organization = Id::new(ada.body["organization"]["id"].as_str().unwrap().parse().unwrap());
    Key { organization, session: session.id }
}

async fn count(connection: &mut PgConnection, table: &str, session: &Meeting) -> i64 {
    let sql = format!("SELECT count(*) FROM {table} WHERE live_session_id = $1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(session.id.uuid()).fetch_one(connection).await.unwrap()
}

/// As a node reads it that has never seen it.
async fn read_anew(app: &Atelier, key: Key) -> (u64, Session) {
    app.another(Bus::local()).await.live.look(key, |seq, state| (seq, state.clone())).await.unwrap()
}

#[tokio::test]
async fn the_log_of_a_session_that_is_over_moves_into_the_archive_and_can_still_be_read() {
    let clock = Clock::manual(Clock::system().now());
    let app = Atelier::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let (over, running) = (ada.creates("Over").await, ada.creates("Running").await);
    let (host, _other) = (ada.starts(&over).await, ada.starts(&running).await);
    let bo = over.joins("Bo").await;
    let poll = single("Tea?", &["A", "B"]);
    host.opens(&poll).await;
    bo.votes(&poll, &["A"]).await;
    bo.asks("Why?").await;
    host.does(Command::End {}).await;
    let truth = app.truth(&over).await;
    assert_eq!(app.live.archive().await.unwrap(), 0, "it has only just ended");

    clock.advance(TimeDelta::days(31));
    assert_eq!(app.live.archive().await.unwrap(), i64::try_from(truth.seq).unwrap());
    assert_eq!(app.live.archive().await.unwrap(), 0, "once");
    let mut behind = app.database.superuser().await;
    assert_eq!(count(&mut behind, "live_session_events", &over).await, 0);
    assert_eq!(count(&mut behind, "live_session_archive", &over).await, 1);
    assert!(count(&mut behind, "live_session_events", &running).await > 0, "one that runs keeps its log");
    assert_eq!(read_anew(&app, key(&ada, &over)).await, (truth.seq, truth.state.clone()));
    // A snapshot that nobody can read any more: the archive tells the same.
    sqlx::query("DELETE FROM live_session_snapshots").execute(&mut behind).await.unwrap();
    assert_eq!(read_anew(&app, key(&ada, &over)).await, (truth.seq, truth.state));
}

#[tokio::test]
async fn a_room_is_read_from_a_snapshot_that_is_never_far_behind() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    for _ in 0..11 {
        let toggles = (0..1_000).map(|n| Command::Lock { locked: n % 2 == 0 });
        host.tries_all(toggles).await;
    }
    let truth = app.truth(&session).await;
    assert!(truth.seq > 11_000);
    let mut behind = app.database.superuser().await;
    // It is written beside the work: the last may still be on its way.
    let mut kept = 0_u64;
    while truth.seq - kept > 6_500 {
        let seq: Option<i64> = sqlx::query_scalar("SELECT seq FROM live_session_snapshots WHERE live_session_id = $1")
            .bind(session.id.uuid())
            .fetch_optional(&mut behind)
            .await
            .unwrap();
        kept = seq.unwrap_or(0).unsigned_abs();
        tokio::task::yield_now().await;
    }
    assert_eq!(read_anew(&app, key(&ada, &session)).await, (truth.seq, truth.state));
}

#[tokio::test]
async fn a_long_log_is_read_from_the_archive_to_its_end_or_not_at_all() {
    let clock = Clock::manual(Clock::system().now());
    let app = Atelier::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Long").await;
    let host = ada.starts(&session).await;
    for _ in 0..11 {
        host.tries_all((0..1_000).map(|n| Command::Lock { locked: n % 2 == 0 })).await;
    }
    let bo = session.joins("Bo").await;
    let poll = single("Tea?", &["A", "B"]);
    host.opens(&poll).await;
    bo.votes(&poll, &["A"]).await;
    host.does(Command::End {}).await;
    let truth = app.truth(&session).await;
    clock.advance(TimeDelta::days(31));
    assert_eq!(app.live.archive().await.unwrap(), i64::try_from(truth.seq).unwrap());

    let mut behind = app.database.superuser().await;
    assert_eq!(count(&mut behind, "live_session_archive", &session).await, 3);
    sqlx::query("DELETE FROM live_session_snapshots").execute(&mut behind).await.unwrap();
    assert_eq!(read_anew(&app, key(&ada, &session)).await, (truth.seq, truth.state));
    // Without its last part, or one in between, nothing is shown rather than what was once so.
    for from in [10_001_i64, 5_001] {
        sqlx::query("DELETE FROM live_session_snapshots").execute(&mut behind).await.unwrap();
        let sql = "DELETE FROM live_session_archive WHERE live_session_id = $1 AND from_seq = $2";
        let gone = sqlx::query(sql).bind(session.id.uuid()).bind(from).execute(&mut behind).await.unwrap();
        assert_eq!(gone.rows_affected(), 1);
        let anew = app.another(Bus::local()).await;
        let seen = anew.live.look(key(&ada, &session), |seq, _| seq).await;
        assert!(matches!(seen, Err(Rejection::Retry { code: Code::Unavailable, .. })), "{from}: {seen:?}");
    }
}

#[tokio::test]
async fn sessions_that_cannot_be_archived_hold_up_nobody() {
    let clock = Clock::manual(Clock::system().now());
    let app = Atelier::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Whole").await;
    ada.starts(&session).await.does(Command::End {}).await;
    let truth = app.truth(&session).await;
    let mut behind = app.database.superuser().await;
    // As many as are looked at in one round, all older, and none with a log.
    let sql = "INSERT INTO live_sessions SELECT (jsonb_populate_record(s, jsonb_build_object(
                   'id', gen_random_uuid(), 'updated_at', s.updated_at - interval '1 hour'))).*
               FROM live_sessions s, generate_series(1, 50) WHERE s.id = $1";
    sqlx::query(sql).bind(session.id.uuid()).execute(&mut behind).await.unwrap();
    clock.advance(TimeDelta::days(31));
    assert_eq!(app.live.archive().await.unwrap(), 0, "the oldest first");
    assert_eq!(app.live.archive().await.unwrap(), i64::try_from(truth.seq).unwrap());
    // Nothing else is left: those again, should they have been mended.
    assert_eq!(app.live.archive().await.unwrap(), 0);
    let sql = "UPDATE live_sessions SET event_seq = 1 WHERE event_seq > 1 AND id <> $1";
    sqlx::query(sql).bind(session.id.uuid()).execute(&mut behind).await.unwrap();
    let sql = "INSERT INTO live_session_events (organization_id, live_session_id, seq, type, payload, created_at)
               SELECT s.organization_id, s.id, 1, a->'event'->>'type', a->'event', now()
               FROM live_sessions s, (SELECT events->0 AS a FROM live_session_archive LIMIT 1) AS first WHERE s.id <> $1";
    sqlx::query(sql).bind(session.id.uuid()).execute(&mut behind).await.unwrap();
    assert_eq!(app.live.archive().await.unwrap(), 50);
}
