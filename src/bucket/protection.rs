//! What keeps one version from being destroyed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::answers::{LegalHold, ObjectRetention, read};
use super::client::Question;
use super::{AT_ONCE, Bucket, Fault, Version};
use crate::value::Moment;

/// Who may end a retention early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nobody, not even the owner of the account.
    Compliance,
    /// Whoever has the right to bypass it: it keeps mistakes away, not an attacker with an administrator's key.
    Governance,
}

/// Until when a version is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Who may end it early.
    pub mode: Mode,
    /// Its end.
    pub until: Moment,
}

/// What keeps one version from being destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Until when it is kept, if at all.
    pub retention: Option<Retention>,
    /// Whether it is kept until somebody with the right to lifts the hold.
    pub legal_hold: bool,
}

impl Fault {
    /// Whether the fault says that nothing is locked. Servers do not agree on how to say it.
    pub(super) fn means_no_lock(&self) -> bool {
        const CODES: [&str; 4] = [
            "ObjectLockConfigurationNotFoundError",
            "NoSuchObjectLockConfiguration",
            "NoSuchObjectLegalHold",
            "InvalidRequest",
        ];
        matches!(self, Self::Refused { code, .. } if CODES.contains(&code.as_str()))
            || *self == Self::NotSupported
    }
}

pub(super) fn mode_of(mode: &str) -> Result<Mode, Fault> {
    match mode {
        "COMPLIANCE" => Ok(Mode::Compliance),
        "GOVERNANCE" => Ok(Mode::Governance),
        _ => Err(Fault::Malformed("a retention is of no known mode".to_owned())),
    }
}

impl Bucket {
    /// Asks what keeps one version from being destroyed.
    ///
    /// # Errors
    ///
    /// As every question. A key that may not ask gets [`Fault::Denied`], which is not "nothing".
    pub fn protection(&self, version: &Version) -> Result<Protection, Fault> {
        let about = |what| self.ask(&Question::of_object(&version.key, version.id.as_deref(), Some(what)));
        let retention = match about("retention") {
            Err(fault) if fault.means_no_lock() => None,
            answer => {
                let answer: ObjectRetention = read(&answer?)?;
                match (answer.mode, answer.retain_until_date) {
                    (Some(mode), Some(until)) => Some(Retention {
                        mode: mode_of(&mode)?,
                        until: until.parse().map_err(Fault::Malformed)?,
                    }),
                    _ => None,
                }
            }
        };
        let legal_hold = match about("legal-hold") {
            Err(fault) if fault.means_no_lock() => false,
            answer => read::<LegalHold>(&answer?)?.status.as_deref() == Some("ON"),
        };
        Ok(Protection { retention, legal_hold })
    }

    /// Asks for many versions at once; the answers are in the order of the versions.
    pub fn protections(&self, versions: &[&Version]) -> Vec<Result<Protection, Fault>> {
        let next = AtomicUsize::new(0);
        let answers = Mutex::new(vec![Err(Fault::Late); versions.len()]);
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(versions.len()) {
                scope.spawn(|| {
                    while let Some((at, version)) = {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        versions.get(at).map(|version| (at, version))
                    } {
                        let answer = self.protection(version);
                        let mut answers = answers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        if let Some(place) = answers.get_mut(at) {
                            *place = answer;
                        }
                    }
                });
            }
        });
        answers.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
