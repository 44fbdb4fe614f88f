//! Which commands destroy what cannot be had back.

use super::shell::{Simple, Word, read};
use crate::probe::Command;

/// Programs that are given SQL.
const SQL: [&str; 8] =
    ["psql", "mysql", "mariadb", "sqlite3", "sqlcmd", "cqlsh", "clickhouse-client", "cockroach"];

/// Finds what a command destroys, as a few words of it: "dropdb shop".
pub(super) fn destruction(command: &Command) -> Option<String> {
    match command {
        Command::Program(words) => {
            let words = words.iter().map(|text| Word { text: text.clone(), quoted: false }).collect();
            let simple = Simple { words, ..Simple::default() };
            by_program(&simple, &[]).or_else(|| by_sql(std::slice::from_ref(&simple)))
        }
        Command::Shell(text) => {
            let commands = read(text);
            let temporary = temporary_names(&commands);
            let pipes = commands.chunk_by(|_, next| next.reads_pipe);
            pipes.into_iter().find_map(|pipe| {
                let by_program = pipe.iter().find_map(|simple| by_program(simple, &temporary));
                by_program.or_else(|| by_sql(pipe))
            })
        }
    }
}

/// Returns the variables that hold what `mktemp` has made.
fn temporary_names(commands: &[Simple]) -> Vec<&str> {
    let words = commands.iter().flat_map(|command| &command.words);
    let assignments = words.filter_map(|word| word.text.split_once('='));
    assignments.filter(|(_, value)| value.contains("mktemp")).map(|(name, _)| name).collect()
}

fn is_temporary(target: &str, temporary: &[&str]) -> bool {
    let name = target.trim_start_matches(['$', '{']);
    let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
    let is_variable = target.starts_with('$') && temporary.contains(&&name[..end]);
    is_variable || target.starts_with("/tmp/") || target.starts_with("$TMPDIR/")
}

fn by_program(simple: &Simple, temporary: &[&str]) -> Option<String> {
    let (program, arguments) = simple.program()?;
    let has = |text: &str| arguments.iter().any(|word| word.text == text);
    let begins = |words: &[&str]| {
        let plain: Vec<&str> =
            arguments.iter().map(|word| word.text.as_str()).filter(|text| !text.starts_with('-')).collect();
        plain.starts_with(words)
    };
    let short = |letters: &[char]| {
        let mut options = arguments.iter().map(|word| word.text.as_str());
        options.any(|text| text.starts_with('-') && !text.starts_with("--") && text.contains(letters))
    };
    let destroys = match program {
        "rm" => {
            let mut targets = arguments.iter().filter(|word| !word.text.starts_with('-'));
            (short(&['r', 'R']) || has("--recursive"))
                && targets.any(|target| !is_temporary(&target.text, temporary))
        }
        "dd" => arguments.iter().any(|word| {
            word.text.strip_prefix("of=").is_some_and(|of| of != "/dev/null" && !is_temporary(of, temporary))
        }),
        "find" => has("-delete"),
        "truncate" => {
            arguments.iter().any(|word| !word.text.starts_with('-') && !is_temporary(&word.text, temporary))
        }
        "dropdb" | "mkfs" | "wipefs" | "shred" | "blkdiscard" | "lvremove" | "vgremove" | "dropuser" => true,
        "terraform" | "tofu" => begins(&["destroy"]) || (begins(&["apply"]) && has("-destroy")),
        "zfs" => begins(&["destroy"]) || begins(&["rollback"]),
        "zpool" => begins(&["destroy"]),
        "aws" => {
            begins(&["s3", "rb"])
                || (begins(&["s3", "rm"]) && has("--recursive"))
                || (has("s3api") && arguments.iter().any(|word| word.text.starts_with("delete-")))
        }
        "redis-cli" | "valkey-cli" => {
            let is_flush =
                |text: &str| text.eq_ignore_ascii_case("flushall") || text.eq_ignore_ascii_case("flushdb");
            arguments.iter().any(|word| is_flush(&word.text))
        }
        // The verb may stand behind options with values: `kubectl -n shop delete pvc data`.
        "kubectl" | "oc" => has("delete") && !has("auth") && !has("exec"),
        "helm" => begins(&["uninstall"]) || begins(&["delete"]),
        "docker" | "podman" => {
            begins(&["volume", "rm"])
                || begins(&["volume", "prune"])
                || (begins(&["compose", "down"]) && (has("-v") || has("--volumes")))
        }
        other => other.starts_with("mkfs."),
    };
    destroys.then(|| few_words(program, arguments))
}

/// SQL stands in an argument of the client, in what is piped into it, or in what it is given by `<<`.
fn by_sql(pipe: &[Simple]) -> Option<String> {
    let is_client = |simple: &Simple| simple.program().is_some_and(|(program, _)| SQL.contains(&program));
    if !pipe.iter().any(is_client) {
        return None;
    }
    let mut texts = pipe.iter().flat_map(|simple| {
        simple.words.iter().map(|word| word.text.as_str()).chain([simple.heredoc.as_str()])
    });
    texts.find_map(destructive_sql)
}

fn destructive_sql(text: &str) -> Option<String> {
    for line in text.lines() {
        let line = line.split("--").next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            let word = word.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
            let next = words.get(at + 1).copied().unwrap_or_default();
            let is = |word: &str, wanted: &[&str]| {
                wanted.iter().any(|wanted| word.trim_end_matches(';').eq_ignore_ascii_case(wanted))
            };
            let drops =
                is(word, &["drop"]) && is(next, &["database", "table", "schema", "keyspace", "owned"]);
            let empties = is(word, &["truncate"]) && !next.is_empty() && at == 0;
            if drops || empties {
                return Some(words[at..words.len().min(at + 3)].join(" ").trim_end_matches(';').to_owned());
            }
        }
    }
    None
}

fn few_words(program: &str, arguments: &[Word]) -> String {
    let words = std::iter::once(program).chain(arguments.iter().map(|word| word.text.as_str()));
    let text = words.take(4).collect::<Vec<_>>().join(" ");
    text.lines().next().unwrap_or_default().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_destroys() {
        for text in [
            "rm -rf /srv/data",
            "sudo rm -r -- \"$DATA\"",
            "sudo -u postgres dropdb shop",
            "psql -c 'DROP DATABASE shop'",
            "echo 'drop table x;' | psql shop",
            "psql <<EOF\nselect 1;\nTRUNCATE orders;\nEOF",
            "mkfs.ext4 /dev/sdb1",
            "dd if=image of=/dev/sdb bs=1M",
            "truncate -s 0 /var/lib/x",
            "terraform destroy -auto-approve",
            "zfs destroy tank/data",
            "aws s3 rm s3://b --recursive",
            "aws s3 rb s3://b",
            "redis-cli -h x FLUSHALL",
            "kubectl -n shop delete pvc data",
            "if test -d x; then rm -rf x; fi",
            "a && rm -rf x",
            "echo $(dropdb shop)",
        ] {
            assert!(destruction(&Command::Shell(text.into())).is_some(), "{text}");
        }
        let program = ["dropdb", "shop"].map(String::from).to_vec();
        assert_eq!(destruction(&Command::Program(program)).as_deref(), Some("dropdb shop"));
    }

    #[test]
    fn leaves_alone_what_only_talks_of_it() {
        for text in [
            "# rm -rf /srv/data",
            "echo 'rm -rf /srv/data'",
            "echo dropdb shop",
            "rm file",
            "d=$(mktemp -d); trap 'rm -rf \"$d\"' EXIT; rm -rf \"$d\"/x",
            "t=\"$(mktemp -d)\"\nrm -rf \"${t}\"",
            "rm -rf /tmp/restore",
            "dd if=/dev/zero of=/dev/null",
            "psql -c 'select truncate from x'",
            "echo 'DROP TABLE x'",
            "kubectl get pods",
            "aws s3 rm s3://b/one",
            "terraform apply",
        ] {
            assert_eq!(destruction(&Command::Shell(text.into())), None, "{text}");
        }
    }
}
