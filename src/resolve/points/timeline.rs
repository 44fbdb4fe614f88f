//! Which points a copy has, and when.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use super::gap::{Clock, longest_gap};
use super::loss::Term;
use crate::document::KeyPath;
use crate::plan::{Backup, Copy, Points};
use crate::value::{Id, Length};

/// Points are written out for the year that every walk takes and for the one before it.
const BEFORE: i64 = 366 * 86_400;
/// More points than these are not written out; then the sums are bounds.
const MOST_POINTS: usize = 60_000;

/// A point: when its data was captured, and from when on the copy has it. In seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) captured: i64,
    pub(super) usable: i64,
}

/// The points of a copy over time.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// The points, one by one, if they can be known: no phase is unknown, and there are not too many.
    pub(super) points: Option<Vec<Point>>,
    /// The longest time between the captures of two points that follow each other.
    pub(super) gap: Length,
    /// No two points that follow each other are captured closer together than that.
    pub(super) least_gap: Length,
    /// Why that is the gap.
    pub(super) gap_term: Term,
    /// The oldest that the newest point of the copy can become, term by term.
    pub(super) age: Vec<Term>,
    /// Whether that is exact; else it is a bound that no case goes beyond.
    pub(super) is_exact: bool,
}

impl Timeline {
    /// Returns the oldest that the newest point of the copy can become.
    pub(super) fn age(&self) -> Length {
        self.age.iter().fold(Length::ZERO, |sum, term| sum.saturating_add(term.length))
    }

    /// Works out the points of a copy; `with_points` asks for them one by one even where the sums do without.
    ///
    /// # Errors
    ///
    /// When a schedule is none, or when the copies are made from each other in a circle.
    pub(super) fn of(
        backup_id: &Id,
        backup: &Backup,
        copy_id: &Id,
        with_points: bool,
    ) -> Result<Self, String> {
        let mut chain: Vec<(&Id, &Copy)> = Vec::new();
        let mut next = Some(copy_id);
        while let Some(id) = next {
            let Some((id, copy)) = backup.copies.get_key_value(id) else {
                return Err(format!("is made from `{id}`, which {backup_id} does not have"));
            };
            if chain.iter().any(|(known, _)| *known == id) {
                return Err("is made from itself, in a circle".to_owned());
            }
            chain.push((id, copy));
            next = copy.from.as_ref();
        }
        chain.reverse();
        let own = chain.iter().skip(1).any(|(_, copy)| copy.points.is_some());
        let mut chain = chain.into_iter();
        let Some((first, copy)) = chain.next() else { return Err("is no copy".to_owned()) };
        let mut timeline = Self::first(backup_id, backup, first, copy, own || with_points)?;
        for (id, copy) in chain {
            timeline = match &copy.points {
                None => timeline.carried(backup_id, id, copy),
                Some(points) => timeline.taken(backup_id, id, copy, points)?,
            };
        }
        Ok(timeline)
    }

    /// The copy that the backup itself makes.
    fn first(
        backup_id: &Id,
        backup: &Backup,
        id: &Id,
        copy: &Copy,
        with_points: bool,
    ) -> Result<Self, String> {
        let root = KeyPath::root().key("backups").key(backup_id.as_str());
        let (declared, path) = match &copy.points {
            Some(points) => (points, root.key("copies").key(id.as_str()).key("points")),
            None => (&backup.points, root.key("points")),
        };
        let gap = longest_gap(declared)?;
        let says = match (declared, &gap.between) {
            (Points::Continuous, _) => format!("{backup_id} is captured all the time"),
            (_, None) => format!("{backup_id}, {declared}: points are that far apart"),
            (_, Some(between)) => format!(
                "{backup_id}, {declared}: the longest gap lies between {between}; the usual one is {}",
                gap.usual
            ),
        };
        let beyond_usual = gap.length.saturating_sub(gap.usual);
        let gap_term = Term { says, length: gap.length, path, beyond_usual };
        let mut age = vec![gap_term.clone()];
        let mut delay = Length::ZERO;
        if let Some(takes) = backup.takes {
            age.push(Term::steady(format!("{backup_id} takes"), takes, root.key("takes")));
            delay = takes;
        }
        if let Some(lag) = copy.lag {
            age.push(lag_term(backup_id, id, lag));
            delay = delay.saturating_add(lag);
        }
        let captures = if with_points { captures(declared) } else { None };
        let usable = |captured| Point { captured, usable: captured + seconds(delay) };
        let points = captures.map(|captures| captures.into_iter().map(usable).collect());
        let least_gap = if steady(declared) { gap.length } else { Length::ZERO };
        Ok(Self { points, gap: gap.length, least_gap, gap_term, age, is_exact: true })
    }

    /// A copy that carries every point of the one before.
    fn carried(mut self, backup: &Id, id: &Id, copy: &Copy) -> Self {
        if let Some(lag) = copy.lag {
            self.age.push(lag_term(backup, id, lag));
            for point in self.points.iter_mut().flatten() {
                point.usable += seconds(lag);
            }
        }
        self
    }

    /// A copy that takes the newest point of the one before by a schedule of its own.
    fn taken(self, backup: &Id, id: &Id, copy: &Copy, points: &Points) -> Result<Self, String> {
        let root = KeyPath::root().key("backups").key(backup.as_str()).key("copies").key(id.as_str());
        if *points == Points::Continuous {
            return Ok(self.carried(backup, id, copy));
        }
        let path = root.key("points");
        let gap = longest_gap(points)?;
        let lag = copy.lag.unwrap_or_default();
        let fires = captures(points);
        let exact =
            self.points.as_deref().zip(fires).and_then(|(source, fires)| taken_exactly(source, &fires));
        let Some(taken) = exact else {
            let gap_length = self.gap.saturating_add(gap.length);
            let says = format!("{backup}.{id} takes a point {points}, from points {} apart", self.gap);
            let gap_term = Term::steady(says, gap_length, path.clone());
            let mut age = self.age;
            let says = format!("until {backup}.{id} takes its next point, {points}, at most");
            age.push(Term::steady(says, gap.length, path));
            age.extend(copy.lag.map(|lag| lag_term(backup, id, lag)));
            let least_gap = if steady(points) { gap.length.saturating_sub(self.gap) } else { Length::ZERO };
            return Ok(Self { points: None, gap: gap_length, least_gap, gap_term, age, is_exact: false });
        };
        let mut age = vec![
            Term::steady(
                format!("the newest point that {backup}.{id} finds, {points}, is at worst this old"),
                length(taken.age),
                path.clone(),
            ),
            Term::steady(
                format!("and then it takes this long until {backup}.{id} takes the next"),
                length(taken.wait),
                path.clone(),
            ),
        ];
        age.extend(copy.lag.map(|lag| lag_term(backup, id, lag)));
        let gap = length(taken.gap);
        let says = format!("{backup}.{id} takes a point {points}: its points are up to that far apart");
        let gap_term = Term::steady(says, gap, path);
        let points =
            taken.points.into_iter().map(|point| Point { usable: point.usable + seconds(lag), ..point });
        Ok(Self {
            points: Some(points.collect()),
            gap,
            least_gap: Length::ZERO,
            gap_term,
            age,
            is_exact: true,
        })
    }
}

/// What a copy with a schedule of its own has.
struct Taken {
    points: Vec<Point>,
    gap: i64,
    age: i64,
    wait: i64,
}

/// Walks over both schedules: at each fire the newest point of the source is taken.
fn taken_exactly(source: &[Point], fires: &[i64]) -> Option<Taken> {
    let mut points: Vec<Point> = Vec::new();
    let (mut gap, mut worst, mut at) = (0, None, 0);
    for (which, fire) in fires.iter().enumerate() {
        // A source has points in the order of their capture, so that the newest usable one is the last.
        while source.get(at).is_some_and(|point| point.usable <= *fire) {
            at += 1;
        }
        let Some(newest) = at.checked_sub(1).and_then(|at| source.get(at)) else { continue };
        let age = fire - newest.captured;
        if let Some(next) = fires.get(which + 1) {
            let wait = next - fire;
            if worst.is_none_or(|(age_of, wait_of)| age + wait > age_of + wait_of) {
                worst = Some((age, wait));
            }
        }
        match points.last() {
            Some(last) if last.captured == newest.captured => {}
            last => {
                gap = gap.max(last.map_or(0, |last| newest.captured - last.captured));
                points.push(Point { captured: newest.captured, usable: *fire });
            }
        }
    }
    let (age, wait) = worst?;
    (points.len() > 2).then_some(Taken { points, gap, age, wait })
}

/// Whether the moments of a schedule are equally far apart.
const fn steady(points: &Points) -> bool {
    matches!(points, Points::Every(_))
}

/// The moments of a schedule, by its expression and time zone.
type Captures = HashMap<(String, String), Option<Vec<i64>>>;

/// Every asset asks for the same moments again, in every scenario and environment.
static KNOWN: LazyLock<Mutex<Captures>> = LazyLock::new(Mutex::default);

/// Returns the moments of a schedule over the years that are walked; nothing if its phase is unknown.
fn captures(points: &Points) -> Option<Vec<i64>> {
    let Points::Cron { expression, timezone } = points else { return None };
    let key = (expression.clone(), timezone.clone().unwrap_or_else(|| "UTC".to_owned()));
    if let Some(fires) = KNOWN.lock().ok().and_then(|known| known.get(&key).cloned()) {
        return fires;
    }
    let fires =
        Clock::new(&key.0, &key.1).ok().and_then(|clock| clock.fires_of_the_year(BEFORE, MOST_POINTS).ok());
    if let Ok(mut known) = KNOWN.lock() {
        known.insert(key, fires.clone());
    }
    fires
}

fn lag_term(backup: &Id, copy: &Id, lag: Length) -> Term {
    let path =
        KeyPath::root().key("backups").key(backup.as_str()).key("copies").key(copy.as_str()).key("lag");
    Term::steady(format!("{backup}.{copy} lags behind"), lag, path)
}

/// Rounded up: what is lost is never told as less than it is.
pub(super) fn seconds(length: Length) -> i64 {
    i64::try_from(length.as_millis().div_ceil(1000)).unwrap_or(i64::MAX / 4)
}

pub(super) fn length(seconds: i64) -> Length {
    Length::from_secs(u64::try_from(seconds).unwrap_or_default())
}
