//! What a person pastes into bash: variables, commands, probes.

use crate::plan::{SecretSource, Ssh};
use crate::probe::{Command, HttpRequest, PgDump, Probe, ProbeKind};
use crate::value::Text;

/// Quotes a value so that bash takes it for exactly this text.
pub(super) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Writes a line that sets a variable to exactly this value.
pub(super) fn export(name: &str, value: &str) -> String {
    format!("export {name}={}", quoted(value))
}

/// Writes a text in which `$NAME` stands for a value as bash would have to be given it.
pub(super) fn expanded(text: &Text) -> String {
    // The names are marked first, so that everything else can be quoted.
    const OPEN: char = '\u{1}';
    const CLOSE: char = '\u{2}';
    if text.as_str().contains([OPEN, CLOSE]) {
        return quoted(text.as_str());
    }
    let Ok(marked) = text.fill(|name| Some(format!("{OPEN}{name}{CLOSE}").into())) else {
        return quoted(text.as_str());
    };
    if !marked.contains(OPEN) {
        return quoted(&marked);
    }
    let mut safe = String::from("\"");
    for c in marked.chars() {
        match c {
            '"' | '`' | '\\' | '$' => safe.extend(['\\', c]),
            OPEN => safe.push_str("${"),
            CLOSE => safe.push('}'),
            _ => safe.push(c),
        }
    }
    safe.push('"');
    safe
}

/// Writes a command so that it does the same when pasted: in a shell of its own that stops at the first failure.
pub(super) fn command(command: &Command, shell: Option<&[String]>) -> String {
    match (command, shell) {
        (Command::Program(_), _) => format!("{} < /dev/null", command.shown()),
        (Command::Shell(text), None) => {
            format!("( set -euo pipefail\n{}\n) < /dev/null", text.trim_end_matches('\n'))
        }
        (Command::Shell(text), Some(shell)) => {
            let shell = Command::Program(shell.to_vec()).shown();
            // The text is the last argument, as the engine gives it.
            format!("{shell} {} < /dev/null", quoted(text))
        }
    }
}

/// Writes a request as a call of curl.
pub(super) fn request(request: &HttpRequest) -> String {
    let mut line = String::from("curl -sS -w '\\nstatus %{http_code}\\n'");
    match request.method.as_str() {
        "GET" => {}
        "HEAD" => line.push_str(" -I"),
        method => line.push_str(&format!(" -X {method}")),
    }
    for (name, value) in &request.headers {
        line.push_str(&format!(" -H {}", expanded(&Text::new(format!("{name}: {}", value.as_str())))));
    }
    if let Some(body) = &request.body {
        line.push_str(&format!(" --data-raw {}", expanded(body)));
    }
    line.push(' ');
    line.push_str(&expanded(&request.url));
    line
}

/// Writes a probe as a command; nothing for a recipe, which is asked by its own probe.
pub(super) fn probe(probe: &Probe, shell: Option<&[String]>) -> Option<String> {
    match &probe.kind {
        ProbeKind::Run(run) => Some(command(run, shell)),
        ProbeKind::Http(http) => Some(request(http)),
        ProbeKind::Tcp(address) => {
            let (host, port) = address.as_str().rsplit_once(':')?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let device = expanded(&Text::new(format!("/dev/tcp/{host}/{port}")));
            Some(format!("( : < {device} )"))
        }
        ProbeKind::File(path) => {
            let path = expanded(path);
            let test = if probe.expect.exists == Some(false) { "! test -e" } else { "ls -ld --" };
            let mut line = format!("{test} {path}");
            if probe.expect.sha256.is_some() {
                line.push_str(&format!("\nsha256sum -- {path}"));
            }
            if probe.expect.pg_dump.is_some() {
                // All of the list is read: a pipe that closes early would be a failure.
                line.push_str(&format!("\npg_restore --list -- {path} | sed -n '/^;/p'"));
            }
            Some(line)
        }
        ProbeKind::Use(..) => None,
    }
}

/// Says in words what the answer of a probe must look like.
pub(super) fn expectation(probe: &Probe) -> String {
    let expect = &probe.expect;
    let mut parts = Vec::new();
    match &probe.kind {
        ProbeKind::Run(_) => parts.push(format!("ends with exit code {}", expect.exit.unwrap_or(0))),
        ProbeKind::Http(_) => {
            let status = expect.status.as_ref().map_or_else(
                || "200 to 299".to_owned(),
                |status| status.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
            );
            parts.push(format!("answers with status {status}"));
        }
        ProbeKind::Tcp(_) => parts.push("can connect".to_owned()),
        ProbeKind::File(_) if expect.exists == Some(false) => parts.push("is not there".to_owned()),
        ProbeKind::File(_) => parts.push("is there".to_owned()),
        ProbeKind::Use(..) => {}
    }
    if let Some(pattern) = &expect.matches {
        parts.push(format!("prints something that matches the regular expression {}", pattern.as_str()));
    }
    if let Some(bytes) = expect.min_bytes {
        parts.push(format!("has at least {bytes} bytes"));
    }
    if let Some(age) = expect.max_age {
        parts.push(format!("was written at most {age} ago"));
    }
    if let Some(sum) = &expect.sha256 {
        parts.push(format!("has the SHA-256 {}", serde_json::json!(sum).as_str().unwrap_or_default()));
    }
    if let Some(PgDump { database, .. }) = &expect.pg_dump {
        let of = database.as_ref().map(|database| format!(" of the database {}", database.as_str()));
        parts.push(format!("is an archive of pg_dump{}", of.unwrap_or_default()));
    }
    parts.join(", ")
}

/// Writes how a host is logged in to. An address or key in capitals is the output of a step.
pub(super) fn login(ssh: &Ssh) -> String {
    let is_name = |text: &str| text.parse::<crate::value::Name>().is_ok();
    let address = if is_name(&ssh.address) { format!("${}", ssh.address) } else { ssh.address.clone() };
    let target = match &ssh.user {
        Some(user) => format!("{user}@{address}"),
        None => address,
    };
    let port = ssh.port.map(|port| format!("-p {port} ")).unwrap_or_default();
    format!("ssh {port}{}", expanded(&Text::new(target)).trim_matches(|c| c == '\'' || c == '"'))
}

/// Writes how a secret is fetched into its variable; never the secret itself.
pub(super) fn fetch(name: &str, source: &SecretSource, shell: Option<&[String]>) -> String {
    match source {
        SecretSource::Env(variable) if variable == name => {
            format!("export {name}=\"${{{name}:?is not set here}}\"")
        }
        SecretSource::Env(variable) => {
            format!("export {name}=\"$(printenv -- {})\"", quoted(variable))
        }
        SecretSource::File(path) => format!("{name}=\"$(cat -- {})\" && export {name}", quoted(path)),
        SecretSource::Command(fetch) => {
            let fetch = match fetch {
                Command::Program(_) => fetch.shown(),
                Command::Shell(_) => command(fetch, shell),
            };
            format!("{name}=\"$(\n{fetch}\n)\" && export {name}")
        }
        SecretSource::Ask(_) => ask(name),
    }
}

/// Writes a line that takes a secret from the keyboard.
fn ask(name: &str) -> String {
    format!("IFS= read -rs -p '{name}: ' {name} && export {name}")
}

/// Writes what takes a secret that was fetched elsewhere and is pasted: it may have several lines, and loses the line
/// ends at its end as in `$(…)`. All of it is one line: the next one that is pasted with it would be taken for the secret.
pub(super) fn pasted(name: &str) -> String {
    format!(
        "IFS= read -rs -d $'\\004' -p '{name} (paste it, then Enter and Ctrl-D): ' {name} || true; echo; \
         {name}=\"$(printf %s \"${name}\")\" && export {name}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted() {
        assert_eq!(export("A", "it's $HOME"), r"export A='it'\''s $HOME'");
        assert_eq!(expanded(&Text::new("$A/x")), "\"${A}/x\"");
        assert_eq!(expanded(&Text::new("${A} \"`$$")), "\"${A} \\\"\\`\\$\"");
        assert_eq!(expanded(&Text::new("plain $$")), "'plain $'");
    }

    #[test]
    fn commands_keep_their_text() {
        let text = Command::Shell("a | b # why\n".into());
        assert_eq!(command(&text, None), "( set -euo pipefail\na | b # why\n) < /dev/null");
        let shell = ["sh".to_owned(), "-ec".to_owned()];
        assert_eq!(command(&text, Some(&shell)), "sh -ec 'a | b # why\n' < /dev/null");
    }
}
