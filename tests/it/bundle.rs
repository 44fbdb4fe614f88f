//! `drplan render --bundle`: one file that needs nothing else, by the real binary and in a real browser.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::stage::Stage;

const PLAN: &str = "\
description: 'Look at <script>alert(1)</script> and <img src=\"http://192.0.2.1/x.png\"> and [me](javascript:alert(1))'
people: { ana: { name: Ana <b>K</b>., contact: '+385 1 555 0100', roles: [operator] } }
places: { vps: { kind: host }, spare: { kind: host } }
assets:
  db: { kind: files, homes: [vps, spare], rpo: 26h, rto: 4h, health: [{ file: db }] }
backups:
  nightly:
    of: [db]
    points: { every: 1d }
    takes: 1m
    copies:
      local: { at: points, in: spare, keep: 2d }
scenarios:
  fire: { title: The host & all of it is gone, lose: [vps] }
  flood: { title: The data is spoiled, damage: [db] }
steps:
  restore: { restores: [db], from: [nightly.local], on: home, run: 'cp \"$POINT_PATH\" db && echo \"<done>\"', takes: 1m }
";

fn bundle(stage: &Stage) -> String {
    stage.run(&["render", "--bundle", "dr.html", "plan.yaml"]).exits(0);
    stage.read("dr.html")
}

/// Returns the values of an attribute in a text.
fn values<'t>(html: &'t str, attribute: &str) -> Vec<&'t str> {
    let start = format!(" {attribute}=\"");
    html.split(&start).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn it_stands_alone_and_every_link_leads_somewhere() {
    let stage = Stage::new(PLAN);
    let html = bundle(&stage);
    for part in ["<script", "<img", "<link", "<iframe", "@import", "url(", "=\"javascript:"] {
        let is_text = html.contains(part);
        assert!(!is_text, "it holds {part}\n{html}");
    }
    let ids: Vec<&str> = values(&html, "id");
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "an id stands twice: {ids:?}");
    let links = values(&html, "href");
    assert!(links.len() > 12, "{links:?}");
    for link in links {
        let anchor = link.strip_prefix('#').unwrap_or_else(|| panic!("{link} leads out of it"));
        assert!(unique.contains(anchor), "{link} leads nowhere: {unique:?}");
    }
    for page in ["test--README", "test--now", "test--fire", "test--flood"] {
        assert!(unique.contains(page), "{page} is not in it");
    }
    assert!(html.contains("+385 1 555 0100") && html.contains("Ana &lt;b&gt;K&lt;/b&gt;"), "{html}");
    assert!(!html.contains("flowchart") && html.contains("class=\"outline\""), "the order is not a text");
    assert!(html.contains("Nobody knows"), "nothing was looked at, and it does not say so");
}

#[test]
fn it_tells_what_was_seen_of_the_backups_and_of_runs() {
    let stage = Stage::new(PLAN);
    stage.write("points/db-20200102T030405Z", "data");
    stage.write("db", "data");
    stage.run(&["verify", "--record", "plan.yaml"]).exits(1);
    stage.run(&["execute", "plan.yaml", "--scenario", "flood", "--dry-run=plan"]);
    let html = bundle(&stage);
    for part in [
        "2020-01-02 03:04:05 UTC",
        "points/db-20200102T030405Z",
        "failure",
        "find out why nightly.local is not made any more",
        "dry run of the plan alone, flood",
        "<strong>never</strong>",
    ] {
        assert!(html.contains(part), "it does not say {part}\n{html}");
    }
    let hash = Command::new("sha256sum").arg(stage.path().join("plan.yaml")).output().unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    assert!(html.contains(hash.split(' ').next().unwrap()), "the plan's hash is not in it");
    assert!(html.matches("Made 20").count() >= 2, "it does not say when it was made");
    stage.run(&["render", "--bundle", "dr.html", "--check"]).exits(2);
}

#[test]
fn a_browser_shows_it_and_prints_it() {
    let stage = Stage::new(PLAN);
    bundle(&stage);
    let home = tempfile::tempdir().unwrap();
    let chromium = |argument: &str| {
        let output = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-pdf-header-footer",
            ])
            .arg(format!("--user-data-dir={}", home.path().display()))
            .arg(argument)
            .arg(format!("file://{}", stage.path().join("dr.html").display()))
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let dom = chromium("--dump-dom");
    assert!(dom.contains("&lt;done&gt;") && dom.contains("&lt;script&gt;alert(1)"), "{dom}");
    let pdf = stage.path().join("dr.pdf");
    chromium(&format!("--print-to-pdf={}", pdf.display()));
    let bytes = fs::read(&pdf).unwrap();
    // Each page of the bundle begins on a sheet of its own; a blank one would be far smaller.
    assert!(bytes.starts_with(b"%PDF") && bytes.len() > 20_000, "{} bytes", bytes.len());
}
