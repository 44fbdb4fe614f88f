//! Recipes for files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{given_up, held, is_as_it_was, on_a_full_disk, refused, tells, undo, untouched};
use crate::servers::said;
use crate::stage::Stage;

/// A folder with what makes files hard: owners, modes, links, odd names, empty folders.
struct Files {
    folder: TempDir,
    /// What is compared of them; not every tool keeps all of it.
    look: fn(&Path) -> String,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self { folder, look: truth };
        let target = files.target();
        fs::create_dir_all(target.join("deep/er")).unwrap();
        fs::create_dir(target.join("empty")).unwrap();
        for at in 0..40 {
            fs::write(target.join(format!("deep/er/{at}.jpg")), format!("{at} ").repeat(500 + at)).unwrap();
        }
        fs::write(target.join("with space and 'quotes'"), "odd\n").unwrap();
        fs::write(target.join(".marker"), "here\n").unwrap();
        fs::set_permissions(target.join(".marker"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(target.join("deep"), fs::Permissions::from_mode(0o750)).unwrap();
        symlink("deep/er/1.jpg", target.join("link")).unwrap();
        chown(target.join("deep/er/2.jpg"), Some(1234), Some(4321)).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn target(&self) -> PathBuf {
        self.path("srv/uploads")
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn truth(&self) -> String {
        (self.look)(&self.target())
    }

    /// All that lies there besides the files themselves: the backup.
    fn backup(&self) -> String {
        untouched(self.folder.path(), "srv")
    }

    fn destroy(&self) {
        fs::remove_dir_all(self.path("srv")).unwrap();
    }

    /// A plan that restores the files by a recipe with these inputs besides the target.
    fn plan(&self, recipe: &str, inputs: &str) -> Stage {
        Stage::new(&format!(
            "vars: {{ RESTIC_PASSWORD: secret, BORG_PASSPHRASE: secret }}\n\
             steps: {{ files: {{ use: files/{recipe}, with: {{ target: {}, must_hold: [.marker, deep/er/7.jpg], {inputs} }} }} }}\n",
            self.target().display()
        ))
    }

    /// What a recipe leaves beside the target.
    fn beside(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("srv")).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Kind, mode, owner, size, time, link and content of everything below a folder.
fn truth(folder: &Path) -> String {
    let script = "cd \"$1\"; find . -printf '%P %y %m %U:%G %l %T@ ' -type f -printf '%s ' -exec sha256sum {} \\; -o -printf '\\n' | sort";
    said(Command::new("bash").args(["-c", script, "-"]).arg(folder))
}

/// Names and content alone, for what keeps nothing else.
pub(super) fn content(folder: &Path) -> String {
    said(
        Command::new("bash")
            .args(["-c", "cd \"$1\"; find . -type f -exec sha256sum {} + | sort", "-"])
            .arg(folder),
    )
}

#[track_caller]
fn comes_back(files: &Files, recipe: &str, inputs: &str) -> Stage {
    let (truth, backup) = (files.truth(), files.backup());
    files.destroy();
    refused(&on_a_full_disk(files.plan(recipe, inputs)), "only 0 MiB free");
    let stage = files.plan(recipe, inputs);
    stage.run(&["execute", "plan.yaml", "--dry-run"]).exits(0);
    assert!(!files.path("srv").exists(), "a dry run has done something");
    stage.execute(&[]).exits(0);
    assert_eq!(files.truth(), truth);
    assert_eq!(files.beside(), ["uploads", "uploads.restored-in"]);
    is_as_it_was(&backup, &files.backup());
    stage
}

/// A target that holds files is refused, or kept, and comes back.
#[track_caller]
fn is_careful(files: &Files, recipe: &str, inputs: &str, restored: &str) {
    fs::write(files.target().join("late"), "late\n").unwrap();
    let late = files.truth();
    refused(&files.plan(recipe, inputs), "holds files already");
    assert_eq!(files.truth(), late);
    let stage = files.plan(recipe, &format!("replace: yes, {inputs}"));
    stage.execute(&[]).exits(0);
    assert_eq!(files.truth(), restored);
    assert_eq!((files.look)(&files.path("srv/uploads.before-restore")), late);
    refused(&files.plan(recipe, &format!("replace: yes, {inputs}")), "before-restore is kept");
    undo(&format!("files/{recipe}"), &stage, "files");
    assert_eq!(files.truth(), late);
    assert_eq!((files.look)(&files.path("srv/uploads.undone")), restored);
}

/// A restore that waits for leave to stay is taken back, twice: what was there before is there again each time.
#[test]
fn files_are_taken_back_by_giving_the_run_up() {
    let files = Files::new();
    let archive = files.path("uploads.tar").display().to_string();
    said(Command::new("tar").args(["-cf", &archive, "-C"]).arg(files.target()).arg("."));
    fs::write(files.target().join("late"), "late\n").unwrap();
    let late = files.truth();
    for more in ["", ".~1~"] {
        let stage = held(files.plan("restore-tar", &format!("replace: yes, archive: {archive}")));
        stage.execute(&[]).exits(4);
        assert_ne!(files.truth(), late);
        given_up(&stage);
        assert_eq!(files.truth(), late);
        assert!(files.path(&format!("srv/uploads.undone{more}")).exists());
    }
    assert_eq!(files.beside(), ["uploads", "uploads.undone", "uploads.undone.~1~"]);
    // Where nothing was, nothing is left.
    files.destroy();
    let stage = held(files.plan("restore-tar", &format!("archive: {archive}")));
    stage.execute(&[]).exits(4);
    given_up(&stage);
    assert_eq!(files.beside(), ["uploads.undone"]);
}

/// Wherever a restore or its undo was cut off, the undo leaves what was there before.
#[test]
fn an_undo_knows_the_old_files_from_the_new() {
    let files = Files::new();
    let archive = files.path("uploads.tar").display().to_string();
    said(Command::new("tar").args(["-cf", &archive, "-C"]).arg(files.target()).arg("."));
    let old = files.truth();
    let stage = files.plan("restore-tar", &format!("replace: yes, archive: {archive}"));
    stage.execute(&[]).exits(0);
    let run = stage.run_dir().file_name().unwrap().to_str().unwrap().to_owned();
    let mark = files.path("srv/uploads.restored-in");
    // The restore was cut off before anything was moved.
    fs::rename(files.path("srv/uploads"), files.path("srv/uploads.restoring")).unwrap();
    fs::rename(files.path("srv/uploads.before-restore"), files.target()).unwrap();
    undo("files/restore-tar", &stage, "files");
    assert_eq!((files.truth(), files.beside()), (old.clone(), vec!["uploads".to_owned()]));
    // The undo was cut off after the last move.
    fs::write(&mark, format!("{run}, taken away\n")).unwrap();
    undo("files/restore-tar", &stage, "files");
    assert_eq!((files.truth(), files.beside()), (old, vec!["uploads".to_owned()]));
}

#[test]
fn a_tar_archive_comes_back() {
    let files = Files::new();
    let truth = files.truth();
    let archive = files.shown("uploads.tar.zst");
    said(
        Command::new("tar")
            .args(["--zstd", "--format=posix", "-cf", &archive, "-C"])
            .arg(files.target())
            .arg("."),
    );
    let inputs = format!("archive: {archive}");
    comes_back(&files, "restore-tar", &inputs);
    is_careful(&files, "restore-tar", &inputs, &truth);
}

/// GNU tar tells after each 100 MiB, and on a fast machine in GiB a second.
#[test]
fn a_large_archive_tells_how_far_it_is() {
    let files = Files::new();
    let archive = files.shown("uploads.tar");
    fs::File::create(files.target().join("large")).unwrap().set_len(120 << 20).unwrap();
    said(Command::new("tar").args(["-cf", &archive, "-C"]).arg(files.target()).arg("."));
    let stage = files.plan("restore-tar", &format!("replace: yes, archive: {archive}"));
    stage.execute(&[]).exits(0);
    tells(&stage, "files/unpack", "iB/s");
}

#[test]
fn a_damaged_archive_is_refused_before_anything_is_done() {
    let files = Files::new();
    let archive = files.shown("uploads.tar.gz");
    said(Command::new("tar").args(["-czf", &archive, "-C"]).arg(files.target()).arg("."));
    let whole = fs::read(&archive).unwrap();
    fs::write(&archive, &whole[..whole.len() / 2]).unwrap();
    files.destroy();
    refused(&files.plan("restore-tar", &format!("archive: {archive}")), "The archive is whole");
    said(Command::new("tar").args(["-czf", &archive, "-T", "/dev/null"]));
    refused(&files.plan("restore-tar", &format!("archive: {archive}")), "is empty");
    assert!(!files.path("srv").exists());
}

#[test]
fn a_mirror_comes_back() {
    let files = Files::new();
    let truth = files.truth();
    let mirror = files.shown("mirror");
    said(
        Command::new("rsync")
            .args(["-aHAX", "--modify-window=-1"])
            .arg(files.shown("srv/uploads/"))
            .arg(&mirror),
    );
    let inputs = format!("source: {mirror}");
    tells(&comes_back(&files, "restore-rsync", &inputs), "files/copy", "to-chk=0/");
    is_careful(&files, "restore-rsync", &inputs, &truth);
    let empty = files.shown("nothing");
    fs::create_dir(&empty).unwrap();
    refused(&files.plan("restore-rsync", &format!("replace: yes, source: {empty}")), "holds no file");
}

#[test]
fn a_remote_comes_back() {
    let files = Files { look: content, ..Files::new() };
    let truth = files.truth();
    let remote = files.shown("remote");
    said(Command::new("rclone").args(["copy", &files.shown("srv/uploads"), &remote]));
    let inputs = format!("source: ':local:{remote}', owner: '1234:4321'");
    tells(&comes_back(&files, "restore-rclone", &inputs), "files/copy", "100%");
    assert_eq!(
        said(Command::new("stat").args(["-c", "%u:%g", &files.shown("srv/uploads/.marker")])),
        "1234:4321\n"
    );
    is_careful(&files, "restore-rclone", &inputs, &truth);
    files.destroy();
    fs::create_dir(files.path("nothing")).unwrap();
    refused(
        &files.plan("restore-rclone", &format!("source: ':local:{}'", files.shown("nothing"))),
        "holds no file",
    );
}

fn restic(files: &Files, args: &[&str]) -> String {
    let mut command = Command::new("restic");
    command.args(["--no-cache", "-q", "-r", &files.shown("restic")]).args(args);
    said(command.env("RESTIC_PASSWORD", "secret").env("HOME", files.folder.path()))
}

#[test]
fn a_restic_snapshot_comes_back() {
    let files = Files::new();
    restic(&files, &["init"]);
    let target = files.shown("srv/uploads");
    restic(&files, &["backup", "--time", "2026-11-01 10:00:00", &target]);
    let inputs = format!("repository: {}, path: {target}", files.shown("restic"));
    let truth = files.truth();
    comes_back(&files, "restore-restic", &inputs);
    is_careful(&files, "restore-restic", &inputs, &truth);
    files.destroy();
    refused(
        &files.plan("restore-restic", &format!("{inputs}, before: '2026-10-01T00:00:00Z'")),
        "no snapshot of",
    );
}

#[test]
fn a_restic_snapshot_is_chosen_by_its_time_and_lies_beside_what_was_there() {
    let files = Files::new();
    restic(&files, &["init"]);
    let target = files.shown("srv/uploads");
    restic(&files, &["backup", "--time", "2026-11-01 10:00:00", &target]);
    let truth = files.truth();
    let inputs = format!("repository: {}, path: {target}", files.shown("restic"));
    fs::write(files.target().join("newer"), "newer\n").unwrap();
    restic(&files, &["backup", "--time", "2026-11-02 10:00:00", &files.shown("srv")]);
    refused(&files.plan("restore-restic", &inputs), "holds files already");
    files.destroy();
    files.plan("restore-restic", &format!("{inputs}, before: '2026-11-01T23:59:00Z'")).execute(&[]).exits(0);
    assert_eq!(files.truth(), truth);
    files.destroy();
    refused(
        &files.plan("restore-restic", &format!("{inputs}, before: '2026-10-01T00:00:00Z'")),
        "no snapshot of",
    );
}

#[test]
fn a_restic_repository_that_is_damaged_or_locked_away_is_no_backup() {
    let files = Files::new();
    restic(&files, &["init"]);
    restic(&files, &["backup", &files.shown("srv/uploads")]);
    files.destroy();
    let inputs = format!("repository: {}, path: {}", files.shown("restic"), files.shown("srv/uploads"));
    let stage = files.plan("restore-restic", &inputs);
    stage.write(
        "plan.yaml",
        &stage.read("plan.yaml").replace("RESTIC_PASSWORD: secret", "RESTIC_PASSWORD: wrong"),
    );
    refused(&stage, "wrong password");
    // Bits that flip in the data are found by reading it.
    let packs =
        said(Command::new("find").arg(files.path("restic/data")).args(["-type", "f", "-size", "+2k"]));
    for pack in packs.lines() {
        let mut bytes = fs::read(pack).unwrap();
        bytes[40] ^= 1;
        fs::set_permissions(pack, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(pack, bytes).unwrap();
    }
    files.plan("restore-restic", &inputs).execute(&[]).exits(3);
    assert!(!files.target().exists());
}

fn borg(files: &Files, args: &[&str]) -> String {
    let mut command = Command::new("borg");
    command.args(args).current_dir(files.folder.path()).env("BORG_REPO", files.shown("borg"));
    said(
        command
            .env("BORG_PASSPHRASE", "secret")
            .env("BORG_BASE_DIR", files.shown("borg-base"))
            .env("TZ", "UTC"),
    )
}

fn with_two_archives() -> (Files, String, String) {
    let files = Files::new();
    borg(&files, &["init", "-e", "repokey-blake2"]);
    let target = files.shown("srv/uploads");
    borg(&files, &["create", "--timestamp", "2026-11-01T10:00:00", "::uploads-1", &target]);
    let truth = files.truth();
    fs::write(files.target().join("newer"), "newer\n").unwrap();
    borg(&files, &["create", "--timestamp", "2026-11-02T10:00:00", "::uploads-2", &target]);
    let inputs = format!("repository: {}, path: {target}", files.shown("borg"));
    (files, truth, inputs)
}

#[test]
fn a_borg_archive_comes_back() {
    let (files, truth, inputs) = with_two_archives();
    let newest = files.truth();
    tells(&comes_back(&files, "restore-borg", &inputs), "files/fetch", "% Extracting");
    is_careful(&files, "restore-borg", &inputs, &newest);
    files.destroy();
    files.plan("restore-borg", &format!("{inputs}, before: '2026-11-01T23:59:00Z'")).execute(&[]).exits(0);
    assert_eq!(files.truth(), truth);
}

#[test]
fn a_borg_archive_that_is_damaged_is_no_backup() {
    let (files, _, inputs) = with_two_archives();
    files.destroy();
    refused(&files.plan("restore-borg", &format!("{inputs}, prefix: other-")), "no archive other-");
    // Bits that flip in a segment are found by reading it.
    let segments =
        said(Command::new("find").arg(files.path("borg/data")).args(["-type", "f", "-size", "+4k"]));
    for segment in segments.lines() {
        let mut bytes = fs::read(segment).unwrap();
        let middle = bytes.len() / 4;
        bytes[middle] ^= 1;
        fs::write(segment, bytes).unwrap();
    }
    files.plan("restore-borg", &format!("{inputs}, archive: uploads-1")).execute(&[]).exits(3);
    assert!(!files.target().exists());
}
