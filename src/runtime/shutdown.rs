//! Tasks that are known: started by name, told to stop together, waited for.
use std::{future::Future, time::Duration};

use futures_util::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long each step of going down may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// From saying "not ready" to refusing connections, for balancers that look only now and then.
    pub notice: Duration,
    /// In which open sockets are sent elsewhere.
    pub spread: Duration,
    /// For what still runs then.
    pub finish: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { notice: Duration::ZERO, spread: Duration::from_secs(3), finish: Duration::from_secs(10) }
    }
}

/// A handle on everything that runs in the background; cheap to clone.
///
/// Going down has three steps: *leaving* (no longer ready, everything else goes on), *closing* (no new connections, the
/// open ones are sent elsewhere), *stopping* (background work ends). Each includes the ones before it.
#[derive(Debug, Clone)]
pub struct Tasks {
    leaving: CancellationToken,
    closing: CancellationToken,
    stopping: CancellationToken,
    tracker: TaskTracker,
    /// Ends every task on the spot, as the end of a process does.
    #[cfg(test)]
    killed: CancellationToken,
}

impl Default for Tasks {
    fn default() -> Self {
        let stopping = CancellationToken::new();
        let closing = stopping.child_token();
        Self {
            leaving: closing.child_token(),
            closing,
            stopping,
            tracker: TaskTracker::new(),
            #[cfg(test)]
            killed: CancellationToken::new(),
        }
    }
}

#[cfg(test)]
thread_local! {
    static PANICS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How many tasks have panicked on this thread.
#[cfg(test)]
pub fn panics() -> u64 {
    PANICS.get()
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
                #[cfg(test)]
                PANICS.set(PANICS.get() + 1);
                metrics::counter!("atelier_tasks_panicked_total", "task" => name).increment(1);
            }
        });
    }

    /// Starts a task, stopped wherever it waits as soon as shutdown begins. For loops without a state to save.
    pub fn spawn_until_shutdown<F>(&self, name: &'static str, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let token = self.stopping.clone();
        self.spawn(name, async move {
            token.run_until_cancelled(future).await;
        });
    }

    /// Cancelled when this server should get no new work.
    pub fn leaving(&self) -> &CancellationToken {
        &self.leaving
    }

    /// Cancelled when no new connections are taken.
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Cancelled when background work ends.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Not ready any more; everything goes on.
    pub fn leave(&self) {
        self.leaving.cancel();
    }

    /// Takes no new connections.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Ends every task wherever it waits, and every later one at once: what a process leaves behind that is killed.
    #[cfg(test)]
    pub fn kill(&self) {
        self.killed.cancel();
    }

    /// Tells everything to stop; returns at once.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Tells everything to stop and waits until it has, for at most `deadline`.
    pub async fn drain(&self, deadline: Duration) -> Result<(), Unfinished> {
        self.stop();
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait()).await.map_err(|_| Unfinished(self.tracker.len()))
    }
}

/// How the operator or the service manager asks the process to end.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens from now on; none is missed between two calls of [`Signals::next`].
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one, by its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
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

    #[test]
    fn each_step_of_going_down_includes_the_ones_before() {
        let tasks = Tasks::new();
        let steps = || [tasks.leaving(), tasks.closing(), tasks.stopping()].map(CancellationToken::is_cancelled);
        assert_eq!(steps(), [false, false, false]);
        tasks.leave();
        assert_eq!(steps(), [true, false, false]);
        tasks.close();
        assert_eq!(steps(), [true, true, false]);
        let at_once = Tasks::new();
        at_once.stop();
        assert!(at_once.leaving().is_cancelled() && at_once.closing().is_cancelled());
    }

    #[tokio::test]
    async fn a_panic_ends_one_task_only() {
        let tasks = Tasks::new();
        tasks.spawn("clumsy", async { panic!("on purpose") });
        tasks.spawn_until_shutdown("endless", std::future::pending());
        assert_eq!(tasks.drain(Duration::from_secs(1)).await, Ok(()));
    }
}
