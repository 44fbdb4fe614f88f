//! Steps that wait for each other, are never reached, destroy, hang, or do not say what they must.

use super::{Mutation, metachat, quickstart};

pub(super) fn mutations() -> Vec<Mutation> {
    vec![
        metachat("two steps wait for each other")
            .put("    provides: [vps-01]\n    needs: [hetzner]", "    provides: [vps-01]\n    needs: [hetzner, provision-host]")
            .gives("dependency-cycle", "needs: [hetzner, «provision-host»]")
            .says(&["rebuild-host", "provision-host"]),
        metachat("a step waits for itself")
            .put("needs: [web, uploads, fence-old-host]", "needs: [web, uploads, fence-old-host, go-live]")
            .gives("dependency-cycle", "needs: [web, uploads, fence-old-host, «go-live»]")
            .says(&["`go-live` waits for itself"]),
        metachat("assets that need each other")
            .put("    rpo: 26h\n    health:\n      - run: psql", "    rpo: 26h\n    needs: [web]\n    health:\n      - run: psql")
            .gives("dependency-cycle", "rpo: 26h\n    needs: [«web»]")
            .says(&["postgres → web → api → postgres"])
            .also("target-inversion", 1)
            .also("priority-inversion", 1),
        metachat("an asset and the one that needs it")
            .put("    needs: [api]\n", "    needs: [api, chat]\n")
            .gives("dependency-cycle", "    needs: [api, «chat»]")
            .says(&["web → chat → web"]),
        metachat("a step and an asset that wait for each other")
            .put("    needs: [provision-host]\n    on: home", "    needs: [provision-host, redis]\n    on: home")
            .gives("recovery-deadlock", "needs: [provision-host, «redis»]")
            .says(&["restore-postgres → redis → restore-redis → restore-postgres"])
            .times(3),
        quickstart("a copy that is made from itself")
            .before("        in: vault\n", "        from: vault\n")
            .gives("dependency-cycle", "from: «vault»"),
        metachat("an approval that nothing waits for any more")
            .drop("    needs: [leave-to-replace]\n")
            .gives("unreachable-step", "  «leave-to-replace»:"),
        metachat("a step that nothing needs")
            .before("  point-dns:\n", "  tell-the-customers:\n    run: ./tell.sh\n    takes: 1m\n    rerun: safe\n\n")
            .gives("unreachable-step", "  «tell-the-customers»:"),
        metachat("a second step for the same that is never chosen")
            .before("  restore-uploads:\n", "  restore-redis-again:\n    restores: [redis]\n    from: [nightly.s3]\n    on: home\n    run: ./again.sh\n    takes: 1m\n    rerun: safe\n\n")
            .gives("unreachable-step", "  «restore-redis-again»:")
            .also("key-not-given", 1),
        metachat("a restore that throws away what is not hit")
            .put("    restores: [postgres]\n    from: [wal.local]", "    restores: [postgres, redis]\n    from: [wal.local]")
            .gives("unhit-asset-restored", "restores: [postgres, «redis»]")
            .says(&["in scenario `bad-migration`"]),
        metachat("a step that is ended before it can be done")
            .put("    takes: 30m\n    timeout: 2h", "    takes: 30m\n    timeout: 20m")
            .gives("timeout-too-short", "takes: 30m\n    timeout: «20m»")
            .says(&["`restore-postgres` takes 30m, and is ended after 20m"]),
        metachat("an encrypted copy without its key")
            .put(
                "AWS_SECRET_ACCESS_KEY]\n    use: restore-metachat-database             # gives",
                "]\n    use: restore-metachat-database             # gives",
            )
            .gives("key-not-given", "from: [«nightly.s3»]\n    needs: [provision-host]")
            .times(3),
        metachat("an asset without health")
            .drop("    health:\n      - run: redis-cli -p \"$REDIS_PORT\" ping\n        expect: { matches: '^PONG' }\n")
            .gives("asset-without-health", "  «redis»:\n    kind"),
        metachat("a manual step for nobody")
            .drop("    by: operator\n")
            .gives("manual-step-incomplete", "  «point-dns»:"),
        metachat("a manual step that tells nothing")
            .put(
                "    manual: |\n      In the DNS console set the A record of chat.example.com to $HOST_IP, TTL 300. It is there when this prints that address:\n\n          \
                 dig +short chat.example.com\n\n      Then on the new host, which has no account at Let's Encrypt yet:\n\n          \
                 sudo certbot --nginx --non-interactive --agree-tos --email ops@example.com --domain chat.example.com\n",
                "    manual: Set DNS.\n",
            )
            .gives("manual-step-incomplete", "manual: «Set DNS.»"),
        metachat("an approval that does not say of what")
            .put("      ask: Messages and files are back as of $DATA_AS_OF. Send the customers there?", "      ask: Go on?")
            .gives("manual-step-incomplete", "ask: «Go on?»"),
        metachat("a destruction that cannot be taken back")
            .drop("    undo: $SERVICE disable --now metachat-api\n")
            .gives("unguarded-destruction", "    run: |\n      «rm -rf -- \"$SRV/api.new\"")
            .says(&["rm -rf"]),
        metachat("a database dropped without a way back")
            .drop("    undo: $SERVICE stop nginx\n")
            .put("      $SERVICE reload-or-restart nginx\n", "      dropdb sites\n")
            .gives("unguarded-destruction", "    run: |\n      «$AS_ROOT install -m 0644 \"$SRV/api/deploy/nginx.conf\"")
            .says(&["dropdb"]),
        quickstart("a folder deleted without a way back")
            .drop("    undo: rm -rf -- \"$ROOT/database\" \"$ROOT/database.restoring\"\n")
            .gives("unguarded-destruction", "    run: |\n      «(cd \"$POINT_PATH\""),
        quickstart("a daemon that keeps the step's output")
            .put("' drplan-quickstart-notes >\"$ROOT/run/log\" 2>&1 </dev/null &", "' drplan-quickstart-notes &")
            .gives("daemon-not-redirected", "    run: |\n      «mkdir -p -- \"$ROOT/run\""),
        metachat("two steps write one output")
            .put("    fences: [vps-00]\n", "    fences: [vps-00]\n    outputs: [HOST_IP]\n")
            .gives("ambiguous-output", "    fences: [vps-00]\n    outputs: [«HOST_IP»]")
            .says(&["both `rebuild-host` and `fence-old-host` write `HOST_IP`"]),
        metachat("a step of unknown length")
            .drop("    takes: 8m\n    timeout: 30m\n    retry: { times: 2, delay: 30s }\n")
            .gives("step-without-estimate", "  «provision-host»:"),
        metachat("an approval of unknown length")
            .put("      expires: 30m\n      on_expiry: stop\n    takes: 10m", "      expires: 30m\n      on_expiry: stop")
            .gives("step-without-estimate", "  «go-live»:"),
        metachat("an instruction asks for a variable that nobody sets")
            .put("chat.example.com to $HOST_IP, TTL", "chat.example.com to $HOST_IPS, TTL")
            .gives("unknown-variable", "    manual: |\n      «In the DNS console"),
        metachat("a question asks for a variable that nobody sets")
            .put("are back as of $DATA_AS_OF. Send", "are back as of $DATA_AS_FO. Send")
            .gives("unknown-variable", "      ask: «Messages and files are back as of $DATA_AS_FO. Send the customers there?»")
            .says(&["did you mean `DATA_AS_OF`?"]),
        quickstart("a probe asks for a variable that nobody sets")
            .put("file: $ROOT/database/records.tsv", "file: $ROOTS/database/records.tsv")
            .gives("unknown-variable", "file: «$ROOTS/database/records.tsv»")
            .says(&["did you mean `ROOT`?"]),
        metachat("an input asks for an output of a step that does not come before")
            .put("    needs: [restore-postgres]\n    on: home\n    use: files", "    needs: [provision-host]\n    on: home\n    use: files")
            .gives("unknown-variable", "archive: «$POINT_DIR/uploads.tar.gz»")
            .says(&["no step that writes it comes before"])
            .also("key-not-given", 1),
        metachat("an instruction asks for a secret that its step does not name")
            .put("chat.example.com to $HOST_IP, TTL", "chat.example.com to $HOST_IP with $HCLOUD_TOKEN, TTL")
            .gives("unknown-variable", "    manual: |\n      «In the DNS console")
            .says(&["secrets: [HCLOUD_TOKEN]"]),
        quickstart("an exception for a rule that nobody knows")
            .before("scenarios:\n", "policy:\n  except: [ { rule: copys, asset: database, reason: \"It is a toy.\", until: 2027-06-30 } ]\n\n")
            .gives("unknown-rule", "rule: «copys»"),
    ]
}
