//! Shared documents over real sockets, on a real database.
mod attribution;
mod content;
mod editor;
mod faults;
mod files;
mod frames;
mod killed;
mod log;
mod marks;
mod nodes;
mod notes;
mod processes;
mod rights;
mod subjects;
mod versions;
mod withdrawn;
