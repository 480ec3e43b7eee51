//! What is typed arrives in columns: soon, once it is valid, whoever typed it and whatever dies meanwhile.
use std::time::{Duration, Instant};

use atelier::{
    bus::Bus,
    collab::{Scope, Settings},
};
use chrono::TimeDelta;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use tokio::time::timeout;

use super::editor::Editor;
use crate::support::{
    Account, Atelier, Setup, Site, TestDb,
    client::DEADLINE,
    server::{free_address, started},
};

impl Account {
    /// A plan or a summary, as soon as it is so.
    pub async fn sees(&self, path: &str, so: impl Fn(&Value) -> bool) -> Value {
        let looking = async {
            loop {
                let view = self.get(path).await;
                if so(&view.is(200).body) {
                    return view.body;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, looking).await.expect("it comes into columns")
    }
    /// Makes a document say something, as whoever is no editor.
    pub async fn writes(&self, name: &str, fields: Value) {
        self.patch(&format!("/documents/{name}/content"), fields).await.is(200);
    }
}

const STEP: &str = "0198c0de-0000-7000-8000-000000000001";
const OTHER: &str = "0198c0de-0000-7000-8000-000000000002";

#[tokio::test]
async fn what_editors_type_is_in_columns_soon_and_they_are_told() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let path = format!("/builder-sessions/{id}");
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    editor.rewrites("title", "Indexes, slowly").await;
    editor.until("saved", |editor| editor.unsaved == 0).await;
    let view = ada.get(&path).await;
    assert_eq!((&view.body["title"], &view.body["documentState"]["clean"]), (&json!("Indexes"), &json!(false)));
    editor.until("to be told", |editor| editor.told("materialised").is_some()).await;
    assert_eq!(editor.told("materialised").unwrap()["error"], Value::Null);
    let view = ada.get(&path).await;
    assert_eq!((&view.body["title"], &view.body["documentState"]["clean"]), (&json!("Indexes, slowly"), &json!(true)));
}

#[tokio::test]
async fn when_the_last_editor_leaves_nobody_waits() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    editor.rewrites("title", "Gone at once").await;
    editor.until("saved", |editor| editor.unsaved == 0).await;
    let left = Instant::now();
    drop(editor);
    ada.sees(&format!("/builder-sessions/{id}"), |view| view["title"] == "Gone at once").await;
    assert!(left.elapsed().as_millis() < 1_800, "{:?}", left.elapsed());
}

/// They never pause: only the time since the first change can bring it into columns, again and again.
#[tokio::test]
async fn while_somebody_goes_on_typing_columns_are_written_all_the_same() {
    let latest = Duration::from_millis(200);
    let documents = Settings { columns_after: DEADLINE * 100, columns_latest: latest, ..Settings::default() };
    let app = Atelier::with(Setup { documents, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    let (began, mut seen) = (Instant::now(), Vec::new());
    for word in 0.. {
        editor.rewrites("title", &format!("Word {word}")).await;
        editor.hears_for(Duration::from_millis(5)).await;
        let title = ada.get(&format!("/builder-sessions/{id}")).await.text("/title").to_owned();
        if title.starts_with("Word") && seen.last() != Some(&title) {
            seen.push(title);
        }
        if seen.len() == 4 {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "only {seen:?} after {word} words");
    }
    assert!(began.elapsed() >= latest * 4, "not with every word");
    assert!(editor.told("materialised").is_some());
}

#[tokio::test]
async fn a_node_that_goes_down_writes_columns_first() {
    let never = DEADLINE * 100;
    let documents = Settings { columns_after: never, columns_latest: never, ..Settings::default() };
    let app = Atelier::with(Setup { documents, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    editor.rewrites("title", "The last word").await;
    timeout(DEADLINE, async {
        editor.until("saved", |editor| editor.unsaved == 0).await;
        app.collab.drain().await;
    })
    .await
    .expect("it ends");
    let view = ada.get(&format!("/builder-sessions/{id}")).await.body.clone();
    assert_eq!((&view["title"], &view["documentState"]["clean"]), (&json!("The last word"), &json!(true)));
    assert!(app.collab.open_documents().is_empty());
}

/// What the lists say, by the database.
async fn title(database: &TestDb) -> String {
    let title = sqlx::query_scalar("SELECT title FROM builder_sessions");
    title.fetch_one(&mut database.superuser().await).await.unwrap()
}

/// Asked to go, it writes what it has; killed, it cannot, and the one that comes after it does, though nobody opens the
/// document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_or_is_killed_leaves_nothing_out_of_columns_for_long() {
    let (database, folder) = (TestDb::new().await, tempfile::tempdir().unwrap());
    let (address, url) = (free_address(), database.options().to_url_lossy().to_string());
    let mut child = started(&url, address, folder.path()).await;
    let ada = Site::at(address).instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    for (signal, words) in [(Signal::TERM, "Asked to go"), (Signal::KILL, "Killed")] {
        let mut editor = Editor::opens(address, &name, &ada.token).await.comes_in().await;
        editor.rewrites("title", words).await;
        editor.until("saved", |editor| editor.unsaved == 0).await;
        let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        let ended = timeout(DEADLINE * 2, child.wait()).await.expect("it ends").unwrap();
        assert_eq!(ended.success(), signal == Signal::TERM);
        assert_eq!(title(&database).await == words, signal == Signal::TERM, "before anybody comes back");
        child = started(&url, address, folder.path()).await;
        let view = ada.sees(&format!("/builder-sessions/{id}"), |view| view["title"] == words).await;
        assert_eq!(view["documentState"]["clean"], true);
    }
    child.kill().await.unwrap();
}

#[tokio::test]
async fn agenda_rows_come_change_places_and_go_by_their_ids() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let path = format!("/builder-sessions/{id}");
    let one = json!({ "id": STEP, "title": "Begin", "durationMinutes": 10, "description": "**How**" });
    let two = json!({ "id": OTHER, "title": "End" });
    ada.writes(&name, json!({ "agenda": [one, two] })).await;
    let agenda = ada.sees(&path, |view| view["agenda"][1]["title"] == "End").await["agenda"].clone();
    assert_eq!(
        agenda[0],
        json!({ "id": STEP, "ordinal": 1, "title": "Begin", "description": "**How**", "durationMinutes": 10,
            "notes": null })
    );
    ada.writes(&name, json!({ "agenda": [{ "id": OTHER }, { "id": STEP }] })).await;
    let agenda = ada.sees(&path, |view| view["agenda"][0]["title"] == "End").await["agenda"].clone();
    assert_eq!((&agenda[1]["id"], &agenda[1]["ordinal"]), (&json!(STEP), &json!(2)));
    ada.writes(&name, json!({ "agenda": [{ "id": OTHER }] })).await;
    ada.sees(&path, |view| view["agenda"].as_array().unwrap().len() == 1).await;
}

#[tokio::test]
async fn invalid_text_stays_out_of_columns_and_says_why() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let path = format!("/builder-sessions/{id}");
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    editor.rewrites("audience", "Everybody").await;
    editor.rewrites("title", " \u{200B} ").await;
    editor.until("to be told", |editor| editor.told("materialised").is_some_and(|news| !news["error"].is_null())).await;
    let fields = json!([{ "field": "title", "why": "blank" }]);
    assert_eq!(editor.told("materialised").unwrap()["error"]["fields"], fields);
    let view = ada.get(&path).await.body.clone();
    assert_eq!((&view["title"], &view["audience"]), (&json!("Indexes"), &json!("Developers")), "all or nothing");
    let error = json!({ "code": "document_invalid", "fields": fields });
    assert_eq!(view["documentState"], json!({ "clean": false, "error": error, "frozenAt": null }));
    editor.rewrites("title", "Better").await;
    let view = ada.sees(&path, |view| view["documentState"]["clean"] == true).await;
    assert_eq!((&view["title"], &view["audience"]), (&json!("Better"), &json!("Everybody")));
}

async fn two_nodes(bus: Bus, other: Bus) {
    let here = Atelier::with(Setup { bus, ..Setup::default() }).await;
    let there = here.another(other).await;
    let ada = here.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let mut one = Editor::opens(here.address, &name, &ada.token).await.comes_in().await;
    let mut two = Editor::opens(there.address, &name, &ada.token).await.comes_in().await;
    one.rewrites("subtitle", "From here").await;
    two.rewrites("audience", "From there").await;
    for editor in [&mut one, &mut two] {
        editor.until("to be told", |editor| editor.told("materialised").is_some()).await;
    }
    let view = ada.sees(&format!("/builder-sessions/{id}"), |view| view["documentState"]["clean"] == true).await;
    assert_eq!((&view["subtitle"], &view["audience"]), (&json!("From here"), &json!("From there")));
}

#[tokio::test]
async fn two_nodes_write_the_same_columns() {
    let bus = Bus::local();
    two_nodes(bus.clone(), bus).await;
}

#[tokio::test]
async fn two_nodes_that_do_not_hear_each_other_write_the_same_columns() {
    two_nodes(Bus::local(), Bus::local()).await;
}

async fn history(app: &Atelier, summary: &str) -> Vec<(Option<String>, String)> {
    sqlx::query_as(
        "SELECT from_state::text, to_state::text FROM state_transitions WHERE subject_id = $1::uuid
         ORDER BY created_at, id",
    )
    .bind(summary)
    .fetch_all(&mut app.database.superuser().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn the_first_word_makes_a_summary_one_that_is_refined() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.summarises("Bo").await;
    let path = format!("/summaries/{id}");
    assert_eq!(ada.get(&path).await.body["status"], "generated");
    let actions = json!([{ "id": STEP, "text": "Call", "owner": "Bo", "dueOn": "2026-12-01", "done": true }]);
    ada.writes(&name, json!({ "wins": "She **asked**.", "actions": actions })).await;
    let view = ada.sees(&path, |view| view["wins"] == "She **asked**.").await;
    assert_eq!((&view["status"], &view["actions"]), (&json!("in_refinement"), &actions));
    let states = [(None, "generated"), (Some("generated"), "in_refinement")];
    let states = states.map(|(from, to)| (from.map(str::to_owned), to.to_owned()));
    assert_eq!(history(&app, &id).await, states);
}

#[tokio::test]
async fn approving_takes_the_last_word_and_no_later_one() {
    let app = Atelier::start().await;
    let elsewhere = app.another(Bus::local()).await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.summarises("Bo").await;
    let path = format!("/summaries/{id}");
    ada.post(&format!("{path}/approve"), json!({})).await.refuses(422, "nothing_to_approve");
    ada.writes(&name, json!({ "edited": "Dear Bo" })).await;
    let mut here = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    let mut there = Editor::opens(elsewhere.address, &name, &ada.token).await.comes_in().await;
    let (enough, typed) = tokio::sync::oneshot::channel();
    let typing = async {
        let mut enough = Some(enough);
        while there.closed.is_none() && here.closed.is_none() {
            there.lengthens("edited", ".").await;
            here.hears_for(std::time::Duration::from_millis(5)).await;
            if here.page_of("edited").len() > 12
                && let Some(enough) = enough.take()
            {
                enough.send(()).unwrap();
            }
        }
    };
    let deciding = async {
        typed.await.unwrap();
        ada.post(&format!("{path}/approve"), json!({})).await
    };
    let (answer, ()) = tokio::join!(deciding, typing);
    let view = &answer.is(200).body;
    let words = view["edited"].as_str().unwrap().to_owned();
    assert_eq!((&view["status"], &view["documentState"]["clean"]), (&json!("approved"), &json!(true)));
    for (editor, app) in [(&mut here, &app), (&mut there, &elsewhere)] {
        editor.until("to be put out", |editor| editor.closed.is_some()).await;
        let mut back = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
        assert_eq!(back.scope, Some(Scope::ReadOnly));
        back.until("all that was approved", |editor| editor.page_of("edited") == words).await;
        back.rewrites("t", "too late").await;
        back.until("refused", |editor| editor.refused > 0).await;
    }
    assert!(here.told("frozen").is_some(), "{:?}", here.news);
    let late = ada.patch(&format!("/documents/{name}/content"), json!({ "edited": "No" })).await;
    late.refuses(409, "document_frozen");
    assert_eq!(ada.get(&path).await.body["edited"], view["edited"]);
    ada.post(&format!("{path}/approve"), json!({})).await.is(200);
    ada.post(&format!("{path}/reopen"), json!({})).await.is(200);
    let mut again = Editor::opens(elsewhere.address, &name, &ada.token).await.comes_in().await;
    assert_eq!(again.scope, Some(Scope::ReadWrite));
    again.rewrites("t", "on it goes").await;
    again.until("saved", |editor| editor.unsaved == 0).await;
    let states: Vec<String> = history(&app, &id).await.into_iter().map(|(_, to)| to).collect();
    assert_eq!(states, ["generated", "in_refinement", "approved", "in_refinement"]);
}

#[tokio::test]
async fn what_is_not_in_order_is_not_approved() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.summarises("Bo").await;
    let actions = json!([{ "id": STEP, "text": "Call", "dueOn": "soon" }]);
    ada.writes(&name, json!({ "edited": "Dear Bo", "actions": actions })).await;
    let refused = ada.post(&format!("/summaries/{id}/approve"), json!({})).await;
    refused.refuses(422, "document_invalid");
    assert_eq!(refused.body["errors"][0]["field"], format!("actions/{STEP}/dueOn"));
    assert_ne!(ada.get(&format!("/summaries/{id}")).await.body["status"], "approved");
}

/// There is no command yet that brings a plan there; whatever does, its text rests.
#[tokio::test]
async fn a_plan_that_is_ready_can_only_be_read() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    sqlx::query("UPDATE builder_sessions SET status = 'ready' WHERE id = $1::uuid")
        .bind(&id)
        .execute(&mut app.database.superuser().await)
        .await
        .unwrap();
    let editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    assert_eq!(editor.scope, Some(Scope::ReadOnly));
    let late = json!({ "durationMinutes": 5, "lockVersion": 0 });
    ada.patch(&format!("/builder-sessions/{id}"), late).await.refuses(409, "wrong_state");
}

/// A node that died before it wrote columns: another one finds what it has left.
#[tokio::test]
async fn what_a_node_has_left_behind_is_swept_into_columns() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let (id, name) = ada.plans("Indexes").await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    editor.rewrites("title", "Indexes, slowly").await;
    editor.until("saved", |editor| editor.unsaved == 0).await;
    let elsewhere = app.another(Bus::local()).await;
    elsewhere.collab.sweep(TimeDelta::seconds(-60)).await;
    // The first sweep of that node may be at it as well.
    let view = ada.sees(&format!("/builder-sessions/{id}"), |view| view["title"] == "Indexes, slowly").await;
    assert_eq!(view["documentState"]["clean"], true);
}
