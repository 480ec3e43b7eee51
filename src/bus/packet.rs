//! What travels between nodes, and its compact form: a version, whose session, whose room, which numbers, the events.
use bytes::Bytes;
use uuid::Uuid;

use super::Channel;

/// Raised when the layout changes. Nodes of another version do not understand each other's packets, and find what is
/// missing by number.
const VERSION: u8 = 1;
const HEADER: usize = 1 + 3 * 16 + 2 * 8;
/// The largest payload that is sent, and taken. The events of a larger batch stay at home: the packet says only that
/// they exist.
pub const MOST_BYTES: usize = 1024 * 1024;

/// A committed batch: who published it, which numbers it covers, and the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The publishing room; it ignores its own packets.
    pub origin: Uuid,
    /// The number before the first event.
    pub after: u64,
    /// The number of the last event.
    pub to: u64,
    /// The events, encoded by the sender and opaque to the bus. Empty: too many for the bus, read them from the log.
    pub payload: Bytes,
}

/// Why a packet is not passed on. Each is a label in the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too short, or numbers that make no sense.
    #[error("malformed")]
    Malformed,
    /// Written by another version.
    #[error("of another version")]
    Version,
    /// More than anybody sends.
    #[error("too large")]
    TooLarge,
    /// It names another organization or session than the channel it came through.
    #[error("of another organization or session than its channel")]
    Foreign,
}

impl Refused {
    /// As the metrics call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::TooLarge => "too_large",
            Self::Foreign => "foreign",
        }
    }
}

impl Packet {
    /// The bytes for the wire.
    pub fn encode(&self, channel: Channel) -> Vec<u8> {
        let payload = if self.payload.len() > MOST_BYTES { &[][..] } else { &self.payload };
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        bytes.push(VERSION);
        for id in [channel.organization.uuid(), channel.id, self.origin] {
            bytes.extend_from_slice(id.as_bytes());
        }
        bytes.extend_from_slice(&self.after.to_be_bytes());
        bytes.extend_from_slice(&self.to.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// Reads what came through `channel`.
    pub fn decode(channel: Channel, bytes: Vec<u8>) -> Result<Self, Refused> {
        if bytes.len() > HEADER + MOST_BYTES {
            return Err(Refused::TooLarge);
        }
        let mut fields = bytes.as_slice();
        if take::<1>(&mut fields)? != [VERSION] {
            return Err(Refused::Version);
        }
        let [organization, id, origin] =
            [take(&mut fields)?, take(&mut fields)?, take(&mut fields)?].map(Uuid::from_bytes);
        let [after, to] = [take(&mut fields)?, take(&mut fields)?].map(u64::from_be_bytes);
        if (organization, id) != (channel.organization.uuid(), channel.id) {
            return Err(Refused::Foreign);
        }
        // The log counts in signed numbers. What covers no number is no part of the log: who is looking at a document.
        if to < after || i64::try_from(to).is_err() {
            return Err(Refused::Malformed);
        }
        Ok(Self { origin, after, to, payload: Bytes::from(bytes).slice(HEADER..) })
    }
}

fn take<const N: usize>(fields: &mut &[u8]) -> Result<[u8; N], Refused> {
    let (first, rest) = fields.split_first_chunk().ok_or(Refused::Malformed)?;
    *fields = rest;
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;

    fn channel(organization: u128, session: u128) -> Channel {
        Channel::live(Id::new(Uuid::from_u128(organization)), Uuid::from_u128(session))
    }
    fn packet(payload: &[u8]) -> Packet {
        Packet { origin: Uuid::from_u128(3), after: 7, to: 9, payload: Bytes::copy_from_slice(payload) }
    }

    #[test]
    fn what_is_sent_arrives() {
        for payload in [&b""[..], b"[]", &vec![0; MOST_BYTES]] {
            let sent = packet(payload);
            assert_eq!(Packet::decode(channel(1, 2), sent.encode(channel(1, 2))), Ok(sent));
        }
    }

    #[test]
    fn a_batch_that_is_too_large_is_announced_without_its_events() {
        let sent = packet(&vec![0; MOST_BYTES + 1]).encode(channel(1, 2));
        assert_eq!(Packet::decode(channel(1, 2), sent), Ok(packet(b"")));
    }

    #[test]
    fn what_does_not_match_its_channel_is_refused() {
        let sent = packet(b"x").encode(channel(1, 2));
        assert_eq!(Packet::decode(channel(9, 2), sent.clone()), Err(Refused::Foreign));
        assert_eq!(Packet::decode(channel(1, 9), sent), Err(Refused::Foreign));
    }

    #[test]
    fn what_nobody_would_send_is_refused() {
        let here = channel(1, 2);
        let good = packet(b"x").encode(here);
        for cut in 0..HEADER {
            assert_eq!(Packet::decode(here, good[..cut].to_vec()), Err(Refused::Malformed), "{cut} bytes");
        }
        let mut other = good.clone();
        other[0] = 2;
        assert_eq!(Packet::decode(here, other), Err(Refused::Version));
        assert_eq!(Packet::decode(here, vec![VERSION; HEADER + MOST_BYTES + 1]), Err(Refused::TooLarge));
        for (after, to) in [(9, 8), (u64::MAX - 1, u64::MAX)] {
            let wrong = Packet { after, to, ..packet(b"x") };
            assert_eq!(Packet::decode(here, wrong.encode(here)), Err(Refused::Malformed), "{after} to {to}");
        }
    }
}
