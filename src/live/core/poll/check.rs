//! Polls: is a draft well-formed, and does an answer fit its poll?
use std::collections::BTreeSet;

use super::{
    super::wording::{normalised, optional_line},
    Choice, PollDraft, PollKind, PollOption,
};
use crate::kernel::{Code, Refusal, text};

/// A timer in seconds, 5 to `most`.
pub(in super::super) fn seconds(seconds: u32, most: u32) -> Result<u32, Refusal> {
    if (5..=most).contains(&seconds) { Ok(seconds) } else { Err(Refusal::with_limit(Code::Invalid, most)) }
}

/// The longest timer: a day.
pub(in super::super) const LONGEST: u32 = 86_400;

/// The draft with its texts cleaned, its bounds checked, and without what its kind has no use for.
pub fn draft(draft: &PollDraft) -> Result<PollDraft, Refusal> {
    let (min_choices, max_choices) = choices(draft)?;
    let labels = draft.kind == PollKind::Rating;
    Ok(PollDraft {
        question: text::required(&draft.question, 500)?,
        kind: draft.kind,
        options: options(draft)?,
        min_choices,
        max_choices,
        low_label: optional_line(draft.low_label.as_deref().filter(|_| labels), 60)?,
        high_label: optional_line(draft.high_label.as_deref().filter(|_| labels), 60)?,
        visibility: draft.visibility,
        allow_change: draft.allow_change,
        seconds: draft.seconds.map(|value| seconds(value, LONGEST)).transpose()?,
    })
}

fn options(draft: &PollDraft) -> Result<Vec<PollOption>, Refusal> {
    let (least, most) = match draft.kind {
        PollKind::Single | PollKind::Multiple => (2, 20),
        PollKind::Rating => (2, 11),
        PollKind::OpenText | PollKind::WordCloud => (0, 0),
    };
    if draft.options.len() < least {
        return Err(Code::TooFewOptions.into());
    }
    if draft.options.len() > most as usize {
        return Err(Refusal::with_limit(Code::TooManyOptions, most));
    }
    let mut seen = BTreeSet::new();
    let cleaned = draft.options.iter().map(|option| {
        if !seen.insert(option.id) {
            return Err(Code::OptionTwice.into());
        }
        Ok(PollOption { id: option.id, label: text::required(&option.label, 200)? })
    });
    cleaned.collect()
}

fn choices(draft: &PollDraft) -> Result<(Option<u32>, Option<u32>), Refusal> {
    match draft.kind {
        PollKind::Single | PollKind::Rating | PollKind::OpenText => Ok((None, None)),
        PollKind::Multiple => {
            let all = u32::try_from(draft.options.len()).unwrap_or(u32::MAX);
            let (least, most) = draft.bounds();
            if least < 1 || least > most || most > all {
                return Err(Refusal::with_limit(Code::Invalid, all));
            }
            Ok((draft.min_choices, draft.max_choices))
        }
        PollKind::WordCloud => match draft.max_choices {
            Some(most) if !(1..=10).contains(&most) => Err(Refusal::with_limit(Code::Invalid, 10)),
            most => Ok((None, most)),
        },
    }
}

/// The answer in the form it is kept in: options in the poll's order, texts cleaned. Refused when it does not fit.
pub fn choice(draft: &PollDraft, choice: &Choice) -> Result<Choice, Refusal> {
    let bounds = draft.bounds();
    match (draft.kind, choice) {
        (PollKind::Single | PollKind::Multiple | PollKind::Rating, Choice::Options(chosen)) => {
            within(chosen.len(), bounds)?;
            let unique: BTreeSet<_> = chosen.iter().copied().collect();
            if unique.len() < chosen.len() {
                return Err(Code::OptionTwice.into());
            }
            let known = draft.options.iter().map(|option| option.id).filter(|id| unique.contains(id));
            let ordered: Vec<_> = known.collect();
            if ordered.len() < unique.len() {
                return Err(Code::OptionUnknown.into());
            }
            Ok(Choice::Options(ordered))
        }
        (PollKind::OpenText, Choice::Text(raw)) => Ok(Choice::Text(text::required_block(raw, 500)?)),
        (PollKind::WordCloud, Choice::Words(words)) => {
            within(words.len(), bounds)?;
            let words: Vec<String> = words.iter().map(|word| text::required(word, 40)).collect::<Result<_, _>>()?;
            let unique: BTreeSet<String> = words.iter().map(|word| normalised(word)).collect();
            if unique.len() < words.len() {
                return Err(Code::OptionTwice.into());
            }
            Ok(Choice::Words(words))
        }
        _ => Err(Code::ChoiceWrongKind.into()),
    }
}

fn within(count: usize, (least, most): (u32, u32)) -> Result<(), Refusal> {
    if count < least as usize {
        return Err(Code::TooFewChoices.into());
    }
    if count > most as usize {
        return Err(Refusal::with_limit(Code::TooManyChoices, most));
    }
    Ok(())
}
