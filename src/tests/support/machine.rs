//! A node with a runtime of its own, which can be killed or frozen as a process can; and time that passes at once.
use std::{
    ops::Deref,
    sync::{Arc, Barrier},
    time::Duration,
};

use tokio::{runtime::Runtime, sync::oneshot};

use super::{Atelier, Setup, TestDb, client::DEADLINE};

/// The node.
pub struct Machine {
    app: Option<Atelier>,
    runtime: Option<Runtime>,
    frozen: Option<Arc<Barrier>>,
}

impl Deref for Machine {
    type Target = Atelier;
    fn deref(&self) -> &Atelier {
        self.app.as_ref().expect("not killed")
    }
}

impl Machine {
    /// Starts one over a database.
    pub async fn over(database: Arc<TestDb>, setup: Setup) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let app = runtime.spawn(async move {
            let db = database.open(8).await;
            Atelier::over(database, db, setup)
        });
        Self { app: Some(app.await.unwrap()), runtime: Some(runtime), frozen: None }
    }

    /// As `kill -9`: everything ends where it stands, and nothing is said to anybody.
    pub async fn is_killed(&mut self) {
        self.thaws();
        let runtime = self.runtime.take().expect("not killed");
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DEADLINE)).await.unwrap();
        self.app = None;
    }

    /// As `SIGSTOP`: its one worker stands still, and with it timers and sockets.
    pub async fn freezes(&mut self) {
        let barrier = Arc::new(Barrier::new(2));
        let (tell, told) = oneshot::channel();
        let inside = barrier.clone();
        let runtime = self.runtime.as_ref().expect("not killed");
        runtime.spawn(async move {
            tell.send(()).unwrap();
            inside.wait();
        });
        told.await.unwrap();
        self.frozen = Some(barrier);
    }

    /// Goes on as if nothing had happened.
    pub fn thaws(&mut self) {
        if let Some(barrier) = self.frozen.take() {
            barrier.wait();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.thaws();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// So much time passes at once, for all nodes of this test's own runtime.
pub async fn passes(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Asks until it is so. Counts, because time may pass meanwhile.
pub async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain for {what}");
}
