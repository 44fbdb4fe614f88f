//! Sabotage: a plan with every kind of step is hurt at every point, and then carried to its end. What the steps
//! themselves have written down is compared with the journal.
//!
//! `strace` makes the faults exact: it kills drplan at its n-th system call of a kind, or lets that call fail. Nothing
//! in the product knows of it.

mod crash;
mod disk;
mod undo;

pub(crate) use crash::hurt;

use std::process::Command;

use serde_json::Value;

use crate::servers::http::Server;
use crate::stage::Stage;

/// Steps that write their name into the ledger once, and must never do it twice.
const ONCE: [&str; 13] = [
    "child/inner",
    "go-on",
    "last1",
    "locked",
    "make",
    "many-a/say",
    "many-b/say",
    "secret",
    "tell-eu",
    "tell-us",
    "too",
    "unpacked",
    "whole",
];

/// What was done stays; left alone it would be taken back.
const COMMIT: [&str; 4] = ["commit", "latest", "--note", "orders come in"];

/// A repository whose plan has every kind of step, and the server that one of them sends a request to.
struct Everything {
    stage: Stage,
    server: Server,
}

/// What became of a run that was hurt.
#[derive(Debug, Default)]
struct Account {
    /// Steps of which nobody could know whether they had begun: a person had to look.
    unknowable: Vec<String>,
}

impl Everything {
    fn new() -> Self {
        Self::on(|stage| stage)
    }

    /// Makes the repository; `place` may put its runs elsewhere.
    fn on(place: impl FnOnce(Stage) -> Stage) -> Self {
        let server = Server::start(200);
        let stage = place(Stage::new(&plan(server.port)));
        stage.write("vault/token", "swordfish\n");
        stage.write("tree/x", "data");
        stage.write(
            "child.yaml",
            "version: 1\nplan: child\nsteps: { inner: { run: echo child/inner >>ledger } }\n",
        );
        stage.write(
            "recipes/note.yaml",
            "recipe: note\nversion: 1\ntitle: T\ndescription: D\ninputs: { word: { description: W } }\nsteps: { say: { run: 'echo \"many-$INPUT_WORD/say\" >>ledger' } }\n",
        );
        let folder = "vault/20261102T000000Z";
        stage.write(&format!("{folder}/note"), "");
        let tar = Command::new("tar")
            .args(["-c", "-f", &format!("{folder}/x.tar"), "-C", "tree", "x"])
            .current_dir(stage.path())
            .status();
        assert!(tar.unwrap().success());
        Self { stage, server }
    }

    fn execute(&self) -> Command {
        self.stage.drplan(&["execute", "plan.yaml", "--yes", "--max-parallel", "2"])
    }

    /// Answers what waits for a person, from another terminal.
    fn answer(&self) {
        for (step, who) in [("look", "ivan"), ("go", "ana")] {
            if self.stage.has_told("answer_awaited", step) && !self.stage.has_told("answered", step) {
                self.stage.run(&["approve", "latest", step, "--as", who]).exits(0);
            }
        }
    }

    /// Carries the run to its end: resumes it, answers, and decides what nobody else can.
    fn finish(&self) -> Account {
        let mut account = Account::default();
        if !self.has_begun() {
            // It died before anything was on record: nothing has run, and it is begun anew.
            assert_eq!(self.stage.ledger(), [""; 0]);
            self.stage.begin(self.execute()).ends().exits(4);
        }
        for _ in 0..10 {
            if self.is_over() {
                return account;
            }
            let ran = self.stage.run(&["resume", "latest"]);
            match ran.code {
                0 | 3 => assert!(self.is_over(), "it ends, and is not over"),
                4 => self.decide(&mut account),
                _ => drop(ran.exits(0)),
            }
        }
        panic!("it does not come to an end: {:#?}", self.stage.journal());
    }

    fn has_begun(&self) -> bool {
        !self.stage.journal().is_empty()
    }

    fn is_over(&self) -> bool {
        self.stage.journal().last().is_some_and(|event| event["type"] == "run_finished")
    }

    /// Whether all is done, and it waits for the decision whether that stays.
    fn is_held(&self) -> bool {
        self.stage.has_told("hold_began", "") && !self.stage.has_told("run_committed", "") && !self.is_over()
    }

    /// How the run ended.
    fn result(&self) -> String {
        self.stage.last("run_finished", "")["result"].as_str().unwrap().to_owned()
    }

    /// Looks what really happened, as a person would, and decides.
    fn decide(&self, account: &mut Account) {
        let open = left_to_a_person(&self.stage);
        self.answer();
        if self.is_held() {
            // What was gone on without is not clean.
            let is_clean = self.stage.told("step_skipped").is_empty();
            self.stage.run(&COMMIT).exits(if is_clean { 0 } else { 3 });
        }
        for step in open {
            let verb = if self.was_done(&step) { "skip" } else { "retry" };
            self.stage.run(&[verb, "latest", &step, "--reason", "looked into the ledger"]).exits(0);
            account.unknowable.push(step);
        }
    }

    fn was_done(&self, step: &str) -> bool {
        match step {
            "post" => !self.server.asked().is_empty(),
            "last" => self.stage.ledger().contains(&"last1".to_owned()),
            step => self.stage.ledger().contains(&step.replace('@', "-")),
        }
    }

    /// Holds a run that has failed to its ledger: what is done was done once, and nothing was done twice.
    fn compare_failed(&self, hurt: &str) {
        let mut ledger = self.stage.ledger();
        ledger.sort();
        let count = ledger.len();
        ledger.dedup();
        assert_eq!(ledger.len(), count, "{hurt}: something was done twice: {ledger:?}");
        assert!(self.server.asked().len() <= 1, "{hurt}");
        for event in self.stage.journal() {
            let (Some("step_finished"), Some(step)) = (event["type"].as_str(), event["step"].as_str()) else {
                continue;
            };
            let name = step.replace('@', "-");
            let name = if name == "last" { "last1" } else { &name };
            if event["outcome"]["result"] == "done" && ONCE.contains(&name) {
                assert!(ledger.iter().any(|line| line == name), "{hurt}: {step} is lost");
            }
        }
    }

    /// Holds what the steps have written down to what the journal says.
    fn compare(&self, account: &Account, hurt: &str) {
        let mut ledger = self.stage.ledger();
        ledger.sort();
        let told = self.stage.journal();
        assert_eq!(ledger, ONCE, "{hurt}: {told:#?}");
        assert_eq!(self.server.asked(), ["POST /post"], "{hurt}");
        // It fails once and is tried again; `rerun: safe` lets it be repeated where nobody saw its end.
        assert!(self.stage.read("again").lines().count() >= 2, "{hurt}");
        assert_eq!(self.stage.read("restored/x"), "data", "{hurt}");
        let ended = told.last().unwrap();
        assert_eq!(ended["type"], "run_finished", "{hurt}");
        let skipped: Vec<&Value> = told.iter().filter(|event| event["type"] == "step_skipped").collect();
        assert_eq!(ended["result"] == "done", skipped.is_empty(), "{hurt}: {ended}");
        assert!(account.unknowable.len() >= skipped.len(), "{hurt}");
        // The chain holds, and the record can be told.
        self.stage.run(&["report", "latest"]).exits(0);
    }
}

/// Returns the interrupted steps that nobody has decided about yet.
fn left_to_a_person(stage: &Stage) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    for event in stage.journal() {
        let Some(step) = event["step"].as_str() else { continue };
        match event["type"].as_str() {
            Some("step_judged") if event["verdict"] == "ask" => open.push(step.to_owned()),
            Some("step_retried" | "step_skipped") => open.retain(|id| id != step),
            _ => {}
        }
    }
    open
}

fn plan(port: u16) -> String {
    format!(
        r#"
activation: {{ when: It burns., hold: {{ for: 1h, then: undo }} }}
people:
  ana: {{ name: Ana, contact: x, roles: [lead] }}
  ivan: {{ name: Ivan, contact: x, roles: [operator] }}
secrets:
  TOKEN: {{ command: [cat, vault/token] }}
places:
  base: {{ kind: host }}
assets:
  data: {{ kind: files, homes: [base], health: [ {{ file: restored/x }} ] }}
backups:
  nightly: {{ of: [data], points: {{ every: 1d }}, copies: {{ vault: {{ at: vault, keep: 7d }} }} }}
steps:
  make: {{ outputs: [X], run: 'echo make >>ledger; echo X=1 >>$DRPLAN_OUTPUT' }}
  secret: {{ needs: [make], secrets: [TOKEN], run: 'test "$TOKEN" = swordfish; echo secret >>ledger' }}
  done: {{ needs: [make], unless: {{ file: ledger }}, run: echo done >>ledger }}
  restore:
    needs: [done]
    restores: [data]
    from: [nightly.vault]
    use: files/restore-tar
    with: {{ archive: $POINT_PATH/x.tar, target: restored }}
  unpacked: {{ needs: [data], run: 'test -e restored/x; echo unpacked >>ledger' }}
  post: {{ needs: [data], http: {{ url: 'http://127.0.0.1:{port}/post', method: POST }} }}
  tell: {{ needs: [data], each: [eu, us], run: 'echo "tell-$DRPLAN_EACH" >>ledger' }}
  child: {{ needs: [make], plan: child.yaml }}
  many: {{ needs: [make], each: [a, b], use: note, with: {{ word: $DRPLAN_EACH }} }}
  again: {{ needs: [data], retry: {{ times: 1, delay: 1ms }}, rerun: safe, run: 'test -e again && echo again >>again || {{ echo again >>again; exit 1; }}' }}
  pause: {{ needs: [data], wait: 5ms }}
  locked: {{ needs: [data], lock: one, run: 'flock -n busy sh -c "echo locked >>ledger"' }}
  too: {{ needs: [data], lock: one, run: 'flock -n busy sh -c "echo too >>ledger"' }}
  look: {{ needs: [unpacked, tell], manual: Look at it., by: operator }}
  go: {{ needs: [unpacked], approve: {{ by: [lead], ask: May it go on? }} }}
  go-on: {{ needs: [go, look], run: echo go-on >>ledger }}
  whole: {{ needs: [go-on], verify: [ {{ file: ledger }} ], run: echo whole >>ledger }}
  last: {{ needs: [again, pause, locked, too, post, secret, whole, child, many], run: 'echo last$X >>ledger' }}
"#
    )
}
