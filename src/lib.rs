//! Atelier: a self-hosted server for live workshops. Start reading at `src/ARCHITECTURE.md`.
pub mod db;
pub mod http;
pub mod identity;
pub mod kernel;
pub mod live;
