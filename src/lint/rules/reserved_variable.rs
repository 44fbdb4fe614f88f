//! A variable with a name that drplan, the shell or the system needs for itself.

use crate::document::{KeyPath, Part};
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::Plan;
use crate::value::Name;

rule!(
    ReservedVariable,
    "reserved-variable",
    Deny,
    "A variable, secret or output has a name that drplan, the shell or the system needs for itself."
);

/// How the values of a run and the inputs of a recipe begin, which drplan itself sets as it does those of a recovery point.
const OUR_PREFIXES: [&str; 2] = ["DRPLAN_", "INPUT_"];

/// What bash sets itself when it starts, whatever the environment says.
const OF_THE_SHELL: [&str; 14] = [
    "IFS",
    "UID",
    "EUID",
    "PPID",
    "SHELLOPTS",
    "BASHOPTS",
    "SHLVL",
    "RANDOM",
    "SECONDS",
    "LINENO",
    "OPTIND",
    "PWD",
    "OLDPWD",
    "FUNCNAME",
];

/// What changes which programs run, or what they load: fine to be chosen in a plan, but not to come from a command.
const OF_THE_SYSTEM: [&str; 12] = [
    "PATH",
    "HOME",
    "SHELL",
    "TMPDIR",
    "ENV",
    "CDPATH",
    "GLOBIGNORE",
    "USER",
    "LOGNAME",
    "TZ",
    "LANG",
    "SSH_AUTH_SOCK",
];
const SYSTEM_PREFIXES: [&str; 3] = ["LD_", "LC_", "BASH_"];

/// Where a name is given.
struct Given<'a> {
    path: KeyPath,
    part: Part,
    name: &'a str,
    what: &'static str,
    /// Whether the value is only known when the run has begun.
    is_foreign: bool,
    about: Subject,
}

impl Rule for ReservedVariable {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        for given in given(context.plan) {
            let name = given.name;
            let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
            let (why, help) = if Name::OF_POINT.contains(&name) || starts(&OUR_PREFIXES) {
                (
                    "drplan itself sets it and would replace this value",
                    "give it another name, such as one with the plan's name in front",
                )
            } else if OF_THE_SHELL.contains(&name) {
                ("the shell sets it itself and would ignore this value", "give it another name")
            } else if given.is_foreign && (OF_THE_SYSTEM.contains(&name) || starts(&SYSTEM_PREFIXES)) {
                (
                    "it would change which programs the steps after it run, and how",
                    "give it another name; where a command needs it, set it in that command",
                )
            } else {
                continue;
            };
            let message = format!("{} cannot be called `{name}`: {why}", given.what);
            let finding = Finding::error(Self::META.name, message)
                .at(context.place(&given.path, given.part), "reserved")
                .help(help);
            sink.add(finding, given.about);
        }
    }
}

/// Returns every name of a variable that a plan gives.
fn given(plan: &Plan) -> Vec<Given<'_>> {
    let root = KeyPath::root();
    let mut all = Vec::new();
    let key = |path: KeyPath, name, what, is_foreign, about| Given {
        path: path.key(name),
        part: Part::Key,
        name,
        what,
        is_foreign,
        about,
    };
    for name in plan.vars.keys() {
        all.push(key(root.key("vars"), name.as_str(), "a variable", false, Subject::default()));
    }
    for name in plan.secrets.keys() {
        all.push(key(root.key("secrets"), name.as_str(), "a secret", true, Subject::default()));
    }
    for (id, place) in &plan.places {
        let path = root.key("places").key(id.as_str()).key("vars");
        for name in place.vars.keys() {
            all.push(key(path.clone(), name.as_str(), "a variable", false, Subject::place(id)));
        }
    }
    for (section, steps) in [("prepare", &plan.prepare), ("steps", &plan.steps), ("cleanup", &plan.cleanup)] {
        for (id, step) in steps {
            let path = root.key(section).key(id.as_str());
            let about = || Subject::step(id.as_str());
            for name in step.common.env.keys() {
                all.push(key(path.key("env"), name.as_str(), "a variable", false, about()));
            }
            for (at, name) in step.common.outputs.iter().enumerate() {
                all.push(Given {
                    path: path.key("outputs").index(at),
                    part: Part::Value,
                    name: name.as_str(),
                    what: "an output",
                    is_foreign: true,
                    about: about(),
                });
            }
        }
    }
    all
}
