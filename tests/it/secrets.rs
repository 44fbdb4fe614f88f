//! Secrets: fetched for the steps that name them, and nowhere to be seen.

use crate::canary::canary;
use crate::stage::Stage;

/// A stage whose vault holds a canary in a file, and a command that prints one and counts its calls.
fn stage(plan: &str) -> Stage {
    let stage = Stage::new(plan);
    stage.write("vault/file", &format!("{}\n", canary("file")));
    stage.write("vault/command", &canary("command"));
    stage.write("vault/fetch", "#!/bin/sh\necho \"$1\" >>calls\nexec cat vault/command\n");
    stage
}

const SECRETS: &str = "secrets:
  BY_ENV: { env: THE_SOURCE }
  BY_FILE: { file: vault/file }
  BY_COMMAND: { command: [sh, vault/fetch, listed] }
  BY_SHELL: { command: 'sh vault/fetch text | cat' }
";

fn execute(stage: &Stage, args: &[&str]) -> crate::stage::Ran {
    let mut command = stage.drplan(&[&["execute", "plan.yaml", "--yes"], args].concat());
    command.env("THE_SOURCE", canary("env"));
    stage.begin(command).ends()
}

#[test]
fn a_step_gets_the_secrets_that_it_names_and_no_others() {
    let stage = stage(&format!(
        "{SECRETS}steps:\n\
         \x20 every: {{ secrets: [BY_ENV, BY_FILE, BY_COMMAND, BY_SHELL], run: './compare every' }}\n\
         \x20 one: {{ needs: [every], secrets: [BY_COMMAND], run: './compare one' }}\n\
         \x20 none: {{ needs: [one], run: 'env | grep -q BY_ || echo none >>ledger' }}\n",
    ));
    // What the step gets is compared in the vault, so that nothing but the verdict leaves it.
    let compare = "#!/bin/sh\nset -eu\nmkdir -p vault/got\nenv | grep '^BY_' | sort >vault/got/$1\nprintf %s \"${BY_FILE-}\" >vault/got/$1.file\necho $1 >>ledger\n";
    stage.write("compare", compare);
    make_executable(&stage, "compare");
    execute(&stage, &[]).exits(0);
    assert_eq!(stage.ledger(), ["every", "one", "none"]);
    let expected = [
        format!("BY_COMMAND={}", canary("command")),
        format!("BY_ENV={}", canary("env")),
        format!("BY_FILE={}", canary("file")),
        format!("BY_SHELL={}", canary("command")),
    ];
    assert_eq!(stage.read("vault/got/every").lines().collect::<Vec<_>>(), expected);
    assert_eq!(stage.read("vault/got/every.file"), canary("file"), "without the line's end");
    assert_eq!(stage.read("vault/got/one").trim(), expected[0]);
    // Once a step that names it.
    assert_eq!(stage.read("calls"), "listed\ntext\nlisted\n");
}

fn make_executable(stage: &Stage, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(stage.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}
