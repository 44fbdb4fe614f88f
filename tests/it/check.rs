//! `drplan check` and `drplan explain`.

use crate::drplan::{Drplan, Outcome};

const CLEAN: &str = "version: 1\nplan: clean\nsteps:\n  a: { run: ./a.sh, takes: 1m }\n";
const WARNS: &str = "version: 1\nplan: warns\nsteps:\n  a: { run: ./a.sh }\n";
const ERRS: &str = "version: 1\nplan: errs\nsteps:\n  a: { needs: [b], run: ./a.sh, takes: 1m }\n";

fn check(plan: &str, args: &[&str]) -> Drplan {
    let all = ["check", "plan.yaml", "--as-of", "2026-06-30"];
    Drplan::new().plan(plan).args(all.into_iter().chain(args.iter().copied()))
}

#[test]
fn a_clean_plan_is_said_to_be_clean() {
    let wanted = Outcome {
        status: Some(0),
        stdout: "no problems in 1 plan\nas of 2026-06-30\n".into(),
        stderr: String::new(),
    };
    assert_eq!(check(CLEAN, &[]).run(), wanted);
}

#[test]
fn warnings_fail_only_where_they_are_denied() {
    check(WARNS, &[]).expect(0, &["warning[step-without-estimate]", "1 warning in 1 plan"], &[]);
    check(WARNS, &["--deny", "warnings"]).expect(1, &["error[step-without-estimate]"], &[]);
    check(WARNS, &["--deny", "step-without-estimate"]).expect(1, &["1 error in 1 plan"], &[]);
    check(WARNS, &["--allow", "step-without-estimate"]).expect(0, &["no problems"], &[]);
    check(ERRS, &["--warn", "unknown-reference"]).expect(0, &["warning[unknown-reference]"], &[]);
}

#[test]
fn an_error_is_shown_where_it_stands() {
    check(ERRS, &[]).expect(
        1,
        &["error[unknown-reference]", "plan.yaml:4:16", "there is no step, asset, place"],
        &[],
    );
    let json = check(ERRS, &["--format", "json"]).expect(1, &["\"unknown-reference\""], &[]);
    serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap();
}

#[test]
fn a_rule_that_nobody_knows_is_wrong_use() {
    check(CLEAN, &["--deny", "unknown-referenc"]).expect(
        2,
        &[],
        &["there is no rule `unknown-referenc`", "did you mean `unknown-reference`?"],
    );
    let config = "rules: { unknown-referenc: warn }\n";
    check(CLEAN, &[]).file("drplan.yaml", config).expect(2, &[], &["drplan.yaml", "did you mean"]);
}

#[test]
fn the_settings_give_levels_and_flags_go_before_them() {
    let config = "rules: { step-without-estimate: deny }\n";
    check(WARNS, &[]).file("drplan.yaml", config).expect(1, &["error[step-without-estimate]"], &[]);
    check(WARNS, &["--warn", "step-without-estimate"]).file("drplan.yaml", config).expect(
        0,
        &["1 warning"],
        &[],
    );
}

#[test]
fn an_unreadable_file_does_not_hide_the_others() {
    let drplan = Drplan::new().file("plans/a.yaml", ERRS).file("plans/c.yaml", WARNS).args(["check"]);
    std::os::unix::fs::symlink("nowhere", drplan.path("plans/b.yaml")).unwrap();
    drplan.expect(2, &["plans/a.yaml:4:16", "plans/c.yaml:4", "in 2 plans"], &["cannot read plans/b.yaml"]);
}

#[test]
fn without_paths_the_plans_of_the_repository_are_checked() {
    Drplan::new().file("plans/a.yaml", CLEAN).args(["check"]).expect(0, &["in 1 plan", "as of 20"], &[]);
    Drplan::new().args(["check"]).expect(2, &[], &["plans", "name the plans to check"]);
}

#[test]
fn an_environment_that_no_plan_has_is_wrong_use() {
    let plan = format!("{CLEAN}environments: {{ drill: {{ omit: [a] }} }}\n");
    check(&plan, &["--environment", "drill"]).expect(0, &["no problems"], &[]);
    check(&plan, &["--environment", "dril"]).expect(2, &[], &["did you mean `drill`?"]);
}

#[test]
fn a_day_is_a_day() {
    let args = ["check", "plan.yaml", "--as-of", "2026-02-31"];
    Drplan::new().plan(CLEAN).args(args).expect(2, &[], &["`2026-02-31` is not a day such as 2027-06-30"]);
}

#[test]
fn explain_has_a_page_for_every_code() {
    Drplan::new().args(["explain"]).expect(0, &["dependency-cycle", "deny", "warn"], &[]);
    for rule in ::drplan::lint::RULES {
        let name = rule.meta().name;
        Drplan::new().args(["explain", name]).expect(0, &[&format!("# {name}\n")], &[]);
    }
    let section = Drplan::new().args(["explain", "yaml-tab"]).expect(0, &["# yaml-tab", "spaces"], &[]);
    assert!(!section.stdout.contains("yaml-tag"), "{}", section.stdout);
    Drplan::new().args(["explain", "dependency-cycel"]).expect(2, &[], &["did you mean `dependency-cycle`?"]);
}

/// A plan that uses a recipe beside it, and the recipe's steps.
fn with_recipe(steps: &str) -> Drplan {
    let plan =
        "version: 1\nplan: shop\nvars: { SHOP_URL: u }\nsteps:\n  greet: { use: shop/greet, takes: 1m }\n";
    let recipe = format!(
        "version: 1\nrecipe: shop/greet\ntitle: Greet\ninputs: {{ times: {{ description: How often, default: 1 }} }}\nsteps:\n{steps}"
    );
    check(plan, &[]).file("recipes/greet.yaml", recipe)
}

#[test]
fn what_is_wrong_in_a_recipe_is_told_there() {
    with_recipe("  one: { run: 'echo \"${INPUT_TIMES} $HOME ${INPUT_ELSE:-x}\"' }\n").expect(
        0,
        &["no problems"],
        &[],
    );
    with_recipe("  one: { run: a }\n  two: { needs: [onee], run: b }\n").expect(
        1,
        &[
            "error[recipe-misuse]",
            "recipes/greet.yaml:7:18",
            "recipe `shop/greet` has no step `onee`",
            "did you mean `one`?",
            "`drplan fix` mends it",
            "1 error in",
        ],
        &[],
    );
    with_recipe("  one: { run: a, takes: 1m }\n  two: { needs: [{ any: [one, three] }], run: b }\n").expect(
        1,
        &["recipes/greet.yaml:7:31", "has no step `three`"],
        &[],
    );
    with_recipe("  one: { run: a }\n  two: { needs: [four], run: b }\n  three: { needs: [two], run: b }\n  four: { needs: [three], run: b }\n").expect(
        1,
        &["recipes/greet.yaml:7:17", "these wait for each other: two → four → three → two", "1 error in"],
        &[],
    );
    with_recipe("  one: { run: 'a\n\n      echo \"$INPUT_TIME\"' }\n").expect(
        1,
        &[
            "recipes/greet.yaml:8:14",
            "`$INPUT_TIME` has no value in recipe `shop/greet`",
            "did you mean `INPUT_TIMES`?",
        ],
        &[],
    );
    // A recipe may use what the plan has that uses it.
    with_recipe("  one: { http: { method: GET, url: $SHOP_URL/$INPUT_TIMES } }\n").expect(
        0,
        &["no problems"],
        &[],
    );
    with_recipe("  one: { http: { method: GET, url: $SHOP_ADDRESS } }\n").expect(
        1,
        &["recipes/greet.yaml:6:", "`$SHOP_ADDRESS` has no value"],
        &[],
    );
}

#[test]
fn every_circle_is_told() {
    let plan = "version: 1\nplan: circles\nsteps:\n  a: { needs: [b], run: x, takes: 1m }\n  b: { needs: [a], run: x, takes: 1m }\n  \
                c: { needs: [b], run: x, takes: 1m }\n  d: { needs: [e], run: x, takes: 1m }\n  e: { needs: [d, c], run: x, takes: 1m }\n  f: { needs: [f], run: x, takes: 1m }\n";
    check(plan, &[]).expect(
        1,
        &[
            "a → b → a",
            "plan.yaml:4:16",
            "d → e → d",
            "plan.yaml:7:16",
            "`f` waits for itself",
            "plan.yaml:9:16",
            "3 errors in 1 plan",
        ],
        &[],
    );
}

#[test]
fn a_stray_file_among_the_recipes_is_a_finding() {
    let drplan = check(WARNS, &[]).file("recipes/a.yaml", [b'a', 0xff]).file("recipes/b.yaml", "a: [\n");
    std::os::unix::fs::symlink("nowhere", drplan.path("recipes/c.yaml")).unwrap();
    let fifo = drplan.path("recipes/d.yaml");
    assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let wanted = [
        "error[unreadable-text]",
        "recipes/a.yaml is not text in UTF-8: byte 1 does not fit",
        "recipes/b.yaml:",
        "cannot read ./recipes/c.yaml",
        "recipes/d.yaml is not a file but a pipe",
        "warning[step-without-estimate]",
        "4 errors, 1 warning in 1 plan",
    ];
    drplan.expect(1, &wanted, &[]);
}
