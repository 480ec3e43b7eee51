//! The roster: names, hands, roles, permissions, kick and ban, the lock, the limit.
use atelier::{
    kernel::Code,
    live::core::{Command, Role, roster::Right},
};
use axum::http::Method;
use serde_json::json;

use crate::support::{Atelier, Client, sheet::single};

fn hand(of: &Client, raised: bool) -> Command {
    Command::Hand { participant: of.me(), raised }
}
fn rename(of: &Client, name: &str) -> Command {
    Command::Rename { participant: of.me(), name: name.to_owned() }
}

#[tokio::test]
async fn people_have_names_and_hands_of_their_own() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    bo.does(rename(&bo, "  Bo\u{202E}  Derek ")).await;
    bo.waits("the name", |copy| copy.you.as_ref().is_some_and(|you| you.name.as_deref() == Some("Bo Derek"))).await;
    bo.is_refused(rename(&cy, "Mallory"), Code::Forbidden).await;
    bo.is_refused(hand(&cy, true), Code::Forbidden).await;
    bo.is_refused(rename(&bo, &"x".repeat(10_000)), Code::TextTooLong).await;
    bo.is_refused(rename(&bo, "\0\u{200B}"), Code::TextEmpty).await;
    bo.does(hand(&bo, true)).await;
    cy.does(hand(&cy, true)).await;
    cy.is_refused(hand(&bo, false), Code::Forbidden).await;
    host.is_refused(hand(&bo, true), Code::Forbidden).await;
    host.does(hand(&bo, false)).await;
    host.does(rename(&cy, "Cyd")).await;
    bo.waits("a lowered hand", |copy| copy.you.as_ref().is_some_and(|you| you.hand_raised_at.is_none())).await;
    let nobody = Command::Kick { participant: crate::support::sheet::fresh() };
    host.is_refused(nobody, Code::UnknownParticipant).await;
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
    let rows = ada.get(&format!("/live-sessions/{}/participants?limit=2", session.id)).await;
    assert_eq!(rows.body["items"].as_array().map(Vec::len), Some(2));
    let rest = format!("/live-sessions/{}/participants?after={}", session.id, rows.text("/next"));
    assert_eq!(ada.get(&rest).await.text("/items/0/name"), "Cyd");
}

#[tokio::test]
async fn who_is_kicked_may_return_and_who_is_banned_may_not() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    bo.is_refused(Command::Kick { participant: cy.me() }, Code::Forbidden).await;
    host.is_refused(Command::Kick { participant: host.me() }, Code::Forbidden).await;
    host.does(Command::Kick { participant: bo.me() }).await;
    bo.is_closed_with(4003).await;
    app.agrees_with(&session, &[&host, &cy]).await;
    let seat = app.join(&session.code, None, Some(&bo.token().await)).await;
    assert_eq!(seat.is(200).text("/participantId"), bo.me().to_string());
    bo.comes().await;
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
    host.does(Command::Ban { participant: bo.me() }).await;
    bo.is_closed_with(4003).await;
    assert!(!bo.tries_to_come().await);
    bo.is_closed_with(4003).await;
    session.refuses(Some("Bo"), Some(&bo.token().await), 403, "removed").await;
    host.does(Command::Unban { participant: bo.me() }).await;
    bo.comes().await;
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
}

#[tokio::test]
async fn a_role_brings_its_view_and_a_permission_its_power() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    let draft = single("Secret draft", &["A", "B"]);
    host.does(draft.create()).await;
    bo.is_refused(draft.open(), Code::Forbidden).await;
    bo.is_refused(Command::SetRole { participant: bo.me(), role: Role::Instructor }, Code::Forbidden).await;
    let permit = |granted| Command::Permit { participant: bo.me(), permission: Right::CanCreatePolls, granted };
    bo.is_refused(permit(true), Code::Forbidden).await;
    host.does(permit(true)).await;
    bo.waits("the draft", |copy| copy.poll(draft.id).is_some()).await;
    bo.does(draft.open()).await;
    bo.is_refused(Command::Lock { locked: true }, Code::Forbidden).await;
    app.agrees_with(&session, &[&host, &bo]).await;
    host.does(permit(false)).await;
    bo.waits("no people", |copy| copy.state.as_ref().is_some_and(|state| state.people.is_empty())).await;
    app.agrees_with(&session, &[&host, &bo]).await;
    host.does(Command::SetRole { participant: bo.me(), role: Role::Assistant }).await;
    bo.waits("the people", |copy| copy.state.as_ref().is_some_and(|state| state.people.len() == 2)).await;
    bo.does(Command::Lock { locked: true }).await;
    bo.is_refused(Command::End {}, Code::Forbidden).await;
    bo.is_refused(Command::SetRole { participant: host.me(), role: Role::Participant }, Code::Forbidden).await;
    host.is_refused(Command::SetRole { participant: host.me(), role: Role::Participant }, Code::LastInstructor).await;
    app.agrees_with(&session, &[&host, &bo]).await;
    host.does(Command::SetRole { participant: bo.me(), role: Role::Observer }).await;
    bo.waits("the part", |copy| copy.you.as_ref().is_some_and(|you| you.role == Role::Observer)).await;
    bo.is_refused(draft.vote(&["A"]), Code::Forbidden).await;
    bo.is_refused(hand(&bo, true), Code::Forbidden).await;
    app.agrees_with(&session, &[&host, &bo]).await;
}

#[tokio::test]
async fn the_door_is_locked_for_those_who_were_never_in() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    host.does(Command::Lock { locked: true }).await;
    session.refuses(Some("Cy"), None, 403, "session_locked").await;
    bo.breaks_off().await;
    bo.comes().await;
    host.does(Command::Lock { locked: false }).await;
    let cy = session.joins("Cy").await;
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
}

#[tokio::test]
async fn no_more_come_in_than_there_are_seats() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates_as(json!({ "title": "Intro", "maxParticipants": 3 })).await;
    let host = ada.starts(&session).await;
    let wishes = (0..12).map(|n| {
        let (site, code) = (&app.site, &session.code);
        async move { site.join(code, Some(&format!("P{n}")), None).await }
    });
    let answers = futures_util::future::join_all(wishes).await;
    let seated = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(seated, 3);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refuses(409, "session_full");
    }
    let truth = app.agrees_with(&session, &[&host]).await;
    assert_eq!(truth.state.participants_present(), 3);
    host.is_refused(json!({ "configure": { "maxParticipants": 2 } }), Code::SessionFull).await;
    host.does(json!({ "configure": { "maxParticipants": 4 } })).await;
    session.joins("One more").await;
    session.refuses(Some("Two more"), None, 409, "session_full").await;
    // Who was turned away has left nothing behind.
    let mut superuser = app.database.superuser().await;
    let guests: i64 =
        sqlx::query_scalar("SELECT count(*) FROM users WHERE kind = 'guest'").fetch_one(&mut superuser).await.unwrap();
    assert_eq!(guests, 4);
}

#[tokio::test]
async fn names_are_asked_for_where_the_session_wants_them() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates_as(json!({ "title": "Intro", "needsName": true })).await;
    let host = ada.starts(&session).await;
    session.refuses(None, None, 422, "name_required").await;
    session.refuses(Some(" \u{200B} "), None, 422, "name_required").await;
    let long = app.join(&session.code, Some(&"x".repeat(10_000)), None).await;
    assert_eq!(long.refuses(422, "invalid").text("/errors/0/code"), "text_too_long");
    let info = app.ask(Method::GET, &format!("/api/v1/join/{}", session.code.to_lowercase()), None, None).await;
    assert_eq!(info.is(200).body["needsName"], json!(true));
    let bo = session.joins("Bo 😀 \u{1F468}\u{200D}\u{1F469}").await;
    let named = bo.you().name;
    app.agrees_with(&session, &[&host, &bo]).await;
    let again = app.join(&session.code, None, Some(&bo.token().await)).await;
    assert_eq!(again.is(200).text("/participantId"), bo.me().to_string());
    assert_eq!(bo.you().name, named);
}

#[tokio::test]
async fn a_member_comes_as_the_same_participant_by_code_and_by_ticket() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let seat = app.join(&session.code, None, Some(&ada.token)).await;
    assert_eq!(seat.is(200).text("/participantId"), host.me().to_string());
    assert_eq!(host.you().role, Role::Instructor);
    // Somebody of another organization is a guest here.
    let eve = app.instructor("eve").await;
    let guest = app.join(&session.code, Some("Eve"), Some(&eve.token)).await;
    assert_ne!(guest.is(200).text("/participantId"), host.me().to_string());
    let truth = app.agrees_with(&session, &[&host]).await;
    assert_eq!(truth.state.people.len(), 2);
}
