//! Restores and undos that are cut off before each of their commands in turn: what was there before comes back, and its server with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use drplan::plan::{Action, Recipe};
use drplan::probe::Command as Asked;
use tempfile::TempDir;

use super::{default_of, shipped, undo_of};
use crate::servers::said;

/// A program that asks the server whether it answers; here a file says so, since what is tested is what becomes of the data.
const ASK: &str = "#!/bin/sh\ntest -e \"$RUNNING\" && echo PONG\n";

/// A recipe with a target that holds old data and, beside it, new data that is about to be put in its place.
struct Restore {
    folder: TempDir,
    recipe: Recipe,
    /// What lies in the target, below it; the target is `data`.
    holds: &'static [&'static str],
    /// Whether the new data lies in the target, and not beside it.
    is_within: bool,
}

impl Restore {
    fn new(recipe: &str, holds: &'static [&'static str], is_within: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let restore = Self { folder, recipe: shipped(recipe), holds, is_within };
        restore.lay("data", "old");
        restore.lay(if is_within { "data/restoring" } else { "data.restoring" }, "new");
        fs::write(restore.path("running"), "").unwrap();
        for name in ["pg_isready", "mariadb-admin", "redis-cli"] {
            let program = restore.path("bin").join(name);
            fs::create_dir_all(program.parent().unwrap()).unwrap();
            fs::write(&program, ASK).unwrap();
            fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        restore
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn lay(&self, below: &str, text: &str) {
        for name in self.holds {
            let file = self.path(below).join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
    }

    /// Runs a text of the recipe, cut off before its command of that number; tells whether it was.
    fn run(&self, text: &str, cut: Option<usize>) -> bool {
        let mut bash = Command::new("bash");
        let trap = "at=0; trap 'if [ $((at++)) = \"$CUT\" ]; then trap - DEBUG; exit 99; fi' DEBUG\n";
        bash.args(["-euo", "pipefail", "-c", &format!("{trap}{text}")]);
        for name in self.recipe.inputs.keys().map(drplan::value::Field::as_str) {
            bash.env(format!("INPUT_{}", name.to_uppercase()), default_of(&self.recipe, name));
        }
        // Of the inputs only those count that say where the target is.
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        bash.env("INPUT_DATA", self.path("data")).env("INPUT_FOLDER", self.path("data"));
        bash.env("INPUT_DUMP", self.path("dump"));
        bash.env("INPUT_STOP", "rm -f -- \"$RUNNING\"").env("INPUT_START", ": >\"$RUNNING\"");
        bash.env("RUNNING", self.path("running")).env("PATH", path).env("DRPLAN_RUN", "this-run");
        bash.env("CUT", cut.map_or_else(String::new, |cut| cut.to_string())).current_dir(self.folder.path());
        if cut.is_none() {
            said(&mut bash);
            return false;
        }
        let output = bash.output().unwrap();
        let code = output.status.code();
        assert!(code == Some(0) || code == Some(99), "{}", String::from_utf8_lossy(&output.stderr));
        code == Some(99)
    }

    fn put_in_place(&self, cut: Option<usize>) -> bool {
        let Action::Run { command: Asked::Shell(text), .. } = &*self.recipe.steps["put-in-place"].action
        else {
            panic!("it is no command")
        };
        self.run(text, cut)
    }

    fn undo(&self, cut: Option<usize>) -> bool {
        self.run(undo_of(&self.recipe), cut)
    }

    #[track_caller]
    fn is_as_before(&self, when: &str) {
        for name in self.holds {
            let text = fs::read_to_string(self.path("data").join(name));
            assert_eq!(text.ok().as_deref(), Some("old"), "{name}, {when}");
        }
        assert!(self.path("running").exists(), "the server is not started, {when}");
        let beside = if self.is_within { "data/before-restore" } else { "data.before-restore" };
        for left in [beside, "data.restored-in", "data.restoring", "data/restoring"] {
            assert!(!Path::new(&self.path(left)).exists(), "{left} is left, {when}");
        }
    }
}

/// Cuts the restore off everywhere, and then the undo: of a whole one, and of some that were cut off.
fn comes_back_wherever_it_was_cut_off(recipe: &str, holds: &'static [&'static str], is_within: bool) {
    let mut commands = 0;
    loop {
        let restore = Restore::new(recipe, holds, is_within);
        let was_cut = restore.put_in_place(Some(commands));
        restore.undo(None);
        restore.is_as_before(&format!("the restore was cut off at {commands}"));
        if !was_cut {
            break;
        }
        commands += 1;
    }
    assert!(commands > 8, "only {commands} commands were seen");
    for restored in (commands / 2..commands).step_by(4).map(Some).chain([None]) {
        for cut in 0.. {
            let restore = Restore::new(recipe, holds, is_within);
            restore.put_in_place(restored);
            let was_cut = restore.undo(Some(cut));
            restore.undo(None);
            restore.is_as_before(&format!("the restore was cut off at {restored:?}, its undo at {cut}"));
            if !was_cut {
                break;
            }
        }
    }
}

#[test]
fn the_old_cluster_of_postgresql_comes_back() {
    for recipe in ["postgres/restore-base", "postgres/restore-pgbackrest", "postgres/restore-barman"] {
        comes_back_wherever_it_was_cut_off(recipe, &["PG_VERSION", "base/1"], false);
    }
}

#[test]
fn the_old_data_of_mariadb_comes_back() {
    comes_back_wherever_it_was_cut_off("mariadb/restore-mariabackup", &["mysql/user", "ibdata1"], false);
}

#[test]
fn the_old_keys_of_redis_come_back() {
    for recipe in ["redis/restore-rdb", "redis/restore-aof"] {
        comes_back_wherever_it_was_cut_off(recipe, &["dump.rdb", "appendonlydir/appendonly.aof"], true);
    }
}
