//! Integration tests: one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod chaos;
mod collab;
mod deployment;
mod identity;
mod live;
mod server;
mod support;
mod tenancy;
mod tidy;
