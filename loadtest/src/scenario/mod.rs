//! The scenarios, and what they have in common.
pub mod broadcast;
pub mod contention;
pub mod editors;
pub mod idle;
pub mod join_ramp;
pub mod moving;
pub mod storm;
pub mod vote_burst;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::json;

use crate::{
    api::{Api, Seat, Session},
    client::Pass,
    connect::Target,
    crowd::{self, Crowd},
    process,
    report::Report,
};

/// Options of every scenario.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Where the server is; several nodes with commas. Clients are spread over them and move on after a loss.
    #[arg(long, value_delimiter = ',', default_value = "http://127.0.0.1:8080")]
    pub url: Vec<String>,
    /// How many people.
    #[arg(long, default_value_t = 500)]
    pub participants: usize,
    /// An account's token; absent: register a fresh organization.
    #[arg(long)]
    pub token: Option<String>,
    /// Also write the result here.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// The server's process on this machine: measure its memory and CPU time.
    #[arg(long)]
    pub server_pid: Option<u32>,
    /// Source addresses 127.0.0.x to connect from; 0: as many as it takes (one per 25,000).
    #[arg(long, default_value_t = 0)]
    pub sources: usize,
    /// Joins and connection attempts under way at once.
    #[arg(long, default_value_t = 64)]
    pub at_once: usize,
}

/// A running session with its host connected.
pub struct Scene {
    /// The host's way in.
    pub api: Api,
    /// The session.
    pub session: Session,
    /// The host, client 0; later everybody.
    pub crowd: Crowd,
    /// Tester's CPU time and the clock at the beginning.
    pub begun: (Duration, Instant),
}

/// The host's client number.
pub const HOST: usize = 0;

impl Scene {
    /// Makes an account, a session, starts it.
    pub async fn open(common: &Common, title: &str) -> anyhow::Result<Self> {
        let files = common.participants as u64 + 200;
        process::need_files(files)?;
        if let Some(pid) = common.server_pid {
            process::check_files_of(pid, files)?;
        }
        let begun = (process::own_cpu(), Instant::now());
        let api = Api::sign_in(&common.url, common.token.clone()).await?;
        let session = api.create(title, common.participants + 10).await?;
        let target = Target::new(api.addresses().await?, common.participants, common.sources, common.at_once)?;
        let crowd = host(&api, &session, target).await?;
        crowd.must(HOST, json!({ "start": {} })).await?;
        crowd.must(HOST, json!({ "go": {} })).await?;
        Ok(Self { api, session, crowd, begun })
    }

    /// Seats for all, over HTTP.
    pub async fn join(&self, common: &Common) -> anyhow::Result<Vec<Seat>> {
        crowd::join(&self.api, &self.session, common.participants, common.at_once).await
    }

    /// Connects all seats.
    pub async fn connect(&mut self, seats: &[Seat]) -> anyhow::Result<()> {
        connect(&mut self.crowd, seats).await
    }

    /// What every report says.
    pub fn counts(&self, report: &mut Report) {
        let own = process::own_cpu().saturating_sub(self.begun.0);
        report.counts(self.crowd.stats.counts(), &self.crowd.stats, own, self.begun.1.elapsed());
    }
}

/// A crowd of nobody but the host.
pub async fn host(api: &Api, session: &Session, target: Target) -> anyhow::Result<Crowd> {
    let mut crowd = Crowd::new(Arc::new(target));
    crowd.add(Pass::Host(Box::new(api.clone()), session.id.clone()), Instant::now());
    crowd.seated().await?;
    Ok(crowd)
}

/// Connects all seats to a crowd.
pub async fn connect(crowd: &mut Crowd, seats: &[Seat]) -> anyhow::Result<()> {
    for seat in seats {
        crowd.add(Pass::Seat(seat.token.clone()), Instant::now());
    }
    crowd.seated().await
}
