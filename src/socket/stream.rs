//! A socket: a TCP stream that speaks WebSocket.
use std::{
    io::{self, IoSlice},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{net::TcpStream, time::Instant};

use super::{
    Frame,
    decoder::{Decoder, Fault, Incoming},
};

/// A write that cannot go on for so long means that nobody reads at the other end.
const STUCK: Duration = Duration::from_mins(1);
/// How long the other side may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// Bytes read at once.
const READ: usize = 4 * 1024;
/// Frames handed to the kernel at once.
const AT_ONCE: usize = 32;

/// A socket after its handshake.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    decoder: Decoder,
}

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nobody has read for a minute.
    #[error("nobody reads at the other end")]
    Stuck,
    /// The connection is gone.
    #[error(transparent)]
    Gone(#[from] io::Error),
}

impl Socket {
    /// Takes over a stream; `early` is what was read behind the handshake. Messages of clients have at most `limit`
    /// bytes.
    pub fn new(stream: TcpStream, early: &[u8], limit: usize) -> Self {
        let mut decoder = Decoder::new(limit);
        decoder.push(early);
        Self { stream, decoder }
    }

    /// The next message; none when the other side is gone. May be dropped and asked again at any time.
    pub async fn next(&mut self) -> Option<Result<Incoming, Fault>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Socket::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Incoming, Fault>>> {
        loop {
            match self.decoder.next() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(fault) => return Poll::Ready(Some(Err(fault))),
            }
            if let Err(error) = ready!(self.stream.poll_read_ready(cx)) {
                return Poll::Ready(Some(Err(Fault::Broken(error.kind()))));
            }
            let mut chunk = [0; READ];
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return Poll::Ready(None),
                Ok(read) => self.decoder.push(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Some(Err(Fault::Broken(error.kind())))),
            }
        }
    }

    /// Has the other side hung up, as far as is known here? Waits for nothing; what was said before is kept.
    pub fn is_gone(&mut self) -> bool {
        let mut chunk = [0; READ];
        // Last words, and the end behind them.
        for _ in 0..2 {
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return true,
                Ok(read) => self.decoder.push(&chunk[..read]),
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        false
    }

    /// Writes frames in as few calls of the kernel as possible. Must not be dropped half-way: half a frame would be
    /// written.
    pub async fn write(&mut self, frames: &[Frame]) -> Result<(), WriteError> {
        let mut left = frames;
        let mut done = 0;
        let mut deadline = None;
        while let Some(first) = left.first() {
            let written = if left.len() == 1 {
                self.stream.try_write(&first.wire()[done..])
            } else {
                self.try_write_some(left, done)
            };
            match written {
                Ok(written) => (left, done) = advance(left, done + written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let deadline = *deadline.get_or_insert_with(|| Instant::now() + STUCK);
                    // Boxed: rare, and would otherwise weigh on every socket that could write.
                    Box::pin(self.writable(deadline)).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn writable(&self, deadline: Instant) -> Result<(), WriteError> {
        let writable = tokio::time::timeout_at(deadline, self.stream.writable());
        Ok(writable.await.map_err(|_| WriteError::Stuck)??)
    }

    fn try_write_some(&self, frames: &[Frame], done: usize) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); AT_ONCE];
        let count = frames.len().min(AT_ONCE);
        for (n, (slice, frame)) in slices.iter_mut().zip(frames).enumerate() {
            *slice = IoSlice::new(&frame.wire()[if n == 0 { done } else { 0 }..]);
        }
        self.stream.try_write_vectored(&slices[..count])
    }

    /// Answers a goodbye, if the kernel takes it at once.
    pub fn answer_close(&self, code: Option<u16>) {
        // The other side has said that it reads no more: nothing is lost if this does not arrive.
        let _ = self.stream.try_write(Frame::close(code.unwrap_or(1000), "").wire());
    }

    /// Says goodbye and waits a moment for the other side to say it too.
    pub async fn close(mut self, code: u16, reason: &str) {
        let goodbye = async {
            if self.write(&[Frame::close(code, reason)]).await.is_ok() {
                while let Some(Ok(message)) = self.next().await {
                    if matches!(message, Incoming::Close(_)) {
                        break;
                    }
                }
            }
        };
        // Past this the peer is not reading; the socket is dropped.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

/// What is left after `done` bytes from the start of the first frame.
fn advance(mut frames: &[Frame], mut done: usize) -> (&[Frame], usize) {
    while let Some(first) = frames.first() {
        if done < first.wire().len() {
            break;
        }
        done -= first.wire().len();
        frames = &frames[1..];
    }
    (frames, done)
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::net::TcpListener;
    use tokio_tungstenite::{
        WebSocketStream,
        tungstenite::{Message, protocol::Role},
    };

    use super::*;

    async fn pair(send_buffer: usize) -> (Socket, WebSocketStream<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        socket2::SockRef::from(&server).set_send_buffer_size(send_buffer).unwrap();
        (Socket::new(server, &[], 64 * 1024), WebSocketStream::from_raw_socket(client, Role::Client, None).await)
    }

    /// Far more than the kernel takes at once, in frames of all sizes, to a reader that begins late.
    #[tokio::test]
    async fn what_the_kernel_takes_in_parts_arrives_whole_and_in_order() {
        let (mut socket, mut client) = pair(4 * 1024).await;
        let texts: Vec<String> = (0..400).map(|n| format!("{n}:{}", "x".repeat(n * n % 9_000))).collect();
        let frames: Vec<Frame> = texts.iter().map(|text| Frame::text(text)).collect();
        let writing = async { socket.write(&frames).await.unwrap() };
        let reading = async {
            for text in &texts {
                assert_eq!(client.next().await.unwrap().unwrap(), Message::text(text.as_str()));
            }
        };
        tokio::join!(writing, reading);
    }

    #[tokio::test]
    async fn both_sides_say_goodbye() {
        let (mut socket, mut client) = pair(64 * 1024).await;
        client.send(Message::text("hi")).await.unwrap();
        assert_eq!(socket.next().await, Some(Ok(Incoming::Text("hi".to_owned()))));
        let ((), last) = tokio::join!(socket.close(4200, "later"), async {
            let last = client.next().await.unwrap().unwrap();
            assert!(client.next().await.is_none(), "the answer was sent");
            last
        });
        let Message::Close(Some(frame)) = last else { panic!("{last:?}") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4200, "later"));
    }

    #[tokio::test]
    async fn who_has_hung_up_is_gone_and_nothing_said_is_lost() {
        let (mut socket, mut client) = pair(64 * 1024).await;
        assert!(!socket.is_gone());
        client.send(Message::text("hi")).await.unwrap();
        socket.stream.readable().await.unwrap();
        assert!(!socket.is_gone());
        drop(client);
        tokio::time::timeout(GOODBYE, async {
            while !socket.is_gone() {
                socket.stream.readable().await.unwrap();
            }
        })
        .await
        .expect("it is noticed");
        assert_eq!(socket.next().await, Some(Ok(Incoming::Text("hi".to_owned()))));
        assert_eq!(socket.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_for_a_minute_is_given_up() {
        let (mut socket, client) = pair(4 * 1024).await;
        let frame = Frame::text(&"x".repeat(60_000));
        let frames = vec![frame; 200];
        assert!(matches!(socket.write(&frames).await, Err(WriteError::Stuck)));
        drop(client);
    }
}
