//! Rights that are withdrawn elsewhere while people have a document open: in the live session, on another node, in the
//! database, and none of them can tell this node but through its head check.
use std::time::Duration;

use atelier::{
    bus::Bus,
    collab::Scope,
    db::TenantTx,
    identity::OrganizationId,
    live::core::{Command, Role},
};
use serde_json::json;

use super::editor::Editor;
use crate::support::{Account, Atelier};

/// Two nodes that do not hear each other.
async fn nodes() -> (Atelier, Atelier) {
    let first = Atelier::start().await;
    let second = first.another(Bus::local()).await;
    (first, second)
}

/// Sent away to come in again.
async fn sent_away(editor: &mut Editor) {
    editor.until("to be sent away", |editor| editor.closed.is_some()).await;
    assert_eq!(editor.closed, Some(4205));
}

async fn is_refused(app: &Atelier, name: &str, token: &str) {
    let mut editor = Editor::opens(app.address, name, token).await;
    editor.until("a no", |editor| editor.denied).await;
}

async fn scope(app: &Atelier, name: &str, token: &str) -> Scope {
    let mut editor = Editor::opens(app.address, name, token).await;
    editor.until("an answer", |editor| editor.scope.is_some() || editor.denied).await;
    editor.scope.expect("let in")
}

#[tokio::test]
async fn who_is_removed_from_the_session_is_out_of_its_notes_on_every_node() {
    let (first, second) = nodes().await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let host = ada.starts(&session).await;
    let name = ada.notes(&session, "edit").await;
    let (bo, cy) = (session.joins("Bo").await, session.joins("Cy").await);
    let token = bo.token().await;
    let mut here = Editor::opens(first.address, &name, &token).await.comes_in().await;
    let mut there = Editor::opens(second.address, &name, &token).await.comes_in().await;
    here.types_and_saves("one ").await;
    there.types_and_saves("two ").await;
    host.does(Command::Kick { participant: bo.me() }).await;
    for (app, editor) in [(&first, &mut here), (&second, &mut there)] {
        sent_away(editor).await;
        is_refused(app, &name, &token).await;
    }
    // Everybody else comes in again, and is left in peace after that: one change sends away once.
    let mut writer = Editor::opens(second.address, &name, &cy.token().await).await.comes_in().await;
    writer.hears_for(Duration::from_millis(2_500)).await;
    writer.types_and_saves("three").await;
    assert_eq!(writer.closed, None);
    host.does(Command::SetRole { participant: cy.me(), role: Role::Observer }).await;
    sent_away(&mut writer).await;
    assert_eq!(scope(&second, &name, &cy.token().await).await, Scope::ReadOnly);
}

#[tokio::test]
async fn notes_can_only_be_read_when_the_session_is_over() {
    let (first, second) = nodes().await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let name = ada.notes(&session, "edit").await;
    let mut early = Editor::opens(first.address, &name, &ada.token).await.comes_in().await;
    let host = ada.starts(&session).await;
    let mut here = Editor::opens(first.address, &name, &ada.token).await.comes_in().await;
    let mut there = Editor::opens(second.address, &name, &ada.token).await.comes_in().await;
    there.types_and_saves("before").await;
    early.until("it arrives", |editor| editor.reads() == "before").await;
    assert_eq!(early.closed, None, "the beginning of a session takes nothing from anybody");
    host.does(Command::End {}).await;
    for (app, editor) in [(&first, &mut early), (&first, &mut here), (&second, &mut there)] {
        sent_away(editor).await;
        assert_eq!(scope(app, &name, &ada.token).await, Scope::ReadOnly);
    }
}

impl Account {
    /// A transaction of this account's organization, with the rights of the server.
    async fn tenant(&self, app: &Atelier) -> TenantTx {
        let organization = self.body["organization"]["id"].as_str().unwrap().parse().unwrap();
        app.database.open(1).await.tenant_as(OrganizationId::new(organization), None).await.unwrap()
    }
    fn user(&self) -> &str {
        self.body["user"]["id"].as_str().unwrap()
    }
}

#[tokio::test]
async fn an_invitation_that_is_taken_back_opens_nothing_any_more() {
    let (first, second) = nodes().await;
    let ada = first.instructor("ada").await;
    let bo = ada.hires(&first, "bo", "learner").await;
    let (id, name) = ada.plans("Indexes").await;
    is_refused(&second, &name, &bo.token).await;
    let mut owner = Editor::opens(second.address, &name, &ada.token).await.comes_in().await;
    let change = async |sql: &'static str| {
        let mut tx = ada.tenant(&first).await;
        let done = sqlx::query(sql).bind(&id).bind(bo.user()).execute(&mut *tx).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{sql}");
        tx.commit().await.unwrap();
    };
    change(
        "INSERT INTO collab_collaborators (organization_id, document_id, user_id)
         SELECT organization_id, id, $2::uuid FROM collab_documents WHERE subject_id = $1::uuid",
    )
    .await;
    sent_away(&mut owner).await;
    let mut guest = Editor::opens(second.address, &name, &bo.token).await.comes_in().await;
    guest.rewrites("title", "Indices").await;
    guest.until("saved", |editor| editor.unsaved == 0).await;
    change(
        "UPDATE collab_collaborators SET level = 'view' WHERE user_id = $2::uuid
         AND document_id = (SELECT id FROM collab_documents WHERE subject_id = $1::uuid)",
    )
    .await;
    sent_away(&mut guest).await;
    let mut reader = Editor::opens(second.address, &name, &bo.token).await.comes_in().await;
    assert_eq!(reader.scope, Some(Scope::ReadOnly));
    change(
        "DELETE FROM collab_collaborators WHERE user_id = $2::uuid
         AND document_id = (SELECT id FROM collab_documents WHERE subject_id = $1::uuid)",
    )
    .await;
    sent_away(&mut reader).await;
    is_refused(&second, &name, &bo.token).await;
}

#[tokio::test]
async fn what_is_approved_or_thrown_away_on_another_node_is_so_here() {
    let (first, second) = nodes().await;
    let ada = first.instructor("ada").await;
    let (id, name) = ada.summarises("Bo").await;
    let mut there = Editor::opens(second.address, &name, &ada.token).await.comes_in().await;
    // Nobody is sent away by what was written first.
    ada.post(&format!("/summaries/{id}/approve"), json!({})).await.refuses(422, "nothing_to_approve");
    let (plan, title) = ada.plans("Indexes").await;
    let mut open = Editor::opens(second.address, &title, &ada.token).await.comes_in().await;
    ada.delete(&format!("/builder-sessions/{plan}")).await.is(204);
    sent_away(&mut open).await;
    is_refused(&second, &title, &ada.token).await;
    assert_eq!(there.closed, None);
    ada.delete(&format!("/summaries/{id}")).await.is(204);
    sent_away(&mut there).await;
    is_refused(&second, &name, &ada.token).await;
}
