//! Measures, in one process, what `drplan check` does with a plan, stage by stage, in CPU time.
//!
//! `tests/bench/run` builds and calls it: `stages ROUNDS PLAN` prints a line for each stage, with the median of the
//! rounds in milliseconds. `stages ROUNDS PLAN simulate SCENARIO` measures 10,000 simulations instead.

#![expect(clippy::print_stdout, reason = "a program for measuring, which prints what it has measured")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use drplan::analysis::{Basis, Odds, simulate};
use drplan::document::{Document, Limits, Sources};
use drplan::history::History;
use drplan::lint::{self, Levels};
use drplan::plan;
use drplan::resolve;
use drplan::value::{Date, Id};
use drplan::workspace::Opened;
use mimalloc::MiMalloc;
use rustix::time::{ClockId, clock_gettime};

/// That of the program.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    // cargo adds `--bench` of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // What `cargo test --all-targets` does: nothing to measure.
        [] => Ok(()),
        [rounds, file] => check(rounds.parse()?, Path::new(file)),
        [rounds, file, "simulate", scenario] => simulations(rounds.parse()?, Path::new(file), scenario),
        _ => Err("stages ROUNDS PLAN [simulate SCENARIO]".into()),
    }
}

/// CPU time of this process so far, of all its threads.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// Runs something so many times and returns the median of the CPU times, and the last outcome.
///
/// Giving back what was made belongs to the cost of making it, so each outcome is dropped within its round.
fn median<T>(rounds: usize, mut run: impl FnMut() -> T) -> Duration {
    let mut times: Vec<Duration> = (0..rounds.max(1))
        .map(|_| {
            let before = cpu();
            drop(std::hint::black_box(run()));
            cpu().saturating_sub(before)
        })
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn tell(stage: &str, time: Duration) {
    println!("{stage} {:.3}", time.as_secs_f64() * 1000.0);
}

fn check(rounds: usize, file: &Path) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(file)?;
    tell(
        "parse",
        median(rounds, || {
            let mut sources = Sources::default();
            let source = sources.add("plan", text.as_str());
            Document::parse(source, &sources, &Limits::default())
        }),
    );
    // What every other checker of a shape does as well, and types.
    let shape = median(rounds, || {
        let mut sources = Sources::default();
        let source = sources.add("plan", text.as_str());
        plan::load(source, &sources)
    });
    tell("parse+schema+types", shape);
    let levels = Levels::default();
    let as_of: Date = serde_json::from_str("\"2027-01-01\"")?;
    let history = History::default();
    let request = lint::Request { levels: &levels, as_of: &as_of, history: &history, environment: None };
    let mut told = 0;
    let all = median(rounds, || {
        let mut sources = Sources::default();
        let opened = Opened::one(file, &mut sources);
        told = opened.as_ref().map_or(0, |opened| lint::check(opened, &sources, &request).len());
        (opened, sources)
    });
    tell("all-rules", all);
    println!("findings {told}");
    println!("ratio {:.2}", all.as_secs_f64() / shape.as_secs_f64());
    Ok(())
}

fn simulations(rounds: usize, file: &Path, scenario: &str) -> Result<(), Box<dyn Error>> {
    let mut sources = Sources::default();
    let mut opened = Opened::one(file, &mut sources)?;
    let (plan, _) = opened.take_resolved(None).map_err(|_| "the plan has faults")?;
    let scenario: Id = serde_json::from_value(scenario.into())?;
    let request = resolve::Request { scenario: Some(&scenario), ..resolve::Request::default() };
    let route = resolve::route(&plan, &opened.placement, &request);
    let odds = Odds { runs: 10_000, seed: 1, spread: Odds::SPREAD, failure_rate: 0.0 };
    println!("nodes {}", route.nodes.len());
    tell("simulate", median(rounds, || simulate(&plan, &route, &Basis::default(), &odds)));
    Ok(())
}
