//! The recovery time of each asset, running against its target.

use ratatui::text::Line;

use super::model::Model;
use super::outlook::Outlook;
use super::paint::{Paint, Tone, secs};
use crate::event::{Mode, OutlineKind, StepState, Target};
use crate::value::{Id, Length, Stamp};

/// How an asset stands to its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Healthy, this long after the incident.
    Reached(Length),
    /// The target was passed before it was healthy; by how much.
    Missed(Length),
    /// What it needs has failed.
    Blocked(Id),
    /// It will be late by so much, if all goes as estimated.
    WillMiss(Length),
    /// Less than a tenth of the target is to spare.
    Tight(Length),
    /// So much is to spare.
    OnCourse(Length),
    /// Nothing is promised.
    NoTarget,
    /// Its health was skipped, or nothing in this run looks at it.
    Unknown(&'static str),
    /// A drill's stage is not set: the clock does not run yet.
    Unstaged,
    /// The run is over and it is not healthy.
    Lost,
}

impl Standing {
    pub(super) const fn tone(&self, is_late: bool) -> Tone {
        match self {
            Self::Reached(_) if is_late => Tone::Bad,
            Self::Reached(_) | Self::OnCourse(_) => Tone::Good,
            Self::Missed(_) | Self::Lost | Self::Blocked(_) => Tone::Bad,
            Self::WillMiss(_) | Self::Tight(_) => Tone::Warn,
            Self::NoTarget | Self::Unknown(_) | Self::Unstaged => Tone::Quiet,
        }
    }

    /// The worst stands first.
    const fn rank(&self) -> u8 {
        match self {
            Self::Missed(_) | Self::Lost => 0,
            Self::Blocked(_) => 1,
            Self::WillMiss(_) => 2,
            Self::Tight(_) => 3,
            Self::OnCourse(_) => 4,
            Self::NoTarget | Self::Unstaged => 5,
            Self::Unknown(_) => 6,
            Self::Reached(_) => 7,
        }
    }
}

/// An asset's clock.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    pub(super) asset: Id,
    pub(super) target: Option<Length>,
    pub(super) standing: Standing,
    /// Time since the incident, until now or until it was healthy.
    pub(super) spent: Option<Length>,
    /// Whether the way to it has a step without an estimate.
    is_vague: bool,
}

/// Returns the time since the incident as targets count it: a drill adds what the plan assumes.
pub(super) fn incident_clock(model: &Model, stamp: &Stamp) -> Option<Length> {
    let start = model.state.start.as_ref()?;
    let assumed = if start.mode == Mode::Real { Length::ZERO } else { start.assumed };
    Some(model.state.since_incident(stamp)?.saturating_add(assumed))
}

/// Returns the clocks of all assets of the run, the worst first.
pub(super) fn clocks(model: &Model, outlook: &Outlook, now: &Stamp) -> Vec<Clock> {
    let targets = model.state.start.as_ref().map_or(&[][..], |start| &start.targets);
    let mut clocks: Vec<Clock> = targets.iter().map(|target| clock(model, outlook, now, target)).collect();
    clocks.sort_by_key(|clock| {
        let spare = match &clock.standing {
            Standing::OnCourse(spare) | Standing::Tight(spare) => spare.as_millis(),
            Standing::Missed(late) | Standing::WillMiss(late) => u64::MAX - late.as_millis(),
            _ => 0,
        };
        (clock.standing.rank(), spare)
    });
    clocks
}

fn clock(model: &Model, outlook: &Outlook, now: &Stamp, target: &Target) -> Clock {
    let now_spent = incident_clock(model, now);
    let health = model.state.position(target.asset.as_str());
    let health = health.filter(|at| model.state.nodes()[*at].kind == OutlineKind::Health);
    let record = health.map(|at| &model.state.steps[at]);
    let healthy = record
        .filter(|record| matches!(record.state, StepState::Done { .. } | StepState::Unneeded))
        .and_then(|record| incident_clock(model, record.ended.as_ref()?));
    let standing = match (healthy, record, now_spent, target.rto) {
        (Some(after), ..) => Standing::Reached(after),
        (None, None, ..) => Standing::Unknown("nothing looks at its health"),
        (None, Some(record), ..) if record.state == StepState::Skipped => {
            Standing::Unknown("its health check was skipped")
        }
        _ if model.is_over() => Standing::Lost,
        (None, Some(_), None, _) => Standing::Unstaged,
        (None, Some(_), Some(_), None) => Standing::NoTarget,
        (None, Some(_), Some(spent), Some(rto)) => {
            let blocked = health.and_then(|at| outlook.blocked[at]);
            let ready = spent.saturating_add(health.map_or(Length::ZERO, |at| outlook.until[at]));
            let spare = rto.saturating_sub(ready);
            if spent > rto {
                Standing::Missed(spent.saturating_sub(rto))
            } else if let Some(failed) = blocked {
                Standing::Blocked(model.state.nodes()[failed].id.clone())
            } else if ready > rto {
                Standing::WillMiss(ready.saturating_sub(rto))
            } else if spare.as_millis() < rto.as_millis() / 10 {
                Standing::Tight(spare)
            } else {
                Standing::OnCourse(spare)
            }
        }
    };
    let is_vague = health.is_some_and(|at| outlook.is_vague[at]);
    Clock {
        asset: target.asset.clone(),
        target: target.rto,
        standing,
        spent: healthy.or(now_spent),
        is_vague,
    }
}

impl Clock {
    fn is_late(&self) -> bool {
        self.target.zip(self.spent).is_some_and(|(target, spent)| spent > target)
    }

    /// Says how it stands in words.
    fn words(&self, is_short: bool) -> String {
        let best = if self.is_vague && !is_short { "at best " } else { "" };
        match &self.standing {
            Standing::Reached(after) => match self.target {
                Some(target) if *after > target => {
                    format!("healthy, but LATE by {}", after.saturating_sub(target).for_people())
                }
                Some(target) => format!("MET, {} to spare", secs(target.saturating_sub(*after))),
                None => format!("healthy after {}", secs(*after)),
            },
            Standing::Missed(late) => format!("MISSED, late by {}", secs(*late)),
            Standing::Blocked(step) => format!("BLOCKED: {step} failed"),
            Standing::WillMiss(late) if is_short => format!("WILL MISS by {}", secs(*late)),
            Standing::WillMiss(late) => {
                let or_more = if self.is_vague { " or more" } else { "" };
                format!("WILL MISS by {}{or_more}, as estimated", secs(*late))
            }
            Standing::Tight(spare) => format!("TIGHT, {best}{} to spare", secs(*spare)),
            Standing::OnCourse(spare) => format!("on course, {best}{} to spare", secs(*spare)),
            Standing::NoTarget => "no target".to_owned(),
            Standing::Unknown(why) => format!("unknown: {why}"),
            Standing::Unstaged => "the clock starts when the stage is set".to_owned(),
            Standing::Lost => "NOT HEALTHY".to_owned(),
        }
    }

    /// Draws it as a line.
    pub(super) fn line(&self, paint: Paint, names: usize, width: usize) -> Line<'static> {
        let tone = self.standing.tone(self.is_late());
        let asset = paint.cell(self.asset.as_str(), names);
        let is_settled =
            matches!(self.standing, Standing::Reached(_) | Standing::Unknown(_) | Standing::Unstaged);
        let left = self.target.zip(self.spent).filter(|_| !is_settled);
        let is_short = width < 70;
        let mut spans = vec![paint.span(format!(" {asset}  "), Tone::Plain)];
        let mut room = width.saturating_sub(names + 3);
        if let Some((target, spent)) = left {
            let bar = if is_short { 0 } else { 10 + (width.saturating_sub(80) / 4).min(20) };
            let left = target.saturating_sub(spent);
            let clock = if spent > target {
                format!("target {target}")
            } else {
                format!("{} left of {target}", secs(left))
            };
            let clock = paint.cell(&clock, if is_short { 0 } else { 20 });
            if !is_short {
                spans.push(paint.span(paint.bar(spent, target, bar), tone));
                spans.push(paint.span(format!(" {clock} "), Tone::Plain));
                room = room.saturating_sub(bar + 22);
            }
        }
        let words = match left {
            // Without room for the bar, the countdown stands in the words.
            Some((target, spent)) if is_short && spent <= target => {
                format!("{} left: {}", secs(target.saturating_sub(spent)), self.words(true))
            }
            _ => self.words(is_short),
        };
        spans.push(paint.span(paint.fit(&words, room), tone));
        Line::from(spans)
    }
}
