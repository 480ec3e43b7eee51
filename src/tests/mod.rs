//! Integration tests: one binary.
mod identity;
mod server;
mod support;
mod tenancy;
mod tidy;
