//! Which commands and instructions make a replica the one that is written to.

use super::shell::read;
use crate::plan::Action;
use crate::probe::Command;

/// Words that stand beside each other in a command, in lower case. Tools that fence by themselves, such as
/// Patroni and Sentinel, are not among them.
const PROMOTIONS: [&[&str]; 13] = [
    &["pg_ctl", "promote"],
    &["pg_ctlcluster", "promote"],
    &["repmgr", "standby", "promote"],
    &["pg_promote"],
    &["replicaof", "no", "one"],
    &["slaveof", "no", "one"],
    &["reset", "replica", "all"],
    &["reset", "slave", "all"],
    &["promote-read-replica"],
    &["promote-read-replica-db-cluster"],
    &["promote-replica"],
    &["drbdadm", "primary"],
    &["rbd", "mirror", "promote"],
];

/// Finds what in an action promotes a replica, as a few words of it: `pg_ctl promote`.
pub(super) fn promotion(action: &Action) -> Option<String> {
    let texts = match action {
        Action::Run { command: Command::Program(words), .. } => vec![words.join(" ")],
        Action::Run { command: Command::Shell(text), .. } => read(text)
            .into_iter()
            .filter(|simple| {
                !simple.program().is_some_and(|(program, _)| program == "echo" || program == "printf")
            })
            .map(|simple| {
                let words: Vec<&str> = simple.words.iter().map(|word| word.text.as_str()).collect();
                format!("{} {}", words.join(" "), simple.heredoc)
            })
            .collect(),
        Action::Manual { text, .. } => text.as_str().lines().map(str::to_owned).collect(),
        Action::Approve(_)
        | Action::Wait(_)
        | Action::Http { .. }
        | Action::Use { .. }
        | Action::Plan { .. } => Vec::new(),
    };
    texts.iter().find_map(|text| in_words(text))
}

/// The words stand in this order, with options and names between them: `pg_ctl -D /data promote`.
fn in_words(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    let is_inner = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let words: Vec<&str> = text.split(|c| !is_inner(c)).filter(|word| !word.is_empty()).collect();
    let found = PROMOTIONS.iter().find(|wanted| {
        let mut rest = words.iter();
        wanted.iter().all(|wanted| rest.any(|word| word == wanted))
    })?;
    Some(found.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_shell(text: &str) -> Option<String> {
        promotion(&Action::Run { command: Command::Shell(text.into()), shell: None })
    }

    #[test]
    fn finds_what_promotes() {
        for text in [
            "pg_ctl -D /var/lib/postgresql promote",
            "sudo pg_ctlcluster 16 main promote",
            "psql -c 'select pg_promote(wait => true)'",
            "redis-cli -h b REPLICAOF NO ONE",
            "mysql <<SQL\nSTOP REPLICA;\nRESET REPLICA ALL;\nSQL",
            "aws rds promote-read-replica --db-instance-identifier b",
            "drbdadm primary r0",
        ] {
            assert!(of_shell(text).is_some(), "{text}");
        }
        let manual =
            Action::Manual { text: crate::value::Text::new("On b run pg_ctl promote.".to_owned()), by: None };
        assert_eq!(promotion(&manual).as_deref(), Some("pg_ctl promote"));
    }

    #[test]
    fn leaves_alone_what_does_not() {
        for text in [
            "pg_ctl start",
            "echo pg_ctl promote",
            "redis-cli replicaof a 6379",
            "drbdadm status",
            "# pg_ctl promote",
        ] {
            assert_eq!(of_shell(text), None, "{text}");
        }
    }
}
