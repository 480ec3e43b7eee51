//! A message as it goes over the wire.
use bytes::Bytes;
use serde::Serialize;

/// Longest header of a frame that a server sends: two bytes and a length of eight.
const HEADER: usize = 10;
/// Longest payload of a control frame.
const CONTROL: usize = 125;

/// What a frame carries (RFC 6455, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// One message to clients, header included, shared by all who receive it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// A text frame that holds a value as JSON. What JSON cannot hold gives an empty text.
    pub fn json(value: &impl Serialize) -> Self {
        let mut wire = vec![0; HEADER];
        if serde_json::to_writer(&mut wire, value).is_err() {
            wire.truncate(HEADER);
        }
        Self::finish(Opcode::Text, wire)
    }
    /// A text frame.
    pub fn text(text: &str) -> Self {
        Self::of(Opcode::Text, text.as_bytes())
    }
    /// A binary frame.
    pub fn binary(bytes: &[u8]) -> Self {
        Self::of(Opcode::Binary, bytes)
    }
    /// The answer to a ping.
    pub fn pong(payload: &[u8]) -> Self {
        Self::of(Opcode::Pong, &payload[..payload.len().min(CONTROL)])
    }
    /// The last frame of a socket. The reason is cut where it does not fit.
    pub fn close(code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        let end = (0..=reason.len().min(CONTROL - 2)).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
        payload.extend_from_slice(&reason.as_bytes()[..end]);
        Self::of(Opcode::Close, &payload)
    }

    fn of(opcode: Opcode, payload: &[u8]) -> Self {
        let mut wire = Vec::with_capacity(HEADER + payload.len());
        wire.resize(HEADER, 0);
        wire.extend_from_slice(payload);
        Self::finish(opcode, wire)
    }

    /// Puts the header right before the payload that begins at [`HEADER`].
    fn finish(opcode: Opcode, mut wire: Vec<u8>) -> Self {
        let length = wire.len() - HEADER;
        let mut header = [0; HEADER];
        header[0] = 0x80 | opcode as u8;
        let size = match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => {
                header[1] = short;
                2
            }
            (_, Ok(medium)) => {
                header[1] = 126;
                header[2..4].copy_from_slice(&medium.to_be_bytes());
                4
            }
            _ => {
                header[1] = 127;
                header[2..].copy_from_slice(&(length as u64).to_be_bytes());
                10
            }
        };
        let start = HEADER - size;
        wire[start..HEADER].copy_from_slice(&header[..size]);
        wire.shrink_to_fit();
        Self(Bytes::from(wire).slice(start..))
    }

    /// All bytes, the header included.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }
    /// What it carries.
    pub fn payload(&self) -> &[u8] {
        let header = match self.0[1] {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        &self.0[header..]
    }
    /// What it carries as text; empty if it is none.
    pub fn as_text(&self) -> &str {
        std::str::from_utf8(self.payload()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_short_as_the_length_allows() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xFF, 0xFF]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let text = "x".repeat(length);
            let frame = Frame::text(&text);
            assert_eq!(frame.wire()[..header.len()], header, "{length}");
            assert_eq!(frame.as_text(), text);
            assert_eq!(frame.wire().len(), header.len() + length);
        }
        assert_eq!(Frame::json(&[1, 2]).wire(), b"\x81\x05[1,2]");
        assert_eq!(Frame::binary(&[7]).wire(), b"\x82\x01\x07");
    }

    #[test]
    fn control_frames_stay_within_their_length() {
        assert_eq!(Frame::close(4200, "draining").wire(), b"\x88\x0a\x10\x68draining");
        let long = Frame::close(4000, &"é".repeat(100));
        assert_eq!(long.payload().len(), 2 + 122, "cut between two characters");
        assert!(std::str::from_utf8(&long.payload()[2..]).is_ok());
        assert_eq!(Frame::pong(&[1; 300]).payload().len(), 125);
    }
}
