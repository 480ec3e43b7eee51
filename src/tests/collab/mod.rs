//! Shared documents over real sockets, on a real database.
mod content;
mod editor;
mod nodes;
mod notes;
