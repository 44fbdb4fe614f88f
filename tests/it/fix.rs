//! `drplan fix`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ::drplan::document::{Document, Kind, Limits, Node, Sources, Span};
use ::drplan::finding::apply;
use ::drplan::lint::{Levels, mend};
use ::drplan::value::Date;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::drplan::Drplan;

const TYPO: &str = "version: 1\nplan: typo\nsteps:\n  restore-db: { run: ./r.sh, takes: 1m } # äöü\n  \
                    start-api: { nedes: [\"restroe-db\"], run: ./a.sh, takes: 1m }\n";
const MENDED: &str = "version: 1\nplan: typo\nsteps:\n  restore-db: { run: ./r.sh, takes: 1m } # äöü\n  \
                      start-api: { needs: [\"restore-db\"], run: ./a.sh, takes: 1m }\n";

fn fix(plan: impl AsRef<[u8]>, args: &[&str]) -> Drplan {
    Drplan::new().file("plan.yaml", plan).args(["fix", "plan.yaml"].into_iter().chain(args.iter().copied()))
}

fn text(drplan: &Drplan, name: &str) -> String {
    fs::read_to_string(drplan.path(name)).unwrap()
}

/// Fixes a plan and says what became of it; a second time must change nothing more.
fn fixed(plan: &str) -> String {
    let drplan = fix(plan, &[]);
    drplan.expect(0, &[], &[]);
    let once = text(&drplan, "plan.yaml");
    drplan.expect(0, &["nothing to mend"], &[]);
    assert_eq!(text(&drplan, "plan.yaml"), once);
    once
}

#[test]
fn what_one_mend_lays_open_is_mended_too() {
    let drplan = fix(TYPO, &[]);
    let wanted = "plan.yaml:5: `nedes` is not a field of a step: write `needs` for `nedes`\n\
                  plan.yaml:5: there is no step, asset, place, person or secret `restroe-db`: write `restore-db` for `restroe-db`\n\
                  2 problems mended\n";
    assert_eq!(drplan.run().stdout, wanted);
    assert_eq!(text(&drplan, "plan.yaml"), MENDED);
    drplan.expect(0, &["nothing to mend\n"], &[]);
}

#[test]
fn what_is_only_looked_at_stays() {
    let drplan = fix(TYPO, &["--check"]);
    drplan.expect(1, &["plan.yaml:5: `nedes`", "2 problems can be mended"], &[]);
    assert_eq!(text(&drplan, "plan.yaml"), TYPO);

    let drplan = fix(TYPO, &["--diff"]);
    let diff = drplan.expect(1, &["--- a/plan.yaml\n+++ b/plan.yaml\n"], &[]).stdout;
    assert_eq!(text(&drplan, "plan.yaml"), TYPO);
    fs::write(drplan.path("diff"), diff).unwrap();
    let git = std::process::Command::new("git")
        .args(["apply", "--unsafe-paths", "diff"])
        .current_dir(drplan.folder())
        .env("GIT_CEILING_DIRECTORIES", drplan.folder().parent().unwrap())
        .status()
        .unwrap();
    assert!(git.success());
    assert_eq!(text(&drplan, "plan.yaml"), MENDED);
    fix(MENDED, &["--check"]).expect(0, &["nothing to mend"], &[]);
    fix(MENDED, &["--diff"]).expect(0, &[], &[]);
}

#[test]
fn bytes_that_are_no_fault_stay() {
    let windows = |text: &str| text.replace('\n', "\r\n");
    assert_eq!(fixed(&windows(TYPO)), windows(MENDED));
    assert_eq!(fixed(&format!("\u{feff}{TYPO}")), format!("\u{feff}{MENDED}"));
    assert_eq!(fixed(TYPO.trim_end()), MENDED.trim_end());
    let old_mac = TYPO.replace('#', "# \u{2028}\u{85}");
    assert_eq!(fixed(&old_mac), MENDED.replace('#', "# \u{2028}\u{85}"));
    for quote in ["'restroe-db'", "restroe-db", "\"restroe-db\""] {
        let with = |name: &str| TYPO.replace("nedes", "needs").replace("\"restroe-db\"", name);
        assert_eq!(fixed(&with(quote)), with(&quote.replace("restroe", "restore")));
    }
}

#[test]
fn what_is_not_written_letter_by_letter_stays() {
    let with = |name: &str| TYPO.replace("nedes", "needs").replace("\"restroe-db\"", name);
    for strange in ["\"restroe\\u002ddb\"", "!!str restroe-db", "*other"] {
        let plan = with(strange).replace("plan: typo", "plan: typo\ntitle: &other restroe-db");
        let drplan = fix(&plan, &[]);
        let after = {
            drplan.expect(0, &[], &[]);
            text(&drplan, "plan.yaml")
        };
        let is_fine = after == plan || after == plan.replace(strange, &strange.replace("restroe", "restore"));
        assert!(is_fine, "{after}");
    }
}

#[test]
fn traps_of_old_readers_become_what_they_mean_here() {
    let plan = |vars: &str, exists: &str| {
        format!(
            "version: 1\nplan: traps\nvars: {{ {vars} }}\nplaces:\n  vps: {{ kind: host, exists: {exists} }}\n\
                 steps:\n  build: {{ provides: [vps], run: ./b.sh, takes: 1m }}\n  \
                 go: {{ needs: [vps], run: ./go.sh, takes: 1m }}\n"
        )
    };
    let before = plan("A: yes, B: 1:30, C: off, D: y, E: 012", "no");
    assert_eq!(fixed(&before), plan("A: \"yes\", B: \"1:30\", C: \"off\", D: \"y\", E: 012", "false"));
    assert_eq!(fixed(&plan("A: a", "'off'")), plan("A: a", "false"));
    assert_eq!(fixed(&plan("A: a", "maybe")), plan("A: a", "maybe"));
    assert_eq!(
        fixed(&TYPO.replace("plan: typo", "plan: typo\ntitle: 012")),
        MENDED.replace("plan: typo", "plan: typo\ntitle: \"012\"")
    );
}

#[test]
fn words_recipes_and_inputs_are_mended() {
    let plan = |failure: &str, recipe: &str, input: &str| {
        format!(
            "version: 1\nplan: words\nsteps:\n  a: {{ run: ./a.sh, takes: 1m, on_failure: {failure} }}\n  \
             b: {{ use: {recipe}, with: {{ {input}: 5 }}, takes: 1m, needs: [a] }}\n"
        )
    };
    let recipe = "version: 1\nrecipe: shop/greet\ntitle: Says hello\ninputs:\n  times: { type: integer, description: How often. }\n\
                  steps:\n  say: { run: ./say.sh, takes: 1m }\n";
    let drplan = fix(plan("cotinue", "shop/gret", "tmies"), &[]).file("recipes/greet.yaml", recipe);
    drplan.expect(0, &[], &[]);
    assert_eq!(text(&drplan, "plan.yaml"), plan("continue", "shop/greet", "times"));
}

#[test]
fn where_two_mends_are_thinkable_nothing_is_done() {
    let two = "version: 1\nplan: two\nsteps:\n  want: { run: ./a.sh, takes: 1m }\n  wait: { run: ./b.sh, takes: 1m }\n  \
               go: { needs: [waxt], run: ./c.sh, takes: 1m }\n";
    assert_eq!(fixed(two), two);
    // The slip may be where the name is given.
    let given = "version: 1\nplan: given\nsteps:\n  restroe: { run: ./a.sh, takes: 1m }\n  \
                 b: { needs: [restore], run: ./b.sh, takes: 1m }\n  c: { needs: [restore], run: ./c.sh, takes: 1m }\n";
    assert_eq!(fixed(given), given);
    // Another host was meant, not this one.
    let hosts = "version: 1\nplan: hosts\nplaces:\n  vps-00: { kind: host }\nsteps:\n  \
                 a: { needs: [vps-00, vps-01], run: ./a.sh, takes: 1m }\n";
    assert_eq!(fixed(hosts), hosts);
    // The field is there already.
    let twice = "version: 1\nplan: twice\nsteps:\n  a: { needs: [], nedes: [], run: ./a.sh, takes: 1m }\n";
    assert_eq!(fixed(twice), twice);
    // Nothing needs itself.
    let own = "version: 1\nplan: own\nsteps:\n  start: { needs: [strat], run: ./a.sh, takes: 1m }\n";
    assert_eq!(fixed(own), own);
}

#[test]
fn what_would_be_worse_is_not_written() {
    // What the slip hides is worse than the slip.
    let plan = TYPO.replace("run: ./r.sh", "run: ./r.sh, approv: { bye: 7, expires: soon }");
    let drplan = fix(&plan, &[]);
    drplan.expect(
        2,
        &[],
        &[
            "plan.yaml would have more errors than before; it is as it was",
            "mend it by hand: line 4: `approv`",
        ],
    );
    assert_eq!(text(&drplan, "plan.yaml"), plan);
}

#[test]
fn what_was_not_named_is_left_alone() {
    let recipe =
        "version: 1\nrecipe: shop/greet\ntitle: Says hello\nsteps:\n  say: { run: ./say.sh, tkaes: 1m }\n";
    let plan = TYPO.replace("run: ./a.sh", "use: shop/greet");
    let drplan = fix(&plan, &[]).file("recipes/greet.yaml", recipe);
    drplan.expect(0, &["2 problems remain: drplan check plan.yaml"], &[]);
    assert_eq!(text(&drplan, "recipes/greet.yaml"), recipe);
    for named in ["recipes/greet.yaml", "recipes"] {
        let drplan = Drplan::new().file("recipes/greet.yaml", recipe).args(["fix", named]);
        drplan.expect(0, &["recipes/greet.yaml:5: `tkaes`"], &[]);
        assert_eq!(text(&drplan, "recipes/greet.yaml"), recipe.replace("tkaes", "takes"));
    }
}

#[test]
fn a_link_stays_one_and_leads_nowhere_else() {
    let drplan =
        Drplan::new().file(".git/HEAD", "").file("shared/plan.yaml", TYPO).args(["fix", "plan.yaml"]);
    fs::set_permissions(drplan.path("shared/plan.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("shared/plan.yaml", drplan.path("plan.yaml")).unwrap();
    drplan.expect(0, &["2 problems mended"], &[]);
    assert!(fs::symlink_metadata(drplan.path("plan.yaml")).unwrap().is_symlink());
    assert_eq!(text(&drplan, "shared/plan.yaml"), MENDED);
    let mode = fs::metadata(drplan.path("shared/plan.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    assert_eq!(fs::read_dir(drplan.path("shared")).unwrap().count(), 1, "nothing is left beside it");

    let other = Drplan::new().plan(TYPO);
    let drplan = Drplan::new().file(".git/HEAD", "").args(["fix", "plan.yaml"]);
    std::os::unix::fs::symlink(other.path("plan.yaml"), drplan.path("plan.yaml")).unwrap();
    drplan.expect(2, &[], &["lies outside of this repository"]);
    assert_eq!(text(&other, "plan.yaml"), TYPO);
}

#[test]
fn what_cannot_be_mended_does_not_hide_the_rest() {
    let drplan = Drplan::new()
        .file("a.yaml", [0xff, 0xfe])
        .file("b.yaml", TYPO)
        .args(["fix", "a.yaml", "b.yaml", "b.yaml", "c.yaml"]);
    drplan.expect(2, &["2 problems mended"], &["a.yaml is not text in UTF-8", "cannot read c.yaml"]);
    assert_eq!(text(&drplan, "b.yaml"), MENDED);
    let broken = "version: 1\nplan: [\n";
    let drplan = fix(broken, &[]);
    drplan.expect(0, &["nothing to mend", "1 problem remains"], &[]);
    assert_eq!(text(&drplan, "plan.yaml"), broken);
}

#[test]
fn a_finding_says_that_it_can_be_mended() {
    let check = |args: &[&str]| {
        Drplan::new().plan(TYPO).args(["check", "plan.yaml"].into_iter().chain(args.iter().copied()))
    };
    check(&[]).expect(1, &["`drplan fix` mends it: write `needs` for `nedes`"], &[]);
    let json = check(&["--format", "json"]).run().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let edit = &json["findings"][0]["fix"]["edits"][0];
    assert_eq!(edit["replacement"], "needs");
    assert_eq!(edit["start"]["line"], 5);
}

/// The keys of a text, and the values that are one word.
fn words(node: &Node, text: &str, found: &mut Vec<Span>) {
    for (key, value) in node.entries() {
        found.push(key.span);
        words(value, text, found);
    }
    node.items().iter().for_each(|item| words(item, text, found));
    if let Kind::Str(_) = node.kind {
        found.push(node.span);
    }
    found.retain(|span| {
        let word = &text[span.start as usize..span.end as usize];
        word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    });
}

/// Makes one slip in a word.
fn slipped(word: &str, kind: u8, at: usize, letter: char) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = at % letters.len();
    match kind {
        0 => letters.insert(at, letter),
        1 => drop(letters.remove(at)),
        2 => letters[at] = letter,
        _ => {
            let next = (at + 1) % letters.len();
            letters.swap(at.min(next), at.max(next));
        }
    }
    letters.into_iter().collect()
}

#[test]
fn a_slip_is_undone_to_the_byte_or_left_as_it_is() {
    let as_of: Date = serde_json::from_value("2026-06-30".into()).unwrap();
    let levels = Levels::default();
    let written_on_windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let mut plans: Vec<(PathBuf, String, Vec<Span>)> = Vec::new();
    for name in ["plans/metachat.yaml", "plans/quickstart.yaml"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let text = fs::read_to_string(&path).unwrap();
        for text in [written_on_windows(&text), text] {
            let mut sources = Sources::default();
            let source = sources.add(name, text.as_str());
            let (document, _) = Document::parse(source, &sources, &Limits::default());
            let mut found = Vec::new();
            words(document.unwrap().root(), &text, &mut found);
            plans.push((path.clone(), text, found));
        }
    }
    let undone = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config { cases: 48, ..Config::default() });
    let slip =
        (0..plans.len(), any::<prop::sample::Index>(), 0..4u8, 0..40usize, prop::char::range('a', 'z'));
    runner
        .run(&slip, |(plan, word, kind, at, letter)| {
            let (path, text, words) = &plans[plan];
            let span = words[word.index(words.len())];
            let word = &text[span.start as usize..span.end as usize];
            let wrong = slipped(word, kind, at, letter);
            let slipped = apply(text, &[(span, &wrong)]).unwrap();
            let once = mend(path, slipped.clone(), &levels, &as_of).unwrap();
            prop_assert!(!once.is_worse, "{wrong}");
            // Where a name is given and is asked for once, either may follow the other.
            let is_renamed = once.after.replace(&wrong, word) == *text;
            let is_fine = once.after == *text || once.after == slipped || is_renamed;
            prop_assert!(is_fine, "{word} → {wrong}: {:?}", once.mended);
            undone.set(undone.get() + i32::from(once.after == *text));
            let twice = mend(path, once.after.clone(), &levels, &as_of).unwrap();
            prop_assert_eq!(once.after, twice.after);
            Ok(())
        })
        .unwrap();
    assert!(undone.get() > 4, "only {} slips were undone", undone.get());
}
