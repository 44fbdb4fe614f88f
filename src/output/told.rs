//! A finding as programs elsewhere want it: at a place in a file that they have.

use super::home::Home;
use super::region::Region;
use super::{About, Checked, visible};
use crate::document::{Place, SourceId, Sources, Span};
use crate::finding::{Finding, Label};

/// A place in a file that others have too.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// The file.
    pub(super) home: Home,
    /// Where in it.
    pub(super) region: Region,
}

impl Site {
    /// Finds a place by the file that it is in, and measures it.
    pub(super) fn new(place: Place, sources: &Sources, about: &About<'_>) -> Self {
        let home = Home::new(&sources.get(place.source).name, about);
        Self { home, region: Region::new(place, sources) }
    }
}

/// A finding as programs elsewhere want it.
#[derive(Debug)]
pub(super) struct Told<'a> {
    /// The finding.
    pub(super) finding: &'a Finding,
    /// Its place. Nothing only where no plan could be read.
    pub(super) site: Option<Site>,
    /// What is to be said at its place; nothing if that is not its own.
    pub(super) said: &'a str,
    /// The other places that belong to it, each with what is to be said there.
    pub(super) related: Vec<(Site, &'a str)>,
    /// Places in recipes that are part of drplan, and so in no file: a line each.
    pub(super) inner: Vec<String>,
}

impl<'a> Told<'a> {
    /// Looks for the places.
    ///
    /// A finding in a recipe of drplan stands where the plan comes to it, else at the top of the plan:
    /// GitHub refuses all of a report for one finding without a file.
    pub(super) fn new(finding: &'a Finding, checked: &Checked, sources: &Sources, about: &About<'_>) -> Self {
        let site = |label: &Label| Site::new(label.place, sources, about);
        let primary = site(&finding.primary);
        let mut inner = Vec::new();
        let mut related = Vec::new();
        for label in &finding.related {
            let site = site(label);
            if site.home.is_file() {
                related.push((site, label.text.as_str()));
            } else {
                inner.push(line(&site, &label.text));
            }
        }
        let mut said = "";
        let site = if primary.home.is_file() {
            said = &finding.primary.text;
            Some(primary)
        } else {
            inner.insert(0, line(&primary, &finding.primary.text));
            let top = |plan: &SourceId| Place { source: *plan, span: Span::default() };
            let plan = || checked.plans.first().map(|plan| Site::new(top(plan), sources, about));
            related.first().map(|(site, _)| site.clone()).or_else(plan)
        };
        Self { finding, site, said, related, inner }
    }

    /// Returns the related places that others have, a line each, and before them its own.
    pub(super) fn related_lines(&self) -> impl Iterator<Item = String> {
        let own = self.site.as_ref().filter(|_| !self.said.is_empty() && !self.related.is_empty());
        let own = own.map(|site| line(site, self.said));
        own.into_iter().chain(self.related.iter().map(|(site, text)| line(site, text)))
    }

    /// Returns what to do, as a line or several.
    pub(super) fn help_line(&self) -> Option<String> {
        self.finding.help.as_deref().map(|help| format!("help: {}", visible::lines(help)))
    }
}

/// Returns a place and what is to be said there: `recipes/pg.yaml:4:3: it stands here for`.
pub(super) fn line(site: &Site, text: &str) -> String {
    let Region { line, column, .. } = site.region;
    let said = if text.is_empty() { String::new() } else { format!(": {text}") };
    let line = format!("{}:{line}:{column}{said}", site.home.path());
    visible::line(&line).into_owned()
}
