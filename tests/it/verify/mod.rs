//! `drplan verify`: bad backups are really made, each beside its good twin.

mod aof;
mod archiver;
mod barman;
mod bucket;
mod crypt;
mod folder;
mod heads;
mod mariadb;
mod mirrors;
mod pg_dump;
mod pgbackrest;
mod postgres;
mod preconditions;
mod record;
mod replica;
mod speed;
mod tools;
mod wal;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::stage::Stage;

/// The moment to which everything is held: nothing here depends on the day on which it runs.
pub(super) const NOW: &str = "2026-06-10T12:00:00Z";

/// A repository whose backup has a point a day, in the folder `points`.
pub(super) struct Shop(pub(super) Stage, Vec<&'static str>);

impl Shop {
    /// Makes it; `copy` are more fields of the copy, `more` more lines of the plan.
    pub(super) fn new(copy: &str, more: &str) -> Self {
        Self::by("cron: '0 3 * * *'", copy, more, vec!["--as-of", NOW])
    }

    /// Makes it for artifacts that say themselves of which moment they are: they are of today.
    pub(super) fn today(copy: &str, more: &str) -> Self {
        Self::by("every: 24h", copy, more, Vec::new())
    }

    fn by(points: &str, copy: &str, more: &str, args: Vec<&'static str>) -> Self {
        let stage = Stage::new(&format!(
            "places: {{ vps: {{ kind: host }} }}\n\
             assets: {{ db: {{ kind: postgresql, homes: [vps], rpo: 26h }} }}\n\
             backups:\n  nightly:\n    of: [db]\n    points: {{ {points} }}\n    takes: 10m\n    copies:\n      \
             local: {{ at: points, keep: 30d{copy} }}\n{more}"
        ));
        fs::create_dir(stage.path().join("points")).unwrap();
        Self(stage, args)
    }

    /// The path of a point's file.
    pub(super) fn point(&self, name: &str) -> PathBuf {
        self.0.path().join("points").join(name)
    }

    /// Writes a point.
    pub(super) fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.point(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Verifies, and returns the exit code and what was seen of the copy.
    #[track_caller]
    pub(super) fn verify(&self, args: &[&str]) -> (i32, Value) {
        let ran =
            self.0.run(&[&["verify", "plan.yaml", "--format", "json"], self.1.as_slice(), args].concat());
        let seen: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
        (ran.code, seen["plans"][0].clone())
    }

    /// Holds the copy to be good.
    #[track_caller]
    pub(super) fn is_good(&self) -> Value {
        let (code, seen) = self.verify(&[]);
        assert_eq!(code, 0, "{seen:#}");
        let copy = &seen["copies"][0];
        assert!(copy["verdict"].is_null(), "{copy:#}");
        copy.clone()
    }

    /// Holds the copy to have a problem of a kind and severity, in whose words these stand.
    #[track_caller]
    pub(super) fn has(&self, severity: &str, kind: &str, words: &str) -> Value {
        let (code, seen) = self.verify(&[]);
        let copy = &seen["copies"][0];
        let problems = copy["problems"].as_array().unwrap();
        let is_it = |problem: &&Value| {
            problem["kind"] == kind
                && problem["severity"] == severity
                && problem["what"].as_str().unwrap().contains(words)
        };
        assert!(problems.iter().any(|problem| is_it(&problem)), "no {severity} {kind} {words:?}: {copy:#}");
        assert_eq!(code, i32::from(severity == "failure" || severity == "unknown"), "{copy:#}");
        copy.clone()
    }
}

/// Returns the names of the points of some days of June 2026.
pub(super) fn daily(days: impl IntoIterator<Item = u32>) -> impl Iterator<Item = String> {
    days.into_iter().map(|day| format!("db-202606{day:02}T030004Z.dump"))
}

/// The point that must be there at [`NOW`].
pub(super) const NEWEST: &str = "db-20260610T030004Z.dump";

/// Returns the name of a point that is made now.
pub(super) fn of_now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = drplan::value::Moment::from_unix_millis(i64::try_from(now.as_millis()).unwrap());
    format!("db-{}.dump", now.compact())
}
