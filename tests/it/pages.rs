//! The pages for people: every plan, every command and every link in them must hold.
//!
//! Fences: `yaml` is a whole plan and must check clean; `yaml,config` and `yaml,recipe` are what they say;
//! `yaml,fragment` is a part of something. `console` holds commands that are carried out in a copy of the repository's
//! plans, and must end with 0 or with what a line `# exit 1` says; `console,unrun` is for reading.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Fence {
    page: PathBuf,
    line: usize,
    info: String,
    text: String,
}

impl Fence {
    fn place(&self) -> String {
        format!("{}:{}", self.page.display(), self.line)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn markdown_in(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            markdown_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].iter().map(|name| root().join(name)).collect();
    markdown_in(&root().join("book/src"), &mut pages);
    pages
}

/// Returns the fences of a page, and its lines outside of them.
fn split(page: &Path) -> (Vec<Fence>, Vec<(usize, String)>) {
    let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let shown = page.strip_prefix(root()).unwrap().to_owned();
    let (mut fences, mut prose): (Vec<Fence>, _) = (Vec::new(), Vec::new());
    let mut open: Option<(usize, String)> = None;
    for (at, line) in text.lines().enumerate() {
        let bare = line.trim_start();
        match &open {
            Some((indent, end)) if bare.starts_with(end.as_str()) && bare.trim_end() == end => {
                let _ = indent;
                open = None;
            }
            Some((indent, _)) => {
                let kept = if line.len() >= *indent { &line[*indent..] } else { bare };
                let fence = fences.last_mut().expect("a fence is open");
                fence.text.push_str(kept);
                fence.text.push('\n');
            }
            None if bare.starts_with("```") => {
                let ticks: String = bare.chars().take_while(|c| *c == '`').collect();
                let info = bare[ticks.len()..].trim().to_owned();
                fences.push(Fence { page: shown.clone(), line: at + 1, info, text: String::new() });
                open = Some((line.len() - bare.len(), ticks));
            }
            None => prose.push((at + 1, line.to_owned())),
        }
    }
    assert!(open.is_none(), "{}: a fence is not closed", page.display());
    (fences, prose)
}

fn fences() -> Vec<Fence> {
    pages().iter().flat_map(|page| split(page).0).collect()
}

/// Runs drplan in a folder; the environment is bare but for what programs need.
fn run(folder: &Path, command: &str) -> (i32, String) {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_drplan"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", command])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("LC_ALL", "C.UTF-8")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let shown = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&shown).into_owned())
}

/// Whether the binary has a command; pages are written before all of them are built.
#[expect(clippy::print_stderr, reason = "what is skipped must be seen")]
fn has_command(command: &str) -> bool {
    let known = run(&root(), &format!("drplan {command} --help")).0 == 0;
    if !known {
        eprintln!("skipped: `drplan {command}` is not built yet");
    }
    known
}

/// A folder that looks like the repository to drplan.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    fs::create_dir(folder.path().join("plans")).unwrap();
    folder
}

#[test]
fn every_whole_plan_checks_clean() {
    let mut wrong = Vec::new();
    let mut plans = 0;
    let has_check = has_command("check");
    for fence in fences().iter().filter(|fence| fence.info == "yaml") {
        plans += 1;
        let folder = repository();
        let file = folder.path().join("plans/page.yaml");
        fs::write(&file, &fence.text).unwrap();
        if has_check {
            let (code, shown) = run(folder.path(), "drplan check plans/");
            if code != 0 {
                wrong.push(format!(
                    "{}: the plan does not check clean (exit {code}):\n{shown}",
                    fence.place()
                ));
            }
        }
        wrong.extend(faults_of(&file).into_iter().map(|fault| format!("{}: {fault}", fence.place())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(plans >= 3, "only {plans} whole plans were found; are the fences still marked `yaml`?");
}

/// What opening and expanding a plan finds, under every environment.
fn faults_of(file: &Path) -> Vec<String> {
    let mut sources = drplan::document::Sources::default();
    let opened = drplan::workspace::Opened::one(file, &mut sources).unwrap();
    let mut findings = opened.findings.clone();
    for environment in std::iter::once(None).chain(opened.environments().map(Some)) {
        match opened.variant(environment) {
            Ok((_, more)) | Err(more) => findings.extend(more),
        }
    }
    findings.iter().map(|finding| format!("{finding:?}")).collect()
}

#[test]
fn every_recipe_and_every_settings_file_is_sound() {
    const PLAN: &str = "version: 1\nplan: page\n";
    for fence in fences().iter().filter(|fence| fence.info == "yaml,recipe") {
        let folder = repository();
        fs::create_dir(folder.path().join("plans/recipes")).unwrap();
        fs::write(folder.path().join("plans/recipes/page.yaml"), &fence.text).unwrap();
        let file = folder.path().join("plans/page.yaml");
        fs::write(&file, PLAN).unwrap();
        let faults = faults_of(&file);
        assert!(faults.is_empty(), "{}: {faults:#?}", fence.place());
    }
    for fence in fences().iter().filter(|fence| fence.info == "yaml,config") {
        let folder = repository();
        let file = folder.path().join("drplan.yaml");
        fs::write(&file, &fence.text).unwrap();
        let read = drplan::config::Config::read(&file);
        assert!(read.is_ok(), "{}: {:?}", fence.place(), read.err());
    }
}

#[test]
fn every_command_ends_as_the_page_says() {
    let mut wrong = Vec::new();
    let mut known: HashMap<String, bool> = HashMap::new();
    let mut folders: HashMap<PathBuf, tempfile::TempDir> = HashMap::new();
    for fence in fences().into_iter().filter(|fence| fence.info == "console") {
        let folder = folders.entry(fence.page.clone()).or_insert_with(|| {
            let folder = repository();
            fs::create_dir_all(folder.path().join("plans/recipes")).unwrap();
            for within in ["plans", "plans/recipes"] {
                for entry in fs::read_dir(root().join(within)).unwrap().map(|entry| entry.unwrap().path()) {
                    if entry.is_file() {
                        fs::copy(&entry, folder.path().join(within).join(entry.file_name().unwrap()))
                            .unwrap();
                    }
                }
            }
            folder
        });
        for (command, expected) in commands_of(&fence.text) {
            let name = command.split_whitespace().nth(1).unwrap_or_default().to_owned();
            let is_drplan = command.starts_with("drplan ") && !name.starts_with('-');
            let has = !is_drplan || *known.entry(name.clone()).or_insert_with(|| has_command(&name));
            if !has {
                continue;
            }
            let (code, shown) = run(folder.path(), &command);
            if code != expected {
                let place = fence.place();
                wrong.push(format!("{place}: `{command}` ends with {code}, not with {expected}:\n{shown}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the commands of a block, each with the exit code that the block tells.
fn commands_of(text: &str) -> Vec<(String, i32)> {
    let mut commands: Vec<(String, i32)> = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), 0));
        } else if let (Some(code), Some(last)) = (line.strip_prefix("# exit "), commands.last_mut()) {
            last.1 = code.trim().parse().expect("`# exit` is followed by a number");
        }
    }
    commands
}

#[test]
fn commands_and_exit_codes_are_read_from_a_block() {
    let block = "$ cd x\n$ drplan check plans/\nfound\n# exit 1\n$ drplan schema\n";
    let expected = [("cd x", 0), ("drplan check plans/", 1), ("drplan schema", 0)];
    assert_eq!(commands_of(block), expected.map(|(command, code)| (command.to_owned(), code)));
}

#[test]
fn every_fence_says_what_it_is() {
    const KNOWN: [&str; 15] = [
        "yaml",
        "yaml,fragment",
        "yaml,recipe",
        "yaml,config",
        "yaml,fires",
        "yaml,quiet",
        "yaml,beside",
        "console",
        "console,unrun",
        "json",
        "json,state",
        "text",
        "sh",
        "rust,ignore",
        "markdown",
    ];
    let unknown: Vec<String> = fences()
        .iter()
        .filter(|fence| !KNOWN.contains(&fence.info.as_str()) && !fence.info.starts_with("yaml,fires"))
        .map(|fence| format!("{}: `{}`", fence.place(), fence.info))
        .collect();
    assert!(unknown.is_empty(), "fences of no known kind: {unknown:#?}");
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut anchors: HashMap<PathBuf, HashSet<String>> = HashMap::new();
    for page in pages() {
        for (line, text) in split(&page).1 {
            for target in targets(&text) {
                if target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
                let file = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
                let place = format!("{}:{line}", page.strip_prefix(root()).unwrap().display());
                if !file.exists() {
                    wrong.push(format!("{place}: `{target}` is not there"));
                } else if !anchor.is_empty() {
                    let known = anchors.entry(file.clone()).or_insert_with(|| anchors_of(&file));
                    if !known.contains(anchor) {
                        wrong.push(format!("{place}: `{target}`: the page has no such heading"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the targets of a line's links; what stands in backticks is no link.
fn targets(line: &str) -> Vec<String> {
    let bare: String =
        line.split('`').enumerate().map(|(at, part)| if at % 2 == 0 { part } else { "x" }).collect();
    bare.match_indices("](")
        .filter_map(|(at, _)| bare[at + 2..].split_once(')').map(|(target, _)| target.to_owned()))
        .collect()
}

/// Returns the anchors of a page's headings, made as mdBook makes them.
fn anchors_of(page: &Path) -> HashSet<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let headings = split(page).1.into_iter().filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let text = line.trim_start_matches('#').trim();
            let anchor: String = text
                .chars()
                .filter_map(|c| match c {
                    c if c.is_alphanumeric() || c == '_' || c == '-' => {
                        Some(c.to_lowercase().next().unwrap_or(c))
                    }
                    c if c.is_whitespace() => Some('-'),
                    _ => None,
                })
                .collect();
            let times = seen.entry(anchor.clone()).or_insert(0);
            *times += 1;
            if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
        })
        .collect()
}

#[test]
fn the_summary_lists_every_page_once() {
    let book = root().join("book/src");
    let summary = book.join("SUMMARY.md");
    let listed: Vec<PathBuf> = split(&summary)
        .1
        .iter()
        .flat_map(|(_, line)| targets(line))
        .map(|target| book.join(target))
        .collect();
    let mut pages = Vec::new();
    markdown_in(&book, &mut pages);
    for page in pages.iter().filter(|page| **page != summary) {
        let times = listed.iter().filter(|listed| *listed == page).count();
        assert_eq!(times, 1, "SUMMARY.md lists {} {times} times", page.display());
    }
}
