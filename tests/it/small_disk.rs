//! A disk of a few pages or MiB, which really can be full.

use std::path::Path;
use std::process::Command;

/// A file system of its own, which goes away with the test. Needs root.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    at: tempfile::TempDir,
}

impl SmallDisk {
    pub(crate) fn of(kib: usize) -> Self {
        let disk = Self { at: tempfile::tempdir().unwrap() };
        disk.mount(&["-t", "tmpfs", "-o", &format!("size={kib}k"), "drplan-test"]);
        disk
    }

    pub(crate) fn path(&self) -> &Path {
        self.at.path()
    }

    /// Makes it large.
    pub(crate) fn grow(&self) {
        self.mount(&["-o", "remount,size=64m"]);
    }

    /// Takes all room of it but so much.
    pub(crate) fn leave(&self, kib: u64) {
        self.make_room();
        let free = rustix::fs::statvfs(self.path()).unwrap();
        let taken = (free.f_bavail * free.f_frsize).saturating_sub(kib * 1024);
        let mut fill = Command::new("fallocate");
        fill.args(["-l", &taken.to_string()]).arg(self.path().join("fill"));
        assert!(fill.status().unwrap().success(), "cannot take {taken} bytes");
    }

    /// Gives back what was taken.
    pub(crate) fn make_room(&self) {
        let _ = std::fs::remove_file(self.path().join("fill"));
    }

    fn mount(&self, args: &[&str]) {
        let mounted = Command::new("mount").args(args).arg(self.path()).status().unwrap();
        assert!(mounted.success(), "cannot mount a small tmpfs; this test needs root");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["--lazy"]).arg(self.path()).status();
    }
}
