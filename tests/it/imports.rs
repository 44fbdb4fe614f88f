//! Several plans as one: `imports`, and checks of many plans at once.

use std::fs;

use serde_json::Value;

use crate::drplan::Drplan;

const PORTFOLIO: [&str; 4] = ["mail", "identity", "vpn", "dns"];

const DNS: &str = "\
version: 1
plan: dns
places: { dc-a: { kind: site } }
assets: { resolver: { kind: service, homes: [dc-a], health: [{ run: dig }] } }
backups: { nightly: { of: [resolver], points: { every: 1d }, copies: { tape: { keep: 30d } } } }
scenarios: { loss: { title: L, damage: [resolver] } }
steps: { start: { restores: [resolver], run: ./start.sh, takes: 1m } }
";

/// A plan whose asset needs what is named, with these imports.
fn plan(id: &str, imports: &str, needs: &str) -> String {
    format!(
        "version: 1\nplan: {id}\nimports: {{ {imports} }}\nassets:\n  app:\n    kind: app\n    needs: [{needs}]\n    health: [{{ run: curl }}]\n\
         steps:\n  start-app: {{ restores: [app], run: ./start.sh, takes: 1m }}\n"
    )
}

fn portfolio() -> Drplan {
    let folder = Drplan::new().file(".git/HEAD", "");
    PORTFOLIO.iter().fold(folder, |folder, name| {
        let text = fs::read_to_string(format!("tests/fixtures/portfolio/{name}.yaml")).unwrap();
        folder.file(&format!("plans/{name}.yaml"), text)
    })
}

/// The findings, each as code, file with line, and message, with the lines of the related places.
fn found(folder: &Drplan, status: i32) -> Vec<String> {
    let outcome = folder.expect(status, &[], &[]);
    let json: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let at = |label: &Value| format!("{}:{}", label["file"].as_str().unwrap(), label["start"]["line"]);
    let told = json["findings"].as_array().unwrap().iter().map(|finding| {
        let labels = finding["labels"].as_array().unwrap();
        let (primary, related): (Vec<&Value>, Vec<&Value>) =
            labels.iter().partition(|label| label["primary"].as_bool().unwrap());
        let related: Vec<String> = related.into_iter().map(at).collect();
        let related = if related.is_empty() { String::new() } else { format!(" ({})", related.join(", ")) };
        let code = finding["code"].as_str().unwrap();
        format!("{code} {} {}{related}", at(primary[0]), finding["message"].as_str().unwrap())
    });
    told.collect()
}

const CHECK: [&str; 5] = ["check", "plans/shop.yaml", "--format", "json", "--as-of=2026-06-30"];

/// Checks `plans/shop.yaml`, a plan with these imports and needs, beside `plans/dns.yaml`.
fn shop(imports: &str, needs: &str) -> Drplan {
    Drplan::new()
        .file(".git/HEAD", "")
        .file("plans/dns.yaml", DNS)
        .file("plans/shop.yaml", plan("shop", imports, needs))
        .args(CHECK)
}

#[test]
fn a_chain_over_four_files_is_one_graph() {
    let folder = portfolio().args(["graph", "plans/mail.yaml"]);
    let shown = folder.expect(
        0,
        &[
            "x network/dc-a is lost",
            "x identity/vpn/gateway-a is lost with network/dc-a",
            "network/start-resolver (on network/spare-rack)",
            "identity/vpn/start-tunnel (on identity/vpn/gateway-b)",
            "mailboxes misses its RTO 1h: healthy after 1h15m",
        ],
        &[],
    );
    let order =
        ["network/start-resolver (", "vpn/start-tunnel (", "identity/start-sign-in (", " start-mail ("];
    let places: Vec<usize> = order.iter().map(|step| shown.stdout.find(step).unwrap()).collect();
    assert!(places.is_sorted(), "{}", shown.stdout);
    // The name service is reached through two ways, and is one thing under the shorter name.
    assert!(!shown.stdout.contains("vpn/network"), "{}", shown.stdout);
}

#[test]
fn a_chain_of_promises_over_four_plans_comes_out_as_what_it_is() {
    let told = |args: &[&str], status| {
        let all = ["check", "--format", "json"].iter().chain(args).copied();
        let outcome = portfolio().args(all).expect(status, &[], &[]);
        let json: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let findings = json["findings"].as_array().unwrap().clone();
        findings
            .into_iter()
            .map(|found| found["message"].as_str().unwrap().to_owned())
            .collect::<Vec<String>>()
    };
    assert_eq!(told(&["plans/dns.yaml"], 0), Vec::<String>::new());
    let mail = told(&["plans/mail.yaml"], 1);
    let chain = "mailboxes 1h ← identity/sign-in 4h ← identity/vpn/tunnel 6h ← network/resolver none";
    assert!(mail.iter().any(|message| message.ends_with(chain)), "{mail:#?}");
    // Each plan of the portfolio tells the part of the chain that begins in it.
    let all = told(&[], 1);
    assert_eq!(
        all.iter().filter(|message| message.contains("promises to be back within")).count(),
        3,
        "{all:#?}"
    );
}

#[test]
fn either_way_to_a_plan_names_the_same_thing() {
    let deep = |needs: &str| {
        let folder = shop("middle: middle.yaml, network: dns.yaml", needs);
        folder.file("plans/middle.yaml", plan("middle", "names: dns.yaml", "names/resolver"))
    };
    for needs in ["middle/app, network/resolver", "middle/names/resolver, network/dc-a"] {
        assert_eq!(found(&deep(needs), 0), Vec::<String>::new(), "{needs}");
    }
}

#[test]
fn a_wrong_prefix_and_a_wrong_name_are_told_apart() {
    let told = |needs: &str| found(&shop("network: dns.yaml", needs), 1);
    let first = "unknown-reference plans/shop.yaml:7 ";
    assert_eq!(
        told("network/resolvr"),
        [format!("{first}the imported plan `network` has no step, asset, place or person `resolvr`")]
    );
    assert_eq!(
        told("netwrk/resolver"),
        [format!("{first}nothing is imported as `netwrk`, so there is no `netwrk/resolver`")]
    );
    assert_eq!(
        told("network/deeper/resolver"),
        [format!(
            "{first}the imported plan `network` imports nothing as `deeper`, so there is no `network/deeper/resolver`"
        )]
    );
    shop("network: dns.yaml", "network/resolvr").args(["check", "plans/shop.yaml"]).expect(
        1,
        &["did you mean `network/resolver`?"],
        &[],
    );
    shop("network: dns.yaml", "netwrk/resolver").args(["check", "plans/shop.yaml"]).expect(
        1,
        &["did you mean `network`?"],
        &[],
    );
}

#[test]
fn a_copy_of_an_imported_backup_can_be_restored_from() {
    let with = |copy: &str| {
        let text = plan("shop", "network: dns.yaml", "network/resolver");
        let step = format!(
            "  load: {{ restores: [network/resolver], from: [{copy}], run: ./load.sh, takes: 1m }}\n"
        );
        shop("", "").file("plans/shop.yaml", text + &step)
    };
    assert_eq!(found(&with("network/nightly.tape"), 0), Vec::<String>::new());
    assert_eq!(
        found(&with("network/nightly.disk"), 1),
        ["unknown-reference plans/shop.yaml:11 the imported plan `network` has no copy `nightly.disk`"]
    );
}

#[test]
fn what_cannot_be_imported_is_told_at_its_line() {
    let told = |imports: &str| found(&shop(imports, "x/y"), 1);
    let first = "broken-import plans/shop.yaml:3 the plan";
    assert_eq!(told("x: gone.yaml"), [format!("{first} plans/gone.yaml cannot be read: entity not found")]);
    let outside = shop("x: ../../outside.yaml", "x/y");
    let told_outside = found(&outside, 1);
    assert_eq!(told_outside.len(), 1, "{told_outside:?}");
    assert!(told_outside[0].contains("outside of the repository"), "{told_outside:?}");
    let broken =
        shop("x: broken.yaml", "x/y").file("plans/broken.yaml", "version: 1\nplan: broken\nstepz: {}\n");
    assert_eq!(found(&broken, 1), [format!("{first} plans/broken.yaml has errors (plans/broken.yaml:3)")]);
    let folder = shop("x: folder", "x/y").file("plans/folder/a.yaml", DNS);
    assert!(found(&folder, 1)[0].starts_with(&format!("{first} plans/folder cannot be read")));
}

#[test]
fn nothing_outside_of_the_repository_is_read() {
    let folder = Drplan::new()
        .file("outside.yaml", DNS)
        .file("repo/.git/HEAD", "")
        .file("repo/plans/shop.yaml", plan("shop", "x: ../../outside.yaml", "x/resolver"))
        .args(["check", "repo/plans/shop.yaml", "--format", "json"]);
    assert_eq!(
        found(&folder, 1),
        ["broken-import repo/plans/shop.yaml:3 the plan outside.yaml lies outside of the repository"]
    );
    let link = Drplan::new()
        .file("outside.yaml", DNS)
        .file("repo/.git/HEAD", "")
        .file("repo/plans/shop.yaml", plan("shop", "x: link.yaml", "x/resolver"))
        .args(["check", "repo/plans/shop.yaml", "--format", "json"]);
    std::os::unix::fs::symlink(link.path("outside.yaml"), link.path("repo/plans/link.yaml")).unwrap();
    assert!(found(&link, 1)[0].contains("lies outside of the repository"));
}

#[test]
fn a_circle_of_plans_is_drawn_line_by_line_and_once() {
    let folder = Drplan::new()
        .file(".git/HEAD", "")
        .file("plans/a.yaml", plan("a", "b: b.yaml", "b/app"))
        .file("plans/b.yaml", plan("b", "c: c.yaml", "c/app"))
        .file("plans/c.yaml", plan("c", "a: a.yaml", "a/app"))
        .args(["check", "plans", "--format", "json"]);
    assert_eq!(
        found(&folder, 1),
        [
            "import-cycle plans/a.yaml:3 plans import each other: plans/a.yaml → plans/b.yaml → plans/c.yaml → plans/a.yaml \
          (plans/b.yaml:3, plans/c.yaml:3)"
        ]
    );
    let itself = shop("me: shop.yaml", "me/app");
    assert_eq!(
        found(&itself, 1),
        ["import-cycle plans/shop.yaml:3 plans import each other: plans/shop.yaml → plans/shop.yaml"]
    );
}

#[test]
fn what_is_wrong_with_an_imported_thing_is_told_in_its_file_and_once() {
    let dns = DNS.replace(", takes: 1m", "");
    let place = "step-without-estimate plans/dns.yaml:7 nobody knows how long";
    let of = |args: &[&str]| {
        let folder = shop("network: dns.yaml", "network/resolver")
            .file("plans/dns.yaml", &dns)
            .file("plans/other.yaml", plan("other", "names: dns.yaml", "names/resolver"));
        found(&folder.args(args.iter().copied().chain(["--format", "json"])), 0)
    };
    assert_eq!(
        of(&["check", "plans/shop.yaml"]),
        [format!("{place} `network/start` takes; it counts as nothing")]
    );
    // Whatever the order of the files, the plan itself speaks, under its own names.
    assert_eq!(of(&["check", "plans"]), [format!("{place} `start` takes; it counts as nothing")]);
    assert_eq!(of(&["check", "plans/shop.yaml", "plans/../plans/dns.yaml"]).len(), 1);
}

#[test]
fn what_an_imported_plan_allows_for_itself_stays_allowed() {
    let bare = DNS.replace(", takes: 1m", "");
    let comment = bare.replace("steps: {", "# drplan: allow[step-without-estimate]\nsteps: {");
    let exception =
        "policy: { except: [{ rule: step-without-estimate, step: start, reason: r, until: 2027-01-01 }] }\n";
    for dns in [comment, format!("{bare}{exception}")] {
        let folder = shop("network: dns.yaml", "network/resolver").file("plans/dns.yaml", &dns);
        assert_eq!(found(&folder, 0), Vec::<String>::new(), "{dns}");
    }
}

#[test]
fn an_import_of_no_use_is_told() {
    let told = found(&shop("network: dns.yaml", ""), 0);
    assert_eq!(told, ["unused-import plans/shop.yaml:3 nothing uses anything of the imported `network`"]);
}

#[test]
fn the_environment_of_the_same_name_is_laid_over_each_plan() {
    let drill = "environments: { drill: { omit: [start] } }\n";
    let folder = shop("network: dns.yaml", "network/resolver")
        .file("plans/dns.yaml", format!("{DNS}{drill}"))
        .file(
            "plans/shop.yaml",
            plan("shop", "network: dns.yaml", "network/resolver")
                + "scenarios: { loss: { title: L, damage: [app, network/resolver] } }\nenvironments: { drill: { title: D } }\n",
        );
    let plain = Drplan::run(&folder);
    assert_eq!(plain.status, Some(0), "{plain:?}");
    let with = folder.args(["graph", "plans/shop.yaml", "--environment", "drill"]);
    let without = with.run().stdout;
    let with = with.args(["graph", "plans/shop.yaml"]).run().stdout;
    assert!(with.contains("  network/start\n"), "{with}");
    assert!(!without.contains("  network/start\n"), "{without}");
}

#[test]
fn two_plans_with_one_id_are_told_with_both_places() {
    let folder = shop("network: dns.yaml", "network/resolver")
        .file("plans/twin.yaml", plan("shop", "network: dns.yaml", "network/resolver"))
        .args(["check", "plans", "--format", "json"]);
    assert_eq!(
        found(&folder, 1),
        ["duplicate-plan plans/twin.yaml:2 there are two plans `shop` (plans/shop.yaml:2)"]
    );
    // A file that is named twice is one plan.
    let twice = shop("network: dns.yaml", "network/resolver");
    let twice = twice.args(["check", "plans/shop.yaml", "plans/../plans/shop.yaml"]);
    twice.expect(0, &["no problems"], &[]);
}

#[test]
fn many_plans_are_told_of_in_the_same_order_each_time() {
    let mut folder = Drplan::new().file("drplan.yaml", "");
    for at in 0..60 {
        let text = format!(
            "version: 1\nplan: p{at}\nsteps:\n  a: {{ run: ./a.sh }}\n  b: {{ needs: [c], run: ./b.sh }}\n"
        );
        folder = folder.file(&format!("plans/p{at:02}.yaml"), text);
    }
    let folder = folder.args(["check", "--as-of=2026-06-30"]);
    let on = |threads: &str| {
        let output = folder.command().env("RAYON_NUM_THREADS", threads).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let one = on("1");
    assert_eq!(one.0, Some(1));
    for _ in 0..3 {
        assert_eq!(on("8"), one);
    }
}

#[test]
fn a_runbook_names_secrets_as_a_shell_can_and_tells_the_folder() {
    let dns = DNS.replace("run: ./start.sh", "run: ./start.sh, secrets: [PW]");
    let folder = Drplan::new()
        .file(".git/HEAD", "")
        .file(
            "network/plan.yaml",
            format!("{dns}secrets: {{ PW: {{ env: NET_PW }} }}\nvars: {{ ZONE: z }}\n"),
        )
        .file(
            "plans/shop.yaml",
            plan("shop", "network: ../network/plan.yaml", "network/resolver")
                + "scenarios: { loss: { title: L, damage: [app, network/resolver] } }\n",
        );
    let folder = folder.args(["render", "plans/shop.yaml"]);
    folder.expect(0, &[], &[]);
    let page = fs::read_to_string(folder.path("runbooks/shop/loss.md")).unwrap();
    for wanted in
        ["export PW=\"$(printenv -- 'NET_PW')\"", "export ZONE='z'", "but in `network` of the repository"]
    {
        assert!(page.contains(wanted), "{wanted} is not in:\n{page}");
    }
    assert!(!page.contains("export network/"), "{page}");
    folder.args(["render", "--check", "plans/shop.yaml"]).expect(0, &[], &[]);
}
