//! Redis servers of a test's own: on free ports, in folders of their own, gone at the end even when the test fails.
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::client::DEADLINE;

/// A server.
pub struct Redis {
    pub port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl Redis {
    /// One that keeps nothing.
    pub fn start() -> Self {
        let mut redis = Self { port: free_port(), folder: TempDir::new().unwrap(), process: None };
        redis.rises();
        redis
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts, empty, on the same port.
    pub fn rises(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.arg("--dir").arg(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().expect("redis-server is installed"));
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < DEADLINE, "Redis does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends without a word.
    pub fn falls(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Stops answering without closing anything.
    pub fn freezes(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Goes on where it was.
    pub fn thaws(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.process.as_ref().expect("it runs").id();
        let id = rustix::process::Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Says something by hand, in words without spaces, and returns the first answer as it comes.
    pub fn tell(&self, command: &str) -> String {
        tell(self.port, command)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // A frozen one ends too.
        self.falls();
    }
}

/// As [`Redis::tell`], to any port. Several lines are several commands; the answer is the last one's.
pub fn tell(port: u16, commands: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answer = String::new();
    for command in commands.lines() {
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut buffer = vec![0; 64 * 1024];
        let read = stream.read(&mut buffer).unwrap();
        answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
    }
    answer
}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
