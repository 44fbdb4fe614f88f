//! All that a rule may see.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::memo::Memo;
use super::{Names, Routed};
use crate::analysis::{Basis, Measured};
use crate::document::{Document, Key, KeyPath, Node, Part, Place, Segment, Sources};
use crate::history::History;
use crate::plan::{Operation, Plan};
use crate::resolve::{Harm, Imports, Placement, Request, ResolvedPlan, Route, Router};
use crate::value::{Date, Id, did_you_mean, slip_of};
use crate::workspace::{Opened, Variant};

/// A guess is looked for in all names; more of them in one run would take long and help nobody.
const MOST_GUESSES: usize = 20;

static NO_HISTORY: History = History::new();

/// Each thing of each section, with its key and its value.
type Entries<'a> = HashMap<(&'a str, &'a str), (&'a Key, &'a Node), ahash::RandomState>;

/// A plan under one environment, or under none, and all that a rule may see of it.
#[derive(Debug)]
pub struct Context<'a> {
    /// The document; its places are those of the file.
    pub document: &'a Document,
    /// The plan before expansion.
    pub plan: &'a Plan,
    /// The plan after it.
    pub resolved: &'a ResolvedPlan,
    /// The environment.
    pub environment: Option<&'a Id>,
    /// The plans that it uses things of.
    pub imports: &'a Imports,
    /// Where the assets live now.
    pub placement: &'a Placement,
    /// Every text.
    pub sources: &'a Sources,
    names: OnceLock<Names<'a>>,
    /// What earlier drills have shown.
    pub history: &'a History,
    /// The day for which the plan is checked; none where only names are.
    pub as_of: Option<&'a Date>,
    /// The steps that use a recipe, by id.
    pub(super) groups: HashMap<&'a str, usize, ahash::RandomState>,
    /// Where each thing of each section is written; most plans need no look there.
    entries: OnceLock<Entries<'a>>,
    router: OnceLock<Router<'a>>,
    basis: OnceLock<Basis>,
    harms: OnceLock<Vec<(&'a Id, Harm)>>,
    pub(super) memo: Memo,
    guesses: &'a AtomicUsize,
}

impl<'a> Context<'a> {
    /// Makes the context of a plan under one environment, or under none; `guesses` counts over all of them.
    pub fn new(
        opened: &'a Opened,
        variant: &'a Variant,
        environment: Option<&'a Id>,
        sources: &'a Sources,
        guesses: &'a AtomicUsize,
    ) -> Self {
        let steps = variant.resolved.steps.iter().enumerate();
        let groups = steps.filter(|(_, step)| step.is_group()).map(|(at, step)| (step.id.as_str(), at));
        Self {
            groups: groups.collect(),
            document: &variant.document,
            plan: &variant.plan,
            resolved: &variant.resolved,
            environment,
            imports: &variant.imports,
            placement: &opened.placement,
            sources,
            history: &NO_HISTORY,
            as_of: None,
            names: OnceLock::new(),
            entries: OnceLock::new(),
            router: OnceLock::new(),
            basis: OnceLock::new(),
            harms: OnceLock::new(),
            memo: Memo::default(),
            guesses,
        }
    }

    /// Returns everything that has a name.
    pub fn names(&self) -> &Names<'a> {
        self.names.get_or_init(|| Names::of(self.plan, self.resolved))
    }

    /// Lets the names go: once none of them is wrong nobody asks for them, and a large plan has many.
    pub(super) fn forget_names(&mut self) {
        self.names.take();
    }

    /// Tells the context of earlier drills, and for which day the plan is checked.
    #[must_use]
    pub fn on(self, as_of: &'a Date, history: &'a History) -> Self {
        Self { as_of: Some(as_of), history, ..self }
    }

    /// Returns the place of a value, or of the key that leads to it.
    ///
    /// As [`Document::place`], but without walking through all the steps to find one; what is imported stands in the
    /// file from which it is imported.
    pub fn place(&self, path: &KeyPath, part: Part) -> Place {
        if let Some((document, path)) = self.imports.written(path) {
            return document.place(&path, part);
        }
        let [Segment::Key(section), Segment::Key(id), rest @ ..] = path.segments() else {
            return self.document.place(path, part);
        };
        let Some((key, node)) = self.entries().get(&(section, id)).copied() else {
            return self.document.place(path, part);
        };
        let (mut key, mut node, mut is_whole) = (Some(key), node, true);
        for segment in rest {
            let next = match segment {
                Segment::Key(name) => node.entry(name).map(|(key, value)| (Some(key), value)),
                Segment::Index(index) => node.items().get(*index).map(|item| (None, item)),
            };
            let Some(next) = next else {
                is_whole = false;
                break;
            };
            (key, node) = next;
        }
        let span = match (part, key) {
            (Part::Key, Some(key)) => key.span,
            (Part::Value, Some(key)) if !is_whole => key.span,
            _ => node.span,
        };
        Place { source: self.document.source, span }
    }

    fn entries(&self) -> &Entries<'a> {
        self.entries.get_or_init(|| {
            let sections = self.document.root().entries().iter();
            let entries = sections.flat_map(|(section, entries)| {
                entries.entries().iter().map(|(key, value)| ((&*section.text, &*key.text), (key, value)))
            });
            entries.collect()
        })
    }

    /// Returns what finds routes.
    pub fn router(&self) -> &Router<'a> {
        self.router.get_or_init(|| Router::new(self.resolved))
    }

    /// Returns the scenarios; a plan without any is recovered as a whole.
    pub fn scenarios(&self) -> Vec<Option<&'a Id>> {
        let scenarios: Vec<Option<&Id>> = self.resolved.scenarios.keys().map(Some).collect();
        if scenarios.is_empty() { vec![None] } else { scenarios }
    }

    /// Finds the route of a scenario. It is found anew each time: a rule that looks at routes has them given.
    pub fn routed(&self, scenario: Option<&Id>) -> Routed {
        let request = Request { scenario, ..Request::default() };
        Routed::new(self.router().route(self.placement, &request))
    }

    /// Returns what each scenario does to places and people.
    pub fn harms(&self) -> &[(&'a Id, Harm)] {
        self.harms.get_or_init(|| {
            let scenarios = self.resolved.scenarios.iter();
            scenarios.map(|(id, scenario)| (id, Harm::of(self.resolved, scenario))).collect()
        })
    }

    /// Returns on what estimates are based.
    pub(super) fn basis(&self) -> &Basis {
        self.basis
            .get_or_init(|| Basis { measured: Measured::of(self.history, self.resolved), ..Basis::default() })
    }

    /// Returns where a target of an asset in a scenario is written: `rto` or `rpo`.
    pub(super) fn target_place(&self, scenario: Option<&Id>, asset: &Id, target: &str) -> Place {
        let given = scenario.and_then(|id| Some((id, self.plan.scenarios.get(id)?)));
        for key in [asset.as_str(), "all"] {
            let Some((id, targets)) = given.and_then(|(id, given)| Some((id, given.targets.get(key)?)))
            else {
                continue;
            };
            let is_given = if target == "rto" { targets.rto.is_some() } else { targets.rpo.is_some() };
            if is_given {
                let path =
                    KeyPath::root().key("scenarios").key(id.as_str()).key("targets").key(key).key(target);
                return self.place(&path, Part::Value);
            }
        }
        self.place(&KeyPath::root().key("assets").key(asset.as_str()).key(target), Part::Value)
    }

    /// Returns the way back: where a route moves something, the one that moves it home again.
    pub fn way_back(&self, route: &Route) -> Option<Route> {
        let moved = route.assets.iter().filter(|(_, asset)| asset.home != asset.was);
        let homes = moved.filter_map(|(id, asset)| Some((id.clone(), asset.home.clone()?)));
        let placement = Placement { homes: homes.collect(), ..self.placement.clone() };
        let request = Request { operation: Operation::Failback, ..Request::default() };
        (!placement.homes.is_empty()).then(|| self.router().route(&placement, &request))
    }

    /// Returns "did you mean `x`?" for the closest known name, as long as there were not too many guesses.
    pub fn guess<'n>(&self, wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
        if self.guesses.fetch_add(1, Ordering::Relaxed) >= MOST_GUESSES {
            return None;
        }
        did_you_mean(wrong, known)
    }

    /// Returns "did you mean `x`?", and the one known name of which `wrong` is a slip of the pen.
    pub fn guess_and_slip(&self, wrong: &str, known: &[&str]) -> (Option<String>, Option<String>) {
        if self.guesses.load(Ordering::Relaxed) >= MOST_GUESSES {
            return (None, None);
        }
        (self.guess(wrong, known.iter().copied()), slip_of(wrong, known.iter().copied()).map(str::to_owned))
    }
}

/// Returns "in scenario `host-loss`", or nothing for a plan without scenarios.
pub fn in_scenario(scenario: Option<&Id>) -> String {
    scenario.map(|id| format!(" in scenario `{id}`")).unwrap_or_default()
}
