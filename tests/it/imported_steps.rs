//! Runs that carry out steps of imported plans: in whose folder, with whose values, under whose locks.

use crate::stage::{Stage, until};

/// The plan `net` in a folder of its own. Its steps write down what they see.
const NET: &str = "version: 1
plan: net
title: The network
vars: { ZONE: internal, OWN: net }
pass_env: [NET_ONLY]
people: { ana: { name: Ana, contact: ana@example.com } }
secrets: { TOKEN: { env: NET_TOKEN, needs: [dc] } }
places: { dc: { kind: host, vars: { RACK: r1 } } }
backups: { nightly: { of: [dns], points: { every: 1d }, copies: { disk: { in: dc, at: /x, keep: 7d, key: TOKEN, needs: [TOKEN, ana] } } } }
assets:
  dns: { kind: service, homes: [dc], health: [{ run: 'test \"$ZONE\" = internal && test -f marker' }] }
steps:
  start: { restores: [dns], on: dc, run: ./start.sh, takes: 1s }
";

const START: &str = "#!/bin/sh
echo \"net $(basename \"$PWD\") $OWN $ZONE $RACK ${SHOP-none} ${NET_ONLY-none} ${SHOP_ONLY-none}\" >>../ledger
touch marker
";

const SHOP: &str = "imports: { network: network/net.yaml }
vars: { OWN: shop, SHOP: here }
pass_env: [SHOP_ONLY]
steps:
  open: { needs: [network/dns], run: 'echo \"shop $OWN ${ZONE-none} ${NET_ONLY-none} ${SHOP_ONLY-none}\" >>ledger', takes: 1s }
";

fn shop_with(net: &str, start: &str) -> Stage {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new(SHOP);
    stage.write("network/net.yaml", net);
    stage.write("network/start.sh", start);
    let script = stage.path().join("network/start.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    stage
}

#[test]
fn each_step_has_the_folder_and_the_values_of_its_own_plan() {
    let stage = shop_with(NET, START);
    let mut command = stage.drplan(&["execute", "plan.yaml", "--yes"]);
    command.env("NET_ONLY", "n").env("SHOP_ONLY", "s");
    stage.begin(command).ends().exits(0);
    assert_eq!(stage.read("ledger"), "net network net internal r1 none n none\nshop shop none none s\n");
    assert!(stage.has_told("step_finished", "network/start"));
    assert!(stage.has_told("step_finished", "network/dns"), "its health was not waited for");
    assert!(stage.run_dir().join("frozen/import-1.yaml").exists());
}

#[test]
fn the_shell_of_a_plan_reaches_its_own_texts_alone() {
    let net = NET.replace("./start.sh", "'echo \"$0\" >>../ledger; touch marker'");
    let stage = Stage::new(&format!("shell: [bash, -c, 'eval \"$0\"']\n{SHOP}"));
    stage.write("network/net.yaml", &net);
    stage.execute(&[]).exits(0);
    assert_eq!(stage.ledger().first().map(String::as_str), Some("bash"));
}

#[test]
fn a_resumed_run_keeps_to_the_imported_plan_as_it_was() {
    let held = START.replace("touch marker", "read -r line <../gate; touch marker");
    let net = NET.replace(
        "takes: 1s }",
        "takes: 1s }\n  stop: { needs: [start], run: 'echo old >>../ledger', takes: 1s }",
    );
    let stage = shop_with(&net, &held);
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("it runs", || !stage.ledger().is_empty());
    run.crash();
    stage.write("network/net.yaml", &net.replace("echo old", "echo new"));
    let run = stage.start(&["resume", "latest"]);
    until("it is taken up", || stage.has_told("step_judged", "network/start"));
    stage.let_go("gate");
    run.ends().exits(0).says("network/net.yaml is not what it was");
    let ledger = stage.ledger();
    assert!(ledger.contains(&"old".to_owned()) && !ledger.contains(&"new".to_owned()), "{ledger:?}");
}

#[test]
fn one_run_of_a_plan_at_a_time_also_of_an_imported_one() {
    let held = START.replace("touch marker", "read -r line <../gate; touch marker");
    let stage = shop_with(NET, &held);
    stage.fifo("gate");
    let run = stage.start(&["execute", "plan.yaml", "--yes"]);
    until("it runs", || !stage.ledger().is_empty());
    let net = ["execute", "network/net.yaml", "--yes"];
    stage.run(&net).exits(2).says("one run of a plan at a time");
    // The lock falls with its holder, but the step lives on: still nobody runs beside it.
    run.crash();
    stage.run(&net).exits(2).says("of the plan net is under way");
    assert_eq!(stage.ledger().len(), 1);
    let run = stage.start(&["resume", "latest"]);
    until("it is taken up", || stage.has_told("step_judged", "network/start"));
    stage.let_go("gate");
    run.ends().exits(0);
    stage.write("network/start.sh", "#!/bin/sh\necho again >>../ledger\n");
    stage.run(&net).exits(0);
    assert_eq!(stage.ledger().last().map(String::as_str), Some("again"));
}

#[test]
fn a_plan_of_which_nothing_is_carried_out_is_not_locked() {
    let stage = shop_with(NET, "#!/bin/sh\necho begun >>../ledger\nread -r line <../gate\ntouch marker\n");
    stage.write("other.yaml", "version: 1\nplan: other\nimports: { network: network/net.yaml }\nplaces: { a: { kind: host }, b: { kind: host } }\nassets: { app: { kind: app, homes: [a, b] } }\nscenarios: { small: { title: Small, lose: [a] } }\nsteps: { own: { restores: [app], run: 'echo own >>ledger', takes: 1s } }\n");
    stage.fifo("gate");
    let run = stage.start(&["execute", "network/net.yaml", "--yes"]);
    until("it runs", || !stage.ledger().is_empty());
    stage.run(&["execute", "plan.yaml", "--yes"]).exits(2).says("one run of a plan at a time");
    stage.run(&["execute", "other.yaml", "--yes"]).exits(0);
    assert_eq!(stage.ledger(), ["begun", "own"]);
    stage.let_go("gate");
    run.ends().exits(0);
}

#[test]
fn a_secret_of_an_imported_plan_reaches_its_step_by_its_own_name() {
    let net = NET.replace(
        "run: ./start.sh",
        "secrets: [TOKEN], run: 'test \"$TOKEN\" = very-secret && touch marker && echo ok >>../ledger'",
    );
    let stage = shop_with(&net.replace("pass_env: [NET_ONLY]", "pass_env: [NET_ONLY, NET_TOKEN]"), START);
    let mut command = stage.drplan(&["execute", "plan.yaml", "--yes"]);
    command.env("NET_TOKEN", "very-secret");
    stage.begin(command).ends().exits(0);
    assert_eq!(stage.ledger().first().map(String::as_str), Some("ok"));
}
