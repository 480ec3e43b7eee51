//! Every command may be sent again: it happens once.
use atelier::live::core::{Command, Role, Stage, roster::Right};
use serde_json::{Value, json};

use crate::support::{
    Atelier, Client, Meeting,
    sheet::{fresh, open_text, single},
};

/// Does it, does it again, and once more on another connection: only the first makes events.
async fn once(app: &Atelier, session: &Meeting, who: &Client, command: Value) {
    who.does(&command).await;
    let after_first = app.truth(session).await.seq;
    who.does(&command).await;
    who.breaks_off().await;
    who.comes().await;
    who.does(&command).await;
    assert_eq!(app.truth(session).await.seq, after_first, "{command}");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one script")]
async fn every_command_happens_once() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada
        .creates_as(json!({ "title": "Intro", "features": [
        { "type": "poll", "config": { "maxOpen": 10 } }, { "type": "qa", "config": { "preModerated": true } }] }))
        .await;
    let host = ada.enters(&session, None).await;
    once(&app, &session, &host, json!(Command::Start {})).await;
    once(&app, &session, &host, json!(Command::Go {})).await;
    let (bo, cy, di) = (session.joins("Bo").await, session.joins("Cy").await, session.joins("Di").await);
    let (poll, text) = (single("Tea?", &["yes", "no"]).timed(600), open_text("Why?"));
    let (question, own) = (fresh(), fresh());
    let mut edited = poll.draft.clone();
    edited.question = "Coffee?".to_owned();
    let participant = bo.me();
    let ask = |question, anonymous| Command::Ask { question, body: "What?".to_owned(), anonymous };
    let seen = Some(1);
    for (who, command) in [
        (&host, poll.create()),
        (&host, text.create()),
        (&host, Command::EditPoll { poll: poll.id, draft: edited }),
        (&host, Command::MovePoll { poll: text.id, position: 0 }),
        (&host, poll.open()),
        (&host, text.open()),
        (&bo, poll.vote(&["yes"])),
        (&bo, poll.vote(&["no"])),
        (&bo, text.vote(&["rude"])),
        (&host, Command::HideAnswer { poll: text.id, text: "Rude".to_owned(), hidden: true }),
        (&host, poll.reveal(true)),
        (&host, Command::SetTimer { poll: poll.id, seconds: None }),
        (&host, Command::Revote { poll: poll.id, round: seen }),
        (&bo, poll.vote(&["yes"])),
        (&host, Command::ResetPoll { poll: poll.id, round: Some(2) }),
        (&host, poll.close()),
        (&host, Command::ArchivePoll { poll: poll.id, archived: true }),
        (&host, Command::ArchivePoll { poll: poll.id, archived: false }),
        (&bo, ask(question, true)),
        (&cy, ask(own, false)),
        (&host, Command::Approve { question }),
        (&cy, Command::Upvote { question, on: true }),
        (&cy, Command::Upvote { question, on: false }),
        (&host, Command::Star { question, on: true }),
        (&host, Command::Highlight { question: Some(question) }),
        (&host, Command::Answer { question, text: Some("So.".to_owned()) }),
        (&host, Command::Archive { question }),
        (&host, Command::Restore { question }),
        (&cy, Command::Dismiss { question: own }),
        (&host, Command::Show { stage: Stage::Text { title: "Break".to_owned(), body: None } }),
        (&bo, Command::Rename { participant, name: "Bob".to_owned() }),
        (&bo, Command::Hand { participant, raised: true }),
        (&host, Command::Hand { participant, raised: false }),
        (&host, Command::Permit { participant, permission: Right::CanModerate, granted: true }),
        (&host, Command::SetRole { participant, role: Role::Assistant }),
        (&host, Command::Lock { locked: true }),
        (&host, Command::Kick { participant: cy.me() }),
        (&host, Command::Ban { participant: di.me() }),
        (&host, Command::Unban { participant: di.me() }),
        (&host, Command::Pause {}),
        (&host, Command::Resume {}),
    ] {
        once(&app, &session, who, json!(command)).await;
    }
    once(&app, &session, &host, json!({ "configure": { "title": "New", "maxParticipants": 7 } })).await;
    app.agrees_with(&session, &[&host, &bo]).await;
    host.does(Command::End {}).await;
    host.is_closed_with(4004).await;
}

#[tokio::test]
async fn a_timer_that_was_extended_is_not_extended_again() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let poll = single("Tea?", &["yes", "no"]).timed(60);
    host.opens(&poll).await;
    host.waits("the timer", |copy| copy.poll(poll.id).is_some_and(|poll| poll.timer.is_some())).await;
    let seen = host.look(|copy| copy.poll(poll.id).unwrap().timer);
    once(&app, &session, &host, json!(Command::ExtendTimer { poll: poll.id, seconds: 30, seen })).await;
    app.agrees_with(&session, &[&host]).await;
}
