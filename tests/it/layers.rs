//! Holds the imports of the source to the table of rooms in `CONTRIBUTING.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// For each room, what it may import; `everything` where there is no limit.
type Table = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn table_of(page: &str) -> Table {
    let (_, after) =
        page.split_once("<!-- ANCHOR: rooms -->").expect("the table of rooms has a mark before it");
    let (table, _) = after.split_once("<!-- ANCHOR_END: rooms -->").expect("and one after it");
    let rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [room, _, imports] = cells[..] else { panic!("a row has three cells: {row}") };
        let imports = imports.split(',').map(str::trim).filter(|name| *name != "–").map(str::to_owned);
        (room.to_owned(), imports.collect())
    })
    .collect()
}

/// Returns the rooms that some source imports, each with the line.
fn imports_of(source: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, line) in source.lines().enumerate() {
        if line.trim() == "#[cfg(test)]" {
            break;
        }
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (start, _) in line.match_indices("crate::") {
            // `$crate::` in a macro means the same; `some_crate::` does not.
            let before = line[..start].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = &line[start + "crate::".len()..];
            let names = match rest.strip_prefix('{') {
                // A group over several lines would hide its names.
                Some(group) if !group.contains('}') => vec!["(a group over several lines)".to_owned()],
                Some(group) => heads(group),
                None => vec![word(rest)],
            };
            found.extend(names.into_iter().map(|name| (at + 1, name)));
        }
    }
    found
}

/// Returns the first names of a group's members: `a::{b, c}, d}` gives `a` and `d`.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut fresh) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && depth == 0 && !c.is_whitespace() => {
                heads.push(word(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn room_of(path: &Path) -> String {
    let first = path.iter().next().expect("a path has a first part").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Says what is wrong with one file; `path` is relative to `src`.
fn violations(table: &Table, path: &Path, source: &str) -> Vec<String> {
    let room = room_of(path);
    let Some(allowed) = table.get(&room) else {
        return vec![format!("src/{}: the room `{room}` is not in CONTRIBUTING.md", path.display())];
    };
    let is_fine = |name: &str| name == room || allowed.contains("everything") || allowed.contains(name);
    imports_of(source)
        .into_iter()
        .filter(|(_, name)| !is_fine(name))
        .map(|(line, name)| format!("src/{}:{line}: `{room}` may not import `{name}`", path.display()))
        .collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn rooms_import_what_the_table_allows() {
    let table = table_of(&fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap());
    let src = root().join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let path = file.strip_prefix(&src).unwrap();
        // The roots name every room; a room's own tests may stand on anything.
        let is_test = path.ends_with("tests.rs") || path.ends_with("oracle.rs");
        if is_test || matches!(path.to_str(), Some("lib.rs" | "main.rs")) {
            continue;
        }
        wrong.extend(violations(&table, path, &fs::read_to_string(file).unwrap()));
    }
    assert!(wrong.is_empty(), "{}\n\nThe table of rooms is in CONTRIBUTING.md.", wrong.join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    let mut rooms = table_of(&fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap());
    for (room, imports) in &mut rooms {
        assert!(!imports.contains(room), "{room} imports itself");
        imports.remove("everything");
    }
    // Take away what imports nothing that is left, until nothing is left.
    while !rooms.is_empty() {
        let free: Vec<String> =
            rooms.iter().filter(|(_, imports)| imports.is_empty()).map(|(room, _)| room.clone()).collect();
        assert!(!free.is_empty(), "these rooms import each other, or rooms that are not there: {rooms:?}");
        for room in &free {
            rooms.remove(room);
            for imports in rooms.values_mut() {
                imports.remove(room);
            }
        }
    }
}

#[test]
fn a_violation_is_found() {
    let table = table_of(
        "<!-- ANCHOR: rooms -->\n| room | what | may import |\n| --- | --- | --- |\n| value | words | – |\n\
         | plan | types | value |\n| cli | commands | everything |\n<!-- ANCHOR_END: rooms -->",
    );
    let found = |path: &str, source: &str| violations(&table, Path::new(path), source);
    assert_eq!(
        found("plan/step.rs", "use crate::value::Id;\nuse crate::cli::Terminal;\n"),
        ["src/plan/step.rs:2: `plan` may not import `cli`"]
    );
    assert_eq!(
        found("plan/step.rs", "use crate::{cli::{self, A}, plan, value};"),
        ["src/plan/step.rs:1: `plan` may not import `cli`"]
    );
    assert_eq!(
        found("value/id.rs", "fn f() { crate::plan::load() }"),
        ["src/value/id.rs:1: `value` may not import `plan`"]
    );
    assert_eq!(found("new/a.rs", ""), ["src/new/a.rs: the room `new` is not in CONTRIBUTING.md"]);
    assert_eq!(found("plan/a.rs", "use crate::{\n    cli,\n};").len(), 1);
    assert!(found("cli/mod.rs", "use crate::plan::Plan;\nuse other_crate::cli;").is_empty());
    assert!(
        found("value/id.rs", "/// See crate::plan.\n#[cfg(test)]\nmod tests { use crate::plan::Plan; }")
            .is_empty()
    );
}
