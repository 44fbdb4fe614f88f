//! Faults of shape: while one of them stands, no rule is run.

use super::{Mutation, metachat, quickstart};

pub(super) fn mutations() -> Vec<Mutation> {
    vec![
        metachat("a key that the language does not have")
            .put("owner: platform\n\nactivation:", "ownr: platform\n\nactivation:")
            .gives("unknown-field", "\n«ownr»: platform")
            .says(&["did you mean `owner`?"]),
        metachat("a key of a step that the language does not have")
            .put("    rerun: safe\n    on_failure: ask", "    re_run: safe\n    on_failure: ask")
            .gives("unknown-field", "«re_run»: safe")
            .says(&["did you mean `rerun`?"]),
        quickstart("a key given twice")
            .put("    takes: 5m\n    copies:", "    takes: 5m\n    takes: 6m\n    copies:")
            .gives("duplicate-key", "    takes: 5m\n    «takes»: 6m"),
        quickstart("two steps of one name")
            .put("  restore-uploads:\n", "  restore-database:\n")
            .gives("duplicate-key", "  «restore-database»:\n    title: Bring the uploaded"),
        metachat("a job that two things start")
            .put(
                "      cron: /etc/cron.d/metachat-backup\n",
                "      cron: /etc/cron.d/metachat-backup\n      timer: backup.timer\n",
            )
            .gives("exactly-one", "      «cron»: /etc/cron.d/metachat-backup"),
        metachat("a job whose account belongs to no entry")
            .put(
                "      cron: /etc/cron.d/metachat-backup\n      user: root\n",
                "      crontab: root\n      user: root\n",
            )
            .gives("misplaced-field", "      crontab: root\n      «user»: root"),
        metachat("a backup of nothing")
            .drop("    of: [postgres, redis, uploads]\n")
            .gives("missing-field", "  «nightly»:")
            .says(&["`of`"]),
        metachat("a list in the place of a length of time")
            .put("    takes: 15m\n    copies:", "    takes: [15m]\n    copies:")
            .gives("wrong-type", "takes: «[15m]»"),
        metachat("a length of time without a unit")
            .put("lose: [vps-00], detect: 10m", "lose: [vps-00], detect: 10")
            .gives("wrong-type", "lose: [vps-00], detect: «10»")
            .says(&["`15m`"]),
        metachat("an id in capitals")
            .put("  sandbox-account: {", "  Sandbox: {")
            .gives("bad-id", "  «Sandbox»: {"),
        metachat("a step with two actions")
            .before("    by: operator\n    takes: 15m", "    run: ./dns.sh\n")
            .gives("exactly-one", "    «run»: ./dns.sh\n"),
        metachat("a step without an action")
            .drop("    run: $HOSTER poweroff \"$OLD_SERVER\"\n")
            .gives("exactly-one", "«fence-old-host»:\n"),
        metachat("an expectation of a step that has none")
            .before("    takes: 1m\n    timeout: 5m", "    expect: { matches: ok }\n")
            .gives("misplaced-field", "    «expect»: { matches: ok }"),
        metachat("a recipe that nobody has")
            .put("use: files/restore-tar", "use: files/restore-tra")
            .gives("unknown-recipe", "use: «files/restore-tra»")
            .says(&["did you mean `files/restore-tar`?"]),
        metachat("an input that the recipe does not have")
            .put("target: $SRV/uploads }", "tarket: $SRV/uploads, target: /srv }")
            .gives("recipe-misuse", "«tarket»: $SRV/uploads"),
        quickstart("an input of the recipe that is not given")
            .put(
                "with: { archive: $POINT_PATH/uploads.tar.gz, target: $ROOT/uploads }",
                "with: { archive: $POINT_PATH/uploads.tar.gz }",
            )
            .gives("recipe-misuse", "use: «files/restore-tar»")
            .says(&["`target`"]),
        metachat("a bracket that is not closed")
            .put("    needs: [web]\n", "    needs: [web\n")
            .gives("yaml-syntax", "needs: [web\n    «h»ealth"),
        quickstart("a tab")
            .put("    of: [database, uploads, configuration]\n", "\tof: [database, uploads, configuration]\n")
            .gives("yaml-tab", "«\t»of: ["),
        quickstart("a second document")
            .before("assets:\n", "---\n")
            .gives("yaml-two-documents", "«---»\nassets:"),
        quickstart("an alias of nothing")
            .put("owner: you\n\nactivation", "owner: *me\n\nactivation")
            .gives("yaml-unknown-anchor", "owner: «*me»"),
        quickstart("a word that reads differently to different programs")
            .put("title: Notes, a small service\n", "title: yes\n")
            .gives("yaml-ambiguous", "title: «yes»"),
    ]
}
