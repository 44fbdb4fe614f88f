//! A set of small numbers from which the smallest is taken.

/// A set of small numbers, two levels of bits: what is ready or waits, the first in rank first.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    words: Vec<u64>,
    /// One bit for each word that has any.
    summary: Vec<u64>,
}

impl Queue {
    /// Makes an empty set for the numbers below `len`.
    pub(super) fn new(len: usize) -> Self {
        let words = len.div_ceil(64);
        Self { words: vec![0; words], summary: vec![0; words.div_ceil(64)] }
    }

    /// Adds a number.
    pub(super) fn insert(&mut self, number: u32) {
        let word = (number / 64) as usize;
        self.words[word] |= 1 << (number % 64);
        self.summary[word / 64] |= 1 << (word % 64);
    }

    /// Returns the smallest.
    pub(super) fn first(&self) -> Option<u32> {
        let (upper, bits) = self.summary.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        let word = upper * 64 + bits.trailing_zeros() as usize;
        u32::try_from(word).ok().map(|at| at * 64 + self.words[word].trailing_zeros())
    }

    /// Takes a number out.
    pub(super) fn remove(&mut self, number: u32) {
        let word = (number / 64) as usize;
        let bits = &mut self.words[word];
        *bits &= !(1 << (number % 64));
        if *bits == 0 {
            self.summary[word / 64] &= !(1 << (word % 64));
        }
    }

    /// Takes out the smallest.
    pub(super) fn pop(&mut self) -> Option<u32> {
        let first = self.first()?;
        self.remove(first);
        Some(first)
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
            let sorted: Vec<u32> = numbers.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(out, sorted);
        }
    }
}
