//! What is on the screen, to the letter.

#![expect(clippy::needless_raw_string_hashes, reason = "snapbox writes accepted screens so")]

use std::path::Path;
use std::sync::LazyLock;

use snapbox::{IntoData, assert_data_eq, str};

use super::*;
use crate::document::{Place, SourceId, Span};
use crate::finding::Finding;
use crate::value::Date;

/// A check in `/repo/plans` of the repository `/repo`.
pub(super) fn about() -> About<'static> {
    static DAY: LazyLock<Date> = LazyLock::new(|| serde_json::from_str("\"2026-06-30\"").unwrap());
    About {
        as_of: &DAY,
        repository: Path::new("/repo"),
        here: Path::new("/repo/plans"),
        rules: &[],
        unread: &[],
        summary: None,
        style: Style::default(),
    }
}

/// Returns the place of the `nth` occurrence of `words`.
pub(super) fn nth(sources: &Sources, source: SourceId, words: &str, nth: usize) -> Place {
    let (start, _) = sources.get(source).text().match_indices(words).nth(nth).unwrap();
    let byte = |at: usize| u32::try_from(at).unwrap();
    Place { source, span: Span { start: byte(start), end: byte(start + words.len()) } }
}

fn screen(findings: Vec<Finding>, sources: &Sources, style: Style) -> String {
    let checked = Checked { findings, plans: vec![SourceId::default()] };
    let mut out = Vec::new();
    write(Format::Human, &checked, sources, &About { style, ..about() }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn plain(finding: Finding, sources: &Sources) -> String {
    screen(vec![finding], sources, Style::default())
}

#[test]
fn one_finding_in_two_files() {
    let mut sources = Sources::default();
    let mut text = "version: 1\nplan: shop\nsteps:\n  freeze-traffic: { run: a }\n".to_owned();
    text += &"  # more\n".repeat(8);
    text += "  restore-db:\n    needs: [freeze-trafic]\n    use: pg\n";
    let plan = sources.add("plans/shop.yaml", text);
    let recipe = sources.add("recipes/pg.yaml", "recipe: pg\r\n\r\nsteps:\r\n  load: {}\r\n");
    let finding = Finding::error("unknown-step", "`restore-db` needs `freeze-trafic`, which is not a step")
        .at(nth(&sources, plan, "freeze-trafic", 0), "no step has this id")
        .related(nth(&sources, plan, "freeze-traffic", 0), "this one has a name like it")
        .related(nth(&sources, recipe, "load: {}", 0), "it stands here for")
        .help("did you mean `freeze-traffic`?");
    assert_data_eq!(
        plain(finding, &sources),
        str![[r#"
error[unknown-step]

  x `restore-db` needs `freeze-trafic`, which is not a step
    ,-[plans/shop.yaml:14:13]
 13 |   restore-db:
 14 |     needs: [freeze-trafic]
    :             ^^^^^^|^^^^^^
    :                   `-- no step has this id
 15 |     use: pg
    `----
   ,-[plans/shop.yaml:4:3]
 3 | steps:
 4 |   freeze-traffic: { run: a }
   :   ^^^^^^^|^^^^^^
   :          `-- this one has a name like it
 5 |   # more
   `----
   ,-[recipes/pg.yaml:4:3]
 3 | steps:
 4 |   load: {}
   :   ^^^^|^^^
   :       `-- it stands here for
   `----
  help: did you mean `freeze-traffic`?

1 error in 1 plan

"#]]
        .raw()
    );
}

#[test]
fn what_commands_the_terminal_is_shown_and_labels_stay_right() {
    let mut sources = Sources::default();
    let id = sources.add("e\u{1b}vil.yaml", "a: \"\u{1b}[2J\u{7}\rä\u{9b}\u{202e}\"\tbad\u{1b}]0;x here\n");
    let finding = Finding::warning("bad-\u{65}sc", "message \u{1b}[31mred\r\nforged")
        .at(nth(&sources, id, "bad\u{1b}", 0), "label\u{7}")
        .help("first\u{8}\nsecond");
    assert_data_eq!(
        plain(finding, &sources),
        str![[r#"
warning[bad-esc]

  ! message \x1b[31mred\r\nforged
   ,-[e\x1bvil.yaml:1:16]
 1 | a: "\x1b[2J\x07\rä\x9b\u202e"   bad\x1b]0;x here
   :                                 ^^^|^^^
   :                                    `-- label\x07
   `----
  help: first\x08
        second

1 warning in 1 plan

"#]]
        .raw()
    );
}

#[test]
fn long_lines_are_cut_around_their_labels() {
    let mut sources = Sources::default();
    let filler = "ä123456789".repeat(10_000);
    let id = sources.add("long.yaml", format!("{filler}\n{filler}ONE{filler}TWO{filler}\nend"));
    let finding = Finding::error("long", "two places in one line of 300 kB")
        .at(nth(&sources, id, "ONE", 0), "one")
        .related(nth(&sources, id, "TWO", 0), "two");
    assert_data_eq!(
        plain(finding, &sources),
        str![[r#"
error[long]

  x two places in one line of 300 kB
   ,-[long.yaml:2:100001]
 1 | ä123456789ä123456789ä123456789ä123456789ä123456789ä123456789ä123456789ä123...
 2 | ...23456789ä123456789ONEä123456789ä123456...23456789ä123456789TWOä123456789ä123456...
   :                      ^|^                                      ^|^
   :                       |                                        `-- two
   :                       `-- one
 3 | end
   `----

1 error in 1 plan

"#]]
        .raw()
    );
    let place = nth(&sources, id, "ONEä1", 0);
    let long = Place { span: Span { end: place.span.end + 50_000, ..place.span }, ..place };
    let shown = plain(Finding::error("long", "a long place").at(long, "all of this"), &sources);
    assert_data_eq!(
        shown,
        str![[r#"
error[long]

  x a long place
   ,-[long.yaml:2:100001]
 1 | ä123456789ä123456789ä123456789ä123456789ä123456789ä123456789ä123456789ä123...
 2 | ...ONEä123456789ä123456789ä123456789ä123456789ä123456789ä123456789ä123456789ä...
   :    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   :                                          `-- all of this
 3 | end
   `----

1 error in 1 plan

"#]]
        .raw()
    );
}

#[test]
fn only_the_first_line_of_a_block_is_underlined() {
    let mut sources = Sources::default();
    let id = sources.add("block.yaml", "a:  \r\n  b: 1\r\n  c: 2\r\nd: 3");
    let whole = Place { source: id, span: Span { start: 0, end: 20 } };
    let end = Place { source: id, span: Span { start: 26, end: 26 } };
    let finding = Finding::error("block", "a block").at(whole, "it begins here").related(end, "it ends here");
    assert_data_eq!(
        plain(finding, &sources),
        str![[r#"
error[block]

  x a block
   ,-[block.yaml:1:1]
 1 | a:
   : ^|
   :  `-- it begins here
 2 |   b: 1
 3 |   c: 2
 4 | d: 3
   :     ^
   :     `-- it ends here
   `----

1 error in 1 plan

"#]]
        .raw()
    );
}

#[test]
fn odd_places_and_texts_are_drawn_too() {
    for text in ["", "\n", "ä", "a\n\n\nb", "\r\r\n", "\u{feff}a: 👩‍🚒\t#\n"] {
        let mut sources = Sources::default();
        let id = sources.add("odd", text);
        for start in 0..9 {
            for end in start..10 {
                let place = |start, end| Place { source: id, span: Span { start, end } };
                let finding =
                    Finding::error("odd", "").at(place(start, end), "").related(place(end, 99), "x");
                for width in [0, 80] {
                    let style = Style { color: true, unicode: true, width };
                    let shown = screen(vec![finding.clone()], &sources, style);
                    assert!(!shown.contains("Failed to read"), "{text:?} {start} {end}: {shown}");
                }
            }
        }
    }
}

#[test]
fn long_messages_are_wrapped() {
    let mut sources = Sources::default();
    let id = sources.add("a.yaml", "a: 1\n");
    let place = nth(&sources, id, "a", 0);
    let finding = Finding::error("long", "word ".repeat(40)).at(place, "").help("more ".repeat(40));
    for style in [Style::default(), Style { unicode: true, width: 60, color: false }] {
        let shown = screen(vec![finding.clone()], &sources, style);
        assert!(shown.lines().all(|line| line.chars().count() <= style.width), "{shown}");
        assert_eq!(shown.matches("word").count() + shown.matches("more").count(), 80);
    }
}

#[test]
fn colours_are_used_only_if_they_may_be() {
    let mut sources = Sources::default();
    let id = sources.add("a.yaml", "a: 1\n");
    let finding = Finding::error("code", "message").at(nth(&sources, id, "1", 0), "here");
    let colored = Style { color: true, ..Style::default() };
    assert!(screen(vec![finding.clone()], &sources, colored).contains("\u{1b}["));
    let drawn = Style { unicode: true, ..Style::default() };
    assert!(!screen(vec![finding], &sources, drawn).contains('\u{1b}'));
}

#[test]
fn many_findings_in_a_huge_file_cost_no_more_than_their_lines() {
    let mut sources = Sources::default();
    let line = format!("{}\n", "x".repeat(109));
    let id = sources.add("huge.yaml", line.repeat(200_000));
    let findings = (0..400u32).map(|at| {
        let place =
            |line: u32| Place { source: id, span: Span { start: line * 110 + 5, end: line * 110 + 9 } };
        Finding::error("huge", "one of many")
            .at(place(at * 499), "here")
            .related(place(199_999 - at), "there")
    });
    let shown = screen(findings.collect(), &sources, Style::default());
    assert_eq!(shown.matches("`-- here").count(), 400);
    assert!(shown.ends_with("400 errors in 1 plan\n"));
}
