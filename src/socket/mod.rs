//! WebSockets seen from the server (RFC 6455), made for fan-out: a frame is encoded once and its bytes are written to
//! thousands of sockets; an idle socket holds no buffers. The handshake is the gateway's.
mod decoder;
mod frame;
mod outbox;
mod stream;

pub use decoder::{Fault, Incoming};
pub use frame::Frame;
pub use outbox::Outbox;
pub use stream::{Socket, WriteError};
