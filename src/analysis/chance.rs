//! What is left to chance in a recovery: how long steps take, when people come, whether an attempt fails.

use std::collections::HashMap;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

use super::estimate::recovering;
use super::lognormal::{Factors, Lognormal, normal, unit, whole};
use super::network::{Demand, NONE, Network, small};
use super::{Basis, Measured, Odds};
use crate::plan::{OnFailure, Retry, Takes};
use crate::resolve::{ResolvedPlan, ResolvedStep, Route};
use crate::value::{Id, Length};

/// With fewer measurements than this, they say where the middle is, but not how far they scatter.
const ENOUGH: usize = 3;

/// So many spreads get a table.
const MOST_TABLES: usize = 32;

/// What the spread of a step's time rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rests {
    /// On so many measurements of drills.
    Measured(usize),
    /// On `p50` and `p95` of the plan.
    Stated,
    /// On one number of the plan and the spread that is assumed.
    Assumed,
    /// On nothing: there is no estimate.
    Nothing,
}

/// A part of a node's time.
#[derive(Clone, Copy, Debug)]
struct Draw {
    law: Lognormal,
    /// The table of its spread in [`Chances::factors`], if it has one.
    factors: u32,
    rank: u32,
    /// The step, by its number in [`Chances::steps`].
    step: u32,
}

/// A node whose attempts may fail.
#[derive(Clone, Debug)]
struct Fallible {
    rank: u32,
    step: u32,
    /// How long another attempt takes.
    law: Lognormal,
    timeout: u64,
    /// Whether running into the timeout is a failure. By an assumed spread nothing fails: then the timeout is the longest
    /// that it takes.
    times_out: bool,
    retry: Option<Retry>,
    /// Whether the run goes on without it.
    goes_on: bool,
}

/// A step that failed for good in a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    pub(super) rank: u32,
    pub(super) step: u32,
    pub(super) goes_on: bool,
}

/// What is left to chance in a recovery.
#[derive(Clone, Debug)]
pub(super) struct Chances {
    /// What takes the same time in every run, by rank.
    fixed: Vec<u64>,
    draws: Vec<Draw>,
    /// A table for each of the first spreads.
    factors: Vec<Factors>,
    factors_of: HashMap<u64, u32>,
    fallible: Vec<Fallible>,
    failure_rate: f64,
    arrivals: Vec<Lognormal>,
    before: [Lognormal; 2],
    /// The steps as a person wrote them, each with what its spread rests on.
    pub(super) steps: Vec<(Id, Rests)>,
    /// For each rank, its step.
    pub(super) step_of: Vec<u32>,
}

/// What chance has given for one run; kept from run to run.
#[derive(Clone, Debug, Default)]
pub(super) struct Dealt {
    /// How long it took to notice, and then to decide, in milliseconds.
    pub(super) before: [u64; 2],
    /// By rank.
    pub(super) lengths: Vec<u64>,
    /// By person.
    pub(super) arrivals: Vec<u64>,
    /// What failed for good.
    pub(super) failed: Vec<Failed>,
    spread: Vec<u64>,
}

impl Dealt {
    /// From the incident until it was decided to recover, in milliseconds.
    pub(super) fn delay(&self) -> u64 {
        self.before.iter().sum()
    }
}

impl Chances {
    pub(super) fn new(
        plan: &ResolvedPlan,
        route: &Route,
        network: &Network,
        basis: &Basis,
        odds: &Odds,
    ) -> Self {
        let mut chances = Self {
            fixed: vec![0; network.len()],
            draws: Vec::new(),
            factors: Vec::new(),
            factors_of: HashMap::new(),
            fallible: Vec::new(),
            failure_rate: odds.failure_rate,
            arrivals: Vec::new(),
            before: [Lognormal::with_ratio(Length::ZERO, 1.0); 2],
            steps: Vec::new(),
            step_of: vec![NONE; network.len()],
        };
        chances.name_steps(plan, route, network);
        for (rank, node) in network.node_of.iter().enumerate() {
            let node = *node as usize;
            let Some(step) = recovering(plan, &route.nodes[node]) else { continue };
            let estimate = &network.estimates[node];
            let (law, rests) = law(step, estimate.work(), &basis.measured, odds.spread);
            chances.add(rank, law);
            chances.add(rank, Lognormal::with_ratio(estimate.fetch, odds.spread));
            if step.part_of.is_none() && !estimate.is_unknown() {
                chances.steps[chances.step_of[rank] as usize].1 = rests;
            }
        }
        chances.find_fallible(plan, route, network);
        let alive = network.people.iter().filter_map(|id| plan.people.get(id));
        let arrives = alive.map(|person| person.arrives.unwrap_or_default());
        chances.arrivals = arrives.map(|arrives| Lognormal::with_ratio(arrives, odds.spread)).collect();
        let scenario = route.scenario.as_ref().and_then(|id| plan.scenarios.get(id));
        let before = [scenario.and_then(|s| s.detect), scenario.and_then(|s| s.decide)];
        chances.before = before.map(|length| Lognormal::with_ratio(length.unwrap_or_default(), odds.spread));
        chances
    }

    /// Parts of a recipe count to the step that uses it.
    fn name_steps(&mut self, plan: &ResolvedPlan, route: &Route, network: &Network) {
        let mut number_of: HashMap<&Id, u32> = HashMap::new();
        for (node, rank) in network.rank_of.iter().enumerate() {
            let Some(step) = recovering(plan, &route.nodes[node]) else { continue };
            let written = step.part_of.as_ref().unwrap_or(&step.id);
            let steps = &mut self.steps;
            let number = *number_of.entry(written).or_insert_with(|| {
                steps.push((written.clone(), Rests::Nothing));
                small(steps.len() - 1)
            });
            self.step_of[*rank as usize] = number;
        }
    }

    fn add(&mut self, rank: usize, law: Lognormal) {
        if law.sigma > 0.0 && law.median > 0.0 {
            let factors = self.factors_for(law.sigma);
            self.draws.push(Draw { law, factors, rank: small(rank), step: self.step_of[rank] });
        } else {
            self.fixed[rank] += law.at(0.0);
        }
    }

    /// Returns the table of a spread. Steps with a spread of their own are few; what many share is worth a table.
    fn factors_for(&mut self, sigma: f64) -> u32 {
        let count = self.factors.len();
        if let Some(number) = self.factors_of.get(&sigma.to_bits()) {
            return *number;
        }
        if count >= MOST_TABLES {
            return NONE;
        }
        self.factors.push(Factors::new(sigma));
        self.factors_of.insert(sigma.to_bits(), small(count));
        small(count)
    }

    /// Finds what may fail: commands and requests, if attempts fail at all or can run into a timeout.
    fn find_fallible(&mut self, plan: &ResolvedPlan, route: &Route, network: &Network) {
        for (rank, member) in network.members.iter().enumerate() {
            let node = &route.nodes[network.node_of[rank] as usize];
            let Some(step) = recovering(plan, node).filter(|_| member.demand == Demand::Slot) else {
                continue;
            };
            let timeout = step.common.timeout;
            let number = self.step_of[rank];
            if (timeout.is_none() && self.failure_rate <= 0.0) || network.lengths[rank] == 0 {
                continue;
            }
            let rests = self.steps[number as usize].1;
            let median = Length::from_millis(network.lengths[rank]);
            let sigma = self.draws.iter().filter(|draw| draw.step == number).map(|draw| draw.law.sigma);
            let law = Lognormal { sigma: sigma.fold(0.0, f64::max), ..Lognormal::with_ratio(median, 1.0) };
            self.fallible.push(Fallible {
                rank: small(rank),
                step: number,
                law,
                timeout: timeout.map_or(u64::MAX, Length::as_millis),
                times_out: matches!(rests, Rests::Measured(_) | Rests::Stated),
                retry: step.common.retry.as_deref().cloned(),
                goes_on: step.common.on_failure == Some(OnFailure::Continue),
            });
        }
    }

    /// Returns what comes before all steps and takes time: its name, and its place in [`Dealt::before`].
    pub(super) fn before_steps(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let named = ["detect", "decide"].into_iter().zip(0..).zip(&self.before);
        named.filter(|(_, law)| law.median > 0.0).map(|(name, _)| name)
    }

    /// Deals one run. `halved` is the step that takes half as long. Of `luck` every run takes equally much, so that runs with
    /// another plan can be compared one by one; what attempts that fail need comes from `mishaps`.
    pub(super) fn deal(
        &self,
        network: &Network,
        halved: u32,
        luck: &mut Pcg64,
        mishaps: &mut Pcg64,
        dealt: &mut Dealt,
    ) {
        dealt.lengths.clear();
        dealt.lengths.extend_from_slice(&self.fixed);
        for draw in &self.draws {
            let bits = luck.next_u64();
            dealt.lengths[draw.rank as usize] += match self.factors.get(draw.factors as usize) {
                Some(factors) => whole(draw.law.median * factors.at(bits)),
                None => draw.law.at(normal(unit(bits))),
            };
        }
        dealt.before = self.before.map(|law| law.at(normal(unit(luck.next_u64()))));
        dealt.arrivals.clear();
        dealt.arrivals.extend(self.arrivals.iter().map(|law| law.at(normal(unit(luck.next_u64())))));
        if halved != NONE {
            for (length, _) in
                dealt.lengths.iter_mut().zip(&self.step_of).filter(|(_, step)| **step == halved)
            {
                *length /= 2;
            }
        }
        network.groups.spread(&mut dealt.lengths, &mut dealt.spread);
        dealt.failed.clear();
        for fallible in &self.fallible {
            self.try_out(fallible, halved, mishaps, dealt);
        }
    }

    /// Lets the attempts of a node succeed or fail.
    fn try_out(&self, fallible: &Fallible, halved: u32, mishaps: &mut Pcg64, dealt: &mut Dealt) {
        let length = &mut dealt.lengths[fallible.rank as usize];
        let (mut this, mut sum) = (*length, 0u64);
        for attempt in 1.. {
            let timed_out = this > fallible.timeout && fallible.times_out;
            this = this.min(fallible.timeout);
            sum = sum.saturating_add(this);
            let fails =
                timed_out || (self.failure_rate > 0.0 && unit(mishaps.next_u64()) < self.failure_rate);
            if !fails {
                break;
            }
            match fallible.retry.as_ref().filter(|retry| attempt <= retry.times) {
                Some(retry) => sum = sum.saturating_add(retry.delay_after(attempt).as_millis()),
                None => {
                    let Fallible { rank, step, goes_on, .. } = *fallible;
                    dealt.failed.push(Failed { rank, step, goes_on });
                    break;
                }
            }
            this = fallible.law.at(normal(unit(mishaps.next_u64())));
            if fallible.step == halved {
                this /= 2;
            }
        }
        *length = sum;
    }
}

/// Returns how a step's time scatters, and what that rests on.
fn law(step: &ResolvedStep, work: Length, measured: &Measured, spread: f64) -> (Lognormal, Rests) {
    let samples = measured.samples(step.id.as_str());
    if let Some(fitted) = Lognormal::fitted(samples).filter(|_| samples.len() >= ENOUGH) {
        return (fitted, Rests::Measured(samples.len()));
    }
    match step.common.takes {
        // Too few measurements move the middle, and what the plan says of the spread goes with it.
        Some(Takes { p50, p95: Some(p95) }) => {
            let Lognormal { sigma, .. } = Lognormal::through(p50, p95);
            (Lognormal { sigma, ..Lognormal::with_ratio(work, 1.0) }, Rests::Stated)
        }
        Some(Takes { p95: None, .. }) => (Lognormal::with_ratio(work, spread), Rests::Assumed),
        None if !samples.is_empty() => (Lognormal::with_ratio(work, spread), Rests::Assumed),
        // A wait for a length of time takes exactly that.
        None => (Lognormal::with_ratio(work, 1.0), Rests::Assumed),
    }
}
