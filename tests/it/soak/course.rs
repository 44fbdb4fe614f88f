//! A plan made by chance: every kind of step, here and on hosts, and what each of them may do.

use super::chance::Chance;

/// The hosts of a soak.
pub(super) const HOSTS: [&str; 2] = ["alpha", "beta"];

/// A step that does something: it writes its begin and its end into the ledger of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) id: String,
    /// Where it does it; nothing for where drplan is.
    pub(super) host: Option<&'static str>,
    /// Whether it may be done more than once.
    pub(super) repeatable: bool,
}

/// The files of a plan, and the work that stands in it.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) files: Vec<(String, String)>,
    pub(super) work: Vec<Work>,
}

/// Writes the command of a step.
struct Script<'l> {
    /// The program that writes into ledgers.
    program: &'l str,
    /// Returns the ledger of a host.
    ledger: &'l dyn Fn(Option<&str>) -> String,
}

impl Script<'_> {
    /// Returns what a step runs, and what takes it back.
    fn of(&self, name: &str, host: Option<&'static str>, chance: &mut Chance) -> String {
        let (program, ledger) = (self.program, (self.ledger)(host));
        let on = host.map(|host| format!("on: {host}, ")).unwrap_or_default();
        let times = [chance.below(500), chance.below(200)].map(|millis| format!("0.{millis:03}"));
        format!(
            "{on}run: {program} {name} {ledger} {}, undo: {program} {name}/undo {ledger} {}",
            times[0], times[1]
        )
    }
}

/// Writes a step's begin and end into a ledger: name, process, time. `once` lets the first time fail.
pub(super) const PROGRAM: &str = r#"#!/bin/bash
echo "begin $1 $$ $EPOCHREALTIME" >>"$2"
echo "$1 is at work"
sleep "$3"
if [ "${4-}" = once ] && [ "$(grep -c "^begin $1 " "$2")" = 1 ]; then
  echo "fail $1 $$ $EPOCHREALTIME" >>"$2"
  exit 1
fi
echo "end $1 $$ $EPOCHREALTIME" >>"$2"
"#;

impl Course {
    /// Makes a plan. `program` is where [`PROGRAM`] lies, `ledger` the ledger of a host.
    pub(super) fn new(chance: &mut Chance, program: &str, ledger: &dyn Fn(Option<&str>) -> String) -> Self {
        let script = Script { program, ledger };
        let mut course = Self::default();
        let mut steps: Vec<(String, String)> = Vec::new();
        let places = [None, Some("alpha"), None, Some("beta")];
        for (at, place) in places.into_iter().cycle().take(5 + chance.below(4)).enumerate() {
            let repeatable = chance.below(3) == 0;
            let rerun = if repeatable { ", rerun: safe" } else { "" };
            let id = format!("s{at}");
            steps.push((id.clone(), script.of(&id, place, chance) + rerun));
            course.does(&id, place, repeatable);
        }
        let again = script.of("again", None, chance).replacen(", undo", " once, undo", 1);
        steps.push(("again".to_owned(), format!("{again}, rerun: safe, retry: {{ times: 1, delay: 1ms }}")));
        course.does("again", None, true);
        let host = HOSTS[chance.below(HOSTS.len())];
        for (id, place, names) in [("tell", None, "eu, us, ap"), ("spread", Some(host), "one, two")] {
            let text = script.of(&format!("{id}@$DRPLAN_EACH"), place, chance);
            steps.push((id.to_owned(), format!("each: {{ of: [{names}], at_most: 2 }}, {text}")));
            for name in names.split(", ") {
                course.does(&format!("{id}@{name}"), place, false);
            }
        }
        steps.push(("child".to_owned(), "plan: child.yaml".to_owned()));
        let inner = script.of("child/inner", None, chance);
        let far = script.of("child/far", Some(host), chance);
        course.file(
            "child.yaml",
            format!(
                "version: 1\nplan: child\nplaces: {{ {host}: {{ kind: host, ssh: {host} }} }}\nsteps:\n  inner: {{ {inner} }}\n  far: {{ needs: [inner], {far} }}\n"
            ),
        );
        course.does("child/inner", None, false);
        course.does("child/far", Some(host), false);
        steps.push(("many".to_owned(), "each: [a, b], use: note, with: { word: $DRPLAN_EACH }".to_owned()));
        let say = script.of("many@$INPUT_WORD/say", None, chance);
        course.file(
            "recipes/note.yaml",
            format!(
                "recipe: note\nversion: 1\ntitle: T\ndescription: D\ninputs: {{ word: {{ description: W }} }}\nsteps: {{ say: {{ {say} }} }}\n"
            ),
        );
        course.does("many@a/say", None, false);
        course.does("many@b/say", None, false);
        steps.push(("look".to_owned(), "manual: Look at it., by: operator".to_owned()));
        steps.push(("go".to_owned(), "approve: { by: [lead], ask: May it go on? }".to_owned()));
        steps.push(("pause".to_owned(), "wait: 20ms".to_owned()));
        for id in ["locked", "too"] {
            steps.push((id.to_owned(), format!("lock: one, {}", script.of(id, None, chance))));
            course.does(id, None, false);
        }
        chance.shuffle(&mut steps);
        let last = script.of("last", Some(host), chance);
        course.does("last", Some(host), false);
        let all: Vec<&str> = steps.iter().map(|(id, _)| id.as_str()).collect();
        let last = format!("  last: {{ needs: [{}], {last} }}\n", all.join(", "));
        let mut plan = "version: 1\nplan: soak\ntitle: A soak\npeople:\n  ana: { name: Ana, contact: x, roles: [lead] }\n  ivan: { name: Ivan, contact: x, roles: [operator] }\nplaces:\n"
            .to_owned();
        for host in HOSTS {
            plan.push_str(&format!("  {host}: {{ kind: host, ssh: {host} }}\n"));
        }
        plan.push_str("steps:\n");
        for (at, (id, text)) in steps.iter().enumerate() {
            // What comes later waits for some of what comes earlier: no circle can come of it.
            let mut needs: Vec<&str> = Vec::new();
            for _ in 0..chance.below(3).min(at) {
                let other = steps[chance.below(at)].0.as_str();
                if !needs.contains(&other) {
                    needs.push(other);
                }
            }
            plan.push_str(&format!("  {id}: {{ needs: [{}], {text} }}\n", needs.join(", ")));
        }
        course.file("plan.yaml", plan + &last);
        course
    }

    fn does(&mut self, id: &str, host: Option<&'static str>, repeatable: bool) {
        self.work.push(Work { id: id.to_owned(), host, repeatable });
    }

    fn file(&mut self, name: &str, text: String) {
        self.files.push((name.to_owned(), text));
    }

    /// Returns the work of a step, or that which an undo takes back.
    pub(super) fn work_of(&self, id: &str) -> Option<&Work> {
        let id = id.split_once("/undo").map_or(id, |(undone, _)| undone);
        self.work.iter().find(|work| work.id == id)
    }
}
