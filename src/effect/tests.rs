//! Questions to the real world, and a dry run that does nothing to it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::ask::ask;
use super::*;
use crate::keeper::{await_process, start_time};

fn question(probe: Value, cwd: &Path) -> Question {
    Question {
        probe: serde_json::from_value(probe).unwrap(),
        env: Env {
            values: BTreeMap::from([
                ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
                ("HERE".to_owned(), cwd.to_str().unwrap().to_owned()),
            ]),
            unknown: vec!["HOST_IP".to_owned()],
            secret: Vec::new(),
        },
        cwd: cwd.to_owned(),
        shell: ["bash", "-euo", "pipefail", "-c"].map(str::to_owned).to_vec(),
        moot: None,
        afar: None,
    }
}

async fn asked(probe: Value) -> Reply {
    let dir = tempfile::tempdir().unwrap();
    ask(question(probe, dir.path())).await
}

fn yes(text: &str) -> Reply {
    Reply::Yes(text.to_owned())
}

fn broken(text: &str) -> Reply {
    Reply::Broken(text.to_owned())
}

fn no(text: &str) -> Reply {
    Reply::No(text.to_owned())
}

/// Answers each request with the text that `answer` makes of its first line and its body.
pub(super) fn serve(answer: fn(&str, &str) -> String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut length) = (String::new(), 0);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                let line = line.trim().to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let text = answer(first.trim(), &String::from_utf8(body).unwrap());
            // A client that has heard enough hangs up.
            let _ = stream.get_mut().write_all(text.as_bytes());
        }
    });
    port
}

pub(super) fn http_answer(first: &str, body: &str) -> String {
    let reply = |status: &str, text: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
    };
    match first.split(' ').nth(1).unwrap() {
        "/moved" => {
            "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
        }
        "/ok" => reply("200 OK", "all is well"),
        "/big" => reply("200 OK", &format!("{}end", "x".repeat(2 << 20))),
        "/echo" => reply("201 Created", &format!("{} {body}", first.split(' ').next().unwrap())),
        _ => reply("404 Not Found", "nothing\nhere"),
    }
}

#[tokio::test]
async fn commands_answer() {
    assert_eq!(asked(json!({"run": "echo a; echo b"})).await, yes("b"));
    assert_eq!(asked(json!({"run": ["true"]})).await, yes("exit code 0"));
    assert_eq!(asked(json!({"run": "echo out; echo why >&2; exit 3"})).await, no("exit code 3: why"));
    assert_eq!(asked(json!({"run": "exit 3", "expect": {"exit": 3}})).await, yes("exit code 3"));
    assert_eq!(asked(json!({"run": "kill -9 $$"})).await, broken("ended by signal 9"));
    assert_eq!(asked(json!({"run": ["psql-nowhere"]})).await, broken("cannot start psql-nowhere: not found"));
    let matches = |text: &str| json!({"run": "echo version 17", "expect": {"matches": text}});
    assert_eq!(asked(matches("^version 1[5-9]")).await, yes("version 17"));
    assert_eq!(asked(matches("nope")).await, no("the output does not match `nope`: version 17"));
    let dir = tempfile::tempdir().unwrap();
    let gone = ask(question(json!({"run": "true"}), &dir.path().join("gone"))).await;
    assert!(matches!(&gone, Reply::Broken(why) if why.contains("there is no folder")), "{gone:?}");
}

#[tokio::test]
async fn a_command_sees_its_own_environment_alone() {
    let env = asked(json!({"run": ["env"], "expect": {"matches": "HERE="}})).await;
    assert!(matches!(env, Reply::Yes(_)), "{env:?}");
    assert!(matches!(asked(json!({"run": "test -z \"${CARGO_MANIFEST_DIR-}\""})).await, Reply::Yes(_)));
}

#[tokio::test]
async fn a_flood_is_bounded_and_does_not_hold_up() {
    let flood = json!({"run": "head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end", "expect": {"matches": "end"}});
    let Reply::No(why) = asked(flood).await else { panic!("the end is beyond what is looked at") };
    assert!(why.starts_with("the first 64 KiB of the output does not match `end`"), "{why}");
    assert!(why.len() < 400, "{}", why.len());
    let errors = json!({"run": "head -c 5000000 /dev/zero | tr '\\0' '\\n' >&2; echo last >&2; exit 1"});
    assert_eq!(asked(errors).await, no("exit code 1: last"));
}

async fn dies(pid: i32) -> bool {
    let Some(start) = start_time(pid).unwrap() else {
        return true;
    };
    tokio::time::timeout(Duration::from_secs(10), await_process(pid, start)).await.is_ok()
}

fn pid_in(path: &Path) -> i32 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn a_time_limit_ends_grandchildren_too() {
    let dir = tempfile::tempdir().unwrap();
    // The grandchild ignores TERM, and holds the pipe.
    let script = "bash -c 'trap \"\" TERM; echo $$ > pid; exec sleep 1000' & wait";
    let probe = json!({"run": script, "timeout": "1s"});
    assert_eq!(ask(question(probe, dir.path())).await, broken("no answer within 1s"));
    assert!(dies(pid_in(&dir.path().join("pid"))).await);
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let probe = json!({"run": "sleep 1000 & echo $! > pid; echo here"});
    assert_eq!(ask(question(probe, dir.path())).await, yes("here"));
    assert!(dies(pid_in(&dir.path().join("pid"))).await);
}

#[tokio::test]
async fn a_question_that_is_dropped_ends_its_command() {
    let dir = tempfile::tempdir().unwrap();
    ask(question(json!({"run": "mkfifo gate"}), dir.path())).await;
    let probe = json!({"run": "sleep 1000 & echo $! > pid; echo $$ > own; echo go > gate; wait"});
    let asking = tokio::spawn(ask(question(probe, dir.path())));
    let gate = dir.path().join("gate");
    tokio::task::spawn_blocking(move || fs::read_to_string(gate)).await.unwrap().unwrap();
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    assert!(dies(pid_in(&dir.path().join("pid"))).await);
    assert!(dies(pid_in(&dir.path().join("own"))).await);
}

#[tokio::test]
async fn nobody_waits_at_a_pipe_for_the_head_of_a_dump() {
    let dir = tempfile::tempdir().unwrap();
    let make = json!({"run": "mkfifo pipe && mkdir folder && mkfifo folder/toc.dat"});
    assert_eq!(ask(question(make, dir.path())).await, yes("exit code 0"));
    for (name, why) in [
        ("pipe", "is not a file"),
        ("folder", "is a folder without toc.dat: no dump in the directory format"),
    ] {
        let probe = json!({"file": name, "expect": {"pg_dump": {}}});
        let path = dir.path().join(name);
        assert_eq!(ask(question(probe, dir.path())).await, no(&format!("{} {why}", path.display())));
    }
}

#[tokio::test]
async fn http_answers() {
    let port = serve(http_answer);
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    assert_eq!(asked(json!({"http": url("/ok")})).await, yes("status 200 OK"));
    assert_eq!(asked(json!({"http": url("/moved")})).await, yes("status 200 OK"));
    assert_eq!(asked(json!({"http": url("/x")})).await, no("status 404 Not Found"));
    let expected = json!({"http": url("/x"), "expect": {"status": [200, 404], "matches": "nothing"}});
    assert_eq!(asked(expected).await, yes("status 404 Not Found"));
    let misfit = json!({"http": url("/ok"), "expect": {"matches": "ill"}});
    assert_eq!(asked(misfit).await, no("status 200 OK, but the body does not match `ill`"));
    let big = json!({"http": url("/big"), "expect": {"matches": "end"}});
    assert_eq!(asked(big).await, no("status 200 OK, but the first MiB of the body does not match `end`"));
    let echo = |method: &str| {
        json!({"http": {"method": method, "url": url("/echo"), "body": "to $HERE"},
               "expect": {"matches": format!("^{method} to /")}})
    };
    for method in ["POST", "PUT", "GET", "DELETE"] {
        assert_eq!(asked(echo(method)).await, yes("status 201 Created"), "{method}");
    }
    assert_eq!(asked(json!({"http": "http://127.0.0.1:1/"})).await, no("connection refused"));
    let secure = format!("https://127.0.0.1:{port}/");
    let Reply::No(why) = asked(json!({"http": secure})).await else { panic!("this is no TLS") };
    assert!(!why.is_empty());
    // Nobody accepts here, so nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let slow = format!("http://{}/", silent.local_addr().unwrap());
    let Reply::No(why) = asked(json!({"http": slow, "timeout": "200ms"})).await else {
        panic!("a silent host")
    };
    assert!(why == "no answer in time" || why == "no answer within 200ms", "{why}");
}

#[tokio::test]
async fn ports_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert_eq!(asked(json!({"tcp": address})).await, yes(&format!("{address} answers")));
    assert_eq!(asked(json!({"tcp": "127.0.0.1:1"})).await, no("127.0.0.1:1: connection refused"));
    assert_eq!(asked(json!({"tcp": "localhost"})).await, no("`localhost` is not host:port"));
    if let Ok(listener) = TcpListener::bind("[::1]:0") {
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(asked(json!({"tcp": address})).await, yes(&format!("{address} answers")));
    }
}

#[tokio::test]
async fn files_answer() {
    let dir = tempfile::tempdir().unwrap();
    fs::File::create(dir.path().join("f")).unwrap().write_all(b"abc").unwrap();
    let look = async |file: &str, expect: Value| {
        ask(question(json!({"file": file, "expect": expect}), dir.path())).await
    };
    let is_yes = |reply: Reply| matches!(reply, Reply::Yes(_));
    assert!(is_yes(look("f", json!({})).await));
    assert!(is_yes(look("$HERE/f", json!({"min_bytes": 3, "max_age": "1h"})).await));
    assert!(is_yes(look("$HERE", json!({})).await));
    assert!(!is_yes(look("f", json!({"exists": false})).await));
    assert!(is_yes(look("g", json!({"exists": false})).await));
    assert!(!is_yes(look("g", json!({})).await));
    assert!(!is_yes(look("f/g", json!({"exists": false})).await));
    assert!(!is_yes(look("f", json!({"min_bytes": 4})).await));
    let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert!(is_yes(look("f", json!({"sha256": sum})).await));
    assert!(!is_yes(look("f", json!({"sha256": sum.replace('b', "c")})).await));
    let file = fs::File::open(dir.path().join("f")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000)).unwrap();
    assert!(!is_yes(look("f", json!({"max_age": "1h"})).await));
}

#[tokio::test]
async fn what_cannot_be_known_is_not_asked() {
    let unknown = Reply::Unknown("HOST_IP is not known yet".to_owned());
    for probe in [
        json!({"tcp": "$HOST_IP:80"}),
        json!({"http": "http://$HOST_IP/"}),
        json!({"http": {"url": "http://127.0.0.1:1/", "headers": {"x": "${HOST_IP}"}}}),
        json!({"file": "/srv/$HOST_IP"}),
        json!({"run": "ping \"$HOST_IP\""}),
    ] {
        assert_eq!(asked(probe.clone()).await, unknown, "{probe}");
    }
    assert_eq!(asked(json!({"tcp": "$NOPE:80"})).await, no("`$NOPE` has no value here"));
    let dir = tempfile::tempdir().unwrap();
    let mut moot = question(json!({"run": "touch ran"}), dir.path());
    moot.moot = Some("it did not run".to_owned());
    assert_eq!(ask(moot).await, Reply::Unknown("it did not run".to_owned()));
    assert!(!dir.path().join("ran").exists());
    // Recipes are resolved before a run begins; one that was not must not pass.
    assert!(matches!(asked(json!({"use": "postgres"})).await, Reply::No(_)));
}

fn stamp() -> Stamp {
    Stamp { at: "2026-11-22T00:00:00Z".parse().unwrap(), boot_ms: 5000, boot_id: "dry".into() }
}

fn work(step: &str, program: &str, secs: u64) -> Work {
    Work {
        step: step.parse().unwrap(),
        attempt: 1,
        program: vec!["/bin/sh".to_owned(), "-c".to_owned(), program.to_owned()],
        env: BTreeMap::new(),
        secrets: Vec::new(),
        cwd: "/".into(),
        timeout: None,
        estimate: Length::from_secs(secs),
        remote: false,
        again: false,
        outputs: Vec::new(),
    }
}

/// A dry run's world, with a program that can confine nothing.
fn dry(asks: bool, run_dir: &Path) -> Dry {
    Dry::new(DrySetup {
        judged: Vec::new(),
        asks,
        start: stamp(),
        run_dir: run_dir.to_owned(),
        exe: "/bin/false".into(),
        confines: true,
        goes_on: false,
    })
}

#[tokio::test]
async fn a_dry_run_jumps_from_end_to_end_and_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut dry = dry(true, dir.path());
    let touch = format!("touch {}/ran", dir.path().display());
    dry.act(work("slow", &touch, 3600));
    dry.act(work("fast", &touch, 60));
    dry.act(work("also-fast", &touch, 60));
    dry.wake_after(7, Length::from_secs(90));
    dry.ask(1, question(json!({"run": "echo looked"}), dir.path()));
    assert!(dry.next_now().is_none());
    let mut seen = Vec::new();
    for _ in 0..5 {
        let what = match dry.next().await {
            Happening::Ended { step, ending: Ending::Assumed, .. } => step.to_string(),
            Happening::Woke { ticket } => format!("woke {ticket}"),
            Happening::Replied { reply: Reply::Yes(found), .. } => found,
            other => panic!("{other:?}"),
        };
        seen.push((dry.now().since(&stamp()).as_millis() / 1000, what));
    }
    let seen: Vec<_> = seen.iter().map(|(at, what)| (*at, what.as_str())).collect();
    let expected = [(0, "looked"), (60, "fast"), (60, "also-fast"), (90, "woke 7"), (3600, "slow")];
    assert_eq!(seen, expected);
    assert_eq!(dry.now().at, "2026-11-22T01:00:00Z".parse().unwrap());
    assert!(!dir.path().join("ran").exists());
    assert!(dry.outputs(&Id::trusted("slow"), 1).is_err());
}

#[tokio::test]
async fn a_dry_run_of_the_plan_alone_asks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut dry = dry(false, dir.path());
    dry.ask(1, question(json!({"run": "touch ran"}), dir.path()));
    let at = Some(crate::effect::Folder::Here(dir.path().to_owned()));
    dry.find_point(2, crate::effect::Search { at, ..crate::effect::Search::default() });
    dry.act(work("long", "true", 3600));
    dry.stop(&Id::trusted("long"), 1);
    assert!(matches!(dry.next_now(), Some(Happening::Replied { ticket: 1, reply: Reply::Unknown(_) })));
    assert!(matches!(dry.next().await, Happening::PointFound { ticket: 2, found: FoundPoint::Unasked(_) }));
    assert!(matches!(dry.next().await, Happening::Ended { ending: Ending::Assumed, .. }));
    assert_eq!(dry.now(), stamp());
    assert!(!dir.path().join("ran").exists());
}
