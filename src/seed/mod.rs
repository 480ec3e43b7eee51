//! `atelier seed`: a believable organization with a session in every state, so that the first look is not empty.
//!
//! Everything goes the way it goes in a real workshop: commands through rooms, on a clock that is turned back.
mod plans;
mod play;
mod script;

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, anyhow};
use chrono::TimeDelta;

use crate::{
    bus::Bus,
    db::Db,
    identity::{ClientAddr, Identity, Register, Settings},
    kernel::{Caller, Clock, Permission},
    live::Live,
    runtime::{Limits, Tasks},
};
use play::Play;

/// How to sign in to what was made.
#[derive(Debug, Clone)]
pub struct Seeded {
    /// The address.
    pub email: String,
    /// The password; drawn anew each time.
    pub password: String,
    /// The join code of the session that is running.
    pub running: String,
    /// How many sessions there are.
    pub sessions: usize,
}

/// Makes a demo organization. Each call makes another one.
pub async fn seed(db: &Db) -> anyhow::Result<Seeded> {
    let now = Clock::system();
    let identity = Identity::new(db.clone(), now.clone(), Settings::default());
    let number: u16 = rand::random();
    let email = format!("demo{number}@atelier.example");
    let password = password();
    let account = identity
        .register(
            ClientAddr(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            &Register {
                email: email.clone(),
                password: password.clone(),
                first_name: "Ada".to_owned(),
                last_name: "Lindqvist".to_owned(),
                organization_name: "Lindqvist Workshops".to_owned(),
            },
        )
        .await
        .map_err(|problem| anyhow!("{}", problem.title))
        .context("cannot make the demo organization")?;
    let caller = Caller {
        user: account.user.id,
        organization: account.organization.id,
        permissions: [Permission::LiveCreate, Permission::LiveHost, Permission::LiveJoin, Permission::OrgManage]
            .map(|permission| permission.key().to_owned())
            .to_vec(),
    };
    let tasks = Tasks::new();
    let mut running = String::new();
    let scenes = script::scenes();
    let sessions = scenes.len();
    for scene in scenes {
        let clock = Clock::manual(now.now() + TimeDelta::minutes(scene.starts_in_minutes));
        let live = Live::new(db.clone(), Bus::local(), clock.clone(), tasks.clone(), Limits::default());
        let mut play = Play::open(db, &live, clock, &caller, &scene).await?;
        play.perform(&scene).await?;
        if scene.ends == script::Ends::Active {
            running = play.code().await?;
        }
        live.drain(std::time::Duration::ZERO).await;
    }
    plans::write(db, &now, &caller).await?;
    tasks.stop();
    Ok(Seeded { email, password, running, sessions })
}

fn password() -> String {
    const WORDS: [&str; 16] = [
        "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbor", "indigo", "juniper", "kelp", "lumen",
        "maple", "nectar", "ochre", "pine",
    ];
    let words: Vec<&str> = (0..4).map(|_| WORDS[usize::from(rand::random::<u8>()) % WORDS.len()]).collect();
    format!("{}-{}", words.join("-"), rand::random::<u16>())
}
