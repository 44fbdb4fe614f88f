//! Looks at many plans at once, and puts together what was found so that the order of the work cannot be seen.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::analysis::{Basis, Measured, Standing, standings};
use crate::document::{Place, Source, SourceId, Sources};
use crate::finding::{Finding, Severity};
use crate::history::History;
use crate::lint;
use crate::value::Id;
use crate::workspace::{self, Opened, Shelf, cleaned, plan_files};

/// What looking at a plan has given.
pub(super) struct Looked {
    /// Its id, and where it stands; nothing for a plan that is broken.
    pub(super) id: Option<(Id, Place)>,
    /// The names of its environments.
    pub(super) environments: Vec<Id>,
    /// Its file, as it is shown, and its text.
    name: String,
    source: SourceId,
    /// Where its promises stand, if that is asked for.
    pub(super) standings: Vec<Standing>,
    told: Vec<Told>,
    /// The texts in which it has places, but for those that all plans share.
    texts: BTreeMap<SourceId, Arc<Source>>,
}

struct Told {
    finding: Finding,
    /// What an imported plan itself would say, if the place is in one.
    as_its_own: Option<String>,
}

/// Returns the plans among some files and folders; what cannot be listed does not hide the others.
pub(super) fn files_of(given: &[PathBuf]) -> (Vec<PathBuf>, Vec<workspace::Error>) {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    for given in given {
        match plan_files(std::slice::from_ref(given)) {
            Ok(found) => files.extend(found),
            Err(error) => errors.push(error),
        }
    }
    (files, errors)
}

/// Looks at plans on all cores; what comes back is in the order of the files.
pub(super) fn look_at_each(
    files: &[PathBuf],
    shelf: &Shelf,
    shared: &Sources,
    request: &lint::Request<'_>,
    with_summary: bool,
) -> Vec<Result<Looked, workspace::Error>> {
    let look = |file: &PathBuf| look_at(file, shelf, shared, request, with_summary);
    if files.len() < 2 {
        return files.iter().map(look).collect();
    }
    lint::on_all_cores(|| files.par_iter().map(look).collect())
}

fn look_at(
    file: &Path,
    shelf: &Shelf,
    shared: &Sources,
    request: &lint::Request<'_>,
    with_summary: bool,
) -> Result<Looked, workspace::Error> {
    let mut sources = shared.clone();
    let opened = Opened::with(file, shelf, &mut sources)?;
    let environments: Vec<Id> = opened.environments().cloned().collect();
    // In a folder, not every plan has every environment.
    let is_out =
        request.environment.is_some_and(|wanted| opened.plan.is_some() && !environments.contains(wanted));
    let found = if is_out { Vec::new() } else { lint::check(&opened, &sources, request) };
    let is_sound =
        found.iter().all(|finding| finding.severity != Severity::Error || is_about_a_promise(finding));
    let standings = if with_summary && !is_out && is_sound {
        standings_of(&opened, request.history, request.environment)
    } else {
        Vec::new()
    };
    let told =
        found.into_iter().map(|finding| Told { as_its_own: lint::as_its_own(&finding, &opened), finding });
    let told: Vec<Told> = told.collect();
    let id = lint::plan_id(&opened);
    let own = id.iter().map(|(_, place)| place.source);
    let used: BTreeSet<SourceId> = told.iter().flat_map(|told| told.finding.sources()).chain(own).collect();
    let texts = used.into_iter().filter(|id| !shared.has(*id)).map(|id| (id, sources.share(id))).collect();
    let (name, source) = (sources.get(opened.source).name.clone(), opened.source);
    Ok(Looked { id, environments, name, source, standings, told, texts })
}

/// Whether a finding says that a promise is not kept: that is what a summary is for.
fn is_about_a_promise(finding: &Finding) -> bool {
    lint::meta_of(finding.code).is_some() && !lint::is_of_names(finding.code)
}

/// Returns where the promises of a plan stand, as it is without an environment or under the one that is asked for.
pub(super) fn standings_of(opened: &Opened, history: &History, environment: Option<&Id>) -> Vec<Standing> {
    let Ok((variant, _)) = opened.variant(environment) else { return Vec::new() };
    let measured = Measured::of(history, &variant.resolved);
    let basis = Basis { measured, ..Basis::default() };
    standings(&variant.resolved, &opened.placement, &basis)
}

/// Returns what was found in all plans, and the plans; what was found in several ways is told once.
pub(super) fn put_together(plans: Vec<Looked>, sources: &mut Sources) -> (Vec<Finding>, Vec<SourceId>) {
    let mut checked = Vec::with_capacity(plans.len());
    let mut known: HashMap<PathBuf, SourceId> = HashMap::new();
    let (mut own, mut of_others, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for Looked { id, told, texts, name, source, .. } in plans {
        let mut moved: BTreeMap<SourceId, SourceId> = BTreeMap::new();
        for (id, text) in texts {
            let file = file_of(&text.name);
            // A file that was changed meanwhile is another text.
            let same = known.get(&file).copied().filter(|known| sources.get(*known).text() == text.text());
            let to = same.unwrap_or_else(|| sources.adopt(text));
            known.insert(file, to);
            moved.insert(id, to);
        }
        // Of a plan in which nothing was found, the name is enough.
        let same = moved.get(&source).copied();
        checked.push(same.unwrap_or_else(|| sources.add(name, "")));
        let moved = |id: SourceId| moved.get(&id).copied().unwrap_or(id);
        for Told { mut finding, as_its_own } in told {
            finding.move_to(&moved);
            match as_its_own {
                None => own.push((finding.message.clone(), finding)),
                Some(message) => of_others.push((message, finding)),
            }
        }
        ids.extend(id.map(|(id, place)| (id, Place { source: moved(place.source), ..place })));
    }
    // One plan may have been named twice.
    let mut places = HashSet::new();
    ids.retain(|(_, place)| places.insert(*place));
    let duplicates =
        lint::duplicate_plans(&ids).into_iter().map(|finding| (finding.message.clone(), finding));
    own.extend(duplicates);
    // What a plan says of itself goes before what those say that import it.
    let mut seen = HashSet::new();
    let all = own.into_iter().chain(of_others);
    let findings = all
        .filter(|(message, finding)| seen.insert((finding.code, finding.primary.place, message.clone())))
        .map(|(_, finding)| finding)
        .collect();
    (findings, checked)
}

/// A file may be reached by several ways of writing its path.
fn file_of(name: &str) -> PathBuf {
    let path = cleaned(Path::new(name));
    std::path::absolute(&path).unwrap_or(path)
}
