//! Which commands do harm, or fail, when they are carried out a second time.

use super::shell::{Simple, Word, read};
use crate::probe::Command;

/// Words that show that a command looks before it acts.
const GUARDS: [&str; 9] = [
    "||",
    "if-exists",
    "if exists",
    "if not exists",
    "or replace",
    "on conflict",
    "--dry-run",
    "--force",
    "--clean",
];

/// Programs that look, or choose between ways.
const LOOKS: [&str; 7] = ["test", "[", "[[", "if", "case", "while", "until"];

/// Finds what of a command cannot simply be repeated, as a few words of it: `createdb shop`.
pub(super) fn unrepeatable(command: &Command) -> Option<String> {
    match command {
        Command::Program(words) => {
            let is_guarded = words.iter().any(|word| GUARDS.iter().any(|guard| word.contains(guard)));
            let words = words.iter().map(|text| Word { text: text.clone(), quoted: false }).collect();
            (!is_guarded).then(|| once(&Simple { words, ..Simple::default() })).flatten()
        }
        Command::Shell(text) => {
            let lower = text.to_lowercase();
            let commands = read(text);
            let first =
                |simple: &Simple| simple.words.first().map(|word| word.text.clone()).unwrap_or_default();
            let looks =
                commands.iter().any(|simple| LOOKS.contains(&first(simple).as_str()) || clears_away(simple));
            if looks || GUARDS.iter().any(|guard| lower.contains(guard)) {
                return None;
            }
            commands.iter().find_map(once)
        }
    }
}

/// Whether it removes what an attempt before has left.
fn clears_away(simple: &Simple) -> bool {
    let removes = |(program, arguments): (&str, &[Word])| {
        program == "rm"
            && arguments.iter().any(|word| word.text.starts_with('-') && word.text.contains(['r', 'R', 'f']))
    };
    simple.program().is_some_and(removes)
}

fn once(simple: &Simple) -> Option<String> {
    let (program, arguments) = simple.program()?;
    let has = |text: &str| arguments.iter().any(|word| word.text == text);
    let short = |letter: char| {
        let mut options = arguments.iter().map(|word| word.text.as_str());
        options.any(|text| text.starts_with('-') && !text.starts_with("--") && text.contains(letter))
    };
    let plain: Vec<&str> =
        arguments.iter().map(|word| word.text.as_str()).filter(|text| !text.starts_with('-')).collect();
    let is_once = match program {
        "createdb" | "createuser" | "useradd" | "adduser" | "groupadd" | "lvcreate" | "vgcreate"
        | "pvcreate" => true,
        "mkdir" => !short('p') && !has("--parents"),
        "git" => plain.first() == Some(&"clone"),
        "pg_restore" => !short('c') && !short('l') && !has("--list") && !short('f') && !has("--file"),
        "docker" | "podman" => {
            (plain.first() == Some(&"run") && arguments.iter().any(|word| word.text.starts_with("--name")))
                || plain.starts_with(&["network", "create"])
        }
        "kubectl" | "oc" => plain.contains(&"create") && !plain.contains(&"exec"),
        "aws" => plain.contains(&"run-instances") || plain.iter().any(|word| word.starts_with("create-")),
        "hcloud" | "doctl" | "gcloud" | "openstack" | "linode-cli" | "vultr-cli" | "scw" => {
            plain.contains(&"create")
        }
        "zfs" | "zpool" => matches!(plain.first(), Some(&("create" | "snapshot"))),
        "psql" | "mysql" | "mariadb" => {
            let texts = arguments.iter().map(|word| word.text.as_str()).chain([simple.heredoc.as_str()]);
            texts.into_iter().any(changes_once)
        }
        _ => false,
    };
    let words = std::iter::once(program).chain(arguments.iter().map(|word| word.text.as_str()));
    let text = words.take(4).collect::<Vec<_>>().join(" ");
    is_once.then(|| text.lines().next().unwrap_or_default().chars().take(60).collect())
}

/// SQL that fails or doubles what is there when it is given a second time.
fn changes_once(text: &str) -> bool {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut pairs = words.iter().zip(words.iter().skip(1));
    pairs.any(|pair| {
        matches!(
            pair,
            (&"insert", &"into")
                | (&"rename", &"to")
                | (&"create", &("table" | "database" | "role" | "user" | "schema"))
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_shell(text: &str) -> Option<String> {
        unrepeatable(&Command::Shell(text.into()))
    }

    #[test]
    fn finds_what_can_be_done_once() {
        for text in [
            "createdb shop",
            "sudo -u postgres createdb shop && pg_restore -d shop dump",
            "mkdir /srv/new",
            "git clone https://example.com/x.git /srv/x",
            "pg_restore -d shop shop.dump",
            "hcloud server create --name b",
            "aws ec2 run-instances --image-id x",
            "kubectl -n shop create secret generic x",
            "psql -c 'create table x (y int)'",
            "psql shop <<SQL\ninsert into x values (1);\nSQL",
            "docker run -d --name db postgres",
        ] {
            assert!(of_shell(text).is_some(), "{text}");
        }
        let program = ["createdb", "shop"].map(String::from).to_vec();
        assert_eq!(unrepeatable(&Command::Program(program)).as_deref(), Some("createdb shop"));
    }

    #[test]
    fn leaves_alone_what_looks_first_or_can_be_repeated() {
        for text in [
            "dropdb --if-exists shop; createdb shop",
            "mkdir -p /srv/new",
            "test -d /srv/x || git clone https://example.com/x.git /srv/x",
            "if ! hcloud server describe b; then hcloud server create --name b; fi",
            "pg_restore --clean -d shop shop.dump",
            "pg_restore -l shop.dump",
            "rm -rf x; git clone y x",
            "psql -c 'create table if not exists x (y int)'",
            "kubectl apply -f x.yaml",
            "echo createdb shop",
            "rsync -a a b",
            "systemctl start x",
        ] {
            assert_eq!(of_shell(text), None, "{text}");
        }
    }
}
