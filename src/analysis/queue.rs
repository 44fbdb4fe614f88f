//! A set of small numbers from which the smallest is taken.

use super::network::small;

/// A set of small numbers, two levels of bits: what is ready or waits, the first in rank first.
///
/// After all numbers there is an end that is never taken out: so there is always a first, and nothing has to be asked before it is
/// looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    words: Vec<u64>,
    /// One bit for each word that has any.
    summary: Vec<u64>,
    /// All numbers are below it.
    end: u32,
}

impl Queue {
    /// Makes an empty set for the numbers below `len`.
    pub(super) fn new(len: usize) -> Self {
        let words = len / 64 + 1;
        let end = small(len);
        let mut queue = Self { words: vec![0; words], summary: vec![0; words.div_ceil(64)], end };
        queue.insert(end);
        queue
    }

    /// Adds a number.
    #[inline]
    pub(super) fn insert(&mut self, number: u32) {
        let word = number / 64;
        self.words[word as usize] |= 1 << (number % 64);
        self.summary[(word / 64) as usize] |= 1 << (word % 64);
    }

    /// Returns the smallest, or the end.
    #[inline]
    pub(super) fn first(&self) -> u32 {
        let (mut upper, mut at) = (0, 0);
        // Up to 4096 numbers, this looks at one word.
        while self.summary[at] == 0 {
            at += 1;
            upper += 64;
        }
        let word = upper + self.summary[at].trailing_zeros();
        word * 64 + self.words[word as usize].trailing_zeros()
    }

    /// Takes a number out.
    #[inline]
    pub(super) fn remove(&mut self, number: u32) {
        let word = number / 64;
        let bits = &mut self.words[word as usize];
        *bits &= !(1 << (number % 64));
        let is_empty = u64::from(*bits == 0);
        self.summary[(word / 64) as usize] &= !(is_empty << (word % 64));
    }

    /// Takes out the smallest, if there is any.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let first = self.first();
        (first < self.end).then(|| {
            self.remove(first);
            first
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_smallest_comes_first(numbers in proptest::collection::vec(0..9000u32, 0..200)) {
            let mut queue = Queue::new(9000);
            for number in &numbers {
                queue.insert(*number);
            }
            let mut out = Vec::new();
            while let Some(number) = queue.pop() {
                out.push(number);
            }
            prop_assert_eq!(queue.first(), 9000);
            let sorted: Vec<u32> = numbers.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(out, sorted);
        }
    }
}
