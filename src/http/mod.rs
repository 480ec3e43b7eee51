//! How Atelier speaks HTTP: problems, layers, health, assets, the contract documents.
pub mod extract;
pub mod problem;

pub use problem::{FieldError, Problem};
