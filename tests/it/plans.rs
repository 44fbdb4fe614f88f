//! The plans of the repository: sound under every environment, and with a way back in every scenario.

use std::path::Path;

use drplan::analysis::{Basis, schedule};
use drplan::document::Sources;
use drplan::graph::StepGraph;
use drplan::resolve::{Request, route};
use drplan::workspace::Opened;

#[test]
fn every_plan_brings_back_every_asset_in_every_scenario() {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let mut sources = Sources::default();
    let opened = Opened::all(&[plans], &mut sources).unwrap();
    assert!(opened.len() >= 2, "the plans are gone");
    for plan in opened {
        assert!(plan.findings.is_empty(), "{}: {:#?}", plan.path.display(), plan.findings);
        let environments: Vec<_> = std::iter::once(None).chain(plan.environments().map(Some)).collect();
        for environment in environments {
            let (variant, findings) = plan.variant(environment).unwrap();
            assert!(findings.is_empty(), "{} in {environment:?}: {findings:#?}", plan.path.display());
            for scenario in variant.resolved.scenarios.keys() {
                let request = Request { scenario: Some(scenario), ..Request::default() };
                let route = route(&variant.resolved, &plan.placement, &request);
                let what = format!("{} in {environment:?}, {scenario}", plan.path.display());
                assert!(route.stuck.is_empty(), "{what}: {:?}", route.stuck);
                for (asset, fate) in &route.assets {
                    // Where a step is left out, what it brings back does not come back.
                    let left_out = variant.resolved.omit.iter().any(|omitted| {
                        let step = variant.resolved.step(omitted.as_str());
                        step.is_some_and(|step| step.common.restores.contains(asset))
                    });
                    assert!(left_out || fate.stranded.is_none(), "{what}: {asset} {:?}", fate.stranded);
                }
                let order = StepGraph::new(&route.nodes).order().unwrap();
                schedule(&variant.resolved, &route, &order, &Basis::default());
            }
        }
    }
}
