//! A document in memory: the one place that touches yrs. Everything that comes in passes the [gate](super::gate); what
//! goes out to others is what yrs integrated, never what somebody sent.
//!
//! yrs has no rollback: when an update goes wrong half-way, the document is broken, says so, and does nothing any more.
//! Its owner loads it again from what was saved.
mod guard;
mod print;
mod read;
#[cfg(test)]
mod tests;
mod value;
mod write;

use std::fmt;

use yrs::{
    ClientID, Doc, IdSet, OffsetKind, Options, ReadTxn, StateVector, TransactionMut, Update,
    updates::{decoder::Decode, encoder::Encode},
};

use self::guard::{guarded, guarded_look, unwinding};
pub use super::gate::{Bad, IdRange, Limits, Missing};
use super::{
    gate::{self, Container, Known, Ready, Verdict},
    lib0::LARGEST,
    schema::{Content, Schema, Shape},
    ysync::Clocks,
};

/// The largest state of a document, in bytes of its encoding.
pub const MOST_BYTES: usize = 16 << 20;
/// The size is an estimate from above. It is measured again when it grew by this much beyond [`MOST_BYTES`].
const MEASURE_AFTER: usize = 64 << 10;
/// What yrs (measured, 200) and the gate (counted, 90) need for a piece besides its content, rounded up.
const PIECE_BYTES: usize = 300;

/// A document in memory.
pub struct Document {
    schema: &'static Schema,
    doc: Doc,
    known: Known,
    size: Size,
    measured: usize,
    broken: Option<Broken>,
}

/// How large a document is. Both figures are estimates from above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Of its encoded state.
    pub bytes: usize,
    /// Pieces of which it consists, deleted ones included.
    pub pieces: usize,
}

impl Size {
    /// What it takes of this process's memory, roughly.
    pub const fn memory(self) -> usize {
        self.bytes + self.pieces * PIECE_BYTES
    }
}

/// A change as it was integrated: to be saved, and to be told to everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// An update in version 1 of the encoding.
    pub bytes: Vec<u8>,
    /// What is new, one range for each client: who wrote it is known to whom the update came from.
    pub inserted: Vec<IdRange>,
    /// What was deleted by it and was not before.
    pub deleted: Vec<IdRange>,
}

/// What became of somebody's update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in.
    Integrated(Delta),
    /// It is in, and was before.
    Known,
    /// Something has to come first. Nothing was changed; try again later.
    Missing(Missing),
    /// It brings something new of these clients, which whoever sent it may not. Nothing was changed.
    Foreign(Vec<u64>),
    /// It is no update of an honest client. Nothing was changed.
    Bad(Bad),
    /// The document would be larger than [`MOST_BYTES`]. Nothing was changed.
    Full,
    /// It went wrong half-way. The document must be loaded again, without this update.
    Broken(Broken),
}

/// Why a document is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Broken {
    /// yrs panicked.
    #[error("yrs panicked")]
    Panicked,
    /// yrs stopped half-way through an update.
    #[error("yrs stopped half-way through an update")]
    Stopped,
    /// yrs put a part of an update aside.
    #[error("yrs put a part of an update aside")]
    Incomplete,
    /// yrs integrated something else than what the gate saw.
    #[error("yrs integrated something else than the update")]
    Different,
    /// Somebody else is in the middle of a transaction.
    #[error("the document is locked")]
    Locked,
}

/// Why a document could not be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A part does not fit to what was before it.
    #[error("part {index}: {flaw}")]
    Part {
        /// Which of the parts, from 0.
        index: usize,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// All of them together.
    #[error("{0}")]
    Broken(#[from] Broken),
}

/// What is wrong with a part of a stored document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It cannot be read.
    #[error("{0}")]
    Bad(#[from] Bad),
    /// Something before it is not there.
    #[error("{0}")]
    Missing(#[from] Missing),
    /// yrs stopped half-way, or panicked.
    #[error("{0}")]
    Broken(#[from] Broken),
}

/// A state that was encoded, loaded again, and found to be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// An update in version 1 of the encoding, as all updates here are: yrs cannot read what it writes itself in
    /// version 2 as soon as there is a byte string in the document.
    pub state: Vec<u8>,
    /// See [`Document::fingerprint`].
    pub fingerprint: [u8; 32],
    /// The state vector.
    pub clocks: Clocks,
    /// Does the document in memory show something else than its own state does in everybody's hands? The gate refuses
    /// all pieces that are known to be integrated in two ways, so this does not happen. If it does, the state is what
    /// counts: load it in place of the document, and have the clients begin anew.
    pub differs: bool,
}

/// Why something was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The document is of no use any more, or came to be so while it was written.
    #[error("{0}")]
    Broken(#[from] Broken),
    /// It would be larger than [`MOST_BYTES`]. Nothing was changed.
    #[error("the document would be too large")]
    Full,
}

/// Why a document was not compacted. Nothing is lost: the log is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CompactError {
    /// The document itself.
    #[error("{0}")]
    Broken(#[from] Broken),
    /// Its state does not load.
    #[error("the state does not load: {0}")]
    Load(#[from] LoadError),
    /// Its state loads as something else.
    #[error("the state loads as something else")]
    Different,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("kind", &self.schema.key)
            .field("size", &self.size)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl Document {
    /// Nothing yet, of this kind. `client` names what this server will write itself: a random number below 2^53, a new one whenever a
    /// document is loaded, so that two nodes never share one.
    pub fn new(schema: &'static Schema, client: u64) -> Self {
        let options = Options {
            offset_kind: OffsetKind::Utf16,
            // It may change what is shown. Browsers clean up, and tell us what they did.
            cleanup_formatting: false,
            ..Options::with_client_id(ClientID::new(client & LARGEST))
        };
        Self {
            schema,
            doc: Doc::with_options(options),
            known: Known::new(schema.fields.iter().map(|field| (field.name, container(field.shape)))),
            size: Size::default(),
            measured: 0,
            broken: None,
        }
    }

    /// From what was saved, in one transaction: a state from [`Document::compacted`] and the deltas after it, or all
    /// deltas there ever were.
    pub fn load<'a>(
        schema: &'static Schema,
        client: u64,
        parts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, LoadError> {
        let mut document = Self::new(schema, client);
        let Self { doc, known, size, .. } = &mut document;
        guarded(doc, "load", |txn| {
            for (index, part) in parts.into_iter().enumerate() {
                load_part(txn, known, size, part).map_err(|flaw| LoadError::Part { index, flaw })?;
            }
            if txn.has_missing_updates() { Err(Broken::Incomplete.into()) } else { Ok::<_, LoadError>(()) }
        })??;
        document.measure()?;
        Ok(document)
    }

    /// Takes in an update of somebody else.
    pub fn integrate(&mut self, update: &[u8], limits: &Limits) -> Outcome {
        self.integrate_if(update, limits, |_| true)
    }

    /// The same, if whoever sent it may write under all clients of which it brings something new.
    pub fn integrate_if(&mut self, update: &[u8], limits: &Limits, may: impl Fn(u64) -> bool) -> Outcome {
        if let Some(broken) = self.broken {
            return Outcome::Broken(broken);
        }
        let ready = match gate::check(update, limits, &self.known) {
            Ok(Verdict::Ready(ready)) => ready,
            Ok(Verdict::Missing(missing)) => return Outcome::Missing(missing),
            Err(bad) => return Outcome::Bad(bad),
        };
        if ready.inserted.is_empty() && ready.deleted.is_empty() {
            return Outcome::Known;
        }
        let foreign = ready.inserted.iter().map(|range| range.client).filter(|client| !may(*client));
        let foreign: Vec<u64> = foreign.collect();
        if !foreign.is_empty() {
            return Outcome::Foreign(foreign);
        }
        match self.has_room(update.len()) {
            // Deleting is always possible, and what is in the log is in the document.
            Ok(false) if !ready.inserted.is_empty() && limits.bytes < usize::MAX => return Outcome::Full,
            Ok(_) => {}
            Err(broken) => return Outcome::Broken(broken),
        }
        let Ok(Ok(update)) = unwinding(|| Update::decode_v1(update)) else { return Outcome::Bad(Bad::Undecodable) };
        let integrated = guarded(&self.doc, "integrate", |txn| apply(txn, update, &ready)).and_then(|delta| delta);
        match integrated {
            Ok(delta) => {
                self.grow(&delta, ready.pieces);
                self.known.admit(ready);
                if delta.inserted.is_empty() && delta.deleted.is_empty() {
                    Outcome::Known
                } else {
                    Outcome::Integrated(delta)
                }
            }
            Err(broken) => {
                self.broken = Some(broken);
                Outcome::Broken(broken)
            }
        }
    }

    /// What it says: all its fields.
    pub fn read(&self) -> Result<Content, Broken> {
        self.usable()?;
        guarded_look(&self.doc, |txn| read::content(txn, self.schema))
    }

    /// Makes it say what `content` says, in the fields that are there, with as small a change as possible and in one
    /// transaction: a REST edit, an older version that is restored, the first content of a new document. Nothing comes
    /// back if it says so already.
    pub fn write(&mut self, content: &Content, origin: &str) -> Result<Option<Delta>, WriteError> {
        self.usable()?;
        // What is written is at most what is said, and what yrs writes about it.
        let size = content.to_json(crate::collab::schema::Form::Nodes).to_string().len();
        if !self.has_room(size.saturating_mul(2))? {
            return Err(WriteError::Full);
        }
        let schema = self.schema;
        let written = guarded(&self.doc, origin, |txn| {
            write::content(txn, schema, content);
            txn.commit();
            txn.has_changes().then(|| (txn.encode_update_v1(), ranges(txn.delete_set())))
        });
        let delta = match written {
            Ok(Some((bytes, deleted))) => self.admit_own(bytes, deleted),
            Ok(None) => return Ok(None),
            Err(broken) => Err(broken),
        };
        self.broken = delta.as_ref().err().copied();
        Ok(Some(delta?))
    }

    /// Our own changes pass the gate like everybody's.
    fn admit_own(&mut self, bytes: Vec<u8>, deleted: Vec<IdRange>) -> Result<Delta, Broken> {
        let Ok(Verdict::Ready(ready)) = gate::check(&bytes, &Limits::OWN, &self.known) else {
            return Err(Broken::Different);
        };
        let delta = Delta { bytes, inserted: ready.inserted.clone(), deleted };
        self.grow(&delta, ready.pieces);
        self.known.admit(ready);
        Ok(delta)
    }

    /// Would this update change nothing? A reader's answer to our state is such an update, unless he has written
    /// something while he was away.
    pub fn brings_nothing_new(&self, update: &[u8], limits: &Limits) -> Result<bool, Broken> {
        self.usable()?;
        let Ok(Verdict::Ready(ready)) = gate::check(update, limits, &self.known) else { return Ok(false) };
        if !ready.inserted.is_empty() || ready.deleted.is_empty() {
            return Ok(ready.inserted.is_empty());
        }
        guarded_look(&self.doc, |txn| {
            let snapshot = txn.snapshot();
            let mut wanted = IdSet::new();
            for range in &ready.deleted {
                wanted.insert(yrs::ID::new(ClientID::new(range.client), range.from), range.to - range.from);
            }
            wanted.diff(&snapshot.delete_set).is_empty()
        })
    }

    /// How far each client's writing is known here.
    pub fn clocks(&self) -> Clocks {
        self.known.clocks().collect()
    }

    /// All that somebody lacks who knows `clocks`: the bytes of Step2.
    pub fn diff(&self, clocks: &Clocks) -> Result<Vec<u8>, Broken> {
        self.usable()?;
        let mut vector = StateVector::default();
        for (client, clock) in clocks.iter() {
            // Of what we do not know ourselves, nothing is lacking.
            let clock = u32::try_from(clock).unwrap_or(u32::MAX).min(self.known.next(client));
            if clock > 0 {
                vector.set_max(ClientID::new(client), clock);
            }
        }
        guarded_look(&self.doc, |txn| txn.encode_diff_v1(&vector))
    }

    /// The whole state, as an update in version 1 of the encoding.
    pub fn state(&self) -> Result<Vec<u8>, Broken> {
        self.diff(&Clocks::new())
    }

    /// A state that may replace the log: encoded from a fresh document, so that deleted and split pieces are joined, and
    /// loaded again to see that it is the same.
    pub fn compacted(&self) -> Result<Compacted, CompactError> {
        let (clocks, seen) = (self.clocks(), self.fingerprint()?);
        let fresh = Self::load(self.schema, 0, [self.state()?.as_slice()])?;
        let (state, fingerprint) = (fresh.state()?, fresh.fingerprint()?);
        let again = Self::load(self.schema, 0, [state.as_slice()])?;
        if again.clocks() != clocks || again.fingerprint()? != fingerprint {
            return Err(CompactError::Different);
        }
        Ok(Compacted { state, fingerprint, clocks, differs: fingerprint != seen })
    }

    /// A hash of all that can be read in the document. Equal documents have equal ones on every node, however their
    /// histories were cut into updates.
    pub fn fingerprint(&self) -> Result<[u8; 32], Broken> {
        self.usable()?;
        guarded_look(&self.doc, |txn| print::fingerprint(txn))
    }

    /// How large it is.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Of how many clients it knows something. Each costs a few bytes in every state vector.
    pub fn client_count(&self) -> usize {
        self.known.client_count()
    }

    /// Why it is of no use any more, if so.
    pub const fn broken(&self) -> Option<Broken> {
        self.broken
    }

    fn usable(&self) -> Result<(), Broken> {
        self.broken.map_or(Ok(()), Err)
    }

    /// Measures the size, which is an estimate otherwise. As costly as encoding the state.
    pub fn measure(&mut self) -> Result<Size, Broken> {
        let state = self.state()?;
        if let Ok(Verdict::Ready(ready)) = gate::check(&state, &Limits::OWN, &Known::default()) {
            self.size = Size { bytes: state.len(), pieces: ready.pieces };
        }
        self.measured = self.size.bytes;
        Ok(self.size)
    }

    fn has_room(&mut self, more: usize) -> Result<bool, Broken> {
        if self.size.bytes + more > MOST_BYTES && self.size.bytes > self.measured + MEASURE_AFTER {
            self.measure()?;
        }
        Ok(self.size.bytes + more <= MOST_BYTES)
    }

    fn grow(&mut self, delta: &Delta, pieces: usize) {
        self.size.bytes += delta.bytes.len();
        self.size.pieces += pieces;
    }
}

/// Several deltas that follow each other, as one update. Slow for many: some dozens at most.
pub fn merged(deltas: &[&[u8]]) -> Option<Vec<u8>> {
    unwinding(|| yrs::merge_updates_v1(deltas.iter().copied()).ok()).ok().flatten()
}

/// What is left of an update that has passed the gate without the pieces of these clients. None: it cannot be read.
pub fn without(update: &[u8], clients: &[u64]) -> Option<Vec<u8>> {
    let mut all = StateVector::default();
    for client in clients {
        all.set_max(ClientID::new(*client), u32::MAX);
    }
    unwinding(|| yrs::diff_updates_v1(update, &all.encode_v1()).ok()).ok().flatten()
}

/// The pieces that an update of the log brings. None: it cannot be read.
pub fn brought(update: &[u8]) -> Option<Vec<IdRange>> {
    unwinding(|| Update::decode_v1(update).ok().map(|update| ranges(&update.insertions(false)))).ok().flatten()
}

/// As what the root of a field is stored.
const fn container(shape: Shape) -> Container {
    match shape {
        Shape::Text => Container::Text,
        Shape::Rich => Container::Xml,
        Shape::Items(_) => Container::Map,
        Shape::Word | Shape::Number | Shape::Flag | Shape::Json => Container::Anything,
    }
}

fn load_part(txn: &mut TransactionMut, known: &mut Known, size: &mut Size, update: &[u8]) -> Result<(), Flaw> {
    let ready = match gate::check(update, &Limits::OWN, known)? {
        Verdict::Ready(ready) => ready,
        Verdict::Missing(missing) => return Err(missing.into()),
    };
    let decoded = Update::decode_v1(update).map_err(|_| Bad::Undecodable)?;
    txn.apply_update(decoded).map_err(|_| Broken::Stopped)?;
    size.bytes += update.len();
    size.pieces += ready.pieces;
    known.admit(ready);
    Ok(())
}

/// Applies an update and says what it changed.
fn apply(txn: &mut TransactionMut, update: Update, ready: &Ready) -> Result<Delta, Broken> {
    txn.apply_update(update).map_err(|_| Broken::Stopped)?;
    if txn.has_missing_updates() {
        return Err(Broken::Incomplete);
    }
    txn.commit();
    if ranges(txn.insert_set()) != sorted(&ready.inserted) {
        return Err(Broken::Different);
    }
    Ok(Delta { bytes: txn.encode_update_v1(), inserted: ready.inserted.clone(), deleted: ranges(txn.delete_set()) })
}

fn sorted(ranges: &[IdRange]) -> Vec<IdRange> {
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable();
    ranges
}

fn ranges(set: &IdSet) -> Vec<IdRange> {
    let mut all = Vec::new();
    for (client, ranges) in set.iter() {
        let client = client.get();
        all.extend(ranges.into_iter().map(|range| IdRange { client, from: range.start, to: range.end }));
    }
    all.sort_unstable();
    all
}
