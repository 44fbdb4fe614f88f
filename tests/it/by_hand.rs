//! A runbook of `MetaChat`, followed by hand: what stands in it is pasted into a bash as it is.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::servers::s3::{DOMAIN, READER, S3};
use crate::stage::until;
use crate::typist::Typist;

/// Returns the part of the runbook of the lost site that is about one step.
fn step(title: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("runbooks/metachat/site-loss.md")).unwrap();
    let part = text.split("<a id=\"step-").find(|part| part.contains(&format!(". {title}\n")));
    part.unwrap_or_else(|| panic!("no step {title:?}")).to_owned()
}

/// Returns the blocks of code of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let begin = format!("\n```{language}\n");
    text.split(&begin).skip(1).map(|part| part.split("\n```").next().unwrap().to_owned()).collect()
}

/// Pastes into a bash, and types what it asks for.
fn paste(script: &str, typed: &str, env: &[(&str, String)]) -> (bool, String, String) {
    let mut bash = Command::new("bash")
        .args(["--norc", "-c", script])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .envs(env.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let ran = bash.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.success(), text(&ran.stdout), text(&ran.stderr))
}

#[test]
fn points_in_the_bucket_are_listed_and_fetched_by_hand() {
    let s3 = S3::start();
    s3.make_locking("metachat-dr");
    for night in ["20260101T020000Z", "20260102T020000Z"] {
        s3.put(&format!("/metachat-dr/nightly/{night}/redis.rdb"), night);
    }
    let text = step("Fetch the point and restore the database on the new host");
    let (head, rest) = text.split_once("**Fetch the point").unwrap();
    let (fetch, _) = rest.split_once("\n**Read the dump").unwrap();
    let before = blocks(head, "bash");
    let asks = |block: &&String| block.contains("read -rs");
    let secrets: Vec<String> = before.iter().filter(asks).cloned().collect();
    assert_eq!(secrets.len(), 3, "{text}");
    let typed: String = ["none", READER.0, READER.1].map(|secret| format!("{secret}\n\u{4}")).concat();
    let home = tempfile::tempdir().unwrap();
    // The runbook is for AWS, where a bucket is a host; that this one is here, the surroundings say.
    let env = [
        ("HOME", home.path().display().to_string()),
        ("RCLONE_S3_ENDPOINT", format!("http://{DOMAIN}")),
        ("http_proxy", s3.url()),
        ("AWS_ENDPOINT_URL", s3.url()),
    ];
    let list = &blocks(head, "sh")[0];
    let listed = |more: &str| paste(&format!("{}\n{list}{more}", secrets.join("\n")), &typed, &env);
    let (is_done, out, err) = listed("");
    assert!(is_done, "{err}");
    assert_eq!(out.trim_start(), "20260101T020000Z/\n20260102T020000Z/\n", "{err}");

    // As the list has it, with its slash: the point goes into a folder of its own, and nothing else is touched.
    let downloads = home.path().join("downloads");
    fs::create_dir(&downloads).unwrap();
    fs::write(downloads.join("other"), "stays").unwrap();
    let values: String = before.iter().filter(|block| !asks(block)).cloned().collect::<Vec<_>>().join("\n");
    let point = "POINT_PATH='s3://metachat-dr/nightly/20260102T020000Z/'";
    assert_eq!(values.matches("POINT_PATH='________'").count(), 1, "{values}");
    let values = values.replace("POINT_PATH='________'", point);
    let blocks: Vec<String> =
        blocks(fetch, "bash").into_iter().filter(|block| !block.contains("psql")).collect();
    let script = format!(
        "set -e\n{}\n{values}\nexport DOWNLOADS='{}'\n{}\nprintf '%s' \"at=$POINT_DIR\"",
        secrets.join("\n"),
        downloads.display(),
        blocks.join("\n")
    );
    let (is_done, out, err) = paste(&script, &typed, &env);
    assert!(is_done, "{script}\n{out}\n{err}");
    let folder = downloads.join("20260102T020000Z");
    assert!(out.ends_with(&format!("at={}", folder.display())), "{out}\n{err}");
    assert_eq!(fs::read_to_string(folder.join("redis.rdb")).unwrap(), "20260102T020000Z");
    assert_eq!(fs::read_to_string(downloads.join("other")).unwrap(), "stays");

    // After an intrusion, as of the moment before it.
    let now = || jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let harm = now();
    until("a second has passed", || now() > harm);
    let harm = now();
    until("a second has passed", || now() > harm);
    s3.request("DELETE", "/metachat-dr/nightly/20260102T020000Z/redis.rdb", &[], "", &[]).done();
    assert_eq!(listed("").1.trim_start(), "20260101T020000Z/\n");
    let (is_done, out, err) = listed(&format!(" --s3-version-at {harm}"));
    assert!(is_done, "{err}");
    assert_eq!(out.trim_start(), "20260101T020000Z/\n20260102T020000Z/\n", "{err}");
}

#[test]
fn a_secret_of_several_lines_is_pasted_whole() {
    let text = step("Start the API");
    let ask = blocks(&text, "bash").into_iter().find(|block| block.contains("API_ENV")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let into = home.path().join("got");
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-i"]).current_dir(home.path());
    bash.env("PATH", std::env::var("PATH").unwrap()).env("INTO", &into).env("PS1", "> ");
    let mut person = Typist::begin(&bash);
    // What is typed is shown, and then asked for.
    person.sees("> ").types(&format!("{ask}\n")).sees("Ctrl-D): ").sees("Ctrl-D): ");
    person.types("DB_NAME=metachat\n\nPGPASSWORD='two  words'\n\u{4}").sees("> ");
    person.types("bash -c 'printf %s \"$API_ENV\"' >\"$INTO\"; exit\n");
    person.ends(0);
    assert_eq!(fs::read_to_string(into).unwrap(), "DB_NAME=metachat\n\nPGPASSWORD='two  words'");
}
