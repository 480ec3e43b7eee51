//! Stories of people who come, look, vanish and come back, seen through a browser that follows the rule of Yjs.
use proptest::prelude::*;

use super::*;

const ANN: Uuid = Uuid::from_u128(1);
const BOB: Uuid = Uuid::from_u128(2);
const NODE: Uuid = Uuid::from_u128(77);

fn peer(connection: u64, person: Uuid) -> Peer {
    Peer { connection: Connection(connection), person }
}

fn says(client: u64, clock: u64, state: &str) -> Vec<u8> {
    ysync::awareness_update([Entry { client, clock, state }].into_iter())
}

/// A browser: y-protocols' `applyAwarenessUpdate`, without a client of its own.
#[derive(Default)]
struct Browser(HashMap<u64, (u64, Option<Arc<str>>)>);

impl Browser {
    fn hears(&mut self, news: &[Announcement]) {
        for entry in news {
            let known = self.0.get(&entry.client);
            let (clock, seen) = known.map_or((0, false), |(clock, state)| (*clock, state.is_some()));
            if clock < entry.clock || clock == entry.clock && entry.state.is_none() && seen {
                self.0.insert(entry.client, (entry.clock, entry.state.clone()));
            }
        }
    }
    fn sees(&self, client: u64) -> Option<&str> {
        self.0.get(&client)?.1.as_deref()
    }
}

/// One node with one browser looking at all it tells.
struct Room {
    awareness: Awareness,
    browser: Browser,
    now: Instant,
}

impl Room {
    fn new() -> Self {
        Self { awareness: Awareness::new(), browser: Browser::default(), now: Instant::now() }
    }
    fn heard(&mut self, from: Peer, update: &[u8]) -> Vec<Announcement> {
        let news = self.awareness.heard(from, update, self.now).unwrap();
        self.browser.hears(&news);
        news
    }
    fn left(&mut self, connection: u64) -> Vec<Announcement> {
        let news = self.awareness.left(Connection(connection), self.now);
        self.browser.hears(&news);
        news
    }
    fn wait(&mut self, seconds: u64) -> Vec<Announcement> {
        self.now += Duration::from_secs(seconds);
        let news = self.awareness.expire(self.now);
        self.browser.hears(&news);
        news
    }
}

#[test]
fn the_first_empty_state_is_not_told_but_binds() {
    let mut room = Room::new();
    assert_eq!(room.heard(peer(1, ANN), &says(10, 0, "{}")), []);
    assert_eq!(room.heard(peer(1, ANN), &says(10, 1, r#"{"user":1}"#)).len(), 1);
    assert_eq!(room.browser.sees(10), Some(r#"{"user":1}"#));
    assert_eq!(room.left(1), [Announcement { client: 10, clock: 1, person: Some(ANN), state: None }]);
    assert_eq!(room.browser.sees(10), None);
}

#[test]
fn a_goodbye_with_the_same_clock_counts() {
    let mut room = Room::new();
    room.heard(peer(1, ANN), &says(10, 3, "{}"));
    assert_eq!(room.heard(peer(1, ANN), &says(10, 3, "null")).len(), 1);
    assert_eq!(room.browser.sees(10), None);
    assert_eq!(room.left(1), [], "said already");
}

#[test]
fn who_comes_back_is_seen_at_once() {
    let mut room = Room::new();
    room.heard(peer(1, ANN), &says(10, 5, r#"{"at":1}"#));
    room.left(1);
    // y-websocket repeats its last state with its last clock.
    let news = room.heard(peer(2, ANN), &says(10, 5, r#"{"at":1}"#));
    assert_eq!(news[0].clock, 6, "a clock that everybody listens to");
    assert_eq!(room.browser.sees(10), Some(r#"{"at":1}"#));
    // She moves before she has heard of her new clock: her own next one is 6.
    room.heard(peer(2, ANN), &says(10, 6, r#"{"at":2}"#));
    assert_eq!(room.browser.sees(10), Some(r#"{"at":2}"#));
    // Having heard, she counts on from there.
    room.heard(peer(2, ANN), &says(10, 8, r#"{"at":3}"#));
    assert_eq!(room.browser.sees(10), Some(r#"{"at":3}"#));
}

#[test]
fn who_comes_back_sees_those_who_stayed() {
    let mut room = Room::new();
    room.heard(peer(1, ANN), &says(10, 5, "{}"));
    room.heard(peer(2, BOB), &says(20, 4, "{}"));
    assert_eq!(room.awareness.again(), [], "she is new here and hears everybody");
    let mut hers = Browser::default();
    hers.hears(&room.awareness.everybody());
    room.left(1);
    // A provider that has lost its line shows nobody, and keeps their clocks.
    hers.0.values_mut().for_each(|(_, state)| *state = None);
    room.heard(peer(3, ANN), &says(10, 5, "{}"));
    hers.hears(&room.awareness.everybody());
    assert_eq!(hers.sees(20), None, "she has heard this clock before");
    let again = room.awareness.again();
    assert_eq!(again.iter().map(|entry| (entry.client, entry.clock)).collect::<Vec<_>>(), [(20, 5)], "not herself");
    hers.hears(&again);
    assert_eq!(hers.sees(20), Some("{}"));
    // He has not heard of it, and his next word counts nevertheless.
    hers.hears(&room.heard(peer(2, BOB), &says(20, 5, r#"{"at":1}"#)));
    assert_eq!((hers.sees(20), room.browser.sees(20)), (Some(r#"{"at":1}"#), Some(r#"{"at":1}"#)));
    assert_eq!(room.awareness.again(), [], "once");
}

#[test]
fn a_new_connection_takes_over_before_the_old_one_is_known_to_be_dead() {
    let mut room = Room::new();
    room.heard(peer(1, ANN), &says(10, 5, r#"{"at":1}"#));
    room.heard(peer(2, ANN), &says(10, 5, r#"{"at":1}"#));
    assert_eq!(room.heard(peer(1, ANN), &says(10, 9, r#"{"at":0}"#)), [], "late words on the old connection");
    assert_eq!(room.left(1), [], "the old connection no longer speaks for her");
    assert_eq!(room.browser.sees(10), Some(r#"{"at":1}"#));
    assert_eq!(room.left(2).len(), 1);
}

#[test]
fn repetitions_by_others_change_nothing() {
    let mut room = Room::new();
    room.heard(peer(1, ANN), &says(10, 5, r#"{"at":1}"#));
    room.heard(peer(2, BOB), &says(20, 1, "{}"));
    for (clock, state) in [(5, r#"{"at":1}"#), (6, r#"{"at":666}"#), (7, "null")] {
        assert_eq!(room.heard(peer(2, BOB), &says(10, clock, state)), [], "{clock} {state}");
    }
    room.left(1);
    // Bob repeats what he heard before he hears that Ann is gone; then he makes something up.
    assert_eq!(room.heard(peer(2, BOB), &says(10, 5, r#"{"at":1}"#)), []);
    assert_eq!(room.heard(peer(2, BOB), &says(10, 6, r#"{"at":2}"#)), []);
    assert_eq!(room.browser.sees(10), None);
    assert_eq!(room.left(2).len(), 1, "only his own");
}

#[test]
fn nobody_takes_the_client_of_another_person() {
    let mut room = Room::new();
    room.heard(peer(1, ANN), &says(10, 5, r#"{"at":1}"#));
    assert_eq!(room.heard(peer(2, BOB), &says(10, 9, r#"{"at":666}"#)), []);
    assert_eq!(room.left(2), []);
    assert_eq!(room.browser.sees(10), Some(r#"{"at":1}"#));
}

#[test]
fn who_was_only_mentioned_can_still_introduce_himself() {
    // After a restart of the server Bob is back first and repeats Ann, whom he heard in another tab.
    let mut room = Room::new();
    room.heard(peer(2, BOB), &says(20, 1, "{}"));
    assert_eq!(room.heard(peer(2, BOB), &says(10, 5, r#"{"at":1}"#)).len(), 1);
    room.heard(peer(1, ANN), &says(10, 6, r#"{"at":2}"#));
    assert_eq!(room.left(2).len(), 1, "Bob does not take Ann along");
    assert_eq!(room.browser.sees(10), Some(r#"{"at":2}"#));
    assert_eq!(room.left(1).len(), 1);
}

#[test]
fn silence_ends_and_a_late_word_begins_again() {
    let mut room = Room::new();
    room.heard(peer(1, ANN), &says(10, 5, "{}"));
    assert_eq!(room.wait(29), []);
    room.heard(peer(1, ANN), &says(10, 6, "{}"));
    assert_eq!(room.wait(29), [], "renewed");
    assert_eq!(room.wait(1).len(), 1);
    assert_eq!(room.browser.sees(10), None);
    room.heard(peer(1, ANN), &says(10, 7, "{}"));
    assert_eq!(room.browser.sees(10), Some("{}"));
    assert_eq!(room.left(1).len(), 1, "the connection kept it");
    assert_eq!(room.wait(3_599), []);
    assert_eq!(room.awareness.counts(), (0, 1));
    room.wait(1);
    assert_eq!(room.awareness.counts(), (0, 0), "forgotten");
}

#[test]
fn a_node_that_dies_takes_its_clients_along() {
    let mut room = Room::new();
    let ann = Announcement { client: 10, clock: 5, person: Some(ANN), state: Some("{}".into()) };
    room.awareness.lease(NODE, room.now + Duration::from_secs(10));
    let news = room.awareness.told(NODE, std::slice::from_ref(&ann), room.now);
    room.browser.hears(&news);
    assert_eq!(room.awareness.everybody(), [ann]);
    assert_eq!(room.awareness.ours(), []);
    assert_eq!(room.heard(peer(1, BOB), &says(10, 9, "null")), [], "no local connection can end it");
    assert_eq!(room.wait(9), []);
    room.awareness.lease(NODE, room.now + Duration::from_secs(10));
    assert_eq!(room.wait(9), []);
    assert_eq!(room.wait(1).len(), 1);
    assert_eq!(room.browser.sees(10), None);
    // She comes back here, with the clock that the dead node last heard.
    room.heard(peer(3, ANN), &says(10, 5, "{}"));
    assert_eq!(room.browser.sees(10), Some("{}"));
}

#[test]
fn a_client_moves_between_nodes_and_the_late_goodbye_is_not_believed() {
    let mut here = Room::new();
    let mut there = Awareness::new();
    let now = here.now;
    // Ann is there; both know.
    let news = there.heard(peer(1, ANN), &says(10, 5, r#"{"at":1}"#), now).unwrap();
    let news = here.awareness.told(NODE, &news, now);
    here.browser.hears(&news);
    // Her line breaks; she comes here before the other node notices.
    let news = here.heard(peer(1, ANN), &says(10, 5, r#"{"at":1}"#));
    assert_eq!(news[0].clock, 6);
    assert_eq!(there.told(Uuid::nil(), &news, now).len(), 1);
    assert_eq!(there.left(Connection(1), now), [], "she is not there any more");
    // Even a goodbye with a higher clock does not end who is here, and her next word is heard.
    let goodbye = Announcement { client: 10, clock: 9, person: Some(ANN), state: None };
    assert_eq!(here.awareness.told(NODE, &[goodbye], now), []);
    assert_eq!(here.heard(peer(1, ANN), &says(10, 7, r#"{"at":2}"#))[0].clock, 10);
}

#[test]
fn what_would_throw_in_a_browser_is_refused() {
    let mut room = Room::new();
    let mut bad = |update: &[u8]| room.awareness.heard(peer(1, ANN), update, room.now).unwrap_err();
    for (state, why) in [
        ("", Bad::NotJson),
        ("{", Bad::NotJson),
        ("7", Bad::NotJson),
        ("{}{}", Bad::NotJson),
        (&format!("{}{}", r#"{"a":"#.repeat(40), "}".repeat(40)), Bad::TooDeep),
        (&format!("{{\"a\":\"{}\"}}", "x".repeat(MOST_BYTES)), Bad::TooLarge),
    ] {
        assert_eq!(bad(&says(10, 1, state)), why, "{state}");
    }
    assert_eq!(bad(&says(10, 1 << 40, "{}")), Bad::ClockRange);
    assert_eq!(bad(&[1]), Bad::Malformed(Malformed::Short));
    let many: Vec<_> = (0..=MOST_CLIENTS as u64).map(|client| Entry { client, clock: 1, state: "{}" }).collect();
    assert_eq!(bad(&ysync::awareness_update(many.into_iter())), Bad::TooMany);
}

#[test]
fn memory_is_bounded() {
    let mut room = Room::new();
    for client in 0..3 * MOST_CLIENTS as u64 {
        room.heard(peer(1, ANN), &says(client, 1, "{}"));
    }
    let (seen, gone) = room.awareness.counts();
    assert!(seen + gone <= MOST_CLIENTS, "{seen} {gone}");
    for connection in 0..MOST_GONE as u64 + 500 {
        room.heard(peer(connection, ANN), &says(1 << 30 | connection, 1, "{}"));
        room.left(connection);
    }
    room.wait(31);
    assert!(room.awareness.counts().1 <= MOST_GONE);
}

#[test]
fn encoded_it_is_what_yjs_writes() {
    let news = [
        Announcement { client: 1, clock: 1, person: None, state: Some("{}".into()) },
        Announcement { client: 2, clock: 7, person: None, state: None },
    ];
    assert_eq!(encode(&news), [2, 1, 1, 2, b'{', b'}', 2, 7, 4, b'n', b'u', b'l', b'l']);
}

proptest! {
    /// Whatever is said by whom: who is connected and spoke last as himself is seen as he said; who left is not seen.
    #[test]
    fn what_is_seen_is_what_holders_said(steps in proptest::collection::vec((0..4_u64, 0..6_u8, 0..3_u64), 1..60)) {
        let mut room = Room::new();
        // One client per person; connections are numbered by person and by how often he came.
        let mut own: HashMap<u64, (u64, u64, Option<String>)> = HashMap::new();
        for (who, what, other) in steps {
            let person = Uuid::from_u128(u128::from(who) + 1);
            let (visit, clock, said) = own.entry(who).or_insert((0, 0, None));
            let connection = who * 1_000 + *visit;
            match what {
                0 | 1 => {
                    *clock += 1;
                    let state = format!("{{\"at\":{clock}}}");
                    room.heard(peer(connection, person), &says(who, *clock, &state));
                    *said = Some(state);
                }
                // Leaves, and comes back with his last words.
                2 => {
                    room.left(connection);
                    *visit += 1;
                    prop_assert_eq!(room.browser.sees(who), None);
                    if let Some(state) = said.clone() {
                        room.heard(peer(connection + 1, person), &says(who, *clock, &state));
                    }
                }
                // Repeats, forges, buries somebody else; his own first words come first.
                _ if said.is_some() && other != who && own.get(&other).is_some_and(|other| other.2.is_some()) => {
                    let forged = [("{}", 9), ("null", 9), ("{\"x\":1}", 0)][usize::from(what) % 3];
                    room.heard(peer(connection, person), &says(other, forged.1, forged.0));
                }
                _ => {}
            }
            for (who, (_, _, said)) in &own {
                if said.is_some() {
                    prop_assert_eq!(room.browser.sees(*who), said.as_deref());
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        drop(Awareness::new().heard(peer(1, ANN), &bytes, Instant::now()));
    }
}

#[test]
fn repeating_others_is_told_apart_from_words_of_ones_own() {
    let mut room = Room::new();
    let (ann, bob) = (Connection(1), Connection(2));
    room.heard(peer(1, ANN), &says(10, 1, "{}"));
    assert!(!room.awareness.repeats(bob, &says(10, 1, "{}")), "first words may be anybody's");
    room.heard(peer(2, BOB), &says(20, 1, "{}"));
    assert!(room.awareness.repeats(bob, &says(10, 1, "{}")));
    assert!(!room.awareness.repeats(ann, &says(10, 2, "{}")));
    assert!(!room.awareness.repeats(bob, &says(30, 1, "{}")), "a new one may become its own");
    assert!(!room.awareness.repeats(bob, &[0]));
}

#[test]
fn a_node_that_was_given_up_is_believed_again() {
    let (mut here, mut there) = (Room::new(), Room::new());
    let news = there.heard(peer(1, ANN), &says(10, 3, r#"{"at":1}"#));
    assert!(here.awareness.lease(NODE, here.now + Duration::from_secs(15)), "it is new");
    let told = here.awareness.told(NODE, &news, here.now);
    here.browser.hears(&told);
    here.wait(15);
    assert_eq!(here.browser.sees(10), None, "given up");
    let plain = there.awareness.ours();
    assert_eq!(here.awareness.told(NODE, &plain, here.now), [], "known already, and gone");
    let again = there.awareness.ours_again();
    assert!(here.awareness.lease(NODE, here.now + Duration::from_secs(15)));
    let told = here.awareness.told(NODE, &again, here.now);
    here.browser.hears(&told);
    assert_eq!(here.browser.sees(10), Some(r#"{"at":1}"#));
    // Its owner goes on counting where it was, and is heard all the same.
    let news = there.heard(peer(1, ANN), &says(10, 4, r#"{"at":2}"#));
    let told = here.awareness.told(NODE, &news, here.now);
    here.browser.hears(&told);
    assert_eq!(here.browser.sees(10), Some(r#"{"at":2}"#));
}
