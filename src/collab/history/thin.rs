//! Which versions are kept for how long. Pure: what there is and the time come in, what goes comes out.
use std::collections::HashSet;

use chrono::TimeDelta;
use uuid::Uuid;

use super::Reason;
use crate::kernel::Moment;

/// Automatic versions of one document, at most …
const MOST_AUTOMATIC: usize = 400;
/// … and their bytes.
const MOST_BYTES: u64 = 256 << 20;
/// Versions of submitting, accepting, approving and publishing, at most.
const MOST_ACTS: usize = 500;

/// A version, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub id: Uuid,
    /// Why it was kept.
    pub reason: Reason,
    /// When.
    pub at: Moment,
    /// How large it is.
    pub bytes: u64,
    /// Who wrote since the one before.
    pub authors: Vec<Uuid>,
}

/// What becomes of the versions of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thinned {
    /// These go.
    pub gone: Vec<Uuid>,
    /// These stay, and stand for the authors of those before them that go as well.
    pub heirs: Vec<(Uuid, Vec<Uuid>)>,
}

/// Automatic versions: all of a day, the last of each hour of a week, the last of each day before. Those with a name stay.
/// `versions` are all that there are, the newest first.
pub fn thinned(versions: &[Kept], now: Moment) -> Thinned {
    let (mut hours, mut days) = (HashSet::new(), HashSet::new());
    let (mut automatic, mut bytes, mut acts) = (0, 0, 0);
    let mut thinned = Thinned::default();
    let mut heir: Option<(Uuid, Vec<Uuid>, usize)> = None;
    for version in versions {
        let age = now - version.at;
        let stays = match version.reason {
            Reason::Manual => true,
            Reason::Submit | Reason::Accept | Reason::Approve | Reason::Publish => {
                acts += 1;
                acts <= MOST_ACTS
            }
            Reason::Scheduled | Reason::Restore => {
                let hour = version.at.timestamp().div_euclid(3_600);
                let alone = age <= TimeDelta::days(1)
                    || if age <= TimeDelta::days(7) { hours.insert(hour) } else { days.insert(hour.div_euclid(24)) };
                let fits = alone && automatic < MOST_AUTOMATIC && bytes + version.bytes <= MOST_BYTES;
                if fits {
                    automatic += 1;
                    bytes += version.bytes;
                }
                // However large: the newest one stays.
                fits || alone && automatic == 0
            }
        };
        if stays {
            thinned.heirs.extend(heir.take().filter(|(_, all, own)| all.len() > *own).map(|(id, all, _)| (id, all)));
            heir = Some((version.id, version.authors.clone(), version.authors.len()));
        } else {
            thinned.gone.push(version.id);
            if let Some((_, all, _)) = &mut heir {
                let new: Vec<Uuid> = version.authors.iter().filter(|author| !all.contains(author)).copied().collect();
                all.extend(new);
            }
        }
    }
    thinned.heirs.extend(heir.filter(|(_, all, own)| all.len() > *own).map(|(id, all, _)| (id, all)));
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(minutes_ago: i64) -> Moment {
        Moment::from_timestamp(NOW - minutes_ago * 60, 0).unwrap()
    }
    fn version(number: u128, reason: Reason, minutes_ago: i64) -> Kept {
        let authors = vec![Uuid::from_u128(1_000 + number)];
        Kept { id: Uuid::from_u128(number), reason, at: at(minutes_ago), bytes: 1, authors }
    }
    /// Every ten minutes, so many.
    fn every_ten_minutes(count: u128) -> Vec<Kept> {
        (0..count).map(|n| version(n, Reason::Scheduled, i64::try_from(n).unwrap() * 10)).collect()
    }
    fn left(versions: &[Kept], thinned: &Thinned) -> Vec<Kept> {
        versions.iter().filter(|version| !thinned.gone.contains(&version.id)).cloned().collect()
    }

    #[test]
    fn all_of_a_day_one_an_hour_of_a_week_one_a_day_before() {
        let versions = every_ten_minutes(6 * 24 * 30);
        let thinned = thinned(&versions, at(0));
        let left = left(&versions, &thinned);
        let between = |from: i64, to: i64| {
            left.iter().filter(|version| version.at <= at(from * 60) && version.at > at(to * 60)).count()
        };
        assert_eq!(between(0, 24), 144);
        assert!((143..=145).contains(&between(24, 24 * 7)), "{}", between(24, 24 * 7));
        assert!((22..=25).contains(&between(24 * 7, 24 * 30)), "{}", between(24 * 7, 24 * 30));
        assert_eq!(super::thinned(&left, at(0)), Thinned::default(), "what stays stays");
    }

    #[test]
    fn names_and_acts_stay_and_authors_are_handed_on() {
        let month = 60 * 24 * 30;
        let versions = [
            version(1, Reason::Manual, month),
            version(2, Reason::Scheduled, month + 1),
            version(3, Reason::Scheduled, month + 2),
            version(4, Reason::Submit, month + 3),
            version(5, Reason::Restore, month + 4),
        ];
        let thinned = thinned(&versions, at(0));
        let of = |numbers: &[u128]| numbers.iter().map(|n| Uuid::from_u128(*n)).collect::<Vec<_>>();
        assert_eq!(thinned.gone, of(&[3, 5]), "of this day one automatic one stays, and all others");
        assert_eq!(thinned.heirs[0], (Uuid::from_u128(2), of(&[1_002, 1_003])));
        assert_eq!(thinned.heirs[1], (Uuid::from_u128(4), of(&[1_004, 1_005])));
    }

    #[test]
    fn there_are_never_too_many_nor_too_large_ones() {
        let days = (0..1_000).map(|n| version(n, Reason::Scheduled, i64::try_from(n).unwrap() * 60 * 24));
        let versions: Vec<Kept> = days.collect();
        assert_eq!(left(&versions, &thinned(&versions, at(0))).len(), MOST_AUTOMATIC);
        let large = every_ten_minutes(100).into_iter().map(|version| Kept { bytes: 16 << 20, ..version });
        let versions: Vec<Kept> = large.collect();
        assert_eq!(left(&versions, &thinned(&versions, at(0))).len(), 16);
        let huge = [Kept { bytes: 1 << 40, ..version(1, Reason::Scheduled, 0) }];
        assert_eq!(thinned(&huge, at(0)), Thinned::default());
        let acts: Vec<Kept> = (0..600).map(|n| version(n, Reason::Submit, i64::try_from(n).unwrap())).collect();
        assert_eq!(left(&acts, &thinned(&acts, at(0))).len(), MOST_ACTS);
    }
}
