//! The server is killed right after it has said *saved*, and PostgreSQL falls while somebody types.
use std::time::Duration;

use sqlx::{ConnectOptions, Connection};

use super::{editor::Editor, log};
use crate::support::{
    Site, TestDb,
    postgres::Postgres,
    server::{free_address, started},
};

/// One *saved* is heard, then comes the kill; what was under way may be there or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_all_that_was_said_to_be_saved_is_there_and_nothing_is_doubled() {
    let (database, folder) = (TestDb::new().await, tempfile::tempdir().unwrap());
    let (address, url) = (free_address(), database.options().to_url_lossy().to_string());
    let mut child = started(&url, address, folder.path()).await;
    let ada = Site::at(address).instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut behind = database.superuser().await;
    let mut editor = Editor::opens(address, &name, &ada.token).await.comes_in().await;
    let mut all = Vec::new();
    for round in 0..6 {
        for n in 0..5 {
            editor.types(&format!("{round}.{n} ")).await;
        }
        editor.until("one is saved", |editor| editor.unsaved < 5).await;
        child.kill().await.unwrap();
        let saved = editor.saved().to_vec();
        let (text, _) = log::read(&mut behind).await;
        log::holds(&text, all.iter().chain(&saved));
        child = started(&url, address, folder.path()).await;
        let fresh = Editor::opens(address, &name, &ada.token).await.comes_in().await;
        log::holds(&fresh.reads(), all.iter().chain(&saved));
        // It brings what it has, saved or not, and then sends all of it once more.
        all.extend(editor.typed().iter().cloned());
        editor = Editor::comes_back(address, &name, &ada.token, editor.doc.clone()).await.comes_in().await;
        let (text, head) = log::read(&mut behind).await;
        log::holds(&text, &all);
        editor.repeats(&all).await;
        editor.until("saved again", |editor| editor.unsaved == 0).await;
        assert_eq!(log::read(&mut behind).await, (text, head), "what is known is not written again");
    }
    assert_eq!(editor.reads().split_whitespace().count(), all.len());
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgresql_falls_nothing_is_lost_and_saved_is_not_said() {
    let (postgres, folder) = (Postgres::start().await, tempfile::tempdir().unwrap());
    let address = free_address();
    let mut child = started(&postgres.url, address, folder.path()).await;
    let ada = Site::at(address).instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut editor = Editor::opens(address, &name, &ada.token).await.comes_in().await;
    for round in 0..3 {
        for n in 0..20 {
            editor.types(&format!("{round}.{n} ")).await;
            editor.hears_for(Duration::from_millis(5)).await;
            if n == 10 {
                postgres.crashes().await;
            }
        }
        // What has been said by now, before anything that is said later: the database has it after its fall.
        let saved = editor.saved().to_vec();
        let mut behind = back(&postgres).await;
        let (text, _) = log::read(&mut behind).await;
        log::holds(&text, &saved);
        editor.until("saved", |editor| editor.unsaved == 0).await;
        let (text, _) = log::read(&mut behind).await;
        log::holds(&text, editor.typed());
        behind.close().await.unwrap();
    }
    let fresh = Editor::opens(address, &name, &ada.token).await.comes_in().await;
    assert_eq!((fresh.reads(), editor.closed), (editor.reads(), None), "nobody had to come again");
    child.kill().await.unwrap();
}

/// It has recovered.
async fn back(postgres: &Postgres) -> sqlx::PgConnection {
    for _ in 0..500 {
        if let Ok(behind) = postgres.superuser().await {
            return behind;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("PostgreSQL does not come back");
}
