//! Who is here, over several nodes: counted once, never lost from sight for long, and marked as left when it is true.
use std::{sync::Arc, time::Duration};

use atelier::{
    bus::Bus,
    kernel::Id,
    live::core::{Event, NodeId, ParticipantId},
};
use chrono::TimeDelta;
use sqlx::AssertSqlSafe;

use crate::support::{
    Account, Atelier, Client, Machine, Meeting, Setup, TestDb, Truth,
    client::Key,
    machine::{passes, until},
};

const GRACE: Duration = Duration::from_secs(30);
/// What it takes until it is certain that somebody is connected nowhere.
const CERTAIN: Duration = Duration::from_secs(4);

async fn sql(database: &TestDb, text: String) -> u64 {
    let mut superuser = database.superuser().await;
    sqlx::query(AssertSqlSafe(text)).execute(&mut superuser).await.unwrap().rows_affected()
}

pub async fn count(database: &TestDb, text: &str) -> i64 {
    let mut superuser = database.superuser().await;
    let sql = format!("SELECT count(*) FROM {text}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut superuser).await.unwrap()
}

/// The lease of a node runs out, and the others have held theirs for long enough to say so; its sessions are told.
pub async fn lapses(database: &TestDb, node: NodeId) {
    until("the lease", async || count(database, &format!("live_nodes WHERE id = '{node}'")).await == 1).await;
    sql(database, format!("UPDATE live_nodes SET held_since = now() - interval '1 hour' WHERE id <> '{node}'")).await;
    sql(database, format!("UPDATE live_nodes SET lease_until = now() - interval '1 s' WHERE id = '{node}'")).await;
    passes(Duration::from_secs(3)).await;
    until("its burial", async || count(database, &format!("live_presence WHERE node_id = '{node}'")).await == 0).await;
}

/// A minute passes, with some time for what it brings; then another.
async fn sweeps(mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..10 {
        passes(Duration::from_mins(1)).await;
        for _ in 0..50 {
            if so().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    panic!("swept in vain");
}

/// The events that say who came, went, and was lost with a node.
fn comings(truth: &Truth, of: ParticipantId) -> Vec<&'static str> {
    let word = |event: &Event| match event {
        Event::Joined { participant, .. } if *participant == of => Some("joined"),
        Event::Left { participant } if *participant == of => Some("left"),
        Event::NodeLost { people, .. } if people.contains(&of) => Some("lost"),
        _ => None,
    };
    truth.log.iter().filter_map(|entry| word(&entry.event)).collect()
}

fn losses(truth: &Truth) -> usize {
    truth.log.iter().filter(|entry| matches!(entry.event, Event::NodeLost { .. })).count()
}

async fn has_left(database: &TestDb, session: &Meeting, who: ParticipantId) -> bool {
    let row = format!("session_participants WHERE id = '{who}' AND live_session_id = '{}'", session.id);
    count(database, &format!("{row} AND left_at IS NOT NULL")).await == 1
}

/// Somebody breaks off, and every node knows.
pub async fn vanishes(database: &TestDb, who: &Client) {
    let row = format!("live_presence WHERE '{}' = ANY (people)", who.me());
    until("somebody to be seen", async || count(database, &row).await > 0).await;
    who.breaks_off().await;
    until("somebody not to be seen", async || count(database, &row).await == 0).await;
}

async fn leaves(database: &TestDb, session: &Meeting, who: &Client) {
    until("somebody to leave", async || has_left(database, session, who.me()).await).await;
}

pub async fn counts(client: &Client, online: u32) {
    client.waits(&format!("{online} online"), |copy| copy.online == online).await;
}

/// The same person once more, at another node.
async fn twin(of: &Client, at: &Atelier) -> Client {
    let twin = Client::new(at.address, Key::Token(of.token().await));
    twin.comes().await;
    assert_eq!(twin.me(), of.me());
    twin
}

async fn two_nodes() -> (Atelier, Atelier) {
    let bus = Bus::local();
    let first = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let second = first.another(bus).await;
    (first, second)
}

async fn machine(beside: &Atelier) -> Machine {
    Machine::over(beside.database.clone(), Setup { clock: beside.clock.clone(), ..Setup::default() }).await
}

#[tokio::test]
async fn people_are_counted_once_wherever_they_are_connected() {
    let (first, second) = two_nodes().await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let cy = session.joins_at(&second.site, "Cy").await;
    let di = session.joins("Di").await;
    let tab = twin(&di, &second).await;
    counts(&host, 3).await;
    counts(&cy, 3).await;
    host.waits("three connected", |copy| copy.integrity.as_ref().is_some_and(|panel| panel.connected == 3)).await;
    // One of two tabs closes, and somebody goes.
    tab.breaks_off().await;
    bo.breaks_off().await;
    counts(&cy, 2).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &bo).await;
    let truth = first.agrees_with(&session, &[&host, &cy, &di]).await;
    assert_eq!(comings(&truth, di.me()), ["joined"]);
    assert_eq!(comings(&truth, cy.me()), ["joined"]);
    // The other tab closes as well.
    di.breaks_off().await;
    counts(&cy, 1).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &di).await;
    let truth = first.agrees_with(&session, &[&host, &cy]).await;
    assert_eq!(comings(&truth, di.me()), ["joined", "left"]);
    assert_eq!(losses(&truth), 0);
}

#[tokio::test]
async fn who_moves_between_nodes_in_time_has_not_left() {
    let (first, second) = two_nodes().await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    counts(&host, 2).await;
    bo.breaks_off().await;
    cy.breaks_off().await;
    counts(&host, 0).await;
    passes(Duration::from_secs(29)).await;
    bo.moves_to(second.address);
    bo.comes().await;
    passes(Duration::from_secs(2)).await;
    counts(&host, 1).await;
    passes(CERTAIN).await;
    leaves(&first.database, &session, &cy).await;
    passes(GRACE * 2).await;
    let truth = first.agrees_with(&session, &[&host, &bo]).await;
    assert_eq!(comings(&truth, bo.me()), ["joined"]);
    assert_eq!(comings(&truth, cy.me()), ["joined", "left"]);
}

#[tokio::test]
async fn a_node_dies_and_the_others_count_right_at_once() {
    let first = Atelier::start().await;
    let mut second = machine(&first).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let cy = session.joins_at(&second.site, "Cy").await;
    let di = session.joins_at(&second.site, "Di").await;
    let tab = twin(&bo, &second).await;
    counts(&host, 3).await;
    let lost = second.live.node();
    second.is_killed().await;
    lapses(&first.database, lost).await;
    counts(&host, 1).await;
    // Some find another node in time.
    cy.moves_to(first.address);
    cy.comes().await;
    counts(&host, 2).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &di).await;
    let truth = first.agrees_with(&session, &[&host, &bo, &cy]).await;
    assert_eq!(comings(&truth, bo.me()), ["joined", "lost"]);
    assert_eq!(comings(&truth, cy.me()), ["joined", "lost"]);
    assert_eq!(comings(&truth, di.me()), ["joined", "lost", "left"]);
    assert_eq!(losses(&truth), 1);
    drop(tab);
    until("no trace of it", async || {
        count(&first.database, &format!("live_nodes WHERE id = '{lost}'")).await == 0
            && count(&first.database, &format!("live_presence WHERE node_id = '{lost}'")).await == 0
    })
    .await;
}

#[tokio::test]
async fn a_node_dies_with_a_session_that_nobody_else_has_open() {
    let first = Atelier::start().await;
    let mut second = machine(&first).await;
    let ada = second.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    counts(&host, 1).await;
    let lost = second.live.node();
    until("its row", async || count(&first.database, "live_presence WHERE cardinality(people) = 2").await == 1).await;
    second.is_killed().await;
    lapses(&first.database, lost).await;
    let taken = format!("live_presence WHERE node_id = '{}'", first.live.node());
    until("somebody to see to them", async || count(&first.database, &taken).await == 1).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &bo).await;
    let truth = first.truth(&session).await;
    assert_eq!(comings(&truth, host.me()), ["joined", "lost", "left"]);
    until("nothing to see to", async || count(&first.database, "live_presence").await == 0).await;
}

#[tokio::test]
async fn all_nodes_die_and_the_first_that_comes_sees_to_everybody() {
    let database = Arc::new(TestDb::new().await);
    let mut machines = Vec::new();
    for _ in 0..2 {
        machines.push(Machine::over(database.clone(), Setup::default()).await);
    }
    let ada = machines[0].instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins_at(&machines[1].site, "Bo").await;
    counts(&host, 1).await;
    let nodes = [machines[0].live.node(), machines[1].live.node()];
    for machine in &mut machines {
        machine.is_killed().await;
    }
    let app = Atelier::over(database.clone(), database.open(8).await, Setup::default());
    until("a lease", async || count(&database, "live_nodes").await == 3).await;
    for node in nodes {
        lapses(&database, node).await;
    }
    let host = Account { site: app.site.clone(), ..ada }.enters(&session, None).await;
    counts(&host, 0).await;
    passes(GRACE + CERTAIN).await;
    leaves(&database, &session, &bo).await;
    let truth = app.agrees_with(&session, &[&host]).await;
    assert_eq!(comings(&truth, bo.me()), ["joined", "lost", "left"]);
    assert_eq!(truth.state.people[&host.me()].left_at, None);
}

#[tokio::test]
async fn a_node_that_was_frozen_comes_back_with_its_people() {
    let first = Atelier::start().await;
    let mut second = machine(&first).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins_at(&second.site, "Bo").await;
    counts(&host, 1).await;
    // For a while.
    let lost = second.live.node();
    second.freezes().await;
    lapses(&first.database, lost).await;
    counts(&host, 0).await;
    second.thaws();
    counts(&host, 1).await;
    let again = second.live.node();
    assert_ne!(again, lost, "a lost lease does not come back");
    passes(GRACE + CERTAIN).await;
    host.settles(&[&bo]).await;
    let truth = first.agrees_with(&session, &[&host, &bo]).await;
    assert_eq!(comings(&truth, bo.me()), ["joined", "lost"]);
    // For so long that all others think that they have left.
    second.freezes().await;
    lapses(&first.database, again).await;
    counts(&host, 0).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &bo).await;
    second.thaws();
    until("a way back", async || !has_left(&first.database, &session, bo.me()).await).await;
    counts(&host, 1).await;
    bo.asks("Did I miss anything?").await;
    let truth = first.agrees_with(&session, &[&host, &bo]).await;
    assert_eq!(comings(&truth, bo.me()), ["joined", "lost", "lost", "left", "joined"]);
}

#[tokio::test]
async fn who_finds_the_door_shut_on_the_way_back_has_to_go() {
    let first = Atelier::start().await;
    let mut second = machine(&first).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates_as(serde_json::json!({ "title": "Intro", "maxParticipants": 1 })).await;
    let host = ada.starts(&session).await;
    let bo = session.joins_at(&second.site, "Bo").await;
    counts(&host, 1).await;
    let lost = second.live.node();
    second.freezes().await;
    lapses(&first.database, lost).await;
    counts(&host, 0).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &bo).await;
    let cy = session.joins("Cy").await;
    second.thaws();
    bo.is_closed_with(4011).await;
    first.agrees_with(&session, &[&host, &cy]).await;
}

#[tokio::test]
async fn whoever_buries_a_node_may_die_over_it() {
    let first = Atelier::start().await;
    let mut second = machine(&first).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins_at(&second.site, "Bo").await;
    counts(&host, 1).await;
    let lost = second.live.node();
    second.is_killed().await;
    // Somebody began, and is gone; the burial is taken up by another.
    let dead: NodeId = Id::new(uuid::Uuid::nil());
    sql(&first.database, format!("UPDATE live_nodes SET reaper = '{dead}' WHERE id = '{lost}'")).await;
    lapses(&first.database, lost).await;
    counts(&host, 0).await;
    // Somebody had told the session, and was gone before the row was.
    let insert = "INSERT INTO live_presence (organization_id, live_session_id, node_id, people)";
    let select = format!("SELECT organization_id, id, '{lost}', ARRAY['{}'::uuid] FROM live_sessions", bo.me());
    sql(&first.database, format!("{insert} {select}")).await;
    let node = format!("'{lost}', now(), '{dead}'");
    sql(
        &first.database,
        format!("INSERT INTO live_nodes (id, lease_until, reaper) VALUES ({node}) ON CONFLICT (id) DO NOTHING"),
    )
    .await;
    lapses(&first.database, lost).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &bo).await;
    let truth = first.agrees_with(&session, &[&host]).await;
    assert_eq!(comings(&truth, bo.me()), ["joined", "lost", "left"]);
}

#[tokio::test]
async fn a_node_that_lost_sight_of_its_own_lease_judges_nobody() {
    let first = Atelier::start().await;
    let second = machine(&first).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins_at(&second.site, "Bo").await;
    counts(&host, 1).await;
    let nodes = [first.live.node(), second.live.node()];
    // The database was away for longer than a lease: all have lapsed, and each node renews its own.
    sql(&first.database, "UPDATE live_nodes SET held_since = now() - interval '1 hour'".to_owned()).await;
    sql(&first.database, "UPDATE live_nodes SET lease_until = now() - interval '1 s'".to_owned()).await;
    passes(Duration::from_secs(3)).await;
    until("both leases", async || {
        count(&first.database, "live_nodes WHERE lease_until > now() AND held_since > now() - interval '1 minute'")
            .await
            == 2
    })
    .await;
    assert_eq!([first.live.node(), second.live.node()], nodes);
    assert_eq!(losses(&first.agrees_with(&session, &[&host, &bo]).await), 0);
}

#[tokio::test]
async fn a_node_that_goes_leaves_its_people_to_the_others() {
    let (first, second) = two_nodes().await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let (cy, di) = (session.joins_at(&second.site, "Cy").await, session.joins_at(&second.site, "Di").await);
    counts(&host, 3).await;
    second.live.drain(std::time::Duration::ZERO).await;
    cy.is_closed_with(4200).await;
    di.is_closed_with(4200).await;
    cy.moves_to(first.address);
    cy.comes().await;
    second.tasks.stop();
    let held = format!("live_nodes WHERE id = '{}' AND lease_until > now()", second.live.node());
    until("the lease given up", async || count(&first.database, &held).await == 0).await;
    // Nobody has to be sure that it is lost: it said so.
    passes(Duration::from_secs(3)).await;
    until("nothing left of it", async || count(&first.database, "live_nodes").await == 1).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &di).await;
    let truth = first.agrees_with(&session, &[&host, &bo, &cy]).await;
    assert!(!comings(&truth, cy.me()).contains(&"left"));
}

#[tokio::test]
async fn whom_no_node_sees_to_is_found_by_the_sweep() {
    let first = Atelier::start().await;
    let mut second = machine(&first).await;
    let ada = second.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    second.is_killed().await;
    // It died before it could say whom it had let in.
    sql(&first.database, "DELETE FROM live_presence".to_owned()).await;
    sweeps(async || has_left(&first.database, &session, host.me()).await).await;
    let truth = first.truth(&session).await;
    assert_eq!(comings(&truth, host.me()), ["joined", "left"]);
}

#[tokio::test]
async fn a_session_that_everybody_has_forgotten_is_ended_by_the_sweep() {
    let clock = atelier::kernel::Clock::manual(chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap());
    let first = Atelier::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let mut second = machine(&first).await;
    let ada = second.instructor("ada").await;
    let (session, planned) = (ada.creates("Intro").await, ada.creates("Never started").await);
    let host = ada.starts(&session).await;
    let lost = second.live.node();
    until("its row", async || count(&first.database, "live_presence WHERE cardinality(people) = 1").await == 1).await;
    second.is_killed().await;
    lapses(&first.database, lost).await;
    passes(GRACE + CERTAIN).await;
    leaves(&first.database, &session, &host).await;
    // The room closes, and later the time is over for both.
    passes(Duration::from_secs(70)).await;
    until("nobody to see to", async || count(&first.database, "live_presence").await == 0).await;
    clock.advance(TimeDelta::hours(26));
    for (meeting, status) in [(&session, "ended"), (&planned, "cancelled")] {
        let so = format!("live_sessions WHERE id = '{}' AND status = '{status}'", meeting.id);
        sweeps(async || count(&first.database, &so).await == 1).await;
    }
    first.truth(&session).await;
}

#[tokio::test]
async fn nothing_is_written_about_people_who_stay() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let people = [session.joins("Bo").await, session.joins("Cy").await];
    until("all three", async || count(&app.database, "live_presence WHERE cardinality(people) = 3").await == 1).await;
    let mut superuser = app.database.superuser().await;
    let mut look = async || -> (i64, chrono::DateTime<chrono::Utc>) {
        let sql = "SELECT changed, lease_until FROM live_presence, live_nodes";
        sqlx::query_as(sql).fetch_one(&mut superuser).await.unwrap()
    };
    let before = look().await;
    for person in &people {
        person.asks("Is anybody there?").await;
    }
    for _ in 0..3 {
        passes(Duration::from_secs(3)).await;
        host.settles(&[&people[0]]).await;
    }
    let mut after = look().await;
    until("a renewed lease", async || {
        after = look().await;
        after.1 > before.1
    })
    .await;
    assert_eq!(after.0, before.0, "the row was written again");
}
