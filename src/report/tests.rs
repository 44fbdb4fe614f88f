//! The report of runs made by hand.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::event::sample::{Sample, id, start};
use crate::event::{Event, Failure, Mode, Outcome, RunResult};
use crate::value::Length;

fn good() -> Sample {
    let mut sample = Sample::begin(start());
    sample.until_good_end();
    sample
}

fn report(sample: &Sample) -> Report {
    Report::of(&sample.events).unwrap()
}

#[test]
fn a_good_drill() {
    let report = report(&good());
    assert_eq!(markdown(&report), include_str!("good.md"));
    assert_eq!(
        summary(&report),
        "Drill of host-loss done: every step was carried out, and every target was met\n\n  \
         asset                 target  reached  verdict\n  \
         shop   recovery time  1h      22m40s   met (10m of it assumed: to detect and decide)\n         \
         data lost      1d      12h      met (restored from a point of 2026-11-22 02:00:00 UTC)\n"
    );
    assert_eq!(report.targets_met(), Some(true));
    let record = Record::of(&report, "abc");
    assert_eq!(record.passed, Some(true));
    assert_eq!(record.restored_from[0].age, Some(Length::from_secs(12 * 3600 + 36)));
    assert_eq!(record.participants.len(), 2);
}

#[test]
fn what_was_missed_by_a_blink_does_not_read_as_met() {
    let late = |by: u64| {
        let mut sample = good();
        // Two stamps before its end the shop began to be looked at; ten minutes are assumed.
        let from = sample.events.len() - 2;
        let millis = 3_600_000 - 600_000 - (12 * 60 + 40) * 1_000 + by;
        for (stamp, _) in sample.events.iter_mut().skip(from) {
            stamp.at = stamp.at.plus(Length::from_millis(millis));
            stamp.boot_ms += millis;
        }
        let report = report(&sample);
        (report.targets_met(), markdown(&report), summary(&report))
    };
    for (by, met, reached) in [
        (0, true, "1h"),
        (2, false, "1h0.002s"),
        (400, false, "1h0.4s"),
        (1_100, false, "1h1s"),
        (90_000, false, "1h2m"),
    ] {
        let (is_met, text, table) = late(by);
        assert_eq!(is_met, Some(met), "{text}");
        assert!(text.contains(&format!("| recovery time | 1h | – | {reached} | ")), "{by}: {text}");
        assert!(table.contains(&format!("recovery time  1h      {reached} ")), "{by}: {table}");
    }
}

#[test]
fn a_step_with_parts_began_with_the_first_of_them() {
    let mut report = report(&good());
    let restore = report.steps.iter_mut().find(|step| step.id == id("restore-db")).unwrap();
    let ended = restore.ended.unwrap();
    restore.whole = Some(Length::from_secs(3600));
    let (began, row) =
        (ended.minus(Length::from_secs(3600)).for_people(), "| `restore-db` Restore the database | ");
    let began = began.trim_end_matches(" UTC");
    assert!(markdown(&report).contains(&format!("{row}{began} |")), "{began}: {}", markdown(&report));
}

#[test]
fn a_failed_run() {
    let mut sample = Sample::begin(start());
    let why = "psql: `x` | *bad*\n<b>".to_owned();
    sample.until_restore().fails(12, "restore-db", Failure::NotStarted { why }).over(RunResult::Failed);
    let report = report(&sample);
    let text = markdown(&report);
    assert!(text.starts_with(
        "# Drill of host-loss FAILED: 1 step failed, 1 step was not carried out and 2 targets were missed\n"
    ));
    let row = "| `restore-db` Restore the database | 2026-11-22 14:00:36 | 2026-11-22 14:00:48 | 12s | 20m \
               | FAILED: could not be started: psql: \\`x\\` \\| \\*bad\\* &lt;b&gt; |\n";
    assert!(text.contains(row), "{text}");
    assert!(
        text.contains("| recovery time | 1h | – | – | ❌ missed: it did not become healthy in this run |\n")
    );
    assert_eq!(report.targets_met(), Some(false));
    assert_eq!(Record::of(&report, "").passed, Some(false));
}

#[test]
fn a_suspended_run() {
    let mut sample = Sample::begin(start());
    let waits_for = vec!["approval of `go`".to_owned()];
    sample.until_question().then(5, Event::RunSuspended { waits_for });
    let report = report(&sample);
    assert_eq!(headline(&report), "Drill of host-loss is NOT OVER: waits for approval of `go`");
    let text = markdown(&report);
    assert!(text.contains("Ended: not over. Took: 10s."), "{text}");
    assert!(text.contains("| 1h | – | – | ❔ unknown: it is not healthy yet |"), "{text}");
    assert!(text.contains("| `shop` Shop is healthy | – | – | – | 1m | not begun |"), "{text}");
    assert_eq!(report.targets_met(), None);
    assert_eq!(Record::of(&report, "").passed, None);
    // Waiting longer than the target is a miss, over or not.
    sample.then(3700, Event::JournalMended { dropped_bytes: 7 });
    let late = Report::of(&sample.events).unwrap();
    assert_eq!(late.assets[0].rto.verdict, Reached::Missed);
    assert!(late.notes[0].ends_with("7 bytes of an unfinished record were cut off"));
}

#[test]
fn what_was_left_out_never_reads_as_clean() {
    let mut start = start();
    start.omitted = BTreeMap::from([(id("notify"), "no mail in a drill".to_owned())]);
    let mut sample = Sample::begin(start);
    sample.until_good_end();
    let left = report(&sample);
    assert_eq!(headline(&left), "Drill of host-loss done, but 1 step was not exercised");
    assert!(markdown(&left).contains("## Not exercised\n\n- `notify`: no mail in a drill\n"));
    assert_eq!(Record::of(&left, "").passed, Some(false));

    // The engine calls it failed all the same; the words are those of what happened.
    sample.events.pop();
    sample.over(RunResult::Failed);
    assert_eq!(headline(&report(&sample)), headline(&left));
    assert_eq!(Record::of(&report(&sample), "").passed, Some(false));

    let mut sample = Sample::begin(crate::event::sample::start());
    let skipped = Event::StepSkipped { step: id("restore-db"), by: "mia".into(), reason: "by hand".into() };
    sample.until_restore().fails(9, "restore-db", Failure::Stopped).then(60, skipped);
    sample.starts(0, "shop").ends(1, "shop", Outcome::Done).over(RunResult::Done);
    assert_eq!(
        headline(&report(&sample)),
        "Drill of host-loss done, but 1 step was skipped and 1 target could not be judged"
    );
}

#[test]
fn the_clock_starts_where_it_should() {
    // Staged: the four seconds of staging and the second before do not count.
    let staged = report(&good());
    let reached = Length::from_secs(600 + 760);
    assert_eq!(staged.assets[0].rto.achieved, Some(reached));
    // Said: what lay before the start counts, and nothing is assumed in a real run.
    let mut real = start();
    real.mode = Mode::Real;
    real.nodes.remove(0);
    real.nodes[0].after = [].into();
    real.nodes[1].after = [0].into();
    real.nodes[2].after = [1].into();
    let run = |incident: Option<&str>| {
        let mut start = real.clone();
        start.incident_at = incident.map(|at| at.parse().unwrap());
        let mut sample = Sample::begin(start);
        sample.starts(0, "restore-db").ends(60, "restore-db", Outcome::Done);
        sample.starts(0, "shop").ends(40, "shop", Outcome::Done);
        // The calendar jumps during the run; the boot clock does not.
        for (stamp, _) in sample.events.iter_mut().skip(2) {
            stamp.at = stamp.at.plus(Length::from_secs(7200));
        }
        report(&sample).assets.remove(0)
    };
    let said = run(Some("2026-11-22T13:00:00Z"));
    assert_eq!((said.rto.achieved, said.rto.assumed), (Some(Length::from_secs(3700)), None));
    assert_eq!(said.rto.verdict, Reached::Missed);
    assert_eq!(run(None).rto.achieved, Some(Length::from_secs(100)));
    assert_eq!(run(Some("2026-11-22T14:00:10Z")).rto.achieved, Some(Length::from_secs(90)));
    assert_eq!(said.rpo.verdict, Reached::Unknown);
    assert_eq!(said.rpo.why.as_deref(), Some("`restore-db` chose no recovery point"));
}

#[test]
fn data_lost_is_counted_back_from_the_incident() {
    let with_time = |time: Option<&str>, newest: Option<&str>| {
        let mut sample = good();
        for (_, event) in &mut sample.events {
            if let Event::PointChosen { point, .. } = event {
                point.time = time.map(|time| time.parse().unwrap());
            }
        }
        let newest = newest.map(|time| (id("shop"), time.parse().unwrap())).into_iter().collect();
        let mut draft = Draft::default();
        sample.events.iter().for_each(|(stamp, event)| draft.add(stamp, event).unwrap());
        draft.finish(&newest).unwrap().assets.remove(0).rpo
    };
    assert_eq!(with_time(Some("2026-11-22T15:00:00Z"), None).achieved, Some(Length::ZERO));
    assert_eq!(with_time(Some("2026-11-20T14:00:05Z"), None).verdict, Reached::Missed);
    let unknown = with_time(None, None);
    assert_eq!((unknown.verdict, unknown.achieved), (Reached::Unknown, None));
    assert_eq!(unknown.why.as_deref(), Some("the point of `nightly.local` does not say its time"));
    let asked = with_time(None, Some("2026-11-22T13:59:05Z"));
    assert_eq!((asked.verdict, asked.achieved), (Reached::Met, Some(Length::from_secs(60))));
}

#[test]
fn what_comes_back_in_two_parts_is_as_old_as_the_older_one() {
    let mut start = start();
    let mut other = start.nodes[2].clone();
    other.id = id("restore-index");
    start.nodes.push(other);
    let mut sample = Sample::begin(start);
    sample.until_restore().ends(720, "restore-db", Outcome::Done);
    let chosen = sample.events.iter().find_map(|(_, event)| match event {
        Event::PointChosen { point, .. } => Some(point.clone()),
        _ => None,
    });
    let mut point = chosen.unwrap();
    point.time = Some("2026-11-22T01:00:00Z".parse().unwrap());
    sample.then(0, Event::PointChosen { step: id("restore-index"), point });
    sample.starts(0, "restore-index").ends(9, "restore-index", Outcome::Done);
    let lost = report(&sample).assets.remove(0).rpo;
    assert_eq!(lost.why.as_deref(), Some("restored from a point of 2026-11-22 01:00:00 UTC"));
    assert_eq!(lost.achieved, Some(Length::from_secs(13 * 3600 + 5)));
}

fn assert_fits(schema: &Value, value: &impl Serialize) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let value = serde_json::to_value(value).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn json_fits_its_schema_and_comes_back() {
    let mut open = Sample::begin(start());
    open.until_question().then(1, Event::RunSuspended { waits_for: vec![] });
    for sample in [good(), open] {
        let report = report(&sample);
        let record = Record::of(&report, "abc");
        assert_fits(&report_schema(), &report);
        assert_fits(&record_schema(), &record);
        let back: Report = serde_json::from_str(&json(&report).unwrap()).unwrap();
        assert_eq!(back, report);
        let back: Record = serde_json::from_str(&record_json(&record).unwrap()).unwrap();
        assert_eq!(back, record);
    }
    assert_eq!(report_schema()["$id"], "https://drplan.dev/schema/report.schema.json");
    assert_eq!(record_schema()["$id"], "https://drplan.dev/schema/evidence.schema.json");
}

#[test]
fn a_journal_without_its_start_is_no_run() {
    assert!(Report::of(&[]).is_err());
    assert!(Report::of(&good().events[1..]).is_err());
}
