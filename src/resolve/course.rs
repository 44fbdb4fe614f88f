//! What a run carries out: a route with everything decided, frozen into the run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thin_vec::ThinVec;

use super::{Imported, NodeKind, ResolvedPlan, Route, Section};
use crate::value::{Id, Length};

/// What a run carries out. Written down with the resolved plan, so that no other drplan can decide otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// The scenario.
    pub scenario: Option<Id>,
    /// The nodes, in the order of the plan.
    pub nodes: Vec<CourseNode>,
    /// Homes of assets that the run moves: asset and new home.
    pub homes: BTreeMap<Id, Id>,
    /// Where assets lived when it began, if that was not their first home: asset and home.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub were: BTreeMap<Id, Id>,
}

/// A node of a course.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CourseNode {
    /// The step's path, or the asset's id.
    pub id: Id,
    /// What it is.
    pub kind: CourseKind,
    /// The nodes that must be over before it begins, as positions.
    pub after: Arc<[usize]>,
    /// The place where it is done; the controller if none.
    pub place: Option<Id>,
    /// The copy that it restores from.
    pub copy: Option<Id>,
    /// Copies that it may restore from as well, in this order, should that one hold nothing good.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub others: ThinVec<Id>,
    /// How long it should take.
    pub estimate: Option<Length>,
    /// Its place in the order in which what could begin begins; in runs of an older drplan 0: the order of the plan.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rank: u32,
    /// The node that it takes back; a frozen course has none of these.
    #[serde(skip)]
    pub undoes: Option<usize>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(rank: &u32) -> bool {
    *rank == 0
}

/// What a node of a course is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CourseKind {
    /// A step, by its position in the resolved plan.
    Step(usize),
    /// An asset that must become healthy.
    Health,
}

impl Course {
    /// Makes the course of a route; `estimates` and `ranks` have one for each node.
    pub fn new(plan: &ResolvedPlan, route: &Route, estimates: &[Option<Length>], ranks: &[u32]) -> Self {
        let nodes = route
            .nodes
            .iter()
            .zip(estimates.iter().zip(ranks))
            .map(|(node, (estimate, rank))| {
                let (kind, place, choice) = match node.kind {
                    NodeKind::Health(_) => {
                        let home = route.assets.get(&node.id).and_then(|asset| asset.home.clone());
                        (CourseKind::Health, home, None)
                    }
                    NodeKind::Step(at) => {
                        let step = &plan.steps[at];
                        let choice = route.chosen.get(step.written_as());
                        let choice = choice.and_then(|choice| choice.copy.as_ref());
                        (CourseKind::Step(at), route.place_of(plan, step), choice)
                    }
                };
                let after = node.after.iter().map(|(at, _)| *at).collect();
                CourseNode {
                    id: node.id.clone(),
                    kind,
                    after,
                    place,
                    copy: choice.map(|choice| choice.copy.clone()),
                    others: choice.map(|choice| choice.others.iter().cloned().collect()).unwrap_or_default(),
                    estimate: *estimate,
                    rank: *rank,
                    undoes: None,
                }
            })
            .collect();
        let moved = route.assets.iter().filter(|(_, asset)| asset.state.is_goal() && asset.home != asset.was);
        let homes = moved.filter_map(|(id, asset)| Some((id.clone(), asset.home.clone()?))).collect();
        let were = route.assets.iter().filter_map(|(id, asset)| {
            let first = plan.assets.get(id)?.homes.first();
            asset.was.clone().filter(|was| Some(was) != first).map(|was| (id.clone(), was))
        });
        Self { scenario: route.scenario.clone(), nodes, homes, were: were.collect() }
    }

    /// Returns where an asset lived when the run began.
    pub fn was<'a>(&'a self, plan: &'a ResolvedPlan, asset: &Id) -> Option<&'a Id> {
        self.were.get(asset).or_else(|| plan.assets.get(asset)?.homes.first())
    }

    /// Returns the plan that says what a node does, if that is not the one that the run carries out, with the prefix of its
    /// names.
    pub fn origin<'a>(&self, plan: &'a ResolvedPlan, at: usize) -> Option<(&'a str, &'a Imported)> {
        match (self.nodes[at].undoes, self.nodes[at].kind) {
            (Some(undone), _) => self.origin(plan, undone),
            (None, CourseKind::Step(step)) => plan.origin(&plan.steps[step]),
            (None, CourseKind::Health) => plan.import_of(self.nodes[at].id.as_str()),
        }
    }

    /// Returns the ids of the plans of which a run carries anything out: the plan's own, and those that it uses.
    pub fn plans<'a>(&'a self, plan: &'a ResolvedPlan) -> BTreeSet<&'a Id> {
        let others = (0..self.nodes.len()).filter_map(|at| self.origin(plan, at));
        others.map(|(_, import)| &import.plan).chain([&plan.plan]).collect()
    }

    /// Returns the section of the plan that a node belongs to; a health check belongs to the recovery.
    pub fn section(&self, plan: &ResolvedPlan, at: usize) -> Section {
        match self.nodes[at].kind {
            CourseKind::Step(step) => plan.steps[step].section,
            CourseKind::Health => Section::Steps,
        }
    }
}
