//! Frames of a client into messages. Takes bytes in any cut; holds memory only for what is not complete yet.
use super::frame::Opcode;

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Text, valid UTF-8.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// Wants a pong with the same payload.
    Ping(Vec<u8>),
    /// The answer to a ping.
    Pong,
    /// Goodbye, with the code if there is one.
    Close(Option<u16>),
}

/// Why a client cannot be understood; the socket is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Larger than the limit.
    #[error("a message is too large")]
    TooLarge,
    /// Not RFC 6455.
    #[error("not a WebSocket frame: {0}")]
    Protocol(&'static str),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(std::io::ErrorKind),
}

/// The header of a frame.
#[derive(Debug, Clone, Copy)]
struct Header {
    last: bool,
    opcode: Opcode,
    mask: [u8; 4],
    /// Where the payload begins and ends, counted from the header's first byte.
    payload: (usize, usize),
}

/// The bytes of one client.
#[derive(Debug)]
pub(super) struct Decoder {
    limit: usize,
    buffer: Vec<u8>,
    /// The message that comes in several frames.
    partial: Option<(Opcode, Vec<u8>)>,
}

impl Decoder {
    /// Messages of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, buffer: Vec::new(), partial: None }
    }

    /// More bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete message, if there is one.
    pub fn next(&mut self) -> Result<Option<Incoming>, Fault> {
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            let (start, end) = header.payload;
            if self.buffer.len() < end {
                return Ok(None);
            }
            let mut payload = self.buffer[start..end].to_vec();
            for (byte, key) in payload.iter_mut().zip(header.mask.iter().cycle()) {
                *byte ^= key;
            }
            if self.buffer.len() == end {
                self.buffer = Vec::new();
            } else {
                self.buffer.drain(..end);
            }
            if let Some(message) = self.assemble(header, payload)? {
                return Ok(Some(message));
            }
        }
    }

    fn header(&self) -> Result<Option<Header>, Fault> {
        let &[first, second, ref rest @ ..] = self.buffer.as_slice() else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Fault::Protocol("an extension that was not agreed on"));
        }
        let opcode = match first & 0x0F {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => return Err(Fault::Protocol("an unknown opcode")),
        };
        if second & 0x80 == 0 {
            return Err(Fault::Protocol("a client has to mask"));
        }
        let last = first & 0x80 != 0;
        let control = matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
        if control && (!last || second & 0x7F > 125) {
            return Err(Fault::Protocol("a control frame in pieces, or too long"));
        }
        let (size, length) = match second & 0x7F {
            126 => (2, rest.first_chunk().map(|bytes| u64::from(u16::from_be_bytes(*bytes)))),
            127 => (8, rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))),
            short => (0, Some(u64::from(short))),
        };
        let Some(length) = length else { return Ok(None) };
        let length = usize::try_from(length).ok().filter(|length| *length <= self.limit).ok_or(Fault::TooLarge)?;
        let Some(mask) = rest.get(size..).and_then(<[u8]>::first_chunk).copied() else { return Ok(None) };
        let start = 2 + size + 4;
        Ok(Some(Header { last, opcode, mask, payload: (start, start + length) }))
    }

    fn assemble(&mut self, header: Header, payload: Vec<u8>) -> Result<Option<Incoming>, Fault> {
        let (opcode, whole) = match (header.opcode, self.partial.take()) {
            (Opcode::Ping, partial) => {
                self.partial = partial;
                return Ok(Some(Incoming::Ping(payload)));
            }
            (Opcode::Pong, partial) => {
                self.partial = partial;
                return Ok(Some(Incoming::Pong));
            }
            (Opcode::Close, _) => return closing(&payload).map(Some),
            (Opcode::Continuation, Some((opcode, mut whole))) => {
                if whole.len() + payload.len() > self.limit {
                    return Err(Fault::TooLarge);
                }
                whole.extend_from_slice(&payload);
                (opcode, whole)
            }
            (Opcode::Continuation, None) => return Err(Fault::Protocol("goes on with nothing")),
            (_, Some(_)) => return Err(Fault::Protocol("begins before the last message has ended")),
            (opcode, None) => (opcode, payload),
        };
        if !header.last {
            self.partial = Some((opcode, whole));
            return Ok(None);
        }
        match opcode {
            Opcode::Text => String::from_utf8(whole)
                .map(|text| Some(Incoming::Text(text)))
                .map_err(|_| Fault::Protocol("text that is not UTF-8")),
            _ => Ok(Some(Incoming::Binary(whole))),
        }
    }
}

fn closing(payload: &[u8]) -> Result<Incoming, Fault> {
    match *payload {
        [] => Ok(Incoming::Close(None)),
        [_] => Err(Fault::Protocol("half a close code")),
        [a, b, ref reason @ ..] => match (u16::from_be_bytes([a, b]), std::str::from_utf8(reason)) {
            (code @ (1000..=1003 | 1007..=1014 | 3000..=4999), Ok(_)) => Ok(Incoming::Close(Some(code))),
            _ => Err(Fault::Protocol("a close code that may not be sent")),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame as Theirs, FrameHeader,
        coding::{Control, Data, OpCode},
    };

    use super::*;

    /// A frame as a client of the well-known library writes it.
    fn theirs(opcode: OpCode, last: bool, payload: &[u8]) -> Vec<u8> {
        let mut frame = match opcode {
            OpCode::Data(data) => Theirs::message(payload.to_vec(), OpCode::Data(data), last),
            OpCode::Control(control) => Theirs::from_payload(
                FrameHeader { opcode: OpCode::Control(control), is_final: last, ..FrameHeader::default() },
                payload.to_vec().into(),
            ),
        };
        frame.header_mut().mask = Some([3, 141, 59, 26]);
        let mut wire = Vec::new();
        frame.format(&mut wire).unwrap();
        wire
    }

    fn decode(limit: usize, pieces: impl IntoIterator<Item = Vec<u8>>) -> Result<Vec<Incoming>, Fault> {
        let mut decoder = Decoder::new(limit);
        let mut got = Vec::new();
        for piece in pieces {
            decoder.push(&piece);
            while let Some(message) = decoder.next()? {
                got.push(message);
            }
        }
        Ok(got)
    }

    proptest! {
        #[test]
        fn messages_arrive_whole_in_any_cut(
            texts in prop::collection::vec(".{0,300}", 1..6),
            cut in 1_usize..40,
        ) {
            let wire: Vec<u8> =
                texts.iter().flat_map(|text| theirs(OpCode::Data(Data::Text), true, text.as_bytes())).collect();
            let got = decode(2_000, wire.chunks(cut).map(<[u8]>::to_vec));
            prop_assert_eq!(got, Ok(texts.into_iter().map(Incoming::Text).collect()));
        }

        #[test]
        fn no_bytes_make_it_fall_over_or_hold_more_than_the_limit(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            cut in 1_usize..40,
        ) {
            let mut decoder = Decoder::new(64);
            for piece in bytes.chunks(cut) {
                decoder.push(piece);
                while let Ok(Some(_)) = decoder.next() {}
                if decoder.next().is_err() {
                    break;
                }
                prop_assert!(decoder.buffer.len() <= 14 + 64 + cut);
                prop_assert!(decoder.partial.as_ref().is_none_or(|(_, held)| held.len() <= 64));
            }
        }
    }

    #[test]
    fn pieces_are_put_together_and_control_frames_may_come_between() {
        let wire = [
            theirs(OpCode::Data(Data::Text), false, "ä".as_bytes()[..1].as_ref()),
            theirs(OpCode::Control(Control::Ping), true, b"are you there"),
            theirs(OpCode::Data(Data::Continue), false, &"ä".as_bytes()[1..]),
            theirs(OpCode::Control(Control::Pong), true, b""),
            theirs(OpCode::Data(Data::Continue), true, b"!"),
            theirs(OpCode::Data(Data::Binary), true, &[0, 159]),
            theirs(OpCode::Control(Control::Close), true, &[3, 232, b'o', b'k']),
        ];
        let got = decode(100, wire).unwrap();
        assert_eq!(
            got,
            [
                Incoming::Ping(b"are you there".to_vec()),
                Incoming::Pong,
                Incoming::Text("ä!".to_owned()),
                Incoming::Binary(vec![0, 159]),
                Incoming::Close(Some(1000)),
            ]
        );
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_has_come() {
        let large = theirs(OpCode::Data(Data::Text), true, &[b'x'; 101]);
        assert_eq!(decode(100, [large[..8].to_vec()]), Err(Fault::TooLarge));
        let pieces = [
            theirs(OpCode::Data(Data::Text), false, &[b'x'; 60]),
            theirs(OpCode::Data(Data::Continue), false, &[b'x'; 60]),
        ];
        assert_eq!(decode(100, pieces), Err(Fault::TooLarge));
        let endless = [0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(decode(100, [endless.to_vec()]), Err(Fault::TooLarge));
    }

    #[test]
    fn what_is_not_of_the_protocol_is_refused() {
        let continuation = theirs(OpCode::Data(Data::Continue), true, b"x");
        let half = theirs(OpCode::Data(Data::Text), false, b"x");
        let whole = theirs(OpCode::Data(Data::Text), true, b"x");
        let long_ping = [0x89, 0xFE, 0, 126, 0, 0, 0, 0];
        for wrong in [
            vec![continuation],
            vec![half, whole.clone()],
            vec![vec![0x81, 0x01, b'x']],
            vec![vec![0xC1, 0x80, 0, 0, 0, 0]],
            vec![vec![0x83, 0x80, 0, 0, 0, 0]],
            vec![vec![0x09, 0x80, 0, 0, 0, 0]],
            vec![long_ping.to_vec()],
            vec![theirs(OpCode::Data(Data::Text), true, &[0xFF])],
            vec![theirs(OpCode::Control(Control::Close), true, &[3])],
            vec![theirs(OpCode::Control(Control::Close), true, &[3, 237])],
            vec![theirs(OpCode::Control(Control::Close), true, &[3, 232, 0xFF])],
        ] {
            assert!(matches!(decode(1_000, wrong.clone()), Err(Fault::Protocol(_))), "{wrong:?}");
        }
        assert_eq!(decode(1_000, [whole]), Ok(vec![Incoming::Text("x".to_owned())]));
    }
}
