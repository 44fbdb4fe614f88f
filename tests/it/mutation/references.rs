//! Names of nothing, or of the wrong kind of thing; schedules that cannot be read; comments that allow nothing.

use super::{Mutation, metachat, quickstart};

const RULE: &str = "unknown-reference";

pub(super) fn mutations() -> Vec<Mutation> {
    vec![
        metachat("an asset needs what nobody knows")
            .put("needs: [web]\n", "needs: [wbe]\n")
            .gives(RULE, "needs: [«wbe»]")
            .says(&["did you mean `web`?"]),
        metachat("an asset wants what nobody knows")
            .put("wants: [uploads]", "wants: [upload]")
            .gives(RULE, "wants: [«upload»]"),
        metachat("a step needs what nobody knows")
            .put("needs: [web, uploads, fence-old-host]", "needs: [web, uploads, fence-host]")
            .gives(RULE, "uploads, «fence-host»]"),
        metachat("a step restores what nobody knows")
            .put("    restores: [chat]\n", "    restores: [chats]\n")
            .gives(RULE, "restores: [«chats»]"),
        metachat("a step restores a place")
            .put("    restores: [chat]\n", "    restores: [vps-01]\n")
            .gives(RULE, "restores: [«vps-01»]")
            .says(&["is a place"]),
        metachat("a step restores from a copy that its backup does not have")
            .put("    restores: [redis]\n    from: [nightly.s3]", "    restores: [redis]\n    from: [nightly.s4]")
            .gives(RULE, "from: [«nightly.s4»]")
            .says(&["did you mean `nightly.s3`?"]),
        quickstart("a step restores from a backup that nobody knows")
            .put("    restores: [database]\n    from: [nightly.vault]", "    restores: [database]\n    from: [weekly.vault]")
            .gives(RULE, "from: [«weekly.vault»]"),
        metachat("a step runs on a place that nobody knows")
            .put("    on: vps-01\n    secrets: [PGPASSWORD]\n", "    on: vps-02\n")
            .gives(RULE, "on: «vps-02»"),
        metachat("a step asks for a secret that nobody knows")
            .put("secrets: [API_ENV]", "secrets: [API_ENVS]")
            .gives(RULE, "secrets: [«API_ENVS»]")
            // The text asks for the secret that the step no longer gets.
            ,
        metachat("a secret needs what nobody knows")
            .put("  HCLOUD_TOKEN:          { command: [pass, show, metachat/hcloud],   needs: [ { any: [laptop-ana, laptop-ivan] } ] }",
                 "  HCLOUD_TOKEN:          { command: [pass, show, metachat/hcloud],   needs: [ { any: [laptop-ana, laptop-ivo] } ] }")
            .gives(RULE, "[laptop-ana, «laptop-ivo»]"),
        metachat("a scenario loses what nobody knows")
            .put("lose: [fsn]", "lose: [fns]")
            .gives(RULE, "lose: [«fns»]"),
        metachat("a scenario damages what nobody knows")
            .put("damage: [postgres]", "damage: [postgers]")
            .gives(RULE, "damage: [«postgers»]"),
        metachat("a scenario compromises an asset")
            .put("compromise: [vps-00]", "compromise: [redis]")
            .gives(RULE, "compromise: [«redis»]")
            .says(&["is an asset"]),
        metachat("a scenario sets the target of what nobody knows")
            .put("targets: { all: { rto: 1d } }", "targets: { every: { rto: 1d } }")
            .gives(RULE, "targets: { «every»:"),
        metachat("a step is for a scenario that nobody knows")
            .put("    when: { scenario: bad-migration }\n    on: home", "    when: { scenario: bad-migrations }\n    on: home")
            .gives(RULE, "when: { scenario: «bad-migrations» }"),
        metachat("a step is for an environment that nobody knows")
            .put("when: { environment: drill }", "when: { environment: drills }")
            .gives(RULE, "when: { environment: «drills» }"),
        metachat("a manual step is for a role that nobody has")
            .put("    by: operator\n", "    by: operators\n")
            .gives(RULE, "by: «operators»"),
        metachat("an approval is by a role that nobody has")
            .put("      by: [incident-commander]\n      ask: Messages", "      by: [commander]\n      ask: Messages")
            .gives(RULE, "by: [«commander»]"),
        metachat("the plan is activated by a role that nobody has")
            .put("  by: incident-commander\n  ends_when", "  by: commander\n  ends_when")
            .gives(RULE, "by: «commander»"),
        metachat("a second person who is no step")
            .put("distinct_from: starter", "distinct_from: starters")
            .gives(RULE, "distinct_from: «starters»"),
        metachat("a step provides what nobody knows")
            .put("provides: [vps-01]", "provides: [vps-1]")
            .gives(RULE, "provides: [«vps-1»]"),
        metachat("a step fences what nobody knows")
            .put("fences: [vps-00]", "fences: [vps-000]")
            .gives(RULE, "fences: [«vps-000»]"),
        metachat("a copy lies in a place that nobody knows")
            .put("        in: s3\n", "        in: s33\n")
            .gives(RULE, "in: «s33»"),
        metachat("a copy is made from a copy that nobody knows")
            .put("        from: local\n", "        from: locale\n")
            .gives(RULE, "from: «locale»"),
        metachat("a copy has a key that nobody knows")
            .put("key: AWS_SECRET_ACCESS_KEY", "key: AWS_SECRET")
            .gives(RULE, "key: «AWS_SECRET»"),
        quickstart("an asset lives in a place that nobody knows")
            .put("    owner: you\n    homes: [old-host, new-host]\n    priority: 3", "    owner: you\n    homes: [old-host, new-hots]\n    priority: 3")
            .gives(RULE, "homes: [old-host, «new-hots»]"),
        metachat("a place is in a place that nobody knows")
            .put("in: [fsn, hetzner]", "in: [fsn, hetzer]")
            .gives(RULE, "in: [fsn, «hetzer»]"),
        metachat("a place can be erased by a place that nobody knows")
            .put("erasable_by: [aws-backup]", "erasable_by: [aws-backups]")
            .gives(RULE, "erasable_by: [«aws-backups»]"),
        metachat("a person is in a place that nobody knows")
            .put("    in: [office]\n    arrives", "    in: [offices]\n    arrives")
            .gives(RULE, "in: [«offices»]"),
        metachat("a backup is of what nobody knows")
            .put("of: [postgres, redis, uploads]", "of: [postgres, redis, upload]")
            .gives(RULE, "redis, «upload»]"),
        metachat("what nobody knows must be of one moment")
            .put("assets: [postgres, uploads], within", "assets: [postgres, uploaded], within")
            .gives(RULE, "assets: [postgres, «uploaded»]"),
        metachat("an environment maps what nobody knows")
            .put("hetzner: sandbox-account, s3", "hetzer: sandbox-account, s3")
            .gives(RULE, "«hetzer»: sandbox-account, s3"),
        metachat("an environment maps to what nobody knows")
            .put("hetzner: sandbox-account, s3", "hetzner: sandbox-acount, s3")
            .gives(RULE, "hetzner: «sandbox-acount», s3"),
        metachat("an environment omits what nobody knows")
            .put("omit: [point-dns]", "omit: [point-dn]")
            .gives(RULE, "omit: [«point-dn»]"),
        metachat("an environment reads what nobody knows")
            .put("    omit: [point-dns]\n", "    omit: [point-dns]\n    reads: [s4]\n")
            .gives(RULE, "reads: [«s4»]"),
        metachat("a place with the name of an asset")
            .before("  # Drills happen here: two machines under .drplan/metachat, and an S3 of their own.\n", "  chat: { kind: site }\n")
            .gives("duplicate-id", "  «chat»:\n    kind: service")
            .says(&["`chat` is a place and an asset"]),
        quickstart("a preparing step with the name of a step")
            .put("  clear-the-stage:\n", "  start-application:\n")
            .put("needs: [clear-the-stage]", "needs: [start-application]")
            .gives("duplicate-id", "«start-application»:\n    title: Start Notes"),
        metachat("a place with the name of something that the language means")
            .before("  # Drills happen here: two machines under .drplan/metachat, and an S3 of their own.\n", "  home: { kind: site }\n")
            .gives("reserved-id", "  «home»: { kind: site }"),
        metachat("a variable with a name of drplan's own")
            .before("  NEW_SERVER: vps-01\n", "  DRPLAN_RUN: mine\n")
            .gives("reserved-variable", "  «DRPLAN_RUN»: mine"),
        metachat("a schedule with six fields")
            .put("cron: \"0 2 * * *\"", "cron: \"0 0 2 * * *\"")
            .gives("bad-schedule", "cron: «\"0 0 2 * * *\"»"),
        metachat("a schedule that never comes round")
            .put("cron: \"0 2 * * *\"", "cron: \"0 2 31 2 *\"")
            .gives("bad-schedule", "cron: «\"0 2 31 2 *\"»"),
        quickstart("a time zone that nobody knows")
            .put("timezone: UTC", "timezone: Europe/Berlinn")
            .gives("bad-schedule", "timezone: «Europe/Berlinn»"),
        metachat("a comment that allows what nothing finds")
            .put("    priority: 5\n    rto: 4h\n    needs: [web]", "    priority: 5\n    rto: 4h # drplan: allow[recovery-time-missed]\n    needs: [web]")
            .gives("unused-allow", "allow[«recovery-time-missed»]"),
        metachat("a comment that allows what no rule is called")
            .put("    priority: 5\n    rto: 4h\n    needs: [web]", "    priority: 5\n    rto: 4h # drplan: allow[recovery-time-mist]\n    needs: [web]")
            .gives("unknown-rule", "allow[«recovery-time-mist»]"),
    ]
}
