//! Live sessions as people meet them: over HTTP and real sockets, on a real database.
mod lifecycle;
mod people;
mod polls;
mod questions;
mod results;
mod returning;
mod story;
