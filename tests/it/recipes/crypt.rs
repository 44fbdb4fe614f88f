//! Recipes that decrypt what others restore.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::refused;
use crate::servers::said;
use crate::stage::Stage;

/// An archive, encrypted, and the key beside it.
struct Vault {
    folder: TempDir,
}

impl Vault {
    fn new() -> Self {
        let vault = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(vault.path("data")).unwrap();
        fs::create_dir(vault.path("point")).unwrap();
        fs::write(vault.path("data/a"), "content of a\n".repeat(20_000)).unwrap();
        said(Command::new("tar").args(["-cf", &vault.shown("uploads.tar"), "-C", &vault.shown("data"), "a"]));
        vault
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A plan that decrypts, restores and removes; the keys come from files.
    fn plan(&self, recipe: &str, secrets: &[&str]) -> Stage {
        let sources = secrets.iter().map(|name| format!("{name}: {{ file: '{}' }}", self.shown(name)));
        let (point, plain, target) = (self.shown("point"), self.shown("plain"), self.shown("srv"));
        Stage::new(&format!(
            "vars: {{ PATH: './bin:/usr/bin:/bin' }}\n\
             secrets: {{ {} }}\n\
             steps:\n\
             \x20 decrypt: {{ use: crypt/{recipe}, with: {{ source: {point}, into: {plain} }}, secrets: [{}] }}\n\
             \x20 look: {{ needs: [decrypt], run: 'stat -c %a {plain} {plain}/* >modes' }}\n\
             \x20 files: {{ needs: [look], use: files/restore-tar, with: {{ archive: {plain}/uploads.tar, target: {target} }} }}\n\
             \x20 remove: {{ needs: [files], use: crypt/remove-plaintext, with: {{ into: {plain} }} }}\n",
            sources.collect::<Vec<_>>().join(", "),
            secrets.join(", "),
        ))
    }

    #[track_caller]
    fn comes_back(&self, stage: &Stage) {
        stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
        assert!(!self.path("plain").exists());
        stage.execute(&[]).exits(0);
        assert_eq!(fs::read(self.path("srv/a")).unwrap(), fs::read(self.path("data/a")).unwrap());
        assert_eq!(stage.read("modes"), "700\n600\n");
        assert!(!self.path("plain").exists(), "what was decrypted is left behind");
    }
}

/// Puts a program before the real one that writes down its arguments.
fn witness(stage: &Stage, name: &str) {
    let path = format!("bin/{name}");
    let log = stage.path().join("arguments").display().to_string();
    stage.write(&path, &format!("#!/bin/sh\necho \"$@\" >>{log} 2>/dev/null\nexec /usr/bin/{name} \"$@\"\n"));
    fs::set_permissions(stage.path().join(&path), fs::Permissions::from_mode(0o755)).unwrap();
}

/// No file of the run and no list of arguments holds a key.
#[track_caller]
fn holds_no(stage: &Stage, key: &str) {
    assert!(!stage.read("arguments").is_empty());
    let found = Command::new("grep").args(["-rlF", "-e", key]).arg(stage.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

fn age_key(vault: &Vault, name: &str) -> String {
    said(Command::new("age-keygen").args(["-o", &vault.shown(name)]).stderr(Stdio::null()));
    said(Command::new("age-keygen").args(["-y", &vault.shown(name)])).trim().to_owned()
}

#[test]
fn files_of_age_are_decrypted_restored_and_removed() {
    let vault = Vault::new();
    let recipient = age_key(&vault, "AGE_KEY");
    // The secret is the identity alone, without the comments of the file.
    let identity = fs::read_to_string(vault.path("AGE_KEY")).unwrap();
    let identity = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY")).unwrap().to_owned();
    fs::write(vault.path("AGE_KEY"), &identity).unwrap();
    let encrypted = vault.shown("point/uploads.tar.age");
    said(Command::new("age").args(["-r", &recipient, "-o", &encrypted, &vault.shown("uploads.tar")]));
    let stage = vault.plan("age-decrypt", &["AGE_KEY"]);
    witness(&stage, "age");
    vault.comes_back(&stage);
    holds_no(&stage, &identity);

    // One byte less, and nothing of it is taken for whole.
    let whole = fs::read(&encrypted).unwrap();
    fs::write(&encrypted, &whole[..whole.len() - 1]).unwrap();
    fs::remove_dir_all(vault.path("srv")).unwrap();
    refused(&stage, "cannot be decrypted with this key");
    assert!(!vault.path("plain").exists());
    fs::write(&encrypted, &whole).unwrap();
    age_key(&vault, "OTHER");
    fs::copy(vault.path("OTHER"), vault.path("AGE_KEY")).unwrap();
    refused(&stage, "cannot be decrypted with this key");
}

fn gpg(vault: &Vault, args: &[&str]) -> String {
    let home = vault.path("gnupg");
    fs::create_dir_all(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = Command::new("gpg");
    command.args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "open sesame"]);
    said(command.args(args).env("GNUPGHOME", home))
}

impl Drop for Vault {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", self.path("gnupg")).status();
    }
}

#[test]
fn files_of_gnupg_are_decrypted_restored_and_removed() {
    let vault = Vault::new();
    gpg(&vault, &["--quick-gen-key", "backup@example.com", "future-default", "default", "never"]);
    let key = encrypt(&vault);
    fs::write(vault.path("GPG_PASSPHRASE"), "open sesame").unwrap();
    let stage = vault.plan("gpg-decrypt", &["GPG_KEY", "GPG_PASSPHRASE"]);
    witness(&stage, "gpg");
    vault.comes_back(&stage);
    holds_no(&stage, key.lines().nth(4).unwrap());
    holds_no(&stage, "open sesame");
}

/// Encrypts the archive and lays the key out as a secret.
fn encrypt(vault: &Vault) -> String {
    let encrypted = vault.shown("point/uploads.tar.gpg");
    let to = ["-r", "backup@example.com", "--trust-model", "always", "-o", &encrypted, "-e"];
    gpg(vault, &[&to[..], &[&vault.shown("uploads.tar")]].concat());
    let key = gpg(vault, &["--armor", "--export-secret-keys", "backup@example.com"]);
    fs::write(vault.path("GPG_KEY"), &key).unwrap();
    key
}

#[test]
fn files_of_gnupg_that_are_cut_off_or_of_another_key_are_refused() {
    let vault = Vault::new();
    for name in ["backup@example.com", "other@example.com"] {
        gpg(&vault, &["--passphrase", "", "--quick-gen-key", name, "future-default", "default", "never"]);
    }
    encrypt(&vault);
    let stage = vault.plan("gpg-decrypt", &["GPG_KEY"]);
    let encrypted = vault.path("point/uploads.tar.gpg");
    let whole = fs::read(&encrypted).unwrap();
    fs::write(&encrypted, &whole[..whole.len() - 1]).unwrap();
    stage.execute(&[]).exits(3);
    assert!(!vault.path("plain/uploads.tar").exists() && !vault.path("srv").exists());
    fs::write(&encrypted, &whole).unwrap();
    fs::remove_dir_all(vault.path("plain")).unwrap();
    let other = gpg(&vault, &["--armor", "--export-secret-keys", "other@example.com"]);
    fs::write(vault.path("GPG_KEY"), other).unwrap();
    refused(&stage, "is encrypted to");
}

#[test]
fn files_of_gnupg_with_a_passphrase_alone_are_decrypted() {
    let vault = Vault::new();
    gpg(&vault, &["-o", &vault.shown("point/uploads.tar.gpg"), "-c", &vault.shown("uploads.tar")]);
    fs::write(vault.path("GPG_PASSPHRASE"), "open sesame").unwrap();
    let stage = vault.plan("gpg-decrypt", &["GPG_PASSPHRASE"]);
    vault.comes_back(&stage);
}

#[test]
fn only_what_was_decrypted_is_removed() {
    let vault = Vault::new();
    let stage = Stage::new(&format!(
        "steps: {{ remove: {{ use: crypt/remove-plaintext, with: {{ into: {} }} }} }}\n",
        vault.shown("data")
    ));
    refused(&stage, "was not made by a recipe of crypt");
    assert!(vault.path("data/a").exists());
}
