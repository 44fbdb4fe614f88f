//! A daemon that keeps the step's output open.

use crate::document::Part;
use crate::finding::{Finding, RuleMeta};
use crate::lint::rule::rule;
use crate::lint::shell::{self, Judged, Simple};
use crate::lint::{Context, Rule, Sink, Subject};
use crate::plan::Action;
use crate::probe::Command;

rule!(
    DaemonNotRedirected,
    "daemon-not-redirected",
    Warn,
    "A command leaves a program running in the background that still writes into the step."
);

impl Rule for DaemonNotRedirected {
    fn meta(&self) -> RuleMeta {
        Self::META
    }

    fn check(&self, context: &Context<'_>, sink: &mut Sink) {
        let mut judged = Judged::new();
        for step in &context.resolved.steps {
            let Action::Run { command, .. } = &*step.action else { continue };
            let Command::Shell(text) = command else { continue };
            // Most texts have nothing of the kind; reading them is the cost of the rule.
            // Items of an `each` all do what the step says.
            if step.is_item() || !text.contains('&') && !text.contains("setsid") {
                continue;
            }
            let Some(daemon) = judged.of(command, || daemon(&shell::read(text))) else { continue };
            let message =
                format!("`{}` starts `{daemon}` in the background without redirecting its output", step.id);
            let finding = Finding::warning(Self::META.name, message)
                .at(context.place(&context.written_action(step), Part::Value), "keeps the step's output open")
                .help("redirect it, as in `serve >/var/log/serve.log 2>&1 &`, or start it as a service");
            sink.add(finding, Subject::step(step.written_as()));
        }
    }
}

/// Finds the first daemon; what is waited for is none.
fn daemon(commands: &[Simple]) -> Option<String> {
    let is_redirected = |command: &Simple| command.redirects.contains(&1) && command.redirects.contains(&2);
    for (at, command) in commands.iter().enumerate() {
        let Some((program, arguments)) = command.program() else {
            // `exec >log 2>&1` holds for everything that follows.
            if command.has("exec") && is_redirected(command) {
                return None;
            }
            continue;
        };
        let forks = program == "setsid" && arguments.first().is_some_and(|word| word.text.starts_with("-f"));
        let waited =
            || commands[at..].iter().any(|after| after.program().is_some_and(|(name, _)| name == "wait"));
        if (command.background || forks) && !is_redirected(command) && !waited() {
            let shown = match program {
                "nohup" | "setsid" => arguments.iter().find(|word| !word.text.starts_with('-')),
                _ => None,
            };
            return Some(shown.map_or(program, |word| word.text.as_str()).to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_and_what_looks_like_one() {
        let daemon = |text| daemon(&shell::read(text));
        assert_eq!(daemon("serve &").as_deref(), Some("serve"));
        assert_eq!(daemon("nohup serve --port 80 > log &").as_deref(), Some("serve"));
        assert_eq!(daemon("setsid -f serve").as_deref(), Some("serve"));
        for quiet in [
            "serve >log 2>&1 &",
            "nohup serve &>/dev/null &",
            "a & b & wait",
            "a && b",
            "echo 'a &'",
            "a 2>&1 | tee log",
            "exec >log 2>&1\nserve &",
            "curl 'http://x/?a=1&b=2'",
        ] {
            assert_eq!(daemon(quiet), None, "{quiet}");
        }
    }
}
