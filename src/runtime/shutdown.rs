//! Tasks that are known: started by name, told to stop together, waited for.
use std::{future::Future, time::Duration};

use futures_util::FutureExt;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A handle on everything that runs in the background; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    token: CancellationToken,
    tracker: TaskTracker,
    /// Ends every task on the spot, as the end of a process does.
    #[cfg(test)]
    killed: CancellationToken,
}

/// What was still running when the deadline of [`Tasks::drain`] passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished(pub usize);

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task. A panic inside is logged under `name` and ends only this task.
    pub fn spawn<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        #[cfg(test)]
        let future = {
            let killed = self.killed.clone();
            async move {
                tokio::select! {
                    biased;
                    () = killed.cancelled() => {}
                    () = future => {}
                }
            }
        };
        // Boxed: what an async block has captured and then awaits would have two places in it.
        let guarded = std::panic::AssertUnwindSafe(future.boxed()).catch_unwind();
        self.tracker.spawn(async move {
            if guarded.await.is_err() {
                tracing::error!(task = name, "a task panicked");
                metrics::counter!("atelier_tasks_panicked_total", "task" => name).increment(1);
            }
        });
    }

    /// Starts a task, stopped wherever it waits as soon as shutdown begins. For loops without a state to save.
    pub fn spawn_until_shutdown<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let token = self.token.clone();
        self.spawn(name, async move {
            token.run_until_cancelled(future).await;
        });
    }

    /// Cancelled when the server begins to shut down.
    pub fn stopping(&self) -> &CancellationToken {
        &self.token
    }

    /// Ends every task wherever it waits, and every later one at once: what a process leaves behind that is killed.
    #[cfg(test)]
    pub fn kill(&self) {
        self.killed.cancel();
    }

    /// Tells everything to stop; returns at once.
    pub fn stop(&self) {
        self.token.cancel();
    }

    /// Tells everything to stop and waits until it has, for at most `deadline`.
    pub async fn drain(&self, deadline: Duration) -> Result<(), Unfinished> {
        self.stop();
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait()).await.map_err(|_| Unfinished(self.tracker.len()))
    }
}

/// Returns when the operator or the service manager asks the process to end (SIGTERM, SIGINT).
pub async fn requested() -> std::io::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drain_waits_for_tasks_until_its_deadline() {
        let tasks = Tasks::new();
        let stopping = tasks.stopping().clone();
        let (done, mut finished) = tokio::sync::oneshot::channel();
        tasks.spawn("polite", async move {
            stopping.cancelled().await;
            let _ = done.send(());
        });
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn("slow", async move {
            let _ = ended.await;
        });
        assert_eq!(tasks.drain(Duration::from_millis(200)).await, Err(Unfinished(1)));
        assert!(finished.try_recv().is_ok());
        drop(end);
        assert_eq!(tasks.drain(Duration::from_secs(10)).await, Ok(()));
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_only() {
        let tasks = Tasks::new();
        tasks.spawn("clumsy", async { panic!("on purpose") });
        tasks.spawn_until_shutdown("endless", std::future::pending());
        assert_eq!(tasks.drain(Duration::from_secs(1)).await, Ok(()));
    }
}
