//! Promises of time and of data that the plan no longer keeps.

use super::{Mutation, metachat, quickstart};

const POINT: &str = "recovery-point-missed";
const TIME: &str = "recovery-time-missed";
const POSTGRES_RPO: &str = "    priority: 1\n    rto: 3h\n    rpo: «26h»";

pub(super) fn mutations() -> Vec<Mutation> {
    vec![
        metachat("a recovery point below the longest gap")
            .put("    priority: 1\n    rto: 3h\n    rpo: 26h", "    priority: 1\n    rto: 3h\n    rpo: 24h")
            .gives(POINT, "    priority: 1\n    rto: 3h\n    rpo: «24h»")
            .says(&["`postgres` may lose 1d35m (1d + 15m + 20m) of its data", "promises to lose at most 1d"])
            .times(2),
        metachat("a backup that takes longer")
            .put("    takes: 15m\n    copies:", "    takes: 2h\n    copies:")
            .gives(POINT, POSTGRES_RPO)
            .says(&["1d2h20m"])
            .times(6),
        metachat("a copy that arrives later")
            .put("        lag: 20m\n", "        lag: 2h\n")
            .gives(POINT, POSTGRES_RPO)
            .says(&["1d2h15m"])
            .times(6),
        metachat("a backup once a week")
            .put("cron: \"0 2 * * *\"", "cron: \"0 2 * * 1\"")
            .gives(POINT, POSTGRES_RPO)
            .times(9),
        metachat("the night on which the clock is put back")
            .put("    priority: 1\n    rto: 3h\n    rpo: 26h", "    priority: 1\n    rto: 3h\n    rpo: 25h")
            .put("timezone: UTC }\n    takes: 15m", "timezone: Europe/Berlin }\n    takes: 15m")
            .gives(POINT, "    priority: 1\n    rto: 3h\n    rpo: «25h»")
            .says(&["1d1h35m", "only the night on which the clock is put back"])
            .times(2),
        metachat("points are carried away once a week")
            .before("        lag: 20m\n", "        points: { cron: \"0 4 * * 0\", timezone: UTC }\n")
            .gives(POINT, POSTGRES_RPO)
            .times(9),
        metachat("only monthly points are left when the attack is found")
            .put("keep: { daily: 35, monthly: 12 }", "keep: { daily: 2, monthly: 12 }")
            .gives(POINT, POSTGRES_RPO)
            .times(3),
        metachat("the damage is found after the log of that time is gone")
            .put("    found_after: 6h\n", "    found_after: 60d\n")
            .gives(POINT, "targets: { postgres: { rpo: «5m» } }")
            .also("unreachable-step", 2)
            .times(1),
        metachat("the log is archived more slowly than is promised")
            .put("    takes: 1m   ", "    takes: 6h10m   ")
            .gives(POINT, "targets: { postgres: { rpo: «5m» } }")
            .says(&["10m"])
            .times(1),
        metachat("a scenario promises a recovery point that no copy has")
            .put("targets: { all: { rto: 1d } }", "targets: { all: { rto: 1d, rpo: 12h } }")
            .gives(POINT, "targets: { all: { rto: 1d, rpo: «12h» } }")
            .times(3),
        quickstart("a recovery point of an hour from a backup once a night")
            .put("    priority: 1\n    rto: 5m\n    rpo: 26h", "    priority: 1\n    rto: 5m\n    rpo: 1h")
            .gives(POINT, "rpo: «1h»")
            .says(&["1d5m"]),
        metachat("a recovery time below the schedule")
            .put("    priority: 1\n    rto: 3h", "    priority: 1\n    rto: 1h")
            .gives(TIME, "    priority: 1\n    rto: «1h»")
            .times(3),
        metachat("a step that takes longer")
            .put("    takes: 30m\n    timeout: 2h\n\n  restore-redis", "    takes: 3h\n    timeout: 4h\n\n  restore-redis")
            .gives(TIME, "    priority: 1\n    rto: «3h»")
            .says(&["restore-postgres 3h"])
            .times(10),
        metachat("harm that is noticed late")
            .put("lose: [vps-00], detect: 10m", "lose: [vps-00], detect: 3h")
            .gives(TIME, "    priority: 1\n    rto: «3h»")
            .says(&["3h of it"])
            .times(6),
        metachat("a decision that takes long")
            .put("lose: [fsn], detect: 10m, decide: 30m", "lose: [fsn], detect: 10m, decide: 3h")
            .gives(TIME, "    priority: 1\n    rto: «3h»")
            .says(&["in scenario `site-loss`"])
            .times(6),
        metachat("people who arrive late")
            .put("    arrives: 15m\n", "    arrives: 5h\n")
            .put("    arrives: 30m\n", "    arrives: 5h\n")
            .gives(TIME, "    priority: 1\n    rto: «3h»")
            .says(&["5h of it"])
            .times(6),
        metachat("a copy that takes long to fetch")
            .before("        medium: object\n", "        fetch: 12h\n")
            .gives(TIME, "    priority: 1\n    rto: «3h»")
            .says(&["12h of it"])
            .times(17),
        metachat("an approval that takes long")
            .put("      expires: 30m\n      on_expiry: stop\n    takes: 10m", "      expires: 30m\n      on_expiry: stop\n    takes: 4h")
            .gives(TIME, "    title: What the customers see\n    owner: platform\n    priority: 5\n    rto: «4h»")
            .says(&["go-live 4h"])
            .also("timeout-too-short", 1)
            .times(2),
        metachat("a scenario promises a time that nobody keeps")
            .put("targets: { all: { rto: 1d } }", "targets: { all: { rto: 1h } }")
            .gives(TIME, "targets: { all: { rto: «1h» } }")
            .times(6),
        metachat("a scenario promises a time for one asset that nobody keeps")
            .put("targets: { all: { rto: 1d } }", "targets: { all: { rto: 1d }, redis: { rto: 1h } }")
            .gives(TIME, "redis: { rto: «1h» }"),
        metachat("an asset needs one that promises more time")
            .put("    priority: 2\n    rto: 3h", "    priority: 2\n    rto: 5h")
            .gives("target-inversion", "    priority: 4\n    rto: «4h»")
            .says(&["`api` promises to be back within 4h, but needs `redis`, which promises 5h"]),
        quickstart("an asset needs one that promises nothing")
            .put("    priority: 2\n    rto: 5m\n    rpo: 26h\n    health:\n      - run: cd \"$ROOT/configuration\"", "    priority: 2\n    rpo: 26h\n    health:\n      - run: cd \"$ROOT/configuration\"")
            .gives("target-inversion", "    priority: 3\n    rto: «5m»")
            .says(&["`configuration`"])
            .also("missing-target", 1),
        quickstart("a step that takes longer than all is promised")
            .put("    takes: 1s\n    timeout: 1m\n    rerun: safe\n    verify: [ { file: $NEW_ROOT/identity } ]", "    takes: 10m\n    timeout: 20m\n    rerun: safe\n    verify: [ { file: $NEW_ROOT/identity } ]")
            .gives(TIME, "    priority: 1\n    rto: «5m»")
            .says(&["build-new-host 10m"])
            .times(4),
    ]
}
