//! What was worked out, in words.

use super::{Cause, Line, Passing, WaitedFor};
use crate::resolve::Route;
use crate::value::Length;

/// Returns the sum that makes up the time until an asset is healthy: "detect 10m + decide 15m + wait for ana 15m".
pub fn sum_words(lines: &[Line]) -> String {
    let words = |Line { what, length, .. }: &Line| match what {
        Passing::Detect => format!("detect {length}"),
        Passing::Decide => format!("decide {length}"),
        Passing::Arrival(person) => format!("wait for {person} {length}"),
        Passing::Fetch(_, copy) => format!("fetch {copy} {length}"),
        Passing::Step(step) => format!("{step} {length}"),
    };
    lines.iter().map(words).collect::<Vec<_>>().join(" + ")
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
