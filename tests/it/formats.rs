//! What `drplan check` writes for programs, held to the official schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::drplan::Drplan;

const FORMATS: [&str; 5] = ["human", "json", "sarif", "github", "junit"];

const CLEAN: &str = "version: 1\nplan: clean\nsteps:\n  a: { run: ./a.sh, takes: 1m }\n";
const WARNS: &str = "version: 1\nplan: warns\nsteps:\n  a: { run: ./a.sh }\n";
const ERRS: &str = "version: 1\nplan: errs\nsteps:\n  a: { needs: [b, c], run: ./a.sh, takes: 1m }\n";
const TWICE: &str =
    "version: 1\nplan: twice\nsteps:\n  x: { run: ./a.sh, takes: 1m }\nassets:\n  x: { kind: postgresql }\n";
/// Keys and texts that would be commands, markup or nothing at all if they came through as they are.
const HOSTILE: &str = "version: 1\nplan: \"x\\n::error::\\x1b[2J%0A\"\n\
    \"\\n::stop-commands::\\\"'<&>]]>%25\\x07,:\": 1\nsteps:\n  \"ä👩‍🚒\\u202e\\r\\n::warning::b\": 2\n";

fn check(format: &str) -> Drplan {
    Drplan::new().args(["check", "--as-of", "2026-06-30", "--format", format])
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats").join(name)
}

/// Holds a text to the official schema of SARIF.
fn sarif(text: &str) -> Value {
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(fixture("sarif-schema-2.1.0.json")).unwrap()).unwrap();
    let validator = jsonschema::draft4::options().should_validate_formats(true).build(&schema).unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(faults, Vec::<String>::new(), "{text}");
    // What the schema cannot say.
    let run = &value["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let rule =
            &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"], "{text}");
        for field in ["shortDescription", "fullDescription", "help", "defaultConfiguration"] {
            assert!(rule[field].is_object(), "{} has no {field}", rule["id"]);
        }
        // GitHub refuses the whole report for one result without a file.
        let location = &result["locations"][0]["physicalLocation"];
        assert!(location["artifactLocation"]["uri"].is_string(), "{result}");
        assert!(location["region"]["startLine"].is_u64(), "{result}");
    }
    value
}

/// Holds a text to the schema of JUnit reports.
fn junit(text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.xml");
    fs::write(&report, text).unwrap();
    let output = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .args([&fixture("junit.xsd"), &report])
        .output()
        .expect("xmllint is not there: install libxml2-utils, or let `tests/run tools` do it as root");
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
}

/// Holds a text to what GitHub reads: whole commands, one in each line.
fn github(text: &str) -> usize {
    let is_command = |line: &str| {
        let commands = ["::error file=", "::warning file=", "::notice file=", "::error title="];
        commands.iter().any(|command| line.starts_with(command)) && line.matches("title=").count() == 1
    };
    assert!(text.lines().all(is_command), "{text:?}");
    assert!(!text.contains(|c: char| c != '\n' && c.is_control()), "{text:?}");
    text.lines().count()
}

fn validate(format: &str, text: &str) {
    match format {
        "json" => {
            let schema =
                fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/findings.schema.json"));
            let schema: Value = serde_json::from_str(&schema.unwrap()).unwrap();
            let value = serde_json::from_str(text).unwrap();
            let validator = jsonschema::draft202012::new(&schema).unwrap();
            let faults: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
            assert_eq!(faults, Vec::<String>::new(), "{text}");
        }
        "sarif" => drop(sarif(text)),
        "github" => drop(github(text)),
        "junit" => junit(text),
        _ => assert!(text.ends_with("as of 2026-06-30\n"), "{text}"),
    }
}

/// A repository with a clean plan, and plans with errors whose names need escapes.
fn many(drplan: Drplan) -> Drplan {
    let shipped =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes/files/restore-tar.yaml"));
    drplan
        .file("drplan.yaml", "")
        .file("plans/a clean one.yaml", CLEAN)
        .file("plans/b,ä:%0A.yaml", ERRS)
        .file("plans/c.yaml", TWICE)
        .file("plans/d.yaml", WARNS)
        .file("plans/e.yaml", HOSTILE)
        .file("plans/f.yaml", [b'a', b':', 0xff])
        .file("plans/g.yaml", "steps: [\n")
        // A recipe that takes the name of one that is part of drplan.
        .file("plans/recipes/mine.yaml", shipped.unwrap())
}

#[test]
fn every_format_fits_its_schema_and_the_exit_code_is_the_same() {
    for format in FORMATS {
        let outcome = check(format).file("plans/a.yaml", CLEAN).run();
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""), "{format}");
        validate(format, &outcome.stdout);

        let outcome = check(format).file("plans/a.yaml", WARNS).run();
        assert_eq!(outcome.status, Some(0), "{format}");
        validate(format, &outcome.stdout);
        let args = ["check", "--as-of", "2026-06-30", "--deny", "warnings", "--format", format];
        let outcome = check(format).file("plans/a.yaml", WARNS).args(args).run();
        assert_eq!(outcome.status, Some(1), "{format}");
        validate(format, &outcome.stdout);

        let outcome = many(check(format)).run();
        assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), ""), "{format}");
        validate(format, &outcome.stdout);

        let drplan = many(check(format));
        std::os::unix::fs::symlink("nowhere", drplan.path("plans/z.yaml")).unwrap();
        let outcome = drplan.run();
        assert_eq!(outcome.status, Some(2), "{format}");
        validate(format, &outcome.stdout);

        let outcome = check(format).run();
        assert_eq!(outcome.status, Some(2), "{format}");
        if format != "human" {
            validate(format, &outcome.stdout);
        }
    }
}

#[test]
fn every_format_tells_the_same_findings() {
    let json: Value = serde_json::from_str(&many(check("json")).run().stdout).unwrap();
    let findings = json["findings"].as_array().unwrap();
    let texts =
        |key: &str| -> Vec<&str> { findings.iter().map(|finding| finding[key].as_str().unwrap()).collect() };
    let codes: BTreeSet<&str> = texts("code").into_iter().collect();
    for code in
        ["unknown-reference", "duplicate-id", "step-without-estimate", "unreadable-text", "recipe-misuse"]
    {
        assert!(codes.contains(code), "{code} is not among {codes:?}");
    }
    assert_eq!(github(&many(check("github")).run().stdout), findings.len());
    let report = sarif(&many(check("sarif")).run().stdout);
    let results = report["runs"][0]["results"].as_array().unwrap();
    let of = |key: &str| -> Vec<&str> { results.iter().map(|one| one[key].as_str().unwrap()).collect() };
    assert_eq!(of("ruleId"), texts("code"));
    assert_eq!(of("level"), texts("severity"));
    let fingerprints: BTreeSet<&str> = results.iter().map(fingerprint).collect();
    assert_eq!(fingerprints.len(), results.len());
    let junit = many(check("junit")).run().stdout;
    for code in codes {
        assert!(junit.contains(&format!("<testcase name=\"{code}\"")), "{code} is not in {junit}");
    }
}

fn fingerprint(result: &Value) -> &str {
    result["partialFingerprints"]["drplan/v1"].as_str().unwrap()
}

#[test]
fn places_are_told_from_the_root_of_the_repository() {
    let drplan = Drplan::new().file(".git/HEAD", "").file("deep/drplan.yaml", "").file(
        "deep/plans/ä b.yaml",
        "version: 1\nplan: x\nsteps:\n  a: { run: ä👩‍🚒, needs: [nix], takes: 1m }\n",
    );
    let inside = drplan.path("deep/plans");
    let run = |format: &str| {
        let mut command = drplan.command();
        let args = ["check", "../plans/./ä b.yaml", "--format", format];
        let output = command.current_dir(&inside).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let report = sarif(&run("sarif"));
    let results = report["runs"][0]["results"].as_array().unwrap();
    let place = &results[0]["locations"][0]["physicalLocation"];
    // In the units of UTF-16, which SARIF counts if nothing is said, it would be 29.
    assert_eq!(
        place["region"],
        serde_json::json!({ "startLine": 4, "startColumn": 27, "endLine": 4, "endColumn": 30 })
    );
    assert_eq!(
        place["artifactLocation"],
        serde_json::json!({ "uri": "deep/plans/%C3%A4%20b.yaml", "uriBaseId": "%SRCROOT%" })
    );
    assert_eq!(report["runs"][0]["columnKind"], "unicodeCodePoints");
    assert!(
        run("github").contains(" file=deep/plans/ä b.yaml,line=4,endLine=4,col=27,endColumn=30,"),
        "{}",
        run("github")
    );
    assert!(run("junit").contains("<testsuite name=\"deep/plans/ä b.yaml\""), "{}", run("junit"));
}

#[test]
fn a_recipe_of_drplan_is_named_in_the_message() {
    let report = sarif(&many(check("sarif")).run().stdout);
    let results = report["runs"][0]["results"].as_array().unwrap();
    let result = results.iter().find(|result| result["ruleId"] == "recipe-misuse").unwrap();
    let message = result["message"]["text"].as_str().unwrap();
    assert!(message.contains("\ndrplan:files/restore-tar.yaml:1:1: the first\nhelp: "), "{message}");
    assert_eq!(
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "plans/recipes/mine.yaml"
    );
    let related = results.iter().find(|result| result["ruleId"] == "duplicate-id").unwrap();
    assert_eq!(related["relatedLocations"][0]["message"]["text"], "the first");
    assert!(!report.to_string().contains("\"drplan:"), "{report}");
}

#[test]
fn what_could_not_be_read_makes_a_report_that_is_not_whole() {
    let broken = |format| {
        let drplan = check(format).file("plans/a.yaml", CLEAN);
        std::os::unix::fs::symlink("nowhere", drplan.path("plans/b.yaml")).unwrap();
        drplan.run().stdout
    };
    let report = sarif(&broken("sarif"));
    let invocation = &report["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let text = invocation["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
    assert!(text.contains("cannot read plans/b.yaml"), "{text}");
    assert!(broken("github").starts_with("::error title=drplan::cannot read plans/b.yaml"));
    assert!(broken("junit").contains("<error message=\"cannot read plans/b.yaml"));
    let whole = sarif(&check("sarif").file("plans/a.yaml", CLEAN).run().stdout);
    assert_eq!(whole["runs"][0]["invocations"][0]["executionSuccessful"], true);
}

/// Returns the fingerprints of a plan's findings, by what they say.
fn fingerprints(file: &str, plan: &str) -> BTreeMap<String, String> {
    let report = sarif(&check("sarif").file(file, plan).run().stdout);
    let results = report["runs"][0]["results"].as_array().unwrap();
    let text =
        |result: &Value| result["message"]["text"].as_str().unwrap().lines().next().unwrap().to_owned();
    results.iter().map(|result| (text(result), fingerprint(result).to_owned())).collect()
}

#[test]
fn fingerprints_hold_while_other_things_are_edited() {
    let plan = |steps: &[&str]| format!("version: 1\nplan: x\nsteps:\n{}", steps.concat());
    let b = "  b:\n    run: b\n";
    let c = "  c: { run: c, takes: 1m }\n";
    // Two steps without an estimate; two names that nobody knows, in one list.
    for a in ["  a: { needs: [c], run: a }\n", "  a: { needs: [nix, nox], run: a }\n"] {
        let whole = plan(&[a, b, c]);
        let before = fingerprints("plans/a.yaml", &whole);
        assert_eq!(before.len(), 2, "{before:#?}");
        assert_eq!(before.values().collect::<BTreeSet<_>>().len(), 2, "{before:#?}");
        for edited in [
            format!("# a line\n\n{whole}"),
            whole.replace("plan: x\n", "plan: x\ntitle: More.\n"),
            plan(&[c, b, a]),
            plan(&["  # a line\n", a, "  # another\n", c, b, "  d: { run: d, takes: 1m }\n"]),
            whole.replace("needs: [", "needs: [ b,   "),
            whole.replace("    run: b\n", "    # why\n    timeout: 5m\n    run: b\n"),
        ] {
            assert_ne!(edited, whole);
            let after = fingerprints("plans/a.yaml", &edited);
            let kept: BTreeMap<_, _> =
                after.into_iter().filter(|(text, _)| before.contains_key(text)).collect();
            assert_eq!(kept, before, "{edited}");
        }
        // The same fault in another file is another finding.
        let other = fingerprints("plans/b.yaml", &whole);
        assert!(before.iter().all(|(text, one)| other[text] != *one), "{other:#?}");
    }
}

#[test]
fn every_code_in_the_source_is_a_rule_of_the_report() {
    let report = sarif(&check("sarif").file("plans/a.yaml", CLEAN).run().stdout);
    let rules = report["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let known: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(known.len(), rules.len());
    let made =
        regex::Regex::new(r#"(?:Finding::(?:error|warning)|report(?:_at)?)\(\s*"([a-z]+(?:-[a-z]+)+)""#)
            .unwrap();
    let mut codes = BTreeSet::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        codes.extend(made.captures_iter(text).map(|found| found[1].to_owned()));
    }
    assert!(codes.len() > 15, "the pattern finds too few codes: {codes:?}");
    let unknown: Vec<_> = codes.iter().filter(|code| !known.contains(code.as_str())).collect();
    assert!(unknown.is_empty(), "no page says what these are: {unknown:?}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| {
            path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs")
        })
        .collect()
}

/// Compares what a format makes of a small repository with what is committed.
fn golden(format: &str, file: &str, shown: impl Fn(&str) -> String) {
    let drplan = check(format)
        .file("plans/a.yaml", CLEAN)
        .file("plans/b.yaml", TWICE)
        .file("plans/c.yaml", WARNS)
        .file("plans/d.yaml", "version: 1\nplan: d\n'k::e,y %': 1\n");
    let outcome = drplan.run();
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(1), ""));
    snapbox::assert_data_eq!(shown(&outcome.stdout), snapbox::Data::read_from(&fixture(file), None).raw());
}

#[test]
fn a_small_report_in_each_format() {
    golden("human", "small.txt", str::to_owned);
    golden("json", "small.json", str::to_owned);
    golden("github", "small.github.txt", str::to_owned);
    golden("junit", "small.xml", str::to_owned);
    // The rules have a test of their own; here every new rule would be a change.
    golden("sarif", "small.sarif", |text| {
        let mut report: Value = serde_json::from_str(text).unwrap();
        let run = &mut report["runs"][0];
        run["tool"]["driver"]["rules"] = "[RULES]".into();
        for version in ["version", "semanticVersion"] {
            assert_eq!(run["tool"]["driver"][version], env!("CARGO_PKG_VERSION"));
            run["tool"]["driver"][version] = "[VERSION]".into();
        }
        for result in run["results"].as_array_mut().unwrap() {
            result["ruleIndex"] = "[INDEX]".into();
        }
        serde_json::to_string_pretty(&report).unwrap() + "\n"
    });
}
