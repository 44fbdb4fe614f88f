//! Answers that are signed with the keys of people: given, checked by the stock tool, and refused.

use std::fs;

use serde_json::{Value, json};

use crate::signers::{Signers, forge};
use crate::stage::{Running, Stage, until};

/// Ana and Ivan may approve; Eve has a key and no role.
fn keyed(steps: &str) -> (Stage, Signers) {
    let signers = Signers::new(&["ana", "ivan", "eve"]);
    let people = signers.people(&[("ana", "lead"), ("ivan", "lead"), ("eve", "")]);
    (Stage::new(&format!("{people}steps:\n{steps}")), signers)
}

const GO: &str = "  go: { approve: { by: [lead], ask: 'May it \"go\" on?' } }\n  last: { needs: [go], run: echo last >>ledger }\n";

fn waiting(stage: &Stage, step: &str) -> Running {
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait"]);
    until("it asks", || stage.has_told("answer_awaited", step));
    run
}

/// Answers with somebody's key file.
#[track_caller]
fn answer(stage: &Stage, signers: &Signers, person: &str, more: &[&str]) -> crate::stage::Ran {
    let key = signers.private(person);
    let args = ["approve", "latest", "go", "--as", person, "--key", key.to_str().unwrap()];
    stage.run(&[&args, more].concat())
}

/// The last answer that did not count, and why.
#[track_caller]
fn rejected(stage: &Stage, times: usize) -> String {
    until("it is on record", || stage.told("answer_rejected").len() == times);
    stage.last("answer_rejected", "go")["why"].as_str().unwrap().to_owned()
}

/// The last request that the run has heard, as it lies in `inbox/done`.
fn last_request(stage: &Stage) -> Value {
    let done = stage.run_dir().join("inbox/done");
    let mut files: Vec<_> = fs::read_dir(done).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    serde_json::from_slice(&fs::read(files.pop().unwrap()).unwrap()).unwrap()
}

#[test]
fn the_stock_tool_verifies_what_the_journal_holds() {
    let (stage, signers) = keyed(GO);
    let run = waiting(&stage, "go");
    answer(&stage, &signers, "ana", &["--note", "looks \"good\"\nto me"])
        .exits(0)
        .says("controller hears it");
    run.ends().exits(0).says("signed, SHA256:");
    assert_eq!(stage.ledger(), ["last"]);
    let answered = stage.last("answered", "go");
    assert_eq!(answered["verified"], true);
    let proof = &answered["proof"];
    let (text, signature) = (proof["statement"].as_str().unwrap(), proof["signature"].as_str().unwrap());
    assert!(signers.verifies("ana", text, signature));
    assert!(!signers.verifies("ivan", text, signature));
    assert!(!signers.verifies("ana", &text.replace("approve", "refuse"), signature));
    assert_eq!(proof["key"], signers.fingerprint("ana").as_str());
    // What a person reads before they sign.
    let started = stage.last("run_started", "");
    let lines: Vec<&str> = text.lines().collect();
    for line in [
        "drplan answer, version 1",
        &format!("run: {}", started["run"].as_str().unwrap()),
        "plan: test",
        &format!("plan-sha256: {}", started["plan_hash"].as_str().unwrap()),
        "step: go",
        "attempt: 1",
        "question: \"May it \\\"go\\\" on?\"",
        "person: ana",
        "role: lead",
        "decision: approve",
        "note: \"looks \\\"good\\\"\\nto me\"",
    ] {
        assert!(lines.contains(&line), "no {line:?} in\n{text}");
    }
    let report = stage.run(&["report"]).exits(0).says("ana").says(&signers.fingerprint("ana"));
    assert!(report.out.contains("(signed, `SHA256:"), "{}", report.out);
    stage.run(&["report", "--format", "json"]).exits(0).says("\"verified\": true");
}

#[test]
fn keys_of_every_kind_that_can_be_checked() {
    let signers = Signers::new(&[]);
    signers.make("ana", &["-t", "ecdsa", "-b", "256", "-N", ""]);
    signers.make("ivan", &["-t", "ecdsa", "-b", "384", "-N", ""]);
    let people = signers.people(&[("ana", "lead"), ("ivan", "lead")]);
    let stage = Stage::new(&format!("{people}steps:\n  go: {{ approve: {{ by: [lead], quorum: 2 }} }}\n"));
    let run = waiting(&stage, "go");
    answer(&stage, &signers, "ana", &[]).exits(0);
    answer(&stage, &signers, "ivan", &[]).exits(0);
    run.ends().exits(0);
    for event in stage.journal().iter().filter(|event| event["type"] == "answered") {
        let text = |name: &str| event["proof"][name].as_str().unwrap().to_owned();
        assert!(signers.verifies(event["by"].as_str().unwrap(), &text("statement"), &text("signature")));
    }
}

#[test]
fn the_agent_and_the_usual_key_file_sign() {
    let (stage, signers) = keyed("  go: { approve: { by: [lead], quorum: 2 } }\n");
    let run = waiting(&stage, "go");
    // Neither agent nor file: nothing is signed and nothing is left.
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(2).says("ssh-add");
    fs::create_dir(stage.path().join(".ssh")).unwrap();
    for (from, to) in [("ana", "id_ed25519"), ("ana.pub", "id_ed25519.pub")] {
        fs::copy(signers.private(from), stage.path().join(".ssh").join(to)).unwrap();
    }
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    let agent = Agent::start();
    agent.add(&signers.private("ivan"));
    let mut command = stage.drplan(&["approve", "latest", "go", "--as", "ivan"]);
    command.env("SSH_AUTH_SOCK", agent.socket());
    stage.begin(command).ends().exits(0);
    run.ends().exits(0);
    assert_eq!(stage.told("answered").len(), 2);
}

/// An ssh agent of the test's own.
struct Agent {
    child: std::process::Child,
    folder: tempfile::TempDir,
}

impl Agent {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let child = std::process::Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(std::process::Stdio::null())
            .spawn();
        let agent = Self { child: child.unwrap(), folder };
        until("the agent listens", || socket.exists());
        agent
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("agent")
    }

    fn add(&self, key: &std::path::Path) {
        let mut command = std::process::Command::new("ssh-add");
        command.arg("-q").arg(key).env("SSH_AUTH_SOCK", self.socket());
        assert!(command.status().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_answer_is_signed_on_another_machine() {
    let (stage, signers) = keyed(GO);
    stage.execute(&[]).exits(4);
    stage
        .run(&["approve", "latest", "go", "--as", "ana", "--note", "by mail", "--write", "answer.txt"])
        .exits(0)
        .says("decision: approve")
        .says("ssh-keygen -Y sign -n drplan-approval@v1");
    assert_eq!(stage.told("answered"), [""; 0]);
    stage.run(&["approve", "latest", "go", "--signed", "answer.txt"]).exits(2).says("answer.txt.sig");
    let signature = signers.sign("ana", crate::signers::NAMESPACE, &stage.read("answer.txt"));
    stage.write("answer.txt.sig", &signature);
    stage
        .run(&["approve", "latest", "go", "--signed", "answer.txt", "--as", "ivan"])
        .exits(2)
        .says("word of ana");
    stage.run(&["approve", "latest", "go", "--signed", "answer.txt"]).exits(0);
    stage.run(&["resume", "latest"]).exits(0).says("by mail");
    assert_eq!(stage.ledger(), ["last"]);
}

#[test]
fn whoever_has_a_key_must_sign_with_it() {
    let (stage, signers) = keyed(GO);
    let run = waiting(&stage, "go");
    // Not Ivan's key for Ana's word, whatever the file says.
    let key = signers.private("ivan");
    stage
        .run(&["approve", "latest", "go", "--as", "ana", "--key", key.to_str().unwrap()])
        .exits(2)
        .says(&signers.fingerprint("ivan"));
    // Not Eve, who signs with her own key and has no such role.
    answer(&stage, &signers, "eve", &[]).exits(2).says("these may: ana, ivan");
    assert!(rejected(&stage, 1).contains("eve may not answer it"));
    // Not without a signature, past the command.
    let plain = json!({ "v": 1, "kind": "approve", "step": "go", "by": "ana", "at": "2026-11-23T05:00:00Z" });
    forge(&stage, "forged.json", &plain);
    assert!(rejected(&stage, 2).contains("not signed"));
    // Nor in the name of somebody whom the plan does not know.
    forge(
        &stage,
        "forged.json",
        &json!({ "v": 1, "kind": "approve", "step": "go", "by": "root", "at": "2026-11-23T05:00:00Z" }),
    );
    assert!(rejected(&stage, 3).contains("root may not answer it"));
    // Nor may anybody go round the approval.
    stage.run(&["skip", "latest", "go", "--reason", "no time"]).exits(2).says("these may: ana, ivan");
    assert!(rejected(&stage, 4).contains("tester may not answer it"));
    assert!(!stage.has_told("answered", "go"));
    answer(&stage, &signers, "ana", &[]).exits(0);
    run.ends().exits(0);
    stage.run(&["report"]).exits(0).says("What did not count").says("eve may not answer it");
}

/// A request as Ana's command makes it, with another text and a good signature of it.
fn resigned(stage: &Stage, signers: &Signers, person: &str, change: impl Fn(&str) -> String) -> Value {
    stage.run(&["approve", "latest", "go", "--as", "ana", "--write", "answer.txt"]).exits(0);
    let text = change(&stage.read("answer.txt"));
    let signature = signers.sign(person, crate::signers::NAMESPACE, &text);
    json!({
        "v": 1, "kind": "approve", "step": "go", "by": "ana", "at": "2026-11-23T05:00:00Z",
        "statement": text, "signature": signature,
    })
}

type Change<'a> = Box<dyn Fn(&str) -> String + 'a>;

#[test]
fn a_forged_inbox_opens_nothing() {
    let (stage, signers) = keyed(GO);
    let run = waiting(&stage, "go");
    let hash = stage.last("run_started", "")["plan_hash"].as_str().unwrap().to_owned();
    let line = |name: &'static str, value: &'static str| -> Change<'static> {
        Box::new(move |text: &str| {
            let is = |line: &&str| line.starts_with(&format!("{name}: "));
            let was = text.lines().find(is).unwrap().to_owned();
            text.replace(&was, &format!("{name}: {value}"))
        })
    };
    let cases: Vec<(&str, Change<'_>, &str)> = vec![
        ("ivan", Box::new(str::to_owned), "signed with the key of ivan, not of ana"),
        ("ana", line("run", "20200101t000000-abcd"), "signed for the run 20200101t000000-abcd"),
        (
            "ana",
            Box::new(|text: &str| text.replace(&hash, &"0".repeat(64))),
            "the plan as it was before a change",
        ),
        ("ana", line("plan", "other"), "another plan"),
        ("ana", line("step", "last"), "signed for `last`"),
        ("ana", line("step", "-"), "signed for the whole run"),
        ("ana", line("attempt", "2"), "signed for attempt 2"),
        ("ana", line("question", "\"May it stop?\""), "another question"),
        ("ana", line("person", "ivan"), "the word of ivan"),
        ("ana", line("role", "boss"), "does not answer it as boss"),
        ("ana", line("decision", "refuse"), "says `refuse`"),
        ("ana", Box::new(|text: &str| text.replace("at: ", "note: \"x\"\nat: ")), "in other words"),
        ("ana", Box::new(|text: &str| text.replace("drplan answer", "drplan letter")), "no answer to a run"),
        ("ana", Box::new(|text: &str| format!("{text}\n")), "no answer to a run"),
    ];
    let mut times = 0;
    for (signer, change, why) in cases {
        times += 1;
        forge(&stage, &format!("{times}.json"), &resigned(&stage, &signers, signer, change));
        let told = rejected(&stage, times);
        assert!(told.contains(why), "{told:?} does not say {why:?}");
    }
    // A signature for something else, one of another text, and none at all.
    let good = resigned(&stage, &signers, "ana", str::to_owned);
    let text = good["statement"].as_str().unwrap();
    for (signature, why) in [
        (signers.sign("ana", "git", text), "the signature is for `git`"),
        (signers.sign("ana", crate::signers::NAMESPACE, "yes"), "does not fit the text"),
        ("-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n".to_owned(), "malformed"),
        (String::new(), "malformed"),
    ] {
        times += 1;
        let mut forged = good.clone();
        forged["signature"] = signature.into();
        forge(&stage, &format!("{times}.json"), &forged);
        let told = rejected(&stage, times);
        assert!(told.contains(why), "{told:?} does not say {why:?}");
    }
    assert!(!stage.has_told("answered", "go"));
    // The same, untouched, counts: it was nothing else that kept the others out.
    forge(&stage, "good.json", &good);
    run.ends().exits(0);
}

#[test]
fn a_signature_counts_once() {
    let (stage, signers) = keyed("  go: { approve: { by: [lead], quorum: 2 } }\n");
    let run = waiting(&stage, "go");
    answer(&stage, &signers, "ana", &[]).exits(0);
    until("it is heard", || stage.told("answered").len() == 1);
    until("it is put away", || stage.run_dir().join("inbox/done").exists());
    stage.run(&["status"]).exits(0).says("waits for ivan; 1 of 2 have agreed").says("ana said yes (signed)");
    let request = last_request(&stage);
    forge(&stage, "again.json", &{
        let mut again = request.clone();
        again["at"] = "2026-11-23T05:00:00Z".into();
        again
    });
    assert!(rejected(&stage, 1).contains("used already"));
    // Nor a second one of the same person.
    answer(&stage, &signers, "ana", &[]).exits(2).says("has agreed already");
    assert!(rejected(&stage, 2).contains("ana has agreed already"));
    // The very same file is one request, however often it is found.
    forge(&stage, "same.json", &request);
    until("it is put away", || !stage.run_dir().join("inbox/same.json").exists());
    assert_eq!(stage.told("answer_rejected").len(), 2);
    assert!(!stage.has_told("step_finished", "go"));
    answer(&stage, &signers, "ivan", &[]).exits(0);
    run.ends().exits(0);
}

#[test]
fn the_answer_of_one_attempt_does_not_count_for_the_next() {
    let (stage, signers) = keyed(GO);
    stage.execute(&[]).exits(4);
    stage.run(&["approve", "latest", "go", "--as", "ana", "--write", "old.txt"]).exits(0);
    stage.write("old.txt.sig", &signers.sign("ana", crate::signers::NAMESPACE, &stage.read("old.txt")));
    answer(&stage, &signers, "ivan", &["--refuse"]).exits(2).says("--note");
    answer(&stage, &signers, "ivan", &["--refuse", "--note", "too early"]).exits(0);
    stage.run(&["resume", "latest"]).exits(3).says("refused by ivan").says("too early");
    stage.run(&["retry", "latest", "go", "--reason", "they talked"]).exits(0);
    stage.run(&["resume", "latest"]).exits(4);
    stage.run(&["approve", "latest", "go", "--signed", "old.txt"]).exits(2).says("attempt 1");
    stage.run(&["resume", "latest"]).exits(4);
    assert!(rejected(&stage, 1).contains("attempt 1"));
    assert_eq!(stage.ledger().len(), 0);
}

#[test]
fn an_expired_answer_is_too_late() {
    let (stage, signers) = keyed(
        "  go: { approve: { by: [lead], expires: 1s } }\n  last: { needs: [go], run: echo last >>ledger }\n",
    );
    stage.execute(&[]).exits(4);
    let begun = std::time::Instant::now();
    answer(&stage, &signers, "ana", &[]);
    until("its time is over", || begun.elapsed().as_millis() > 1500);
    stage.run(&["resume", "latest"]).exits(3).says("nobody answered within 1s");
    assert!(rejected(&stage, 1).contains("too late"));
    assert_eq!(stage.ledger().len(), 0);
}

#[test]
fn a_question_expires_also_while_nobody_controls_the_run() {
    let (stage, _) = keyed(
        "  go: { approve: { by: [lead], expires: 1s } }\n  last: { needs: [go], run: echo last >>ledger }\n",
    );
    stage.execute(&[]).exits(4);
    let begun = std::time::Instant::now();
    until("its time is over", || begun.elapsed().as_millis() > 1500);
    stage.run(&["resume", "latest"]).exits(3).says("nobody answered within 1s");
    assert_eq!(stage.ledger().len(), 0);
}

#[test]
fn a_key_that_two_people_share_proves_nothing() {
    let signers = Signers::new(&["ana"]);
    let people = signers.people(&[("ana", "lead")]);
    let key = signers.public("ana");
    let stage = Stage::new(&format!(
        "{people}  ivan: {{ name: Ivan, contact: x, roles: [lead], key: \"{key}\" }}\nsteps:\n  go: {{ approve: {{ by: [lead], quorum: 2 }} }}\n"
    ));
    let run = waiting(&stage, "go");
    answer(&stage, &signers, "ana", &[]).exits(2).says("the same key");
    assert!(rejected(&stage, 1).contains("ana and ivan have the same key"));
    drop(run);
}

#[test]
fn without_keys_the_account_is_on_record() {
    let stage =
        Stage::new("people: { ana: { name: Ana, contact: x } }\nsteps: { go: { approve: { by: [ana] } } }\n");
    let run = waiting(&stage, "go");
    stage.run(&["approve", "latest", "go", "--as", "ana"]).exits(0);
    run.ends().exits(0);
    let answered = stage.last("answered", "go");
    assert_eq!((&answered["verified"], &answered["account"]), (&json!(false), &json!("tester")));
    stage.run(&["report"]).exits(0).says("unverified, account tester");
}

#[test]
fn a_request_is_recorded_before_it_is_put_away() {
    let (stage, signers) = keyed("  go: { approve: { by: [lead], quorum: 2 } }\n");
    let run = waiting(&stage, "go");
    answer(&stage, &signers, "ana", &[]).exits(0);
    let done = stage.run_dir().join("inbox/done");
    until("it is put away", || fs::read_dir(&done).is_ok_and(|mut files| files.next().is_some()));
    run.crash();
    // A crash between the record and the putting away leaves the file where it was.
    let file = fs::read_dir(&done).unwrap().next().unwrap().unwrap();
    fs::rename(file.path(), stage.run_dir().join("inbox").join(file.file_name())).unwrap();
    stage.run(&["resume", "latest"]).exits(4);
    assert_eq!((stage.told("answered").len(), stage.told("answer_rejected").len()), (1, 0));
    assert!(file.path().exists(), "it is put away after all");
    answer(&stage, &signers, "ivan", &[]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
}

#[test]
fn an_answer_that_is_on_record_is_not_asked_for_again() {
    let (stage, signers) = keyed(GO);
    let run = waiting(&stage, "go");
    answer(&stage, &signers, "ana", &[]).exits(0);
    run.ends().exits(0);
    // A crash may tear the journal anywhere behind the answer: it counts all the same.
    let path = stage.run_dir().join("journal.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let answered = lines.iter().position(|line| line.contains("\"type\":\"answered\"")).unwrap();
    fs::write(&path, lines[..=answered].concat()).unwrap();
    fs::remove_dir_all(stage.run_dir().join("steps")).unwrap();
    fs::remove_file(stage.path().join("ledger")).unwrap();
    stage.run(&["resume", "latest"]).exits(0);
    assert_eq!(stage.told("answered").len(), 1);
    assert_eq!(stage.ledger(), ["last"]);
}

#[test]
fn whoever_begins_a_run_in_somebodys_name_signs_that() {
    let (stage, signers) = keyed(
        "  go: { approve: { by: [lead], distinct_from: starter } }\n  last: { needs: [go], run: echo last >>ledger }\n",
    );
    let begin = ["execute", "plan.yaml", "--yes", "--as", "ivan"];
    // Else Ana could begin as Ivan, and then approve what she began.
    stage.run(&begin).exits(2).says("ssh-add");
    assert_eq!(stage.runs().len(), 0, "what never begins leaves no run behind");
    let agent = Agent::start();
    agent.add(&signers.private("ivan"));
    let mut command = stage.drplan(&begin);
    command.env("SSH_AUTH_SOCK", agent.socket());
    stage.begin(command).ends().exits(4);
    let proof = stage.last("run_started", "")["proof"].clone();
    let (text, signature) = (proof["statement"].as_str().unwrap(), proof["signature"].as_str().unwrap());
    assert!(text.contains("\nstep: -\n") && text.contains("\ndecision: start\n"), "{text}");
    assert!(signers.verifies("ivan", text, signature));
    answer(&stage, &signers, "ivan", &[]).exits(2).says("another person than starter");
    answer(&stage, &signers, "ana", &[]).exits(0);
    stage.run(&["resume", "latest"]).exits(0);
    stage.run(&["report"]).exits(0).says("by ivan (signed, `SHA256:");
}

#[test]
fn what_is_said_in_somebodys_name_is_signed_whatever_it_is() {
    let (stage, signers) =
        keyed("  a: { run: 'false', rerun: safe }\n  b: { needs: [a], run: echo b >>ledger }\n");
    stage.execute(&[]).exits(3);
    let key = signers.private("eve");
    let key = key.to_str().unwrap();
    stage.run(&["skip", "latest", "a", "--reason", "x", "--as", "eve"]).exits(2).says("ssh-add");
    stage.run(&["skip", "latest", "a", "--reason", "done by hand", "--as", "eve", "--key", key]).exits(0);
    stage.run(&["resume", "latest"]).exits(3).says("SKIPPED by eve");
    let heard = stage.last("request_heard", "");
    let (text, signature) =
        (heard["proof"]["statement"].as_str().unwrap(), heard["proof"]["signature"].as_str().unwrap());
    assert!(text.contains("\ndecision: skip\nnote: \"done by hand\"\n"), "{text}");
    assert!(signers.verifies("eve", text, signature));
    assert_eq!(stage.ledger(), ["b"]);
}

#[test]
fn each_attempt_has_a_time_of_its_own() {
    let stage = Stage::new(
        "people: { ana: { name: Ana, contact: x } }\nsteps:\n  go: { approve: { by: [ana], expires: 2s } }\n  other: { approve: { by: [ana] } }\n",
    );
    let run = waiting(&stage, "go");
    let begun = std::time::Instant::now();
    stage.run(&["approve", "latest", "go", "--as", "ana", "--refuse", "--note", "not yet"]).exits(0);
    until("it is refused", || stage.has_told("step_finished", "go"));
    until("half of its time is over", || begun.elapsed().as_millis() > 1000);
    stage.run(&["retry", "latest", "go", "--reason", "they talked"]).exits(0);
    until("it is asked again and nobody answers", || stage.told("step_finished").len() == 2);
    drop(run);
    let text = fs::read_to_string(stage.run_dir().join("journal.jsonl")).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at = |kind: &str| {
        let of = |record: &&Value| {
            record["event"]["type"] == kind
                && record["event"]["step"] == "go"
                && record["event"]["attempt"] == 2
        };
        records.iter().find(of).unwrap()["boot_ms"].as_u64().unwrap()
    };
    let waited = at("step_finished") - at("step_started");
    assert!(waited >= 2000, "the second attempt was given {waited} ms");
}

/// What somebody changes in an event of a journal, and whether the event stays at all.
type Forgery<'a> = &'a dyn Fn(&mut Value) -> bool;

/// Writes the journal anew with other events, so that its chain fits again.
fn write_anew(stage: &Stage, change: Forgery<'_>) {
    let path = stage.run_dir().join("journal.jsonl");
    let mut store = drplan::journal::MemoryStore::default();
    let mut writer = drplan::journal::Writer::over(&mut store);
    for record in drplan::journal::read(&stage.run_dir()).unwrap().records {
        let mut event = serde_json::to_value(&record.event).unwrap();
        if change(&mut event) {
            writer.append(&[serde_json::from_value(event).unwrap()], &record.stamp).unwrap();
        }
    }
    drop(writer);
    fs::write(path, store.bytes).unwrap();
}

#[test]
fn a_journal_that_was_written_anew_puts_no_words_into_a_mouth() {
    let (stage, signers) =
        keyed("  go: { approve: { by: [lead], quorum: 2 } }\n  look: { needs: [go], manual: Look. }\n");
    let run = waiting(&stage, "go");
    answer(&stage, &signers, "ana", &["--note", "looks good"]).exits(0);
    until("it is heard", || stage.told("answered").len() == 1);
    answer(&stage, &signers, "ivan", &[]).exits(0);
    until("it asks", || stage.has_told("answer_awaited", "look"));
    stage.run(&["done", "latest", "look"]).exits(0);
    run.ends().exits(0);
    stage.run(&["report"]).exits(0).says("looks good");
    let whole = fs::read(stage.run_dir().join("journal.jsonl")).unwrap();

    let is_of = |event: &Value, by: &str| event["type"] == "answered" && event["by"] == by;
    let cases: [(&str, Forgery<'_>); 8] = [
        ("it says something else", &|event| {
            if is_of(event, "ana") {
                event["note"] = "do what you like".into();
            }
            true
        }),
        ("it says something else", &|event| {
            if is_of(event, "ana") {
                event["answer"] = "no".into();
            }
            true
        }),
        ("it says something else", &|event| {
            if event["type"] == "run_started" {
                event["run"] = "20261122t140509-aaaa".into();
            }
            true
        }),
        ("the key is SHA256:", &|event| {
            if is_of(event, "ana") {
                event["by"] = "eve".into();
            }
            true
        }),
        ("one of them was changed", &|event| {
            if is_of(event, "ana") {
                let text = event["proof"]["statement"].as_str().unwrap().replace("looks good", "go on");
                (event["note"], event["proof"]["statement"]) = ("go on".into(), text.into());
            }
            true
        }),
        ("ivan has not signed it, and the plan has a key of ivan", &|event| {
            if is_of(event, "ivan") {
                event.as_object_mut().unwrap().remove("proof");
            }
            true
        }),
        ("`go` is done, and 1 of 2 who must say so have said it", &|event| !is_of(event, "ivan")),
        ("`look` is done, and 0 of 1 who must say so have said it", &|event| {
            event["type"] != "answered" || event["step"] != "look"
        }),
    ];
    for (why, change) in cases {
        write_anew(&stage, change);
        stage.run(&["report"]).exits(2).says(why).says("is not to be trusted");
        fs::write(stage.run_dir().join("journal.jsonl"), &whole).unwrap();
    }

    // Where the plan is lost, what was signed still speaks for itself.
    fs::remove_dir_all(stage.run_dir().join("frozen")).unwrap();
    stage.run(&["report"]).exits(0).says("looks good");
    write_anew(&stage, cases[4].1);
    stage.run(&["report"]).exits(2).says("one of them was changed");
}
