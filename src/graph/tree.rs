//! A route as text: what is hit, how it comes back, in which waves, and what was passed over.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};

use super::{Item, Outline, is_stranded, item_title, one_line, state_word};
use crate::resolve::{AssetRoute, AssetState, End, NodeKind, ResolvedPlan, Route, Stuck};
use crate::value::{Id, Length};

/// What the reader's screen can show.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// Whether there are colours.
    pub color: bool,
    /// Whether there are characters beyond ASCII.
    pub unicode: bool,
    /// The columns.
    pub width: usize,
}

/// An asset's target and what is expected.
#[derive(Clone, Debug)]
pub struct Target {
    /// The asset.
    pub asset: Id,
    /// From the incident until it is healthy.
    pub expected: Length,
    /// The recovery time objective.
    pub rto: Option<Length>,
    /// What the expected time is made of, for people.
    pub sum: String,
    /// If it is missed because of what the asset needs: why, for people.
    pub cause: Option<String>,
}

/// The clock of a recovery, as the analysis has worked it out.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// How long until somebody notices.
    pub detect: Length,
    /// How long until it is decided.
    pub decide: Length,
    /// How long the recovery takes from there.
    pub total: Length,
    /// Each asset that is hit and can come back.
    pub targets: Vec<Target>,
    /// What nodes wait for beyond what they need, for people, by position in the route.
    pub held_up: BTreeMap<usize, String>,
    /// The nodes for which too few people are left, as positions in the route.
    pub without_person: Vec<usize>,
}

impl Clock {
    /// Returns the time from the incident to the end of the recovery.
    pub const fn whole(&self) -> Length {
        self.detect.saturating_add(self.decide).saturating_add(self.total)
    }

    /// Returns the smallest recovery time objective and its asset.
    pub fn smallest_rto(&self) -> Option<(&Id, Length)> {
        let targets = self.targets.iter().filter_map(|target| Some((&target.asset, target.rto?)));
        targets.min_by_key(|(_, rto)| *rto)
    }
}

/// Draws a route as text.
pub fn tree(plan: &ResolvedPlan, route: &Route, outline: &Outline, clock: &Clock, pen: Pen) -> String {
    let mut drawing = Drawing { plan, route, outline, clock, pen, text: String::new() };
    drawing.head();
    drawing.assets();
    drawing.steps();
    drawing.clock();
    drawing.rest();
    drawing.text
}

struct Branch {
    text: String,
    below: Vec<Self>,
}

impl Branch {
    fn leaf(text: impl Into<String>) -> Self {
        Self { text: text.into(), below: Vec::new() }
    }
}

struct Drawing<'a> {
    plan: &'a ResolvedPlan,
    route: &'a Route,
    outline: &'a Outline,
    clock: &'a Clock,
    pen: Pen,
    text: String,
}

const BOLD: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const CRITICAL: Style = AnsiColor::Yellow.on_default().bold();

impl Drawing<'_> {
    fn head(&mut self) {
        let title = one_line(&self.plan.title);
        self.line(BOLD, &title, 0, 0);
        let what = match &self.route.scenario {
            None => "No scenario: everything comes back.".to_owned(),
            Some(id) => {
                let title = self.plan.scenarios.get(id).map(|scenario| one_line(&scenario.title));
                format!("Scenario {id}: {}", title.unwrap_or_default())
            }
        };
        self.line(Style::new(), &what, 0, 2);
        if let Some(environment) = &self.plan.environment {
            self.line(Style::new(), &format!("Environment {environment}"), 0, 2);
        }
        if self.route.operation != crate::plan::Operation::Recover {
            self.line(Style::new(), &format!("Operation {}", self.route.operation.as_str()), 0, 2);
        }
        let route = self.route;
        for (id, fall) in route.harm.fallen() {
            self.line(Style::new(), &format!("{} {id} {}", self.sign("✗", "x"), fall.why()), 2, 4);
        }
        let damaged = self
            .route
            .assets
            .iter()
            .filter(|(_, asset)| asset.state == AssetState::Damaged)
            .collect::<Vec<_>>();
        for (id, asset) in damaged {
            self.line(Style::new(), &format!("{} {id}: {}", self.sign("✗", "x"), asset.why), 2, 4);
        }
    }

    fn assets(&mut self) {
        self.heading("Assets");
        let branches: Vec<Branch> = self
            .plan
            .assets
            .keys()
            .filter_map(|id| Some((id, self.route.assets.get(id)?)))
            .map(|(id, asset)| self.asset(id, asset))
            .collect();
        if branches.is_empty() {
            self.line(Style::new(), "none", 2, 2);
        }
        self.branches(&branches, "");
    }

    fn asset(&self, id: &Id, asset: &AssetRoute) -> Branch {
        if asset.state == AssetState::Untouched {
            return Branch::leaf(format!("{id}: untouched, {}", asset.why));
        }
        let mut below = Vec::new();
        if let Some(home) = &asset.home {
            let from = asset.was.as_ref().filter(|was| *was != home);
            let from = from.map(|was| format!(" (was {was})")).unwrap_or_default();
            let homes = asset.homes_passed_over.iter();
            let others = homes.map(|(id, why)| Branch::leaf(format!("not {id}, which {}", one_line(why))));
            below.push(Branch { text: format!("home {home}{from}"), below: others.collect() });
        }
        if let Some(step) = &asset.restored_by {
            let copy = self.route.chosen.get(step).and_then(|choice| choice.copy.as_ref());
            let from = copy.map(|choice| format!(" from {}", choice.copy)).unwrap_or_default();
            let below_it = copy.map(|choice| passed(&choice.passed_over)).unwrap_or_default();
            below.push(Branch { text: format!("restored by {step}{from}"), below: below_it });
        }
        if let Some(why) = &asset.stranded {
            below.push(Branch::leaf(format!("STRANDED: {}", one_line(why))));
        } else if let Some(target) = self.clock.targets.iter().find(|target| target.asset == *id) {
            let verdict = match target.rto {
                Some(rto) if target.expected > rto => format!(", MISSES its RTO {rto}"),
                Some(rto) => format!(", RTO {rto}"),
                None => String::new(),
            };
            let mut because = vec![Branch::leaf(&target.sum)];
            because.extend(target.cause.as_ref().map(|cause| Branch::leaf(format!("because {cause}"))));
            because.retain(|branch| !branch.text.is_empty());
            let text = format!("healthy {} after the incident{verdict}", target.expected);
            below.push(Branch { text, below: because });
        }
        Branch { text: format!("{id}: {}: {}", state_word(asset.state), one_line(&asset.why)), below }
    }

    fn steps(&mut self) {
        let star = if self.outline.items.is_empty() { "Steps" } else { "Steps (* critical path)" };
        self.heading(star);
        if self.outline.items.is_empty() {
            self.line(Style::new(), "nothing to do", 2, 2);
        }
        let mut wave = None;
        let outline = self.outline;
        for item in &outline.items {
            if wave != Some(item.wave) {
                wave = Some(item.wave);
                self.line(Style::new(), &format!("wave {}", item.wave + 1), 2, 2);
            }
            self.step(item);
        }
    }

    fn step(&mut self, item: &Item) {
        let node = &self.route.nodes[item.node];
        let stranded = is_stranded(self.route, item);
        let mark = if item.time.critical { "*" } else { " " };
        let (takes, place) = match node.kind {
            NodeKind::Step(step) => {
                let step = &self.plan.steps[step];
                let takes = match item.time.estimate.or(item.time.measured) {
                    Some(_) => item.time.end.saturating_sub(item.time.start).to_string(),
                    None => "?".to_owned(),
                };
                let place = self.route.place_of(self.plan, step);
                (takes, place.map(|place| format!(" (on {place})")).unwrap_or_default())
            }
            NodeKind::Health(_) => ("-".to_owned(), String::new()),
        };
        let dash = self.sign("–", "-");
        let times =
            if stranded { "never".to_owned() } else { format!("{}{dash}{}", item.time.start, item.time.end) };
        let slack =
            if item.time.critical || stranded { String::new() } else { format!("slack {}", item.time.slack) };
        let title = item_title(self.plan, self.route, item);
        let name = if title == node.id.as_str() { title } else { format!("{}: {title}", node.id) };
        let name = match node.kind {
            NodeKind::Health(_) => item_title(self.plan, self.route, item),
            NodeKind::Step(_) => name,
        };
        let style = if stranded {
            BAD
        } else if item.time.critical {
            CRITICAL
        } else {
            Style::new()
        };
        let row = format!("{mark} {takes:>6}  {times:<13} {slack:<12} ");
        let indent = 4 + row.chars().count();
        self.styled_row(style, &row, &format!("{name}{place}"), indent);
        for part in &item.parts {
            let part = &self.route.nodes[*part];
            let NodeKind::Step(step) = part.kind else { continue };
            let title = one_line(self.plan.steps[step].title());
            self.line(Style::new(), &format!("{} {title}", self.sign("·", "-")), indent + 2, indent + 4);
        }
        let (clock, sign) = (self.clock, self.sign("·", "-"));
        let waits = item.parts.iter().chain([&item.node]).filter_map(|at| clock.held_up.get(at));
        let measured = item.time.measured.map(|measured| {
            let planned = item.time.estimate.map_or("nothing".to_owned(), |planned| planned.to_string());
            format!("drills took {measured}, which counts; the plan says {planned}")
        });
        for note in waits.cloned().chain(measured) {
            self.line(Style::new(), &format!("{sign} {note}"), indent + 2, indent + 4);
        }
    }

    fn clock(&mut self) {
        self.heading("Recovery time");
        let Clock { detect, decide, total, .. } = self.clock;
        let sum = format!("detect {detect} + decide {decide} + recover {total} = {}", self.clock.whole());
        self.line(Style::new(), &sum, 2, 4);
        let clock = self.clock;
        if let Some((asset, rto)) = clock.smallest_rto() {
            self.line(Style::new(), &format!("smallest RTO: {rto} ({asset})"), 2, 4);
        }
        let missed: Vec<&Target> = clock
            .targets
            .iter()
            .filter(|target| target.rto.is_some_and(|rto| target.expected > rto))
            .collect();
        for target in &missed {
            let rto = target.rto.map(|rto| rto.to_string()).unwrap_or_default();
            let text = format!("{} misses its RTO {rto}: healthy after {}", target.asset, target.expected);
            self.line(BAD, &text, 2, 4);
        }
        if missed.is_empty() && clock.smallest_rto().is_some() {
            self.line(Style::new(), "every RTO is met", 2, 4);
        }
        let is_unknown = |item: &&Item| item.time.estimate.or(item.time.measured).is_none();
        let unknown = self.outline.items.iter().filter(is_unknown);
        let unknown: Vec<&str> = unknown.map(|item| self.route.nodes[item.node].id.as_str()).collect();
        if !unknown.is_empty() {
            let text = format!("without an estimate, counted as nothing: {}", unknown.join(", "));
            self.line(Style::new(), &text, 2, 4);
        }
        let unmanned = self.clock.without_person.iter().map(|at| self.route.nodes[*at].id.as_str());
        let unmanned: Vec<&str> = unmanned.collect();
        if !unmanned.is_empty() {
            let text = format!(
                "nobody is left in this scenario to do it, counted as if somebody were: {}",
                unmanned.join(", ")
            );
            self.line(BAD, &text, 2, 4);
        }
    }

    fn rest(&mut self) {
        let (plan, route) = (self.plan, self.route);
        let passed: Vec<_> = route.passed_over(plan).collect();
        if !passed.is_empty() {
            self.heading("Not chosen");
            for (id, why) in passed {
                self.line(Style::new(), &format!("{id}: {}", one_line(&why)), 2, 4);
            }
        }
        let stranded: Vec<(&Id, &String)> =
            route.assets.iter().filter_map(|(id, asset)| Some((id, asset.stranded.as_ref()?))).collect();
        let is_new = |stuck: &&Stuck| !matches!(stuck.end, End::Stranded(_));
        let stuck: Vec<&Stuck> = route.stuck.iter().filter(is_new).collect();
        if !stuck.is_empty() || !stranded.is_empty() {
            self.heading("Missing");
            for (id, why) in stranded {
                self.line(BAD, &format!("{id} cannot come back: {}", one_line(why)), 2, 4);
            }
            for stuck in stuck {
                self.line(BAD, &format!("{} can never begin: {}", stuck.first, one_line(&stuck.why())), 2, 4);
            }
        }
    }

    // How it is put down.

    fn sign(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.pen.unicode { unicode } else { ascii }
    }

    fn heading(&mut self, text: &str) {
        self.text.push('\n');
        self.line(BOLD, text, 0, 0);
    }

    fn line(&mut self, style: Style, text: &str, first: usize, next: usize) {
        for (at, line) in wrapped(text, self.pen.width.saturating_sub(next)).iter().enumerate() {
            let indent = " ".repeat(if at == 0 { first } else { next });
            self.put(style, &indent, line);
        }
    }

    fn styled_row(&mut self, style: Style, row: &str, text: &str, indent: usize) {
        for (at, line) in wrapped(text, self.pen.width.saturating_sub(indent)).iter().enumerate() {
            if at == 0 {
                self.put(style, "    ", &format!("{row}{line}"));
            } else {
                self.put(style, &" ".repeat(indent), line);
            }
        }
    }

    fn branches(&mut self, branches: &[Branch], prefix: &str) {
        for (at, branch) in branches.iter().enumerate() {
            let is_last = at + 1 == branches.len();
            let (fork, beside) = match (is_last, self.pen.unicode) {
                (false, true) => ("├─ ", "│  "),
                (true, true) => ("└─ ", "   "),
                (false, false) => ("|- ", "|  "),
                (true, false) => ("`- ", "   "),
            };
            let below = format!("{prefix}{beside}");
            let style = if branch.text.starts_with("STRANDED") || branch.text.contains(", MISSES ") {
                BAD
            } else {
                Style::new()
            };
            let room = self.pen.width.saturating_sub(below.chars().count() + 3);
            for (at, line) in wrapped(&branch.text, room).iter().enumerate() {
                let lead = if at == 0 {
                    format!("{prefix}{fork}")
                } else {
                    let bar = if branch.below.is_empty() { "   " } else { self.sign("│  ", "|  ") };
                    format!("{below}{bar}")
                };
                self.put(style, &lead, line);
            }
            self.branches(&branch.below, &below);
        }
    }

    fn put(&mut self, style: Style, lead: &str, text: &str) {
        // What a plan says may hold any letter; what drplan itself says is ASCII where that is asked for.
        let style = if self.pen.color { style } else { Style::new() };
        self.text.push_str(&format!("{lead}{style}{}{style:#}\n", text.trim_end()));
    }
}

fn passed(over: &[(Id, String)]) -> Vec<Branch> {
    over.iter().map(|(id, why)| Branch::leaf(format!("not {id}: {}", one_line(why)))).collect()
}

/// Breaks a text into lines at blanks; a longer word stands on a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    const NARROWEST: usize = 24;
    let width = width.max(NARROWEST);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() || (lines.is_empty() && word.is_empty()) {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_blanks() {
        assert_eq!(wrapped("one two three four five six", 10), ["one two three four five", "six"]);
        assert_eq!(wrapped("", 80), [" "]);
    }
}
