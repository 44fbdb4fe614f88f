//! The soak: plans made by chance, and events by chance while they run. Ledgers that the steps write on every host are
//! compared with the journal.
//!
//! The gate carries out a short one. `tests/soak` carries out a long one and prints its table.

mod account;
mod chance;
mod comparison;
mod course;
mod events;
mod person;
mod run;
mod table;

use std::time::{Duration, Instant};

use course::HOSTS;
use run::Run;
use table::Table;

use crate::hosts::Net;

/// How long a soak is, and what its chance comes from.
struct Soak {
    seed: u64,
    events: usize,
    runs: usize,
    longest: Duration,
}

impl Soak {
    #[expect(clippy::print_stdout, reason = "whoever runs a soak sees how far it is, and the table")]
    fn carry_out(&self) {
        let (begun, mut table, mut found) = (Instant::now(), Table::default(), Vec::new());
        println!("seed {}", self.seed);
        for number in 0..self.runs {
            if table.events() >= self.events || begun.elapsed() >= self.longest {
                break;
            }
            let mut net = Net::with(&HOSTS);
            for host in HOSTS {
                net.limit_room(host, 4096);
            }
            let account = Run::new(&mut net, self.seed, number).carry_out(self.events - table.events());
            table.add(&account);
            println!(
                "run {number}: {:?}, {} events of {}",
                account.end,
                account.events.len(),
                table.events()
            );
            for finding in &account.findings {
                println!("run {number}: {:?}: {}", finding.fault, finding.what);
                found.push(format!("run {number}: {:?}: {}", finding.fault, finding.what));
            }
            if !account.findings.is_empty() {
                println!("{}", account.story);
            }
        }
        println!("{}", table.shown());
        assert!(found.is_empty(), "seed {}:\n{}\n{}", self.seed, found.join("\n"), table.shown());
    }
}

#[test]
fn a_short_soak_finds_nothing() {
    Soak { seed: 1, events: 20, runs: 20, longest: Duration::from_mins(2) }.carry_out();
}

#[test]
#[ignore = "it takes as long as it is told to: tests/soak"]
fn soak() {
    let number = |name: &str, usual: u64| {
        std::env::var(name)
            .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
    };
    let count = |name, usual| usize::try_from(number(name, usual)).unwrap();
    Soak {
        seed: number("DRPLAN_SOAK_SEED", 1),
        events: count("DRPLAN_SOAK_EVENTS", 1000),
        runs: count("DRPLAN_SOAK_RUNS", 100_000),
        longest: Duration::from_mins(number("DRPLAN_SOAK_MINUTES", 60)),
    }
    .carry_out();
}
