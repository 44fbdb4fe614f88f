//! Copies that are encrypted: the key is really tried, and each bad one is really made beside its good twin.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Shop, of_now};
use crate::servers::said;

/// A shop with one point, whose key lies beside the plan.
fn shop(verify: &str, secret: &str, key: &str, point: &[u8]) -> Shop {
    let more = format!("secrets: {{ {secret}: {{ file: vault/key }} }}\n");
    let shop = Shop::today(&format!(", key: {secret}, verify: [ {verify} ]"), &more);
    shop.0.write("vault/key", key);
    shop.with(&of_now(), point)
}

fn bash(folder: &Path, script: &str) -> String {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(folder).env("GNUPGHOME", folder.join("g"));
    said(&mut command)
}

/// A folder with an archive `plain` and what a script makes of it.
fn vault(script: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    bash(folder.path(), "mkdir -m 0700 g; seq 30000 >a; tar -czf plain a");
    bash(folder.path(), script);
    folder
}

fn read(vault: &TempDir, name: &str) -> Vec<u8> {
    fs::read(vault.path().join(name)).unwrap()
}

fn text(vault: &TempDir, name: &str) -> String {
    String::from_utf8(read(vault, name)).unwrap()
}

fn changed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    bytes
}

#[test]
fn what_age_has_encrypted_is_decrypted_to_its_end() {
    let vault = vault(
        "age-keygen -o key 2>/dev/null; age-keygen -o other 2>/dev/null; to=$(age-keygen -y key)
         age -r $to -o good plain; age -a -r $to -o armored plain; : >nothing; age -r $to -o hollow nothing; echo x >text; age -r $to -o rubbish text",
    );
    let key = text(&vault, "key");
    let verify = "{ use: crypt/verify-age, with: { inner: tar -tz } }";
    let with = |bytes: &[u8]| shop(verify, "AGE_KEY", &key, bytes);
    let good = read(&vault, "good");
    for name in ["good", "armored"] {
        let copy = with(&read(&vault, name)).is_good();
        let facts = &copy["looked_into"][0]["facts"];
        let size = read(&vault, "plain").len();
        assert_eq!(
            (&facts["files"], &facts["size"], &copy["integrity"]),
            (&1.into(), &size.into(), &"read".into())
        );
    }
    with(&good[..good.len() - 10]).has("failure", "not-good", "cannot be decrypted to its end");
    with(&changed(&good)).has("failure", "not-good", "cannot be decrypted to its end");
    with(&read(&vault, "plain")).has("failure", "not-good", "is not encrypted with age");
    with(&read(&vault, "rubbish")).has("failure", "not-good", "holds is no good");
    let quiet = "{ use: crypt/verify-age }";
    shop(quiet, "AGE_KEY", &key, &read(&vault, "hollow")).has("failure", "not-good", "nothing was encrypted");
    shop(verify, "AGE_KEY", &text(&vault, "other"), &good).has("failure", "not-good", "does not open");
    shop(verify, "AGE_KEY", "no key at all", &good).has("failure", "not-good", "is no identity of age");
}

#[test]
fn what_gnupg_has_encrypted_is_decrypted_to_its_end() {
    let vault = vault(
        "for who in one two; do gpg --batch -q --passphrase '' --quick-generate-key $who@example.com default default never 2>/dev/null; gpg --batch --armor --export-secret-keys $who@example.com >$who; done
         gpg --batch -q --trust-model always -r one@example.com -o good -e plain
         gpg --batch -q --armor --trust-model always -r one@example.com -o armored -e plain
         gpg --batch -q --passphrase secret-words --pinentry-mode loopback -o symmetric -c plain
         gpg --batch --export one@example.com >public; gpgconf --kill all",
    );
    let verify = "{ use: crypt/verify-gpg, with: { inner: tar -tz } }";
    let with = |key: &str, bytes: &[u8]| shop(verify, "GPG_KEY", &text(&vault, key), bytes);
    let good = read(&vault, "good");
    for name in ["good", "armored"] {
        let copy = with("one", &read(&vault, name)).is_good();
        assert_eq!(copy["integrity"], "read", "{copy:#}");
    }
    with("one", &good[..good.len() - 10]).has("failure", "not-good", "cannot be decrypted to its end");
    with("one", &changed(&good)).has("failure", "not-good", "cannot be decrypted to its end");
    with("one", &read(&vault, "plain")).has("failure", "not-good", "is not encrypted with GnuPG");
    with("two", &good).has("failure", "not-good", "does not open");
    shop(verify, "GPG_KEY", "no key at all", &good).has("failure", "not-good", "GPG_KEY is no");
    let symmetric = read(&vault, "symmetric");
    shop(verify, "GPG_PASSPHRASE", "secret-words", &symmetric).is_good();
    shop(verify, "GPG_PASSPHRASE", "other-words", &symmetric).has("failure", "not-good", "does not open");
}
