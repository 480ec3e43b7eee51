//! Polls, from the draft to the last round.
use super::{
    super::{
        Choice, Command, Event, PollDraft, PollId, Role, Settings, Stage, SystemCommand, Timer,
        lifecycle::PollSettings,
        poll::{PollKind, PollStatus, Visibility, tally::tally},
    },
    ADA, Room, draft, id, options, seen, settings, vote,
};
use crate::kernel::Code;

const PIA: u128 = 3;

/// Active, with Pia as participant and an open poll.
fn open(draft: PollDraft) -> (Room, PollId) {
    let mut room = Room::active();
    room.joins(PIA, Role::Participant);
    let poll = room.asks(1, draft);
    (room, poll)
}

fn words(words: &[&str]) -> Choice {
    Choice::Words(words.iter().map(|word| (*word).to_owned()).collect())
}

fn text(text: &str) -> Choice {
    Choice::Text(text.to_owned())
}

#[test]
fn answers_fit_their_kind() {
    let two = PollDraft { min_choices: Some(2), max_choices: Some(2), ..draft(PollKind::Multiple) };
    let table: Vec<(PollDraft, Choice, Option<Code>)> = vec![
        (draft(PollKind::Single), options(&[1]), None),
        (draft(PollKind::Single), options(&[]), Some(Code::TooFewChoices)),
        (draft(PollKind::Single), options(&[1, 2]), Some(Code::TooManyChoices)),
        (draft(PollKind::Single), options(&[9]), Some(Code::OptionUnknown)),
        (draft(PollKind::Single), text("1"), Some(Code::ChoiceWrongKind)),
        (draft(PollKind::Rating), options(&[3]), None),
        (draft(PollKind::Rating), options(&[3, 1]), Some(Code::TooManyChoices)),
        (draft(PollKind::Multiple), options(&[3, 1, 2]), None),
        (draft(PollKind::Multiple), options(&[1, 1]), Some(Code::OptionTwice)),
        (draft(PollKind::Multiple), words(&["a"]), Some(Code::ChoiceWrongKind)),
        (two.clone(), options(&[1]), Some(Code::TooFewChoices)),
        (two.clone(), options(&[2, 3]), None),
        (two, options(&[1, 2, 3]), Some(Code::TooManyChoices)),
        (draft(PollKind::OpenText), text(" well "), None),
        (draft(PollKind::OpenText), text(" \n"), Some(Code::TextEmpty)),
        (draft(PollKind::OpenText), text(&"x".repeat(501)), Some(Code::TextTooLong)),
        (draft(PollKind::OpenText), options(&[1]), Some(Code::ChoiceWrongKind)),
        (draft(PollKind::WordCloud), words(&["a", "b", "c"]), None),
        (draft(PollKind::WordCloud), words(&["a", "b", "c", "d"]), Some(Code::TooManyChoices)),
        (draft(PollKind::WordCloud), words(&[]), Some(Code::TooFewChoices)),
        (draft(PollKind::WordCloud), words(&["Yes", " yES "]), Some(Code::OptionTwice)),
        (draft(PollKind::WordCloud), words(&[&"x".repeat(41)]), Some(Code::TextTooLong)),
    ];
    for (draft, choice, refusal) in table {
        let (mut room, poll) = open(draft);
        match refusal {
            None => assert_eq!(room.ok(id(PIA), vote(poll, choice)).len(), 1),
            Some(code) => assert_eq!(room.no(id(PIA), vote(poll, choice.clone())), code, "{choice:?}"),
        }
    }
}

#[test]
fn drafts_are_checked_and_made_once() {
    let mut room = Room::active();
    let mut create = |number: u128, draft: PollDraft| {
        let command = Command::CreatePoll { poll: id(number), draft };
        room.act(super::Actor::Participant(id(ADA)), &command).map(|events| events.len()).map_err(|no| no.code)
    };
    let single = draft(PollKind::Single);
    let one = PollDraft { options: single.options[..1].to_vec(), ..single.clone() };
    let twice = PollDraft { options: vec![single.options[0].clone(); 2], ..single.clone() };
    let worded = PollDraft { options: single.options.clone(), ..draft(PollKind::WordCloud) };
    let greedy = PollDraft { max_choices: Some(4), ..draft(PollKind::Multiple) };
    let reversed = PollDraft { min_choices: Some(3), max_choices: Some(2), ..draft(PollKind::Multiple) };
    assert_eq!(create(1, one), Err(Code::TooFewOptions));
    assert_eq!(create(1, twice), Err(Code::OptionTwice));
    assert_eq!(create(1, worded), Err(Code::TooManyOptions));
    assert_eq!(create(1, greedy), Err(Code::Invalid));
    assert_eq!(create(1, reversed), Err(Code::Invalid));
    assert_eq!(create(1, PollDraft { seconds: Some(4), ..single.clone() }), Err(Code::Invalid));
    assert_eq!(create(1, PollDraft { question: " ".to_owned(), ..single.clone() }), Err(Code::TextEmpty));
    let rating = draft(PollKind::Rating);
    let steps = (1..=12).map(|step| super::PollOption { id: id(step), label: step.to_string() }).collect();
    assert_eq!(create(1, PollDraft { options: steps, ..rating }), Err(Code::TooManyOptions));
    assert_eq!(create(1, PollDraft { question: " Which? ".to_owned(), ..single.clone() }), Ok(1));
    assert_eq!(create(1, single.clone()), Ok(0), "the same after cleaning");
    assert_eq!(create(1, draft(PollKind::Rating)), Err(Code::Conflict));
    for number in 2..=200 {
        assert_eq!(create(number, single.clone()), Ok(1));
    }
    assert_eq!(create(201, single), Err(Code::TooManyPolls));
}

#[test]
fn opening_puts_it_on_the_stage_and_only_so_many_are_open() {
    let (mut room, poll) = open(draft(PollKind::Single));
    let ada = id(ADA);
    assert_eq!(room.state.stage, Stage::Poll { poll });
    assert!(room.ok(ada, Command::OpenPoll { poll, seconds: Some(60) }).is_empty());
    room.ok(ada, Command::CreatePoll { poll: id(2), draft: draft(PollKind::Rating) });
    assert_eq!(room.no(ada, Command::OpenPoll { poll: id(2), seconds: None }), Code::TooManyOpenPolls);
    room.ok(ada, Command::ClosePoll { poll });
    assert!(room.ok(ada, Command::ClosePoll { poll }).is_empty());
    assert_eq!(room.no(ada, Command::ClosePoll { poll: id(2) }), Code::PollNotOpen);
    room.ok(ada, Command::OpenPoll { poll: id(2), seconds: None });
    assert_eq!(room.state.stage, Stage::Poll { poll: id(2) });
}

#[test]
fn polls_open_only_while_the_session_runs() {
    let mut room = Room::planned(settings());
    let (ada, poll) = (room.joins(ADA, Role::Instructor), id(1));
    room.ok(ada, Command::CreatePoll { poll, draft: draft(PollKind::Single) });
    assert_eq!(room.no(ada, Command::OpenPoll { poll, seconds: None }), Code::SessionNotActive);
    room.ok(ada, Command::Start {});
    room.ok(ada, Command::Go {});
    room.ok(ada, Command::Pause {});
    assert_eq!(room.no(ada, Command::OpenPoll { poll, seconds: None }), Code::SessionPaused);
    let off = Settings { polls: PollSettings { enabled: false, max_open: 1 }, ..settings() };
    let mut room = Room::active_with(off);
    let create = Command::CreatePoll { poll, draft: draft(PollKind::Single) };
    assert_eq!(room.no(ada, create), Code::FeatureDisabled);
}

#[test]
fn votes_count_while_open_and_running() {
    let mut room = Room::active();
    let (ada, pia) = (id(ADA), room.joins(PIA, Role::Participant));
    let poll = id(1);
    assert_eq!(room.no(pia, vote(poll, options(&[1]))), Code::PollUnknown);
    room.ok(ada, Command::CreatePoll { poll, draft: draft(PollKind::Single) });
    assert_eq!(room.no(pia, vote(poll, options(&[1]))), Code::PollNotOpen);
    room.ok(ada, Command::OpenPoll { poll, seconds: None });
    room.ok(pia, vote(poll, options(&[1])));
    room.ok(ada, Command::Pause {});
    assert_eq!(room.no(pia, vote(poll, options(&[2]))), Code::SessionPaused);
    assert!(room.ok(pia, vote(poll, options(&[1]))).is_empty(), "a retry of what was recorded");
    room.ok(ada, vote(poll, options(&[2])));
    room.ok(ada, Command::Resume {});
    room.ok(ada, Command::ClosePoll { poll });
    assert_eq!(room.no(pia, vote(poll, options(&[2]))), Code::PollClosed);
    assert!(room.ok(pia, vote(poll, options(&[1]))).is_empty(), "a retry of what was recorded");
    assert_eq!(tally(room.poll(poll), true).counts, vec![1, 1, 0]);
}

#[test]
fn a_vote_replaces_the_one_before_where_that_is_allowed() {
    let (mut room, poll) = open(draft(PollKind::Multiple));
    room.ok(id(PIA), vote(poll, options(&[1, 2])));
    assert!(room.ok(id(PIA), vote(poll, options(&[2, 1]))).is_empty(), "order says nothing");
    room.ok(id(PIA), vote(poll, options(&[2, 3])));
    let result = tally(room.poll(poll), false);
    assert_eq!((result.voters, result.counts), (1, vec![0, 1, 1]));

    let (mut room, poll) = open(PollDraft { allow_change: Some(false), ..draft(PollKind::Single) });
    room.ok(id(PIA), vote(poll, options(&[1])));
    assert!(room.ok(id(PIA), vote(poll, options(&[1]))).is_empty());
    assert_eq!(room.no(id(PIA), vote(poll, options(&[2]))), Code::AlreadyVoted);
}

#[test]
fn the_timer_ends_the_poll_before_anybody_closes_it() {
    let (mut room, poll) = open(PollDraft { seconds: Some(30), ..draft(PollKind::Single) });
    room.ok(id(ADA), Command::CreatePoll { poll: id(2), draft: draft(PollKind::Single) });
    room.wait(29);
    room.ok(id(PIA), vote(poll, options(&[1])));
    room.wait(1);
    assert_eq!(room.no(id(PIA), vote(poll, options(&[2]))), Code::PollClosed);
    assert_eq!(room.no(id(ADA), Command::ExtendTimer { poll, seconds: 5, seen: None }), Code::PollClosed);
    let events = room.ok(id(ADA), Command::OpenPoll { poll: id(2), seconds: None });
    assert_eq!(events[0], Event::PollClosed { poll });
    assert!(room.system(&SystemCommand::CloseDue).unwrap().is_empty());
}

#[test]
fn the_timer_of_an_open_poll_is_set_extended_and_taken_off() {
    let (mut room, poll) = open(draft(PollKind::Single));
    let (ada, start) = (id(ADA), room.now);
    let ends = |seconds| Some(Timer::EndsAt(start + chrono::TimeDelta::seconds(seconds)));
    assert_eq!(room.no(ada, Command::ExtendTimer { poll, seconds: 5, seen: None }), Code::WrongState);
    room.ok(ada, Command::SetTimer { poll, seconds: Some(60) });
    assert_eq!(room.poll(poll).timer, ends(60));
    let seen = room.state.polls[&poll].timer;
    room.ok(ada, Command::ExtendTimer { poll, seconds: 30, seen });
    assert!(room.ok(ada, Command::ExtendTimer { poll, seconds: 30, seen }).is_empty(), "a retry adds no more");
    assert_eq!(room.poll(poll).timer, ends(90));
    assert_eq!(room.no(ada, Command::ExtendTimer { poll, seconds: 3601, seen: None }), Code::Invalid);
    assert_eq!(room.no(ada, Command::SetTimer { poll, seconds: Some(86_401) }), Code::Invalid);
    room.ok(ada, Command::SetTimer { poll, seconds: None });
    assert_eq!(room.poll(poll).timer, None);
}

#[test]
fn another_round_keeps_the_one_before_and_a_reset_does_not() {
    let (mut room, poll) = open(draft(PollKind::Single));
    let (ada, pia) = (id(ADA), id(PIA));
    let vote_in = |round, one: u128| Command::Vote { poll, round: Some(round), choice: options(&[one]) };
    room.ok(pia, vote_in(1, 1));
    room.ok(ada, Command::Revote { poll, round: None });
    assert!(room.ok(ada, Command::Revote { poll, round: None }).is_empty(), "a retry makes no third round");
    assert_eq!(room.no(pia, vote_in(1, 2)), Code::PollRoundOver);
    assert!(room.ok(pia, vote_in(1, 1)).is_empty(), "a retry of what was recorded in that round");
    room.ok(pia, vote_in(2, 3));
    assert_eq!(room.no(pia, vote_in(3, 3)), Code::Invalid);
    room.ok(ada, Command::ClosePoll { poll });
    room.ok(ada, Command::ResetPoll { poll, round: None });
    assert!(room.ok(ada, Command::ResetPoll { poll, round: None }).is_empty());
    assert_eq!((room.poll(poll).round, room.poll(poll).status), (3, PollStatus::Closed));
    let kept: Vec<(u32, bool)> = room.poll(poll).past.iter().map(|past| (past.round, past.discarded)).collect();
    assert_eq!(kept, vec![(1, false), (2, true)]);
    let events = room.ok(ada, Command::Revote { poll, round: None });
    assert_eq!(events, vec![Event::PollOpened { poll, closes_at: None }], "the empty round is opened");
}

#[test]
fn options_are_fixed_once_votes_exist_and_words_are_not() {
    let (mut room, poll) = open(draft(PollKind::Single));
    let ada = id(ADA);
    let edit = |draft| Command::EditPoll { poll, draft };
    room.ok(ada, edit(draft(PollKind::Rating)));
    room.ok(id(PIA), vote(poll, options(&[1])));
    assert_eq!(room.no(ada, edit(draft(PollKind::Single))), Code::PollLocked);
    let mut relabelled = draft(PollKind::Rating);
    relabelled.options[0].label = "Other".to_owned();
    assert_eq!(room.no(ada, edit(relabelled)), Code::PollLocked);
    room.ok(ada, edit(PollDraft { question: "Really?".to_owned(), ..draft(PollKind::Rating) }));
    room.ok(ada, Command::ResetPoll { poll, round: None });
    assert_eq!(room.no(ada, edit(draft(PollKind::Single))), Code::PollLocked, "the export still has them");
}

#[test]
fn places_stay_dense() {
    let mut room = Room::active();
    for number in 1..=3 {
        room.ok(id(ADA), Command::CreatePoll { poll: id(number), draft: draft(PollKind::Single) });
    }
    room.ok(id(ADA), Command::MovePoll { poll: id(1), position: 99 });
    assert!(room.ok(id(ADA), Command::MovePoll { poll: id(1), position: 2 }).is_empty());
    let places: Vec<u32> = (1..=3).map(|number| room.poll(id(number)).position).collect();
    assert_eq!(places, vec![2, 0, 1]);
}

#[test]
fn putting_a_poll_away_clears_the_stage() {
    let (mut room, poll) = open(draft(PollKind::Single));
    let ada = id(ADA);
    let archive = |archived| Command::ArchivePoll { poll, archived };
    assert_eq!(room.no(ada, archive(true)), Code::WrongState);
    room.ok(ada, Command::ClosePoll { poll });
    assert_eq!(room.ok(ada, archive(true)).len(), 2);
    assert_eq!(room.state.stage, Stage::Lobby {});
    assert_eq!(room.no(ada, Command::Show { stage: Stage::Poll { poll } }), Code::WrongState);
    assert_eq!(room.no(ada, Command::OpenPoll { poll, seconds: None }), Code::WrongState);
    room.ok(ada, archive(false));
    assert_eq!(room.poll(poll).status, PollStatus::Closed);
    room.ok(ada, Command::CreatePoll { poll: id(2), draft: seen(Visibility::Never) });
    room.ok(ada, Command::ArchivePoll { poll: id(2), archived: true });
    room.ok(ada, Command::ArchivePoll { poll: id(2), archived: false });
    assert_eq!(room.poll(id(2)).status, PollStatus::Draft);
}

#[test]
fn texts_count_as_one_whatever_their_case_and_can_be_hidden() {
    let (mut room, poll) = open(draft(PollKind::WordCloud));
    let (ada, tom) = (id(ADA), room.joins(4, Role::Participant));
    room.ok(id(PIA), vote(poll, words(&["Great", "rude"])));
    room.ok(tom, vote(poll, words(&[" GREAT "])));
    let hide = |text: &str, hidden| Command::HideAnswer { poll, text: text.to_owned(), hidden };
    assert_eq!(room.no(ada, hide("unsaid", true)), Code::OptionUnknown);
    assert_eq!(room.no(tom, hide("rude", true)), Code::Forbidden);
    room.ok(ada, hide("Rude", true));
    assert!(room.ok(ada, hide("rude ", true)).is_empty());
    let shown = |room: &Room, hosts| {
        let texts = tally(room.poll(poll), hosts).texts.into_iter();
        texts.map(|text| (text.text, text.count, text.hidden)).collect::<Vec<_>>()
    };
    assert_eq!(shown(&room, true), vec![("Great".to_owned(), 2, false), ("rude".to_owned(), 1, true)]);
    assert_eq!(shown(&room, false), vec![("Great".to_owned(), 2, false)]);
    room.ok(ada, hide("rude", false));
    assert_eq!(shown(&room, false).len(), 2);
}
