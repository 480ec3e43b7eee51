//! Shared documents over real sockets, on a real database.
mod editor;
mod faults;
mod killed;
mod log;
mod nodes;
mod notes;
