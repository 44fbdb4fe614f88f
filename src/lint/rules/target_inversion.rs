//! A recovery time that rests on a longer one.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::edges::need_item;
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::{Need, Objective};
use crate::value::{Id, Length};

rule!(
    TargetInversion,
    "target-inversion",
    Deny,
    "An asset promises to be back before something that it needs does."
);

impl Rule for TargetInversion {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let assets = &context.resolved.assets;
        // For each asset the need that promises least, if that is less than the asset itself promises.
        let mut weaker: BTreeMap<&Id, &Id> = BTreeMap::new();
        for (id, asset) in assets {
            let Some(mine) = promised(asset.rto) else { continue };
            let least =
                asset.needs.iter().filter_map(|need| weakest(context, need)).max_by_key(|(rto, _)| *rto);
            if let Some((_, need)) = least.filter(|(rto, _)| rto.is_none_or_longer(mine)) {
                weaker.insert(id, need);
            }
        }
        // A chain is told once, from its beginning.
        let inner: BTreeSet<&Id> = weaker.values().copied().collect();
        let heads = weaker.keys().filter(|id| !inner.contains(*id));
        for head in heads {
            let mut chain = vec![*head];
            while let Some(next) =
                chain.last().and_then(|last| weaker.get(*last)).filter(|next| !chain.contains(*next))
            {
                chain.push(next);
            }
            tell(context, &chain, sink);
        }
    }
}

/// What an asset promises, so that no promise counts as the longest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Promised {
    Within(Length),
    Nothing,
}

impl Promised {
    fn is_none_or_longer(self, than: Length) -> bool {
        self > Self::Within(than)
    }
}

const fn promised(rto: Option<Objective>) -> Option<Length> {
    match rto {
        Some(Objective::Within(length)) => Some(length),
        Some(Objective::None) | None => None,
    }
}

/// Of a need, the asset on which it rests in the end: of several that will do, the last of the fastest.
fn weakest<'a>(context: &'a Context<'_>, need: &Need) -> Option<(Promised, &'a Id)> {
    let known = need.ids().iter().filter_map(|id| context.resolved.assets.get_key_value(id));
    let mut promises: Vec<(Promised, &Id)> = known
        .map(|(id, asset)| (promised(asset.rto).map_or(Promised::Nothing, Promised::Within), id))
        .collect();
    // A place, a person or a secret is no asset: it is there, or comes with the steps.
    let others = need.ids().len() - promises.len();
    promises.sort_by_key(|(rto, _)| *rto);
    promises.get(need.at_least().checked_sub(others + 1)?).copied()
}

fn tell(context: &Context<'_>, chain: &[&Id], sink: &mut Sink) {
    let [head, next, ..] = chain else { return };
    let of = |id: &Id| {
        let rto = context.resolved.assets.get(id).and_then(|asset| promised(asset.rto));
        rto.map_or_else(|| "none".to_owned(), |rto| rto.to_string())
    };
    let way: Vec<String> = chain.iter().map(|id| format!("{id} {}", of(id))).collect();
    let message = format!(
        "`{head}` promises to be back within {}, but needs `{next}`, which promises {}: {}",
        of(head),
        of(next),
        way.join(" ← ")
    );
    let place = |id: &Id| {
        let path = KeyPath::root().key("assets").key(id.as_str());
        let has_rto = context.resolved.assets.get(id).is_some_and(|asset| asset.rto.is_some());
        if has_rto { context.place(&path.key("rto"), Part::Value) } else { context.place(&path, Part::Key) }
    };
    let mut finding = Finding::error(TargetInversion::META.name, message).at(place(head), "cannot be kept");
    for (from, to) in chain.iter().zip(chain.iter().skip(1)) {
        let path = KeyPath::root().key("assets").key(from.as_str());
        let needs =
            context.resolved.assets.get(*from).map(|asset| asset.needs.as_slice()).unwrap_or_default();
        let path = need_item(&path, needs, to.as_str()).unwrap_or(path);
        finding = finding.related(context.place(&path, Part::Value), format!("`{from}` needs `{to}`"));
        finding = finding.related(place(to), format!("`{to}` promises {}", of(to)));
    }
    let last = chain.last().map_or("", |id| id.as_str());
    let help = format!(
        "give what it needs an `rto` that is no longer than {}, beginning with `{last}`; or promise more time",
        of(head)
    );
    sink.add(finding.help(help), Subject::asset(head));
}
