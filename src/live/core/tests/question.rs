//! Questions, from the asking to the archive, and the stage.
use super::{
    super::{
        Command, Event, Question, QuestionId, Role, Settings, Stage, lifecycle::QaSettings, question::QuestionStatus,
    },
    ADA, Room, id, settings,
};
use crate::kernel::Code;

const PIA: u128 = 3;
const TOM: u128 = 4;

fn room_with(qa: QaSettings) -> Room {
    let mut room = Room::active_with(Settings { qa, ..settings() });
    room.joins(PIA, Role::Participant);
    room.joins(TOM, Role::Participant);
    room
}

fn room() -> Room {
    room_with(settings().qa)
}

fn ask(number: u128) -> Command {
    Command::Ask { question: id(number), body: format!("Why {number}?"), anonymous: false }
}

fn status(room: &Room, question: QuestionId) -> QuestionStatus {
    room.state.questions[&question].status
}

#[test]
fn a_question_is_asked_once() {
    let mut room = room();
    room.ok(id(PIA), ask(1));
    assert!(room.ok(id(PIA), ask(1)).is_empty());
    assert_eq!(room.no(id(TOM), ask(1)), Code::Conflict);
    let other = Command::Ask { question: id(1), body: "How?".to_owned(), anonymous: false };
    assert_eq!(room.no(id(PIA), other), Code::Conflict);
    let empty = Command::Ask { question: id(2), body: "\n".to_owned(), anonymous: false };
    assert_eq!(room.no(id(PIA), empty), Code::TextEmpty);
    let long = Command::Ask { question: id(2), body: "x".repeat(1001), anonymous: false };
    assert_eq!(room.no(id(PIA), long), Code::TextTooLong);
}

#[test]
fn five_unanswered_questions_are_enough() {
    let mut room = room();
    for number in 1..=5 {
        room.ok(id(PIA), ask(number));
    }
    assert_eq!(room.no(id(PIA), ask(6)), Code::TooManyQuestions);
    room.ok(id(TOM), ask(7));
    room.ok(id(ADA), Command::Answer { question: id(1), text: None });
    room.ok(id(PIA), ask(6));
}

#[test]
fn a_session_holds_only_so_many_waiting_questions() {
    let mut room = room();
    room.ok(id(PIA), ask(1));
    let known = room.state.questions[&id(1)].clone();
    for number in 2..=1_000 {
        room.state.questions.insert(id(number), Question { author: id(10_000 + number), ..known.clone() });
    }
    assert_eq!(room.no(id(TOM), ask(2_000)), Code::TooManyQuestions);
    room.ok(id(ADA), Command::Archive { question: id(7) });
    room.ok(id(TOM), ask(2_000));
}

#[test]
fn switches_are_obeyed() {
    let anonymous = Command::Ask { question: id(1), body: "Why?".to_owned(), anonymous: true };
    let mut closed = room_with(QaSettings { enabled: false, ..settings().qa });
    assert_eq!(closed.no(id(PIA), ask(1)), Code::FeatureDisabled);
    let mut named = room_with(QaSettings { anonymous_allowed: false, upvotes: false, ..settings().qa });
    assert_eq!(named.no(id(PIA), anonymous), Code::AnonymousNotAllowed);
    named.ok(id(PIA), ask(1));
    assert_eq!(named.no(id(TOM), Command::Upvote { question: id(1), on: true }), Code::FeatureDisabled);
    let mut held = room_with(QaSettings { pre_moderated: true, ..settings().qa });
    held.ok(id(PIA), ask(1));
    held.ok(id(ADA), ask(2));
    assert_eq!(status(&held, id(1)), QuestionStatus::Pending);
    assert_eq!(status(&held, id(2)), QuestionStatus::Open, "moderators need no moderator");
    assert_eq!(held.no(id(TOM), Command::Upvote { question: id(1), on: true }), Code::QuestionUnknown);
}

#[test]
fn questions_wait_while_the_session_does() {
    let mut room = room();
    room.ok(id(PIA), ask(1));
    room.ok(id(ADA), Command::Pause {});
    assert_eq!(room.no(id(PIA), ask(2)), Code::SessionPaused);
    assert_eq!(room.no(id(TOM), Command::Upvote { question: id(1), on: true }), Code::SessionPaused);
    assert!(room.ok(id(PIA), ask(1)).is_empty(), "a retry of what was recorded");
    room.ok(id(ADA), ask(3));
    room.ok(id(ADA), Command::End {});
    assert_eq!(room.no(id(PIA), ask(2)), Code::SessionEnded);
    assert!(room.ok(id(PIA), ask(1)).is_empty());
}

#[test]
fn support_is_one_each_and_not_for_oneself() {
    let mut room = room();
    room.ok(id(PIA), ask(1));
    let upvote = |on| Command::Upvote { question: id(1), on };
    assert_eq!(room.no(id(PIA), upvote(true)), Code::OwnQuestion);
    assert_eq!(room.ok(id(TOM), upvote(true)).len(), 1);
    assert!(room.ok(id(TOM), upvote(true)).is_empty());
    assert_eq!(room.state.questions[&id(1)].upvotes.len(), 1);
    room.ok(id(TOM), upvote(false));
    assert!(room.ok(id(TOM), upvote(false)).is_empty());
    assert!(room.state.questions[&id(1)].upvotes.is_empty());
}

/// What a command comes to on a pending, open, answered and dismissed question.
type Row = [Result<QuestionStatus, Code>; 4];

#[test]
fn moves_follow_the_table() {
    use QuestionStatus::{Answered, Dismissed, Open, Pending};
    let wrong = Err(Code::WrongState);
    let question = id(1);
    let before = |status| match status {
        Pending => vec![],
        Open => vec![Command::Approve { question }],
        Answered => vec![Command::Approve { question }, Command::Answer { question, text: None }],
        Dismissed => vec![Command::Dismiss { question }],
    };
    let table: [(Command, Row); 4] = [
        (Command::Approve { question }, [Ok(Open), Ok(Open), Ok(Answered), wrong]),
        (Command::Dismiss { question }, [Ok(Dismissed), Ok(Dismissed), wrong, Ok(Dismissed)]),
        (Command::Answer { question, text: None }, [wrong, Ok(Answered), Ok(Answered), wrong]),
        (Command::Restore { question }, [Ok(Pending), Ok(Open), Ok(Open), Ok(Pending)]),
    ];
    for (command, row) in table {
        for (from, outcome) in [Pending, Open, Answered, Dismissed].into_iter().zip(row) {
            let mut room = room_with(QaSettings { pre_moderated: true, ..settings().qa });
            room.ok(id(PIA), ask(1));
            for step in before(from) {
                room.ok(id(ADA), step);
            }
            match outcome {
                Ok(to) => {
                    let events = room.ok(id(ADA), command.clone());
                    assert_eq!(status(&room, question), to, "{command:?} on {from:?}");
                    assert_eq!(events.is_empty(), from == to, "{command:?} on {from:?}");
                }
                Err(code) => assert_eq!(room.no(id(ADA), command.clone()), code, "{command:?} on {from:?}"),
            }
        }
    }
}

#[test]
fn only_moderators_move_questions_but_an_author_may_withdraw() {
    let mut room = room();
    let question = id(1);
    room.ok(id(PIA), ask(1));
    for command in [
        Command::Approve { question },
        Command::Answer { question, text: None },
        Command::Archive { question },
        Command::Restore { question },
        Command::Star { question, on: true },
        Command::Highlight { question: Some(question) },
        Command::Show { stage: Stage::Blank {} },
    ] {
        assert_eq!(room.no(id(PIA), command), Code::Forbidden);
    }
    assert_eq!(room.no(id(TOM), Command::Dismiss { question }), Code::Forbidden);
    room.ok(id(PIA), Command::Dismiss { question });
    room.ok(id(ADA), Command::Restore { question });
    assert_eq!(status(&room, question), QuestionStatus::Open);
}

#[test]
fn the_answer_can_be_put_better_and_outlives_undo() {
    let mut room = room();
    let question = id(1);
    room.ok(id(PIA), ask(1));
    let answer = |text: &str| Command::Answer { question, text: Some(text.to_owned()) };
    assert_eq!(room.ok(id(ADA), answer("Because.")).len(), 2);
    assert!(room.ok(id(ADA), answer("Because. ")).is_empty());
    assert_eq!(room.ok(id(ADA), answer("Therefore.")).len(), 1);
    room.ok(id(ADA), Command::Restore { question });
    let known = &room.state.questions[&question];
    assert_eq!((known.status, known.answered_at), (QuestionStatus::Open, None));
    assert_eq!(known.answer.as_deref(), Some("Therefore."));
}

#[test]
fn restore_brings_a_question_all_the_way_back_in_one_step() {
    let mut room = room();
    let question = id(1);
    room.ok(id(PIA), ask(1));
    room.ok(id(ADA), Command::Answer { question, text: None });
    room.ok(id(ADA), Command::Archive { question });
    assert!(room.ok(id(ADA), Command::Archive { question }).is_empty());
    assert_eq!(room.ok(id(ADA), Command::Restore { question }).len(), 2);
    assert!(room.ok(id(ADA), Command::Restore { question }).is_empty());
    assert_eq!(status(&room, question), QuestionStatus::Open);
}

#[test]
fn what_goes_away_leaves_the_stage() {
    for away in [Command::Dismiss { question: id(1) }, Command::Archive { question: id(1) }] {
        let mut room = room();
        let question = id(1);
        room.ok(id(PIA), ask(1));
        room.ok(id(ADA), Command::Show { stage: Stage::Question { question } });
        room.ok(id(ADA), Command::Highlight { question: Some(question) });
        assert!(room.ok(id(ADA), Command::Highlight { question: Some(question) }).is_empty());
        let events = room.ok(id(ADA), away);
        assert!(events.contains(&Event::Highlighted { question: None }));
        assert_eq!(room.state.stage, Stage::Lobby {});
        assert_eq!(room.no(id(ADA), Command::Highlight { question: Some(question) }), Code::WrongState);
        assert_eq!(room.no(id(ADA), Command::Show { stage: Stage::Question { question } }), Code::WrongState);
    }
}

#[test]
fn texts_on_the_stage_are_cleaned_and_bounded() {
    let mut room = room();
    let show = |title: &str, body: Option<&str>| Command::Show {
        stage: Stage::Text { title: title.to_owned(), body: body.map(str::to_owned) },
    };
    room.ok(id(ADA), show(" Break ", Some(" ")));
    assert_eq!(room.state.stage, Stage::Text { title: "Break".to_owned(), body: None });
    assert!(room.ok(id(ADA), show("Break", None)).is_empty());
    assert_eq!(room.no(id(ADA), show("", None)), Code::TextEmpty);
    assert_eq!(room.no(id(ADA), show("Break", Some(&"x".repeat(1001)))), Code::TextTooLong);
    assert_eq!(room.no(id(ADA), Command::Show { stage: Stage::Poll { poll: id(1) } }), Code::PollUnknown);
}
