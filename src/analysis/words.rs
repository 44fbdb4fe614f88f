//! What was worked out, in words.

use super::{Cause, Line, Passing, WaitedFor};
use crate::resolve::Route;
use crate::value::Length;

/// Of more lines the shorter ones are told as one: nobody reads a sum of a thousand steps.
const MOST_LINES: usize = 24;

/// Returns the sum that makes up the time until an asset is healthy: "detect 10m + decide 15m + wait for ana 15m".
pub fn sum_words(lines: &[Line]) -> String {
    let words = |Line { what, length, .. }: &Line| match what {
        Passing::Detect => format!("detect {length}"),
        Passing::Decide => format!("decide {length}"),
        Passing::Arrival(person) => format!("wait for {person} {length}"),
        Passing::Fetch(_, copy) => format!("fetch {copy} {length}"),
        Passing::Step(step) => format!("{step} {length}"),
    };
    if lines.len() <= MOST_LINES {
        return lines.iter().map(words).collect::<Vec<_>>().join(" + ");
    }
    let mut longest: Vec<usize> = (0..lines.len()).collect();
    longest.sort_by_key(|at| std::cmp::Reverse(lines[*at].length));
    let rest = longest.split_off(MOST_LINES);
    longest.sort_unstable();
    let others = rest.iter().fold(Length::ZERO, |sum, at| sum.saturating_add(lines[*at].length));
    let told: Vec<String> = longest.iter().map(|at| words(&lines[*at])).collect();
    format!("{} + {} others {others}", told.join(" + "), rest.len())
}

/// Returns what a node waits for beyond what it needs; nothing if it does not.
pub fn wait_words(route: &Route, waited_for: &WaitedFor) -> Option<String> {
    let node = |at: &usize| route.nodes[*at].id.as_str();
    match waited_for {
        WaitedFor::Nothing | WaitedFor::Node(_) => None,
        WaitedFor::Slot(at) => Some(format!("waits for {}: no more may run at the same time", node(at))),
        WaitedFor::Lock(lock, at) => Some(format!("waits for {}, which holds the lock {lock}", node(at))),
        WaitedFor::Person(person, at) => Some(format!("waits for {person}, who does {}", node(at))),
        WaitedFor::Arrival(person) => Some(format!("waits for {person}, who is not there yet")),
    }
}

/// Returns why an asset is late: "identity, which it needs, is back after 4h (RTO 4h); that needs vpn, …".
pub fn cause_words(cause: &Cause) -> String {
    let target = |rto: Option<Length>| rto.map_or("no RTO".to_owned(), |rto| format!("RTO {rto}"));
    let needed = cause.chain.iter().skip(1).enumerate().map(|(at, link)| {
        let (asset, healthy, target) = (&link.asset, link.healthy, target(link.rto));
        match at {
            0 => format!("{asset}, which it needs, is back after {healthy} ({target})"),
            _ => format!("that needs {asset}, back after {healthy} ({target})"),
        }
    });
    needed.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Id;

    #[test]
    fn a_long_sum_tells_the_longest_and_adds_up() {
        let line = |at: usize| Line {
            what: Passing::Step(Id::trusted(format!("s{at}"))),
            length: Length::from_millis(if at == 500 { 3_600_000 } else { 1_000 }),
            held_up_by: None,
        };
        let lines: Vec<Line> = (0..1_000).map(line).collect();
        let words = sum_words(&lines);
        assert!(
            words.starts_with("s0 1s + s1 1s") && words.contains(" + s500 1h + 976 others 16m16s"),
            "{words}"
        );
        assert_eq!(sum_words(&lines[..2]), "s0 1s + s1 1s");
    }
}
