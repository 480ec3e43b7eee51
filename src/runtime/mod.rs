//! How work runs: supervised tasks, draining, and the limits every room is handed.
pub mod limits;
pub mod pace;
pub mod registry;
pub mod shutdown;

pub use limits::{Limits, Rate, Rates};
pub use pace::Pace;
pub use registry::Registry;
#[cfg(test)]
pub(crate) use shutdown::panics;
pub use shutdown::{Drain, Signals, Tasks};
