//! Copies that are not there, not safe, or not old enough when they are needed.

use super::{Mutation, metachat, quickstart};

const RULE: &str = "asset-not-survived";
/// A place by which all three backed-up assets are told.
const POSTGRES: &str = "  «postgres»:\n    kind";

pub(super) fn mutations() -> Vec<Mutation> {
    vec![
        metachat("the copy off the host is dropped, the steps still name it")
            .put(
                "      s3:                                      # was",
                "      s33:                                     # was",
            )
            .gives("unknown-reference", "    restores: [redis]\n    from: [«nightly.s3»]")
            .times(3),
        metachat("the copy off the host is dropped")
            .drop(S3_COPY)
            .put(
                "    from: [nightly.s3]\n    needs: [provision-host]",
                "    from: [nightly.local]\n    needs: [provision-host]",
            )
            .put(
                "    restores: [redis]\n    from: [nightly.s3]",
                "    restores: [redis]\n    from: [nightly.local]",
            )
            .put(
                "    restores: [uploads]\n    from: [nightly.s3]",
                "    restores: [uploads]\n    from: [nightly.local]",
            )
            .gives(RULE, POSTGRES)
            .says(&["all 3 copies are lost"])
            .also("copies", 12)
            .times(9),
        metachat("the copy off the host is on the host")
            .put("        in: s3\n", "        in: vps-00\n")
            .gives(RULE, POSTGRES)
            .says(&["`postgres` does not survive scenario `host-loss`: all 4 copies are lost"])
            .also("copies", 3)
            .times(9),
        metachat("the copy off the host is in its data centre")
            .put("in: [aws-frankfurt, aws-backup], erasable_by", "in: [fsn, aws-backup], erasable_by")
            .gives(RULE, POSTGRES)
            .says(&["`postgres` does not survive scenario `site-loss`"])
            .also("copies", 3)
            .times(3),
        metachat("the copy off the host is optional")
            .before("        lag: 20m\n", "        optional: true\n")
            .gives(RULE, POSTGRES)
            .says(&["optional"])
            .also("copies", 12)
            .also("paper-copy", 3)
            .times(9),
        metachat("no copy keeps a history")
            .put("        keep: 30d\n", "        keep: latest\n")
            .put("        keep: 22d     ", "        keep: latest     ")
            .put("        keep: 15d\n", "        keep: latest\n")
            .put("        keep: { daily: 35, monthly: 12 }\n", "        keep: latest\n")
            .gives(RULE, POSTGRES)
            .says(&["`postgres` does not survive scenario `bad-migration`"])
            .also("copies", 3)
            .also("promotion-without-fence", 6)
            .times(4),
        metachat("points are gone before the attack is found")
            .put("        keep: { daily: 35, monthly: 12 }\n", "        keep: 3d\n")
            .gives(RULE, POSTGRES)
            .says(&["`postgres` does not survive scenario `ransomware`"])
            .times(3),
        metachat("the login that is stolen erases the copy")
            .put("erasable_by: [aws-backup]", "erasable_by: [aws-backup, vps-00]")
            .drop("        immutable: 35d                         # object lock, compliance mode\n")
            .gives(RULE, POSTGRES)
            .says(&["`postgres` does not survive scenario `ransomware`"])
            .also("copies", 3)
            .times(3),
        metachat("the lock is over before the attack is found")
            .put("erasable_by: [aws-backup]", "erasable_by: [aws-backup, vps-00]")
            .put("        immutable: 35d ", "        immutable: 3d ")
            .gives(RULE, POSTGRES)
            .says(&["`postgres` does not survive scenario `ransomware`"])
            .also("copies", 3)
            .times(3),
        metachat("the lock can be lifted by the login that is stolen")
            .put("erasable_by: [aws-backup]", "erasable_by: [aws-backup, vps-00]")
            .put("        immutable: 35d ", "        immutable: { for: 35d, except: [vps-00] } ")
            .gives(RULE, POSTGRES)
            .says(&["`postgres` does not survive scenario `ransomware`"])
            .also("copies", 3)
            .times(3),
        metachat("the stolen login reaches the account of the backups")
            .put("compromise: [vps-00]", "compromise: [vps-00, aws-backup]")
            .drop("        immutable: 35d                         # object lock, compliance mode\n")
            .gives(RULE, POSTGRES)
            .says(&["`postgres` does not survive scenario `ransomware`"])
            .also("copies", 3)
            .times(3),
        metachat("an asset is in no backup")
            .put("of: [postgres, redis, uploads]", "of: [postgres, uploads]")
            .gives(RULE, "    priority: 2\n    rto: 3h\n    rpo: «26h»")
            .says(&["no backup holds `redis`"])
            .also("copies", 1)
            .times(3),
        metachat("a copy lies in a place that is yet to be made")
            .put("        in: s3\n", "        in: vps-01\n")
            .gives(RULE, POSTGRES)
            .times(9),
        quickstart("the vault is lost with the host")
            .put("lose: [old-host]", "lose: [old-host, vault]")
            .gives(RULE, "  «database»:\n    kind")
            .says(&["its only copy is lost"])
            .times(3),
        quickstart("the only copy is at home")
            .drop("        in: vault\n")
            .gives(RULE, "  «database»:\n    kind")
            .times(3),
        quickstart("the only copy is optional")
            .before("        medium: disk\n", "        optional: true\n")
            .gives(RULE, "  «database»:\n    kind")
            .also("paper-copy", 3)
            .times(3),
    ]
}

/// The copy in the bucket, as the plan has it.
const S3_COPY: &str = "      s3:                                      # was optional in backup.sh; since March every point goes there
        from: local
        in: s3
        at: s3://metachat-dr/nightly/
        lag: 20m
        keep: { daily: 35, monthly: 12 }
        immutable: 35d                         # object lock, compliance mode
        medium: object
        key: AWS_SECRET_ACCESS_KEY
";
