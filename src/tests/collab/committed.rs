//! Only what is committed counts: in the merged state, and between two nodes that were told different things.
use atelier::bus::Bus;
use yrs::{Doc, GetString, Transact, Update, updates::decoder::Decode};

use super::editor::Editor;
use crate::support::Atelier;

fn text(updates: &[Vec<u8>]) -> String {
    let doc = Doc::new();
    let text = doc.get_or_insert_text("t");
    for update in updates {
        doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    }
    text.get_string(&doc.transact())
}

/// While the log is merged somebody goes on typing: what is not committed by then is not in the merged state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_merged_state_holds_what_its_number_says_and_no_more() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut host = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    let mut behind = app.database.superuser().await;
    let mut seen = 0;
    for n in 0..1_500 {
        host.types(&format!("{n} ")).await;
        if n % 100 != 99 {
            continue;
        }
        // Some of it is always under way.
        host.until("some is saved", |editor| editor.unsaved < 60).await;
        let (snapshot, upto): (Option<Vec<u8>>, i64) =
            sqlx::query_as("SELECT snapshot, snapshot_seq FROM collab_documents").fetch_one(&mut behind).await.unwrap();
        if upto > seen {
            seen = upto;
            let log: Vec<Vec<u8>> =
                sqlx::query_scalar("SELECT payload FROM collab_updates WHERE seq <= $1 ORDER BY seq")
                    .bind(upto)
                    .fetch_all(&mut behind)
                    .await
                    .unwrap();
            assert_eq!(text(&[snapshot.unwrap()]), text(&log));
        }
    }
    host.until("saved", |editor| editor.unsaved == 0).await;
    assert!(seen > 0, "nothing was merged");
}

/// Somebody says different things in the same Yjs numbers to two nodes at once. One of them is in the log; the other node
/// notices, and everybody reads the same there, too.
#[tokio::test]
async fn two_nodes_that_were_told_different_things_agree_on_one() {
    let here = Atelier::start().await;
    let there = here.another(Bus::local()).await;
    let ada = here.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let twin = || Doc::with_client_id(7);
    let mut one = Editor::comes_back(here.address, &name, &ada.token, twin()).await.comes_in().await;
    let mut two = Editor::comes_back(there.address, &name, &ada.token, twin()).await.comes_in().await;
    one.types_and_saves("truth ").await;
    two.types("something else ").await;
    two.until("to begin again", |editor| editor.closed.is_some()).await;
    assert_eq!((two.closed, two.unsaved), (Some(4205), 1), "it was never called saved");
    one.types_and_saves("goes on ").await;
    for node in [&here, &there, &here.another(Bus::local()).await] {
        let fresh = Editor::opens(node.address, &name, &ada.token).await.comes_in().await;
        assert_eq!(fresh.reads(), "truth goes on ");
    }
}
