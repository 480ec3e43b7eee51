//! Who is looking, across nodes: seen at once where a room opens, gone with a node that is not heard of, back with it.
use std::time::Duration;

use atelier::{bus::Bus, collab::Settings, runtime::Tasks};

use super::editor::Editor;
use crate::{
    live::bus::{bus, carries},
    support::{Atelier, Setup, proxy::Wire, redis::Redis},
};

const ADA: &str = r#"{"user":{"name":"Ada"}}"#;
const BO: &str = r#"{"user":{"name":"Bo"}}"#;

#[tokio::test]
async fn who_opens_a_document_sees_those_on_other_nodes_at_once() {
    let bus = Bus::local();
    let first = Atelier::with(Setup { bus: bus.clone(), ..Setup::default() }).await;
    let second = first.another(bus).await;
    let ada = first.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut here = Editor::opens(first.address, &name, &ada.token).await.comes_in().await;
    here.looks(1, ADA).await;
    here.until("its own word comes back", |editor| !editor.looking.is_empty()).await;
    let mut there = Editor::opens(second.address, &name, &ada.token).await.comes_in().await;
    there.until("Ada is seen", |editor| editor.looking.values().any(|state| state == ADA)).await;
}

#[tokio::test]
async fn carets_of_a_node_that_is_not_heard_of_vanish_and_come_back_with_it() {
    let (mut redis, tasks) = (Redis::start(), Tasks::new());
    let url = redis.url();
    let wire = Wire::towards(url.trim_start_matches("redis://").trim_end_matches('/').to_owned()).await;
    let near = bus(&url, &tasks).await;
    let far = bus(&format!("redis://{}", wire.address), &tasks).await;
    let documents = Settings { lease: Duration::from_secs(3), ..Settings::default() };
    let first = Atelier::with(Setup { bus: near, documents, ..Setup::default() }).await;
    let second = Atelier::over(
        first.database.clone(),
        first.database.open(8).await,
        Setup { clock: first.clock.clone(), bus: far.clone(), documents, ..Setup::default() },
    );
    let ada = first.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut here = Editor::opens(first.address, &name, &ada.token).await.comes_in().await;
    let mut there = Editor::opens(second.address, &name, &ada.token).await.comes_in().await;
    let bo = there.doc.client_id().get();
    there.looks(1, BO).await;
    here.until("Bo is seen", |editor| editor.looking.get(&bo).is_some_and(|state| state == BO)).await;
    wire.cut();
    here.until("Bo is gone with his node", |editor| !editor.looking.contains_key(&bo)).await;
    wire.mend();
    carries(&far).await;
    // He has not said anything since.
    here.until("Bo is back", |editor| editor.looking.contains_key(&bo)).await;
    tasks.stop();
    redis.falls();
}
