//! Live sessions as people meet them: over HTTP and real sockets, on a real database.
mod story;
