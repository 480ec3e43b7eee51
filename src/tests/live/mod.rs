//! Live sessions as people meet them: over HTTP and real sockets, on a real database.
mod crowd;
mod lifecycle;
mod nodes;
mod people;
mod polls;
mod questions;
mod results;
mod retries;
mod returning;
mod story;
