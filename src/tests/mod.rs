//! Integration tests: one binary.
mod identity;
mod support;
mod tenancy;
