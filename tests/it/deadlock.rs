//! The classic ways in which a recovery needs what it recovers, from real disasters, as plans.

use std::fs;

use crate::drplan::Drplan;

/// Plan, the rule that must tell, and the words that it must find.
const CLASSICS: &[(&str, &str, &[&str])] = &[
    (
        "password-manager",
        "recovery-deadlock",
        &["restore-sso → DB_PASSWORD → passwords → sso → restore-sso", "in scenario `bad-upgrade`"],
    ),
    (
        "backup-key",
        "recovery-deadlock",
        &["restore-files → BACKUP_KEY → files → restore-files", "uses the secret"],
    ),
    (
        "network-console",
        "recovery-deadlock",
        &["roll-back → router → backbone → roll-back", "is reached only with"],
    ),
    (
        "infrastructure-state",
        "lost-reliance",
        &["`apply` in scenario `region-loss` relies on `state-bucket`", "is lost with west"],
    ),
    (
        "burning-office",
        "role-unfilled",
        &["nobody is left to approve `go-live` in scenario `fire`", "office"],
    ),
];

fn json(plan: &str) -> serde_json::Value {
    let text = fs::read_to_string(format!("tests/fixtures/deadlock/{plan}.yaml")).unwrap();
    let outcome =
        Drplan::new().plan(&text).args(["check", "plan.yaml", "--format", "json"]).expect(1, &[], &[]);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn each_classic_is_told_as_what_it_is_and_nothing_else_is() {
    for (plan, rule, words) in CLASSICS {
        let found = json(plan);
        let findings = found["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{plan}: {findings:#?}");
        assert_eq!(findings[0]["code"], *rule, "{plan}");
        let text = findings[0].to_string();
        for word in *words {
            assert!(text.contains(word), "{plan}: no {word:?} in {text}");
        }
    }
}

#[test]
fn a_second_way_that_is_named_opens_the_circle() {
    let text = fs::read_to_string("tests/fixtures/deadlock/password-manager.yaml").unwrap();
    let opened = text.replace("needs: [passwords]", "needs: [{ any: [passwords, laptop] }]");
    Drplan::new().plan(&opened).args(["check", "plan.yaml"]).expect(0, &["no problems"], &[]);
    // The second way is the one that the route goes.
    Drplan::new().plan(&opened).args(["graph", "plan.yaml"]).expect(0, &["restore-sso"], &[]);
}
