//! The worked examples of the book's page on the recovery point, worked out again.

use std::fs;

use crate::drplan::Drplan;

struct Example {
    points: String,
    takes: String,
    copy: String,
    found_after: String,
    lost: String,
}

fn examples() -> Vec<Example> {
    let page = fs::read_to_string("book/src/recovery-point.md").unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" |").map(str::trim).collect();
        let cell = |at: usize| cells[at].trim_start_matches("| ").trim_matches('|').trim().to_owned();
        let code = |at: usize| cell(at).split('`').nth(1).unwrap_or_default().to_owned();
        Example { points: code(0), takes: cell(1), copy: cell(2), found_after: cell(3), lost: cell(4) }
    })
    .collect()
}

impl Example {
    fn plan(&self) -> String {
        let takes = if self.takes.is_empty() { String::new() } else { format!("takes: {}, ", self.takes) };
        let copy = self.copy.split('`').nth(1).unwrap();
        let chained = self.copy.contains("from a first copy");
        let first = if chained { "first: { in: vault, keep: 1y }, " } else { "" };
        let from = if chained { "from: first, " } else { "" };
        let scenario = if self.found_after.is_empty() {
            "lose: [host]".to_owned()
        } else {
            format!("damage: [data], found_after: {}", self.found_after)
        };
        format!(
            "version: 1\nplan: example\nowner: me\nplaces:\n  host: {{ kind: host }}\n  spare: {{ kind: host }}\n  \
             vault: {{ kind: bucket, erasable_by: [] }}\nassets:\n  data: {{ kind: files, owner: me, homes: [host, spare], \
             rto: 1d, rpo: 1ms, health: [{{ run: ./look.sh }}] }}\nbackups:\n  b:\n    of: [data]\n    \
             points: {{ {} }}\n    {}copies: {{ {first}last: {{ {from}in: vault, {copy} }} }}\nscenarios:\n  \
             s: {{ title: T, {scenario} }}\nsteps:\n  r: {{ restores: [data], from: [b.last], on: home, run: ./r.sh, \
             takes: 1m, rerun: safe }}\n",
            self.points,
            takes.replace(", ", "\n    ")
        )
    }
}

#[test]
fn each_worked_example_of_the_page_comes_out_as_it_says() {
    let examples = examples();
    assert!(examples.len() >= 12, "{} examples", examples.len());
    for example in examples {
        let plan = example.plan();
        let wanted = match example.lost.as_str() {
            "nothing clean is left" => "does not survive scenario `s`".to_owned(),
            lost => format!("`data` may lose {lost} "),
        };
        let outcome =
            Drplan::new().plan(&plan).args(["check", "plan.yaml", "--format", "json"]).expect(1, &[], &[]);
        let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let messages: Vec<&str> = json["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["message"].as_str().unwrap())
            .collect();
        assert!(
            messages
                .iter()
                .any(|message| message.contains(&wanted) || message.starts_with(wanted.trim_end())),
            "wanted {wanted:?}, found {messages:?}\n{plan}"
        );
    }
}

/// What is lost from a copy depends on what happens to each asset that it holds.
#[test]
fn assets_of_one_copy_that_are_harmed_in_different_ways_lose_differently() {
    let plan = "version: 1\nplan: example\nowner: me\nplaces:\n  old: { kind: host }\n  office: { kind: host }\n  spare: { kind: host }\n  \
                vault: { kind: bucket, erasable_by: [] }\nassets:\n  \
                mail: { kind: files, owner: me, homes: [old, spare], rto: 9d, rpo: 1ms, health: [ { run: ./look.sh } ] }\n  \
                wiki: { kind: files, owner: me, homes: [office], rto: 9d, rpo: 1ms, health: [ { run: ./look.sh } ] }\nbackups:\n  \
                nightly: { of: [mail, wiki], points: { every: 1d }, takes: 2h, copies: { last: { in: vault, keep: 1y } } }\nscenarios:\n  \
                s: { title: T, lose: [old], damage: [wiki], found_after: 3d }\nsteps:\n  \
                m: { restores: [mail], from: [nightly.last], on: home, run: ./m.sh, takes: 1m, rerun: safe }\n  \
                w: { restores: [wiki], from: [nightly.last], on: home, run: ./w.sh, takes: 1m, rerun: safe }\n";
    let outcome = Drplan::new().plan(plan).args(["check", "plan.yaml"]).expect(1, &[], &[]);
    for lost in ["`mail` may lose 1d2h ", "`wiki` may lose 1d "] {
        assert!(outcome.stdout.contains(lost), "not {lost}: {}", outcome.stdout);
    }
}
