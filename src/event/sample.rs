//! A small run, made by hand, for the tests of those who read events.

use std::collections::BTreeMap;

use super::{
    Answer, Event, Failure, Mode, Outcome, Outline, OutlineKind, Point, RunResult, RunStarted, RunState,
    Target,
};
use crate::value::{Id, Length, Moment, Name, Stamp};

/// A list of events that are some seconds apart.
pub(crate) struct Sample {
    /// What happened so far.
    pub(crate) events: Vec<(Stamp, Event)>,
    secs: u64,
}

pub(crate) fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn node(text: &str, kind: OutlineKind, title: &str, takes: Option<u64>, after: &[usize]) -> Outline {
    let takes = takes.map(Length::from_secs);
    Outline {
        id: id(text),
        kind,
        title: title.into(),
        takes,
        after: after.into(),
        restores: <_>::default(),
        undo: None,
        undoes: None,
    }
}

/// A drill: set the stage, ask, restore a database, see that the shop is healthy.
pub(crate) fn start() -> RunStarted {
    let mut nodes = vec![
        node("break-it", OutlineKind::Prepare, "Stop the database", None, &[]),
        node("go", OutlineKind::Step, "Agree to restore", None, &[0]),
        node("restore-db", OutlineKind::Step, "Restore the database", Some(1200), &[1]),
        node("shop", OutlineKind::Health, "Shop", Some(60), &[2]),
    ];
    nodes[2].restores = [id("shop")].into_iter().collect();
    RunStarted {
        run: "20261122T140000Z-abcd".parse().unwrap(),
        drplan: "0.1.0".into(),
        plan: id("web-shop"),
        title: "Web shop".into(),
        plan_hash: "0123456789abcdef".repeat(4),
        mode: Mode::Drill,
        scenario: Some(id("host-loss")),
        environment: Some(id("drill")),
        operation: "recover".into(),
        by: "ops".into(),
        host: "vps-01".into(),
        incident_at: None,
        declared_at: None,
        harmed: None,
        before: None,
        unverified: false,
        assumed: Length::from_secs(600),
        targets: vec![Target {
            asset: id("shop"),
            rto: Some(Length::from_secs(3600)),
            rpo: Some(Length::from_secs(86_400)),
            why: "lost with vps-00".into(),
            predicted: None,
        }],
        nodes,
        omitted: BTreeMap::new(),
        proof: None,
    }
}

impl Sample {
    /// Begins a run.
    pub(crate) fn begin(start: RunStarted) -> Self {
        let mut sample = Self { events: vec![], secs: 0 };
        sample.then(0, Event::RunStarted(start.into()));
        sample
    }

    /// Adds an event that happens some seconds after the last one.
    pub(crate) fn then(&mut self, secs: u64, event: Event) -> &mut Self {
        self.secs += secs;
        let start: Moment = "2026-11-22T14:00:00Z".parse().unwrap();
        let at = start.plus(Length::from_secs(self.secs));
        let stamp = Stamp { at, boot_ms: 5000 + self.secs * 1000, boot_id: "b1".into() };
        self.events.push((stamp, event));
        self
    }

    pub(crate) fn starts(&mut self, secs: u64, step: &str) -> &mut Self {
        self.then(secs, Event::StepStarted { step: id(step), attempt: 1 })
    }

    pub(crate) fn ends(&mut self, secs: u64, step: &str, outcome: Outcome) -> &mut Self {
        let outputs = BTreeMap::new();
        self.then(secs, Event::StepFinished { step: id(step), attempt: 1, outcome, outputs })
    }

    pub(crate) fn fails(&mut self, secs: u64, step: &str, failure: Failure) -> &mut Self {
        self.ends(secs, step, Outcome::Failed { failure })
    }

    pub(crate) fn over(&mut self, result: RunResult) -> &mut Self {
        self.then(1, Event::RunFinished { result })
    }

    /// Goes on to where a person is asked.
    pub(crate) fn until_question(&mut self) -> &mut Self {
        self.starts(1, "break-it").ends(4, "break-it", Outcome::Done);
        self.then(0, Event::IncidentStaged).starts(0, "go").then(
            0,
            Event::AnswerAwaited {
                step: id("go"),
                attempt: 1,
                from: vec![id("lead"), id("dba")],
                approval: true,
                text: "Restore now?".into(),
                outputs: Vec::new(),
            },
        )
    }

    /// Goes on to where the database is being restored.
    pub(crate) fn until_restore(&mut self) -> &mut Self {
        let by = "mia".to_owned();
        self.until_question()
            .then(
                30,
                Event::Answered {
                    step: id("go"),
                    by,
                    verified: false,
                    answer: Answer::Yes,
                    note: None,
                    outputs: BTreeMap::new(),
                    account: Some("root".to_owned()),
                    proof: None,
                },
            )
            .ends(0, "go", Outcome::Done)
            .then(
                0,
                Event::PointChosen {
                    step: id("restore-db"),
                    point: Point {
                        before: None,
                        copy: id("nightly.local"),
                        path: Some("/backup/db-1.dump".into()),
                        time: Some("2026-11-22T02:00:00Z".parse().unwrap()),
                        why: "newest that is verified".into(),
                    },
                },
            )
            .starts(1, "restore-db")
    }

    /// Goes on to the end, and all is well.
    pub(crate) fn until_good_end(&mut self) -> &mut Self {
        let outputs = BTreeMap::from([(Name::trusted("ROWS"), "812".to_owned())]);
        let finished =
            Event::StepFinished { step: id("restore-db"), attempt: 1, outcome: Outcome::Done, outputs };
        self.until_restore().then(720, finished).starts(0, "shop").ends(9, "shop", Outcome::Done);
        self.over(RunResult::Done)
    }

    /// Returns what the events add up to, after each one.
    pub(crate) fn states(&self) -> Vec<RunState> {
        let mut state = RunState::default();
        let step = |(stamp, event): &(Stamp, Event)| {
            state.apply(event, stamp).unwrap();
            state.clone()
        };
        self.events.iter().map(step).collect()
    }
}
