//! Notes and whiteboard as the session speaks of them: everybody in it hears at once what there is and who may do what.
use atelier::{
    bus::Bus,
    kernel::document::ParticipantsMay::{Edit, Nothing, Read},
    live::core::{Command, SessionBoard, SessionDocuments, roster},
};
use serde_json::json;

use super::nodes::session_channel;
use crate::support::{Account, Atelier, Client, Meeting, Setup};

impl Client {
    fn documents(&self) -> SessionDocuments {
        self.look(|copy| copy.state.as_ref().expect("a state").session.settings.documents.clone())
    }
    async fn finds(&self, what: &str, so: impl Fn(&SessionDocuments) -> bool) {
        self.waits(what, |copy| copy.state.as_ref().is_some_and(|state| so(&state.session.settings.documents))).await;
    }
}

async fn opens_notes(ada: &Account, session: &Meeting) -> String {
    let answer = ada.get(&format!("/live-sessions/{}/notes", session.id)).await;
    answer.is(200).body["document"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_a_host_does_with_notes_and_board_everybody_hears_at_once_on_every_node() {
    let bus = Bus::local();
    let first = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let second = first.another(bus.clone()).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins_at(&second.site, "Cy").await);
    for guest in [&bo, &cy] {
        assert!(guest.documents().is_empty(), "nobody made any");
    }
    let mut heard = bus.subscribe(session_channel(&ada, &session));
    let notes = opens_notes(&ada, &session).await;
    // The word comes before anybody would have looked; the event follows it.
    let word = heard.next().await.expect("a word");
    assert_eq!((word.to, word.payload.is_empty()), (0, true));
    for guest in [&bo, &cy] {
        guest.finds("notes", |all| all.notes.as_ref().is_some_and(|known| known.participants_may == Read)).await;
        assert_eq!(guest.documents().notes.unwrap().document, notes);
    }
    assert_eq!(ada.notes(&session, "edit").await, notes);
    for guest in [&bo, &cy] {
        guest.finds("to write", |all| all.notes.as_ref().is_some_and(|known| known.participants_may == Edit)).await;
    }
    ada.board(&session, json!({ "participantsMay": "nothing", "title": "Wages" })).await;
    let document = ada.board(&session, json!({ "isLocked": true })).await;
    let hidden = SessionBoard { document, title: "Wages".to_owned(), is_locked: true, participants_may: Nothing };
    host.finds("a board", |all| all.whiteboard.as_ref() == Some(&hidden)).await;
    ada.notes(&session, "nothing").await;
    for guest in [&bo, &cy] {
        guest.finds("nothing", SessionDocuments::is_empty).await;
        assert_eq!(guest.heard("Wages"), None, "nobody may know of it");
    }
    ada.board(&session, json!({ "participantsMay": "edit", "isLocked": false, "title": "Wishes" })).await;
    for guest in [&bo, &cy] {
        let shown =
            SessionBoard { title: "Wishes".to_owned(), is_locked: false, participants_may: Edit, ..hidden.clone() };
        guest.finds("a board to draw on", |all| all.whiteboard.as_ref() == Some(&shown)).await;
    }
    first.agrees_with(&session, &[&host, &bo, &cy]).await;
}

#[tokio::test]
async fn who_was_away_hears_it_when_coming_back_wherever_that_is() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let bo = session.joins("Bo").await;
    app.agrees_with(&session, &[&host, &bo]).await;
    let snapshots = bo.look(|copy| copy.snapshots);
    bo.breaks_off().await;
    ada.notes(&session, "edit").await;
    host.finds("notes", |all| all.notes.is_some()).await;
    bo.comes().await;
    bo.finds("notes", |all| all.notes.as_ref().is_some_and(|known| known.participants_may == Edit)).await;
    assert!(bo.look(|copy| copy.resumed && copy.snapshots == snapshots), "as part of what was missed");
    // A node that was not there when it happened knows it from the log.
    let other = app.another(Bus::local()).await;
    bo.breaks_off().await;
    bo.forgets();
    bo.moves_to(other.address);
    bo.comes().await;
    assert!(bo.documents().notes.is_some(), "with the first picture");
    app.agrees_with(&session, &[&host, &bo]).await;
}

#[tokio::test]
async fn nodes_that_hear_nothing_find_it_by_looking() {
    let app = Atelier::start().await;
    let deaf = app.another(Bus::local()).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    ada.starts(&session).await.breaks_off().await;
    let bo = session.joins_at(&deaf.site, "Bo").await;
    // As before the session said such things, and as by a node that died in between: a row and no word.
    let organization = ada.body["organization"]["id"].as_str().unwrap().parse::<uuid::Uuid>().unwrap();
    let mut tx = app.database.open(1).await.tenant_as(atelier::kernel::Id::new(organization), None).await.unwrap();
    sqlx::query("INSERT INTO live_notes (organization_id, live_session_id, participants_may) VALUES ($1, $2, 'edit')")
        .bind(organization)
        .bind(session.id.uuid())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    bo.finds("notes", |all| all.notes.as_ref().is_some_and(|known| known.participants_may == Edit)).await;
}

#[tokio::test]
async fn who_may_draw_by_right_knows_of_a_board_that_others_do_not_see() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    ada.board(&session, json!({ "participantsMay": "nothing", "title": "Wages" })).await;
    host.finds("a board", |all| all.whiteboard.is_some()).await;
    let permit =
        |granted| Command::Permit { participant: bo.me(), permission: roster::Right::CanUseWhiteboard, granted };
    host.does(permit(true)).await;
    let own = |title: &'static str| {
        move |copy: &crate::support::copy::Copy| {
            let board = copy.you.as_ref().and_then(|you| you.whiteboard.as_ref());
            board.is_some_and(|board| board.title == title)
        }
    };
    bo.waits("one's own way in", own("Wages")).await;
    ada.board(&session, json!({ "title": "Wages, secret" })).await;
    bo.waits("its new name", own("Wages, secret")).await;
    host.does(permit(false)).await;
    bo.waits("it is gone", |copy| copy.you.as_ref().is_some_and(|you| you.whiteboard.is_none())).await;
    app.agrees_with(&session, &[&host, &bo, &cy]).await;
    assert_eq!(cy.heard("Wages"), None);
}

#[tokio::test]
async fn a_session_that_is_over_says_no_more_and_a_copy_has_none() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let notes = ada.notes(&session, "edit").await;
    host.finds("notes", |all| all.notes.is_some()).await;
    let copy = ada.post(&format!("/live-sessions/{}/duplicate", session.id), json!({})).await;
    copy.is(201);
    host.does(Command::End {}).await;
    let head = app.truth(&session).await.seq;
    assert_eq!(ada.notes(&session, "nothing").await, notes);
    let later = app.another(Bus::local()).await.truth(&session).await;
    assert_eq!(later.seq, head, "nothing is added to the log");
    let (id, code) = (copy.text("/id").parse().unwrap(), copy.text("/joinCode").to_owned());
    let copy = Meeting { id, code, site: app.site.clone() };
    let host = ada.starts(&copy).await;
    assert!(host.documents().is_empty(), "they stay with the original");
}
