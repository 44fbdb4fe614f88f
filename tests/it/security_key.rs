//! Answers that are signed with a security key: OpenSSH's own, with a token in software (`tests/fixtures/security-key`).

use std::path::PathBuf;
use std::process::Command;

use crate::signers::Signers;
use crate::stage::{Ran, Stage, until};

/// A middleware for OpenSSH, made for this test.
struct Token {
    folder: tempfile::TempDir,
}

impl Token {
    fn make() -> Self {
        let token = Self { folder: tempfile::tempdir().unwrap() };
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/security-key/token.c");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-o"]).arg(token.library()).args([source, "-l:libcrypto.so.3"]);
        assert!(compile.status().unwrap().success(), "cc makes no token (Debian: gcc, openssh-client)");
        token
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("token.so")
    }

    /// Answers with the person's key on the token.
    #[track_caller]
    fn answer(&self, stage: &Stage, signers: &Signers, is_touched: bool) -> Ran {
        let key = signers.private("ana");
        let mut command =
            stage.drplan(&["approve", "latest", "go", "--as", "ana", "--key", key.to_str().unwrap()]);
        command.env("SSH_SK_PROVIDER", self.library());
        if !is_touched {
            command.env("UNTOUCHED", "yes");
        }
        stage.begin(command).ends()
    }
}

#[test]
fn a_security_key_approves_when_it_is_touched_and_not_otherwise() {
    let (token, signers) = (Token::make(), Signers::new(&[]));
    signers.make("ana", &["-t", "ed25519-sk", "-N", "", "-w", token.library().to_str().unwrap()]);
    assert!(signers.public("ana").starts_with("sk-ssh-ed25519@openssh.com "));
    let people = signers.people(&[("ana", "lead")]);
    let stage = Stage::new(&format!(
        "{people}steps:\n  go: {{ approve: {{ by: [lead], quorum: 1 }} }}\n  last: {{ needs: [go], run: echo last >>ledger }}\n"
    ));
    let run = stage.start(&["execute", "plan.yaml", "--yes", "--wait"]);
    until("it asks", || stage.has_told("answer_awaited", "go"));

    // drplan signs with nothing that it would not believe itself.
    token.answer(&stage, &signers, false).exits(2).says("without a touch").says("no-touch-required");
    assert!(!stage.has_told("answered", "go"));

    token.answer(&stage, &signers, true).exits(0).says("touch the security key");
    run.ends().exits(0);
    assert_eq!(stage.ledger(), ["last"]);
    let proof = stage.last("answered", "go")["proof"].clone();
    let text = |name: &str| proof[name].as_str().unwrap().to_owned();
    assert_eq!(proof["key"], signers.fingerprint("ana").as_str());
    assert!(signers.verifies("ana", &text("statement"), &text("signature")));
}
