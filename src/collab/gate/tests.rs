//! The gate alone, on updates written piece by piece.
use proptest::prelude::*;

use super::*;
use crate::collab::lib0::Writer;

/// One piece: where it is, and its content.
#[derive(Clone)]
pub(in crate::collab) struct Item {
    left: Option<(u64, u64)>,
    right: Option<(u64, u64)>,
    /// In the root "t" where there is neither.
    parent: Option<(u64, u64)>,
    content: Vec<u8>,
    kind: u8,
}

impl Item {
    pub(in crate::collab) fn of(kind: u8, content: Vec<u8>) -> Self {
        Self { left: None, right: None, parent: None, content, kind }
    }
    pub(in crate::collab) fn text(text: &str) -> Self {
        Self::of(4, Writer::new().text(text).clone().finish())
    }
    fn holder() -> Self {
        Self::of(7, vec![2])
    }
    pub(in crate::collab) fn after(mut self, client: u64, clock: u64) -> Self {
        self.left = Some((client, clock));
        self
    }
    fn before(mut self, client: u64, clock: u64) -> Self {
        self.right = Some((client, clock));
        self
    }
    pub(in crate::collab) fn inside(mut self, client: u64, clock: u64) -> Self {
        self.parent = Some((client, clock));
        self
    }
    fn write(&self, writer: &mut Writer) {
        let flag = |bit: u8, id: Option<(u64, u64)>| if id.is_some() { bit } else { 0 };
        writer.byte(self.kind | flag(0x80, self.left) | flag(0x40, self.right));
        for (client, clock) in [self.left, self.right].into_iter().flatten() {
            writer.uint(client).uint(clock);
        }
        let bare = matches!(self.kind, 0 | 10);
        match self.parent {
            Some((client, clock)) => drop(writer.uint(0).uint(client).uint(clock)),
            None if self.left.is_none() && self.right.is_none() && !bare => drop(writer.uint(1).text("t")),
            None => {}
        }
        writer.raw(&self.content);
    }
}

/// Sections of (client, first clock, pieces), and deletions of (client, from, length).
pub(in crate::collab) fn update(sections: &[(u64, u64, Vec<Item>)], deletions: &[(u64, u64, u64)]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.uint(sections.len() as u64);
    for (client, clock, items) in sections {
        writer.uint(items.len() as u64).uint(*client).uint(*clock);
        for item in items {
            item.write(&mut writer);
        }
    }
    writer.uint(deletions.len() as u64);
    for (client, from, length) in deletions {
        writer.uint(*client).uint(1).uint(*from).uint(*length);
    }
    writer.finish()
}

fn look(bytes: &[u8], known: &Known) -> Result<Verdict, Bad> {
    check(bytes, &Limits::UPDATE, known)
}

fn ready(bytes: &[u8], known: &mut Known) -> Ready {
    match look(bytes, known).unwrap() {
        Verdict::Ready(ready) => {
            known.admit(ready.clone());
            ready
        }
        Verdict::Missing(missing) => panic!("{missing:?}"),
    }
}

const fn missing(client: u64, clock: u64) -> Verdict {
    Verdict::Missing(Missing { client, clock })
}

fn range(client: u64, from: u32, to: u32) -> IdRange {
    IdRange { client, from, to }
}

#[test]
fn the_captured_update_is_ready_and_known_afterwards() {
    let mut known = Known::default();
    let hi = [1, 1, 1, 0, 4, 1, 1, 0x74, 2, 0x48, 0x69, 0];
    assert_eq!(ready(&hi, &mut known).inserted, [range(1, 0, 2)]);
    assert_eq!(known.next(1), 2);
    assert_eq!(ready(&hi, &mut known).inserted, [], "nothing new");
    let delete_h = [0, 1, 1, 1, 0, 1];
    assert_eq!(ready(&delete_h, &mut known).deleted, [range(1, 0, 1)]);
    assert_eq!(ready(&[0, 0], &mut known).deleted, []);
}

#[test]
fn a_hole_is_missing_until_it_is_filled() {
    let mut known = Known::default();
    let first = update(&[(1, 0, vec![Item::text("ab")])], &[]);
    let second = update(&[(1, 2, vec![Item::text("cd").after(1, 1)])], &[]);
    let independent = update(&[(1, 2, vec![Item::text("cd")])], &[]);
    let skipping = update(&[(1, 0, vec![Item::of(10, vec![2]), Item::text("cd")])], &[]);
    let answer = update(&[(2, 0, vec![Item::text("x").after(1, 3)])], &[]);
    for bytes in [&second, &independent, &skipping] {
        assert_eq!(look(bytes, &known), Ok(missing(1, 0)));
    }
    ready(&first, &mut known);
    assert_eq!(look(&answer, &known), Ok(missing(1, 2)));
    assert_eq!(look(&update(&[], &[(1, 1, 2)]), &known), Ok(missing(1, 2)));
    assert_eq!(look(&update(&[], &[(9, 0, 1)]), &known), Ok(missing(9, 0)));
    ready(&skipping, &mut known);
    assert_eq!(known.next(1), 4);
    ready(&answer, &mut known);
}

#[test]
fn clients_that_answer_each_other_within_one_update_pass() {
    let talk = update(
        &[
            (2, 0, vec![Item::text("b").after(1, 0), Item::text("b").after(1, 1)]),
            (1, 0, vec![Item::text("a"), Item::text("a").after(2, 0), Item::text("a").after(2, 1)]),
        ],
        &[(2, 0, 2)],
    );
    let ready = ready(&talk, &mut Known::default());
    assert_eq!(ready.inserted, [range(2, 0, 2), range(1, 0, 3)]);
}

#[test]
fn circles_are_refused() {
    let two = update(&[(1, 0, vec![Item::text("a").after(2, 0)]), (2, 0, vec![Item::text("b").after(1, 0)])], &[]);
    let three = update(
        &[
            (1, 0, vec![Item::text("a").after(2, 0)]),
            (2, 0, vec![Item::text("b").before(3, 0)]),
            (3, 0, vec![Item::text("c").inside(1, 0)]),
        ],
        &[],
    );
    let own = update(&[(1, 0, vec![Item::text("a").after(1, 0)])], &[]);
    assert_eq!(look(&two, &Known::default()), Err(Bad::Circle));
    assert_eq!(look(&three, &Known::default()), Err(Bad::Circle));
    assert_eq!(look(&own, &Known::default()), Err(Bad::Backwards));
}

#[test]
fn values_nested_8000_deep_are_refused() {
    let mut nested = vec![1];
    nested.extend([117, 1].repeat(8_000));
    nested.push(126);
    let bomb = update(&[(1, 0, vec![Item::of(8, nested)])], &[]);
    assert_eq!(look(&bomb, &Known::default()), Err(Bad::ValueTooDeep));
    let json = Writer::new().text("k").text(&"[".repeat(8_000)).clone().finish();
    assert_eq!(look(&update(&[(1, 0, vec![Item::of(6, json)])], &[]), &Known::default()), Err(Bad::ValueTooDeep));
    let mut modest = vec![1];
    modest.extend([117, 1].repeat(99));
    modest.push(126);
    ready(&update(&[(1, 0, vec![Item::of(8, modest)])], &[]), &mut Known::default());
}

#[test]
fn types_nested_too_deep_are_refused_however_they_come() {
    let nest = |from: u64, count: u64| {
        let one = |clock: u64| if clock == 0 { Item::holder() } else { Item::holder().inside(1, clock - 1) };
        update(&[(1, from, (from..from + count).map(one).collect())], &[])
    };
    let most = u64::from(Limits::UPDATE.types);
    assert_eq!(look(&nest(0, 8_000), &Known::default()), Err(Bad::TypeTooDeep));
    let mut known = Known::default();
    for clock in 0..most {
        ready(&nest(clock, 1), &mut known);
    }
    assert_eq!(look(&nest(most, 1), &known), Err(Bad::TypeTooDeep));
    // Beside the deepest one, and in it by way of another client's neighbours.
    ready(&update(&[(2, 0, vec![Item::holder().after(1, most - 1)])], &[]), &mut known);
    assert_eq!(look(&update(&[(3, 0, vec![Item::holder().inside(2, 0)])], &[]), &known), Err(Bad::TypeTooDeep));
    ready(&update(&[(3, 0, vec![Item::text("x").inside(2, 0)])], &[]), &mut known);
    assert_eq!(look(&update(&[(4, 0, vec![Item::holder().before(3, 0)])], &[]), &known), Err(Bad::TypeTooDeep));
}

#[test]
fn only_types_have_children() {
    let mut known = Known::default();
    ready(&update(&[(1, 0, vec![Item::text("ab"), Item::of(1, vec![2]), Item::of(0, vec![2])])], &[]), &mut known);
    let child = |clock: u64| update(&[(2, 0, vec![Item::text("x").inside(1, clock)])], &[]);
    assert_eq!(look(&child(1), &known), Err(Bad::ParentNoType));
    // What was deleted may have been one; yrs will delete the child as well.
    assert!(matches!(look(&child(2), &known), Ok(Verdict::Ready(_))));
    assert!(matches!(look(&child(5), &known), Ok(Verdict::Ready(_))));
}

#[test]
fn content_is_where_it_belongs() {
    let known = Known::new([("text", Container::Text), ("xml", Container::Xml), ("map", Container::Map)]);
    let kind = |kind: u8, content: &[u8]| (kind, content.to_vec());
    let (string, format, embed) = (kind(4, &[1, b'x']), kind(6, &[1, b'b', 2, b'{', b'}']), kind(5, &[2, b'{', b'}']));
    let (any, binary) = (kind(8, &[1, 126]), kind(3, &[1, 0]));
    let (array, map, element, xml_text) = (kind(7, &[0]), kind(7, &[1]), kind(7, &[3, 1, b'p']), kind(7, &[6]));
    for (root, entry, fits) in [
        ("text", false, vec![&string, &format, &embed, &array, &xml_text]),
        ("text", true, vec![&any, &binary, &array, &map, &element, &xml_text]),
        ("xml", false, vec![&element, &xml_text]),
        ("xml", true, vec![&any, &binary, &array, &map, &element, &xml_text]),
        ("map", false, vec![]),
        ("map", true, vec![&any, &binary, &array, &map, &element, &xml_text]),
    ] {
        for content in [&string, &format, &embed, &any, &binary, &array, &map, &element, &xml_text] {
            let mut writer = Writer::new();
            writer.uint(1).uint(1).uint(1).uint(0).byte(content.0 | if entry { 0x20 } else { 0 }).uint(1).text(root);
            if entry {
                writer.text("key");
            }
            writer.raw(&content.1).uint(0);
            let verdict = look(&writer.finish(), &known);
            let passes = matches!(verdict, Ok(Verdict::Ready(_)));
            let expected = content.0 == 7 && root == "text" && !entry || fits.contains(&content);
            assert_eq!(passes, expected, "{root} {entry} {content:?}");
            assert!(passes || verdict == Err(Bad::WrongPlace));
        }
    }
}

#[test]
fn a_known_part_cannot_be_moved() {
    let mut known = Known::default();
    ready(&update(&[(1, 0, vec![Item::holder(), Item::text("ab").inside(1, 0)])], &[]), &mut known);
    let longer = update(&[(1, 1, vec![Item::text("abc").inside(1, 0)])], &[]);
    assert_eq!(ready(&longer, &mut known).inserted, [range(1, 3, 4)]);
    let elsewhere = update(&[(1, 1, vec![Item::text("abcd")])], &[]);
    assert_eq!(look(&elsewhere, &known), Err(Bad::Torn));
}

/// "abcd" of client 1, "x" of client 2 between "b" and "c", in the root "t"; then a type with "y" in it, and another one,
/// both under keys.
fn row() -> Known {
    let mut known = Known::default();
    ready(&update(&[(1, 0, vec![Item::text("abcd")])], &[]), &mut known);
    ready(&update(&[(2, 0, vec![Item::text("x").after(1, 1).before(1, 2)])], &[]), &mut known);
    let mut types = Writer::new();
    types.uint(1).uint(3).uint(3).uint(0);
    types.byte(0x27).uint(1).text("t").text("one").uint(2);
    types.byte(0x27).uint(1).text("t").text("two").uint(2);
    types.byte(4).uint(0).uint(3).uint(0).text("y").uint(0);
    ready(&types.finish(), &mut known);
    known
}

fn between(left: Option<(u64, u64)>, right: Option<(u64, u64)>) -> Vec<u8> {
    let mut item = Item::text("z");
    (item.left, item.right) = (left, right);
    update(&[(9, 0, vec![item])], &[])
}

#[test]
fn neighbours_were_beside_each_other_once() {
    let known = row();
    for (left, right) in [
        (None, Some((1, 0))),
        (Some((1, 1)), Some((2, 0))),
        (Some((2, 0)), Some((1, 2))),
        // By somebody who did not know of the "x".
        (Some((1, 1)), Some((1, 2))),
        (Some((1, 3)), None),
        (Some((3, 2)), None),
        (None, Some((3, 2))),
    ] {
        assert!(matches!(look(&between(left, right), &known), Ok(Verdict::Ready(_))), "{left:?} {right:?}");
    }
    for (left, right) in [
        // Others are between them, and were when the right one was written.
        (None, Some((1, 1))),
        (Some((1, 0)), Some((1, 2))),
        (Some((1, 0)), Some((2, 0))),
        // The wrong way round.
        (Some((1, 2)), Some((1, 1))),
        (Some((1, 3)), Some((1, 0))),
        // In another container, in a container and beside it, under different keys.
        (Some((1, 0)), Some((3, 2))),
        (Some((3, 0)), Some((3, 2))),
        (Some((3, 0)), Some((3, 1))),
        (Some((1, 3)), Some((3, 0))),
    ] {
        assert_eq!(look(&between(left, right), &known), Err(Bad::NotNeighbours), "{left:?} {right:?}");
    }
}

#[test]
fn beside_what_was_collected_is_only_what_will_be() {
    let mut known = row();
    ready(&update(&[(4, 0, vec![Item::of(0, vec![1])])], &[]), &mut known);
    let beside = |left: (u64, u64), right: (u64, u64)| between(Some(left), Some(right));
    for bytes in [beside((4, 0), (1, 0)), beside((1, 3), (4, 0)), beside((4, 0), (3, 2)), beside((3, 2), (4, 0))] {
        assert_eq!(look(&bytes, &known), Err(Bad::NotNeighbours));
    }
    let longer = update(&[(4, 0, vec![Item::text("ab")])], &[]);
    assert_eq!(look(&longer, &known), Err(Bad::Torn));
    let mut item = Item::text("z").after(4, 0).before(3, 2);
    let and_deleted = update(&[(9, 0, vec![item.clone()])], &[(3, 0, 1)]);
    assert!(matches!(look(&and_deleted, &known), Ok(Verdict::Ready(_))));
    // However it is said, and more than once.
    let in_parts = update(&[(9, 0, vec![item.clone()])], &[(3, 0, 3), (3, 1, 1), (1, 2, 1)]);
    assert!(matches!(look(&in_parts, &known), Ok(Verdict::Ready(_))));
    ready(&update(&[], &[(3, 0, 1)]), &mut known);
    assert!(matches!(look(&beside((4, 0), (3, 2)), &known), Ok(Verdict::Ready(_))));
    assert!(matches!(look(&beside((3, 2), (4, 0)), &known), Ok(Verdict::Ready(_))));
    (item.left, item.right) = (Some((4, 0)), Some((1, 0)));
    assert_eq!(look(&update(&[(9, 0, vec![item])], &[(3, 0, 1)]), &known), Err(Bad::NotNeighbours));
}

#[test]
fn what_yjs_does_not_write_is_refused() {
    let one = |item: Item| update(&[(1, 0, vec![item])], &[]);
    let none = Known::default();
    for (bytes, why) in [
        (vec![], Bad::Malformed(Malformed::Short)),
        (vec![0, 0, 0], Bad::Malformed(Malformed::Trailing)),
        (one(Item::text("")), Bad::EmptyPiece),
        (one(Item::text("x").after(2, 0).before(2, 0)), Bad::NoRoom),
        (one(Item::of(0, vec![0])), Bad::EmptyPiece),
        (one(Item::of(0x10 | 4, vec![1, b'x'])), Bad::UnknownContent),
        (one(Item::of(11, vec![])), Bad::UnknownContent),
        (one(Item::of(5, vec![3, b'"', b'x', b'"'])), Bad::UnknownContent),
        (one(Item::of(7, vec![5, 1, b'h'])), Bad::UnknownType),
        (one(Item::of(7, vec![9])), Bad::UnknownType),
        (one(Item::of(9, vec![1, b'd', 126])), Bad::SubDocument),
        (one(Item::of(8, vec![1, 7])), Bad::Malformed(Malformed::Kind(7))),
        (one(Item::of(0, vec![0xff, 0xff, 0xff, 0xff, 0x0f])), Bad::ClockRange),
        (one(Item::of(0, vec![0xff, 0xff, 0xff, 0xff, 0x7f])), Bad::ClockRange),
        (update(&[], &[(1, 0, 0)]), Bad::EmptyPiece),
        (update(&[], &[(1, 1 << 31, 1)]), Bad::ClockRange),
        (update(&[(1, 0, vec![Item::text("a")]), (1, 1, vec![Item::text("b")])], &[]), Bad::ClientTwice),
        (vec![0; Limits::UPDATE.bytes + 1], Bad::TooLarge),
        (update(&[(1, 0, vec![Item::text("a"); Limits::UPDATE.pieces + 1])], &[]), Bad::TooManyPieces),
    ] {
        assert_eq!(look(&bytes, &none), Err(why), "{:?}", &bytes[..bytes.len().min(40)]);
    }
    let crowd: Vec<_> = (0..=Limits::UPDATE.clients as u64).map(|id| (id, 0, vec![Item::text("a")])).collect();
    assert_eq!(look(&update(&crowd, &[]), &none), Err(Bad::TooManyClients));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        drop(look(&bytes, &Known::default()));
    }

    /// Any pieces at any places: what passes is known afterwards without a hole, and each part of it can come again.
    #[test]
    fn what_passes_is_known(
        pieces in proptest::collection::vec((1..4_u64, any::<(Option<(u8, u8)>, Option<(u8, u8)>, Option<(u8, u8)>)>(), any::<bool>()), 1..30)
    ) {
        let near = |id: Option<(u8, u8)>| id.map(|(client, clock)| (u64::from(client % 3) + 1, u64::from(clock % 6)));
        let mut sections: Vec<(u64, u64, Vec<Item>)> = (1..4).map(|client| (client, 0, vec![])).collect();
        for (client, (left, right, parent), is_type) in pieces {
            let mut item = if is_type { Item::holder() } else { Item::text("x") };
            (item.left, item.right) = (near(left), near(right));
            item.parent = near(parent).filter(|_| left.is_none() && right.is_none());
            sections[usize::try_from(client).unwrap() - 1].2.push(item);
        }
        let bytes = update(&sections, &[]);
        let mut known = Known::default();
        if let Ok(Verdict::Ready(brought)) = look(&bytes, &known) {
            known.admit(brought);
            for (client, _, items) in &sections {
                prop_assert_eq!(known.next(*client) as usize, items.len());
            }
            prop_assert_eq!(ready(&bytes, &mut known).inserted, vec![]);
        }
    }
}
