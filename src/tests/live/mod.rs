//! Live sessions as people meet them: over HTTP and real sockets, on a real database.
mod crowd;
mod doors;
mod frames;
mod killed;
mod lifecycle;
mod nodes;
mod outage;
mod people;
mod polls;
mod questions;
mod results;
mod retries;
mod returning;
mod secrets;
mod slow;
mod story;
mod tenants;
