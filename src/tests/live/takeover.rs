//! The host is gone: an assistant takes over, and nothing else changes.
use std::{sync::Arc, time::Duration};

use atelier::{
    bus::Bus,
    kernel::Code,
    live::core::{Command, Event, Role, Timer},
};
use serde_json::json;

use super::presence::{count, counts, lapses, vanishes};
use crate::support::{
    Account, Atelier, Client, Machine, Meeting, Setup, TestDb,
    machine::{passes, until},
    sheet::{Sheet, single},
};

fn take_over() -> Command {
    Command::TakeOver { unseen: [].into() }
}

async fn sees_no_instructor(client: &Client, gone: bool) {
    let so = |copy: &crate::support::copy::Copy| copy.integrity.as_ref().is_some_and(|p| p.no_instructor == gone);
    client.waits(if gone { "no instructor" } else { "an instructor" }, so).await;
}

fn timer(client: &Client, poll: &Sheet) -> Option<Timer> {
    client.look(|copy| copy.poll(poll.id).unwrap().timer)
}

/// Bo becomes an assistant, and a poll with a timer is open.
async fn begins(host: &Client, bo: &Client) -> Sheet {
    host.does(Command::SetRole { participant: bo.me(), role: Role::Assistant }).await;
    let poll = single("Tea?", &["yes", "no"]).timed(600);
    host.opens(&poll).await;
    bo.waits("the poll", |copy| copy.poll(poll.id).is_some_and(|poll| poll.timer.is_some())).await;
    sees_no_instructor(bo, false).await;
    poll
}

async fn leads(client: &Client) {
    client.waits("the lead", |copy| copy.you.as_ref().is_some_and(|you| you.role == Role::Instructor)).await;
}

async fn ends(app: &Atelier, session: &Meeting, old: &Client, new: &Client) {
    let truth = app.agrees_with(session, &[old, new]).await;
    for client in [old, new] {
        assert_eq!(truth.state.people[&client.me()].role, Role::Instructor);
    }
    let given = truth.log.iter().filter(|entry| {
        matches!(entry.event, Event::RoleSet { role: Role::Instructor, .. }) && entry.actor == Some(new.me())
    });
    assert_eq!(given.count(), 1);
}

#[tokio::test]
async fn an_assistant_takes_over_when_the_host_is_out_of_sight() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let poll = begins(&host, &bo).await;
    cy.waits("the poll", |copy| copy.poll(poll.id).is_some()).await;
    let before = timer(&cy, &poll);
    bo.is_refused(take_over(), Code::InstructorHere).await;
    cy.is_refused(take_over(), Code::Forbidden).await;
    // Nobody tells the server who is out of sight.
    bo.is_refused(json!({ "takeOver": { "unseen": [host.me()] } }), Code::Malformed).await;
    vanishes(&app.database, &host).await;
    bo.is_refused(take_over(), Code::InstructorHere).await;
    passes(Duration::from_secs(6)).await;
    sees_no_instructor(&bo, true).await;
    cy.is_refused(take_over(), Code::Forbidden).await;
    bo.does(take_over()).await;
    leads(&bo).await;
    sees_no_instructor(&bo, false).await;
    bo.does(take_over()).await;
    assert_eq!(timer(&cy, &poll), before, "the timer runs on as it was");
    cy.votes(&poll, &["yes"]).await;
    // The host comes back, and both lead.
    host.comes().await;
    leads(&host).await;
    host.does(poll.close()).await;
    bo.does(poll.reveal(true)).await;
    ends(&app, &session, &host, &bo).await;
}

#[tokio::test]
async fn one_host_of_two_is_enough_and_who_has_left_does_not_count() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    begins(&host, &bo).await;
    host.does(Command::SetRole { participant: cy.me(), role: Role::Instructor }).await;
    vanishes(&app.database, &host).await;
    passes(Duration::from_secs(40)).await;
    bo.waits("the host gone", |copy| {
        let people = &copy.state.as_ref().unwrap().people;
        people.iter().any(|person| person.id == host.me() && person.left_at.is_some())
    })
    .await;
    bo.is_refused(take_over(), Code::InstructorHere).await;
    vanishes(&app.database, &cy).await;
    passes(Duration::from_secs(6)).await;
    sees_no_instructor(&bo, true).await;
    bo.does(take_over()).await;
    host.comes().await;
    cy.comes().await;
    leads(&cy).await;
    ends(&app, &session, &host, &bo).await;
}

#[tokio::test]
async fn an_assistant_on_another_node_sees_that_the_host_is_there_and_that_he_is_gone() {
    let bus = Bus::local();
    let first = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let second = first.another(bus).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins_at(&second.site, "Bo").await;
    begins(&host, &bo).await;
    // Whoever comes after the host is seen from over there no sooner than the host.
    let _cy = session.joins("Cy").await;
    counts(&bo, 1).await;
    passes(Duration::from_secs(20)).await;
    bo.is_refused(take_over(), Code::InstructorHere).await;
    vanishes(&first.database, &host).await;
    passes(Duration::from_secs(10)).await;
    sees_no_instructor(&bo, true).await;
    bo.does(take_over()).await;
    leads(&bo).await;
    host.comes().await;
    leads(&host).await;
    ends(&second, &session, &host, &bo).await;
}

#[tokio::test]
async fn an_assistant_takes_over_when_the_node_of_the_host_has_died() {
    let database = Arc::new(TestDb::new().await);
    let app = Atelier::over(database.clone(), database.open(8).await, Setup::default());
    let mut other = Machine::over(database.clone(), Setup::default()).await;
    let ada = other.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins_at(&app.site, "Bo").await;
    let poll = begins(&host, &bo).await;
    let before = timer(&bo, &poll);
    let node = other.live.node();
    other.is_killed().await;
    let here = Account { site: app.site.clone(), ..ada };
    lapses(&database, node).await;
    passes(Duration::from_secs(10)).await;
    sees_no_instructor(&bo, true).await;
    bo.does(take_over()).await;
    leads(&bo).await;
    assert_eq!(timer(&bo, &poll), before);
    let host = here.enters(&session, None).await;
    leads(&host).await;
    until("both there", async || app.truth(&session).await.state.people.values().all(|p| p.left_at.is_none())).await;
    ends(&app, &session, &host, &bo).await;
}

#[tokio::test]
async fn a_host_whose_machine_is_silent_is_missed_within_seconds() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    begins(&host, &bo).await;
    assert!(host.heard(r#""heartbeat":5,"#).is_some() && host.heard(r#""heartbeat":25,"#).is_none());
    bo.waits("another pace", |copy| copy.raw.iter().any(|frame| frame.contains(r#""heartbeat":5,"#))).await;
    // Its lid is closed: nothing is read, nothing is answered, and the line stays as it is.
    host.stops_reading();
    let seen = format!("live_presence WHERE '{}' = ANY (people)", host.me());
    until("the host to be seen", async || count(&app.database, &seen).await == 1).await;
    let missed = async {
        while count(&app.database, &seen).await > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(25), missed).await.expect("missed");
    passes(Duration::from_secs(6)).await;
    sees_no_instructor(&bo, true).await;
    bo.does(take_over()).await;
    host.reads_again();
    host.is_closed_with(4108).await;
    host.comes().await;
    ends(&app, &session, &host, &bo).await;
}
