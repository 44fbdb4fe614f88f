//! Whether two places are at different sites, as far as the plan proves it.

use std::collections::HashMap;

use super::Context;
use crate::plan::{Need, Scenario};
use crate::resolve::Harm;
use crate::value::{Id, Table};

/// Kinds of place that stand for a stretch of ground. A login or a host is none, and no more is a zone of a region.
const KINDS: [&str; 8] =
    ["site", "region", "datacenter", "data-center", "building", "campus", "city", "country"];

/// How two places stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Apart<'a> {
    /// No site takes both with it.
    Proved,
    /// This site takes both with it.
    Together(&'a Id),
    /// The plan does not say at which site this place is.
    Unknown(&'a Id),
}

/// What each site takes with it; worked out once for each.
#[derive(Debug)]
pub(super) struct Sites<'c, 'a> {
    context: &'c Context<'a>,
    harms: HashMap<&'a Id, Harm>,
}

impl<'c, 'a> Sites<'c, 'a> {
    pub(super) fn new(context: &'c Context<'a>) -> Self {
        Self { context, harms: HashMap::new() }
    }

    /// Says whether a site takes both places with it.
    pub(super) fn apart(&mut self, one: &'a Id, other: &'a Id) -> Apart<'a> {
        let mut sites = Vec::new();
        for place in [one, other] {
            let nearest = self.nearest(place);
            if nearest.is_empty() {
                return Apart::Unknown(place);
            }
            sites.extend(nearest);
        }
        for site in sites {
            let harm = self.harm_of(site);
            if harm.of_place(one.as_str()).is_some() && harm.of_place(other.as_str()).is_some() {
                return Apart::Together(site);
            }
        }
        Apart::Proved
    }

    /// Returns the first sites on each way up from a place.
    fn nearest(&self, place: &'a Id) -> Vec<&'a Id> {
        let (mut found, mut seen, mut open) = (Vec::new(), vec![place], vec![place]);
        while let Some(id) = open.pop() {
            let Some(place) = self.context.plan.places.get(id) else { continue };
            if KINDS.contains(&place.kind.as_str()) {
                found.push(id);
                continue;
            }
            for above in place.in_.iter().flat_map(Need::ids) {
                if !seen.contains(&above) {
                    seen.push(above);
                    open.push(above);
                }
            }
        }
        found
    }

    fn harm_of(&mut self, site: &'a Id) -> &Harm {
        let context = self.context;
        self.harms.entry(site).or_insert_with(|| {
            let loss = Scenario {
                title: String::new(),
                description: None,
                lose: vec![site.clone()],
                damage: Vec::new(),
                compromise: Vec::new(),
                detect: None,
                decide: None,
                found_after: None,
                targets: Table::default(),
            };
            Harm::of(context.resolved, &loss)
        })
    }
}
