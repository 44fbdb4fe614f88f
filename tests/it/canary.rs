//! Canaries: secrets of tests that can be recognised in whatever form they come to light, and the search for them.

use std::fs;
use std::path::{Path, PathBuf};

/// How every canary begins. Letters alone, so that URL-encoding leaves it as it is.
pub(crate) const PREFIX: &str = "TheCanarySings";

/// The folder of a stage in which secrets may lie, because a test has put them there to be fetched.
pub(crate) const VAULT: &str = "vault";

/// Makes a canary: with letters in it that every encoding writes in another way.
pub(crate) fn canary(what: &str) -> String {
    format!("{PREFIX}-{what}-\"q\\s/é'&$+ %=end")
}

/// What of a canary can always be seen: in plain, hexadecimal, and in base64 wherever it begins.
fn traces() -> Vec<Vec<u8>> {
    let plain = PREFIX.as_bytes().to_vec();
    let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut traces = vec![plain, hex.clone().into_bytes(), hex.to_uppercase().into_bytes()];
    traces.extend(shifted_base64());
    traces
}

/// The inner letters of base64 of the prefix, behind no byte, one byte and two bytes.
fn shifted_base64() -> Vec<Vec<u8>> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..3)
        .map(|before| {
            let bytes = [&[0_u8, 0][..before], PREFIX.as_bytes()].concat();
            let bits: Vec<bool> =
                bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1)).collect();
            // Letters that hold bits of something else are left out.
            let first = (before * 8).div_ceil(6) * 6;
            let letter =
                |six: &[bool]| LETTERS[six.iter().fold(0, |number, bit| number << 1 | usize::from(*bit))];
            bits[first..].chunks_exact(6).map(letter).collect()
        })
        .collect()
}

/// Whether a canary can be seen in some bytes.
pub(crate) fn is_singing(bytes: &[u8]) -> bool {
    traces().iter().any(|trace| bytes.windows(trace.len()).any(|window| window == trace))
}

/// Returns every file, folder name and link below a folder in which a canary can be seen; what lies in a vault may.
pub(crate) fn singing_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let finder = aho_corasick::AhoCorasick::new(traces()).unwrap();
    look_below(folder, &finder, &mut found);
    found
}

fn look_below(folder: &Path, finder: &aho_corasick::AhoCorasick, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path: PathBuf = entry.path();
        if path.file_name().is_some_and(|name| name == VAULT) {
            continue;
        }
        if finder.is_match(entry.file_name().as_encoded_bytes()) {
            found.push(format!("the name {}", path.display()));
        }
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            look_below(&path, finder, found);
        } else if kind.is_file()
            && let Ok(bytes) = fs::read(&path)
            && let Some(place) = finder.find(&bytes)
        {
            let from = place.start().saturating_sub(60);
            let to = (place.end() + 60).min(bytes.len());
            let around = String::from_utf8_lossy(&bytes[from..to]).escape_debug().to_string();
            found.push(format!("{}: …{around}…", path.display()));
        }
    }
}

mod tests {
    use super::*;
    use crate::stage::Stage;

    /// A stage in which one file was left with some bytes in it.
    fn left_behind(bytes: &[u8]) -> Vec<String> {
        let mut stage = Stage::new("steps: { a: { run: 'true' } }\n");
        stage.is_allowed_to_sing = true;
        std::fs::create_dir_all(stage.path().join(".drplan/runs/r/steps")).unwrap();
        std::fs::write(stage.path().join(".drplan/runs/r/steps/stdout"), bytes).unwrap();
        singing_below(stage.path())
    }

    fn piped(program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
        use std::io::Write;
        use std::process::{Command, Stdio};
        let mut command = Command::new(program);
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap().stdout
    }

    #[test]
    fn a_planted_canary_is_found_in_every_form() {
        assert_eq!(left_behind(b"nothing but birds"), Vec::<String>::new());
        let secret = canary("planted");
        assert_eq!(left_behind(format!("xx{secret}").as_bytes()).len(), 1);
        for before in ["", "a", "ab", "abc"] {
            let base64 = piped("base64", &["-w0"], format!("{before}{secret}").as_bytes());
            assert!(!base64.windows(PREFIX.len()).any(|window| window == PREFIX.as_bytes()));
            assert_eq!(left_behind(&base64).len(), 1, "{before}: {}", String::from_utf8_lossy(&base64));
        }
        let hex = piped("od", &["-An", "-tx1", "-v", "-w99"], secret.as_bytes());
        let hex: Vec<u8> = hex.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
        assert_eq!(left_behind(&hex).len(), 1);
        // What a test has put into the vault may be there, and nothing beside it.
        let mut stage = Stage::new("steps: { a: { run: 'true' } }\n");
        stage.is_allowed_to_sing = true;
        stage.write("vault/deep/file", &secret);
        assert_eq!(singing_below(stage.path()), Vec::<String>::new());
        std::fs::create_dir(stage.path().join(PREFIX)).unwrap();
        assert_eq!(singing_below(stage.path()).len(), 1);
    }

    #[test]
    #[should_panic(expected = "a secret was left behind")]
    fn a_stage_with_a_canary_left_in_it_fails_its_test() {
        let stage = Stage::new("steps: { a: { run: 'true' } }\n");
        stage.write(".drplan/runs/r/stdout", &canary("left"));
    }
}
