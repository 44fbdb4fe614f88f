//! What is said of each event.

use crate::event::{
    Answer, Check, Confined, Delivery, Event, Failure, Found, Outcome, Outline, OutlineKind, Point, Proof,
    RunResult, RunStarted, RunState, StepState, StopHow, Verdict, how_to_answer,
};
use crate::value::{Id, Length, Stamp, plain};

/// What sort of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Begins,
    Done,
    Failed,
    Again,
    Skipped,
    Asks,
    Stops,
    Notes,
    Over,
}

impl Mark {
    pub(super) const fn letter(self) -> char {
        match self {
            Self::Begins => '▸',
            Self::Done => '✓',
            Self::Failed => '✗',
            Self::Again => '↻',
            Self::Skipped => '↷',
            Self::Asks => '?',
            Self::Stops => '‖',
            Self::Notes => '·',
            Self::Over => '■',
        }
    }

    pub(super) const fn ascii(self) -> char {
        match self {
            Self::Begins => '>',
            Self::Done => '+',
            Self::Failed => 'x',
            Self::Again => '~',
            Self::Skipped => '-',
            Self::Asks => '?',
            Self::Stops => '=',
            Self::Notes => '.',
            Self::Over => '#',
        }
    }
}

/// What is said of an event.
pub(super) struct Phrase {
    pub(super) mark: Mark,
    pub(super) text: String,
}

/// Returns what is said of an event.
pub(super) fn phrase(stamp: &Stamp, event: &Event, state: &RunState) -> Phrase {
    let run = state.start.as_ref().map_or("RUN", |start| start.run.as_str());
    let node = event.subject().and_then(|id| state.nodes().get(state.position(id.as_str())?));
    let begun = event.subject().and_then(|id| match node {
        Some(node) if node.kind == OutlineKind::Group => state.whole_begun(id.as_str()),
        _ => state.step(id.as_str())?.started.as_ref(),
    });
    let spent = begun.map_or(Length::ZERO, |begun| stamp.since(begun)).for_people();
    let say = |mark, text: String| Phrase { mark, text };
    match event {
        Event::RunStarted(start) => say(Mark::Begins, opening(start)),
        Event::IncidentStaged => {
            say(Mark::Notes, "The stage is set; the clock of the incident starts now.".into())
        }
        Event::PointChosen { point, .. } => say(Mark::Notes, chosen(stamp, point)),
        Event::PointRefused { path, why, .. } => {
            let text = format!("found {} bad: {}; the point before it is tried", plain(path), plain(why));
            say(Mark::Again, text)
        }
        Event::StepStarted { attempt, .. } => say(Mark::Begins, begins(node, *attempt)),
        Event::StepFinished { step, attempt, outcome, .. } => match outcome {
            Outcome::Done => say(Mark::Done, format!("{} {spent}{}", worked(node), estimate(node))),
            Outcome::Assumed => say(Mark::Done, format!("would run{}", estimate(node))),
            Outcome::Failed { failure } => {
                let mut text = format!("FAILED after {spent}: {}.", plain(&failure.to_string()));
                let wrote = writes(failure) && node.is_none_or(|node| node.kind != OutlineKind::Health);
                if wrote {
                    text.push_str(&format!(" See steps/{step}/{attempt}/stderr, and `drplan status {run}`"));
                } else {
                    text.push_str(&format!(" See `drplan status {run}`"));
                }
                say(Mark::Failed, text)
            }
        },
        Event::RetryPlanned { attempt, failure, delay, .. } => {
            let failure = plain(&failure.to_string());
            say(
                Mark::Again,
                format!("attempt {attempt} failed: {failure}; tried again in {}", delay.for_people()),
            )
        }
        Event::StepUnneeded { why, .. } => {
            say(Mark::Done, format!("not needed, its work is done already: {}", plain(why)))
        }
        Event::StepSkipped { by, reason, .. } => {
            say(Mark::Skipped, format!("SKIPPED by {}: {}", plain(by), plain(reason)))
        }
        Event::StepRetried { by, reason, .. } => {
            say(Mark::Again, format!("to be tried again, says {}: {}", plain(by), plain(reason)))
        }
        Event::AnswerAwaited { step, from, approval, text, outputs, .. } => {
            // A dry run waits for nobody: nothing is to be typed.
            let is_dry = state.start.as_ref().is_some_and(|start| start.mode.is_dry());
            say(
                Mark::Asks,
                asked((!is_dry).then(|| how_to_answer(run, step, outputs)), from, *approval, text),
            )
        }
        Event::Answered { by, answer, note, account, proof, .. } => {
            let (mark, said) = match answer {
                Answer::Yes => (Mark::Notes, "yes"),
                Answer::No => (Mark::Failed, "NO"),
            };
            let proof = proven(proof.as_deref(), account.as_deref());
            let words = note.as_ref().map(|note| format!(": \"{}\"", plain(note))).unwrap_or_default();
            say(mark, format!("{} says {said} ({proof}){words}", plain(by)))
        }
        Event::HandedOver { by, to, note, account, proof, .. } => {
            let proof = proven(proof.as_deref(), account.as_deref());
            let words = note.as_ref().map(|note| format!(": \"{}\"", plain(note))).unwrap_or_default();
            say(Mark::Asks, format!("{} hands it over to {to} ({proof}){words}", plain(by)))
        }
        Event::RequestHeard { file, useless: None, .. } => {
            say(Mark::Notes, format!("{} in the inbox was heard", plain(file)))
        }
        Event::RequestHeard { file, useless: Some(why), .. } => {
            say(Mark::Failed, format!("{} in the inbox counts for nothing: {}", plain(file), plain(why)))
        }
        Event::AnswerRejected { by, why, .. } => {
            say(Mark::Failed, format!("what {} said does not count: {}", plain(by), plain(why)))
        }
        Event::StepJudged { step, verdict, why, .. } => judged(run, step, *verdict, &plain(why)),
        Event::RunResumed { by, host, plan_changed, taken_over } => {
            let mut text = format!("Taken up again by {} on {}.", plain(by), plain(host));
            if let Some(over) = taken_over {
                text.push_str(&format!(" Taken over from {}: {}.", over.from, plain(&over.reason)));
            }
            if *plan_changed {
                text.push_str(
                    " The plan's file has changed since the run began; the run keeps to the plan as it was.",
                );
            }
            say(Mark::Notes, text)
        }
        Event::JournalMended { dropped_bytes } => say(
            Mark::Notes,
            format!(
                "A crash tore the journal's end: {dropped_bytes} bytes of an unfinished record were cut off."
            ),
        ),
        Event::ClockJumped { by_ms } => {
            let way = if *by_ms < 0 { "back" } else { "forward" };
            let by = Length::from_millis(by_ms.unsigned_abs()).for_people();
            say(
                Mark::Notes,
                format!("The calendar's clock was moved {way} by {by}; durations do not use it."),
            )
        }
        Event::SecretUnmasked { by, secret } => {
            let why = format!("{by} gets {secret}, which is too short to be masked in its output.");
            say(Mark::Notes, why)
        }
        Event::StopAsked { by, how, reason } => {
            let what = match how {
                StopHow::Drain => "nothing more is started, what runs may end",
                StopHow::Kill => "what runs is ended as well; the run can be resumed",
                StopHow::Abort => "what runs is ended, and the run is given up",
                StopHow::Undo => "what runs is ended, and what was carried out is taken back",
            };
            let reason = if reason.is_empty() { String::new() } else { format!(" ({})", plain(reason)) };
            say(Mark::Stops, format!("{} asked to stop{reason}: {what}.", plain(by)))
        }
        Event::HoldBegan { length, .. } => {
            let choice = state.hold.as_ref().map(|hold| hold.choice(run)).unwrap_or_default();
            say(Mark::Asks, format!("All is done, and held for {length}. {choice}."))
        }
        Event::RunCommitted { by, reason, account } => {
            let reason = if reason.is_empty() { String::new() } else { format!(": {}", plain(reason)) };
            let text = match by {
                Some(by) => {
                    let account =
                        account.as_ref().map(|a| format!(" (account {})", plain(a))).unwrap_or_default();
                    format!("{}{account} commits the run: what was done stays{reason}.", plain(by))
                }
                None => format!("What was done stays{reason}."),
            };
            say(Mark::Done, text)
        }
        Event::UndoBegan { nodes, .. } => {
            let text = match nodes.as_slice() {
                [] => "Nothing of what was carried out has an undo.".to_owned(),
                [only] => format!("1 undo is carried out: {}.", only.id),
                nodes => format!("{} undos are carried out, the last step's first.", nodes.len()),
            };
            say(Mark::Stops, text)
        }
        Event::RunSuspended { waits_for } => {
            let waits: Vec<String> = waits_for.iter().map(|text| plain(text)).collect();
            let waits = if waits.is_empty() {
                String::new()
            } else {
                format!(" It waits for: {}.", waits.join("; "))
            };
            let text =
                format!("The run stops here and can be resumed.{waits} To go on, type: drplan resume {run}");
            say(Mark::Stops, text)
        }
        Event::ProbesConfined { by: Confined::Nothing, note } => {
            say(Mark::Asks, format!("Probes are NOT CONFINED, they could write: {}.", plain(note)))
        }
        Event::ProbesConfined { note, .. } => {
            say(Mark::Notes, format!("Probes are confined: {}.", plain(note)))
        }
        Event::Checked(check) => checked(check),
        Event::ValuesUnknown { names, .. } => {
            say(Mark::Notes, format!("not known before the real thing: {}", plain(&names.join(", "))))
        }
        Event::Told(delivery) => told(delivery),
        Event::RunFinished { result } => finished(stamp, *result, state),
        Event::StillWaiting { why, .. } => {
            say(Mark::Notes, format!("not yet, after {spent}: {}", plain(why)))
        }
    }
}

fn checked(check: &Check) -> Phrase {
    let steps: Vec<&str> = check.steps.iter().map(Id::as_str).collect();
    let for_whom = if steps.is_empty() { String::new() } else { format!(" for {}", steps.join(", ")) };
    let (what, note) = (plain(&check.what), plain(&check.note));
    let (mark, verdict) = match check.found {
        Found::Met => (Mark::Done, "met"),
        Found::Unmet => (Mark::Failed, "NOT MET"),
        Found::Unknown => (Mark::Asks, "cannot be known"),
        Found::Broken => (Mark::Asks, "could not be looked for"),
    };
    Phrase { mark, text: format!("{verdict}{for_whom}: {what}: {note}") }
}

fn told(delivery: &Delivery) -> Phrase {
    let Delivery { to, of, step, attempts, failure, .. } = delivery;
    let about = step.as_ref().map(|step| format!(" of {step}")).unwrap_or_default();
    let (to, of) = (plain(to), plain(of));
    match failure {
        None => Phrase { mark: Mark::Notes, text: format!("{to} was told: {of}{about}") },
        Some(why) => {
            let times = if *attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
            let text = format!("{to} was NOT told: {of}{about}; tried {times}: {}", plain(why));
            Phrase { mark: Mark::Asks, text }
        }
    }
}

/// Returns the lines that stand below the first one.
pub(super) fn header(start: &RunStarted) -> Vec<String> {
    let mut lines = vec![
        format!("run {} of plan {}, {}", start.run, start.plan, plain(&start.operation)),
        format!("started by {} on {}, drplan {}", plain(&start.by), plain(&start.host), plain(&start.drplan)),
    ];
    if let Some(at) = start.incident_at {
        lines.push(format!("the incident began at {}", at.for_people()));
    }
    for target in &start.targets {
        let rto =
            target.rto.map_or("no target for the time".to_owned(), |rto| format!("healthy within {rto}"));
        let rpo = target
            .rpo
            .map_or("no target for lost data".to_owned(), |rpo| format!("at most {rpo} of data lost"));
        lines.push(format!("target: {} {rto}, {rpo} ({})", target.asset, plain(&target.why)));
    }
    for (step, why) in &start.omitted {
        lines.push(format!("{step} is {}", plain(why)));
    }
    lines
}

fn opening(start: &RunStarted) -> String {
    let scenario = start.scenario.as_ref().map(|id| format!(" of {id}")).unwrap_or_default();
    let place = start.environment.as_ref().map(|id| format!(" in {id}")).unwrap_or_default();
    format!("{}: {}{scenario}{place}", plain(&start.title), start.mode.title())
}

fn chosen(stamp: &Stamp, point: &Point) -> String {
    let path = point.path.as_ref().map(|path| format!(" ({})", plain(path))).unwrap_or_default();
    let age = point.time.map(|time| {
        let age = stamp.at.since(time).unwrap_or(Length::ZERO).for_people();
        format!(" of {}, {age} old", time.for_people())
    });
    format!("restores from {}{path}{}: {}", point.copy, age.unwrap_or_default(), plain(&point.why))
}

fn begins(node: Option<&Outline>, attempt: u32) -> String {
    // A title that is the name says nothing more.
    let title = node.filter(|node| node.title != node.id.as_str());
    let title = title.map_or(String::new(), |node| format!(": {}", plain(&node.title)));
    let again = if attempt > 1 { format!(" again, attempt {attempt}") } else { String::new() };
    match node.map(|node| node.kind) {
        Some(OutlineKind::Health) => format!("must become healthy{again}{title}{}", estimate(node)),
        Some(OutlineKind::Prepare) => format!("begins to set the stage{again}{title}{}", estimate(node)),
        Some(OutlineKind::Cleanup) => format!("begins to tidy up{again}{title}{}", estimate(node)),
        Some(OutlineKind::Undo) => format!("begins to take back{again}{title}"),
        Some(OutlineKind::Group) => format!("has all its parts done, and is verified{again}{title}"),
        Some(OutlineKind::Step) | None => format!("begins{again}{title}{}", estimate(node)),
    }
}

fn worked(node: Option<&Outline>) -> &'static str {
    match node {
        Some(node) if node.kind == OutlineKind::Health => "healthy after",
        Some(node) if node.kind == OutlineKind::Undo => "taken back in",
        Some(node) if !node.restores.is_empty() => "restored in",
        _ => "done in",
    }
}

fn estimate(node: Option<&Outline>) -> String {
    node.and_then(|node| node.takes)
        .map(|takes| format!(" (estimate {})", takes.for_people()))
        .unwrap_or_default()
}

/// Whether the attempt left output that is worth a look.
const fn writes(failure: &Failure) -> bool {
    match failure {
        Failure::Exit { .. }
        | Failure::Signal { .. }
        | Failure::TimedOut { .. }
        | Failure::OutOfReach { .. }
        | Failure::Unverified { .. }
        | Failure::BadOutput { .. } => true,
        Failure::NotStarted { .. }
        | Failure::Unhealthy { .. }
        | Failure::Refused { .. }
        | Failure::Expired { .. }
        | Failure::Request { .. }
        | Failure::Stopped => false,
    }
}

fn asked(command: Option<String>, from: &[Id], approval: bool, text: &str) -> String {
    let from: Vec<&str> = from.iter().map(Id::as_str).collect();
    let who = if from.is_empty() { "anybody".to_owned() } else { from.join(" or ") };
    let text = plain(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    match (approval, command) {
        (true, Some(command)) => format!("needs the approval of {who}: \"{text}\" Type: {command}"),
        (false, Some(command)) => {
            format!("must be done by {who}: \"{text}\" When it is done, type: {command}")
        }
        (true, None) => format!("will need the approval of {who}: \"{text}\""),
        (false, None) => format!("will have to be done by {who}: \"{text}\""),
    }
}

/// Says what shows that it was said by who is said to have said it.
fn proven(proof: Option<&Proof>, account: Option<&str>) -> String {
    match (proof, account) {
        (Some(proof), _) => format!("signed, {}", plain(&proof.key)),
        (None, Some(account)) => format!("unverified, account {}", plain(account)),
        (None, None) => "unverified".to_owned(),
    }
}

fn judged(run: &str, step: &Id, verdict: Verdict, why: &str) -> Phrase {
    let (mark, text) = match verdict {
        Verdict::Kept => (Mark::Notes, format!("went on while drplan was away: {why}")),
        Verdict::NeverRan => (Mark::Notes, format!("had never started and starts now: {why}")),
        Verdict::Done => (Mark::Done, format!("was interrupted, but its work is done: {why}")),
        Verdict::Again => (Mark::Again, format!("was interrupted and is repeated, which it may be: {why}")),
        Verdict::Ask => (
            Mark::Asks,
            format!(
                "was interrupted, and nobody can know how far it came: {why}. Look, then type `drplan retry \
                 {run} {step} --reason \"WHY\"` or `drplan skip {run} {step} --reason \"WHY\"`"
            ),
        ),
    };
    Phrase { mark, text }
}

fn finished(stamp: &Stamp, result: RunResult, state: &RunState) -> Phrase {
    let mode = state.start.as_ref().map_or("run", |start| start.mode.title());
    let spent = state.started.as_ref().map_or(Length::ZERO, |start| stamp.since(start)).for_people();
    let of_plan = || state.nodes().iter().zip(&state.steps).filter(|(node, _)| node.undoes.is_none());
    let count = |is: fn(&StepState) -> bool| of_plan().filter(|(_, step)| is(&step.state)).count();
    let taken_back = state.taken_back().unwrap_or_default();
    let done = count(|state| matches!(state, StepState::Done { .. }));
    let mut counts = vec![format!("{done} step{} done", if done == 1 { "" } else { "s" })];
    let omitted = state.start.as_ref().map_or(0, |start| start.omitted.len());
    for (number, what) in [
        (count(|state| matches!(state, StepState::Unneeded)), "not needed"),
        (count(|state| matches!(state, StepState::Assumed)), "would run"),
        (count(|state| matches!(state, StepState::Failed { .. })), "failed"),
        (count(|state| matches!(state, StepState::Skipped)), "skipped"),
        (count(|state| matches!(state, StepState::Pending)), "not begun"),
        (count(StepState::is_open), "not ended"),
        (count(|state| matches!(state, StepState::Unknown { .. })), "interrupted"),
        (omitted, "left out"),
        (taken_back.undone.len(), "undone"),
        (taken_back.left.len(), "left to be taken back by hand"),
    ] {
        if number > 0 {
            counts.push(format!("{number} {what}"));
        }
    }
    let counts = counts.join(", ");
    let all_went_past = state.steps.iter().all(|step| step.state.releases());
    let (mark, text) = match result {
        RunResult::Done => (Mark::Over, format!("The {mode} is done after {spent}: {counts}.")),
        // The result is the same as of a failure; the words must not send anybody looking for one.
        RunResult::Failed if all_went_past => {
            (Mark::Stops, format!("The {mode} is over after {spent}, but NOT CLEAN: {counts}."))
        }
        RunResult::Failed => (Mark::Failed, format!("The {mode} failed after {spent}: {counts}.")),
        RunResult::Aborted => (Mark::Failed, format!("The {mode} was given up after {spent}: {counts}.")),
        RunResult::Possible => (Mark::Over, format!("The real thing would have been possible: {counts}.")),
        RunResult::Impossible => {
            (Mark::Failed, format!("The real thing would have been IMPOSSIBLE: {counts}."))
        }
    };
    Phrase { mark, text }
}
