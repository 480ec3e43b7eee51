//! Questions: moderation, support, answers, and what others may know of them.
use atelier::{
    kernel::Code,
    live::core::{Command, QuestionId, Stage, question::QuestionStatus},
};
use serde_json::json;

use crate::support::{Atelier, Client, copy::Copy, sheet::fresh};

fn stands(id: QuestionId, status: QuestionStatus) -> impl Fn(&Copy) -> bool {
    move |copy| copy.question(id).is_some_and(|question| question.status == status)
}
fn has(id: QuestionId, upvotes: u32) -> impl Fn(&Copy) -> bool {
    move |copy| copy.question(id).is_some_and(|question| question.upvotes == upvotes)
}
async fn supports(client: &Client, question: QuestionId, on: bool) -> u64 {
    client.does(Command::Upvote { question, on }).await
}

#[tokio::test]
async fn questions_wait_for_a_moderator_where_the_session_wants_it() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let everybody = [&host, &screen, &bo, &cy];
    host.does(json!({ "configure": { "preModerated": true } })).await;
    let (good, bad) = (bo.asks("What is a monad?").await, bo.asks("Rude words").await);
    host.waits("a pending question", stands(good, QuestionStatus::Pending)).await;
    bo.waits("one's own", |copy| copy.own_question(good).is_some()).await;
    cy.is_refused(Command::Upvote { question: good, on: true }, Code::QuestionUnknown).await;
    cy.is_refused(Command::Approve { question: good }, Code::Forbidden).await;
    host.does(Command::Approve { question: good }).await;
    host.does(Command::Dismiss { question: bad }).await;
    cy.waits("an open question", stands(good, QuestionStatus::Open)).await;
    app.agrees_with(&session, &everybody).await;
    assert_eq!(cy.heard("Rude words"), None);
    assert_eq!(screen.heard("Rude words"), None);
    host.does(Command::Restore { question: bad }).await;
    host.waits("back in review", stands(bad, QuestionStatus::Pending)).await;
    let mine = cy.asks("Mine").await;
    cy.does(Command::Dismiss { question: mine }).await;
    bo.is_refused(Command::Dismiss { question: mine }, Code::Forbidden).await;
    app.agrees_with(&session, &everybody).await;
}

#[tokio::test]
async fn support_counts_once_and_not_for_oneself() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let question = bo.asks("Why?").await;
    bo.is_refused(Command::Upvote { question, on: true }, Code::OwnQuestion).await;
    let first = supports(&cy, question, true).await;
    assert_eq!(supports(&cy, question, true).await, first, "once");
    supports(&host, question, true).await;
    bo.waits("two", has(question, 2)).await;
    supports(&cy, question, false).await;
    bo.waits("one", has(question, 1)).await;
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
    host.does(json!({ "configure": { "upvotes": false } })).await;
    cy.is_refused(Command::Upvote { question, on: true }, Code::FeatureDisabled).await;
    host.does(json!({ "configure": { "qaEnabled": false } })).await;
    let ask = Command::Ask { question: fresh(), body: "And now?".to_owned(), anonymous: false };
    cy.is_refused(ask, Code::FeatureDisabled).await;
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
}

#[tokio::test]
async fn a_question_is_answered_starred_highlighted_put_away_and_brought_back() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let screen = ada.projects(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let everybody = [&host, &screen, &bo, &cy];
    let question = bo.asks("Why?").await;
    host.does(Command::Star { question, on: true }).await;
    host.waits("a star", |copy| copy.question(question).is_some_and(|q| q.starred)).await;
    host.does(Command::Highlight { question: Some(question) }).await;
    let lit = |wanted| move |copy: &Copy| copy.state.as_ref().is_some_and(|state| state.stage.highlighted == wanted);
    screen.waits("the highlight", lit(Some(question))).await;
    host.does(Command::Show { stage: Stage::Question { question } }).await;
    app.agrees_with(&session, &everybody).await;
    assert!(cy.look(|copy| !copy.question(question).unwrap().starred), "stars are for hosts");
    host.does(Command::Answer { question, text: Some("Because.".to_owned()) }).await;
    cy.waits("the answer", |copy| copy.question(question).is_some_and(|q| q.answer.as_deref() == Some("Because.")))
        .await;
    host.does(Command::Archive { question }).await;
    for client in [&screen, &cy] {
        client.waits("nothing", |copy| copy.question(question).is_none()).await;
        client.waits("no highlight", lit(None)).await;
    }
    app.agrees_with(&session, &everybody).await;
    host.does(Command::Restore { question }).await;
    cy.waits("open again", stands(question, QuestionStatus::Open)).await;
    app.agrees_with(&session, &everybody).await;
    let second = cy.asks("How?").await;
    host.does(Command::Answer { question: second, text: None }).await;
    bo.waits("answered aloud", stands(second, QuestionStatus::Answered)).await;
    app.agrees_with(&session, &everybody).await;
}

#[tokio::test]
async fn questions_are_bounded() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let ask = |body: &str| Command::Ask { question: fresh(), body: body.to_owned(), anonymous: false };
    bo.is_refused(ask(&"x".repeat(10_000)), Code::TextTooLong).await;
    bo.is_refused(ask("\0 \u{FEFF}"), Code::TextEmpty).await;
    for n in 0..5 {
        bo.asks(&format!("{n}\u{0}? ع\u{202E}\u{2066} e\u{301} 👩‍👩‍👧")).await;
    }
    bo.is_refused(ask("six"), Code::TooManyQuestions).await;
    let taken = app.truth(&session).await.state.questions.keys().next().copied().unwrap();
    let steal = Command::Ask { question: taken, body: "Mine now".to_owned(), anonymous: false };
    cy.is_refused(steal, Code::Conflict).await;
    host.does(json!({ "configure": { "anonymousAllowed": false } })).await;
    let hidden = Command::Ask { question: fresh(), body: "Who am I?".to_owned(), anonymous: true };
    cy.is_refused(hidden, Code::AnonymousNotAllowed).await;
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
    let rows = ada.get(&format!("/live-sessions/{}/questions", session.id)).await;
    assert_eq!(rows.text("/items/0/authorName"), "Bo");
}
