//! Integration tests: one binary.
<<<<<<< HEAD
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
=======
mod identity;
>>>>>>> main
mod server;
mod support;
mod tenancy;
mod tidy;
