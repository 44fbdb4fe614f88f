//! What happens when, in a recovery on paper.

/// Things that will happen, each at a time to a subject. What comes first is taken out first; of two at one time, the smaller
/// subject.
///
/// An event is one number, and they lie in a heap: none is later than the two below it, which are at twice its place and one
/// further. What is taken out leaves a gap at the top, since mostly another event follows: what ends lets something else begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Agenda {
    events: Vec<u64>,
    /// Whether the first of them has been taken out.
    has_gap: bool,
    /// How many bits of an event tell whom it happens to. The others tell when: as no length of time is longer than 1000
    /// years, in milliseconds 45 bits, they do for half a million subjects.
    subject_bits: u32,
}

impl Agenda {
    /// Makes an empty agenda for so many subjects.
    pub(super) fn new(subjects: usize) -> Self {
        Self { subject_bits: usize::BITS - subjects.leading_zeros(), ..Self::default() }
    }

    /// Returns a time, or the last one that can be told.
    #[inline]
    pub(super) fn bounded(&self, time: u64) -> u64 {
        time.min(u64::MAX >> self.subject_bits)
    }

    /// Adds what happens to a subject at a time that can be told.
    #[inline]
    pub(super) fn insert(&mut self, time: u64, subject: u32) {
        let event = time << self.subject_bits | u64::from(subject);
        if std::mem::take(&mut self.has_gap) {
            self.sink(event);
        } else {
            self.events.push(event);
            self.rise();
        }
    }

    /// Takes out what comes first: its time and its subject.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<(u64, u32)> {
        self.close_gap();
        let event = *self.events.first()?;
        self.has_gap = true;
        let time = event >> self.subject_bits;
        Some((time, subject_of(event ^ time << self.subject_bits)))
    }

    /// Takes out what comes first if it comes at this time.
    #[inline]
    pub(super) fn pop_at(&mut self, time: u64) -> Option<u32> {
        let from = usize::from(self.has_gap);
        let first = self.events.iter().skip(from).take(1 + from).min()?;
        if first >> self.subject_bits != time {
            return None;
        }
        self.pop().map(|(_, subject)| subject)
    }

    /// Puts the last event where the first has been taken out.
    #[inline]
    fn close_gap(&mut self) {
        if std::mem::take(&mut self.has_gap)
            && let Some(last) = self.events.pop()
            && !self.events.is_empty()
        {
            self.sink(last);
        }
    }

    /// Puts an event at the top, and moves up what comes before it.
    ///
    /// The way leads down to the bottom always, and each event on it is written: to stop where the event belongs would save less
    /// than it costs that nobody can foresee where that is.
    #[inline]
    fn sink(&mut self, mut event: u64) {
        let events = self.events.as_mut_slice();
        let (mut at, mut below) = (0, 1);
        while let Some([left, right]) = events.get(below..below + 2) {
            let earlier = *left.min(right);
            below += usize::from(right < left);
            events[at] = event.min(earlier);
            event = event.max(earlier);
            at = below;
            below = 2 * at + 1;
        }
        if let Some(only) = events.get(below) {
            let earlier = *only;
            events[at] = event.min(earlier);
            event = event.max(earlier);
            at = below;
        }
        events[at] = event;
    }

    /// Moves the last event up to its place.
    #[inline]
    fn rise(&mut self) {
        let events = self.events.as_mut_slice();
        let mut at = events.len() - 1;
        while at > 0 && events[at] < events[(at - 1) / 2] {
            events.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
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
