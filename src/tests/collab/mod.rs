//! Shared documents over real sockets, on a real database.
mod content;
mod editor;
mod faults;
mod files;
mod killed;
mod log;
mod nodes;
mod notes;
mod whiteboard;
