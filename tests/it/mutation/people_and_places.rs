//! Places, secrets and people that a step relies on and that a scenario takes away.

use super::{Mutation, metachat, quickstart};

const GONE: &str = "lost-reliance";
const LOOP: &str = "recovery-deadlock";
const STRANDED: &str = "asset-without-restore";

pub(super) fn mutations() -> Vec<Mutation> {
    vec![
        metachat("a person's key is a placeholder")
            .put("    roles: [incident-commander, operator]\n", "    roles: [incident-commander, operator]\n    key: ssh-ed25519 AAAA...\n")
            .gives("unusable-key", "    key: «ssh-ed25519 AAAA...»")
            .says(&["the key of `ana` is of no use", ".pub"]),
        metachat("no step makes the new host")
            .drop("    provides: [vps-01]\n")
            .gives(STRANDED, "  «postgres»:\n    kind")
            .says(&["vps-01 is not there and no step provides it"])
            .times(15),
        metachat("the new host is in the data centre that is lost")
            .put("in: [nbg, hetzner]", "in: [fsn, hetzner]")
            .gives(STRANDED, "  «postgres»:\n    kind")
            .says(&["in scenario `site-loss`", "vps-01 is lost with fsn"])
            .times(5),
        metachat("an asset has no second home")
            .put("    kind: redis\n    owner: platform\n    homes: [vps-00, vps-01]", "    kind: redis\n    owner: platform\n    homes: [vps-00]")
            .gives(STRANDED, "  «redis»:\n    kind")
            .times(3),
        metachat("an asset that no step restores")
            .drop("    restores: [web]\n")
            .gives(STRANDED, "  «web»:\n    kind")
            .says(&["no step restores `web`"])
            .also("unreachable-step", 1),
        metachat("a restore runs on the host that is lost")
            .put("    needs: [provision-host]\n    on: home", "    needs: [provision-host]\n    on: vps-00")
            .gives(GONE, "    on: «vps-00»\n    secrets: [PGPASSWORD, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]\n    use: restore-metachat-database             # gives")
            .times(3),
        metachat("the only key of the account lies on the host that is lost")
            .put("[pass, show, metachat/hcloud],   needs: [ { any: [laptop-ana, laptop-ivan] } ]", "[pass, show, metachat/hcloud],   needs: [vps-00]")
            .gives(GONE, "    outputs: [HOST_IP, HOST_KEY]\n    secrets: [«HCLOUD_TOKEN»]")
            .says(&["`HCLOUD_TOKEN` can be fetched only with `vps-00`"])
            .times(3),
        metachat("the key of the backups lies on the host that is lost")
            .put("[pass, show, metachat/dr-read-key], needs: [ { any: [laptop-ana, laptop-ivan] } ]", "[pass, show, metachat/dr-read-key], needs: [vps-00]")
            .gives(GONE, "«AWS_SECRET_ACCESS_KEY»]\n    use: restore-metachat-database             # gives")
            .says(&["`AWS_SECRET_ACCESS_KEY` can be fetched only with `vps-00`"])
            .times(3),
        metachat("a secret is on one laptop, and a scenario takes it")
            .put("[pass, show, metachat/api-env],  needs: [ { any: [laptop-ana, laptop-ivan] } ]", "[pass, show, metachat/api-env],  needs: [laptop-ana]")
            .put("lose: [fsn]", "lose: [fsn, laptop-ana]")
            .gives(GONE, "secrets: [«API_ENV»]")
            .says(&["`API_ENV` can be fetched only with `laptop-ana`"]),
        metachat("a secret lies in the database that it restores")
            .put("[pass, show, metachat/postgres], needs: [ { any: [laptop-ana, laptop-ivan] } ]", "[pass, show, metachat/postgres], needs: [postgres]")
            .gives(LOOP, "    on: vps-01\n    secrets: [«PGPASSWORD»]")
            .says(&["provision-host → PGPASSWORD → postgres → restore-postgres → provision-host"])
            .times(4),
        metachat("the key of the backups is asked of the service that is down")
            .put("[pass, show, metachat/dr-read-key], needs: [ { any: [laptop-ana, laptop-ivan] } ]", "[pass, show, metachat/dr-read-key], needs: [chat]")
            .gives(LOOP, "«AWS_SECRET_ACCESS_KEY»]\n    use: restore-metachat-database             # gives")
            .times(3),
        metachat("the new host is built with what runs on it")
            .put("    provides: [vps-01]\n    needs: [hetzner]", "    provides: [vps-01]\n    needs: [hetzner, redis]")
            .gives(LOOP, "    needs: [hetzner, «redis»]")
            .times(3),
        metachat("the account of both hosts is lost")
            .put("lose: [fsn]", "lose: [fsn, hetzner]")
            .gives(STRANDED, "  «postgres»:\n    kind")
            .says(&["vps-01 is lost with hetzner"])
            .also(GONE, 1)
            .times(5),
        metachat("the only controller is lost with the data centre")
            .put("laptop-ana:    { kind: host, controller: true, in: [office] }", "laptop-ana:    { kind: host, controller: true, in: [fsn] }")
            .put("laptop-ivan:   { kind: host, controller: true }", "laptop-ivan:   { kind: host }")
            .gives(GONE, "laptop-ana:    { kind: host, controller: «true»")
            .says(&["`rebuild-host` is run from `laptop-ana`, a controller", "`controller: true`"]),
        quickstart("the only controller is lost with the host")
            .put("lose: [old-host]", "lose: [old-host, here]")
            .gives(GONE, "here:     { kind: host, controller: «true»")
            .says(&["`build-new-host` is run from `here`, a controller", "`controller: true`"]),
        quickstart("the new host is no home of the database")
            .put("    kind: records\n    owner: you\n    homes: [old-host, new-host]", "    kind: records\n    owner: you\n    homes: [old-host]")
            .gives(STRANDED, "  «database»:\n    kind"),
    ]
}
