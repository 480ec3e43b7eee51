//! From planned to over: start, go, pause, resume, end, cancel; the stage and the big screen's link.
use atelier::{
    kernel::{Clock, Code},
    live::core::{Command, Role, Stage, Status, Timer, poll::PollStatus},
};
use chrono::{DateTime, TimeDelta};
use serde_json::json;

use crate::support::{
    Atelier, Client, Setup,
    client::Key,
    sheet::{single, tally},
};

async fn is(client: &Client, status: Status) {
    client.waits(&format!("{status:?}"), |copy| copy.state.as_ref().is_some_and(|s| s.session.status == status)).await;
}

fn standing_clock() -> Clock {
    Clock::manual(DateTime::from_timestamp(1_780_000_000, 0).unwrap())
}

#[tokio::test]
async fn a_session_goes_its_way_from_scheduled_to_ended() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    session.refuses(Some("Early"), None, 409, "session_not_started").await;
    let host = ada.enters(&session, None).await;
    is(&host, Status::Scheduled).await;
    host.is_refused(Command::Go {}, Code::WrongState).await;
    host.is_refused(Command::Pause {}, Code::WrongState).await;
    host.is_refused(Command::End {}, Code::WrongState).await;
    host.does(Command::Start {}).await;
    let bo = session.joins("Bo").await;
    is(&bo, Status::Starting).await;
    let poll = single("Tea?", &["yes", "no"]);
    host.does(poll.create()).await;
    host.is_refused(poll.open(), Code::SessionNotActive).await;
    host.does(Command::Go {}).await;
    is(&bo, Status::Active).await;
    host.does(poll.open()).await;
    host.does(Command::Pause {}).await;
    is(&bo, Status::Paused).await;
    bo.is_refused(poll.vote(&["yes"]), Code::SessionPaused).await;
    bo.is_refused(json!({ "ask": { "question": poll.id, "body": "Why?" } }), Code::SessionPaused).await;
    host.does(Command::Resume {}).await;
    bo.votes(&poll, &["yes"]).await;
    bo.is_refused(Command::End {}, Code::Forbidden).await;
    host.does(Command::Pause {}).await;
    // What must be seen before the door closes.
    app.agrees_with(&session, &[&host, &bo]).await;
    host.does(Command::End {}).await;
    host.is_closed_with(4004).await;
    bo.is_closed_with(4004).await;
    let truth = app.truth(&session).await;
    assert_eq!(truth.state.status, Status::Ended);
    assert_eq!(truth.state.polls[&poll.id].status, PollStatus::Closed);
    assert!(truth.state.people.values().all(|person| person.left_at.is_some()));
    session.refuses(Some("Late"), None, 410, "session_ended").await;
    assert!(!bo.tries_to_come().await);
    bo.is_closed_with(4004).await;
    let results = ada.get(&format!("/live-sessions/{}/results", session.id)).await;
    assert_eq!(results.is(200).body["state"]["polls"][0]["tally"]["counts"], json!([1, 0]));
    assert_eq!(results.text("/session/status"), "ended");
}

#[tokio::test]
async fn a_session_is_called_off_with_a_reason() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.enters(&session, None).await;
    host.does(Command::Start {}).await;
    let bo = session.joins("Bo").await;
    host.is_refused(Command::Cancel { reason: " ".to_owned() }, Code::TextEmpty).await;
    host.does(Command::Cancel { reason: "The room is flooded.".to_owned() }).await;
    bo.is_closed_with(4004).await;
    assert!(bo.heard("The room is flooded.").is_some());
    assert_eq!(app.truth(&session).await.state.status, Status::Cancelled);
    session.refuses(None, None, 410, "session_ended").await;
}

#[tokio::test]
async fn too_early_is_refused_and_the_plan_can_change() {
    let clock = standing_clock();
    let app = Atelier::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let start = clock.now() + TimeDelta::hours(2);
    let session = ada.creates_as(json!({ "title": "Soon", "scheduledStart": start })).await;
    let host = ada.enters(&session, None).await;
    host.is_refused(Command::Start {}, Code::TooEarly).await;
    let path = format!("/live-sessions/{}", session.id);
    ada.patch(&path, json!({ "scheduledStart": clock.now(), "title": "Now" })).await.is(200);
    host.waits("the plan", |copy| copy.state.as_ref().is_some_and(|s| s.session.settings.title == "Now")).await;
    host.starts().await;
    ada.patch(&path, json!({ "title": "Too late" })).await.refuses(409, "wrong_state");
    app.agrees_with(&session, &[&host]).await;
}

#[tokio::test]
async fn a_pause_stops_the_timers() {
    let clock = standing_clock();
    let app = Atelier::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let poll = single("Quick?", &["yes", "no"]).timed(30);
    host.opens(&poll).await;
    clock.advance(TimeDelta::seconds(10));
    host.does(Command::Pause {}).await;
    let timer = |wanted| move |copy: &crate::support::copy::Copy| copy.poll(poll.id).is_some_and(|p| p.timer == wanted);
    bo.waits("a frozen timer", timer(Some(Timer::Remaining(20_000)))).await;
    clock.advance(TimeDelta::seconds(600));
    host.settles(&[&bo]).await;
    assert_eq!(bo.look(|copy| copy.poll(poll.id).map(|poll| poll.status)), Some(PollStatus::Open));
    host.does(Command::Resume {}).await;
    let ends = clock.now() + TimeDelta::seconds(20);
    bo.waits("a running timer", timer(Some(Timer::EndsAt(ends)))).await;
    // Somebody who comes late sees the time that is left.
    let cy = session.joins("Cy").await;
    assert!(cy.look(timer(Some(Timer::EndsAt(ends)))));
    assert_eq!(cy.look(|copy| copy.state.clone().unwrap().stage.show), Stage::Poll { poll: poll.id });
    clock.advance(TimeDelta::seconds(19));
    bo.votes(&poll, &["yes"]).await;
    clock.advance(TimeDelta::seconds(1));
    bo.is_refused(poll.vote(&["no"]), Code::PollClosed).await;
    for client in [&host, &bo, &cy] {
        client.sees_status(&poll, PollStatus::Closed).await;
        client.sees(&poll, tally!["yes": 1]).await;
    }
    let truth = app.agrees_with(&session, &[&host, &bo, &cy]).await;
    assert_eq!(truth.state.paused_seconds, 600);
}

#[tokio::test]
async fn a_timer_is_set_extended_and_taken_off() {
    let clock = standing_clock();
    let app = Atelier::with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let poll = single("Quick?", &["yes", "no"]);
    host.opens(&poll).await;
    host.does(Command::SetTimer { poll: poll.id, seconds: Some(10) }).await;
    host.does(Command::ExtendTimer { poll: poll.id, seconds: 20, seen: None }).await;
    clock.advance(TimeDelta::seconds(29));
    bo.votes(&poll, &["yes"]).await;
    host.does(Command::SetTimer { poll: poll.id, seconds: None }).await;
    clock.advance(TimeDelta::seconds(500));
    bo.votes(&poll, &["no"]).await;
    host.is_refused(Command::SetTimer { poll: poll.id, seconds: Some(1) }, Code::Invalid).await;
    app.agrees_with(&session, &[&host, &bo]).await;
}

#[tokio::test]
async fn the_stage_shows_what_the_host_wants_and_only_what_all_may_see() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let poll = single("Tea?", &["yes", "no"]);
    host.does(poll.create()).await;
    host.is_refused(Command::Show { stage: Stage::Poll { poll: poll.id } }, Code::WrongState).await;
    host.does(poll.open()).await;
    let asked = host.asks("Who pays?").await;
    let ends_at = app.clock.now() + TimeDelta::seconds(60);
    for stage in [
        Stage::Lobby {},
        Stage::Poll { poll: poll.id },
        Stage::Question { question: asked },
        Stage::Questions {},
        Stage::Text { title: "Break".to_owned(), body: Some("until ten".to_owned()) },
        Stage::Timer { title: None, ends_at },
        Stage::Blank {},
    ] {
        host.does(Command::Show { stage: stage.clone() }).await;
        screen.waits("the stage", |copy| copy.state.as_ref().is_some_and(|state| state.stage.show == stage)).await;
    }
    let bo = session.joins("Bo").await;
    bo.is_refused(Command::Show { stage: Stage::Blank {} }, Code::Forbidden).await;
    app.agrees_with(&session, &[&host, &screen, &bo]).await;
}

#[tokio::test]
async fn the_link_of_the_screen_shows_and_does_nothing_until_it_is_revoked() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (link, token) = ada.links(&session).await;
    let screen = Client::new(app.address, Key::Token(token.clone()));
    screen.comes().await;
    assert_eq!((screen.you().participant, screen.you().role), (None, Role::Observer));
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    screen.is_refused(poll.vote(&["yes"]), Code::Forbidden).await;
    screen.is_refused(Command::End {}, Code::Forbidden).await;
    screen.is_refused(json!({ "ask": { "question": poll.id, "body": "Me?" } }), Code::Forbidden).await;
    app.site.ask(axum::http::Method::GET, "/api/v1/live-sessions", Some(&token), None).await.is(401);
    app.agrees_with(&session, &[&host, &screen]).await;
    let path = format!("/live-sessions/{}/links", session.id);
    assert_eq!(ada.get(&path).await.text("/items/0/id"), link);
    ada.delete(&format!("{path}/{link}")).await.is(204);
    screen.breaks_off().await;
    assert!(!screen.tries_to_come().await);
    screen.is_closed_with(4001).await;
}

#[tokio::test]
async fn a_copy_takes_settings_and_polls_but_no_votes() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let poll = single("Tea?", &["yes", "no"]);
    host.opens(&poll).await;
    host.votes(&poll, &["yes"]).await;
    let copied = ada.post(&format!("/live-sessions/{}/duplicate", session.id), json!({ "title": "Again" })).await;
    copied.is(201);
    let results = ada.get(&format!("/live-sessions/{}/results", copied.text("/id"))).await;
    let made = &results.is(200).body["state"]["polls"][0];
    assert_eq!((&made["question"], &made["status"]), (&json!("Tea?"), &json!("draft")));
    assert_eq!((&made["tally"]["voters"], &made["tally"]["counts"]), (&json!(0), &json!([0, 0])));
    assert_ne!(made["id"], json!(poll.id));
}
