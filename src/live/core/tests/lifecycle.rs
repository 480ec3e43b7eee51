//! The life of a session.
use chrono::TimeDelta;

use super::{
    super::{Actor, Command, Event, Role, Status, SystemCommand, Timer, lifecycle, next_deadline, poll::PollKind},
    ADA, Room, draft, id, noon, options, settings, vote,
};
use crate::kernel::Code;

fn room_in(status: Status) -> Room {
    let mut room = Room::planned(settings());
    let ada = room.joins(ADA, Role::Instructor);
    let steps = match status {
        Status::Scheduled => vec![],
        Status::Starting => vec![Command::Start {}],
        Status::Active => vec![Command::Start {}, Command::Go {}],
        Status::Paused => vec![Command::Start {}, Command::Go {}, Command::Pause {}],
        Status::Ended => vec![Command::Start {}, Command::Go {}, Command::End {}],
        Status::Cancelled => vec![Command::Cancel { reason: "rain".to_owned() }],
    };
    for step in steps {
        room.ok(ada, step);
    }
    assert_eq!(room.state.status, status);
    room
}

/// Status after the command, or the refusal; the same status means "already so".
type Outcome = Result<Status, Code>;

#[test]
fn moves_follow_the_table() {
    use Status::{Active, Cancelled, Ended, Paused, Scheduled, Starting};
    let (wrong, over) = (Err(Code::WrongState), Err(Code::SessionEnded));
    let statuses = [Scheduled, Starting, Active, Paused, Ended, Cancelled];
    let cancel = Command::Cancel { reason: "rain".to_owned() };
    let table: [(Command, [Outcome; 6]); 6] = [
        (Command::Start {}, [Ok(Starting), Ok(Starting), Ok(Active), Ok(Paused), over, over]),
        (Command::Go {}, [wrong, Ok(Active), Ok(Active), Ok(Paused), over, over]),
        (Command::Pause {}, [wrong, wrong, Ok(Paused), Ok(Paused), over, over]),
        (Command::Resume {}, [wrong, wrong, Ok(Active), Ok(Active), over, over]),
        (Command::End {}, [wrong, wrong, Ok(Ended), Ok(Ended), Ok(Ended), over]),
        (cancel, [Ok(Cancelled), Ok(Cancelled), Ok(Cancelled), Ok(Cancelled), over, Ok(Cancelled)]),
    ];
    for (command, row) in table {
        for (from, outcome) in statuses.into_iter().zip(row) {
            let mut room = room_in(from);
            let done = room.act(Actor::Participant(id(ADA)), &command);
            match outcome {
                Ok(to) => {
                    let events = done.unwrap_or_else(|no| panic!("{command:?} in {from:?}: {no:?}"));
                    assert_eq!(room.state.status, to, "{command:?} in {from:?}");
                    assert_eq!(events.is_empty(), from == to, "{command:?} in {from:?}");
                }
                Err(code) => assert_eq!(done.expect_err("refused").code, code, "{command:?} in {from:?}"),
            }
        }
    }
}

#[test]
fn the_lobby_opens_an_hour_before_the_plan_and_not_earlier() {
    let mut room = Room::planned(settings());
    let ada = room.joins(ADA, Role::Instructor);
    room.now = noon() - TimeDelta::minutes(30) - TimeDelta::seconds(1);
    assert_eq!(room.no(ada, Command::Start {}), Code::TooEarly);
    room.wait(1);
    assert_eq!(room.ok(ada, Command::Start {}).len(), 1);
}

#[test]
fn only_hosts_start_only_leaders_end() {
    let mut room = room_in(Status::Scheduled);
    let bob = room.joins(2, Role::Assistant);
    room.ok(bob, Command::Start {});
    let pia = room.joins(3, Role::Participant);
    assert_eq!(room.no(pia, Command::Go {}), Code::Forbidden);
    room.ok(bob, Command::Go {});
    assert_eq!(room.no(pia, Command::Pause {}), Code::Forbidden);
    room.ok(bob, Command::Pause {});
    room.ok(bob, Command::Resume {});
    assert_eq!(room.no(bob, Command::End {}), Code::Forbidden, "the instructor is here");
    room.leaves(id(ADA));
    room.ok(bob, Command::End {});
}

#[test]
fn an_administrator_runs_the_lifecycle_but_needs_a_host_to_go_live() {
    let mut room = Room::planned(settings());
    room.act(Actor::Admin, &Command::Start {}).unwrap();
    assert_eq!(room.act(Actor::Admin, &Command::Go {}).unwrap_err().code, Code::WrongState);
    room.joins(ADA, Role::Instructor);
    room.act(Actor::Admin, &Command::Go {}).unwrap();
    let create = Command::CreatePoll { poll: id(1), draft: draft(PollKind::Single) };
    assert_eq!(room.act(Actor::Admin, &create).unwrap_err().code, Code::Forbidden);
    room.act(Actor::Admin, &Command::End {}).unwrap();
}

#[test]
fn the_end_from_a_pause_is_a_resume_and_an_end_and_closes_what_is_open() {
    let mut room = Room::active();
    let pia = room.joins(3, Role::Participant);
    let poll = room.asks(1, draft(PollKind::Single));
    room.ok(id(ADA), Command::Pause {});
    room.wait(10);
    let events = room.ok(id(ADA), Command::End {});
    assert_eq!(
        events,
        vec![
            Event::StatusChanged { status: Status::Active, reason: None },
            Event::PollClosed { poll },
            Event::StatusChanged { status: Status::Ended, reason: None },
        ]
    );
    assert_eq!(room.state.paused_seconds, 10);
    assert_eq!(room.state.paused_at, None);
    assert_eq!(room.state.people[&pia].left_at, Some(room.now));
    assert_eq!(room.state.ended_at, Some(room.now));
    assert!(room.ok(id(ADA), Command::End {}).is_empty());
    assert_eq!(room.no(pia, vote(poll, options(&[1]))), Code::SessionEnded);
    assert_eq!(room.no(pia, Command::Hand { participant: pia, raised: true }), Code::SessionEnded);
}

#[test]
fn a_pause_stops_timers_and_counts_whole_seconds() {
    let mut room = Room::active();
    let poll = id(1);
    room.ok(id(ADA), Command::CreatePoll { poll, draft: draft(PollKind::Single) });
    room.ok(id(ADA), Command::OpenPoll { poll, seconds: Some(60) });
    room.wait(20);
    room.ok(id(ADA), Command::Pause {});
    assert_eq!(room.poll(poll).timer, Some(Timer::Remaining(40_000)));
    room.wait(600);
    assert!(room.system(&SystemCommand::CloseDue).unwrap().is_empty());
    room.ok(id(ADA), Command::ExtendTimer { poll, seconds: 5, seen: None });
    room.ok(id(ADA), Command::Resume {});
    assert_eq!(room.state.paused_seconds, 600);
    assert_eq!(room.poll(poll).timer, Some(Timer::EndsAt(room.now + TimeDelta::seconds(45))));
    assert_eq!(next_deadline(&room.state), Some(room.now + TimeDelta::seconds(45)));
    room.wait(45);
    assert_eq!(room.system(&SystemCommand::CloseDue).unwrap(), vec![Event::PollClosed { poll }]);
    assert!(room.system(&SystemCommand::CloseDue).unwrap().is_empty());
}

#[test]
fn a_poll_whose_time_is_over_closes_before_the_pause() {
    let mut room = Room::active();
    let poll = id(1);
    room.ok(id(ADA), Command::CreatePoll { poll, draft: draft(PollKind::Single) });
    room.ok(id(ADA), Command::OpenPoll { poll, seconds: Some(5) });
    room.wait(5);
    let events = room.ok(id(ADA), Command::Pause {});
    assert_eq!(events[0], Event::PollClosed { poll });
}

#[test]
fn a_session_without_hosts_ends_by_itself() {
    let mut room = Room::active();
    let bob = room.joins(2, Role::Assistant);
    room.joins(3, Role::Participant);
    let due = room.state.settings.scheduled_end + TimeDelta::minutes(30);
    room.now = due + TimeDelta::minutes(60);
    assert!(room.system(&SystemCommand::Expire).unwrap().is_empty(), "hosts are here");
    room.leaves(id(ADA));
    room.wait(60);
    room.leaves(bob);
    assert_eq!(next_deadline(&room.state), Some(room.now + TimeDelta::minutes(15)));
    room.wait(15 * 60 - 1);
    assert!(room.system(&SystemCommand::Expire).unwrap().is_empty());
    room.wait(1);
    assert_eq!(room.system(&SystemCommand::Expire).unwrap().len(), 1);
    assert_eq!(room.state.status, Status::Ended);
    assert_eq!(next_deadline(&room.state), None);
}

#[test]
fn hosts_may_be_away_until_half_an_hour_after_the_plan() {
    let mut room = Room::active();
    room.leaves(id(ADA));
    let due = room.state.settings.scheduled_end + TimeDelta::minutes(30);
    assert_eq!(next_deadline(&room.state), Some(due));
    room.now = due - TimeDelta::seconds(1);
    assert!(room.system(&SystemCommand::Expire).unwrap().is_empty());
    room.joins(ADA, Role::Instructor);
    assert_eq!(next_deadline(&room.state), None);
}

#[test]
fn a_session_that_never_started_is_called_off_after_a_day() {
    let mut room = Room::planned(settings());
    room.now = room.state.settings.scheduled_end + TimeDelta::hours(24) - TimeDelta::seconds(1);
    assert!(room.system(&SystemCommand::Expire).unwrap().is_empty());
    room.wait(1);
    room.system(&SystemCommand::Expire).unwrap();
    assert_eq!(room.state.status, Status::Cancelled);
    assert!(room.state.reason.is_some());
}

#[test]
fn settings_are_cleaned_bounded_and_changed_once() {
    let mut room = Room::active();
    let ada = id(ADA);
    let title = |title: &str| {
        Command::Configure(lifecycle::Configure { title: Some(title.to_owned()), ..lifecycle::Configure::default() })
    };
    assert_eq!(room.ok(ada, title("  New\u{200B} ")).len(), 1);
    assert_eq!(room.state.settings.title, "New");
    assert!(room.ok(ada, title("New")).is_empty());
    assert_eq!(room.no(ada, title(" ")), Code::TextEmpty);
    let open = lifecycle::Configure { max_open: Some(11), ..lifecycle::Configure::default() };
    assert_eq!(room.no(ada, Command::Configure(open)), Code::Invalid);
    let (three, four) = (room.joins(3, Role::Participant), room.joins(4, Role::Participant));
    let limit = |most| {
        Command::Configure(lifecycle::Configure { max_participants: Some(most), ..lifecycle::Configure::default() })
    };
    assert_eq!(room.no(three, limit(5)), Code::Forbidden);
    assert_eq!(room.no(ada, limit(1)), Code::SessionFull);
    room.leaves(four);
    room.ok(ada, limit(1));
    let poll = room.asks(1, draft(PollKind::Single));
    let off = lifecycle::Configure { polls_enabled: Some(false), ..lifecycle::Configure::default() };
    assert_eq!(room.ok(ada, Command::Configure(off))[0], Event::PollClosed { poll });
    assert_eq!(room.no(ada, Command::OpenPoll { poll, seconds: None }), Code::FeatureDisabled);
}

#[test]
fn the_plan_changes_only_before_the_start() {
    let plan = lifecycle::Plan { title: Some("Later".to_owned()), ..lifecycle::Plan::default() };
    let mut room = room_in(Status::Scheduled);
    assert_eq!(room.system(&SystemCommand::Reschedule(plan.clone())).unwrap().len(), 1);
    assert!(room.system(&SystemCommand::Reschedule(plan.clone())).unwrap().is_empty());
    let backwards = lifecycle::Plan { scheduled_end: Some(noon()), ..lifecycle::Plan::default() };
    assert_eq!(room.system(&SystemCommand::Reschedule(backwards)).unwrap_err().code, Code::Invalid);
    let mut room = room_in(Status::Active);
    assert_eq!(room.system(&SystemCommand::Reschedule(plan)).unwrap_err().code, Code::WrongState);
}
