//! Atelier: a self-hosted server for live workshops. Start reading at `src/ARCHITECTURE.md`.
#[cfg(test)]
extern crate self as atelier;

#[macro_use]
mod planted;

pub mod app;
pub mod builder;
pub mod bus;
pub mod cli;
pub mod coaching;
pub mod collab;
pub mod config;
pub mod db;
pub mod gateway;
pub mod http;
pub mod identity;
pub mod kernel;
pub mod live;
pub mod runtime;
mod seed;
pub mod server;
#[cfg(test)]
mod simulation;
pub mod socket;
pub mod telemetry;
