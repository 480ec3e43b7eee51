//! How fast a connection may go, and how many wrong tokens an address may bring.
use std::time::{Duration, Instant};

use atelier::{
    collab::Settings,
    runtime::{Limits, Rate, Rates},
};
use axum::http::Method;
use serde_json::json;
use tokio_tungstenite::{connect_async, tungstenite};

use super::editor::Editor;
use crate::support::{Atelier, Setup};

#[tokio::test]
async fn who_types_too_fast_is_read_later_and_loses_nothing() {
    let limits = Limits { updates_per_second: 20, updates_burst: 10, ..Setup::default().limits };
    let app = Atelier::with(Setup { limits, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut fast = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    let mut other = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    let began = Instant::now();
    for n in 0..40 {
        fast.types(&format!("{n} ")).await;
    }
    other.types_and_saves("meanwhile ").await;
    assert!(began.elapsed() < Duration::from_secs(1), "others go on");
    fast.until("saved", |editor| editor.unsaved == 0).await;
    // Ten at once, and thirty a twentieth of a second each.
    assert!(began.elapsed() >= Duration::from_millis(1_400), "{:?}", began.elapsed());
    assert_eq!((fast.refused, fast.closed), (0, None));
    other.until("all of it", |editor| (0..40).all(|n| editor.reads().contains(&format!("{n} ")))).await;
}

#[tokio::test]
async fn of_too_many_looks_the_last_one_counts() {
    let documents = Settings { awareness_per_second: 5, ..Settings::default() };
    let app = Atelier::with(Setup { documents, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut fast = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    let mut other = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    for clock in 1..=100 {
        fast.looks(clock, &format!(r#"{{"at":{clock}}}"#)).await;
    }
    other.until("the last", |editor| editor.looking.values().any(|state| state == r#"{"at":100}"#)).await;
    assert!(other.looks < 30, "{} looks", other.looks);
    assert_eq!(fast.closed, None);
}

fn strict(times: u32) -> Setup {
    let token_refused = Rate { times, per: Duration::from_mins(1) };
    Setup { rates: Rates { token_refused, ..Setup::default().rates }, ..Setup::default() }
}

async fn opens_yjs(app: &Atelier, name: &str, token: &str) -> u16 {
    match connect_async(format!("ws://{}/collab/yjs/{name}?token={token}", app.address)).await {
        Ok((_, response)) => response.status().as_u16(),
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn who_brings_many_wrong_tokens_is_not_asked_for_a_while() {
    let app = Atelier::with(strict(3)).await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut inside = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    assert_eq!(opens_yjs(&app, &name, &ada.token).await, 101);
    for n in 0..4 {
        assert_eq!(opens_yjs(&app, &name, &format!("atl_{n}")).await, 404);
    }
    assert_eq!(opens_yjs(&app, &name, &ada.token).await, 429, "not even the right one");
    // To a provider a no is the end. It comes back by itself.
    let mut late = Editor::opens(app.address, &name, &ada.token).await;
    late.until("sent away", |editor| editor.closed == Some(4205)).await;
    assert!(!late.denied);
    let url = format!("http://{}/live/-/events?wait=0", app.address);
    let live = reqwest::Client::new().get(url).bearer_auth("atl_x").send().await.unwrap();
    assert_eq!(live.status().as_u16(), 429);
    // Whoever is in stays in.
    inside.types_and_saves("still here").await;
    assert_eq!(inside.closed, None);
}

#[tokio::test]
async fn wrong_tokens_at_live_sessions_count_as_well() {
    let app = Atelier::with(strict(3)).await;
    let url = format!("http://{}/live/-/events?wait=0", app.address);
    let mut answers = vec![];
    for _ in 0..5 {
        let answer = reqwest::Client::new().get(&url).bearer_auth("atl_x").send().await.unwrap();
        answers.push(answer.status().as_u16());
    }
    assert_eq!(answers, [401, 401, 401, 401, 429]);
}

#[tokio::test]
async fn answers_one_at_a_time_have_a_budget() {
    let limits = Limits { commands_per_second: 1, commands_burst: 5, ..Setup::default().limits };
    let app = Atelier::with(Setup { limits, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let session = ada.creates("Intro").await;
    let _host = ada.starts(&session).await;
    let token = session.joins("Bo").await.token().await;
    let url = format!("http://{}/live/-/events?wait=0", app.address);
    let mut answers = vec![];
    for _ in 0..7 {
        let answer = reqwest::Client::new().get(&url).bearer_auth(&token).send().await.unwrap();
        answers.push(answer.status().as_u16());
        answer.bytes().await.unwrap();
    }
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 5, "{answers:?}");
    assert_eq!(answers.last(), Some(&429));
}

#[tokio::test]
async fn documents_are_measured() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    editor.looks(1, "{}").await;
    editor.types_and_saves("words").await;
    let url = format!("http://{}/metrics", app.address);
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    for name in [
        "atelier_collab_commit_seconds",
        "atelier_collab_ack_seconds",
        "atelier_collab_documents_open",
        "atelier_collab_resident_bytes",
        "atelier_collab_updates_total",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    app.ask(Method::GET, "/health/ready", None, None).await.is(200);
}

#[tokio::test]
async fn costly_questions_about_documents_have_a_budget_of_their_own() {
    let rates = Rates { documents: Rate { times: 7, per: Duration::from_hours(1) }, ..Setup::default().rates };
    let app = Atelier::with(Setup { rates, ..Setup::default() }).await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    ada.writes(&name, json!({ "body": "One" })).await;
    let path = format!("/documents/{name}");
    let version = ada.post(&format!("{path}/versions"), json!({ "label": "One" })).await.text("/id").to_owned();
    let version = format!("{path}/versions/{version}");
    let asked = [
        format!("{version}/diff"),
        format!("{version}/content?format=html"),
        format!("{path}/attribution"),
        format!("{path}/content?format=markdown"),
        format!("{path}/content?format=text"),
    ];
    for path in &asked {
        ada.get(path).await.is(200);
    }
    ada.post(&format!("{version}/restore"), json!({})).await.is(200);
    for path in &asked {
        let refused = ada.get(path).await;
        refused.refuses(429, "rate_limited");
        assert!(refused.headers.contains_key("retry-after"), "{path}");
    }
    ada.post(&format!("{version}/restore"), json!({})).await.refuses(429, "rate_limited");
    ada.patch(&format!("{path}/content"), json!({ "body": "Two" })).await.refuses(429, "rate_limited");
    // What everybody needs goes on, and so do others.
    ada.get(&format!("{path}/content")).await.is(200);
    ada.get(&format!("{path}/versions")).await.is(200);
    let eve = app.instructor("eve").await;
    let own = eve.notes(&eve.creates("Intro").await, "edit").await;
    eve.get(&format!("/documents/{own}/attribution")).await.is(200);
}
