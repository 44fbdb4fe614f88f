//! People at a terminal of their own, what they type, and what happens where nobody can type.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::signers::Signers;
use crate::stage::{Stage, until};
use crate::typist::Typist;

const PEOPLE: &str = "people:\n\
    \x20 ana: { name: Ana, contact: x, roles: [lead] }\n\
    \x20 ivan: { name: Ivan, contact: x, roles: [lead, operator] }\n\
    \x20 eve: { name: Eve, contact: x }\n";

fn stage(steps: &str) -> Stage {
    Stage::new(&format!("{PEOPLE}steps:\n{steps}"))
}

const BOTH: &str = "  dns: { manual: 'Set the record.', by: operator }\n  go: { needs: [dns], approve: { by: [lead], ask: 'May it go on?' } }\n  last: { needs: [go], run: echo last >>ledger }\n";

#[test]
fn a_person_at_the_terminal_carries_a_run_through() {
    let stage = stage(BOTH);
    let mut person = Typist::start(&stage, &["execute", "plan.yaml"]);
    person.sees("This is REAL").sees("Type test to begin:").types("test\n");
    person.sees("dns (to do)").sees("Set the record.").sees("ivan: done or failed");
    // What is not an answer is none.
    person.types("\n").sees("ivan: done or failed");
    person.types("yes\n").sees("please say done or failed").sees("ivan: done or failed");
    person.types("DONE, at 14:05\n").sees("says yes (unverified, account tester): \"at 14:05\"");
    person.sees("go (approval)").sees("May it go on?").sees("who are you (ana, ivan)?");
    person.types("eve\n").sees("`eve` may not answer this").sees("who are you (ana, ivan)?");
    person.types("ana\n").sees("ana: yes or no").types("y\n").sees("please say yes or no");
    person.types("yes\n");
    assert!(person.ends(0).contains("says yes"));
    assert_eq!(stage.ledger(), ["last"]);
    assert_eq!(stage.last("answered", "dns")["note"], "at 14:05");
}

#[test]
fn whoever_mistypes_the_plan_begins_nothing() {
    let stage = stage(BOTH);
    for keys in ["tset\n", "\n", "\u{4}"] {
        let mut person = Typist::start(&stage, &["execute", "plan.yaml"]);
        person.sees("to begin:").types(keys);
        person.ends(2);
    }
    assert_eq!(stage.runs().len(), 0);
}

#[test]
fn a_refusal_at_the_terminal_says_why() {
    let stage = stage(BOTH);
    let mut person = Typist::start(&stage, &["execute", "plan.yaml", "--yes"]);
    person.sees("ivan: done or failed").types("done\n");
    person.sees("who are you").types("ana\n").sees("yes or no").types("no\n").sees("say why");
    assert!(!stage.has_told("answered", "go"));
    person.types("no, the count is wrong\n");
    assert!(person.ends(3).contains("refused by ana"));
    assert_eq!(stage.last("answered", "go")["note"], "the count is wrong");
    assert_eq!(stage.ledger().len(), 0);
}

#[test]
fn whoever_goes_away_leaves_a_run_that_can_be_resumed() {
    // Ctrl-D: nobody will type any more. Ctrl-C: nothing more is begun.
    for keys in ["\u{4}", "\u{3}"] {
        let stage = stage(BOTH);
        let mut person = Typist::start(&stage, &["execute", "plan.yaml", "--yes"]);
        person.sees("ivan: done or failed").types(keys);
        assert!(person.ends(4).contains("drplan resume"));
        assert!(!stage.has_told("answered", "dns"));
        // Half a line is no answer either.
        let mut person = Typist::start(&stage, &["resume", "latest"]);
        person.sees("ivan: done or failed").types("do").types(keys).types(keys);
        person.ends(4);
        assert!(!stage.has_told("answered", "dns"));
        let mut person = Typist::start(&stage, &["resume", "latest"]);
        person.sees("ivan: done or failed").types("done\n").sees("who are you").types("ivan\nyes\n");
        person.ends(0);
        assert_eq!(stage.ledger(), ["last"]);
    }
}

#[test]
fn a_crash_at_the_question_asks_it_again() {
    let stage = stage(BOTH);
    let mut person = Typist::start(&stage, &["execute", "plan.yaml", "--yes"]);
    person.sees("ivan: done or failed");
    person.crash();
    let mut person = Typist::start(&stage, &["resume", "latest"]);
    person.sees("Set the record.").sees("ivan: done or failed").types("done\n");
    person.sees("who are you").types("ana\nyes\n");
    person.ends(0);
    assert_eq!(stage.told("answered"), ["dns", "go"]);
}

#[test]
fn an_answer_from_elsewhere_takes_the_question_from_the_terminal() {
    let stage = stage(BOTH);
    let mut person = Typist::start(&stage, &["execute", "plan.yaml", "--yes"]);
    person.sees("ivan: done or failed");
    stage.run(&["done", "latest", "dns", "--as", "ivan"]).exits(0);
    person.sees("dns: no answer is needed any more").sees("who are you").types("ana\nyes\n");
    person.ends(0);
}

#[test]
fn a_step_is_given_into_other_hands() {
    let stage = stage(
        "  dns: { manual: 'Set the record.', by: operator }\n  go: { needs: [dns], approve: { by: [lead, eve], distinct_from: dns } }\n",
    );
    let mut person = Typist::start(&stage, &["execute", "plan.yaml", "--yes"]);
    person
        .sees("`to PERSON` to hand it over")
        .types("to nobody\n")
        .sees("`nobody` is not one of ana, ivan, eve");
    person.types("to eve the form is filled in\n").sees("hands it over to eve").sees("eve: done or failed");
    stage.run(&["status"]).exits(0).says("waits for eve").says("ivan handed it over to eve (unverified)");
    // It is hers now; those of the plan may only take it back.
    stage.run(&["done", "latest", "dns", "--as", "ivan"]).exits(2).says("these may: eve");
    let over = |by: &str, to: &str| {
        stage.run(&["hand-over", "latest", "dns", "--as", by, "--to", to, "--note", "x"])
    };
    over("ana", "ana").exits(2).says("ana may not hand it over");
    over("eve", "mia").exits(2).says("mia is not a person of the plan");
    over("eve", "eve").exits(2).says("has it already");
    over("ivan", "ana").exits(0);
    person.sees("hands it over to ana").sees("ana: done or failed").types("done\n");
    person.sees("who are you (ana, eve, ivan)?");
    // Nobody who had a hand in it approves it.
    for hand in ["ana", "ivan"] {
        stage.run(&["approve", "latest", "go", "--as", hand]).exits(2).says("another person than dns");
    }
    stage
        .run(&["hand-over", "latest", "go", "--as", "eve", "--to", "ana", "--note", "x"])
        .exits(2)
        .says("not handed over");
    stage.run(&["approve", "latest", "go", "--as", "eve"]).exits(0);
    person.ends(0);
    assert_eq!(stage.told("handed_over"), ["dns", "dns"]);
    assert_eq!(stage.last("answered", "dns")["by"], "ana");
    stage.run(&["report"]).exits(0).says("handed over to eve").says("the form is filled in");
}

#[test]
fn nobody_is_asked_to_do_two_things_at_once() {
    let two =
        "  dns: { manual: 'Set the record.', by: operator }\n  mail: { manual: 'Write to all.', by: BY }\n";
    // Ivan is the only operator.
    let one = stage(&two.replace("BY", "operator"));
    one.run(&["execute", "plan.yaml", "--yes"]).exits(4).says("dns: an answer");
    assert_eq!(one.told("answer_awaited"), ["dns"]);
    one.run(&["done", "latest", "dns", "--as", "ivan"]).exits(0);
    one.run(&["resume", "latest"]).exits(4).says("mail: an answer");
    assert_eq!(one.told("answer_awaited"), ["dns", "mail"]);
    one.run(&["done", "latest", "mail", "--as", "ivan"]).exits(0);
    one.run(&["resume", "latest"]).exits(0);
    // Somebody else may do the other one, and does so as soon as it is given to her.
    let others = stage(&two.replace("BY", "lead"));
    others.run(&["execute", "plan.yaml", "--yes"]).exits(4);
    assert_eq!(others.told("answer_awaited"), ["dns", "mail"]);
    let given = stage(&two.replace("BY", "operator"));
    given.run(&["execute", "plan.yaml", "--yes"]).exits(4);
    given
        .run(&["hand-over", "latest", "dns", "--as", "ivan", "--to", "eve", "--note", "half of it"])
        .exits(0);
    given.run(&["resume", "latest"]).exits(4);
    assert_eq!(given.told("answer_awaited"), ["dns", "mail"]);
}

#[test]
fn a_hand_over_outlives_a_crash() {
    let stage = stage("  dns: { manual: 'Set the record.', by: operator }\n");
    stage.execute(&[]).exits(4);
    stage.run(&["hand-over", "latest", "dns", "--as", "ivan", "--to", "eve", "--note", "half done"]).exits(0);
    let run = stage.start(&["resume", "latest", "--wait"]);
    until("it is handed over", || stage.has_told("handed_over", "dns"));
    run.crash();
    stage.run(&["resume", "latest"]).exits(4);
    stage.run(&["done", "latest", "dns", "--as", "ivan"]).exits(2).says("these may: eve");
    stage.run(&["done", "latest", "dns", "--as", "eve"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
}

#[test]
fn whoever_has_a_key_signs_at_the_terminal() {
    let signers = Signers::new(&["ana"]);
    signers.make("ivan", &["-t", "ed25519", "-N", "correct horse"]);
    let people = signers.people(&[("ana", "lead"), ("ivan", "lead")]);
    let stage = Stage::new(&format!(
        "{people}steps:\n  go: {{ approve: {{ by: [lead], quorum: 2 }} }}\n  last: {{ needs: [go], run: echo last >>ledger }}\n"
    ));
    let ssh = stage.path().join(".ssh");
    fs::create_dir(&ssh).unwrap();
    let mut person = Typist::start(&stage, &["execute", "plan.yaml", "--yes"]);
    // Without the key there is no answer, and the question stands.
    person.sees("who are you (ana, ivan)?").types("ana\nyes\n").sees("it is not signed").sees("who are you");
    assert!(!stage.has_told("answered", "go"));
    let put = |name: &str| {
        fs::copy(signers.private(name), ssh.join("id_ed25519")).unwrap();
        fs::copy(signers.private(&format!("{name}.pub")), ssh.join("id_ed25519.pub")).unwrap();
    };
    put("ana");
    person.types("ana\nyes\n").sees("ana says yes (signed, SHA256:").sees("who are you");
    put("ivan");
    // What is typed while it is signed is for the passphrase alone.
    person.types("ivan\n").sees("ivan: yes or no").types("yes\n").sees("Enter passphrase").types("wrong\n");
    person.sees("it is not signed").sees("who are you").types("ivan\nyes\n").sees("Enter passphrase");
    person.types("correct horse\n").sees("ivan says yes (signed, SHA256:");
    person.ends(0);
    assert_eq!(stage.ledger(), ["last"]);
    for event in stage.journal().iter().filter(|event| event["type"] == "answered") {
        let text = |name: &str| event["proof"][name].as_str().unwrap().to_owned();
        assert!(signers.verifies(event["by"].as_str().unwrap(), &text("statement"), &text("signature")));
    }
}

/// A pipe on which somebody says yes to everything.
fn yes() -> Stdio {
    let (from, mut into) = std::io::pipe().unwrap();
    into.write_all(&b"test\nana\nyes\ndone\n".repeat(40)).unwrap();
    Stdio::from(from)
}

#[test]
fn nothing_but_a_person_says_yes() {
    let stage = stage("  go: { approve: { by: [ana] } }\n  dns: { needs: [go], manual: Do it. }\n");
    let begin = |change: &dyn Fn(&mut Command) -> &mut Command| {
        let mut command = stage.drplan(&["execute", "plan.yaml", "--yes"]);
        change(&mut command);
        stage.begin(command).ends()
    };
    begin(&|command| command).exits(4);
    begin(&|command| command.env("CI", "1")).exits(4);
    begin(&|command| command.env("CI", "true").arg("--as").arg("ana")).exits(4);
    begin(&|command| command.stdin(yes())).exits(4);
    begin(&|command| command.arg("--format=json").stdin(yes())).exits(4);
    // A standard input that is closed, not empty.
    let mut closed = Command::new("bash");
    let drplan = stage.drplan(&["execute", "plan.yaml", "--yes"]);
    closed.args(["-c", "exec \"$0\" \"$@\" <&-"]).arg(drplan.get_program()).args(drplan.get_args());
    closed.current_dir(stage.path()).env_clear();
    closed.envs(drplan.get_envs().filter_map(|(name, value)| Some((name, value?))));
    stage.begin(closed).ends().exits(4);
    // Without `--yes` it is not even begun.
    let mut command = stage.drplan(&["execute", "plan.yaml"]);
    command.stdin(yes());
    stage.begin(command).ends().exits(2).says("nobody is at the terminal");
    assert_eq!(stage.runs().len(), 6);
    for run in stage.runs() {
        let journal = fs::read_to_string(run.join("journal.jsonl")).unwrap();
        assert!(!journal.contains("\"type\":\"answered\""), "{journal}");
        assert!(journal.contains("\"type\":\"answer_awaited\""), "{journal}");
    }
}

#[test]
fn whoever_is_to_stay_waits() {
    let stage = stage("  go: { approve: { by: [ana] } }\n  dns: { needs: [go], manual: Do it. }\n");
    let mut command = stage.drplan(&["execute", "plan.yaml", "--yes", "--wait"]);
    command.stdin(yes());
    let mut run = stage.begin(command);
    until("it asks", || stage.has_told("answer_awaited", "go"));
    assert!(!run.is_over());
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    until("it asks", || stage.has_told("answer_awaited", "dns"));
    assert!(!run.is_over());
    stage.run(&["done", "latest", "dns"]).exits(0);
    run.ends().exits(0);
}

#[test]
fn at_a_terminal_without_a_reader_nobody_is_asked() {
    // Standard output goes into a file: whoever sits there sees no question.
    let stage = stage("  go: { approve: { by: [ana] } }\n");
    let command = stage.drplan(&[]);
    let mut shell = Command::new("bash");
    shell.args(["-c", "\"$0\" execute plan.yaml --yes >out; echo ended $?"]).arg(command.get_program());
    shell.current_dir(stage.path()).envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut person = Typist::begin(&shell);
    person.types("ana\nyes\n").sees("ended 4");
    assert!(!stage.has_told("answered", "go"));
}
