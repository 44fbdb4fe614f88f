//! What is made by the program and committed: it must be what the program makes now.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The kinds of schema, as `drplan schema --help` lists them.
fn kinds() -> Vec<String> {
    let help = drplan(&["schema", "no-such-kind"]);
    let (_, rest) = help.split_once("[possible values: ").unwrap_or_else(|| panic!("no kinds in: {help}"));
    let (kinds, _) = rest.split_once(']').unwrap();
    kinds.split(", ").map(str::to_owned).collect()
}

fn drplan(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_drplan")).args(args).output().unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    String::from_utf8(text).unwrap()
}

#[test]
fn schemas_are_what_the_program_prints() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema");
    let kinds = kinds();
    assert!(kinds.len() >= 3, "{kinds:?}");
    for kind in &kinds {
        let file = folder.join(format!("{kind}.schema.json"));
        let committed = fs::read_to_string(&file).unwrap_or_default();
        let printed = drplan(&["schema", kind]);
        assert!(
            committed == printed,
            "schema/{kind}.schema.json is not what drplan makes now. Repair it with `tests/accept`, or with \
             `cargo run -- schema {kind} > schema/{kind}.schema.json`, and read the difference."
        );
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let kind = name.strip_suffix(".schema.json").unwrap_or_else(|| panic!("schema/{name} is no schema"));
        assert!(kinds.iter().any(|known| known == kind), "nothing makes schema/{name}; delete it");
    }
}

#[test]
fn the_page_of_exit_codes_says_what_the_program_means() {
    use drplan::exit::Exit;
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("book/src/exit-codes.md");
    let page = fs::read_to_string(page).unwrap();
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && line.contains(". |")).collect();
    let expected: Vec<String> =
        Exit::ALL.iter().map(|exit| format!("| {} | {} |", exit.code(), exit.meaning())).collect();
    assert_eq!(rows, expected, "book/src/exit-codes.md is not what src/exit.rs says");
}

#[test]
fn every_rule_has_its_page_and_every_page_its_rule() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("book/src/rules");
    let mut pages: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md" && name != "shape.md")
        .map(|name| name.trim_end_matches(".md").to_owned())
        .collect();
    pages.sort();
    let mut rules: Vec<String> = drplan::lint::RULES.iter().map(|rule| rule.meta().name.to_owned()).collect();
    rules.sort();
    assert_eq!(pages, rules);
}

#[test]
fn every_recipe_has_the_page_that_the_program_shows() {
    let book = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("book/src");
    let shipped: Vec<&str> = drplan::resolve::Recipes::shipped().iter().map(|recipe| recipe.name).collect();
    let index = fs::read_to_string(book.join("recipes.md")).unwrap();
    // One process shows them all: each reads every recipe that is shipped.
    let all = drplan(&[&["recipes", "show"], shipped.as_slice()].concat());
    let mut rest = all.as_str();
    for name in &shipped {
        let committed = fs::read_to_string(book.join(format!("recipes/{name}.md"))).unwrap_or_default();
        rest = rest.strip_prefix(committed.as_str()).filter(|_| !committed.is_empty()).unwrap_or_else(|| {
            panic!("book/src/recipes/{name}.md is not what drplan shows now. Repair it with `tests/accept`, and read the difference.")
        });
        assert!(index.contains(&format!("](recipes/{name}.md)")), "recipes.md does not list {name}");
    }
    assert_eq!(rest, "");
    for family in fs::read_dir(book.join("recipes")).unwrap().map(|entry| entry.unwrap().path()) {
        for page in fs::read_dir(&family).unwrap().map(|entry| entry.unwrap().path()) {
            let name = page.strip_prefix(book.join("recipes")).unwrap().with_extension("");
            assert!(shipped.contains(&name.to_str().unwrap()), "no recipe has the page {}", page.display());
        }
    }
}
