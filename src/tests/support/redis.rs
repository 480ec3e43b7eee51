//! Redis servers of a test's own: on free ports, in folders of their own, gone at the end even when the test fails.
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::{Guard, Process};

/// For anything that servers settle among themselves.
pub const SETTLED: Duration = Duration::from_secs(30);

/// A server.
pub struct Redis {
    pub port: u16,
    process: Option<Process>,
    arguments: Vec<String>,
    guard: Arc<Guard>,
    folder: TempDir,
}

impl Redis {
    /// One that keeps nothing.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With more options, as on the command line.
    pub fn with(options: &[&str]) -> Self {
        let port = free_port();
        Self::on(port, &[&["--port", &port.to_string()], options].concat())
    }

    /// One that speaks TLS only, and to nobody without a certificate.
    pub fn secured(by: &Certificates) -> Self {
        let port = free_port();
        let file = |name| by.path(name).to_str().unwrap().to_owned();
        let (authority, certificate, key) = (file("ca.pem"), file("server.pem"), file("server.key"));
        Self::on(
            port,
            &[
                &["--port", "0", "--tls-port", &port.to_string(), "--tls-ca-cert-file", &authority][..],
                &["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-auth-clients", "yes"],
            ]
            .concat(),
        )
    }

    /// One that watches a master, and takes half a second's silence for its death.
    pub fn sentinel(master: u16) -> Self {
        let (port, folder) = (free_port(), TempDir::new().unwrap());
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor house 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds house 500\nsentinel failover-timeout house 3000\n"
        );
        fs::write(&file, text).unwrap();
        Self::inside(folder, port, vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()])
    }

    fn on(port: u16, options: &[&str]) -> Self {
        let common = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
        let arguments = common.iter().chain(options).map(|option| (*option).to_owned()).collect();
        Self::inside(TempDir::new().unwrap(), port, arguments)
    }

    fn inside(folder: TempDir, port: u16, arguments: Vec<String>) -> Self {
        let guard = Guard::of(folder.path());
        let mut redis = Self { port, folder, arguments, guard, process: None };
        redis.rises();
        redis
    }

    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts on the same port, and knows nothing.
    pub fn rises(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(&self.arguments).arg("--dir").arg(self.folder.path());
        command.stdout(fs::File::create(self.folder.path().join("log")).unwrap());
        self.process = Some(Process::start(command, &self.guard));
        let log = || fs::read_to_string(self.folder.path().join("log")).unwrap();
        until(|| TcpStream::connect(("127.0.0.1", self.port)).is_ok(), || format!("it starts: {}", log()));
    }

    /// Ends without a word.
    pub fn falls(&mut self) {
        self.process = None;
    }

    /// Stops answering without closing anything.
    pub fn freezes(&self) {
        self.signal(Signal::STOP);
    }

    /// Goes on where it was.
    pub fn thaws(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("it runs").signal(signal);
    }

    /// Says something by hand, in words without spaces, and returns the answer as it comes.
    pub fn tell(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(SETTLED)).unwrap();
        stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let mut buffer = vec![0; 64 * 1024];
        let read = stream.read(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..read]).into_owned()
    }

    /// As [`Redis::tell`], and it is done.
    #[track_caller]
    pub fn does(&self, command: &str) {
        let said = self.tell(command);
        assert!(said.starts_with("+OK"), "{command}: {said}");
    }

    /// Its name in the cluster.
    pub fn id(&self) -> String {
        self.tell("CLUSTER MYID").lines().nth(1).unwrap().to_owned()
    }
}

/// Three masters with a third of the slots each, and a replica of the first.
pub struct Cluster {
    pub masters: Vec<Redis>,
    pub replica: Redis,
}

impl Cluster {
    pub fn start() -> Self {
        let node = || {
            let bus = free_port().to_string();
            let timeout = ["--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"];
            let redis = Redis::with(&[&["--cluster-enabled", "yes", "--cluster-port", &bus][..], &timeout].concat());
            (redis, bus)
        };
        let nodes: Vec<_> = (0..4).map(|_| node()).collect();
        for ((node, _), slots) in nodes.iter().zip(["0 5460", "5461 10922", "10923 16383"]) {
            node.does(&format!("CLUSTER ADDSLOTSRANGE {slots}"));
        }
        for (node, bus) in &nodes[1..] {
            nodes[0].0.does(&format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port));
        }
        let mut masters: Vec<Redis> = nodes.into_iter().map(|(node, _)| node).collect();
        let replica = masters.pop().unwrap();
        let cluster = Self { masters, replica };
        cluster.knows("the four nodes", "cluster_known_nodes:4");
        cluster.knows("all is well", "cluster_state:ok");
        let follow = format!("CLUSTER REPLICATE {}", cluster.masters[0].id());
        until(|| cluster.replica.tell(&follow).starts_with("+OK"), || "it follows".to_owned());
        until(|| cluster.replica.tell("INFO replication").contains("link_status:up"), || "it is in step".to_owned());
        cluster
    }

    /// Every node that runs says so.
    pub fn knows(&self, what: &str, line: &str) {
        for node in self.masters.iter().chain([&self.replica]).filter(|node| node.process.is_some()) {
            until(|| node.tell("CLUSTER INFO").contains(line), || what.to_owned());
        }
    }

    pub fn url(&self) -> String {
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", self.masters[1].port, self.masters[2].port)
    }

    /// Which master has the slot of this channel?
    pub fn owner(&self, channel: &str) -> usize {
        let slot: usize = self.masters[1].tell(&format!("CLUSTER KEYSLOT {channel}"))[1..].trim().parse().unwrap();
        [5461, 10_923].iter().filter(|first| slot >= **first).count()
    }

    /// Gives one slot to another master.
    pub fn moves(&self, channel: &str, from: usize, to: usize) {
        let slot = self.masters[from].tell(&format!("CLUSTER KEYSLOT {channel}"))[1..].trim().to_owned();
        let (giver, taker) = (&self.masters[from], &self.masters[to]);
        let (old, new) = (giver.id(), taker.id());
        taker.does(&format!("CLUSTER SETSLOT {slot} IMPORTING {old}"));
        giver.does(&format!("CLUSTER SETSLOT {slot} MIGRATING {new}"));
        taker.does(&format!("CLUSTER SETSLOT {slot} NODE {new}"));
        giver.does(&format!("CLUSTER SETSLOT {slot} NODE {new}"));
    }
}

/// An authority of one's own, with a certificate for a server on this machine and one for a client.
pub struct Certificates(TempDir);

impl Certificates {
    pub fn make() -> Self {
        let made = Self(TempDir::new().unwrap());
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
        made.openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority"));
        fs::write(made.path("names"), "subjectAltName = IP:127.0.0.1").unwrap();
        for name in ["server", "client"] {
            made.openssl(&format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
            made.openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.pem"
            ));
        }
        made
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn openssl(&self, arguments: &str) {
        let mut openssl = Command::new("openssl");
        let done = openssl.args(arguments.split(' ')).current_dir(self.0.path()).output();
        let done = done.expect("openssl is installed");
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

/// Asks other processes until it is so.
pub fn until(so: impl Fn() -> bool, what: impl Fn() -> String) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < SETTLED, "{}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
