//! Live sessions: the core decides, the log remembers, the room orders, the gateway shows.
pub mod core;
pub mod protocol;
