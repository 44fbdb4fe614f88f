//! Carries a recovery out on paper many times, by chance, and looks how often the targets are met.

use std::cmp::Reverse;

use rand_pcg::Pcg64;

use super::chance::{Chances, Dealt, Rests};
use super::dispatch::{Bound, Scratch};
use super::network::{NONE, Network, small};
use super::recovery::recoveries_of;
use super::{Basis, Failure, Improvement, SimulatedAsset, Simulation, Spread, schedule};
use crate::graph::{Cycle, StepGraph};
use crate::resolve::{ResolvedPlan, Route};
use crate::value::{Id, Length};

/// What a simulation is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Odds {
    /// How many runs.
    pub runs: u32,
    /// What the random numbers begin with.
    pub seed: u64,
    /// How many times the median the 95th percentile is, where neither plan nor drills say; at least 1.
    pub spread: f64,
    /// The probability that an attempt of a command or request fails, from 0 to 1.
    pub failure_rate: f64,
}

impl Odds {
    /// How many runs if nothing is said.
    pub const RUNS: u32 = 10_000;
    /// The seed if nothing is said.
    pub const SEED: u64 = 1;
    /// The spread if nothing is said: one time of twenty it takes more than twice as long.
    pub const SPREAD: f64 = 2.0;
    /// The most runs.
    pub const MOST_RUNS: u32 = 1_000_000;
    /// The most outcomes that are kept: runs times assets.
    pub const MOST_OUTCOMES: usize = 30_000_000;
}

impl Default for Odds {
    fn default() -> Self {
        Self { runs: Self::RUNS, seed: Self::SEED, spread: Self::SPREAD, failure_rate: 0.0 }
    }
}

/// So many steps are tried out at half their time.
const MOST_TRIED: usize = 10;
/// With so many runs each, which are compared one by one with those of the plan as it is.
const RUNS_TRIED: usize = 400;
/// The time of what never comes back.
const NEVER: u64 = u64::MAX;
/// Parts of a curve.
const PARTS: usize = 200;

/// Carries a route out on paper many times.
///
/// # Errors
///
/// The shortest way round, if there is one.
pub fn simulate(plan: &ResolvedPlan, route: &Route, basis: &Basis, odds: &Odds) -> Result<Simulation, Cycle> {
    let order = StepGraph::new(&route.nodes).order()?;
    let network = Network::new(plan, route, &order, basis);
    let chances = Chances::new(plan, route, &network, basis, odds);
    let expected = schedule(plan, route, &order, basis);
    let assets: Vec<usize> = recoveries_of(route).collect();
    let mut table = Table::new(&network, &chances, &assets, odds);
    let runs = odds.runs as usize;
    let mut outcomes = table.runs(runs, NONE, true);
    let whole = outcomes.whole.clone();
    let delay = plan.scenarios.get(route.scenario.as_ref().map_or("", Id::as_str));
    let delay = delay.map(crate::plan::Scenario::assumed_delay).unwrap_or_default();
    let mut simulated: Vec<(usize, SimulatedAsset)> = Vec::new();
    let first: Vec<Vec<u64>> =
        outcomes.assets.iter().map(|times| times[..runs.min(RUNS_TRIED)].to_vec()).collect();
    for (index, times) in outcomes.assets.iter_mut().enumerate() {
        times.sort_unstable();
        let asset = &route.nodes[assets[index]].id;
        let Some(recovery) = expected.recoveries.get(asset) else { continue };
        let met = recovery.rto.map(|rto| share(times.partition_point(|time| *time <= rto.as_millis()), runs));
        let spread = spread(times, recovery.healthy);
        simulated.push((index, SimulatedAsset { asset: asset.clone(), rto: recovery.rto, met, spread }));
    }
    // The least certain of its target first; what has no target after all that has one, the latest first.
    simulated.sort_by(|(_, one), (_, other)| {
        let key = |asset: &SimulatedAsset| asset.met.unwrap_or(2.0);
        let late = |asset: &SimulatedAsset| Reverse(asset.spread.p95.map_or(NEVER, Length::as_millis));
        key(one).total_cmp(&key(other)).then_with(|| late(one).cmp(&late(other)))
    });
    let improvements = match simulated.first() {
        Some((worst, asset)) => table.improvements(&outcomes, &first[*worst], *worst, asset.rto),
        None => Vec::new(),
    };
    let mut whole = whole;
    whole.sort_unstable();
    let mut failures: Vec<Failure> = chances
        .steps
        .iter()
        .zip(&outcomes.failed)
        .filter(|(_, count)| **count > 0)
        .map(|((step, _), count)| Failure { step: step.clone(), share: share(*count as usize, runs) })
        .collect();
    failures.sort_by(|one, other| other.share.total_cmp(&one.share));
    let scenario = route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
    Ok(Simulation {
        version: Simulation::VERSION,
        plan: plan.plan.clone(),
        title: plan.title.clone(),
        scenario: route.scenario.clone(),
        scenario_title: scenario.map(|scenario| scenario.title.clone()),
        environment: plan.environment.clone(),
        runs: odds.runs,
        seed: odds.seed,
        spread: odds.spread,
        failure_rate: odds.failure_rate,
        max_parallel: basis.max_parallel,
        whole: spread(&whole, delay.saturating_add(expected.total)),
        unrecovered: share(outcomes.unrecovered, runs),
        assets: simulated.into_iter().map(|(_, asset)| asset).collect(),
        failures,
        improvements,
    })
}

/// In what time an asset is back, when a route is carried out on paper many times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// The asset.
    pub asset: Id,
    /// Half of the times at most so long after the incident; nothing if it mostly is not.
    pub p50: Option<Length>,
    /// 95 times of 100 at most so long.
    pub p95: Option<Length>,
}

/// Returns in what time each asset is back, and nothing more than that.
///
/// # Errors
///
/// The shortest way round, if there is one.
pub fn foresee(
    plan: &ResolvedPlan,
    route: &Route,
    basis: &Basis,
    odds: &Odds,
) -> Result<Vec<Foreseen>, Cycle> {
    let assets: Vec<usize> = recoveries_of(route).collect();
    if assets.is_empty() {
        return Ok(Vec::new());
    }
    let network = Network::new(plan, route, &StepGraph::new(&route.nodes).order()?, basis);
    let chances = Chances::new(plan, route, &network, basis, odds);
    let outcomes = Table::new(&network, &chances, &assets, odds).runs(odds.runs as usize, NONE, false);
    let foreseen = assets.iter().zip(outcomes.assets).map(|(node, mut times)| {
        times.sort_unstable();
        let at = |percent| quantile(&times, percent, 100);
        Foreseen { asset: route.nodes[*node].id.clone(), p50: at(50), p95: at(95) }
    });
    Ok(foreseen.collect())
}

/// What many runs have given.
struct Outcomes {
    /// For each asset, the time of each run, in milliseconds from the incident.
    assets: Vec<Vec<u64>>,
    /// The whole recovery of each run.
    whole: Vec<u64>,
    unrecovered: usize,
    /// For the first runs, how long it took to notice and to decide.
    before: Vec<[u64; 2]>,
    /// For each step, in how many runs it was critical, and in how many it failed for good.
    critical: Vec<u32>,
    failed: Vec<u32>,
}

struct Table<'a> {
    network: &'a Network,
    chances: &'a Chances,
    /// The health checks of the assets, by rank.
    assets: Vec<usize>,
    seed: u64,
    scratch: Scratch,
    dealt: Dealt,
    /// For each step, the last run in which it was counted.
    counted: Vec<usize>,
    /// By rank, whether a node cannot be reached any more because something before it failed.
    cut_off: Vec<bool>,
}

impl<'a> Table<'a> {
    fn new(network: &'a Network, chances: &'a Chances, assets: &[usize], odds: &Odds) -> Self {
        Self {
            network,
            chances,
            assets: assets.iter().map(|node| network.rank_of[*node] as usize).collect(),
            seed: odds.seed,
            scratch: Scratch::new(network),
            dealt: Dealt::default(),
            counted: vec![usize::MAX; chances.steps.len()],
            cut_off: vec![false; network.len()],
        }
    }

    /// Carries out so many runs, always with the same luck.
    fn runs(&mut self, runs: usize, halved: u32, counts: bool) -> Outcomes {
        let (mut luck, mut mishaps) =
            (Pcg64::new(u128::from(self.seed), 1), Pcg64::new(u128::from(self.seed), 2));
        let steps = self.chances.steps.len();
        let mut outcomes = Outcomes {
            assets: vec![Vec::with_capacity(runs); self.assets.len()],
            whole: Vec::with_capacity(runs),
            unrecovered: 0,
            before: Vec::with_capacity(runs.min(RUNS_TRIED)),
            critical: vec![0; steps],
            failed: vec![0; steps],
        };
        self.counted.fill(usize::MAX);
        for run in 0..runs {
            self.chances.deal(self.network, halved, &mut luck, &mut mishaps, &mut self.dealt);
            let total = self.network.run(&self.dealt.lengths, &self.dealt.arrivals, &mut self.scratch);
            let delay = self.dealt.delay();
            if run < RUNS_TRIED {
                outcomes.before.push(self.dealt.before);
            }
            if self.dealt.failed.is_empty() {
                for (rank, times) in self.assets.iter().zip(&mut outcomes.assets) {
                    times.push(delay.saturating_add(self.scratch.turns[*rank].end));
                }
                outcomes.whole.push(delay.saturating_add(total));
            } else {
                self.after_failures(&mut outcomes);
            }
            if counts {
                self.count_critical(run, total, &mut outcomes.critical);
            }
        }
        outcomes
    }

    /// What needs a step that failed never comes back; where the run stops, nothing does that is not back by then.
    fn after_failures(&mut self, outcomes: &mut Outcomes) {
        let stopped = self.dealt.failed.iter().filter(|failed| !failed.goes_on);
        let stopped =
            stopped.map(|failed| self.scratch.turns[failed.rank as usize].end).min().unwrap_or(NEVER);
        self.cut_off.fill(false);
        for failed in &self.dealt.failed {
            // What was never begun, since the run had stopped, did not fail.
            if self.scratch.turns[failed.rank as usize].start < stopped {
                self.cut_off[failed.rank as usize] = true;
                outcomes.failed[failed.step as usize] += 1;
            }
        }
        for rank in &self.scratch.sequence {
            if self.cut_off[*rank as usize] {
                for next in self.network.after(*rank as usize) {
                    self.cut_off[*next as usize] = true;
                }
            }
        }
        for (rank, times) in self.assets.iter().zip(&mut outcomes.assets) {
            let end = self.scratch.turns[*rank].end;
            let is_back = !self.cut_off[*rank] && end <= stopped;
            times.push(if is_back { self.dealt.delay().saturating_add(end) } else { NEVER });
        }
        outcomes.whole.push(NEVER);
        outcomes.unrecovered += 1;
    }

    /// Counts the steps on the chain of waits that leads to the end.
    fn count_critical(&mut self, run: usize, total: u64, critical: &mut [u32]) {
        let Some(mut at) = self.scratch.turns.iter().position(|turn| turn.end == total) else { return };
        loop {
            let step = self.chances.step_of[at] as usize;
            if let Some(counted) = self.counted.get_mut(step).filter(|counted| **counted != run) {
                *counted = run;
                critical[step] += 1;
            }
            match self.scratch.turns[at].bound {
                Bound::Nothing | Bound::Arrival(_) => return,
                Bound::Before(rank) | Bound::Slot(rank) | Bound::Lock(rank) | Bound::Person(rank) => {
                    at = rank as usize;
                }
            }
        }
    }

    /// Tries out what it brings when a step takes half as long, for the steps that are critical most often.
    fn improvements(
        &mut self,
        outcomes: &Outcomes,
        before: &[u64],
        worst: usize,
        rto: Option<Length>,
    ) -> Vec<Improvement> {
        let mut steps: Vec<usize> =
            (0..self.chances.steps.len()).filter(|step| outcomes.critical[*step] > 0).collect();
        steps.sort_by_key(|step| Reverse(outcomes.critical[*step]));
        steps.truncate(MOST_TRIED);
        let met = |times: &[u64]| {
            let rto = rto?;
            Some(share(times.iter().filter(|time| **time <= rto.as_millis()).count(), times.len()))
        };
        let p95 = |times: &[u64]| {
            let mut times = times.to_vec();
            times.sort_unstable();
            quantile(&times, 95, 100)
        };
        let (met_before, p95_before) = (met(before), p95(before));
        let mut improvements = Vec::new();
        let chances = self.chances;
        let runs = outcomes.whole.len();
        let mut improve = |what: &str, critical, rests, after: &[u64]| {
            improvements.push(Improvement {
                what: what.to_owned(),
                critical,
                rests_on: rests_words(rests),
                p95_falls_by: p95_before.zip(p95(after)).map(|(before, after)| before.saturating_sub(after)),
                met_rises_by: met_before.zip(met(after)).map(|(before, after)| rounded(after - before)),
            });
        };
        // Noticing and deciding come before everything else: they count in every run, and nothing else changes with them.
        for (what, which) in chances.before_steps() {
            let sooner = |(time, parts): (&u64, &[u64; 2])| match *time {
                NEVER => NEVER,
                time => time - parts[which].div_ceil(2),
            };
            let after: Vec<u64> = before.iter().zip(&outcomes.before).map(sooner).collect();
            improve(what, 1.0, Rests::Assumed, &after);
        }
        for step in steps {
            let after = self.runs(before.len(), small(step), false);
            let (id, rests) = &chances.steps[step];
            improve(id.as_str(), share(outcomes.critical[step] as usize, runs), *rests, &after.assets[worst]);
        }
        improvements.sort_by_key(|improvement| Reverse(improvement.p95_falls_by));
        improvements
    }
}

fn rests_words(rests: Rests) -> String {
    match rests {
        Rests::Measured(drills) => format!("{drills} drills"),
        Rests::Stated => "p50 and p95 of the plan".to_owned(),
        Rests::Assumed => "the assumed spread".to_owned(),
        Rests::Nothing => "no estimate".to_owned(),
    }
}

/// Returns a share with six digits: more than the runs can tell.
fn share(count: usize, of: usize) -> f64 {
    let number = |count: usize| f64::from(small(count));
    rounded(number(count) / number(of.max(1)))
}

fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}

fn spread(sorted: &[u64], expected: Length) -> Spread {
    let curve = (0..=PARTS).map(|part| quantile(sorted, part, PARTS)).collect();
    let at = |percent| quantile(sorted, percent, 100);
    Spread { expected, p50: at(50), p95: at(95), p99: at(99), curve }
}

/// Returns the smallest time that at least so many parts of the runs do not exceed (nearest rank); nothing if that is never.
fn quantile(sorted: &[u64], part: usize, of: usize) -> Option<Length> {
    let rank = (sorted.len() * part).div_ceil(of).max(1);
    sorted.get(rank - 1).filter(|time| **time != NEVER).map(|time| Length::from_millis(*time))
}
