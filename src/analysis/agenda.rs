//! What happens when, in a recovery on paper.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Things that will happen, each at a time to a subject. What comes first is taken out first; of two at one time, the smaller
/// subject.
///
/// An event is one number: that and a heap of them cost less than lists that are looked through or kept in order, also where
/// few are in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    events: BinaryHeap<Reverse<u64>>,
    /// How many bits of an event tell whom it happens to. The others tell when: as no length of time is longer than 1000
    /// years, in milliseconds 45 bits, they do for half a million subjects.
    subject_bits: u32,
}

impl Agenda {
    /// Makes an empty agenda for so many subjects.
    pub(super) fn new(subjects: usize) -> Self {
        Self { events: BinaryHeap::new(), subject_bits: usize::BITS - subjects.leading_zeros() }
    }

    /// Returns a time, or the last one that can be told.
    #[inline]
    pub(super) fn bounded(&self, time: u64) -> u64 {
        time.min(u64::MAX >> self.subject_bits)
    }

    /// Adds what happens to a subject at a time that can be told.
    #[inline]
    pub(super) fn insert(&mut self, time: u64, subject: u32) {
        self.events.push(Reverse(time << self.subject_bits | u64::from(subject)));
    }

    /// Takes out what comes first: its time and its subject.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<(u64, u32)> {
        let Reverse(event) = self.events.pop()?;
        let time = event >> self.subject_bits;
        Some((time, subject_of(event ^ time << self.subject_bits)))
    }

    /// Takes out what comes first if it comes at this time.
    #[inline]
    pub(super) fn pop_at(&mut self, time: u64) -> Option<u32> {
        let Reverse(event) = *self.events.peek()?;
        if event >> self.subject_bits != time {
            return None;
        }
        self.pop().map(|(_, subject)| subject)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a subject has at most 32 bits")]
const fn subject_of(bits: u64) -> u32 {
    bits as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_comes_first_is_taken_out_first(
            steps in proptest::collection::vec(proptest::option::weighted(0.6, (0..50u64, 0..9u32)), 0..300),
        ) {
            let (mut agenda, mut all) = (Agenda::new(9), Vec::new());
            for step in steps {
                match step {
                    Some((time, subject)) => {
                        agenda.insert(time, subject);
                        all.push((time, subject));
                        all.sort_unstable();
                    }
                    None => {
                        let first = if all.is_empty() { None } else { Some(all.remove(0)) };
                        prop_assert_eq!(agenda.pop(), first);
                        let next = all.first().copied().filter(|(time, _)| *time == 7);
                        prop_assert_eq!(agenda.pop_at(7), next.map(|(_, subject)| subject));
                        all.drain(..usize::from(next.is_some()));
                    }
                }
            }
        }
    }

    #[test]
    fn what_takes_longer_than_can_be_told_takes_as_long_as_can_be_told() {
        let mut agenda = Agenda::new(500_000);
        let last = agenda.bounded(u64::MAX);
        assert!(last >= 1000 * 365 * 86_400_000 && agenda.bounded(last - 1) == last - 1, "{last}");
        agenda.insert(last, 499_999);
        assert_eq!(agenda.pop(), Some((last, 499_999)));
        assert_eq!(agenda.pop(), None);
    }
}
