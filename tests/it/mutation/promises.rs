//! What the policy demands, who does it, what a drill may touch, and how long ago it was tried.

use super::{Mutation, metachat, quickstart};

const COPIES: &str = "copies";
const POLICY: &str = "policy:\n  copies: { at_least: 3, media: 2, offsite: 1, immutable: 1 }\n";

pub(super) fn mutations() -> Vec<Mutation> {
    vec![
        metachat("the policy demands one copy more")
            .put("at_least: 3,", "at_least: 4,")
            .gives(COPIES, "  «postgres»:\n    kind")
            .times(3),
        metachat("the policy demands one more kind of medium")
            .put("media: 2,", "media: 3,")
            .gives(COPIES, "  «postgres»:\n    kind")
            .times(3),
        metachat("both copies lie on disks")
            .put("medium: object", "medium: disk")
            .gives(COPIES, "  «postgres»:\n    kind")
            .times(3),
        metachat("nothing shows that the copy is at another site")
            .put("in: [aws-frankfurt, aws-backup], erasable_by", "in: [aws-backup], erasable_by")
            .gives(COPIES, "  «postgres»:\n    kind")
            .times(3),
        metachat("the lock is taken off the copy")
            .drop("        immutable: 35d                         # object lock, compliance mode\n")
            .gives(COPIES, "  «postgres»:\n    kind")
            .times(3),
        metachat("points are deleted before the policy allows it")
            .put(POLICY, "policy:\n  copies: { at_least: 3, media: 2, offsite: 1, immutable: 1 }\n  retention: 2y\n")
            .gives("retention", "  «postgres»:\n    kind")
            .times(3),
        metachat("points are deleted before the law allows it")
            .before("        medium: object\n", "        archive: 7y\n")
            .gives("archive-not-kept", "keep: «{ daily: 35, monthly: 12 }»"),
        metachat("the policy demands drills, and none is on record")
            .put(POLICY, "policy:\n  copies: { at_least: 3, media: 2, offsite: 1, immutable: 1 }\n  drills: { every: 90d }\n")
            .gives("drill-overdue", "  «host-loss»: ")
            .times(4),
        metachat("a drill that would switch production off")
            .put("hetzner: sandbox-account, s3", "nbg: sandbox-account, s3")
            .gives("drill-not-closed", "  «drill»:"),
        metachat("a drill that reads the real bucket and does not say so")
            .drop(", s3: sandbox-s3, aws-backup: sandbox-account")
            .gives("drill-not-closed", "  «drill»:"),
        metachat("a drill with the password of production")
            .drop("      PGPASSWORD:   { file: ../.drplan/metachat/secrets/postgres }\n")
            .gives("drill-not-closed", "  «drill»:")
            .says(&["PGPASSWORD"]),
        quickstart("a drill that destroys the real host")
            .put("places: { old-host: sandbox-old, new-host", "places: { new-host")
            .gives("drill-not-closed", "  «drill»:")
            .says(&["old-host"]),
        metachat("files that are of another moment than the messages")
            .put("of: [postgres, redis, uploads]", "of: [postgres, redis]")
            .before("# A message names", FILES)
            .put("    restores: [uploads]\n    from: [nightly.s3]", "    restores: [uploads]\n    from: [files.s3]")
            .put(POLICY, "policy: {}\n")
            .gives("inconsistent-points", "assets: [postgres, «uploads»]")
            .times(3),
        metachat("an asset for which nobody answers")
            .put("owner: platform\n\nactivation", "activation")
            .drop("    kind: redis\n    owner: platform\n")
            .before("    homes: [vps-00, vps-01]\n    priority: 2", "    kind: redis\n")
            .gives("missing-owner", "  «redis»:\n    kind"),
        metachat("an asset for which no time is promised")
            .put("    priority: 5\n    rto: 4h\n    needs: [web]", "    priority: 5\n    needs: [web]")
            .gives("missing-target", "  «chat»:\n    kind")
            .says(&["`rto`"]),
        metachat("data of which as much as you like may be lost")
            .put("    priority: 3\n    rto: 4h\n    rpo: 26h\n", "    priority: 3\n    rto: 4h\n")
            .gives("missing-target", "  «uploads»:\n    kind")
            .says(&["`rpo`"]),
        metachat("a step restores from a copy that perhaps is never made")
            .before("      s3:                                      # was", MIRROR)
            .put("from: [wal.local]", "from: [wal.local, nightly.mirror]")
            .gives("paper-copy", "wal.local, «nightly.mirror»]"),
        quickstart("an asset lives where nothing is ever lost")
            .before("backups:\n", "  mail: { kind: app, owner: you, homes: [sandbox-old], rto: 5m, health: [ { tcp: \"mail.example.com:25\" } ] }\n\n")
            .gives("place-never-lost", "  «sandbox-old»:"),
        metachat("an asset needs one that is less urgent")
            .put("    priority: 2\n", "    priority: 6\n")
            .gives("priority-inversion", "needs: [postgres, «redis»]"),
        metachat("a replica is promoted before the old host is off")
            .put("      $SERVICE reload-or-restart nginx\n", "      redis-cli replicaof no one\n")
            .gives("promotion-without-fence", "  «start-nginx»:")
            .times(3),
        quickstart("a replica takes over, and the old host is not cut off")
            .put("        keep: 30d\n", "        keep: latest\n")
            .gives("promotion-without-fence", "  «restore-database»:")
            .times(3),
        metachat("nobody who may approve is left")
            .put("    roles: [operator, incident-commander]\n", "    roles: [operator]\n")
            .put("lose: [fsn]", "lose: [fsn, office]")
            .gives("role-unfilled", "      by: «[incident-commander]»\n      ask: Messages")
            .times(2),
        metachat("more must approve than there are people")
            .put("      by: [incident-commander]\n      ask: Messages", "      by: [incident-commander]\n      quorum: 3\n      ask: Messages")
            .gives("role-unfilled", "      by: «[incident-commander]»\n      quorum")
            .says(&["3 people must approve `go-live`, and the plan names 2"]),
        metachat("the second person is lost")
            .put("lose: [fsn]", "lose: [fsn, ivan]")
            .gives("role-unfilled", "      by: «[incident-commander]»\n      ask: Messages")
            .says(&["`go-live`"]),
        metachat("a step that cannot be repeated and does not say so")
            .put("      $SERVICE reload-or-restart nginx\n    takes: 3m\n    timeout: 10m\n    rerun: safe\n", "      createdb sites\n    takes: 3m\n    timeout: 10m\n")
            .gives("unrepeatable-step", "    run: |\n      «$AS_ROOT install -m 0644 \"$SRV/api/deploy/nginx.conf\"")
            .says(&["createdb"]),
    ]
}

/// A backup of the files alone, at another time of the day.
const FILES: &str = "  files:
    of: [uploads]
    method: tar
    points: { cron: \"0 14 * * *\", timezone: UTC }
    takes: 15m
    copies:
      s3: { in: s3, at: s3://metachat-dr/files/, keep: 35d, immutable: 35d, medium: object }

";

/// A copy that nobody has to make.
const MIRROR: &str = "      mirror:
        from: local
        in: s3
        at: s3://metachat-dr/mirror/
        keep: 30d
        medium: object
        optional: true
";
