//! The machine's starts that a run has seen, so that time can be counted over them.

use crate::value::{Length, Stamp};

/// The first and the last that was heard in each boot of the machine, or of the machines, that a run went over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Boots(Vec<(Stamp, Stamp)>);

impl Boots {
    /// Takes in when something was heard.
    pub(super) fn hear(&mut self, stamp: &Stamp) {
        match self.0.last_mut() {
            Some((_, last)) if last.boot_id == stamp.boot_id => *last = stamp.clone(),
            _ => self.0.push((stamp.clone(), stamp.clone())),
        }
    }

    /// Returns the time between two moments of the run.
    ///
    /// By the boot clock as long as one boot lasted; the calendar is asked only for the gaps between boots. So a
    /// calendar that is moved while the machine is up falsifies nothing, also if the machine starts anew later.
    pub(super) fn between(&self, earlier: &Stamp, later: &Stamp) -> Length {
        if earlier.boot_id == later.boot_id {
            return later.since(earlier);
        }
        let of = |stamp: &Stamp| self.0.iter().position(|(first, _)| first.boot_id == stamp.boot_id);
        let Some(from) = of(earlier) else { return later.since(earlier) };
        let mut boots = self.0.iter().skip(from);
        let Some((_, mut last)) = boots.next().cloned() else { return later.since(earlier) };
        let mut length = last.since(earlier);
        let gap = |from: &Stamp, to: &Stamp| to.at.since(from.at).unwrap_or(Length::ZERO);
        for (first, end) in boots {
            length = length.saturating_add(gap(&last, first));
            if first.boot_id == later.boot_id {
                return length.saturating_add(later.since(first));
            }
            length = length.saturating_add(end.since(first));
            last = end.clone();
        }
        length.saturating_add(gap(&last, later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(at: &str, boot_secs: u64, boot_id: &str) -> Stamp {
        let at = format!("2026-11-22T{at}Z").parse().unwrap();
        Stamp { at, boot_ms: boot_secs * 1000, boot_id: boot_id.into() }
    }

    #[test]
    fn a_jump_before_a_reboot_is_not_counted() {
        let mut boots = Boots::default();
        let start = stamp("14:00:00", 100, "a");
        let after_reboot = stamp("17:01:30", 5, "b");
        // After a minute the calendar goes three hours on; the machine is down for 25 seconds.
        for stamp in [&start, &stamp("17:01:00", 160, "a"), &stamp("17:01:25", 0, "b"), &after_reboot] {
            boots.hear(stamp);
        }
        assert_eq!(boots.between(&start, &after_reboot), Length::from_secs(60 + 25 + 5));
        assert_eq!(boots.between(&start, &stamp("10:00:00", 130, "a")), Length::from_secs(30));
        // A third boot, of which nothing is on record yet.
        assert_eq!(boots.between(&start, &stamp("17:02:30", 1, "c")), Length::from_secs(60 + 25 + 5 + 60));
    }

    #[test]
    fn a_calendar_that_goes_back_over_a_reboot_takes_nothing_away() {
        let mut boots = Boots::default();
        let start = stamp("14:00:00", 100, "a");
        for stamp in [&start, &stamp("14:10:00", 700, "a"), &stamp("03:00:00", 1, "b")] {
            boots.hear(stamp);
        }
        assert_eq!(boots.between(&start, &stamp("03:01:00", 61, "b")), Length::from_secs(660));
    }
}
