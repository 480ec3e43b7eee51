//! Shared documents over real sockets, on a real database.
mod editor;
mod nodes;
mod notes;
