//! The wires do what they are there for.
use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};

use crate::support::proxy::Wire;

#[tokio::test]
async fn a_wire_is_cut_silent_and_slow() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = Wire::towards(server.local_addr().unwrap().to_string()).await;
    let mut near = TcpStream::connect(wire.address).await.unwrap();
    let (mut far, _) = server.accept().await.unwrap();
    wire.falls_silent();
    near.write_all(b"late").await.unwrap();
    let mut four = [0; 4];
    let soon = tokio::time::timeout(Duration::from_millis(100), far.read_exact(&mut four)).await;
    assert!(soon.is_err(), "silence");
    wire.mend();
    far.read_exact(&mut four).await.unwrap();
    assert_eq!(&four, b"late", "what was sent arrives");
    wire.slows_down(Duration::from_millis(80));
    let sent = Instant::now();
    far.write_all(b"slow").await.unwrap();
    near.read_exact(&mut four).await.unwrap();
    assert!(sent.elapsed() >= Duration::from_millis(80));
    wire.cut();
    assert_eq!(near.read(&mut four).await.unwrap_or(0), 0, "broken off");
    let mut next = TcpStream::connect(wire.address).await.unwrap();
    assert_eq!(next.read(&mut four).await.unwrap_or(0), 0, "dropped at once");
}

#[tokio::test]
async fn a_wire_loses_the_frame_that_is_named() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let wire = Wire::towards(server.local_addr().unwrap().to_string()).await;
    let mut near = TcpStream::connect(wire.address).await.unwrap();
    let (mut far, _) = server.accept().await.unwrap();
    far.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await.unwrap();
    let mut head = [0; 36];
    near.read_exact(&mut head).await.unwrap();
    wire.loses("two");
    far.write_all(b"\x81\x03one\x81\x03t").await.unwrap();
    far.write_all(b"wo\x81\x05three").await.unwrap();
    let mut rest = [0; 12];
    near.read_exact(&mut rest).await.unwrap();
    assert_eq!(&rest, b"\x81\x03one\x81\x05three");
    assert!(wire.has_lost());
}
