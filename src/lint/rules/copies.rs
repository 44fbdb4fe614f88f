//! Fewer copies than the policy demands: in all, on other media, at other sites, immutable, or verified.

use std::collections::BTreeSet;

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::holdings::{Held, Holding, listed, with_all_above};
use crate::lint::rule::rule;
use crate::lint::sites::{Apart, Sites};
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::Keep;
use crate::resolve::clean_reach;
use crate::value::Id;

rule!(
    Copies,
    "copies",
    Deny,
    "An asset has fewer copies than the policy demands, or not of the kind that it demands."
);

const EXCEPT: &str =
    "what may stay as it is gets an exception with a reason and an end under `policy.except`";

impl Rule for Copies {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let Some(policy) = &context.plan.policy.copies else { return };
        let mut sites = Sites::new(context);
        for holding in context.holdings() {
            let teller = Teller { context, holding: &holding };
            let found = [
                policy.at_least.and_then(|wanted| teller.number(wanted)),
                policy.media.and_then(|wanted| teller.media(wanted)),
                policy.offsite.and_then(|wanted| teller.offsite(wanted, &mut sites)),
                policy.immutable.and_then(|wanted| teller.immutable(wanted)),
                policy.verified.and_then(|wanted| teller.verified(wanted)),
            ];
            // Of what no backup holds, the first demand that is not met says all.
            let most = if holding.copies.is_empty() { 1 } else { found.len() };
            for finding in found.into_iter().flatten().take(most) {
                sink.add(finding, Subject::asset(holding.asset));
            }
        }
    }
}

struct Teller<'c, 'a> {
    context: &'c Context<'a>,
    holding: &'c Holding<'a>,
}

impl<'a> Teller<'_, 'a> {
    /// 3-2-1-1-0, the 3: the original and its copies. What lies in one place on one medium is lost together, and counts once.
    fn number(&self, wanted: u32) -> Option<Finding> {
        let spot = |held: &Held<'a>| (held.place(self.holding.home), held.copy.medium.as_ref());
        let spots: BTreeSet<_> = self.holding.sure().map(spot).collect();
        let has = 1 + spots.len();
        let more = self.holding.sure().count() > spots.len();
        let asset = self.holding.asset;
        let message = || match has {
            1 => {
                format!("there is no copy of `{asset}` beside the original, and the policy demands {wanted}")
            }
            _ => format!(
                "there are {has} copies of `{asset}`, the original included, and the policy demands {wanted}"
            ),
        };
        let help = if more {
            "add a copy in another place: copies in one place on one medium are lost together and count once"
        } else {
            "add a copy in another place, under `copies` of a backup"
        };
        self.tell(has, wanted, "at_least", message, help, |_| None)
    }

    /// The 2. On what the original lies, the plan does not say.
    fn media(&self, wanted: u32) -> Option<Finding> {
        let media: BTreeSet<&Id> = self.holding.sure().filter_map(|held| held.copy.medium.as_ref()).collect();
        let has = media.len();
        let asset = self.holding.asset;
        let message = || {
            let kinds = if has == 1 { "kind" } else { "kinds" };
            let known =
                if has == 0 { String::new() } else { format!(" ({})", listed(&Vec::from_iter(media))) };
            format!(
                "the copies of `{asset}` are on {has} {kinds} of medium{known}, and the policy demands {wanted}"
            )
        };
        let help =
            "say the `medium` of each copy, such as disk, object or tape, or add a copy on another one";
        let against =
            |held: &Held<'_>| held.copy.medium.is_none().then(|| "does not say its `medium`".to_owned());
        self.tell(has, wanted, "media", message, help, against)
    }

    /// The first 1: proved by the plan, and not assumed.
    fn offsite(&self, wanted: u32, sites: &mut Sites<'_, 'a>) -> Option<Finding> {
        let home = self.holding.home;
        let mut against = |held: &Held<'a>| -> Option<String> {
            let (Some(home), Some(place)) = (home, held.place(home)) else {
                return Some("lies nowhere that the plan names".to_owned());
            };
            if held.copy.in_.is_none() {
                return Some(format!("has no `in`: it lies at the home `{home}`"));
            }
            match sites.apart(home, place) {
                Apart::Proved => None,
                Apart::Together(site) => Some(format!("is lost with `{site}`, and so is the home `{home}`")),
                Apart::Unknown(place) => {
                    Some(format!("is not proved to be elsewhere: `{place}` is not `in` a site"))
                }
            }
        };
        let reasons: Vec<Option<String>> = self.holding.copies.iter().map(&mut against).collect();
        let asset = self.holding.asset;
        let has = count(self.holding, &reasons);
        let message = || {
            format!("{} of `{asset}` provably at another site, and the policy demands {wanted}", copies(has))
        };
        let help = "add a copy elsewhere, and let every place say `in` which place of kind `site` it is: another \
                    account or host is not yet another site";
        let why = |held: &Held<'_>| reason_of(self.holding, &reasons, held);
        self.tell(has, wanted, "offsite", message, help, why)
    }

    /// The second 1: nobody can destroy it, for as long as an intruder may go unnoticed.
    fn immutable(&self, wanted: u32) -> Option<Finding> {
        let reasons: Vec<Option<String>> =
            self.holding.copies.iter().map(|held| self.against_immutability(held)).collect();
        let asset = self.holding.asset;
        let has = count(self.holding, &reasons);
        let message = || {
            format!("{} of `{asset}` that nobody can destroy, and the policy demands {wanted}", copies(has))
        };
        let help = "give a copy `immutable` (object lock, write-once tape) for as long as an intruder may go unnoticed \
                    and the points are apart";
        let why = |held: &Held<'_>| reason_of(self.holding, &reasons, held);
        self.tell(has, wanted, "immutable", message, help, why)
    }

    fn against_immutability(&self, held: &Held<'a>) -> Option<String> {
        let Some(immutable) = &held.copy.immutable else { return Some("is not `immutable`".to_owned()) };
        if held.copy.keep == Keep::Latest {
            return Some("holds only the newest state, which is overwritten".to_owned());
        }
        let above = self.holding.home.map(|home| with_all_above(self.context, home)).unwrap_or_default();
        if let Some(lifter) = immutable.except.iter().find(|place| above.contains(place)) {
            return Some(format!("can be lifted from `{lifter}`, where the original lives"));
        }
        for (id, scenario) in
            self.context.plan.scenarios.iter().filter(|(_, scenario)| !scenario.compromise.is_empty())
        {
            let found_after = scenario.found_after.unwrap_or_default();
            // A copy that has no clean point left is told of as lost.
            let Ok(needed) = clean_reach(self.context.resolved, &held.reference(), found_after) else {
                continue;
            };
            if immutable.for_ < needed {
                return Some(format!(
                    "is immutable for {}, and `{id}` takes {needed} (found after, and the gap between points)",
                    immutable.for_
                ));
            }
        }
        for (scenario, harm) in self.context.harms() {
            if let Some(lifter) = immutable.except.iter().find(|place| harm.erasers().contains(*place)) {
                return Some(format!(
                    "can be lifted from `{lifter}`, which is in wrong hands in `{scenario}`"
                ));
            }
        }
        None
    }

    /// The 0: a copy that nothing looks at is a hope.
    fn verified(&self, wanted: u32) -> Option<Finding> {
        let has = self.holding.sure().filter(|held| !held.copy.verify.is_empty()).count();
        let asset = self.holding.asset;
        let message =
            || format!("{} of `{asset}` with a verification, and the policy demands {wanted}", copies(has));
        let help = "give a copy a `verify` that fails when its point cannot be restored, such as a checksum or a listing";
        let against = |held: &Held<'_>| held.copy.verify.is_empty().then(|| "has no `verify`".to_owned());
        self.tell(has, wanted, "verified", message, help, against)
    }

    fn tell(
        &self,
        has: usize,
        wanted: u32,
        key: &str,
        message: impl FnOnce() -> String,
        help: &str,
        against: impl Fn(&Held<'a>) -> Option<String>,
    ) -> Option<Finding> {
        if has >= usize::try_from(wanted).unwrap_or(usize::MAX) {
            return None;
        }
        let context = self.context;
        let demand = context.place(&KeyPath::root().key("policy").key("copies").key(key), Part::Value);
        let mut finding = Finding::error(Copies::META.name, message())
            .at(context.place_of_asset(self.holding.asset), "has too few")
            .help(format!("{help}; {EXCEPT}"));
        for held in &self.holding.copies {
            let why = if held.is_sure() {
                against(held)
            } else {
                Some("is optional: nobody can rely on it".to_owned())
            };
            if let Some(why) = why {
                finding = finding.related(context.place(&held.key_path(), Part::Key), why);
            }
        }
        Some(finding.related(demand, "the policy demands it"))
    }
}

/// Counts the copies that are made for sure and against which nothing speaks.
fn count(holding: &Holding<'_>, reasons: &[Option<String>]) -> usize {
    holding.copies.iter().zip(reasons).filter(|(held, reason)| held.is_sure() && reason.is_none()).count()
}

fn reason_of(holding: &Holding<'_>, reasons: &[Option<String>], held: &Held<'_>) -> Option<String> {
    let mut all = holding.copies.iter().zip(reasons);
    all.find(|(other, _)| other.reference() == held.reference()).and_then(|(_, reason)| reason.clone())
}

fn copies(has: usize) -> String {
    match has {
        0 => "there is no copy".to_owned(),
        1 => "there is 1 copy".to_owned(),
        has => format!("there are {has} copies"),
    }
}
