//! Whatever becomes of the test, nothing it started goes on: a shell holds the other end of a pipe, and kills what it was
//! told of when the pipe closes.
use std::{
    io::Write,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// `$1` is the folder that goes, too.
const SHELL: &str = r#"
pids=
while read -r word pid; do
    case $word in
        begun) pids="$pids $pid" ;;
        ended) pids=$(for one in $pids; do [ "$one" = "$pid" ] || printf ' %s' "$one"; done) ;;
    esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
[ -z "$pids" ] || sleep 1
rm -rf "$1"
"#;

/// The shell, as long as this lives.
pub struct Guard {
    pipe: Mutex<ChildStdin>,
    _shell: Child,
}

impl Guard {
    pub fn of(folder: &Path) -> Arc<Self> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SHELL).arg("guard").arg(folder).stdin(Stdio::piped());
        // Out of reach of Ctrl-C.
        let mut shell = command.process_group(0).spawn().expect("a shell");
        Arc::new(Self { pipe: Mutex::new(shell.stdin.take().expect("a pipe")), _shell: shell })
    }

    fn say(&self, word: &str, pid: u32) {
        writeln!(self.pipe.lock().unwrap(), "{word} {pid}").expect("the guard listens");
    }
}

/// A process that does not outlive the test.
pub struct Process {
    child: Child,
    guard: Arc<Guard>,
}

impl Process {
    pub fn start(mut command: Command, guard: &Arc<Guard>) -> Self {
        let child = command.process_group(0).stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        guard.say("begun", child.id());
        Self { child, guard: guard.clone() }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("ours")
    }

    /// Waits until it has ended by itself.
    pub async fn ends(&mut self, patience: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(began.elapsed() < patience, "process {} does not end", self.child.id());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that is stopped ends too; one that has ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A guard that is gone has killed it.
        let _ = writeln!(self.guard.pipe.lock().unwrap(), "ended {}", self.child.id());
    }
}

#[test]
fn what_was_started_ends_with_its_guard() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let guard = Guard::of(&inside);
    let mut stopped = Command::new("sleep").arg("600").spawn().unwrap();
    let mut spared = Command::new("sleep").arg("600").spawn().unwrap();
    for child in [&stopped, &spared] {
        guard.say("begun", child.id());
    }
    kill_process(Pid::from_child(&stopped), Signal::STOP).unwrap();
    guard.say("ended", spared.id());
    // As when the test is killed: the pipe just closes.
    drop(guard);
    assert!(!stopped.wait().unwrap().success());
    let began = Instant::now();
    while inside.exists() {
        assert!(began.elapsed() < Duration::from_secs(10), "the folder is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(spared.try_wait().unwrap().is_none(), "its number may belong to somebody else by now");
    spared.kill().unwrap();
    spared.wait().unwrap();
}
