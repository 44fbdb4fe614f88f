//! People of a test who have SSH keys, and the stock tools that sign and verify.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::stage::Stage;

/// The namespace that the book tells people.
pub(crate) const NAMESPACE: &str = "drplan-approval@v1";

/// Keys of people, in a folder that is not the repository's.
pub(crate) struct Signers(tempfile::TempDir);

impl Signers {
    /// Makes an Ed25519 key for each person.
    pub(crate) fn new(people: &[&str]) -> Self {
        let signers = Self(tempfile::tempdir().unwrap());
        for person in people {
            signers.make(person, &["-t", "ed25519", "-N", ""]);
        }
        signers
    }

    /// Makes a key of some kind.
    pub(crate) fn make(&self, person: &str, how: &[&str]) {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-C", person, "-f"])
            .arg(self.private(person))
            .args(how)
            .status();
        assert!(made.unwrap().success(), "ssh-keygen makes no key (Debian: openssh-client)");
    }

    pub(crate) fn private(&self, person: &str) -> PathBuf {
        self.0.path().join(person)
    }

    /// The line of a `.pub` file.
    pub(crate) fn public(&self, person: &str) -> String {
        fs::read_to_string(self.0.path().join(format!("{person}.pub"))).unwrap().trim().to_owned()
    }

    /// The fingerprint, by the stock tool.
    pub(crate) fn fingerprint(&self, person: &str) -> String {
        let out = Command::new("ssh-keygen").arg("-lf").arg(self.private(person)).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        text.split_whitespace().nth(1).unwrap().to_owned()
    }

    /// Signs a text with the stock tool.
    pub(crate) fn sign(&self, person: &str, namespace: &str, text: &str) -> String {
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "sign", "-q", "-n", namespace, "-f"]).arg(self.private(person));
        let out = piped(&mut command, text);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Asks the stock tool whether a signature is somebody's, of this text, for drplan.
    pub(crate) fn verifies(&self, person: &str, text: &str, signature: &str) -> bool {
        let allowed = self.0.path().join("allowed_signers");
        fs::write(&allowed, format!("{person} namespaces=\"{NAMESPACE}\" {}\n", self.public(person)))
            .unwrap();
        let file = self.0.path().join("signature");
        fs::write(&file, signature).unwrap();
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", "-n", NAMESPACE, "-I", person, "-f"]).arg(allowed).arg("-s").arg(file);
        piped(&mut command, text).status.success()
    }

    /// The `people` of a plan: each with a key, and with the roles given.
    pub(crate) fn people(&self, people: &[(&str, &str)]) -> String {
        let lines = people.iter().map(|(person, roles)| {
            let key = self.public(person);
            format!("  {person}: {{ name: {person}, contact: x, roles: [{roles}], key: \"{key}\" }}\n")
        });
        format!("people:\n{}", lines.collect::<String>())
    }
}

fn piped(command: &mut Command, text: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may refuse before it reads.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

/// Puts a request into the inbox as nobody but a forger would.
pub(crate) fn forge(stage: &Stage, name: &str, request: &Value) {
    let inbox = stage.run_dir().join("inbox");
    let hidden = inbox.join(format!(".{name}"));
    fs::write(&hidden, request.to_string()).unwrap();
    fs::rename(hidden, inbox.join(name)).unwrap();
}
