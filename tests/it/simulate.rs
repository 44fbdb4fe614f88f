//! `drplan simulate`: against what can be worked out with a pencil, and as a command.

use std::collections::BTreeMap;
use std::fs;

use drplan::analysis::{Basis, Improvement, Measured, Odds, Simulation, simulate};
use drplan::document::Sources;
use drplan::resolve::{Request, route};
use drplan::value::{Id, Length};
use drplan::workspace::Opened;
use serde_json::Value;

use crate::drplan::Drplan;

const PLAN: &str = "version: 1
plan: case
title: A <case> & \"more\"
people:
  ana: { name: Ana, roles: [dba], arrives: 30m }
places: { old: { kind: host }, new: { kind: host } }
scenarios:
  loss: { title: The host is gone, lose: [old] }
assets:
  db: { kind: db, homes: [old, new], rto: 1h }
  files: { kind: files, homes: [old, new], rto: 1h }
steps:
";

fn simulated(steps: &str, basis: &Basis, odds: &Odds) -> Simulation {
    simulated_in(PLAN, steps, basis, odds)
}

fn simulated_in(plan: &str, steps: &str, basis: &Basis, odds: &Odds) -> Simulation {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("case.yaml");
    fs::write(&path, format!("{plan}{steps}")).unwrap();
    let mut sources = Sources::default();
    let opened = Opened::one(&path, &mut sources).unwrap();
    assert!(opened.findings.is_empty(), "{:#?}", opened.findings);
    let (variant, findings) = opened.variant(None).unwrap();
    assert!(findings.is_empty(), "{findings:#?}");
    let scenario = Id::trusted("loss");
    let request = Request { scenario: Some(&scenario), ..Request::default() };
    let route = route(&variant.resolved, &opened.placement, &request);
    simulate(&variant.resolved, &route, basis, odds).unwrap()
}

fn by_default(steps: &str) -> Simulation {
    simulated(steps, &Basis::default(), &Odds::default())
}

fn minutes(length: Option<Length>) -> f64 {
    f64::from(u32::try_from(length.unwrap().as_millis()).unwrap()) / 60_000.0
}

/// The percentiles of an asset, in minutes.
fn percentiles(simulation: &Simulation, asset: &str) -> [f64; 3] {
    let asset = simulation.assets.iter().find(|one| one.asset.as_str() == asset).unwrap();
    [asset.spread.p50, asset.spread.p95, asset.spread.p99].map(minutes)
}

fn near(got: [f64; 3], expected: [f64; 3]) {
    // Of 10,000 runs, a percentile is off by about a hundredth in the middle, and by more in the tail: few runs are there.
    for ((got, expected), tolerance) in got.iter().zip(expected).zip([0.03, 0.04, 0.08]) {
        assert!((got / expected - 1.0).abs() < tolerance, "{got} is not near {expected}");
    }
}

const SIGMA: f64 = 0.557_069; // ln(50 / 20) / 1.6449

fn step(restores: &str, more: &str) -> String {
    format!("  restore-{restores}: {{ restores: [{restores}], on: home, {more} }}\n")
}

const SCATTERED: &str = "run: a, takes: { p50: 20m, p95: 50m }";

#[test]
fn one_step_scatters_as_the_plan_says() {
    let simulation = by_default(&step("db", SCATTERED));
    let p99 = 20.0 * (SIGMA * 2.326_348).exp();
    near(percentiles(&simulation, "db"), [20.0, 50.0, p99]);
    // The share that meets an hour: Φ(ln(60 / 20) / σ) = Φ(1.9721) = 0.9757.
    let met = simulation.assets.iter().find(|asset| asset.asset.as_str() == "db").unwrap().met.unwrap();
    assert!((met - 0.9757).abs() < 0.005, "{met}");
}

#[test]
fn of_two_side_by_side_the_later_counts() {
    let both = format!("{}{}", step("db", SCATTERED), step("files", SCATTERED));
    let simulation = by_default(&both);
    // Both are within t with the square of the probability for one: the percentiles of the later are those at √0.5, √0.95, √0.99.
    let expected = [0.544_952, 1.954_508, 2.574_961].map(|z: f64| 20.0 * (SIGMA * z).exp());
    let whole = &simulation.whole;
    near([whole.p50, whole.p95, whole.p99].map(minutes), expected);
    for improvement in &simulation.improvements {
        assert!((improvement.critical - 0.5).abs() < 0.02, "{improvement:?}");
    }
    // One after the other, times add up: more than half of 40 minutes always passes, and the spread is smaller than that of one.
    let one = Basis { max_parallel: 1, ..Basis::default() };
    let simulation = simulated(&both, &one, &Odds::default());
    assert!(minutes(simulation.whole.p50) > 40.0 && minutes(simulation.whole.p95) < 100.0);
}

#[test]
fn without_spread_nothing_is_left_to_chance() {
    let odds = Odds { spread: 1.0, ..Odds::default() };
    let simulation = simulated(&step("db", "manual: Do it., by: dba, takes: 12m"), &Basis::default(), &odds);
    let whole = &simulation.whole;
    assert_eq!([whole.p50, whole.p95, whole.p99], [Some(whole.expected); 3]);
    assert_eq!(whole.expected.to_string(), "42m");
    let with = by_default(&step("db", "manual: Do it., by: dba, takes: 12m"));
    assert!(with.whole.p95 > whole.p95, "that somebody must come scatters");
    // A wait takes as long as it says.
    let wait = format!("  wait: {{ wait: 20m }}\n{}", step("db", "needs: [wait], run: a, takes: 0s"));
    let wait = by_default(&wait).whole;
    assert_eq!([wait.p50, wait.p99], [Some(wait.expected); 2]);
}

#[test]
fn measurements_count_before_the_plan() {
    let measured = |minutes: &[u64]| {
        let samples = minutes.iter().map(|minutes| Length::from_secs(minutes * 60)).collect();
        Basis {
            measured: Measured { steps: BTreeMap::from([(Id::trusted("restore-db"), samples)]) },
            ..Basis::default()
        }
    };
    let run = |basis: &Basis| simulated(&step("db", "run: a, takes: 20m"), basis, &Odds::default());
    // Three are fitted: the median is their geometric mean, σ that of their logarithms, ln 2.
    let fitted = run(&measured(&[10, 20, 40]));
    near(percentiles(&fitted, "db"), [20.0, 20.0 * 2.0f64.powf(1.644_854), 20.0 * 2.0f64.powf(2.326_348)]);
    assert_eq!(fitted.improvements[0].rests_on, "3 drills");
    // Two move the middle, to their median.
    let moved = run(&measured(&[8, 12]));
    near(percentiles(&moved, "db"), [10.0, 20.0, 10.0 * (2.0f64.ln() / 1.644_854 * 2.326_348).exp()]);
    assert_eq!(moved.improvements[0].rests_on, "the assumed spread");
}

#[test]
fn attempts_fail_as_often_as_said_and_are_repeated_as_often_as_the_plan_says() {
    let odds = Odds { failure_rate: 0.5, spread: 1.0, ..Odds::default() };
    let run =
        |more: &str| simulated(&step("db", &format!("run: a, takes: 10m{more}")), &Basis::default(), &odds);
    let once = run("");
    assert!((once.unrecovered - 0.5).abs() < 0.02, "{}", once.unrecovered);
    assert_eq!(once.whole.p95, None, "that is never");
    let twice = run(", retry: { times: 1, delay: 1m }");
    assert!((twice.unrecovered - 0.25).abs() < 0.02, "{}", twice.unrecovered);
    // Half of the runs take 10m, a quarter 10m + 1m + 10m, a quarter never ends.
    assert_eq!(percentile(&twice, 45), "10m");
    assert_eq!(percentile(&twice, 70), "21m");
    assert_eq!(twice.failures[0].step.as_str(), "restore-db");
    // What does not need it is back all the same, if the plan says to go on.
    let files = step("files", "run: b, takes: 1h");
    let stops = simulated(&format!("{}{files}", step("db", "run: a, takes: 10m")), &Basis::default(), &odds);
    let on = step("db", "run: a, takes: 10m, on_failure: continue");
    let goes_on = simulated(&format!("{on}{files}"), &Basis::default(), &odds);
    let met = |simulation: &Simulation| {
        simulation.assets.iter().find(|asset| asset.asset.as_str() == "files").unwrap().met.unwrap()
    };
    assert!((met(&stops) - 0.25).abs() < 0.02 && (met(&goes_on) - 0.5).abs() < 0.02);
}

fn percentile(simulation: &Simulation, percent: usize) -> String {
    simulation.whole.curve[percent * 2].unwrap().to_string()
}

#[test]
fn what_runs_into_its_timeout_fails_unless_the_spread_is_ours() {
    let stated = by_default(&step("db", &format!("{SCATTERED}, timeout: 20m")));
    assert!((stated.unrecovered - 0.5).abs() < 0.02, "{}", stated.unrecovered);
    let assumed = by_default(&step("db", "run: a, takes: 20m, timeout: 25m"));
    assert!(assumed.unrecovered <= 0.0);
    assert_eq!(assumed.whole.p99.unwrap().to_string(), "25m");
}

#[test]
fn half_as_long_is_worked_out_with_the_same_luck() {
    let odds = Odds { spread: 1.0, ..Odds::default() };
    let steps =
        format!("  build: {{ run: a, takes: 50m }}\n{}", step("db", "needs: [build], run: b, takes: 20m"));
    let gains = |plan: &str| -> Vec<(String, String, f64)> {
        let improvements = simulated_in(plan, &steps, &Basis::default(), &odds).improvements.into_iter();
        let gain =
            |one: Improvement| (one.what, one.p95_falls_by.unwrap().to_string(), one.met_rises_by.unwrap());
        improvements.map(gain).collect()
    };
    let gain = |what: &str, falls_by: &str, rises_by| (what.to_owned(), falls_by.to_owned(), rises_by);
    assert_eq!(gains(PLAN), [gain("build", "25m", 1.0), gain("restore-db", "10m", 1.0)]);
    // Whether it is noticed or decided sooner, everything is back as much sooner: 1h50m, of 1h35m that are promised.
    let late =
        PLAN.replace("lose: [old]", "lose: [old], detect: 8m, decide: 32m").replace("rto: 1h", "rto: 95m");
    let expected = [
        gain("build", "25m", 1.0),
        gain("decide", "16m", 1.0),
        gain("restore-db", "10m", 0.0),
        gain("detect", "4m", 0.0),
    ];
    assert_eq!(gains(&late), expected);
}

// The command.

fn command(args: &[&str]) -> Drplan {
    let steps = format!("{}{}", step("db", SCATTERED), step("files", "run: b, takes: 5m"));
    let args = ["simulate", "plan.yaml"].iter().chain(args).copied().collect::<Vec<_>>();
    Drplan::new().plan(&format!("{PLAN}{steps}")).args(args)
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    for format in ["text", "json", "svg"] {
        let run = |seed: &str| command(&["--format", format, "--seed", seed]).expect(0, &[], &[]).stdout;
        assert_eq!(run("7"), run("7"), "{format}");
        assert_ne!(run("7"), run("8"), "{format}");
    }
    let p50 = |seed: &str| {
        let json = command(&["--format", "json", "--seed", seed]).run().stdout;
        let json: Value = serde_json::from_str(&json).unwrap();
        json["assets"][0]["p50"].as_str().unwrap().parse::<Length>().unwrap()
    };
    let (one, other) = (p50("7").as_millis(), p50("8").as_millis());
    assert!(one.abs_diff(other) * 20 < one, "{one} and {other} are far apart");
}

#[test]
fn the_answer_is_the_same_on_every_machine() {
    // Whatever changes these has changed the random numbers, the distributions or the order of the draws.
    let json = command(&["--format", "json", "--runs", "1000"]).expect(0, &[], &[]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let of = |key: &str| json["assets"][0][key].as_str().unwrap().to_owned();
    assert_eq!(
        (of("asset"), of("p50"), of("p95"), of("p99")),
        ["db", "19m51s670ms", "47m41s132ms", "1h11m31s86ms"].map(str::to_owned).into()
    );
    assert_eq!(json["assets"][0]["met"], 0.975);
}

#[test]
fn what_it_prints_fits_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../schema/simulation.schema.json")).unwrap();
    let json =
        command(&["--format", "json", "--runs", "50", "--failure-rate", "0.9"]).expect(0, &[], &[]).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&json).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(json["whole"]["p50"], Value::Null);
}

#[test]
fn a_drawing_is_whole_and_holds_nothing_foreign() {
    let drplan = command(&["--format", "svg", "-o", "drawing.svg"]);
    assert_eq!(drplan.expect(0, &[], &[]).stdout, "");
    let svg = fs::read_to_string(drplan.path("drawing.svg")).unwrap();
    assert!(svg.contains("A &lt;case&gt; &amp; &quot;more&quot;"), "{svg}");
    for foreign in ["<script", "href", "url(", "@import", "NaN", "inf"] {
        assert!(!svg.contains(foreign), "{foreign} in {svg}");
    }
    // Every element that is opened is closed.
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{svg}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn nothing_that_comes_back_is_no_failure() {
    let drplan = Drplan::new().plan(
        "version: 1\nplan: p\nplaces: { a: { kind: host } }\nscenarios: { s: { title: T, lose: [a] } }\n",
    );
    for format in ["text", "json", "svg"] {
        let drplan = Drplan::new().plan(&fs::read_to_string(drplan.path("plan.yaml")).unwrap()).args([
            "simulate",
            "plan.yaml",
            "--format",
            format,
        ]);
        drplan.expect(0, &[], &[]);
    }
}

#[test]
fn wrong_use_is_told() {
    for (args, told) in [
        (&["--scenario", "los"][..], "did you mean `loss`?"),
        (&["--environment", "drill"], "the plan has no environments"),
        (&["--runs", "0"], "1000000"),
        (&["--spread", "0.5"], "a number from 1"),
        (&["--spread", "NaN"], "a number from 1"),
        (&["--failure-rate", "1.5"], "a number from 0 to 1"),
        (&["--seed", "one"], "--seed"),
        (&["--max-parallel", "0"], "--max-parallel"),
        (&["--format", "png"], "possible values: text, json, svg"),
        (&["-o", "no/such/folder.svg"], "cannot write"),
    ] {
        command(args).expect(2, &[], &[told]);
    }
    Drplan::new().args(["simulate", "none.yaml"]).expect(2, &[], &["none.yaml"]);
    let broken = Drplan::new().plan("version: 1\nplan: p\nsteps: { a: { run: a, needs: [b] } }\n");
    broken.args(["simulate", "plan.yaml"]).expect(1, &[], &["has errors; run `drplan check"]);
}
