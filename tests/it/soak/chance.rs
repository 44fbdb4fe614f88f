//! Chance with a seed: the same seed makes the same plans and the same events.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng;

/// Where all that is left to chance comes from.
pub(super) struct Chance(Pcg64);

impl Chance {
    /// The chance of one run of a soak: it does not depend on the runs before it.
    pub(super) fn of(seed: u64, run: usize) -> Self {
        Self(Pcg64::new(u128::from(seed), run as u128))
    }

    /// Returns a number below another one, which is not 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u32()).unwrap() % limit
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
