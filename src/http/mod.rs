//! How Atelier speaks HTTP: problems, layers, health, assets, the contract documents.
pub mod assets;
pub mod contract;
mod docs;
pub mod extract;
pub mod health;
pub mod layers;
pub mod peer;
pub mod problem;

pub use peer::Client;
pub use problem::{FieldError, Problem};
