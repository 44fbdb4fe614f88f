//! `drplan render`, by the real binary.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

struct Repo(TempDir);

impl Repo {
    /// A repository with the plan of the shop.
    fn shop() -> Self {
        let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/draw/shop.yaml");
        Self::with(&fs::read_to_string(shop).unwrap())
    }

    fn with(plan: &str) -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        fs::write(repo.0.path().join("drplan.yaml"), "").unwrap();
        fs::create_dir(repo.0.path().join("plans")).unwrap();
        repo.write("plans/plan.yaml", plan);
        repo
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.path().join(path), text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.0.path().join(path)).unwrap()
    }

    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from}");
        self.write(path, &text.replace(from, to));
    }

    fn render(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_drplan"))
            .arg("render")
            .args(args)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// Renders and returns the exit code with both outputs.
    fn says(&self, args: &[&str]) -> (i32, String) {
        let output = self.render(args);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(text).unwrap())
    }
}

fn golden(actual: String, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/draw").join(file);
    snapbox::assert_data_eq!(actual, snapbox::Data::read_from(&path, None).raw());
}

#[test]
fn a_plan_makes_a_runbook_for_each_scenario_and_an_index() {
    let repo = Repo::shop();
    let (code, text) = repo.says(&[]);
    assert_eq!((code, text.matches("wrote ").count()), (0, 3), "{text}");
    golden(repo.read("runbooks/shop/host-loss.md"), "host-loss.md");
    golden(repo.read("runbooks/shop/bad-data.md"), "bad-data.md");
    golden(repo.read("runbooks/shop/README.md"), "index.md");
    // A second time there is nothing to write, from wherever it is called.
    let (code, text) = repo.says(&[]);
    assert_eq!((code, text.contains("wrote")), (0, false), "{text}");
    assert_eq!(repo.says(&["--check"]).0, 0);
    let absolute = repo.0.path().join("plans/plan.yaml").display().to_string();
    assert_eq!(repo.says(&["--check", &absolute]).0, 0, "{}", repo.says(&["--check", &absolute]).1);
    let folder = repo.0.path().display().to_string();
    assert!(!repo.read("runbooks/shop/host-loss.md").contains(&folder));
}

#[test]
fn drift_is_found_shown_and_mended() {
    let repo = Repo::shop();
    let (code, text) = repo.says(&["--check"]);
    assert_eq!(code, 1, "nothing is rendered yet: {text}");
    assert!(text.contains("is missing"), "{text}");
    assert!(!repo.0.path().join("runbooks").exists(), "--check writes nothing");
    assert_eq!(repo.says(&[]).0, 0);

    repo.edit("runbooks/shop/host-loss.md", "Build the new host", "Build a new host");
    let (code, text) = repo.says(&["--check"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("-#### 1. Build a new host\n+#### 1. Build the new host\n"), "{text}");
    assert!(text.contains("mend it with `drplan render`"), "{text}");
    assert!(repo.read("runbooks/shop/host-loss.md").contains("Build a new host"), "--check writes nothing");
    assert_eq!(repo.says(&[]).0, 0);
    assert_eq!(repo.says(&["--check"]).0, 0);

    repo.edit("plans/plan.yaml", "takes: 15m", "takes: 16m");
    let (code, text) = repo.says(&["--check", "plans"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("+- **Takes:** 16m\n"), "{text}");
    assert!(text.contains("`drplan render plans`"), "{text}");
    assert_eq!(repo.says(&[]).0, 0);
    assert_eq!(repo.says(&["--check"]).0, 0);
}

#[test]
fn what_no_scenario_makes_any_more_goes_and_what_is_not_ours_stays() {
    let repo = Repo::shop();
    assert_eq!(repo.says(&[]).0, 0);
    repo.write("runbooks/shop/notes.md", "my own\n");
    repo.edit("plans/plan.yaml", "bad-data:", "worse-data:");
    let (code, text) = repo.says(&["--check"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("bad-data.md: no scenario makes it any more"), "{text}");
    assert_eq!(repo.says(&[]).0, 0);
    assert!(!repo.0.path().join("runbooks/shop/bad-data.md").exists());
    assert_eq!(repo.read("runbooks/shop/notes.md"), "my own\n");

    repo.write("runbooks/shop/host-loss.md", "# mine\n");
    for args in [&["--check"][..], &[]] {
        let (code, text) = repo.says(args);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("host-loss.md was not made by drplan"), "{text}");
    }
    assert_eq!(repo.read("runbooks/shop/host-loss.md"), "# mine\n");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let repo = Repo::shop();
    repo.write("runbooks", "a file where the folder should be");
    let (code, text) = repo.says(&[]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("runbooks/shop"), "{text}");
}

#[test]
fn templates_are_strict() {
    let repo = Repo::shop();
    repo.write("own.hbs", "# {{plan.title}}\n  {{plan.titel}}\n");
    let (code, text) = repo.says(&["--template", "own.hbs"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("own.hbs:2:3: there is no `plan.titel` here"), "{text}");
    assert!(text.contains("did you mean `title`?"), "{text}");
    assert!(!repo.0.path().join("runbooks").exists(), "nothing is written");

    repo.write("own.hbs", "x\n{{#*inline \"a\"}}{{> a}}{{/inline}}{{> a}}\n");
    let (code, text) = repo.says(&["--template", "own.hbs"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("own.hbs:2:") && text.contains("`a` calls itself"), "{text}");

    repo.write("own.hbs", "# {{plan.title}} in {{scenario.title}}\n{{#each groups}}{{#each steps}}\n- {{number}} {{title}}{{/each}}{{/each}}\n");
    repo.write("drplan.yaml", "template: own.hbs\n");
    assert_eq!(repo.says(&[]).0, 0);
    let text = repo.read("runbooks/shop/host-loss.md");
    assert!(text.contains("# Shop recovery in The host is gone\n"), "{text}");
    assert!(repo.read("runbooks/shop/README.md").contains("`own.hbs`"));
}

#[test]
fn nothing_breaks_out_of_where_it_stands() {
    let evil = "a | b ``` </details> --> x[\\\"y\\\"] %%{init}%%\\n# Not a heading";
    let plan = format!(
        "version: 1\nplan: evil\ntitle: \"{evil}\"\npeople: {{ ana: {{ name: \"{evil}\", contact: \"{evil}\" }} }}\n\
         assets: {{ x: {{ kind: files, title: \"{evil}\" }} }}\n\
         steps:\n  s:\n    title: \"{evil}\"\n    description: \"{evil}\"\n    restores: [x]\n    run: |\n      cat <<'EOF'\n      ````\n      ```\n      EOF\n"
    )
    .replace("\\\\", "\\");
    let repo = Repo::with(&plan);
    let (code, text) = repo.says(&[]);
    assert_eq!(code, 0, "{text}");
    let text = repo.read("runbooks/evil/all.md");
    assert!(!text.contains("</details>"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("# Not")), "{text}");
    assert!(text.contains("`````bash\n( set -euo pipefail\ncat <<'EOF'\n````\n```\nEOF\n"), "{text}");
    let tables = text.lines().filter(|line| line.starts_with("| "));
    for row in tables.filter(|line| line.contains("Not a heading")) {
        let cells = row.replace("\\|", "").matches('|').count();
        assert!(cells == 5 || cells == 7, "{cells}: {row}");
    }
    let diagram = text.split("```mermaid").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
    assert_eq!(diagram.matches("-->").count(), 1, "{diagram}");
    assert!(!diagram.contains("%%"), "{diagram}");
}

#[test]
fn what_is_the_same_at_every_step_is_set_once() {
    let repo = Repo::with(
        "version: 1\nplan: twice\ntitle: Twice\nvars: { SAME: it's one, SAID: said, OTHER: here }\n\
         places: { shed: { kind: host, vars: { SAID: said, OTHER: there } } }\nassets: { x: { kind: files } }\n\
         steps:\n  a: { on: shed, run: 'echo \"$SAME $OTHER\" >>$SAID' }\n\
         \x20 b: { needs: [a], run: 'echo \"$SAME $OTHER\" >>$SAID' }\n\
         \x20 c: { needs: [b], on: shed, restores: [x], run: 'echo \"$SAME $OTHER\" >>$SAID' }\n",
    );
    let (code, text) = repo.says(&[]);
    assert_eq!(code, 0, "{text}");
    let text = repo.read("runbooks/twice/all.md");
    assert_eq!(text.matches("export SAME=").count(), 1, "{text}");
    assert_eq!(text.matches("export SAID=").count(), 1, "{text}");
    assert_eq!(text.matches("export DRPLAN_RUN=").count(), 1, "{text}");
    let folder = repo.0.path().join("plans");
    let run =
        Command::new("bash").args(["-e", "-c", &bash_blocks(&text)]).current_dir(&folder).output().unwrap();
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    let said = fs::read_to_string(folder.join("said")).unwrap();
    assert_eq!(said, "it's one there\nit's one here\nit's one there\n");
}

#[test]
fn a_person_recovers_by_pasting() {
    let repo = Repo::shop();
    // What a test cannot do by hand is left out: a person tells the customers, and they look.
    let plan = repo.read("plans/plan.yaml");
    let tell = plan.find("  tell:").unwrap();
    let plan = plan[..tell].to_owned();
    let front = plan.find("  storefront:").unwrap();
    let end = plan[front..].find("\n\n").unwrap() + front;
    repo.write("plans/plan.yaml", &format!("{}{}", &plan[..front], &plan[end..]));
    assert_eq!(repo.says(&[]).0, 0, "{}", repo.says(&[]).1);

    let folder = repo.0.path().join("plans");
    fs::write(folder.join("secret.txt"), "sesame\n").unwrap();
    let vault = folder.join("vault/nightly/2026-01-01");
    fs::create_dir_all(&vault).unwrap();
    fs::write(vault.join("list"), "apples\n").unwrap();
    let tar = Command::new("tar").args(["-cf", "goods.tar", "list"]).current_dir(&vault).status().unwrap();
    assert!(tar.success());

    let blocks = bash_blocks(&repo.read("runbooks/shop/host-loss.md"));
    let script = blocks.replace("POINT_PATH='________'", &format!("POINT_PATH='{}'", vault.display()));
    assert!(!script.contains("________"), "a blank is left: {script}");
    let run = Command::new("bash").args(["-e", "-c", &script]).current_dir(&folder).output().unwrap();
    assert!(run.status.success(), "{script}\n{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(fs::read_to_string(folder.join("new/goods/list")).unwrap(), "apples\n");
    assert_eq!(fs::read_to_string(folder.join("new/till.on")).unwrap(), "127.0.0.1\n");
}

#[test]
fn what_is_made_of_recipes_is_done_by_pasting() {
    let repo = Repo::with(
        "version: 1\nplan: nest\ntitle: Nest\nvars: { ROOT: /nowhere }
places: { old: { kind: host }, new: { kind: host }, vault: { kind: host } }
assets: { db: { kind: files, homes: [old, new] }, more: { kind: files, homes: [old, new] } }
backups: { nightly: { of: [db, more], points: { every: 1d }, copies: { vault: { in: vault, at: vault, keep: 30d, erasable_by: [] } } } }
scenarios: { loss: { title: L, lose: [old] } }
steps:
  db-back: { restores: [db], from: [nightly.vault], use: outer, with: { folder: out } }
  more-back: { needs: [db-back], restores: [more], from: [nightly.vault], run: 'cp \"$FETCHED/more\" more' }
",
    );
    fs::create_dir(repo.0.path().join("plans/recipes")).unwrap();
    let folder_of = |recipe: &str, rest: &str| {
        let head = format!(
            "recipe: {recipe}\nversion: 1\ntitle: T\ndescription: D\ninputs: {{ folder: {{ description: Where. }} }}\n"
        );
        repo.write(&format!("plans/recipes/{recipe}.yaml"), &format!("{head}{rest}"));
    };
    folder_of(
        "outer",
        "steps:
  fetch: { title: Fetch it, use: inner, with: { folder: fetched } }
  load: { title: Load it, needs: [fetch], run: 'mkdir \"$INPUT_FOLDER\"; cp \"$FETCHED/db\" \"$INPUT_FOLDER\"' }
  again: { title: Fetch it again, needs: [load], use: inner, with: { folder: fetched } }
verify: [ { run: 'test \"$INPUT_FOLDER\" = out; test -e out/db' } ]
",
    );
    folder_of(
        "inner",
        "steps:
  copy:
    title: Copy it
    preconditions: [ { title: There is room, run: 'test \"$INPUT_FOLDER\" = fetched' } ]
    run: 'cp -r -- \"$POINT_PATH\" \"$INPUT_FOLDER\"; echo \"FETCHED=$INPUT_FOLDER\" >>\"$DRPLAN_OUTPUT\"'
    outputs: [FETCHED]
verify: [ { run: 'test -e \"$INPUT_FOLDER/db\"' } ]
",
    );
    let (code, said) = repo.says(&[]);
    assert_eq!(code, 0, "{said}");
    let text = repo.read("runbooks/nest/loss.md");
    let folder = repo.0.path().join("plans");
    fs::create_dir_all(folder.join("vault/20260101T000000Z")).unwrap();
    for name in ["db", "more"] {
        fs::write(folder.join("vault/20260101T000000Z").join(name), name).unwrap();
    }
    let script = bash_blocks(&text).replace("'________'", "vault/20260101T000000Z");
    let run = Command::new("bash").args(["-e", "-c", &script]).current_dir(&folder).output().unwrap();
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(fs::read_to_string(folder.join("out/db")).unwrap(), "db");
    assert_eq!(fs::read_to_string(folder.join("more")).unwrap(), "more");
    // A part has its title before all that belongs to it, and what it is a part of is no work of its own.
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part:?} in {text}"));
    let head = at("**Copy it**\n\n```bash\nexport INPUT_FOLDER='fetched'\n```\n\nThere is room");
    assert!(head < at("cp -r"), "{text}");
    assert!(
        at("cp -r") < at("**Fetch it: the whole of it**") && !text.contains("Carry out the recipe"),
        "{text}"
    );
    assert!(text.contains("`FETCHED=________` (printed by step 1)"), "{text}");
    assert!(
        text.contains("`POINT_PATH=________` (the same as in step 1: all comes from one point)"),
        "{text}"
    );
}

#[test]
fn where_a_repository_lies_need_not_be_filled_in() {
    let repo = Repo::with(
        "version: 1\nplan: repository\ntitle: R\nvars: { SHELF: /srv/shelf }
places: { old: { kind: host }, new: { kind: host }, vault: { kind: host } }
assets: { data: { kind: files, homes: [old, new] } }
backups: { base: { of: [data], points: { continuous: true }, copies: { vault: { in: vault, at: $SHELF/wal, keep: 30d, erasable_by: [], verify: [ { use: files/verify-restic } ] } } } }
scenarios: { loss: { title: L, lose: [old] } }
steps: { back: { restores: [data], from: [base.vault], run: './restore \"$POINT_PATH\"' } }
",
    );
    let (code, said) = repo.says(&[]);
    assert_eq!(code, 0, "{said}");
    let text = repo.read("runbooks/repository/loss.md");
    assert!(
        text.contains("export POINT_PATH=\"${SHELF}/wal\"\n") && !text.contains("POINT_PATH=________"),
        "{text}"
    );
}

/// Returns what stands in the blocks that are marked `bash`, one after the other.
fn bash_blocks(text: &str) -> String {
    let mut blocks = String::new();
    let mut inside: Option<String> = None;
    for line in text.lines() {
        match &inside {
            Some(mark) if line == mark => inside = None,
            Some(_) => blocks.push_str(&format!("{line}\n")),
            None if line.ends_with("bash") && line.starts_with("```") => {
                inside = Some(line.trim_end_matches("bash").to_owned());
            }
            None => {}
        }
    }
    blocks
}
