//! The writing half of an open document: one transaction per batch of updates.
use std::{collections::HashMap, time::Duration};

use crate::{
    collab::{
        DocumentId,
        document::{Document, Outcome, brought},
        gate::{IdRange, Limits},
        history::{self, authorship::Owner},
        room::owners,
        store::{self, Draft, Head, Stored, Unread},
    },
    db::{Db, TenantTx},
    kernel::{Clock, Id, caller},
};

/// A transaction that takes longer is given up.
const DEADLINE: Duration = Duration::from_secs(10);

/// Which document, of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The tenant.
    pub organization: Id<caller::Organization>,
    /// The document.
    pub document: DocumentId,
}

/// What a batch came to.
#[derive(Debug)]
pub struct Written {
    /// What others wrote since the last batch.
    pub missed: Vec<Stored>,
    /// The number before our first update.
    pub after: u64,
    /// The number of our last update, or the head.
    pub to: u64,
    /// Is it time to merge the log?
    pub compact: bool,
    /// How often has changed what people may do with it.
    pub rights: u64,
    /// Whose the clients are that others wrote under, and those that were asked for.
    pub owners: Vec<(u64, Owner)>,
}

/// Why a batch could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database is away, or refused to go on.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// No answer in time.
    #[error("no answer from the database in time")]
    Deadline,
    /// The document does not exist (any more) in this organization.
    #[error("the document does not exist")]
    Gone,
    /// It is read only now.
    #[error("the document is frozen")]
    Frozen,
    /// Another node wrote other pieces under the same numbers meanwhile.
    #[error("other pieces of the same numbers were written elsewhere")]
    Taken,
    /// Somebody brought pieces of another person's client.
    #[error("pieces of another person's client")]
    Foreign,
    /// Too many are open.
    #[error("open documents take too much memory already")]
    NoRoom,
    /// What is stored of it cannot be read.
    #[error("the document cannot be read")]
    Broken,
}

impl From<Unread> for WriteError {
    fn from(error: Unread) -> Self {
        match error {
            Unread::Database(error) => Self::Database(error),
            Unread::Hole => Self::Broken,
        }
    }
}

/// The log is merged after so many updates …
const MOST_UPDATES: u64 = 200;
/// … or so many bytes of them (domain 11.2).
const MOST_BYTES: u64 = 256 << 10;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Work {
    /// The updates; none: it is only looked.
    pub drafts: Vec<Draft>,
    /// Some of their clients are not known to be those of their authors.
    pub ask: bool,
}

/// Writes updates behind what others wrote, and brings that along. Without updates it only looks, and locks nothing.
pub async fn write(
    db: Db,
    clock: Clock,
    key: Key,
    known: u64,
    Work { drafts, ask }: Work,
    node: String,
) -> Result<Written, WriteError> {
    let work = async {
        let mut tx = db.tenant_as(key.organization, None).await?;
        let head = if drafts.is_empty() {
            store::head(&mut tx, key.document).await?
        } else {
            store::lock(&mut tx, key.document).await?
        };
        let head = head.ok_or(WriteError::Gone)?;
        if head.frozen_at.is_some() && !drafts.is_empty() {
            return Err(WriteError::Frozen);
        }
        let mut missed = Vec::new();
        let mut seen = known;
        while seen < head.seq {
            let some = store::read(&mut tx, key.document, seen).await?;
            let Some(last) = some.last() else { break };
            seen = last.seq;
            missed.extend(some);
        }
        let owners = if ask || !missed.is_empty() {
            let clients = clients(&missed, &drafts);
            history::authorship::owners(&mut tx, key.document, Some(&clients)).await?
        } else {
            Vec::new()
        };
        if owners::is_foreign(&drafts, &owners) {
            return Err(WriteError::Foreign);
        }
        if overlap(&missed, &drafts) && !agree(&mut tx, key, &missed, &drafts).await? {
            return Err(WriteError::Taken);
        }
        let to = if drafts.is_empty() { head.seq } else { append(&mut tx, &clock, &head, &drafts, &node).await? };
        tx.commit().await?;
        let bytes: usize = drafts.iter().map(|draft| draft.payload.len()).sum();
        let compact = to - head.snapshot_seq >= MOST_UPDATES || head.tail_bytes + bytes as u64 >= MOST_BYTES;
        Ok(Written { missed, after: head.seq, to, compact, rights: head.rights, owners })
    };
    tokio::time::timeout(DEADLINE, work).await.map_err(|_| WriteError::Deadline)?
}

/// All that wrote something here.
fn clients(missed: &[Stored], drafts: &[Draft]) -> Vec<u64> {
    let missed = missed.iter().flat_map(|stored| brought(&stored.payload).unwrap_or_default());
    let mut clients: Vec<u64> =
        missed.chain(drafts.iter().flat_map(|draft| draft.inserted.clone())).map(|range| range.client).collect();
    clients.sort_unstable();
    clients.dedup();
    clients
}

/// Does what was missed bring pieces that a draft brings as well?
fn overlap(missed: &[Stored], drafts: &[Draft]) -> bool {
    if missed.is_empty() || drafts.is_empty() {
        return false;
    }
    let mut mine: HashMap<u64, Vec<IdRange>> = HashMap::new();
    for range in drafts.iter().flat_map(|draft| &draft.inserted) {
        mine.entry(range.client).or_default().push(*range);
    }
    let taken = |theirs: IdRange| {
        let own = mine.get(&theirs.client).map_or(&[][..], Vec::as_slice);
        own.iter().any(|own| own.from < theirs.to && theirs.from < own.to)
    };
    // What cannot be read of the log is noticed when it is taken in.
    missed.iter().flat_map(|stored| brought(&stored.payload).unwrap_or_default()).any(taken)
}

/// Is it the same whichever of them comes first? So it is when a client that changed its node has brought the same
/// pieces to both. Not when it has told them different things.
async fn agree(tx: &mut TenantTx, key: Key, missed: &[Stored], drafts: &[Draft]) -> Result<bool, WriteError> {
    let Some((kind, _, parts)) = store::parts(tx, key.document).await? else { return Err(WriteError::Gone) };
    let mine: Vec<Vec<u8>> = drafts.iter().map(|draft| draft.payload.clone()).collect();
    let Some(before) = parts.len().checked_sub(missed.len()) else { return Ok(false) };
    let comparing = tokio::task::spawn_blocking(move || {
        let print = |after: [&[Vec<u8>]; 2]| {
            let mut document = Document::load(kind.schema(), 0, parts[..before].iter().map(Vec::as_slice)).ok()?;
            for update in after.into_iter().flatten() {
                match document.integrate(update, &Limits::OWN) {
                    Outcome::Integrated(_) | Outcome::Known => {}
                    _ => return None,
                }
            }
            document.fingerprint().ok()
        };
        let theirs = &parts[before..];
        print([theirs, &mine]).is_some_and(|first| Some(first) == print([&mine, theirs]))
    });
    Ok(comparing.await.unwrap_or(false))
}

/// The updates, who wrote them, and the versions that are to be kept before some of them.
async fn append(
    tx: &mut TenantTx,
    clock: &Clock,
    head: &Head,
    drafts: &[Draft],
    node: &str,
) -> Result<u64, sqlx::Error> {
    let to = store::append(tx, head, drafts, node).await?;
    let new = drafts.iter().filter_map(|draft| Some((draft.author?, draft)));
    history::authorship::record(tx, head.id, to, new).await?;
    for (before, draft) in (head.seq..).zip(drafts) {
        if let Some(state) = &draft.before {
            let version = history::Draft { reason: history::Reason::Restore, label: None, by: draft.author };
            history::insert(tx, clock, head.id, before, state, &version).await?;
            history::thin(tx, clock, head.id).await?;
        }
    }
    Ok(to)
}
