//! As much of the protocol of Hocuspocus as an editor needs, written down a second time on purpose.
use anyhow::{Context, bail, ensure};

/// What an editor says about its document.
#[derive(Debug, Clone, Copy)]
pub enum Say<'a> {
    /// Who it is.
    Token(&'a str),
    /// What it has.
    Step1(&'a [u8]),
    /// What the server lacks.
    Step2(&'a [u8]),
    /// A change.
    Update(&'a [u8]),
}

/// What it hears.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// "Are you there?"
    Ping,
    /// It may come in, or not.
    Allowed(bool),
    /// What the server has.
    Step1(&'a [u8]),
    /// What it lacked.
    Step2(&'a [u8]),
    /// Somebody's change.
    Update(&'a [u8]),
    /// One of its changes is saved, or refused.
    Saved(bool),
    /// Not for editors as simple as ours.
    Other,
}

/// The answer to a ping.
pub const PONG: &[u8] = &[10];

fn put_uint(frame: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        frame.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    frame.push(u8::try_from(value).unwrap_or(0));
}

fn put_bytes(frame: &mut Vec<u8>, bytes: &[u8]) {
    put_uint(frame, bytes.len());
    frame.extend_from_slice(bytes);
}

/// A frame.
pub fn frame(document: &str, say: Say<'_>) -> Vec<u8> {
    let mut frame = Vec::new();
    put_bytes(&mut frame, document.as_bytes());
    match say {
        Say::Token(token) => {
            frame.extend([2, 0]);
            put_bytes(&mut frame, token.as_bytes());
            put_bytes(&mut frame, b"4.8.0");
        }
        Say::Step1(bytes) => {
            frame.extend([0, 0]);
            put_bytes(&mut frame, bytes);
        }
        Say::Step2(bytes) => {
            frame.extend([0, 1]);
            put_bytes(&mut frame, bytes);
        }
        Say::Update(bytes) => {
            frame.extend([0, 2]);
            put_bytes(&mut frame, bytes);
        }
    }
    frame
}

fn uint(rest: &mut &[u8]) -> anyhow::Result<usize> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let (byte, tail) = rest.split_first().context("a frame ends too early")?;
        *rest = tail;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    bail!("a number is too long")
}

fn bytes<'a>(rest: &mut &'a [u8]) -> anyhow::Result<&'a [u8]> {
    let length = uint(rest)?;
    ensure!(length <= rest.len(), "a frame ends too early");
    let (bytes, tail) = rest.split_at(length);
    *rest = tail;
    Ok(bytes)
}

/// Reads a frame of the server.
pub fn read<'a>(frame: &'a [u8], document: &str) -> anyhow::Result<Heard<'a>> {
    if frame == [9] {
        return Ok(Heard::Ping);
    }
    let mut rest = frame;
    ensure!(bytes(&mut rest)? == document.as_bytes(), "a frame for another document");
    Ok(match uint(&mut rest)? {
        0 => match uint(&mut rest)? {
            0 => Heard::Step1(bytes(&mut rest)?),
            1 => Heard::Step2(bytes(&mut rest)?),
            2 => Heard::Update(bytes(&mut rest)?),
            kind => bail!("{kind} is nothing that brings documents together"),
        },
        2 => Heard::Allowed(uint(&mut rest)? == 2),
        // A signed number, but 0 and 1 look the same.
        8 => Heard::Saved(uint(&mut rest)? == 1),
        _ => Heard::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_the_protocol() {
        assert_eq!(frame("doc", Say::Update(&[7, 8])), [3, b'd', b'o', b'c', 0, 2, 2, 7, 8]);
        assert_eq!(frame("d", Say::Token("t"))[..6], [1, b'd', 2, 0, 1, b't']);
        let long = frame("d", Say::Update(&[5; 300]));
        assert_eq!(long[4..6], [0xac, 2], "300 in two bytes");
        assert_eq!(read(&long, "d").unwrap(), Heard::Update(&[5; 300]));
        assert_eq!(read(&[1, b'd', 8, 1], "d").unwrap(), Heard::Saved(true));
        assert_eq!(read(&[1, b'd', 8, 0], "d").unwrap(), Heard::Saved(false));
        assert_eq!(read(&[9], "d").unwrap(), Heard::Ping);
        for bad in [&[1, b'd', 0, 2, 9][..], &[1, b'e', 8, 1], &[0xff; 9]] {
            read(bad, "d").unwrap_err();
        }
    }
}
