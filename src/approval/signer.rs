//! Signs a statement, through the `ssh-keygen` of the person who says it.
//!
//! The private key stays where it is: in the agent, on a token, or in its file, whose passphrase
//! `ssh-keygen` asks for at the terminal. drplan never reads it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::key::{Key, NAMESPACE};

/// The files that `ssh` itself tries, of the kinds that can be checked.
const USUAL: [&str; 4] = ["id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_ecdsa_sk"];

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// `ssh-keygen` cannot be started, or a file for it cannot be written.
    #[error("start ssh-keygen: {0}")]
    Io(#[from] io::Error),
    /// The private half is neither in the agent nor in a usual file.
    #[error("find the private half of the key {fingerprint}: {said}")]
    NoKey {
        /// The key.
        fingerprint: String,
        /// What `ssh-keygen` says.
        said: String,
    },
    /// It signed, but not what or with what it should have.
    #[error("use what was signed: {0}")]
    Wrong(String),
}

/// What a person is told before their key signs: what ssh-keygen says itself is kept for when it fails.
pub fn announcement(person: &str, key: &Key) -> String {
    let touch = if key.is_of_security_key() { "; touch the security key when it blinks" } else { "" };
    format!("signing with the key of {person}, {}{touch}", key.fingerprint())
}

/// Signs a text with the private half of a key, and checks the signature; returns it armored.
///
/// The private half is looked for in `file` if one is given; else in the ssh agent, then in the
/// usual files of `home` whose `.pub` holds the key. A person at the terminal may be asked for a
/// passphrase, or to touch a token.
///
/// # Errors
///
/// When there is no such private half, or it does not sign.
pub fn sign(text: &str, key: &Key, file: Option<&Path>, home: Option<&Path>) -> Result<String, SignError> {
    if let Some(file) = file {
        return checked(sign_with(text, file, key)?, text, key);
    }
    let mut public = tempfile::Builder::new().prefix("drplan-").suffix(".pub").tempfile()?;
    writeln!(public, "{key}")?;
    // Given a public key, ssh-keygen asks the agent for its private half.
    let by_agent = sign_with(text, public.path(), key);
    let Err(SignError::NoKey { .. }) = by_agent else { return checked(by_agent?, text, key) };
    let usual = home.into_iter().flat_map(|home| USUAL.map(|name| home.join(".ssh").join(name)));
    match usual.into_iter().find(|file| is_of(file, key)) {
        Some(file) => checked(sign_with(text, &file, key)?, text, key),
        None => checked(by_agent?, text, key),
    }
}

fn checked(signature: String, text: &str, key: &Key) -> Result<String, SignError> {
    key.verify(text, &signature).map_err(SignError::Wrong)?;
    Ok(signature)
}

fn is_of(file: &Path, key: &Key) -> bool {
    let public = PathBuf::from(format!("{}.pub", file.display()));
    std::fs::read_to_string(public).is_ok_and(|text| Key::parse(&text).is_ok_and(|found| found == *key))
}

#[expect(clippy::disallowed_methods, reason = "the one process that signs")]
fn sign_with(text: &str, file: &Path, key: &Key) -> Result<String, SignError> {
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-q", "-n", NAMESPACE, "-f"])
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it has ended already, its own words say more than a broken pipe.
        let _ = stdin.write_all(text.as_bytes());
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SignError::NoKey { fingerprint: key.fingerprint(), said })
}
