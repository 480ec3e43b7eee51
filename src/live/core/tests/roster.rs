//! The people of a session.
use super::{
    super::{
        Actor, Command, Event, ParticipantId, Role, Settings, SystemCommand,
        lifecycle::Configure,
        poll::PollKind,
        roster::{Join, Right},
    },
    ADA, Room, draft, id, options, settings, vote,
};
use crate::kernel::Code;

#[test]
fn roles_bring_their_rights() {
    assert_eq!(Role::Instructor.rights().len(), 5);
    assert_eq!(Role::Assistant.rights().len(), 5);
    assert_eq!(Role::Participant.rights().into_iter().collect::<Vec<_>>(), vec![Right::CanSpeak]);
    assert!(Role::Observer.rights().is_empty());
}

#[test]
fn before_the_start_only_hosts_come_in_and_after_the_end_nobody() {
    let mut room = Room::planned(settings());
    assert_eq!(room.tries(3, Role::Participant).unwrap_err().code, Code::SessionNotStarted);
    assert_eq!(room.tries(4, Role::Observer).unwrap_err().code, Code::SessionNotStarted);
    room.joins(2, Role::Assistant);
    let mut room = Room::active();
    room.ok(id(ADA), Command::End {});
    assert_eq!(room.tries(3, Role::Participant).unwrap_err().code, Code::SessionEnded);
    assert_eq!(room.tries(ADA, Role::Instructor).unwrap_err().code, Code::SessionEnded);
}

#[test]
fn the_limit_counts_participants_who_are_here() {
    let mut room = Room::active_with(Settings { max_participants: 2, ..settings() });
    let three = room.joins(3, Role::Participant);
    let four = room.joins(4, Role::Participant);
    let full = room.tries(5, Role::Participant).unwrap_err();
    assert_eq!((full.code, full.limit), (Code::SessionFull, Some(2)));
    room.joins(6, Role::Assistant);
    let seven = room.joins(7, Role::Observer);
    assert_eq!(room.no(id(ADA), Command::SetRole { participant: seven, role: Role::Participant }), Code::SessionFull);
    assert_eq!(room.tries(7, Role::Participant).unwrap_err().code, Code::SessionFull, "an observer who wants more");
    room.leaves(three);
    room.joins(5, Role::Participant);
    assert_eq!(room.tries(3, Role::Participant).unwrap_err().code, Code::SessionFull, "the place is taken");
    room.ok(id(ADA), Command::Kick { participant: four });
    room.joins(3, Role::Participant);
}

#[test]
fn coming_back_is_the_same_person_with_the_same_role() {
    let mut room = Room::active();
    let pia = room.joins(3, Role::Participant);
    assert!(room.tries(3, Role::Observer).unwrap().is_empty(), "is here");
    let first = room.state.people[&pia].joined_at;
    room.wait(60);
    room.leaves(pia);
    assert_eq!(room.no(pia, Command::Rename { participant: pia, name: "P".to_owned() }), Code::Removed);
    let again = SystemCommand::Join(Join { fresh: id(77), user: id(3), name: None, role: Role::Observer });
    let events = room.system(&again).unwrap();
    assert_eq!(events, vec![Event::Joined { participant: pia, user: id(3), name: None, role: Role::Participant }]);
    let person = &room.state.people[&pia];
    assert_eq!((person.joined_at, person.left_at, person.number), (first, None, 2));
    assert_eq!(room.state.participant_of(id(3)), Some(pia));
    room.joins(3, Role::Assistant);
    assert_eq!(room.state.people[&pia].role, Role::Assistant, "a higher role is taken");
    assert!(room.state.people[&pia].rights.contains(&Right::CanModerate));
}

#[test]
fn a_locked_door_keeps_out_only_those_who_never_came() {
    let mut room = Room::active();
    let pia = room.joins(3, Role::Participant);
    room.leaves(pia);
    room.ok(id(ADA), Command::Lock { locked: true });
    assert!(room.ok(id(ADA), Command::Lock { locked: true }).is_empty());
    assert_eq!(room.tries(4, Role::Participant).unwrap_err().code, Code::SessionLocked);
    room.joins(3, Role::Participant);
    room.joins(5, Role::Assistant);
}

#[test]
fn names_are_asked_of_participants_only_and_cleaned() {
    let mut room = Room::active_with(Settings { needs_name: true, ..settings() });
    let join = |name: Option<&str>, role| {
        SystemCommand::Join(Join { fresh: id(3), user: id(3), name: name.map(str::to_owned), role })
    };
    assert_eq!(room.system(&join(None, Role::Participant)).unwrap_err().code, Code::NameRequired);
    assert_eq!(room.system(&join(Some(" \u{200B}"), Role::Participant)).unwrap_err().code, Code::NameRequired);
    let long = "x".repeat(81);
    assert_eq!(room.system(&join(Some(&long), Role::Participant)).unwrap_err().code, Code::TextTooLong);
    room.joins(4, Role::Observer);
    room.system(&join(Some("  Pia \n P "), Role::Participant)).unwrap();
    assert_eq!(room.state.people[&id(3)].name.as_deref(), Some("Pia P"));
}

#[test]
fn kicked_may_come_back_banned_may_not() {
    let mut room = Room::active();
    let (ada, pia) = (id(ADA), room.joins(3, Role::Participant));
    assert_eq!(room.ok(ada, Command::Kick { participant: pia }).len(), 1);
    assert!(room.ok(ada, Command::Kick { participant: pia }).is_empty());
    assert_eq!(room.no(pia, Command::Hand { participant: pia, raised: true }), Code::Removed);
    room.joins(3, Role::Participant);
    room.ok(ada, Command::Ban { participant: pia });
    assert!(room.ok(ada, Command::Ban { participant: pia }).is_empty());
    assert_eq!(room.tries(3, Role::Participant).unwrap_err().code, Code::Removed);
    room.ok(ada, Command::Unban { participant: pia });
    room.joins(3, Role::Participant);
}

#[test]
fn nobody_puts_out_an_instructor_or_himself() {
    let mut room = Room::active();
    let bob = room.joins(2, Role::Assistant);
    let pia = room.joins(3, Role::Participant);
    assert_eq!(room.no(bob, Command::Kick { participant: id(ADA) }), Code::Forbidden);
    assert_eq!(room.no(bob, Command::Ban { participant: bob }), Code::Forbidden);
    assert_eq!(room.no(pia, Command::Kick { participant: bob }), Code::Forbidden);
    assert_eq!(room.no(bob, Command::Kick { participant: id(55) }), Code::UnknownParticipant);
    let kick = Command::Kick { participant: pia };
    assert_eq!(room.act(Actor::Admin, &kick).unwrap().len(), 1);
}

#[test]
fn names_and_hands_are_ones_own_unless_one_moderates() {
    let mut room = Room::active();
    let (pia, tom) = (room.joins(3, Role::Participant), room.joins(4, Role::Participant));
    let eve = room.joins(5, Role::Observer);
    let rename = |participant, name: &str| Command::Rename { participant, name: name.to_owned() };
    room.ok(pia, rename(pia, "Pia"));
    assert!(room.ok(pia, rename(pia, " Pia")).is_empty());
    assert_eq!(room.no(tom, rename(pia, "Pig")), Code::Forbidden);
    room.ok(id(ADA), rename(tom, "Tom"));
    room.ok(pia, Command::Hand { participant: pia, raised: true });
    assert!(room.ok(pia, Command::Hand { participant: pia, raised: true }).is_empty());
    assert_eq!(room.no(tom, Command::Hand { participant: pia, raised: false }), Code::Forbidden);
    assert_eq!(room.no(id(ADA), Command::Hand { participant: tom, raised: true }), Code::Forbidden);
    assert_eq!(room.no(eve, Command::Hand { participant: eve, raised: true }), Code::Forbidden);
    room.ok(id(ADA), Command::Hand { participant: pia, raised: false });
    assert_eq!(room.state.people[&pia].hand_raised_at, None);
}

#[test]
fn leaving_lowers_the_hand_and_happens_once() {
    let mut room = Room::active();
    let pia = room.joins(3, Role::Participant);
    room.ok(pia, Command::Hand { participant: pia, raised: true });
    let leave = SystemCommand::Leave(vec![pia, pia, id(55)]);
    assert_eq!(room.system(&leave).unwrap(), vec![Event::Left { participant: pia }]);
    assert!(room.system(&leave).unwrap().is_empty());
    assert_eq!(room.state.people[&pia].hand_raised_at, None);
}

#[test]
fn one_instructor_stays_and_an_assistant_may_take_over() {
    let mut room = Room::active();
    let (ada, bob) = (id(ADA), room.joins(2, Role::Assistant));
    let set = |participant, role| Command::SetRole { participant, role };
    assert_eq!(room.no(ada, set(ada, Role::Participant)), Code::LastInstructor);
    assert_eq!(room.no(bob, set(bob, Role::Instructor)), Code::Forbidden);
    room.leaves(ada);
    room.ok(bob, set(bob, Role::Instructor));
    assert!(room.ok(bob, set(bob, Role::Instructor)).is_empty());
    room.joins(ADA, Role::Instructor);
    room.ok(ada, set(ada, Role::Assistant));
    assert!(room.ok(ada, set(ada, Role::Assistant)).is_empty(), "a retry, though no longer entitled");
    assert_eq!(room.no(ada, set(bob, Role::Participant)), Code::Forbidden);
}

#[test]
fn an_assistant_leads_when_no_instructor_is_in_sight() {
    let mut room = Room::active();
    let (ada, bob) = (id(ADA), room.joins(2, Role::Assistant));
    let (cat, pia) = (room.joins(3, Role::Instructor), room.joins(4, Role::Participant));
    let take = |unseen: &[ParticipantId]| Command::TakeOver { unseen: unseen.iter().copied().collect() };
    assert_eq!(room.no(bob, take(&[])), Code::InstructorHere);
    assert_eq!(room.no(bob, take(&[ada])), Code::InstructorHere, "one is enough");
    room.leaves(cat);
    assert_eq!(room.no(pia, take(&[ada])), Code::Forbidden);
    assert_eq!(room.act(Actor::Admin, &take(&[ada])).unwrap_err().code, Code::Forbidden);
    assert_eq!(room.ok(bob, take(&[ada])), [Event::RoleSet { participant: bob, role: Role::Instructor }]);
    assert!(room.ok(bob, take(&[])).is_empty(), "a retry");
    assert_eq!(room.state.people[&ada].role, Role::Instructor, "nothing is taken from her");
    assert!(room.ok(ada, take(&[])).is_empty());
}

#[test]
fn a_node_is_lost_once_and_takes_nobody_away() {
    let mut room = Room::active();
    let (pia, tom) = (room.joins(3, Role::Participant), room.joins(4, Role::Participant));
    room.leaves(tom);
    let lost = |node, people: &[ParticipantId]| SystemCommand::NodeLost { node: id(node), people: people.to_vec() };
    assert!(room.system(&lost(1, &[])).unwrap().is_empty(), "nobody was there");
    let events = room.system(&lost(1, &[tom, pia, pia, id(55)])).unwrap();
    assert_eq!(events, [Event::NodeLost { node: id(1), people: vec![pia] }]);
    assert!(room.system(&lost(1, &[pia])).unwrap().is_empty(), "told before");
    assert!(room.state.people[&pia].is_present(), "the grace is the room's affair");
    for node in 2..40 {
        room.system(&lost(node, &[pia])).unwrap();
    }
    assert!(room.state.lost_nodes.len() < 20, "not remembered for ever");
    assert!(room.system(&lost(39, &[pia])).unwrap().is_empty());
    room.ok(id(ADA), Command::End {});
    assert!(room.system(&lost(99, &[pia])).unwrap().is_empty());
}

#[test]
fn single_rights_are_granted_and_withdrawn_live() {
    let mut room = Room::active();
    let (ada, pia) = (id(ADA), room.joins(3, Role::Participant));
    let bob = room.joins(2, Role::Assistant);
    let permit = |participant, permission, granted| Command::Permit { participant, permission, granted };
    let create = Command::CreatePoll { poll: id(1), draft: draft(PollKind::Single) };
    assert_eq!(room.no(pia, create.clone()), Code::Forbidden);
    assert_eq!(room.no(pia, permit(pia, Right::CanCreatePolls, true)), Code::Forbidden);
    room.ok(bob, permit(pia, Right::CanCreatePolls, true));
    room.ok(pia, create);
    room.ok(ada, permit(bob, Right::CanModerate, false));
    assert_eq!(room.no(bob, Command::Pause {}), Code::Forbidden);
    assert_eq!(room.no(bob, permit(bob, Right::CanModerate, true)), Code::Forbidden);
    assert_eq!(room.no(bob, permit(ada, Right::CanSpeak, false)), Code::Forbidden);
    room.ok(ada, Command::SetRole { participant: pia, role: Role::Observer });
    assert!(room.state.people[&pia].rights.is_empty(), "a new role resets the rights");
}

#[test]
fn observers_only_watch() {
    let mut room = Room::active();
    let eve = room.joins(5, Role::Observer);
    let poll = room.asks(1, draft(PollKind::Single));
    assert_eq!(room.no(eve, vote(poll, options(&[1]))), Code::Forbidden);
    let ask = Command::Ask { question: id(1), body: "Why?".to_owned(), anonymous: false };
    assert_eq!(room.no(eve, ask), Code::Forbidden);
    assert_eq!(room.no(eve, Command::Configure(Configure::default())), Code::Forbidden);
    assert_eq!(room.act(Actor::Admin, &vote(poll, options(&[1]))).unwrap_err().code, Code::Forbidden);
    assert_eq!(room.no(id(66), vote(poll, options(&[1]))), Code::UnknownParticipant);
}
