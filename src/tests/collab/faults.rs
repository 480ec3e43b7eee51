//! Redis is gone while two nodes edit, and connections to PostgreSQL break while somebody types.
use std::time::Duration;

use atelier::{bus::Bus, runtime::Tasks};
use tokio::time::timeout;

use super::{editor::Editor, log};
use crate::{
    live::bus::{bus, carries},
    support::{Atelier, Setup, client::DEADLINE, redis::Redis},
};

/// Two people in one document, on two nodes with nothing but Redis between them.
struct Pair {
    here: Editor,
    there: Editor,
    count: usize,
}

impl Pair {
    /// Both write at once, then only one: what it writes must come without the other asking for anything.
    async fn write(&mut self) {
        for _ in 0..10 {
            self.count += 1;
            self.here.types(&format!("a{} ", self.count)).await;
            self.there.types(&format!("b{} ", self.count)).await;
        }
        self.agree().await;
        self.here.types_and_saves(&format!("last{} ", self.count)).await;
        self.agree().await;
    }

    async fn agree(&mut self) {
        let [mine, yours] = [self.here.typed().to_vec(), self.there.typed().to_vec()];
        let all = move |editor: &Editor| {
            let text = editor.reads();
            editor.unsaved == 0 && mine.iter().chain(&yours).all(|(word, _)| text.contains(word))
        };
        self.here.until("all of it here", &all).await;
        self.there.until("all of it there", &all).await;
        assert_eq!(self.here.reads(), self.there.reads());
        log::holds(&self.here.reads(), self.here.typed().iter().chain(self.there.typed()));
    }
}

async fn nodes_go_on(trouble: impl FnOnce(&mut Redis), mend: impl FnOnce(&mut Redis)) {
    let (mut redis, tasks) = (Redis::start(), Tasks::new());
    let buses: [Bus; 2] = [bus(&redis.url(), &tasks).await, bus(&redis.url(), &tasks).await];
    let first = Atelier::with(Setup { bus: buses[0].clone(), ..Setup::default() }).await;
    let second = first.another(buses[1].clone()).await;
    let ada = first.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let here = Editor::opens(first.address, &name, &ada.token).await.comes_in().await;
    let there = Editor::opens(second.address, &name, &ada.token).await.comes_in().await;
    let mut pair = Pair { here, there, count: 0 };
    pair.write().await;
    pair.here.types("underway ").await;
    trouble(&mut redis);
    // At once, while nobody has noticed yet, and again when both have.
    pair.write().await;
    for bus in &buses {
        timeout(DEADLINE, bus.watch().silent()).await.expect("it is noticed");
    }
    pair.write().await;
    mend(&mut redis);
    for bus in &buses {
        carries(bus).await;
    }
    pair.write().await;
    let (text, _) = log::read(&mut first.database.superuser().await).await;
    assert_eq!(text, pair.here.reads());
    tasks.stop();
}

#[tokio::test]
async fn two_nodes_go_on_while_redis_is_down() {
    nodes_go_on(Redis::falls, Redis::rises).await;
}

#[tokio::test]
async fn two_nodes_go_on_while_redis_does_not_answer() {
    nodes_go_on(|redis| redis.freezes(), |redis| redis.thaws()).await;
}

/// Whenever *saved* is said, the database has it, however often its connections break.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_while_somebody_types_lose_nothing() {
    let app = Atelier::start().await;
    let ada = app.instructor("ada").await;
    let name = ada.notes(&ada.creates("Intro").await, "edit").await;
    let mut behind = app.database.superuser().await;
    let mut editor = Editor::opens(app.address, &name, &ada.token).await.comes_in().await;
    for n in 0..60 {
        editor.types(&format!("{n}! ")).await;
        if n % 10 == 5 {
            let broken: i64 = sqlx::query_scalar(
                "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .fetch_one(&mut behind)
            .await
            .unwrap();
            assert!(broken > 0);
        }
        editor.hears_for(Duration::from_millis(7)).await;
        let saved = editor.saved().to_vec();
        log::holds(&log::read(&mut behind).await.0, &saved);
        if n % 10 == 9 {
            editor.until("saved", |editor| editor.unsaved == 0).await;
        }
    }
    let (text, _) = log::read(&mut behind).await;
    log::holds(&text, editor.typed());
    assert_eq!((text, editor.closed), (editor.reads(), None));
}
