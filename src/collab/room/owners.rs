//! Whose the Yjs clients of a document are. A client is a number that a page made for itself; everybody sees it, so
//! anybody could go on counting where another page is, and what that page says next would be known already, and lost.
use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    collab::{
        awareness::Looks,
        history::authorship::Owner,
        lib0::{Reader, Writer},
        store::{Draft, Origin},
    },
    kernel::Id,
};

/// Clients in one packet, at most.
const MOST_TOLD: usize = 4_096;

#[derive(Debug, Clone, Copy)]
struct Known {
    owner: Owner,
    /// The database says so.
    saved: bool,
}

/// Whose the clients are that wrote something.
#[derive(Debug, Default)]
pub struct Owners(HashMap<u64, Known>);

impl Owners {
    /// As the database has them; `own` is what the server writes under here.
    pub fn new(saved: Vec<(u64, Owner)>, own: u64) -> Self {
        let mut owners = Self::default();
        owners.learn(saved);
        owners.learn([(own, Owner { user: None, sure: true })]);
        owners
    }

    /// May `person` bring something new of this client, with which `looks` is looking?
    pub fn admit(&self, client: u64, person: Uuid, looks: Option<Looks>) -> bool {
        match self.0.get(&client).map(|known| known.owner) {
            Some(owner) if owner.user == Some(person) => true,
            Some(owner) => !owner.sure && looks.is_some_and(|looks| looks.live && looks.person == person),
            // Nobody has written under it, but somebody may be about to.
            None => looks.is_none_or(|looks| looks.person == person),
        }
    }

    /// `person` was admitted, and has brought something new.
    pub fn wrote(&mut self, client: u64, person: Uuid, sure: bool) {
        self.take_over(client, person, sure, false);
    }

    /// What was brought is saved.
    pub fn saved(&mut self, draft: &Draft) {
        let (Some(author), Origin::Client) = (draft.author, draft.origin) else { return };
        for range in &draft.inserted {
            self.take_over(range.client, author.uuid(), draft.claims.contains(&range.client), true);
        }
    }

    fn take_over(&mut self, client: u64, person: Uuid, sure: bool, saved: bool) {
        let fresh = Known { owner: Owner { user: Some(person), sure }, saved };
        let known = self.0.entry(client).or_insert(fresh);
        if known.owner.user == Some(person) {
            known.saved = saved || known.saved && (known.owner.sure || !sure);
            known.owner.sure |= sure;
        } else if sure && !known.owner.sure {
            *known = fresh;
        }
    }

    /// What others have committed.
    pub fn learn(&mut self, saved: impl IntoIterator<Item = (u64, Owner)>) {
        self.0.extend(saved.into_iter().map(|(client, owner)| (client, Known { owner, saved: true })));
    }

    /// Has the database to be asked whose the clients of these are?
    pub fn are_open(&self, drafts: &[Draft]) -> bool {
        let open = |draft: &Draft, client| {
            let known = self.0.get(&client);
            !known.is_some_and(|known| known.saved && known.owner.user == draft.author.map(Id::uuid))
        };
        let mut written = drafts.iter().filter(|draft| draft.origin == Origin::Client);
        written.any(|draft| draft.inserted.iter().any(|range| open(draft, range.client)))
    }

    /// Whose the clients in these are, for other nodes.
    pub fn encode<'a>(&self, drafts: impl Iterator<Item = &'a Draft>, writer: &mut Writer) {
        let mut clients: Vec<u64> = drafts.flat_map(|draft| &draft.inserted).map(|range| range.client).collect();
        clients.sort_unstable();
        clients.dedup();
        clients.truncate(MOST_TOLD);
        let known: Vec<_> = clients.iter().filter_map(|client| Some((client, self.0.get(client)?.owner))).collect();
        writer.uint(known.len() as u64);
        for (client, owner) in known {
            let user = owner.user.map(Uuid::into_bytes);
            writer.uint(*client).bytes(user.as_ref().map_or(&[], <[u8; 16]>::as_slice)).byte(owner.sure.into());
        }
    }
}

/// What [`Owners::encode`] wrote; nothing if an older node did not.
pub fn decode(reader: &mut Reader<'_>) -> Vec<(u64, Owner)> {
    let told = |reader: &mut Reader<'_>| {
        let count = usize::try_from(reader.uint().ok()?).ok().filter(|count| *count <= MOST_TOLD)?;
        (0..count).map(|_| one(reader)).collect::<Option<Vec<_>>>()
    };
    told(reader).unwrap_or_default()
}

fn one(reader: &mut Reader<'_>) -> Option<(u64, Owner)> {
    let client = reader.uint().ok()?;
    let user = match reader.bytes().ok()? {
        [] => None,
        user => Some(Uuid::from_slice(user).ok()?),
    };
    Some((client, Owner { user, sure: reader.byte().ok()? == 1 }))
}

/// Does a draft bring something of a client that is another's, as the database has it?
pub fn is_foreign(drafts: &[Draft], saved: &[(u64, Owner)]) -> bool {
    let saved: HashMap<u64, Owner> = saved.iter().copied().collect();
    let foreign = |draft: &Draft, client: &u64| {
        saved.get(client).is_some_and(|owner| {
            owner.user != draft.author.map(Id::uuid) && (owner.sure || !draft.claims.contains(client))
        })
    };
    let mut written = drafts.iter().filter(|draft| draft.origin == Origin::Client);
    written.any(|draft| draft.inserted.iter().any(|range| foreign(draft, &range.client)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collab::gate::IdRange;

    const ADA: Uuid = Uuid::from_u128(1);
    const BO: Uuid = Uuid::from_u128(2);

    const fn looks(person: Uuid, live: bool) -> Looks {
        Looks { person, live }
    }

    fn draft(client: u64, author: Uuid, sure: bool) -> Draft {
        Draft {
            payload: vec![],
            author: Some(Id::new(author)),
            origin: Origin::Client,
            inserted: vec![IdRange { client, from: 0, to: 1 }],
            claims: if sure { vec![client] } else { vec![] },
            before: None,
        }
    }

    #[test]
    fn who_wrote_first_goes_on_and_nobody_else() {
        let mut owners = Owners::new(vec![(7, Owner { user: Some(ADA), sure: true })], 1);
        assert!(owners.admit(7, ADA, None) && !owners.admit(7, BO, None));
        // Whatever he says of where he looks.
        assert!(!owners.admit(7, BO, Some(looks(BO, true))));
        assert!(!owners.admit(1, ADA, None), "the server's own");
        assert!(owners.admit(8, BO, None));
        owners.wrote(8, BO, true);
        assert!(owners.admit(8, BO, None) && !owners.admit(8, ADA, Some(looks(ADA, true))));
    }

    #[test]
    fn who_looks_with_a_client_writes_under_it_first() {
        let owners = Owners::new(vec![], 1);
        assert!(!owners.admit(7, BO, Some(looks(ADA, true))) && !owners.admit(7, BO, Some(looks(ADA, false))));
        assert!(owners.admit(7, ADA, Some(looks(ADA, true))));
    }

    #[test]
    fn what_was_only_brought_gives_way_to_who_looks_with_it() {
        let mut owners = Owners::new(vec![], 1);
        owners.wrote(7, BO, false);
        assert!(
            owners.admit(7, BO, None) && !owners.admit(7, ADA, None) && !owners.admit(7, ADA, Some(looks(ADA, false)))
        );
        assert!(owners.admit(7, ADA, Some(looks(ADA, true))));
        owners.wrote(7, ADA, true);
        assert!(owners.admit(7, ADA, None) && !owners.admit(7, BO, Some(looks(BO, true))));
    }

    #[test]
    fn the_database_is_asked_until_it_has_said_the_same() {
        let mut owners = Owners::new(vec![], 1);
        let (weak, sure) = (draft(7, ADA, false), draft(7, ADA, true));
        owners.wrote(7, ADA, false);
        assert!(owners.are_open(std::slice::from_ref(&weak)));
        owners.saved(&weak);
        assert!(!owners.are_open(std::slice::from_ref(&weak)));
        // Surer than what is saved.
        owners.wrote(7, ADA, true);
        assert!(owners.are_open(std::slice::from_ref(&sure)));
        owners.saved(&sure);
        assert!(!owners.are_open(std::slice::from_ref(&sure)));
        // Another node was faster.
        owners.learn([(7, Owner { user: Some(BO), sure: true })]);
        assert!(owners.are_open(std::slice::from_ref(&sure)));
        let bos = [(7, Owner { user: Some(BO), sure: true })];
        assert!(is_foreign(std::slice::from_ref(&sure), &bos) && !is_foreign(&[draft(7, BO, false)], &bos));
        let brought = [(7, Owner { user: Some(BO), sure: false })];
        assert!(!is_foreign(&[sure], &brought) && is_foreign(&[weak], &brought));
    }

    #[test]
    fn other_nodes_learn_the_same() {
        let mut owners = Owners::new(vec![], 1);
        owners.wrote(7, ADA, true);
        owners.wrote(9, BO, false);
        let drafts = [draft(9, BO, false), draft(7, ADA, true), draft(1, ADA, false), draft(7, ADA, true)];
        let mut writer = Writer::new();
        owners.encode(drafts.iter(), &mut writer);
        let bytes = writer.finish();
        let told = decode(&mut Reader::new(&bytes));
        let (ada, bo) = (Owner { user: Some(ADA), sure: true }, Owner { user: Some(BO), sure: false });
        assert_eq!(told, [(1, Owner { user: None, sure: true }), (7, ada), (9, bo)]);
        assert_eq!(decode(&mut Reader::new(&[])), []);
    }
}
