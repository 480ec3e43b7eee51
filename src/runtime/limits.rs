//! Bounds that protect the server. Defaults here; `config.rs` lets the operator change them.
use std::{str::FromStr, time::Duration};

/// Bounds of one live connection and of what is kept for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest inbound socket message, in bytes.
    pub message_bytes: usize,
    /// Commands per second and connection, sustained.
    pub commands_per_second: u32,
    /// Commands a connection may send at once after a pause.
    pub commands_burst: u32,
    /// Changes and questions per second of one connection to documents, sustained; what comes faster is read later.
    pub updates_per_second: u32,
    /// The same at once after a pause.
    pub updates_burst: u32,
    /// Words about where somebody looks, per second and connection to a document; of what comes faster the last counts.
    pub awareness_per_second: u32,
    /// What open documents may take of memory, in bytes: those that nobody looks at give way to others.
    pub documents_memory: usize,
    /// Time for the first frame (`hello`).
    pub hello: Duration,
    /// Connections of one participant at the same time.
    pub connections_per_participant: usize,
    /// Frames kept per audience for slow or returning connections.
    pub ring_frames: usize,
    /// The same in bytes; whichever is reached first.
    pub ring_bytes: usize,
    /// Kernel send buffer of an accepted socket, in bytes.
    pub send_buffer: usize,
    /// Largest body of an HTTP request, in bytes.
    pub body_bytes: usize,
    /// Time for an HTTP request; sockets are not bound by it.
    pub request: Duration,
    /// How often the right of whoever has a document open is looked at again.
    pub recheck: Duration,
    /// How long after a session's end its log moves into the archive; never, if none.
    pub archive_after: Option<Duration>,
    /// How long an image stays to which no document refers any more, nor a version of one.
    pub images_kept: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 32 * 1024,
            commands_per_second: 20,
            commands_burst: 40,
            updates_per_second: 50,
            updates_burst: 200,
            awareness_per_second: 20,
            documents_memory: 512 << 20,
            hello: Duration::from_secs(5),
            connections_per_participant: 3,
            ring_frames: 1024,
            ring_bytes: 1024 * 1024,
            send_buffer: 64 * 1024,
            body_bytes: 64 * 1024,
            request: Duration::from_secs(30),
            recheck: Duration::from_mins(5),
            archive_after: Some(Duration::from_hours(24 * 30)),
            images_kept: Duration::from_hours(24 * 7),
        }
    }
}

/// How often one client address, or one person, may do something that is dear or can be guessed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Attempts to log in.
    pub login: Rate,
    /// Attempts to log in with one e-mail address, whoever tries.
    pub login_email: Rate,
    /// Joins. Generous: a whole auditorium may share one address.
    pub join: Rate,
    /// Joins with a code that does not exist.
    pub join_unknown: Rate,
    /// Tokens that nobody knows, or that have ended, where a socket or a stream is opened. Generous: a whole auditorium may
    /// come back too late.
    pub token_refused: Rate,
    /// New accounts.
    pub register: Rate,
    /// Requests of `/diagnose`; one test makes at most 34, most of which ask what became of its socket.
    pub diagnose: Rate,
    /// What costs more than other questions about a document, of one person: what has changed since a version, going back to
    /// one, who wrote what, and a document or a version in another form than JSON.
    pub documents: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self {
            login: Rate { times: 10, per: minute },
            login_email: Rate { times: 5, per: minute },
            join: Rate { times: 6000, per: minute },
            join_unknown: Rate { times: 300, per: minute },
            token_refused: Rate { times: 300, per: minute },
            register: Rate { times: 20, per: Duration::from_hours(1) },
            diagnose: Rate { times: 1200, per: minute },
            documents: Rate { times: 120, per: minute },
        }
    }
}

/// So many times in so long; written `10/60s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many times; at least once.
    pub times: u32,
    /// In how long.
    pub per: Duration,
}

impl FromStr for Rate {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "write it as times/seconds, for example 10/60s";
        let (times, per) = text.split_once('/').ok_or(HOW)?;
        let times = times.trim().parse().map_err(|_| HOW)?;
        let seconds = per.trim().trim_end_matches('s').parse().map_err(|_| HOW)?;
        if times == 0 || seconds == 0 { Err(HOW) } else { Ok(Self { times, per: Duration::from_secs(seconds) }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_times_per_seconds() {
        assert_eq!("10/60s".parse(), Ok(Rate { times: 10, per: Duration::from_mins(1) }));
        assert_eq!("3 / 5".parse(), Ok(Rate { times: 3, per: Duration::from_secs(5) }));
        for wrong in ["", "10", "0/60s", "10/0", "x/1s", "1/1h"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
