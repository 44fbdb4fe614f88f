//! What has been worked out of schedules before: a plan asks again and again for the same, copy by copy and scenario by scenario.
//!
//! All of it follows from the schedules alone, so that it holds for every plan and never grows old.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{LazyLock, Mutex};

use super::kept::Tier;
use crate::plan::{Backup, Copy, Keep, Points};
use crate::value::{Id, Length};

/// More than these are not kept, whatever a plan says.
const MOST: usize = 20_000;

/// Answers by question, at most so many.
pub(super) struct Known<Q, A>(LazyLock<Mutex<HashMap<Q, A>>>);

impl<Q: Hash + Eq, A: Clone> Known<Q, A> {
    /// Knows nothing yet.
    pub(super) const fn new() -> Self {
        Self(LazyLock::new(Mutex::default))
    }

    /// Returns what is known, or works it out.
    pub(super) fn get<E>(&self, question: Q, work_out: impl FnOnce() -> Result<A, E>) -> Result<A, E> {
        if let Some(answer) = self.0.lock().ok().and_then(|known| known.get(&question).cloned()) {
            return Ok(answer);
        }
        let answer = work_out()?;
        if let Ok(mut known) = self.0.lock() {
            if known.len() >= MOST {
                known.clear();
            }
            known.insert(question, answer.clone());
        }
        Ok(answer)
    }
}

/// All of a copy on which it rests how far apart its points are, and how old they become.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Making {
    points: Points,
    takes: Option<Length>,
    /// From the copy back to the one that the backup itself makes.
    chain: Vec<(Option<Points>, Option<Length>)>,
    keep: Keep,
}

impl Making {
    /// Returns how a copy is made; nothing if it is made in a circle, or from one that is not there.
    pub(super) fn of(backup: &Backup, copy: &Copy) -> Option<Self> {
        let mut chain = Vec::new();
        let mut next = Some(copy);
        while let Some(copy) = next {
            if chain.len() > backup.copies.len() {
                return None;
            }
            chain.push((copy.points.clone(), copy.lag));
            let from: Option<&Id> = copy.from.as_ref();
            next = match from {
                Some(from) => Some(backup.copies.get(from)?),
                None => None,
            };
        }
        Some(Self { points: backup.points.clone(), takes: backup.takes, chain, keep: copy.keep.clone() })
    }
}

/// By how a copy is made, and how late the harm is found: from which points the newest clean one is taken, or why there
/// may be none.
pub(super) static CLEAN: Known<(Making, Length), Result<Tier, String>> = Known::new();
