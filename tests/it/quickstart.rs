//! The quick start really recovers, can be repeated, and does not pass over what is spoiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository that holds the quick start, changed by some replacements.
fn repository(changes: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("plans")).unwrap();
    // Nobody waits for minutes until what is spoiled becomes healthy.
    fs::write(folder.path().join("drplan.yaml"), "defaults: { patience: 1s }\n").unwrap();
    let plan = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("plans/quickstart.yaml");
    let mut text = fs::read_to_string(plan).unwrap();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text = text.replace(from, to);
    }
    fs::write(folder.path().join("plans/quickstart.yaml"), text).unwrap();
    folder
}

fn drill(folder: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_drplan"))
        .args(["execute", "plans/quickstart.yaml", "--drill", "--yes"])
        .current_dir(folder)
        .env_remove("DRPLAN_STATE")
        .output()
        .unwrap();
    let shown = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8(shown).unwrap())
}

#[test]
fn it_recovers_and_can_be_repeated() {
    let folder = repository(&[]);
    for _ in 0..2 {
        let (code, shown) = drill(folder.path());
        assert_eq!(code, Some(0), "{shown}");
    }
    let home = folder.path().join(".drplan/quickstart/new-host");
    let heartbeat = fs::read_to_string(home.join("run/heartbeat")).unwrap();
    let identity = fs::read_to_string(home.join("identity")).unwrap();
    assert!(heartbeat.contains(&format!("service={}", identity.trim())), "{heartbeat}");
    assert!(heartbeat.contains("port=8080 greeting=hello records=200"), "{heartbeat}");
    let pid = fs::read_to_string(home.join("run/pid")).unwrap();
    let command = fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
    let command = String::from_utf8_lossy(&command);
    assert!(!command.contains("drplan-quickstart-notes"), "the application was not stopped: {command}");
}

#[test]
fn a_spoiled_archive_fails_the_drill() {
    let spoil = r#"printf x >>"$(ls -d "$STAGE"/vault/*)/uploads.tar.gz"; rm -rf -- "$ROOT""#;
    let folder = repository(&[("      rm -rf -- \"$ROOT\"\n", &format!("      {spoil}\n"))]);
    let (code, shown) = drill(folder.path());
    assert_eq!(code, Some(3), "{shown}");
    assert!(shown.contains("restore-database"), "{shown}");
}

#[test]
fn a_spoiled_file_is_not_healthy() {
    let sums = r#"(cd "$ROOT/uploads" && sha256sum upload-*.txt >SHA256SUMS)"#;
    let spoiled = format!("{sums}\n      echo changed >>\"$ROOT/uploads/upload-07.txt\"");
    let folder = repository(&[(sums, &spoiled)]);
    let (code, shown) = drill(folder.path());
    assert_eq!(code, Some(3), "{shown}");
    assert!(shown.contains("did not become healthy"), "{shown}");
}
