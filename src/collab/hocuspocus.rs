//! The protocol of Hocuspocus, as its providers 2, 3 and 4 speak it: y-protocols behind an address, with sign-in,
//! acknowledgements, messages of the application. Pure: bytes in, bytes out.
use super::{
    lib0::{Malformed, Reader, Writer},
    ysync::Sync,
};

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;
const SYNC_REPLY: u64 = 4;
const STATELESS: u64 = 5;
const BROADCAST_STATELESS: u64 = 6;
const CLOSE: u64 = 7;
const SYNC_STATUS: u64 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const TOKEN: u64 = 0;
const DENIED: u64 = 1;
const AUTHENTICATED: u64 = 2;

/// Where a message belongs on a socket that many documents share: the name of the document or, when the same document
/// is open twice on one socket, the name, a zero byte and a session. An answer carries exactly the address of the
/// question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address<'a>(&'a str);

impl<'a> Address<'a> {
    /// An address as a client wrote it.
    pub const fn new(address: &'a str) -> Self {
        Self(address)
    }
    /// As the client wrote it.
    pub const fn text(self) -> &'a str {
        self.0
    }
    /// The name of the document.
    pub fn name(self) -> &'a str {
        self.0.split_once('\0').map_or(self.0, |(name, _)| name)
    }
    /// The session, if the client tells its sessions apart.
    pub fn session(self) -> Option<&'a str> {
        self.0.split_once('\0').map(|(_, session)| session)
    }
}

/// What a connected provider can do, by the version that it says when it signs in. Only providers since 4 say one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Version 2 or 3. A ping is no message to it; version 2 throws when it is told to close a document.
    Unnamed,
    /// Version 4 or later.
    Since4,
}

impl Provider {
    /// By what came behind the token.
    pub const fn of(version: Option<&str>) -> Self {
        match version {
            None => Self::Unnamed,
            Some(_) => Self::Since4,
        }
    }
    /// Does it answer a ping? One that does not must be kept alive with other messages, and would log an error.
    pub const fn answers_ping(self) -> bool {
        matches!(self, Self::Since4)
    }
}

/// A frame from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromClient<'a> {
    /// The answer to a ping; belongs to the whole socket.
    Pong,
    /// All others belong to one document.
    At(Address<'a>, Request<'a>),
}

/// What a client says about one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// Documents are brought together.
    Sync(Sync<'a>),
    /// As `Sync`, but the sender expects no Step1 in return. Only servers send it to each other.
    SyncReply(Sync<'a>),
    /// Who is looking: an awareness update.
    Awareness(&'a [u8]),
    /// The first message, or the answer to [`Reply::AskToken`].
    Token {
        /// Whatever the application uses for signing in.
        token: &'a str,
        /// The version of the provider, see [`Provider::of`].
        version: Option<&'a str>,
    },
    /// "Tell me who is looking."
    QueryAwareness,
    /// A message of the application, for this server.
    Stateless(&'a str),
    /// A message for all clients. Only servers send it to each other; from a client it ends the document's connection.
    BroadcastStateless(&'a str),
    /// This document is not wanted any more on this socket.
    Close,
}

/// A frame to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToClient<'a> {
    /// Keeps the socket alive; see [`Provider::answers_ping`].
    Ping,
    /// All others belong to one document.
    At(Address<'a>, Reply<'a>),
}

/// What a client may do in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Read and write.
    ReadWrite,
    /// Read, and be seen.
    ReadOnly,
}

impl Scope {
    const fn text(self) -> &'static str {
        match self {
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "readonly",
        }
    }
}

/// What became of a Step2 or an Update of a client. Each of them is answered by exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncStatus {
    /// It is saved. The provider counts one unsaved change less.
    Saved,
    /// It was refused. The provider's count stays.
    Refused,
}

/// What a server says about one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Documents are brought together.
    Sync(Sync<'a>),
    /// Who is looking: an awareness update.
    Awareness(&'a [u8]),
    /// The client may come in.
    Authenticated(Scope),
    /// The client may not, and why. The socket stays open for another try.
    Denied(&'a str),
    /// "Send your token again."
    AskToken,
    /// "Tell me who is looking."
    QueryAwareness,
    /// A message of the application.
    Stateless(&'a str),
    /// The document is closed, and why. A provider does not come back from this by itself: to make it sync again, close
    /// the socket.
    Close(&'a str),
    /// What became of a Step2 or an Update.
    SyncStatus(SyncStatus),
}

/// A frame that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Undecodable<'a> {
    /// The document that it was for; none when not even that could be read, after which the socket is of no use.
    pub address: Option<Address<'a>>,
    /// What is wrong with it.
    pub why: Malformed,
}

impl<'a> FromClient<'a> {
    /// Reads a frame. Bytes behind a message are left alone: newer versions put newer fields there.
    pub fn decode(frame: &'a [u8]) -> Result<Self, Undecodable<'a>> {
        if frame == [PONG] {
            return Ok(Self::Pong);
        }
        let (address, mut reader) = address(frame)?;
        match Request::read(&mut reader) {
            Ok(request) => Ok(Self::At(address, request)),
            Err(why) => Err(Undecodable { address: Some(address), why }),
        }
    }
    /// The bytes, as a provider would send them.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Pong => vec![PONG],
            Self::At(address, request) => framed(*address, &request.body()),
        }
    }
}

impl<'a> ToClient<'a> {
    /// Reads a frame, as a provider would.
    pub fn decode(frame: &'a [u8]) -> Result<Self, Undecodable<'a>> {
        if frame == [PING] {
            return Ok(Self::Ping);
        }
        let (address, mut reader) = address(frame)?;
        match Reply::read(&mut reader) {
            Ok(reply) => Ok(Self::At(address, reply)),
            Err(why) => Err(Undecodable { address: Some(address), why }),
        }
    }
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ping => vec![PING],
            Self::At(address, reply) => framed(*address, &reply.body()),
        }
    }
}

fn address(frame: &[u8]) -> Result<(Address<'_>, Reader<'_>), Undecodable<'_>> {
    let mut reader = Reader::new(frame);
    let text = reader.text().map_err(|why| Undecodable { address: None, why })?;
    Ok((Address(text), reader))
}

/// A frame from a body that was encoded once for many addresses.
pub fn framed(address: Address<'_>, body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(address.0.len() + body.len() + 4);
    writer.text(address.0).raw(body);
    writer.finish()
}

impl<'a> Request<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        match reader.uint()? {
            SYNC => Sync::read(reader).map(Self::Sync),
            SYNC_REPLY => Sync::read(reader).map(Self::SyncReply),
            AWARENESS => reader.bytes().map(Self::Awareness),
            AUTH => match reader.uint()? {
                TOKEN => {
                    let token = reader.text()?;
                    let version = if reader.is_empty() { None } else { Some(reader.text()?) };
                    Ok(Self::Token { token, version })
                }
                kind => Err(Malformed::Kind(kind)),
            },
            QUERY_AWARENESS => Ok(Self::QueryAwareness),
            STATELESS => reader.text().map(Self::Stateless),
            BROADCAST_STATELESS => reader.text().map(Self::BroadcastStateless),
            CLOSE => Ok(Self::Close),
            kind => Err(Malformed::Kind(kind)),
        }
    }
    /// All but the address.
    pub fn body(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Sync(sync) => sync.write(writer.uint(SYNC)),
            Self::SyncReply(sync) => sync.write(writer.uint(SYNC_REPLY)),
            Self::Awareness(update) => drop(writer.uint(AWARENESS).bytes(update)),
            Self::Token { token, version } => {
                writer.uint(AUTH).uint(TOKEN).text(token);
                if let Some(version) = version {
                    writer.text(version);
                }
            }
            Self::QueryAwareness => drop(writer.uint(QUERY_AWARENESS)),
            Self::Stateless(payload) => drop(writer.uint(STATELESS).text(payload)),
            Self::BroadcastStateless(payload) => drop(writer.uint(BROADCAST_STATELESS).text(payload)),
            Self::Close => drop(writer.uint(CLOSE)),
        }
        writer.finish()
    }
}

impl<'a> Reply<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        match reader.uint()? {
            SYNC => Sync::read(reader).map(Self::Sync),
            AWARENESS => reader.bytes().map(Self::Awareness),
            AUTH => match reader.uint()? {
                TOKEN => Ok(Self::AskToken),
                DENIED => reader.text().map(Self::Denied),
                AUTHENTICATED if reader.text()? == Scope::ReadOnly.text() => Ok(Self::Authenticated(Scope::ReadOnly)),
                AUTHENTICATED => Ok(Self::Authenticated(Scope::ReadWrite)),
                kind => Err(Malformed::Kind(kind)),
            },
            QUERY_AWARENESS => Ok(Self::QueryAwareness),
            STATELESS => reader.text().map(Self::Stateless),
            CLOSE => reader.text().map(Self::Close),
            // Providers read a signed number here.
            SYNC_STATUS if reader.int()? == 1 => Ok(Self::SyncStatus(SyncStatus::Saved)),
            SYNC_STATUS => Ok(Self::SyncStatus(SyncStatus::Refused)),
            kind => Err(Malformed::Kind(kind)),
        }
    }
    /// All but the address; see [`framed`].
    pub fn body(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Sync(sync) => sync.write(writer.uint(SYNC)),
            Self::Awareness(update) => drop(writer.uint(AWARENESS).bytes(update)),
            Self::Authenticated(scope) => drop(writer.uint(AUTH).uint(AUTHENTICATED).text(scope.text())),
            Self::Denied(reason) => drop(writer.uint(AUTH).uint(DENIED).text(reason)),
            Self::AskToken => drop(writer.uint(AUTH).uint(TOKEN)),
            Self::QueryAwareness => drop(writer.uint(QUERY_AWARENESS)),
            Self::Stateless(payload) => drop(writer.uint(STATELESS).text(payload)),
            Self::Close(reason) => drop(writer.uint(CLOSE).text(reason)),
            Self::SyncStatus(SyncStatus::Saved) => drop(writer.uint(SYNC_STATUS).int(1)),
            Self::SyncStatus(SyncStatus::Refused) => drop(writer.uint(SYNC_STATUS).int(0)),
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    const DOC: Address<'static> = Address::new("doc");

    #[test]
    fn requests_are_those_that_were_captured() {
        let hi = hex("01 01 07 00 04 01 01 74 02 48 69 00");
        for (request, bytes) in [
            (Request::Token { token: "tok", version: Some("4.8.0") }, "02 00 03 74 6f 6b 05 34 2e 38 2e 30"),
            (Request::Token { token: "tok", version: None }, "02 00 03 74 6f 6b"),
            (Request::Sync(Sync::Step1(&[0])), "00 00 01 00"),
            (Request::Awareness(&[1, 7, 0, 2, 0x7b, 0x7d]), "01 06 01 07 00 02 7b 7d"),
            (Request::Sync(Sync::Step2(&[0, 0])), "00 01 02 00 00"),
            (Request::Sync(Sync::Update(&hi)), "00 02 0c 01 01 07 00 04 01 01 74 02 48 69 00"),
            (Request::QueryAwareness, "03"),
            (Request::SyncReply(Sync::Step1(&[0])), "04 00 01 00"),
            (Request::Stateless("yo"), "05 02 79 6f"),
            (Request::BroadcastStateless("yo"), "06 02 79 6f"),
            (Request::Close, "07"),
        ] {
            let bytes = hex(&format!("03 64 6f 63 {bytes}"));
            assert_eq!(FromClient::At(DOC, request).encode(), bytes);
            assert_eq!(FromClient::decode(&bytes), Ok(FromClient::At(DOC, request)));
        }
        assert_eq!(FromClient::decode(&hex("0a")), Ok(FromClient::Pong));
        assert_eq!(FromClient::Pong.encode(), hex("0a"));
    }

    #[test]
    fn replies_are_those_that_were_captured() {
        for (reply, bytes) in [
            (Reply::Authenticated(Scope::ReadWrite), "02 02 0a 72 65 61 64 2d 77 72 69 74 65"),
            (Reply::Authenticated(Scope::ReadOnly), "02 02 08 72 65 61 64 6f 6e 6c 79"),
            (Reply::Denied("nope"), "02 01 04 6e 6f 70 65"),
            (Reply::AskToken, "02 00"),
            (Reply::Sync(Sync::Step1(&[0])), "00 00 01 00"),
            (Reply::Sync(Sync::Step2(&[0, 0])), "00 01 02 00 00"),
            (Reply::SyncStatus(SyncStatus::Saved), "08 01"),
            (Reply::SyncStatus(SyncStatus::Refused), "08 00"),
            (Reply::Close("Reset Connection"), "07 10 52 65 73 65 74 20 43 6f 6e 6e 65 63 74 69 6f 6e"),
            (Reply::QueryAwareness, "03"),
            (Reply::Stateless("yo"), "05 02 79 6f"),
        ] {
            let bytes = hex(&format!("03 64 6f 63 {bytes}"));
            assert_eq!(ToClient::At(DOC, reply).encode(), bytes);
            assert_eq!(ToClient::decode(&bytes), Ok(ToClient::At(DOC, reply)));
        }
        assert_eq!(ToClient::Ping.encode(), hex("09"));
        assert_eq!(ToClient::decode(&hex("09")), Ok(ToClient::Ping));
    }

    #[test]
    fn an_address_may_name_a_session() {
        let bytes = hex("04 64 00 73 31 02 00 01 74 05 34 2e 38 2e 30");
        let Ok(FromClient::At(address, Request::Token { token: "t", version })) = FromClient::decode(&bytes) else {
            panic!("not a token");
        };
        assert_eq!((address.text(), address.name(), address.session()), ("d\0s1", "d", Some("s1")));
        assert!(Provider::of(version).answers_ping());
        assert_eq!((DOC.name(), DOC.session()), ("doc", None));
        assert!(!Provider::of(None).answers_ping());
        assert_eq!(Address::new("a/ß {}😀\0\0x").session(), Some("\0x"));
    }

    #[test]
    fn a_frame_that_cannot_be_read_says_for_whom_it_was() {
        for nobody in ["", "09", "ff ff", "02 ff ff"] {
            let frame = hex(nobody);
            assert_eq!(FromClient::decode(&frame).unwrap_err().address, None, "{nobody}");
        }
        for (bytes, why) in [
            ("03 64 6f 63", Malformed::Short),
            ("03 64 6f 63 08 01", Malformed::Kind(8)),
            ("03 64 6f 63 02 02 00", Malformed::Kind(2)),
            ("03 64 6f 63 00 03 00", Malformed::Kind(3)),
            ("03 64 6f 63 05 01 ff", Malformed::Utf8),
        ] {
            let frame = hex(bytes);
            assert_eq!(FromClient::decode(&frame), Err(Undecodable { address: Some(DOC), why }), "{bytes}");
        }
    }

    proptest! {
        #[test]
        fn requests_come_back(address: String, kind in 0..9_u8, bytes: Vec<u8>, text: String, version: Option<String>) {
            let request = match kind {
                0 => Request::Sync(Sync::Step1(&bytes)),
                1 => Request::Sync(Sync::Step2(&bytes)),
                2 => Request::SyncReply(Sync::Update(&bytes)),
                3 => Request::Awareness(&bytes),
                4 => Request::Token { token: &text, version: version.as_deref() },
                5 => Request::Stateless(&text),
                6 => Request::BroadcastStateless(&text),
                7 => Request::Close,
                _ => Request::QueryAwareness,
            };
            let frame = FromClient::At(Address::new(&address), request);
            let bytes = frame.encode();
            prop_assert_eq!(FromClient::decode(&bytes), Ok(frame));
        }

        #[test]
        fn replies_come_back(address: String, kind in 0..11_u8, bytes: Vec<u8>, text: String) {
            let reply = match kind {
                0 => Reply::Sync(Sync::Step1(&bytes)),
                1 => Reply::Sync(Sync::Update(&bytes)),
                2 => Reply::Awareness(&bytes),
                3 => Reply::Authenticated(Scope::ReadOnly),
                4 => Reply::Authenticated(Scope::ReadWrite),
                5 => Reply::Denied(&text),
                6 => Reply::AskToken,
                7 => Reply::Stateless(&text),
                8 => Reply::Close(&text),
                9 => Reply::SyncStatus(SyncStatus::Saved),
                _ => Reply::SyncStatus(SyncStatus::Refused),
            };
            let frame = ToClient::At(Address::new(&address), reply);
            let bytes = frame.encode();
            prop_assert_eq!(ToClient::decode(&bytes), Ok(frame));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = FromClient::decode(&bytes);
            let _ = ToClient::decode(&bytes);
        }

        #[test]
        fn no_bytes_behind_an_address_make_it_panic(bytes: Vec<u8>) {
            let frame = framed(DOC, &bytes);
            if let Err(fault) = FromClient::decode(&frame) {
                prop_assert_eq!(fault.address, Some(DOC));
            }
            let _ = ToClient::decode(&frame);
        }
    }
}
