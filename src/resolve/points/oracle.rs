//! The sums against brute force: every point is written out, and every moment of a year is looked at.

use proptest::prelude::*;

use super::gap::Clock;
use super::*;
use crate::document::Sources;
use crate::plan::{Loaded, load};
use crate::resolve::{Imports, Recipes, ResolvedPlan, resolve};
use crate::value::Length;

const START: i64 = 1_767_225_600;
const YEAR: i64 = 366 * 86_400;
const HOUR: i64 = 3_600;

#[derive(Clone, Copy, Debug)]
enum Schedule {
    Cron(&'static str, &'static str),
    Every(i64),
}

impl Schedule {
    fn yaml(self) -> String {
        match self {
            Self::Cron(expression, zone) => format!("{{ cron: '{expression}', timezone: {zone} }}"),
            Self::Every(hours) => format!("{{ every: {hours}h }}"),
        }
    }

    /// Every moment, from well before the year on; those that recur after a length begin anywhere.
    fn moments(self, phase: i64) -> Vec<i64> {
        match self {
            Self::Cron(expression, zone) => {
                Clock::new(expression, zone).unwrap().fires_of_the_year(YEAR, usize::MAX - 1).unwrap()
            }
            Self::Every(hours) => {
                let step = hours * HOUR;
                let first = START - YEAR + phase % step;
                (0..=(START + YEAR - first) / step).map(|n| first + n * step).collect()
            }
        }
    }
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];
    let crons =
        ["0 2 * * *", "30 2 * * *", "0 2 * * 1-5", "0 */6 * * *", "15 3 * * 0", "0 1,13 * * *", "0 4 1 * *"];
    prop_oneof![
        4 => (0..crons.len(), 0..zones.len()).prop_map(move |(cron, zone)| Schedule::Cron(crons[cron], zones[zone])),
        1 => (3_i64..60).prop_map(Schedule::Every),
    ]
}

#[derive(Debug, Clone)]
struct Chain {
    points: Schedule,
    takes: i64,
    /// For each copy its lag and perhaps a schedule of its own, in hours.
    copies: Vec<(i64, Option<Schedule>)>,
    keep: String,
    phases: Vec<i64>,
}

fn chain() -> impl Strategy<Value = Chain> {
    let copy = (0_i64..12, proptest::option::weighted(0.4, schedule()));
    let keep = prop_oneof![
        (1_i64..90).prop_map(|days| format!("{days}d")),
        (1_u32..12, 1_u32..8, 0_u32..6).prop_map(|(daily, weekly, monthly)| format!(
            "{{ daily: {daily}, weekly: {weekly}, monthly: {monthly} }}"
        )),
        (1_u32..40).prop_map(|last| format!("{{ last: {last} }}")),
    ];
    (schedule(), 0_i64..5, proptest::collection::vec(copy, 1..4), keep, proptest::collection::vec(0..YEAR, 5))
        .prop_map(|(points, takes, mut copies, keep, phases)| {
            copies[0].1 = None;
            Chain { points, takes, copies, keep, phases }
        })
}

impl Chain {
    fn plan(&self) -> ResolvedPlan {
        let mut text =
            "version: 1\nplan: p\nassets: { a: { kind: files } }\nbackups:\n  b:\n    of: [a]\n".to_owned();
        text += &format!("    points: {}\n    takes: {}h\n    copies:\n", self.points.yaml(), self.takes);
        for (at, (lag, own)) in self.copies.iter().enumerate() {
            let from = if at > 0 { format!("from: c{}, ", at - 1) } else { String::new() };
            let points = own.map(|own| format!("points: {}, ", own.yaml())).unwrap_or_default();
            text += &format!("      c{at}: {{ {from}{points}lag: {lag}h, keep: {} }}\n", self.keep);
        }
        let mut sources = Sources::default();
        let source = sources.add("p.yaml", text.clone());
        let Loaded { document, value, findings, .. } = load(source, &sources);
        assert!(findings.is_empty(), "{findings:?}\n{text}");
        resolve(&document.unwrap(), value.unwrap(), &Recipes::default(), &Imports::default(), None).0
    }

    fn last(&self) -> String {
        format!("b.c{}", self.copies.len() - 1)
    }

    /// The points of the last copy: captured, usable.
    fn points(&self) -> Vec<(i64, i64)> {
        let captures = self.points.moments(self.phases[0]);
        let mut points: Vec<(i64, i64)> =
            captures.into_iter().map(|at| (at, at + (self.takes + self.copies[0].0) * HOUR)).collect();
        for (at, (lag, own)) in self.copies.iter().enumerate().skip(1) {
            points = match own {
                None => {
                    points.into_iter().map(|(captured, usable)| (captured, usable + lag * HOUR)).collect()
                }
                Some(own) => {
                    let fires = own.moments(self.phases[at]);
                    let newest = |fire: i64| {
                        let upto = points.partition_point(|(_, usable)| *usable <= fire);
                        upto.checked_sub(1).map(|at| points[at].0)
                    };
                    fires.into_iter().filter_map(|fire| Some((newest(fire)?, fire + lag * HOUR))).collect()
                }
            };
        }
        points
    }

    fn has_unknown_phases(&self) -> bool {
        let own: Vec<Schedule> = self.copies.iter().filter_map(|(_, own)| *own).collect();
        !own.is_empty()
            && own.iter().chain([&self.points]).any(|schedule| matches!(schedule, Schedule::Every(_)))
    }
}

fn hours(length: Length) -> i64 {
    i64::try_from(length.as_millis() / 1000).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Just before the next point is usable, the newest that is is as old as it ever gets.
    #[test]
    fn what_is_lost_with_a_place_is_what_brute_force_finds(chain in chain()) {
        let plan = chain.plan();
        let told = point_loss(&plan, &chain.last(), Harmful::Loss).unwrap();
        let points = chain.points();
        let mut worst = 0;
        for pair in points.windows(2) {
            worst = worst.max(pair[1].1 - pair[0].0);
        }
        let total = hours(told.total());
        prop_assert!(total >= worst, "told {total}, found {worst}: {:#?}", told);
        if chain.has_unknown_phases() {
            prop_assert!(!told.is_exact);
        } else {
            // A gap at the very end of the walk may be seen by one of both alone.
            let rare = |schedule: &Schedule| matches!(schedule, Schedule::Cron("0 4 1 * *", _));
            let slack = if chain.copies.iter().filter_map(|(_, own)| own.as_ref()).chain([&chain.points]).any(rare) { 3 * 86_400 } else { 0 };
            prop_assert!(total <= worst + slack, "told {total}, found {worst}: {:#?}", told);
        }
    }

    /// Whatever the moment of the harm, a clean point is there if it is promised, and no more is lost than is told.
    #[test]
    fn what_is_lost_to_late_found_harm_is_never_more_than_told(chain in chain(), found_after in 0_i64..40, seed in 0_i64..150) {
        let plan = chain.plan();
        let found_after = found_after * 12 * HOUR;
        let harm = Harmful::FoundAfter(Length::from_secs(u64::try_from(found_after).unwrap()));
        let Ok(told) = point_loss(&plan, &chain.last(), harm) else { return Ok(()) };
        let total = hours(told.total());
        let mut points = chain.points();
        points.dedup_by_key(|(captured, _)| *captured);
        // Any moment will do; these lie just before and just after something happens.
        let moments = points.iter().skip(usize::try_from(seed).unwrap()).step_by(151).flat_map(|(captured, usable)| {
            [captured + found_after - 1, captured + found_after, usable - 1, usable + 1]
        });
        for now in moments.filter(|now| (START..START + YEAR).contains(now)) {
            let harmed = now - found_after;
            let kept = kept_at(&points, &chain.keep, now);
            let newest = kept.iter().copied().filter(|captured| *captured <= harmed).max();
            let Some(newest) = newest else {
                prop_assert!(false, "no clean point at {now}, though {total} was told: {:#?}", told);
                continue;
            };
            prop_assert!(harmed - newest <= total, "{} lost at {now}, {total} told: {:#?}", harmed - newest, told);
        }
    }
}

/// Which points a copy holds at a moment, by the rule of its generations, written out.
fn kept_at(points: &[(i64, i64)], keep: &str, now: i64) -> Vec<i64> {
    let there: Vec<i64> =
        points.iter().filter(|(_, usable)| *usable <= now).map(|(captured, _)| *captured).collect();
    if let Some(days) = keep.strip_suffix('d') {
        let days: i64 = days.parse().unwrap();
        return there.into_iter().filter(|captured| now - captured <= days * 86_400).collect();
    }
    let number = |name: &str| -> usize {
        let rest = keep.split(name).nth(1).map_or("0", |rest| rest.trim_start_matches(": "));
        rest.split([',', ' ']).next().unwrap().parse().unwrap()
    };
    let mut kept = Vec::new();
    if keep.contains("last") {
        kept.extend(there.iter().rev().take(number("last")).copied());
    }
    let month = |at: i64| {
        let text = crate::value::Moment::from_unix_millis(at * 1000).to_string();
        text[..7].to_owned()
    };
    let day = |at: i64| (at / 86_400).to_string();
    let week = |at: i64| ((at + 3 * 86_400) / (7 * 86_400)).to_string();
    let periods: [(&str, &dyn Fn(i64) -> String); 3] =
        [("daily", &day), ("weekly", &week), ("monthly", &month)];
    for (name, period) in periods {
        let mut seen: Vec<String> = Vec::new();
        for captured in there.iter().rev() {
            let of = period(*captured);
            if seen.last() != Some(&of) {
                if seen.len() == number(name) {
                    break;
                }
                seen.push(of);
                kept.push(*captured);
            }
        }
    }
    kept
}
