//! How much is under way at once, and in how much memory: by count.

use std::fs;
use std::process::Stdio;

use super::{NEWEST, NOW, Shop, daily};
use crate::servers::http::Server;
use crate::stage::try_until;

/// A shop with so many copies, each looked at by a recipe that keeps a core busy.
fn busy_shop(copies: usize, script: &str) -> Shop {
    let shop = daily(1..=10).fold(Shop::new("", ""), |shop, name| shop.with(&name, "content"));
    let recipe = "recipe: busy\nversion: 1\ntitle: T\ndescription: D\ncpu_bound: true\nprobe:\n  timeout: 60s\n  run: |\n";
    let script: String = script.lines().map(|line| format!("    {}\n", line.trim())).collect();
    shop.0.write("recipes/busy.yaml", &format!("{recipe}{script}"));
    shop.0.write("drplan.yaml", "defaults: { confine: false }\n");
    let copies: String = (0..copies)
        .map(|number| format!("      c{number}: {{ at: points, keep: 30d, verify: [ {{ use: busy }} ] }}\n"))
        .collect();
    let plan = shop.0.read("plan.yaml");
    let (head, _) = plan.split_once("      local:").unwrap();
    shop.0.write("plan.yaml", &format!("{head}{copies}"));
    for folder in ["running", "begun"] {
        fs::create_dir(shop.0.path().join(folder)).unwrap();
    }
    shop
}

#[test]
fn what_keeps_a_core_busy_is_under_way_once_for_each_core() {
    let cores = std::thread::available_parallelism().unwrap().get();
    // So many as there are cores wait for each other; the rest comes after. Each says how many it has seen beside it.
    let script = format!(
        "touch running/$POINT_COPY begun/$POINT_COPY
         until [ \"$(ls begun | wc -l)\" -ge {cores} ]; do read -rt 0.02 <> <(:) || true; done
         for moment in 1 2 3 4 5; do
         ls running | wc -l >>seen
         read -rt 0.02 <> <(:) || true
         done
         rm running/$POINT_COPY"
    );
    let copies = cores + 3;
    let shop = busy_shop(copies, &script);
    shop.0.run(&["verify", "plan.yaml", "--as-of", NOW]).exits(0);
    let seen = shop.0.read("seen");
    let most = seen.lines().map(|line| line.trim().parse::<usize>().unwrap()).max();
    assert_eq!((most, seen.lines().count()), (Some(cores), 5 * copies), "{seen}");
}

#[test]
fn a_large_artifact_is_read_in_the_memory_of_a_small_one() {
    let most_memory = |bytes: u64| {
        let shop = daily(1..=10).fold(Shop::new("", ""), |shop, name| shop.with(&name, "content"));
        fs::File::create(shop.point(NEWEST)).unwrap().set_len(bytes).unwrap();
        crate::servers::said(
            std::process::Command::new("bash")
                .current_dir(shop.point(""))
                .args(["-c", &format!("sha256sum {NEWEST} >{NEWEST}.sha256")]),
        );
        let mut command = shop.0.drplan(&["verify", "plan.yaml", "--as-of", NOW, "--format", "json"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut most = 0;
        let status = try_until(|| {
            // The kernel remembers the highest it ever was, until the process ends.
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            most = most.max(line.map_or(0, |line| line.trim().trim_end_matches(" kB").parse().unwrap()));
            child.try_wait().unwrap()
        });
        let status = status.expect("it ends");
        let seen: serde_json::Value = serde_json::from_reader(child.stdout.take().unwrap()).unwrap();
        assert!(status.success(), "{seen:#}");
        assert_eq!(seen["plans"][0]["copies"][0]["integrity"], "digest", "{seen:#}");
        most
    };
    let (small, large): (u64, u64) = (most_memory(1 << 20), most_memory(256 << 20));
    assert!(small > 4_000, "nothing was seen of its memory");
    assert!(large < small + 16_000, "{small} kB with 1 MiB, {large} kB with 256 MiB");
}

/// A program takes milliseconds to start; what needs none costs no more than a look.
#[test]
fn what_needs_no_program_starts_none() {
    let server = Server::start(200);
    let dumps = tempfile::tempdir().unwrap();
    let dump = dumps.path().join("dump");
    let base = crate::servers::Postgres::start();
    let mut dumping = base.client("pg_dump");
    dumping
        .env("LD_PRELOAD", crate::clocks::faketime())
        .env("FAKETIME", "@2026-06-10 03:00:04")
        .env("TZ", "UTC");
    crate::servers::said(dumping.args(["-Fc", "postgres", "-f"]).arg(&dump));
    let started = |copies: usize| {
        let shop = daily(1..=10).fold(Shop::new("", ""), |shop, name| shop.with(&name, "content"));
        shop.0.write("drplan.yaml", "defaults: { confine: false }\n");
        crate::servers::said(
            std::process::Command::new("bash")
                .current_dir(shop.point(""))
                .args(["-c", "sha256sum db* >SHA256SUMS"]),
        );
        let port = server.port;
        let probes = format!(
            "verify: [ {{ file: $POINT_PATH, expect: {{ min_bytes: 5 }} }}, {{ tcp: '127.0.0.1:{port}' }}, {{ http: 'http://127.0.0.1:{port}/' }}, {{ file: {}, expect: {{ pg_dump: postgres }} }} ]",
            dump.display()
        );
        let copies: String = (0..copies)
            .map(|number| format!("      c{number}: {{ at: points, keep: 30d, {probes} }}\n"))
            .collect();
        let plan = shop.0.read("plan.yaml");
        let (head, _) = plan.split_once("      local:").unwrap();
        shop.0.write("plan.yaml", &format!("{head}{copies}"));
        let drplan = shop.0.drplan(&["verify", "plan.yaml", "--as-of", NOW, "--format", "json"]);
        let mut strace = std::process::Command::new("strace");
        strace.args(["-f", "-qq", "-o", "trace", "-e", "trace=execve", "--"]);
        strace.arg(drplan.get_program()).args(drplan.get_args()).current_dir(shop.0.path()).env_clear();
        for (name, value) in drplan.get_envs() {
            strace.env(name, value.unwrap());
        }
        let ran = strace.output().unwrap();
        let seen: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        assert!(ran.status.success(), "{seen:#}");
        let trace = shop.0.read("trace");
        let begun = trace.lines().filter(|line| line.contains("execve(") && line.contains(" = 0")).count();
        assert!(begun > 0, "nothing was seen: {trace}");
        (begun, trace)
    };
    let (few, many) = (started(1), started(20));
    assert_eq!(few.0, many.0, "{}", many.1);
    assert_eq!(server.asked().len(), 21);
}
