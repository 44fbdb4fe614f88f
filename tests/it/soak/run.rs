//! One run of a soak: it is begun, hurt, taken up again and answered until it is over or says what it waits for.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::account::{Fault, Finding, Ledgers, check_chain, compare};
use super::chance::Chance;
use super::course::{Course, HOSTS, PROGRAM};
use super::events::{KINDS, Kind};
use crate::hosts::{Net, of_folder};
use crate::small_disk::SmallDisk;
use crate::stage::{Ran, Running, Stage, try_until};

/// How often a run is taken up again before it is said that it never ends.
const MOST_ROUNDS: usize = 60;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Well,
    /// With a step that failed or that a person skipped, as the record says.
    Failed,
    TakenBack,
    /// It says for whom it waits, and nobody answers.
    Waits,
    Never,
}

pub(super) const ENDS: [(End, &str); 5] = [
    (End::Well, "ended well"),
    (End::Failed, "ended as said: failed or skipped"),
    (End::TakenBack, "ended as said: taken back"),
    (End::Waits, "waits, and says for whom"),
    (End::Never, "none of these"),
];

/// What became of a run.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) end: End,
    pub(super) events: Vec<Kind>,
    /// How often nobody could know whether a step had been done, and a person had to look.
    pub(super) unknowable: usize,
    pub(super) findings: Vec<Finding>,
    /// All that happened, for whoever looks into a finding.
    pub(super) story: String,
}

/// A run under way.
pub(super) struct Run<'n> {
    pub(super) net: &'n mut Net,
    pub(super) disk: SmallDisk,
    pub(super) stage: Stage,
    pub(super) chance: Chance,
    pub(super) controller: Option<Running>,
    pub(super) disk_was_full: bool,
    pub(super) course: Course,
    mark: String,
    pub(super) account: Account,
    pub(super) retries: BTreeMap<String, usize>,
    begun: Instant,
}

impl<'n> Run<'n> {
    /// Makes the plan and the place of a run.
    pub(super) fn new(net: &'n mut Net, seed: u64, number: usize) -> Self {
        let mut chance = Chance::of(seed, number);
        let disk = SmallDisk::of(8192);
        let stage = Stage::new("").with_state(&disk.path().join("state"));
        stage.write("work", PROGRAM);
        let program = stage.path().join("work");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mark = stage.path().file_name().unwrap().to_string_lossy().into_owned();
        let local = stage.path().join("ledger");
        let ledger = |host: Option<&str>| match host {
            Some(host) => net.folder(host).join(format!("ledger-{mark}")).display().to_string(),
            None => local.display().to_string(),
        };
        let course = Course::new(&mut chance, &program.display().to_string(), &ledger);
        for (name, text) in &course.files {
            stage.write(name, text);
        }
        net.known_to(&stage);
        let account = Account {
            end: End::Never,
            events: Vec::new(),
            unknowable: 0,
            findings: Vec::new(),
            story: String::new(),
        };
        Self {
            net,
            disk,
            stage,
            chance,
            controller: None,
            disk_was_full: false,
            course,
            mark,
            account,
            retries: BTreeMap::new(),
            begun: Instant::now(),
        }
    }

    pub(super) fn tell(&mut self, what: &str) {
        let line = format!("{:>7} ms  {what}\n", self.begun.elapsed().as_millis());
        self.account.story.push_str(&line);
    }

    pub(super) fn find(&mut self, fault: Fault, what: impl Into<String>) {
        self.account.findings.push(Finding::new(fault, what));
    }

    fn start(&mut self, args: &[&str]) {
        self.tell(&args.join(" "));
        self.controller = Some(self.net.start(&self.stage, args));
    }

    /// Carries it to its end, with so many events at most.
    pub(super) fn carry_out(mut self, most: usize) -> Account {
        let events = (2 + self.chance.below(6)).min(most);
        let undo_after = (self.chance.below(4) == 0).then(|| self.chance.below(events + 1));
        let is_left = self.chance.below(10) == 0;
        let mut undone = false;
        self.start(&["execute", "plan.yaml", "--yes", "--max-parallel", "4"]);
        for _ in 0..MOST_ROUNDS {
            let mut was_hurt = false;
            while self.account.events.len() < events {
                self.wait_a_while();
                if self.is_gone() {
                    break;
                }
                let is_undo_due = undo_after.is_some_and(|after| self.account.events.len() >= after);
                if is_undo_due && !undone && self.has_begun() && self.chance.below(2) == 0 {
                    // Somebody at another terminal.
                    undone = true;
                    let run = self.id();
                    self.person(&["abort", &run, "--undo", "--reason", "a soak"]);
                }
                let (kind, name) = KINDS[self.chance.below(KINDS.len())];
                if self.hurt(kind) {
                    self.account.events.push(kind);
                    was_hurt = true;
                    self.tell(name);
                }
            }
            let Some(ran) = self.ended() else { break };
            self.tell(&format!("exit {} {}", ran.code, ran.err.trim()));
            if ran.err.contains("panicked") {
                self.find(Fault::Silent, format!("it has panicked: {}", ran.err));
            }
            let is_last = self.account.events.len() >= events;
            if self.is_over() && !self.goes_on_after_failure() {
                break;
            }
            if is_left && is_last && self.says_what_it_waits_for(&ran) {
                break;
            }
            if !self.has_begun() {
                self.start(&["execute", "plan.yaml", "--yes", "--max-parallel", "4"]);
                continue;
            }
            let run = self.id();
            if !undone && undo_after.is_some_and(|after| self.account.events.len() >= after) {
                undone = true;
                self.start(&["abort", &run, "--undo", "--reason", "a soak"]);
                continue;
            }
            let decided = self.decide();
            let is_excused = was_hurt || decided > 0 || self.disk_was_full;
            match ran.code {
                // Killed, or interrupted before it listened.
                -9 | -2 => {}
                4 if is_excused => {}
                0 | 2 | 3 if self.disk_was_full || was_hurt => {}
                code => {
                    self.find(Fault::Silent, format!("exit {code} for no reason: {}{}", ran.out, ran.err));
                    break;
                }
            }
            self.start(&["resume", &run]);
        }
        self.close()
    }

    /// Compares what the run says with what was done.
    fn close(mut self) -> Account {
        // What was begun ends, also where nobody waits for it.
        let work = self.stage.path().join("work").display().to_string();
        try_until(|| of_folder(&work).is_empty().then_some(()));
        let ledgers = self.ledgers();
        let events = self.stage.journal();
        let mut findings = compare(&self.course, &ledgers, &events);
        let journal = fs::read_to_string(self.stage.run_dir().join("journal.jsonl")).unwrap_or_default();
        findings.extend(check_chain(&journal));
        let told = self.net.start(&self.stage, &["report", &self.id()]).ends();
        if told.code != 0 {
            findings.push(Finding::new(Fault::BrokenChain, format!("report: {}", told.err)));
        }
        if self.account.end != End::Waits {
            self.account.end = match events.last() {
                Some(event) if event["type"] == "run_finished" => match event["result"].as_str() {
                    Some("done") => End::Well,
                    Some("aborted") => End::TakenBack,
                    _ => End::Failed,
                },
                _ => End::Never,
            };
        }
        if self.account.end == End::Never && self.account.findings.is_empty() {
            findings.push(Finding::new(Fault::Silent, "it does not come to an end"));
        }
        self.account.findings.extend(findings);
        if !self.account.findings.is_empty() {
            let plan = self.stage.read("plan.yaml");
            let lines: Vec<String> = events.iter().skip(1).map(ToString::to_string).collect();
            let ledger = self.ledger_texts().into_iter().map(|(_, text)| text).collect::<String>();
            self.account.story.push_str(&format!("{plan}\n{}\n{ledger}", lines.join("\n")));
        }
        self.account
    }

    /// Waits until something has happened, or some time is over; not beyond the end of the controller.
    fn wait_a_while(&mut self) {
        let (begun, records) = (Instant::now(), self.stage.journal().len() + 1 + self.chance.below(4));
        let by_records = self.chance.below(2) == 0;
        let most = Duration::from_millis(self.chance.below(if by_records { 3000 } else { 900 }) as u64);
        try_until(|| {
            let is_enough = by_records && self.stage.journal().len() >= records;
            (is_enough || begun.elapsed() >= most || self.is_gone()).then_some(())
        });
    }

    pub(super) fn is_gone(&mut self) -> bool {
        self.controller.as_mut().is_none_or(Running::is_over)
    }

    /// Waits for the controller's end; a finding if it never comes.
    fn ended(&mut self) -> Option<Ran> {
        if try_until(|| self.is_gone().then_some(())).is_none() {
            self.find(Fault::Silent, "it hangs");
            return None;
        }
        Some(self.controller.take()?.ends())
    }

    pub(super) fn has_begun(&self) -> bool {
        !self.stage.journal().is_empty()
    }

    fn is_over(&self) -> bool {
        self.stage.journal().last().is_some_and(|event| event["type"] == "run_finished")
    }

    pub(super) fn id(&self) -> String {
        self.stage.run_dir().file_name().unwrap().to_string_lossy().into_owned()
    }

    /// Where a host keeps what it holds of runs.
    pub(super) fn state_of(&self, host: &str) -> PathBuf {
        self.net.folder(host).join("state/drplan")
    }

    fn ledger_texts(&self) -> Vec<(Option<&'static str>, String)> {
        let name = format!("ledger-{}", self.mark);
        let mut texts = vec![(None, self.stage.read("ledger"))];
        for host in HOSTS {
            let text = fs::read_to_string(self.net.folder(host).join(&name)).unwrap_or_default();
            texts.push((Some(host), text));
        }
        texts
    }

    pub(super) fn ledgers(&self) -> Ledgers {
        let mut ledgers = Ledgers::default();
        for (host, text) in self.ledger_texts() {
            ledgers.read(&self.course, host, &text);
        }
        ledgers
    }
}
