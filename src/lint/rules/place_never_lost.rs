//! A place where things live and that no scenario takes away.

use std::collections::{BTreeMap, HashSet};

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::holdings::listed;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::value::Id;

rule!(
    PlaceNeverLost,
    "place-never-lost",
    Warn,
    "Assets live in a place that no scenario hits: nobody has said whether its loss is survived."
);

impl Rule for PlaceNeverLost {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let plan = context.plan;
        if plan.scenarios.is_empty() {
            return;
        }
        let damaged: HashSet<&Id> = plan.scenarios.values().flat_map(|scenario| &scenario.damage).collect();
        let mut homes: BTreeMap<&Id, Vec<&Id>> = BTreeMap::new();
        for (id, asset) in &plan.assets {
            if let Some(home) = context.home_of(id, asset) {
                homes.entry(home).or_default().push(id);
            }
        }
        for (home, assets) in homes {
            let is_hit = context.harms().iter().any(|(_, harm)| harm.of_place(home.as_str()).is_some())
                || assets.iter().any(|asset| damaged.contains(*asset));
            if is_hit {
                continue;
            }
            let some = assets.get(..assets.len().min(3)).unwrap_or_default();
            let more = if assets.len() > 3 { " and others" } else { "" };
            let live = if assets.len() == 1 { "lives" } else { "live" };
            let message = format!("{}{more} {live} in `{home}`, which no scenario takes away", listed(some));
            let path = KeyPath::root().key("places").key(home.as_str());
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&path, Part::Key), "is never lost")
                .help(format!("add a scenario with `lose: [{home}]`, or with a place that it is `in`"));
            sink.add(finding, Subject::place(home));
        }
    }
}
