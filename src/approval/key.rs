//! A person's public key, and the signatures made with its other half.

use std::fmt;

use ssh_key::{Algorithm, HashAlg, PublicKey, Signature, SshSig};

/// What the signatures are for; one that was made for something else, such as a Git commit, does not count.
pub const NAMESPACE: &str = "drplan-approval@v1";

/// A public SSH key, as in `~/.ssh/id_ed25519.pub`.
///
/// Two are equal if they are the same key, whatever comment they bear.
#[derive(Clone, Debug)]
pub struct Key(PublicKey);

/// Why a text is no key to check signatures with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is the half that nobody else may see.
    #[error("this is a private key")]
    Private,
    /// It is no key at all.
    #[error("this is not a public SSH key")]
    Malformed,
    /// It is a key of a kind that this version cannot check.
    #[error("signatures of an {0} key cannot be checked")]
    Unsupported(String),
}

impl Key {
    /// Reads a line of a `.pub` file: the algorithm, the key in base64, and perhaps a comment.
    ///
    /// # Errors
    ///
    /// When it is not one, or of a kind whose signatures cannot be checked.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let key = PublicKey::from_openssh(text.trim()).map_err(|_| KeyError::Malformed)?;
        match key.algorithm() {
            Algorithm::Ed25519 | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => Ok(Self(key)),
            Algorithm::Ecdsa { curve: ssh_key::EcdsaCurve::NistP256 | ssh_key::EcdsaCurve::NistP384 } => {
                Ok(Self(key))
            }
            other => Err(KeyError::Unsupported(other.as_str().to_owned())),
        }
    }

    /// Returns the key that an armored signature says it was made with.
    ///
    /// # Errors
    ///
    /// When it is no signature, or one of a key of a kind whose signatures cannot be checked; in words.
    pub fn that_signed(signature: &str) -> Result<Self, String> {
        let signature = SshSig::from_pem(signature.trim())
            .map_err(|error| format!("the signature is malformed: {error}"))?;
        let key = PublicKey::from(signature.public_key().clone());
        let text = key.to_openssh().map_err(|error| format!("the signature is malformed: {error}"))?;
        Self::parse(&text).map_err(|error| error.to_string())
    }

    /// Returns the fingerprint as `ssh-keygen -l` shows it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Whether it lies in a security key, which signs when somebody touches it.
    pub fn is_of_security_key(&self) -> bool {
        matches!(self.0.algorithm(), Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256)
    }

    /// Checks an armored signature over a text.
    ///
    /// # Errors
    ///
    /// When it is not a signature of this very text by this very key for [`NAMESPACE`]; in words.
    pub fn verify(&self, text: &str, signature: &str) -> Result<(), String> {
        let signature = SshSig::from_pem(signature.trim())
            .map_err(|error| format!("the signature is malformed: {error}"))?;
        if signature.namespace() != NAMESPACE {
            let other = signature.namespace().escape_debug();
            return Err(format!("the signature is for `{other}`, not for `{NAMESPACE}`"));
        }
        if signature.public_key() != self.0.key_data() {
            let other = PublicKey::from(signature.public_key().clone()).fingerprint(HashAlg::Sha256);
            return Err(format!("it is signed with the key {other}, not with {}", self.fingerprint()));
        }
        // A signature that names another kind than the key's could hide that nobody has touched it.
        if signature.signature().algorithm() != self.0.algorithm() {
            return Err("the signature is malformed: it is of another kind than the key".to_owned());
        }
        let verified = self.0.verify(NAMESPACE, text.as_bytes(), &signature);
        verified.map_err(|_| "the signature does not fit the text: one of them was changed".to_owned())?;
        // The stock tool takes it all the same; but then whoever is on the machine could have signed, and nobody knew.
        if self.is_of_security_key() && !was_touched(signature.signature()) {
            return Err("the security key has signed without a touch: nobody need have been there. Make a key without \
                        `no-touch-required`"
                .to_owned());
        }
        Ok(())
    }
}

/// Whether a security key was touched when it signed.
///
/// Behind the signature stand a byte of flags, of which the lowest says that somebody was present, and a counter of four
/// bytes (OpenSSH's `PROTOCOL.u2f`).
fn was_touched(signature: &Signature) -> bool {
    const PRESENT: u8 = 1;
    signature.as_bytes().iter().rev().nth(4).is_some_and(|flags| flags & PRESENT != 0)
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.key_data() == other.0.key_data()
    }
}

impl Eq for Key {}

impl fmt::Display for Key {
    /// The key as one line without its comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = PublicKey::from(self.0.key_data().clone());
        f.write_str(&bare.to_openssh().map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};
    use signature::Signer;
    use ssh_key::LineEnding;
    use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey};
    use ssh_key::public::{KeyData, SkEd25519};

    use super::*;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti foo@bar.com";

    #[test]
    fn reads_public_keys_alone() {
        let key = Key::parse(ED25519).unwrap();
        assert_eq!(key.to_string(), ED25519.trim_end_matches(" foo@bar.com"));
        assert_eq!(Key::parse(&format!(" {key} other\n")).unwrap(), key);
        assert!(key.fingerprint().starts_with("SHA256:"));
        assert_eq!(Key::parse("ssh-ed25519 AAAA"), Err(KeyError::Malformed));
        assert_eq!(Key::parse(""), Err(KeyError::Malformed));
        assert_eq!(Key::parse("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA"), Err(KeyError::Private));
        assert!(key.verify("x", "-----BEGIN SSH SIGNATURE-----").unwrap_err().contains("malformed"));
    }

    /// What a security key would sign with these flags, under the name of some kind of signature.
    fn signed_by_token(text: &str, flags: u8, kind: Algorithm) -> (Key, String) {
        let own = Ed25519Keypair::from(Ed25519PrivateKey::from_bytes(&[7; 32]));
        let public = KeyData::SkEd25519(SkEd25519::new(own.public, "ssh:"));
        let told = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, text.as_bytes()).unwrap();
        let trailer = [flags, 0, 0, 0, 9];
        let message = [&Sha256::digest("ssh:")[..], &trailer, &Sha256::digest(&told)[..]].concat();
        let signature = Signer::<Signature>::try_sign(&own, &message).unwrap();
        let signature = Signature::new(kind, [signature.as_bytes(), &trailer].concat()).unwrap();
        let signature = SshSig::new(public.clone(), NAMESPACE, HashAlg::Sha512, signature).unwrap();
        (Key(public.into()), signature.to_pem(LineEnding::LF).unwrap())
    }

    #[test]
    fn a_security_key_counts_only_where_it_was_touched() {
        let (key, touched) = signed_by_token("yes", 1, Algorithm::SkEd25519);
        assert_eq!(key.verify("yes", &touched), Ok(()));
        assert!(key.verify("no", &touched).unwrap_err().contains("does not fit"));
        let (key, untouched) = signed_by_token("yes", 0, Algorithm::SkEd25519);
        assert!(key.verify("yes", &untouched).unwrap_err().contains("without a touch"));
        // Nor where the signature hides of what kind it is.
        for other in ["x@example.com", "rsa-sha2-256"] {
            let (key, hidden) = signed_by_token("yes", 0, other.parse().unwrap());
            assert!(key.verify("yes", &hidden).unwrap_err().contains("another kind"), "{other}");
        }
    }
}
