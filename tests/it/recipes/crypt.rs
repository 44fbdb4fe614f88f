//! Recipes that decrypt what others restore.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{is_as_it_was, on_a_full_disk, refused, tells, undo, untouched};
use crate::servers::{Postgres, said};
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
        let copy = untouched(&self.path("point"), "");
        stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
        assert!(!self.path("plain").exists());
        stage.execute(&[]).exits(0);
        assert_eq!(fs::read(self.path("srv/a")).unwrap(), fs::read(self.path("data/a")).unwrap());
        tells(stage, "decrypt/decrypt", " copied, ");
        assert_eq!(stage.read("modes"), "700\n600\n");
        assert!(!self.path("plain").exists(), "what was decrypted is left behind");
        is_as_it_was(&copy, &untouched(&self.path("point"), ""));
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

#[test]
fn what_was_decrypted_is_taken_back_and_a_folder_of_others_is_not() {
    let vault = Vault::new();
    let encrypted = vault.shown("point/uploads.tar.gpg");
    gpg(&vault, &["-o", &encrypted, "-c", &vault.shown("uploads.tar")]);
    fs::write(vault.path("GPG_PASSPHRASE"), "open sesame").unwrap();
    fs::create_dir(vault.path("plain")).unwrap();
    fs::write(vault.path("plain/mine"), "mine").unwrap();
    let stage = vault.plan("gpg-decrypt", &["GPG_PASSPHRASE"]);
    refused(&stage, "is there already, and not of this recipe");
    undo("crypt/gpg-decrypt", &stage, "decrypt");
    assert!(vault.path("plain/mine").exists());
    fs::remove_dir_all(vault.path("plain")).unwrap();
    refused(&on_a_full_disk(vault.plan("gpg-decrypt", &["GPG_PASSPHRASE"])), "only 0 MiB free");
    let text = stage.read("plan.yaml");
    stage.write("plan.yaml", text.split("  look:").next().unwrap());
    stage.execute(&[]).exits(0);
    assert!(vault.path("plain/uploads.tar").exists());
    undo("crypt/gpg-decrypt", &stage, "decrypt");
    assert!(!vault.path("plain").exists() && vault.path("point/uploads.tar.gpg").exists());
}

/// A plan that decrypts what lies in the vault, restores it by a recipe, and removes it again.
fn before(vault: &Vault, crypt: &str, secret: &str, vars: &str, restore: &str) -> Stage {
    let (point, plain) = (vault.shown("point"), vault.shown("plain"));
    Stage::new(&format!(
        "vars: {{ {vars} }}\n\
         secrets: {{ {secret}: {{ file: '{}' }} }}\n\
         steps:\n\
         \x20 decrypt: {{ use: crypt/{crypt}, with: {{ source: {point}, into: {plain} }}, secrets: [{secret}] }}\n\
         \x20 db: {{ needs: [decrypt], {restore} }}\n\
         \x20 remove: {{ needs: [db], use: crypt/remove-plaintext, with: {{ into: {plain} }} }}\n",
        vault.shown(secret),
    ))
}

#[test]
fn an_encrypted_dump_comes_back_into_a_server() {
    let vault = Vault::new();
    let recipient = age_key(&vault, "AGE_KEY");
    let server = Postgres::start();
    super::postgres::fill(&server);
    let truth = server.truth("shop");
    let dump = vault.shown("shop.dump");
    said(server.client("pg_dump").args(["-Fc", "-d", "shop", "-f", &dump]));
    said(Command::new("age").args(["-r", &recipient, "-o", &vault.shown("point/shop.dump.age"), &dump]));
    server.sql("postgres", "drop database shop");
    let restore = format!(
        "use: postgres/restore-dump, with: {{ dump: {}/shop.dump, database: shop }}",
        vault.shown("plain")
    );
    before(&vault, "age-decrypt", "AGE_KEY", &server.vars(), &restore).execute(&[]).exits(0);
    assert_eq!(server.truth("shop"), truth);
    assert!(!vault.path("plain").exists());
}

#[test]
fn an_encrypted_database_of_sqlite_comes_back() {
    let vault = Vault::new();
    let (db, target) = (vault.shown("app.db"), vault.shown("srv/app.db"));
    said(Command::new("sqlite3").args([&db, "create table notes (body); insert into notes values ('mine')"]));
    gpg(&vault, &["-o", &vault.shown("point/app.db.gpg"), "-c", &db]);
    fs::write(vault.path("GPG_PASSPHRASE"), "open sesame").unwrap();
    let restore =
        format!("use: sqlite/restore, with: {{ backup: {}/app.db, target: {target} }}", vault.shown("plain"));
    before(&vault, "gpg-decrypt", "GPG_PASSPHRASE", "", &restore).execute(&[]).exits(0);
    assert_eq!(said(Command::new("sqlite3").args([&target, "select body from notes"])), "mine\n");
    assert!(!vault.path("plain").exists());
}
