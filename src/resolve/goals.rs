//! What a scenario does with each asset: which must come back, and where to.

use std::borrow::Cow;
use std::collections::VecDeque;

use super::finder::Finder;
use super::lists::small;
use super::reasons::WAITS;
use super::reliance::{Kind, Thing};
use super::route::{AssetRoute, AssetState};
use crate::plan::Operation;
use crate::value::Id;

impl Finder<'_> {
    /// Looks at every asset, and then at what follows from what they need.
    pub(super) fn find_goals(&mut self) {
        for (at, (id, asset)) in self.plan.assets.iter().enumerate() {
            let was = self.placement.homes.get(id).or_else(|| asset.homes.first()).cloned();
            let (state, why) = self.first_look(at, id, was.as_ref(), asset.homes.first());
            let mut route = AssetRoute {
                state,
                why,
                home: was.clone(),
                was,
                homes_passed_over: Vec::new(),
                restored_by: None,
                stranded: None,
            };
            if matches!(state, AssetState::Lost | AssetState::Wanted) && !asset.homes.is_empty() {
                self.choose_home(at, &asset.homes, &mut route);
            } else if state == AssetState::Returning {
                route.home = asset.homes.first().cloned();
            }
            self.route.assets.set(at, route);
        }
        self.follow_needs();
    }

    fn first_look(
        &self,
        at: usize,
        id: &Id,
        was: Option<&Id>,
        first: Option<&Id>,
    ) -> (AssetState, Cow<'static, str>) {
        if self.route.operation == Operation::Failback {
            return match (was, first) {
                (Some(was), Some(first)) if was != first => {
                    (AssetState::Returning, format!("lives in {was} and goes back to {first}").into())
                }
                _ => (AssetState::Untouched, "lives where it belongs".into()),
            };
        }
        if self.scenario.is_none() {
            return (AssetState::Wanted, "the plan has no scenarios: everything comes back".into());
        }
        if let Some((was, fall)) = was.and_then(|was| Some((was, self.route.harm.of_place(was.as_str())?))) {
            return (AssetState::Lost, format!("its home {was} {}", fall.why()).into());
        }
        if self.route.harm.is_damaged(id) {
            return (AssetState::Damaged, "its data is spoiled".into());
        }
        // What it needs besides other assets: a place or a person that has fallen holds it up as well.
        let needs = self.index.needs(Thing::Asset(at));
        let unmet = needs.iter().find(|need| {
            need.any.iter().filter(|thing| self.fall_of(**thing).is_none()).count() < need.enough()
        });
        let fallen = unmet.and_then(|need| {
            need.any.iter().find_map(|thing| Some((self.index.name_of(*thing), self.fall_of(*thing)?)))
        });
        if let Some((gone, fall)) = fallen {
            return (AssetState::Interrupted, format!("{gone}, which it needs, {}", fall.why()).into());
        }
        (AssetState::Untouched, "not hit".into())
    }

    fn choose_home(&self, asset: usize, homes: &[Id], route: &mut AssetRoute) {
        route.home = None;
        let other = self.other_home(asset);
        for home in homes {
            let why = match self.against_place(home) {
                None if other.is_some_and(|other| other != home) => WAITS.to_owned(),
                None => {
                    route.home = Some(home.clone());
                    return;
                }
                Some(why) => why,
            };
            // Most assets have a second home and no third.
            route.homes_passed_over.reserve_exact(1);
            route.homes_passed_over.push((home.clone(), why));
        }
        let reasons: Vec<String> =
            route.homes_passed_over.iter().map(|(home, why)| format!("{home} {why}")).collect();
        route.stranded = Some(format!("no home is left: {}", reasons.join("; ")));
    }

    /// Returns the home to take where the first choice is stuck.
    fn other_home(&self, asset: usize) -> Option<&Id> {
        let way = self.way?;
        let step = way.of(Thing::Asset(asset), |kind| kind == Kind::RestoredBy)?;
        match way.reach.way(step, |kind| kind == Kind::Home(small(asset)))? {
            Thing::Place(place) => self.plan.places.get_index(place).map(|(id, _)| id),
            _ => None,
        }
    }

    /// What needs something that moves is moved along; what needs something that is down is interrupted.
    fn follow_needs(&mut self) {
        let is_hit = |at: &usize| self.state(*at).is_some_and(|state| state != AssetState::Untouched);
        let mut queue: VecDeque<usize> = (0..self.plan.assets.len()).filter(is_hit).collect();
        while let Some(needed) = queue.pop_front() {
            for at in self.index.dependants.of(needed) {
                let Some((state, why)) = self.hit_through_needs(at) else { continue };
                if let Some(asset) = self.route.assets.at_mut(at) {
                    asset.state = state;
                    asset.why = why.into();
                    queue.push_back(at);
                }
            }
        }
    }

    /// Says what becomes of an asset through what it needs; nothing if that changes nothing.
    fn hit_through_needs(&self, at: usize) -> Option<(AssetState, String)> {
        let now = self.route.assets.at(at)?;
        if now.state.is_goal() {
            return None;
        }
        // Of several that will do, enough that are not hit are enough.
        let asset = |thing: &Thing| match thing {
            Thing::Asset(at) => self.route.assets.at(*at).map(|route| (*at, route)),
            _ => None,
        };
        let is_hit = |thing: &Thing| asset(thing).filter(|(_, needed)| needed.state != AssetState::Untouched);
        let is_well = |thing: &&Thing| asset(thing).is_some() && is_hit(thing).is_none();
        let needs = self.index.needs(Thing::Asset(at)).iter();
        let unmet = needs.filter(|need| need.any.iter().filter(is_well).count() < need.enough());
        let hit: Vec<(usize, &AssetRoute)> =
            unmet.flat_map(|need| need.any.iter()).filter_map(is_hit).collect();
        let moved = hit.iter().find(|(_, needed)| needed.state.is_goal() && needed.home != needed.was);
        let name = |at: usize| self.index.name_of(Thing::Asset(at));
        if let Some((needed, other)) = moved {
            let to = other.home.as_ref().map_or("nowhere", Id::as_str);
            return Some((
                AssetState::MovedUnder,
                format!("{}, which it needs, moves to {to}", name(*needed)),
            ));
        }
        match (hit.first(), now.state) {
            (Some((needed, _)), AssetState::Untouched) => {
                Some((AssetState::Interrupted, format!("{}, which it needs, is down", name(*needed))))
            }
            _ => None,
        }
    }
}
