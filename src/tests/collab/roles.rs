//! Memberships, roles, accounts and tokens that change while people have documents open. Nobody says anything, nothing is
//! asked for again by the clock, and the nodes do not hear each other.
use std::time::Duration;

use atelier::{bus::Bus, collab::Scope};
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use super::editor::Editor;
use crate::support::{Account, Atelier, client::DEADLINE};

/// Longer than the head check takes.
const A_LOOK: Duration = Duration::from_millis(2_500);

/// A plan of ada's that bo has open on two nodes, with a role of the organization's own.
struct Office {
    first: Atelier,
    second: Atelier,
    ada: Account,
    bo: Account,
    name: String,
}

impl Office {
    async fn opens(permissions: &'static str) -> Self {
        let first = Atelier::start().await;
        let second = first.another(Bus::local()).await;
        let ada = first.instructor("ada").await;
        let bo = ada.hires(&first, "bo", "learner").await;
        let (_, name) = ada.plans("Indexes").await;
        let office = Self { first, second, ada, bo, name };
        office.changes("INSERT INTO roles (organization_id, key, name) VALUES ($2::uuid, 'helper', $1)").await;
        office
            .changes(
                "INSERT INTO membership_roles (organization_id, membership_id, role_id)
                 SELECT $2::uuid, m.id, r.id FROM memberships m, roles r
                 WHERE m.user_id = $1::uuid AND m.organization_id = $2::uuid AND r.key = 'helper'",
            )
            .await;
        office.changes(permissions).await;
        office
    }

    /// One row, by somebody who is no server.
    async fn changes(&self, sql: &'static str) {
        let changed = sqlx::query(sql)
            .bind(self.bo.body["user"]["id"].as_str().unwrap())
            .bind(self.ada.body["organization"]["id"].as_str().unwrap())
            .execute(&mut self.first.database.superuser().await)
            .await
            .unwrap();
        assert_eq!(changed.rows_affected(), 1, "{sql}");
    }

    async fn scope_of_bo(&self) -> Option<Scope> {
        let mut editor = Editor::opens(self.second.address, &self.name, &self.bo.token).await;
        editor.until("an answer", |editor| editor.scope.is_some() || editor.denied).await;
        editor.scope
    }

    /// Bo is sent away from both nodes by this change, and is refused then; whoever else is there is not disturbed.
    async fn sends_bo_away(&self, sql: &'static str) {
        let ticket = self.bo.post(&format!("/documents/{}/ticket", self.name), json!({})).await;
        let url = format!("ws://{}/collab/yjs/{}?token={}", self.second.address, self.name, ticket.text("/token"));
        let mut line = connect_async(url).await.unwrap().0;
        let mut here = Editor::opens(self.first.address, &self.name, &self.bo.token).await.comes_in().await;
        let mut there = Editor::opens_as_of_old(self.second.address, &self.name, &self.bo.token).await.comes_in().await;
        let mut owner = Editor::opens(self.second.address, &self.name, &self.ada.token).await.comes_in().await;
        // What was changed to bring it about is over.
        owner.hears_for(A_LOOK).await;
        self.changes(sql).await;
        for editor in [&mut here, &mut there] {
            editor.until("to be sent away", |editor| editor.closed.is_some()).await;
            assert_eq!((editor.closed, editor.asked), (Some(4205), 0), "{sql}");
        }
        let code = loop {
            let said = timeout(DEADLINE, line.next()).await.expect("the line ends");
            if let Message::Close(frame) = said.unwrap().unwrap() {
                break frame.map(|frame| u16::from(frame.code));
            }
        };
        assert_eq!((code, self.scope_of_bo().await), (Some(4205), None), "{sql}");
        owner.hears_for(A_LOOK).await;
        assert_eq!((owner.closed, owner.asked), (None, 0), "{sql}");
    }
}

const MAY_EDIT: &str = "UPDATE roles SET permissions = '{builder.read,builder.edit}', description = $1
    WHERE key = 'helper' AND organization_id = $2::uuid";

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_at_once() {
    let office = Office::opens(MAY_EDIT).await;
    office
        .sends_bo_away(
            "DELETE FROM membership_roles WHERE role_id = (SELECT id FROM roles WHERE key = 'helper')
             AND membership_id IN (SELECT id FROM memberships WHERE user_id = $1::uuid AND organization_id = $2::uuid)",
        )
        .await;
}

#[tokio::test]
async fn a_membership_that_ends_is_over_at_once() {
    let office = Office::opens(MAY_EDIT).await;
    office
        .sends_bo_away(
            "UPDATE memberships SET status = 'suspended' WHERE user_id = $1::uuid AND organization_id = $2::uuid",
        )
        .await;
}

#[tokio::test]
async fn an_account_that_is_closed_is_out_at_once() {
    let office = Office::opens(MAY_EDIT).await;
    office
        .sends_bo_away(
            "UPDATE users SET deleted_at = now() WHERE id = $1::uuid AND id IN (
                 SELECT user_id FROM memberships WHERE organization_id = $2::uuid)",
        )
        .await;
}

#[tokio::test]
async fn what_a_role_gives_is_given_at_once_and_taken_as_fast() {
    let reads = "UPDATE roles SET permissions = '{builder.read}', description = $1
        WHERE key = 'helper' AND organization_id = $2::uuid";
    let office = Office::opens(reads).await;
    let mut reader = Editor::opens(office.second.address, &office.name, &office.bo.token).await.comes_in().await;
    assert_eq!(reader.scope, Some(Scope::ReadOnly));
    office.changes(MAY_EDIT).await;
    reader.until("to come in again", |editor| editor.closed.is_some()).await;
    assert_eq!((reader.closed, office.scope_of_bo().await), (Some(4205), Some(Scope::ReadWrite)));
    // Nothing that he needs here.
    let mut writer = Editor::opens(office.second.address, &office.name, &office.bo.token).await.comes_in().await;
    office
        .changes(
            "UPDATE roles SET permissions = '{builder.read,builder.edit,content.edit}', description = $1
             WHERE key = 'helper' AND organization_id = $2::uuid",
        )
        .await;
    writer.hears_for(A_LOOK).await;
    assert_eq!(writer.closed, None);
    office.changes(reads).await;
    writer.until("to be sent away", |editor| editor.closed.is_some()).await;
    assert_eq!(office.scope_of_bo().await, Some(Scope::ReadOnly));
}

#[tokio::test]
async fn who_signs_out_is_out_on_every_node() {
    let office = Office::opens(MAY_EDIT).await;
    let Office { first, second, ada, bo, name } = &office;
    let mut here = Editor::opens(first.address, name, &bo.token).await.comes_in().await;
    let mut there = Editor::opens(second.address, name, &bo.token).await.comes_in().await;
    let mut owner = Editor::opens(second.address, name, &ada.token).await.comes_in().await;
    assert_eq!(bo.post("/auth/logout", json!({})).await.status, 204);
    for editor in [&mut here, &mut there] {
        editor.until("to be sent away", |editor| editor.closed.is_some()).await;
        assert_eq!((editor.closed, editor.asked), (Some(4205), 0));
    }
    owner.hears_for(A_LOOK).await;
    assert_eq!((owner.closed, office.scope_of_bo().await), (None, None));
}
