//! The protocol of y-protocols in the frames of y-websocket: sync, awareness, refusals. Pure: bytes in, bytes out.
//!
//! One addition, which only our SDK uses: a client may send [`Message::Mark`] with a number of its own and gets it back
//! when everything it sent before on this connection is saved. Clients that never ask are never sent one.
use std::collections::BTreeMap;

use super::lib0::{Malformed, Reader, Writer};

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;
const MARK: u64 = 100;
const DENIED: u64 = 0;

/// A message of the sync protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync<'a> {
    /// "This is what I have": a state vector, to be read with [`Clocks::decode`].
    Step1(&'a [u8]),
    /// The answer to it: an update with all that the other side lacks.
    Step2(&'a [u8]),
    /// An update that was made just now.
    Update(&'a [u8]),
}

impl<'a> Sync<'a> {
    /// Reads one message.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let kind = reader.uint()?;
        let bytes = reader.bytes()?;
        match kind {
            0 => Ok(Self::Step1(bytes)),
            1 => Ok(Self::Step2(bytes)),
            2 => Ok(Self::Update(bytes)),
            kind => Err(Malformed::Kind(kind)),
        }
    }
    /// Writes it.
    pub fn write(&self, writer: &mut Writer) {
        let (kind, bytes) = match self {
            Self::Step1(bytes) => (0, bytes),
            Self::Step2(bytes) => (1, bytes),
            Self::Update(bytes) => (2, bytes),
        };
        writer.uint(kind).bytes(bytes);
    }
}

/// A message of y-websocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Documents are brought together.
    Sync(Sync<'a>),
    /// Who is looking: an awareness update, to be read with [`entries`].
    Awareness(&'a [u8]),
    /// The other side may not do this, and why. Clients only log it.
    Denied(&'a str),
    /// "Tell me who is looking."
    QueryAwareness,
    /// From a client: "say this number when all I sent before it is saved". To a client: it is.
    Mark(u64),
}

impl<'a> Message<'a> {
    /// Reads one message.
    pub fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        match reader.uint()? {
            SYNC => Sync::read(reader).map(Self::Sync),
            AWARENESS => reader.bytes().map(Self::Awareness),
            AUTH => match reader.uint()? {
                DENIED => reader.text().map(Self::Denied),
                kind => Err(Malformed::Kind(kind)),
            },
            QUERY_AWARENESS => Ok(Self::QueryAwareness),
            MARK => reader.uint().map(Self::Mark),
            kind => Err(Malformed::Kind(kind)),
        }
    }
    /// The messages of a frame. Browsers send one a frame; other implementations may send several.
    pub const fn all(frame: &'a [u8]) -> Messages<'a> {
        Messages { reader: Reader::new(frame), over: false }
    }
    /// A frame with this message only: browsers read no more than the first.
    pub fn frame(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Sync(sync) => sync.write(writer.uint(SYNC)),
            Self::Awareness(update) => drop(writer.uint(AWARENESS).bytes(update)),
            Self::Denied(reason) => drop(writer.uint(AUTH).uint(DENIED).text(reason)),
            Self::QueryAwareness => drop(writer.uint(QUERY_AWARENESS)),
            Self::Mark(number) => drop(writer.uint(MARK).uint(*number)),
        }
        writer.finish()
    }
}

/// See [`Message::all`]. Ends at the first message that cannot be read; an empty frame is one of those.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    reader: Reader<'a>,
    over: bool,
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let message = Message::read(&mut self.reader);
        self.over = message.is_err() || self.reader.is_empty();
        Some(message)
    }
}

/// A state vector: of each client, the number after the last piece that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clocks(BTreeMap<u64, u64>);

impl Clocks {
    /// Knows nothing.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }
    /// Reads a state vector.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let mut clocks = BTreeMap::new();
        for _ in 0..reader.uint()? {
            let client = reader.uint()?;
            clocks.insert(client, reader.uint()?);
        }
        reader.end()?;
        Ok(Self(clocks))
    }
    /// The bytes of Step1.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.uint(self.0.len() as u64);
        // Larger ids first, as Yjs has it.
        for (client, clock) in self.0.iter().rev() {
            writer.uint(*client).uint(*clock);
        }
        writer.finish()
    }
    /// The next number of a client; 0 if it is not known.
    pub fn get(&self, client: u64) -> u64 {
        self.0.get(&client).copied().unwrap_or(0)
    }
    /// All clients, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(client, clock)| (*client, *clock))
    }
    /// Does this know all that `other` knows?
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|(client, clock)| self.get(client) >= clock)
    }
}

impl FromIterator<(u64, u64)> for Clocks {
    fn from_iter<I: IntoIterator<Item = (u64, u64)>>(clocks: I) -> Self {
        Self(clocks.into_iter().collect())
    }
}

/// What an awareness update says of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The client: a number that each open document makes for itself.
    pub client: u64,
    /// Counts the client's announcements.
    pub clock: u64,
    /// JSON, as it was written; `null` when the client is gone. Not checked here.
    pub state: &'a str,
}

/// Reads an awareness update.
pub fn entries(update: &[u8]) -> Result<Vec<Entry<'_>>, Malformed> {
    let mut reader = Reader::new(update);
    let mut entries = Vec::new();
    for _ in 0..reader.uint()? {
        entries.push(Entry { client: reader.uint()?, clock: reader.uint()?, state: reader.text()? });
    }
    reader.end()?;
    Ok(entries)
}

/// Writes an awareness update.
pub fn awareness_update<'a>(entries: impl ExactSizeIterator<Item = Entry<'a>>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.uint(entries.len() as u64);
    for entry in entries {
        writer.uint(entry.client).uint(entry.clock).text(entry.state);
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::collab::lib0::LARGEST;

    /// An update: client 1 writes "Hi" into the text "t".
    const HI: &[u8] = &[1, 1, 1, 0, 4, 1, 1, 0x74, 2, 0x48, 0x69, 0];

    #[test]
    fn frames_are_those_that_were_captured() {
        for (message, bytes) in [
            (Message::Sync(Sync::Step1(&[0])), &[0, 0, 1, 0][..]),
            (Message::Sync(Sync::Step2(&[0, 0])), &[0, 1, 2, 0, 0]),
            (Message::Sync(Sync::Update(HI)), &[0, 2, 0x0c, 1, 1, 1, 0, 4, 1, 1, 0x74, 2, 0x48, 0x69, 0]),
            (Message::Awareness(&[1, 1, 0, 2, 0x7b, 0x7d]), &[1, 6, 1, 1, 0, 2, 0x7b, 0x7d]),
            (Message::Denied("no"), &[2, 0, 2, 0x6e, 0x6f]),
            (Message::QueryAwareness, &[3]),
            (Message::Mark(300), &[100, 0xac, 2]),
        ] {
            assert_eq!(message.frame(), bytes);
            assert_eq!(Message::all(bytes).collect::<Vec<_>>(), [Ok(message)]);
        }
    }

    #[test]
    fn awareness_updates_are_those_that_were_captured() {
        let ann = [1, 1, 1, 0x17].iter().chain(br#"{"user":{"name":"Ann"}}"#).copied().collect::<Vec<u8>>();
        let entry = Entry { client: 1, clock: 1, state: r#"{"user":{"name":"Ann"}}"# };
        assert_eq!(entries(&ann), Ok(vec![entry]));
        assert_eq!(awareness_update([entry].into_iter()), ann);
        let gone = Entry { client: 1, clock: 2, state: "null" };
        assert_eq!(awareness_update([gone].into_iter()), [1, 1, 2, 4, 0x6e, 0x75, 0x6c, 0x6c]);
    }

    #[test]
    fn state_vectors_are_those_of_yjs() {
        let clocks = Clocks::decode(&[1, 1, 2]).unwrap();
        assert_eq!((clocks.get(1), clocks.get(7)), (2, 0));
        assert_eq!(clocks.encode(), [1, 1, 2]);
        assert_eq!(Clocks::new().encode(), [0]);
        assert!(clocks.covers(&Clocks::new()) && !Clocks::new().covers(&clocks));
    }

    #[test]
    fn several_messages_in_a_frame_are_all_read() {
        let frame = [0, 0, 1, 0, 3, 9];
        let read: Vec<_> = Message::all(&frame).collect();
        assert_eq!(read, [Ok(Message::Sync(Sync::Step1(&[0]))), Ok(Message::QueryAwareness), Err(Malformed::Kind(9))]);
        assert_eq!(Message::all(&[]).collect::<Vec<_>>(), [Err(Malformed::Short)]);
    }

    #[test]
    fn claimed_counts_do_not_allocate() {
        let many = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(Clocks::decode(&many), Err(Malformed::Short));
        assert_eq!(entries(&many), Err(Malformed::Short));
    }

    fn any_message() -> impl Strategy<Value = (u8, Vec<u8>, String, u64)> {
        (0..7_u8, any::<Vec<u8>>(), any::<String>(), 0..=LARGEST)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read((kind, bytes, text, number) in any_message()) {
            let message = match kind {
                0 => Message::Sync(Sync::Step1(&bytes)),
                1 => Message::Sync(Sync::Step2(&bytes)),
                2 => Message::Sync(Sync::Update(&bytes)),
                3 => Message::Awareness(&bytes),
                4 => Message::Denied(&text),
                5 => Message::Mark(number),
                _ => Message::QueryAwareness,
            };
            let frame = message.frame();
            prop_assert_eq!(Message::all(&frame).collect::<Vec<_>>(), vec![Ok(message)]);
        }

        #[test]
        fn clocks_and_entries_come_back(map in proptest::collection::btree_map(0..=LARGEST, 0..=LARGEST, 0..20), state: String) {
            let clocks: Clocks = map.iter().map(|(client, clock)| (*client, *clock)).collect();
            prop_assert_eq!(Clocks::decode(&clocks.encode()), Ok(clocks));
            let all: Vec<_> = map.iter().map(|(client, clock)| Entry { client: *client, clock: *clock, state: &state }).collect();
            let update = awareness_update(all.iter().copied());
            prop_assert_eq!(entries(&update), Ok(all));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            for message in Message::all(&bytes).flatten() {
                match message {
                    Message::Sync(Sync::Step1(vector)) => drop(Clocks::decode(vector)),
                    Message::Awareness(update) => drop(entries(update)),
                    _ => {}
                }
            }
            drop(Clocks::decode(&bytes));
            drop(entries(&bytes));
        }
    }
}
