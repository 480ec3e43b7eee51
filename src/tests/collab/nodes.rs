//! Documents on several nodes: whatever becomes of the bus, all end with the same text.
use atelier::bus::Bus;
use yrs::{ReadTxn, Transact};

use super::editor::Editor;
use crate::support::{Atelier, Setup};

async fn two_nodes(bus: Bus, other: Bus) {
    let first = Atelier::with(Setup { bus, ..Setup::default() }).await;
    let second = first.another(other).await;
    let ada = first.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let name = ada.notes(&session, "edit").await;
    let mut here = Editor::opens(first.address, &name, &ada.token).await.comes_in().await;
    let mut there = Editor::opens(second.address, &name, &ada.token).await.comes_in().await;
    for n in 0..20 {
        here.types(&format!("a{n} ")).await;
        there.types(&format!("b{n} ")).await;
        if n % 5 == 0 {
            here.until("saved", |editor| editor.unsaved == 0).await;
        }
    }
    for editor in [&mut here, &mut there] {
        editor.until("saved", |editor| editor.unsaved == 0).await;
    }
    let all =
        |editor: &Editor| (0..20).all(|n| ["a", "b"].iter().all(|w| editor.reads().contains(&format!("{w}{n} "))));
    here.until("everything here", all).await;
    there.until("everything there", all).await;
    assert_eq!(here.reads(), there.reads());
    // A third node reads the same from the log.
    let third = first.another(Bus::local()).await;
    let fresh = Editor::opens(third.address, &name, &ada.token).await.comes_in().await;
    assert_eq!(fresh.reads(), here.reads());
    assert_eq!(fresh.doc.transact().state_vector(), here.doc.transact().state_vector());
}

#[tokio::test]
async fn two_nodes_that_hear_each_other_agree() {
    let bus = Bus::local();
    two_nodes(bus.clone(), bus).await;
}

#[tokio::test]
async fn two_nodes_that_do_not_hear_each_other_agree() {
    two_nodes(Bus::local(), Bus::local()).await;
}

#[tokio::test]
async fn who_was_away_brings_what_was_written_meanwhile() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let name = ada.notes(&session, "edit").await;
    let mut host = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    host.types_and_saves("one ").await;
    let doc = host.doc.clone();
    drop(host);
    let mut other = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    other.types_and_saves("two ").await;
    let mut away = Editor::comes_back(app.address, &name, &ada.token, doc).await;
    away.types("three ").await;
    away.until("saved", |editor| editor.unsaved == 0 && editor.reads().contains("two")).await;
    other.until("it arrives", |editor| editor.reads().contains("three")).await;
    assert_eq!(away.reads(), other.reads());
}

/// The log is merged after many updates, and the merged state is the same document.
#[tokio::test]
async fn a_long_history_is_merged_and_reads_the_same() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let name = ada.notes(&session, "edit").await;
    let mut host = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    for n in 0..450 {
        host.types(&format!("{n} ")).await;
        if n % 50 == 0 {
            host.until("saved", |editor| editor.unsaved == 0).await;
        }
    }
    host.until("saved", |editor| editor.unsaved == 0).await;
    let mut behind = app.database.superuser().await;
    loop {
        let seq: i64 =
            sqlx::query_scalar("SELECT snapshot_seq FROM collab_documents").fetch_one(&mut behind).await.unwrap();
        if seq >= 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
    let elsewhere = app.another(Bus::local()).await;
    let fresh = Editor::opens(elsewhere.address, &name, &ada.token).await.comes_in().await;
    assert_eq!(fresh.reads(), host.reads());
}
